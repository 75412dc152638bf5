import {
  decideRelaunch,
  pidsToInspect,
  type ProcessInfo,
  type Relaunch,
  type StartCommand,
} from '../session/relaunch.ts';
import { withoutOwnJob } from '../session/own-job.ts';
import { readCwd, readProcessTrees, type Cwd } from './linux.ts';
import { listProcesses, treesOf } from './ps.ts';
import { readRedirections } from './redirections.ts';

export interface PaneToInspect {
  panePid: number;
  start: StartCommand | null;
  dead: boolean;
}

export interface InspectedPane {
  processes: ProcessInfo[];
  relaunch: Relaunch;
  /** Of the foreground leader, else of the pane's process; null where unreadable, and always on macOS. */
  cwd: Cwd | null;
}

/**
 * Processes, relaunch decision and working directory of each pane, by pane pid, read at one go. A pane that is given
 * twice (linked windows, groups) is read once.
 */
export function inspectPanes(given: readonly PaneToInspect[]): Map<number, InspectedPane> {
  // A dead pane's pid may have been used again by a live one, which then counts.
  const panes = new Map(given.toSorted((a, b) => Number(b.dead) - Number(a.dead)).map((p) => [p.panePid, p]));
  const pids = [...panes.values()].filter((pane) => !pane.dead).map((pane) => pane.panePid);
  const linux = process.platform === 'linux';
  const trees = linux ? readProcessTrees(pids) : treesOf(listProcesses(), pids);
  return new Map(
    [...panes.values()].map((pane): [number, InspectedPane] => {
      const processes = withoutOwnJob(trees.get(pane.panePid) ?? [], process.pid);
      const fds = linux ? readFds(pidsToInspect(pane.panePid, processes), processes) : {};
      const relaunch = decideRelaunch({ ...pane, processes, fds });
      return [pane.panePid, { processes, relaunch, cwd: linux ? cwdOf(pane.panePid, processes) : null }];
    }),
  );
}

function readFds(
  pids: readonly number[],
  processes: readonly ProcessInfo[],
): NonNullable<Parameters<typeof decideRelaunch>[0]['fds']> {
  return Object.fromEntries(
    pids.flatMap((pid) => {
      const tty = processes.find((p) => p.pid === pid)?.tty;
      const redirections = typeof tty === 'number' ? readRedirections(pid, tty) : readRedirections(pid);
      return redirections ? [[pid, redirections]] : [];
    }),
  );
}

function cwdOf(panePid: number, processes: readonly ProcessInfo[]): Cwd | null {
  const root = processes.find((p) => p.pid === panePid);
  if (!root) return null;
  const leader = root.tpgid > 0 ? readCwd(root.tpgid) : null;
  return leader ?? readCwd(panePid);
}
