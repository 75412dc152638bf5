import { readdirSync, readFileSync } from 'node:fs';
import { LimitError } from '../session/errors.ts';

/** Descriptors that a tmux server needs beside one for each pane. */
const RESERVE = 32;

/**
 * Throws where the server can't open enough files for so many panes more. A server up to tmux 3.5a that
 * runs out of descriptors spins and answers nobody any more: all the user's sessions are lost.
 */
export function requireHeadroom(serverPid: number, panes: number): void {
  const room = headroom(serverPid);
  if (room === null || room >= panes + RESERVE) return;
  throw new LimitError(
    `the tmux server can open only ${room} more files, and ${panes} panes need ${panes + RESERVE}`,
    ['close some sessions, or start the server with a higher limit: ulimit -n 4096; tmux'],
  );
}

/** Soft limit of open files less the open ones; null where the system does not tell (no /proc). */
function headroom(pid: number): number | null {
  try {
    const limits = readFileSync(`/proc/${pid}/limits`, 'utf8');
    const soft = /^Max open files\s+(\d+)/mu.exec(limits)?.[1];
    if (soft === undefined) return null;
    return Number(soft) - readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}
