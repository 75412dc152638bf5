import { spawn, spawnSync } from 'node:child_process';
import {
  InvalidConfigError,
  NoServerError,
  ServerGoneError,
  TmuxFailedError,
  TmuxMissingError,
  TmuxTooOldError,
} from '../session/errors.ts';
import { splitWords } from './syntax.ts';

export interface TmuxResult {
  code: number;
  stdout: Buffer;
  stderr: string;
}

/** The oldest tmux with what restore needs: `new-session -e`, `-f no-output`, scoped hooks. */
export const OLDEST_TMUX = [3, 2] as const;

/** Milliseconds after which a tmux that does not answer is killed: old servers livelock without descriptors. */
const TIMEOUT = 60_000;

/** The one place that starts tmux: the command of `session.tmuxCommand`, always in UTF-8. */
export class Tmux {
  readonly command: readonly string[];

  constructor(command: readonly string[]) {
    this.command = command;
  }

  static fromConfig(setting: string): Tmux {
    const words = splitWords(setting);
    if (words === null || words.length === 0 || words[0] === '') {
      throw new InvalidConfigError(`session.tmuxCommand is not a command: '${setting}'`, [
        "git config session.tmuxCommand 'tmux -L work'",
      ]);
    }
    return new Tmux(words);
  }

  /** True where the command names its server, so that $TMUX has no say. */
  get namesServer(): boolean {
    return this.command.some((word) => /^-[LS]/u.test(word));
  }

  argv(args: readonly string[]): { program: string; args: string[] } {
    const [program = 'tmux', ...fixed] = this.command;
    return { program, args: [...fixed, '-u', ...args] };
  }

  /** Runs tmux once. A failure of tmux is data; only that it can't be started, or hangs, throws. */
  run(args: readonly string[], input?: string): Promise<TmuxResult> {
    const { program, args: all } = this.argv(args);
    return new Promise((resolve, reject) => {
      const child = spawn(program, all, {
        env: tmuxEnvironment(),
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      });
      const out: Buffer[] = [];
      const err: Buffer[] = [];
      const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT);
      child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
      child.on('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        reject(startFailure(program, error));
      });
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        if (signal === 'SIGKILL') {
          return reject(new TmuxFailedError(`tmux did not answer within ${TIMEOUT / 1000} seconds`));
        }
        resolve({
          code: code ?? 1,
          stdout: Buffer.concat(out),
          stderr: Buffer.concat(err).toString('utf8').trim(),
        });
      });
      if (input !== undefined) {
        child.stdin?.on('error', () => undefined);
        child.stdin?.end(input);
      }
    });
  }

  /** Runs tmux while nothing else does, for a program that is about to end. What it says is not needed. */
  runNow(args: readonly string[]): void {
    const { program, args: all } = this.argv(args);
    spawnSync(program, all, { env: tmuxEnvironment(), stdio: 'ignore', timeout: 2000 });
  }

  /** Runs tmux and throws a typed error where it fails. */
  async ok(args: readonly string[], input?: string): Promise<Buffer> {
    const result = await this.run(args, input);
    if (result.code !== 0) throw tmuxFailure(result.stderr);
    return result.stdout;
  }
}

export function startFailure(program: string, error: NodeJS.ErrnoException): Error {
  if (error.code === 'ENOENT' || error.code === 'EACCES') {
    return new TmuxMissingError(`tmux was not found (tried to run '${program}')`, [
      'install tmux 3.2 or later (apt install tmux, brew install tmux)',
      'or name it: git config --global session.tmuxCommand /path/to/tmux',
    ]);
  }
  return new TmuxFailedError(`cannot start tmux: ${error.message}`);
}

/** The typed error for what tmux said on stderr. */
export function tmuxFailure(stderr: string): Error {
  const first = stderr.split('\n')[0] ?? '';
  if (/^error connecting to .*\(Permission denied\)/u.test(first)) {
    return new TmuxFailedError(`tmux: ${first}`, ['the server belongs to another user, or its socket does']);
  }
  if (/^(?:no server running on|error connecting to) /u.test(first)) {
    return new NoServerError('no tmux server is running', ['start one: tmux new-session -s work']);
  }
  if (/^(?:server exited unexpectedly|lost server)/u.test(first)) {
    return new ServerGoneError('the tmux server went away');
  }
  return new TmuxFailedError(`tmux: ${first === '' ? 'failed without a message' : first}`);
}

/** Major and minor of tmux's version (`3.3a`, `next-3.8`), or null where it can't be read. */
export function parseVersion(text: string): [number, number] | null {
  const m = /(\d+)\.(\d+)/u.exec(text);
  return m === null ? null : [Number(m[1]), Number(m[2])];
}

export function requireVersion(text: string): void {
  const version = parseVersion(text);
  if (version === null) return; // a development build without a number
  const [major, minor] = version;
  if (major > OLDEST_TMUX[0] || (major === OLDEST_TMUX[0] && minor >= OLDEST_TMUX[1])) return;
  throw new TmuxTooOldError(`tmux ${text} is too old; 3.2 or later is needed`, [
    'install a newer tmux, then restart its server: tmux kill-server',
  ]);
}

/**
 * The user's environment as it was before git started us. A server started from here would keep
 * git's additions for all its panes: its exec-path first in PATH, GIT_DIR, GIT_CONFIG_PARAMETERS.
 */
export function tmuxEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  const fromGit =
    /^GIT_(?:EXEC_PATH|PREFIX|DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|CONFIG_PARAMETERS|NAMESPACE|OBJECT_DIRECTORY|QUARANTINE_PATH|ALTERNATE_OBJECT_DIRECTORIES)$/u;
  for (const [key, value] of Object.entries(process.env)) {
    if (value !== undefined && !fromGit.test(key)) env[key] = value;
  }
  const entries = (env['PATH'] ?? '').split(':');
  while (
    entries.length > 1 &&
    (entries[0] === process.env['GIT_EXEC_PATH'] || /\/git-core\/?$/u.test(entries[0]!))
  )
    entries.shift();
  env['PATH'] = entries.join(':');
  return env;
}
