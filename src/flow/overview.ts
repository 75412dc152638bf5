import { lstatSync } from 'node:fs';
import { type LiveView, readLiveWorld } from './live.ts';
import { fromText } from '../session/text.ts';
import { readWorktreeChanges, type WorktreeChanges } from '../git/worktree-status.ts';
import { SessionError } from '../session/errors.ts';
import { openWorkspace, type Workspace } from './workspace.ts';
import { listWorktrees } from './worktree.ts';

/** A worktree, or a branch that is checked out nowhere, with what goes on in it. */
export interface BranchRow {
  /** Null where HEAD is detached. */
  branch: string | null;
  /** Null for a branch without a worktree. */
  directory: string | null;
  head: string | null;
  /** We are in it. */
  current: boolean;
  changes: WorktreeChanges | null;
  /** Milliseconds since 1970 of the last commit, change of a changed file, key or output; null where there is none. */
  activeMs: number | null;
  /** Live sessions that work in it. */
  sessions: { name: string; status: string }[];
  /** Why its changes are not known. */
  problem: string | null;
}

export interface Overview {
  rows: BranchRow[];
  tmuxProblem: string | null;
}

/** Gits that look at worktrees at the same time. */
const PARALLEL = 4;

export async function readOverview(withBranches: boolean): Promise<Overview> {
  const ws = await openWorkspace();
  const [worktrees, world, branches] = await Promise.all([
    listWorktrees(ws),
    readLiveWorld(ws.repo, ws.tmux),
    readBranches(ws),
  ]);
  const present = worktrees.filter((w) => !w.bare);
  const rows: BranchRow[] = [];
  for (let at = 0; at < present.length; at += PARALLEL) {
    const some = present.slice(at, at + PARALLEL).map(async (w): Promise<BranchRow> => {
      const sessions = world.views.filter((v) => isAlive(v) && placeOf(v, present) === w.directory);
      const { changes, problem } = await changesOf(w.directory);
      const times = [
        branches.get(w.branch ?? '') ?? (await commitTime(ws, w.head)),
        ...(changes === null ? [] : changes.paths.map((p) => changedAt(w.directory, p))),
        ...sessions.map((v) => (v.tmux?.activityAt ?? 0) * 1000),
      ];
      return {
        ...{
          branch: w.branch,
          directory: w.directory,
          head: w.head,
          current: w.directory === ws.repo.workTree,
        },
        ...{ changes, problem, activeMs: latest(times) },
        sessions: sessions.map((v) => ({ name: v.name, status: v.judgement?.status ?? 'running' })),
      };
    });
    rows.push(...(await Promise.all(some)));
  }
  const shown = new Set(present.map((w) => w.branch));
  const others = withBranches ? [...branches].filter(([branch]) => !shown.has(branch)) : [];
  return {
    rows: [
      ...rows,
      ...others.map(([branch, ms]): BranchRow => ({
        ...{ branch, directory: null, head: null, current: false, changes: null },
        ...{ activeMs: ms, sessions: [], problem: null },
      })),
    ],
    tmuxProblem: world.problem?.message ?? null,
  };
}

function isAlive(v: LiveView): boolean {
  const status = v.judgement?.status ?? 'running';
  return v.tmux !== null && ['created', 'running', 'detached', 'paused'].includes(status);
}

/** The worktree in which a session works: that of its active pane now, else the one that it was started in. */
function placeOf(v: LiveView, worktrees: { directory: string }[]): string | null {
  const now = v.tmux?.pane.path;
  const places = [now, v.stored === null ? undefined : fromText(v.stored.record.cwd), v.tmux?.path];
  for (const place of places) {
    if (place === undefined || place.length === 0) continue;
    const inside = worktrees
      .map((w) => w.directory)
      .filter((d) => `${place.toString('utf8')}/`.startsWith(`${d}/`))
      .toSorted((a, b) => b.length - a.length);
    if (inside[0] !== undefined) return inside[0];
  }
  return null;
}

async function changesOf(directory: string): Promise<Pick<BranchRow, 'changes' | 'problem'>> {
  if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) {
    return { changes: null, problem: 'its directory is gone: git worktree prune' };
  }
  try {
    return { changes: await readWorktreeChanges(directory), problem: null };
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return { changes: null, problem: error.message };
  }
}

/** The time of each local branch's last commit. */
async function readBranches(ws: Workspace): Promise<Map<string, number>> {
  const format = '%(committerdate:unix) %(refname)';
  const out = (await ws.repo.git.ok(['for-each-ref', `--format=${format}`, 'refs/heads/'])).toString('utf8');
  return new Map(
    out
      .split('\n')
      .filter((line) => line !== '')
      .map((line): [string, number] => {
        const at = line.indexOf(' ');
        return [line.slice(at + 1).replace(/^refs\/heads\//u, ''), Number(line.slice(0, at)) * 1000];
      }),
  );
}

async function commitTime(ws: Workspace, head: string | null): Promise<number> {
  if (head === null || /^0+$/u.test(head)) return 0;
  const line = await ws.repo.git.line(['show', '--no-patch', '--format=%ct', '--end-of-options', head]);
  return Number(line ?? 0) * 1000;
}

function changedAt(directory: string, file: Buffer): number {
  const found = lstatSync(Buffer.concat([Buffer.from(`${directory}/`), file]), { throwIfNoEntry: false });
  return found?.mtimeMs ?? 0;
}

function latest(times: number[]): number | null {
  const last = Math.max(0, ...times);
  return last === 0 ? null : Math.round(last);
}
