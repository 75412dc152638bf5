import { spawn } from 'node:child_process';
import { type Tmux, startFailure, tmuxEnvironment } from '../tmux/tmux.ts';

/**
 * Gives the terminal to tmux: switches the client inside tmux, attaches outside. Without a terminal
 * tmux itself says so. Gives `code`, or tmux's own where that failed.
 */
export function attach(tmux: Tmux, sessionId: string, code: number): Promise<number> {
  const inside = process.env['TMUX'] !== undefined && process.env['TMUX'] !== '' && !tmux.namesServer;
  const { program, args } = tmux.argv([inside ? 'switch-client' : 'attach-session', '-t', `${sessionId}:`]);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env: tmuxEnvironment() });
    child.on('error', (error) => reject(startFailure(program, error)));
    child.on('close', (status) => resolve(status === 0 ? code : (status ?? 128)));
  });
}
