import { copyFileSync, statSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { GitFailedError } from '../session/errors.ts';
import type { Repository } from './repository.ts';
import { inQuarantine } from './quarantine.ts';

/** The trees of a stash-shaped commit, safe from a `git gc` until `release()`. */
export interface WorkTrees {
  index: string;
  worktree: string;
  /** null where there are no untracked files to carry. */
  untracked: string | null;
  /** Lets gc have the objects again: call it when a ref holds them. */
  release(): void;
}

/**
 * Records index, worktree and untracked files as trees, through a copy of the index: the user's index
 * and files are not touched. New objects go to a quarantine first and then, as one kept pack, into the
 * repository, so that not even `git gc --prune=now` can take them before a ref points at them.
 */
export async function recordWork(
  repo: Repository,
  head: string,
  untracked: Buffer[],
  hasUnmerged: boolean,
): Promise<WorkTrees> {
  const { made, release } = await inQuarantine(repo, (dir, env) =>
    recordIn(repo, head, untracked, hasUnmerged, dir, env),
  );
  return { ...made, release };
}

async function recordIn(
  repo: Repository,
  head: string,
  untracked: Buffer[],
  hasUnmerged: boolean,
  dir: string,
  objects: Record<string, string>,
): Promise<Omit<WorkTrees, 'release'>> {
  const env = { ...objects, GIT_INDEX_FILE: path.join(dir, 'index') };
  // No hook: it is not the user's index that changes.
  const config = [
    ...['core.splitIndex=false', 'core.untrackedCache=false', 'core.fsync=none'],
    'core.hooksPath=/dev/null',
  ];
  const { git } = repo;
  const copied = copyIndex(path.join(repo.gitDir, 'index'), env.GIT_INDEX_FILE);
  if (!copied) await git.ok(['read-tree', '--empty'], { env, config });
  if (hasUnmerged) await resolveToOurs(repo, head, env, config);
  const index = (await git.ok(['write-tree'], { env, config })).toString('latin1').trim();
  await git
    .ok(['add', '--update', '--ignore-errors', '--', ':/'], { env, config })
    .catch((error: unknown) => {
      throw unreadable(error);
    });
  const worktree = (await git.ok(['write-tree'], { env, config })).toString('latin1').trim();
  let untrackedTree: string | null = null;
  if (untracked.length > 0) {
    const other = { ...env, GIT_INDEX_FILE: path.join(dir, 'untracked-index') };
    const input = Buffer.concat(untracked.flatMap((file) => [file, Buffer.from([0])]));
    await git
      // A file may be gone since it was listed: with --remove that is no error.
      .ok(['update-index', '--add', '--remove', '-z', '--stdin'], { env: other, config, input })
      .catch((error: unknown) => {
        throw unreadable(error);
      });
    untrackedTree = (await git.ok(['write-tree'], { env: other, config })).toString('latin1').trim();
  }
  return { index, worktree, untracked: untrackedTree };
}

function unreadable(error: unknown): unknown {
  if (!(error instanceof GitFailedError)) return error;
  return new GitFailedError(
    error.message,
    ['make the file readable, or leave the uncommitted work out: git session save --no-work'],
    error.data,
  );
}

/**
 * With its time: git takes a file whose times are older than the index for unchanged, which a file that
 * was written in the same moment as the index may not be.
 */
export function copyIndex(from: string, to: string): boolean {
  try {
    const written = new Date(Math.floor(statSync(from).mtimeMs));
    copyFileSync(from, to);
    utimesSync(to, written, written);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * A tree has no room for the stages of a conflict: the index tree gets our side, the worktree tree the
 * file with its conflict markers.
 */
async function resolveToOurs(
  repo: Repository,
  head: string,
  env: Record<string, string>,
  config: string[],
): Promise<void> {
  const out = await repo.git.ok(['ls-files', '--unmerged', '-z'], { env, config });
  const ours: Buffer[] = [];
  const seen = new Set<string>();
  const zero = '0'.repeat(head.length);
  for (const entry of out.toString('latin1').split('\0')) {
    const m = /^(\d+) ([0-9a-f]+) ([123])\t([^]*)$/u.exec(entry);
    if (m === null) continue;
    const name = m[4]!;
    if (!seen.has(name)) ours.unshift(Buffer.from(`0 ${zero}\t${name}\0`, 'latin1'));
    seen.add(name);
    if (m[3] === '2') ours.push(Buffer.from(`${m[1]} ${m[2]}\t${name}\0`, 'latin1'));
  }
  await repo.git.ok(['update-index', '-z', '--index-info'], { env, config, input: Buffer.concat(ours) });
}
