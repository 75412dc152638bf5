import { shellWord } from './command-line.ts';
import { DirtyWorktreeError, MissingCommitError } from './errors.ts';
import type { Snapshot } from './schema.ts';

/** What restore was asked to do with HEAD and the worktree. */
export interface GitRequest {
  git: boolean;
  autostash: boolean;
  /** A linked worktree is made at this path; null: restore in place. */
  worktree: string | null;
  /** Takes the place of a live session, and of what is in its worktree. */
  replace?: Replacement;
}

/** What a rollback replaces. All of it was saved before. */
export interface Replacement {
  /** `$1`, and its name. */
  tmuxId: string;
  name: Buffer;
  /** The commit with the uncommitted work of now; null where there is none, or none yet. */
  work: string | null;
  /** Paths of the untracked files in it. */
  carried: ReadonlySet<string>;
  /** Hears why the worktree could not be put back after a failure. */
  onProblem(message: string): void;
}

export interface GitSituation {
  workTree: boolean;
  head: string | null;
  branch: string | null;
  /** Tracked files that differ from HEAD, unmerged ones included. */
  changed: number;
  /** Untracked files that the checkout or the saved work would overwrite. */
  inTheWay: readonly string[];
  /** The saved base commit and worktree commit are in this repository. */
  hasBase: boolean;
  hasWork: boolean;
  /** Commit that the saved branch points at here; null where there is no such branch. */
  branchAt: string | null;
  /** The saved branch is checked out in another worktree. */
  branchElsewhere: boolean;
  operation: string | null;
}

export type GitStep =
  | { kind: 'leave'; reason: 'no-git' | 'no-commit' | 'dirty-same-head' | 'bare' | 'up-to-date' }
  | { kind: 'stash' }
  /** Takes the uncommitted work of now out of the worktree: it is in this commit. */
  | { kind: 'put-aside'; work: string | null }
  | { kind: 'worktree'; path: string; commit: string; branch: string | null }
  | { kind: 'checkout'; commit: string; branch: string | null }
  | { kind: 'apply'; work: string }
  /** What is checked out goes through a program of the user's own configuration. */
  | { kind: 'filter'; name: string };

/** What happens to HEAD and the worktree, by the rules of design.md section 5. */
export function planGit(
  snapshot: Snapshot,
  request: GitRequest,
  now: GitSituation,
  warnings: string[],
): GitStep[] {
  const { head: base, work, branch } = snapshot.git;
  if (!request.git) return [{ kind: 'leave', reason: 'no-git' }];
  if (base === null) return [{ kind: 'leave', reason: 'no-commit' }];
  if (!now.hasBase || (work !== null && !now.hasWork)) throw missing(snapshot, now.hasBase ? work! : base);
  const apply: GitStep[] = work === null ? [] : [{ kind: 'apply', work }];
  const movable = branch !== null && now.branchAt === base && !now.branchElsewhere ? branch : null;
  if (branch !== null && now.branchAt !== null && now.branchAt !== base) {
    warnings.push(
      `branch '${branch}' has moved from ${base.slice(0, 7)} to ${now.branchAt.slice(0, 7)}; it is left where it is`,
    );
  }
  if (request.worktree !== null) {
    // The branch can't be checked out twice.
    const free = movable !== null && now.branch !== branch ? movable : null;
    return [{ kind: 'worktree', path: request.worktree, commit: base, branch: free }, ...apply];
  }
  if (!now.workTree) return [{ kind: 'leave', reason: 'bare' }];
  if (request.replace !== undefined)
    return planReplacement(request.replace, now, base, branch, movable, apply);
  const clean = now.changed === 0 && now.inTheWay.length === 0;
  if (now.head === base) {
    if (clean) return apply.length > 0 ? apply : [{ kind: 'leave', reason: 'up-to-date' }];
    if (request.autostash) return [{ kind: 'stash' }, ...apply];
    return [{ kind: 'leave', reason: 'dirty-same-head' }];
  }
  if (now.operation !== null && now.operation !== 'bisect') {
    throw new DirtyWorktreeError(
      `a ${now.operation} is in progress, and HEAD is not at the saved commit; nothing was touched`,
      [
        `finish it or give it up first: git ${now.operation} --continue, git ${now.operation} --abort`,
        'or restore into a linked worktree: --worktree',
        'or restore the tmux session only: --no-git',
      ],
    );
  }
  const checkout: GitStep = { kind: 'checkout', commit: base, branch: movable };
  if (clean) return [checkout, ...apply];
  if (request.autostash) return [{ kind: 'stash' }, checkout, ...apply];
  throw new DirtyWorktreeError(
    now.changed > 0
      ? 'your working tree has changes, and HEAD is not at the saved commit; nothing was touched'
      : `untracked files are in the way of the restore; nothing was touched`,
    [
      'restore into a linked worktree: --worktree',
      'or put your changes on the stash first: --autostash',
      'or restore the tmux session only: --no-git',
    ],
    { inTheWay: now.inTheWay, head: now.head, saved: base },
  );
}

function planReplacement(
  { work, carried }: Replacement,
  now: GitSituation,
  base: string,
  branch: string | null,
  movable: string | null,
  apply: GitStep[],
): GitStep[] {
  if (now.head === null || (now.operation !== null && now.operation !== 'bisect')) {
    const what = now.head === null ? 'there is no commit yet' : `a ${now.operation} is in progress`;
    throw new DirtyWorktreeError(`${what}: a snapshot would not hold that; nothing was touched`, [
      now.head === null ? 'make one first: git commit' : 'finish it or give it up first, and try again',
    ]);
  }
  const stays = now.inTheWay.filter((file) => !carried.has(file));
  if (stays.length > 0) {
    throw new DirtyWorktreeError(
      'untracked files that no snapshot takes are in the way; nothing was touched',
      stays.slice(0, 5).map((file) => `move it away: ${shellWord(file)}`),
      { inTheWay: stays, head: now.head, saved: base },
    );
  }
  const moves = now.head !== base || (movable !== null && now.branch !== branch);
  const steps: GitStep[] = [
    ...(now.changed > 0 || carried.size > 0 ? [{ kind: 'put-aside' as const, work }] : []),
    ...(moves ? [{ kind: 'checkout' as const, commit: base, branch: movable }] : []),
    ...apply,
  ];
  return steps.length > 0 ? steps : [{ kind: 'leave', reason: 'up-to-date' }];
}

function missing(snapshot: Snapshot, oid: string): MissingCommitError {
  return new MissingCommitError(
    `commit ${oid.slice(0, 7)} of session '${snapshot.session.name}' is not in this repository`,
    [
      `fetch it: git fetch origin ${oid}`,
      'or get the whole session: git session fetch',
      'or restore the tmux session only: --no-git',
    ],
    { commit: oid },
  );
}
