import type { ProcessInfo } from '../session/relaunch.ts';
import { isShell } from '../session/shell-argv.ts';
import { readExe, readProcess } from './linux.ts';
import { readProc, readStat } from './procfs.ts';
import { listProcessesAsync, treesOf } from './ps.ts';
import { kindOf, readsPlainly, type ShellKind } from './shell-kind.ts';

/** A pane whose shell is waited for. */
export interface ReadyTarget {
  paneId: string;
  panePid: number;
  /** Device path, as `#{pane_tty}`. */
  tty: string;
  /** A nested shell is waited for: the pane counts as ready only when another process than this leads it. */
  previousShell?: number;
}

/**
 * What leads a pane's terminal now. `gone`: the pane's process has ended. `busy`: no shell leads it, or that shell is
 * doing something. `shell`: a sleeping shell; `ready` where it certainly reads a line, else the terminal's mode decides.
 */
export type Foreground =
  { state: 'gone' } | { state: 'busy' } | { state: 'shell'; pid: number; kind: ShellKind; ready: boolean };

/** Kernel functions in which a shell that waits for something other than its terminal sleeps. */
const WAITS_ELSEWHERE =
  /^(?:do_wait|.*nanosleep|.*pipe_(?:read|write)|.*sigsuspend|do_sigtimedwait|io_schedule|folio_.*)/u;
/** The terminal's line discipline waits for input here. */
const READS_TERMINAL = /^(?:wait_woken|n_tty_read)/u;

/** The foreground of each pane, by pane id, from /proc or `ps`. */
export async function readForegrounds(panes: readonly ReadyTarget[]): Promise<Map<string, Foreground>> {
  if (process.platform === 'linux') return new Map(panes.map((pane) => [pane.paneId, readForeground(pane)]));
  const trees = treesOf(
    await listProcessesAsync(),
    panes.map((pane) => pane.panePid),
  );
  return new Map(panes.map((pane) => [pane.paneId, foregroundIn(trees.get(pane.panePid) ?? [], pane)]));
}

/** The foreground of a pane in its process tree as `ps` tells it, the pane's own process first. Pure. */
export function foregroundIn(tree: readonly ProcessInfo[], { previousShell }: ReadyTarget): Foreground {
  const root = tree[0];
  if (!root || root.state === 'Z') return { state: 'gone' };
  const leader = tree.find((p) => p.pid === root.tpgid);
  const sleeping = leader?.state === 'S' || leader?.state === 'I'; // macOS: I is asleep for over 20 s
  if (!leader || !sleeping || leader.pid === previousShell || !isShell(leader.argv)) return { state: 'busy' };
  const ready = readsPlainly(null, leader.argv);
  return { state: 'shell', pid: leader.pid, kind: kindOf(null, leader.argv), ready };
}

function readForeground({ panePid, previousShell }: ReadyTarget): Foreground {
  const root = readStat(panePid);
  if (!root || root.state === 'Z' || root.state === 'X') return { state: 'gone' };
  const pid = root.tpgid;
  if (pid <= 0 || pid === previousShell) return { state: 'busy' };
  const stat = pid === panePid ? root : readStat(pid);
  if (stat?.state !== 'S') return { state: 'busy' };
  // "0" or nothing where the kernel does not tell: then only the terminal's mode is asked.
  const wchan = readProc(`/proc/${pid}/wchan`)?.toString('latin1') ?? '';
  if (WAITS_ELSEWHERE.test(wchan)) return { state: 'busy' };
  const leader = readProcess(pid);
  if (!leader || !isShell(leader.argv)) return { state: 'busy' };
  const exe = readExe(pid);
  const ready = READS_TERMINAL.test(wchan) && readsPlainly(exe, leader.argv);
  return { state: 'shell', pid, kind: kindOf(exe, leader.argv), ready };
}
