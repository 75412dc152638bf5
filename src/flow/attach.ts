import { spawn } from 'node:child_process';
import { NoTerminalError } from '../session/errors.ts';
import { type Tmux, startFailure, tmuxEnvironment } from '../tmux/tmux.ts';
import { type OwnClient, ownClient } from '../tmux/windows.ts';

/** What can be given to a session: the client of tmux that we run in, or else the terminal itself. */
export interface OwnTerminal {
  client: OwnClient | null;
}

/** Throws where a session could not be shown, so that nothing is made for it before. */
export async function requireTerminal(tmux: Tmux, hints: string[] = []): Promise<OwnTerminal> {
  const { inside, client } = await ownClient(tmux);
  if (client !== null) return { client };
  // tmux does not attach a pane of its own to itself.
  if (inside) throw new NoTerminalError('no terminal shows the tmux session that this runs in', hints);
  if (!process.stdin.isTTY) throw new NoTerminalError('attaching needs a terminal, and this is none', hints);
  return { client: null };
}

export interface AttachOptions {
  /** Where `requireTerminal` has told already. */
  terminal?: OwnTerminal;
  readOnly?: boolean;
  /** stdout is for an answer of ours: what tmux says at the end goes to stderr. */
  json?: boolean;
}

/**
 * Gives the terminal to tmux: switches the client inside this server, attaches elsewhere. Without a terminal tmux itself
 * says so. Gives `code`, or tmux's own where that failed.
 */
export async function attach(
  tmux: Tmux,
  sessionId: string,
  code: number,
  options: AttachOptions = {},
): Promise<number> {
  const { client } = options.terminal ?? (await ownClient(tmux));
  const { program, args } = tmux.argv(attachArguments(sessionId, client, options.readOnly === true));
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['inherit', options.json === true ? 2 : 'inherit', 'inherit'],
      env: tmuxEnvironment(),
    });
    child.on('error', (error) => reject(startFailure(program, error)));
    child.on('close', (status) => resolve(status === 0 ? code : (status ?? 128)));
  });
}

function attachArguments(sessionId: string, client: OwnClient | null, readOnly: boolean): string[] {
  const target = ['-t', `${sessionId}:`];
  if (client === null) return ['attach-session', ...(readOnly ? ['-r'] : []), ...target];
  // There, -r is a toggle.
  return ['switch-client', '-c', client.name, ...(readOnly && !client.readOnly ? ['-r'] : []), ...target];
}
