import { realpathSync } from 'node:fs';
import { GitFailedError } from '../session/errors.ts';
import type { SessionConfig } from '../session/lifecycle.ts';
import { fromText } from '../session/text.ts';
import { mergeBranch, type Merged } from '../git/merge.ts';
import { openRepository } from '../git/repository.ts';
import { readStatus } from '../git/status.ts';
import type { SessionLog } from './session-log.ts';
import { listWorktrees } from './worktree.ts';

export type MergeOutcome =
  | (Merged & { branch: string; into: string; reason: null })
  /** All is as it was. */
  | { how: null; commit: null; branch: string | null; into: string | null; reason: string };

/** What `--auto-merge` does at the end of a session with a worktree; null where it does nothing. */
export async function autoMerge(log: SessionLog, config: SessionConfig | null): Promise<MergeOutcome | null> {
  if (config === null || !config.autoMerge || config.mode !== 'worktree') return null;
  try {
    return await merge(log);
  } catch (error) {
    if (!(error instanceof GitFailedError)) throw error;
    return refused(error.message, null, null);
  }
}

async function merge({ ws, view }: SessionLog): Promise<MergeOutcome> {
  const [main, ...linked] = await listWorktrees(ws);
  const place = view?.stored?.record.worktree ?? null;
  const at = place === null ? null : real(fromText(place).toString('utf8'));
  const own = linked.find((w) => w.directory === at);
  if (own === undefined) return refused("the session's worktree is gone", null, main?.branch ?? null);
  const { branch } = own;
  if (main === undefined || main.bare) return refused('the main worktree is a bare repository', branch, null);
  const into = main.branch;
  if (branch === null) return refused("no branch is checked out in the session's worktree", null, into);
  if (into === null) return refused('no branch is checked out in the main worktree', branch, null);
  const status = await readStatus(await openRepository(own.directory, false));
  if (status.operation !== null || status.staged + status.unstaged + status.unmerged.length > 0) {
    return refused(`there are uncommitted changes in ${own.directory}`, branch, into);
  }
  const merged = await mergeBranch(await openRepository(main.directory, false), branch);
  return typeof merged === 'string'
    ? refused(`${main.directory}: ${merged}`, branch, into)
    : { ...merged, branch, into, reason: null };
}

function refused(reason: string, branch: string | null, into: string | null): MergeOutcome {
  return { how: null, commit: null, branch, into, reason };
}

function real(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}
