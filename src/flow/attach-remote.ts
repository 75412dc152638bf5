import { spawn } from 'node:child_process';
import { NoTerminalError, ProgramMissingError, UsageError } from '../session/errors.ts';
import { quotePosix } from '../trust/quote.ts';

/** A session on another machine. */
export interface RemoteSession {
  /** As ssh takes it: `host`, `user@host`, or an alias of its configuration. */
  host: string;
  /** Null: whoever attaches chooses there. */
  name: string | null;
}

/** `host:name`, `[::1]:name`; null for anything else. Names of sessions have no colon. */
export function parseRemote(text: string): RemoteSession | null {
  const [, bracketed, plain, name = ''] = /^(?:\[([^\]]*)\]|([^:]*)):(.*)$/su.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) return null;
  if (!/^[A-Za-z0-9_:][A-Za-z0-9._@:%-]*$/u.test(host)) {
    throw new UsageError(`'${host}' is not a host that ssh could be given`, [
      'git session attach <host>:<name>',
    ]);
  }
  if (name.startsWith('-')) throw new UsageError(`'${name}' is not a session's name`);
  return { host, name: name === '' ? null : name };
}

/** In which directory: null for the one where a login begins there. */
export function sshArguments(
  { host, name }: RemoteSession,
  directory: string | null,
  readOnly: boolean,
): string[] {
  return [
    ...['-t', host, '--', 'git', ...(directory === null ? [] : ['-C', remoteWord(directory)])],
    ...['session', 'attach', ...(readOnly ? ['--read-only'] : [])],
    ...(name === null ? [] : [remoteWord(name)]),
  ];
}

/** ssh gives its arguments to a shell there, as one line. */
function remoteWord(word: string): string {
  return /^[A-Za-z0-9_./-]+$/u.test(word) ? word : quotePosix([word]).toString('utf8');
}

/** The exit code is ssh's, which is that of the command there. */
export async function attachRemote(
  remote: RemoteSession,
  directory: string | null,
  readOnly: boolean,
): Promise<number> {
  if (!process.stdin.isTTY) throw new NoTerminalError('attaching needs a terminal, and this is none');
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', sshArguments(remote, directory, readOnly), { stdio: 'inherit' });
    child.on('error', () => reject(new ProgramMissingError("cannot start 'ssh': is it installed?")));
    child.on('close', (status) => resolve(status ?? 128));
  });
}
