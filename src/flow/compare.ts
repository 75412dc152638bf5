import { diffSnapshots, type Difference } from '../session/diff.ts';
import { UnknownRefError } from '../session/errors.ts';
import type { Snapshot } from '../session/schema.ts';
import { objectInfos } from '../git/objects.ts';
import type { Repository } from '../git/repository.ts';
import { type Loaded, loadStored } from './load.ts';
import { open } from './show.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

export interface Comparison {
  from: Loaded;
  to: Loaded;
  differences: Difference[];
}

/**
 * Compares two snapshots. Without the second one, `a` is compared with the newest of its session, and
 * where `a` is the newest, the one before with it.
 */
export async function compare(a: string, b: string | null, volatile: boolean): Promise<Comparison> {
  const ws = await openWorkspace();
  const [from, to] = b === null ? await neighbors(ws, a) : await Promise.all([open(ws, a), open(ws, b)]);
  const work = await worktrees(ws.repo, from.snapshot, to.snapshot);
  const differences = diffSnapshots(from.snapshot, to.snapshot, {
    volatile,
    ...(work === null ? {} : { work }),
  });
  return { from, to, differences };
}

async function neighbors(ws: Workspace, ref: string): Promise<[Loaded, Loaded]> {
  const named = await open(ws, ref);
  const { stored, catalog } = named;
  if (stored === null) {
    throw new UnknownRefError(`'${ref}' has no other snapshots to compare with`, ['name a second one']);
  }
  const session = catalog.snapshots.filter((s) => s.name === stored.name && s.remote === stored.remote);
  const newest = session.at(-1)!;
  if (newest.ref !== stored.ref) return [named, await loadStored(ws, catalog, newest)];
  const before = session.at(-2);
  if (before === undefined) {
    throw new UnknownRefError(`'${ref}' has only one snapshot`, [
      `save another: git session save ${stored.name}`,
    ]);
  }
  return [await loadStored(ws, catalog, before), named];
}

/**
 * The trees of both worktree commits, with what is staged and what is untracked: two saves of the same
 * files make two commits. null where one of them is not here.
 */
async function worktrees(
  repo: Repository,
  a: Snapshot,
  b: Snapshot,
): Promise<{ from: string | null; to: string | null } | null> {
  const works = [a.git.work, b.git.work];
  const wanted = works.flatMap((oid) => (oid === null ? [] : TREES.map((suffix) => oid + suffix)));
  const infos = await objectInfos(repo.git, wanted);
  const found: (string | null)[] = [];
  for (const oid of works) {
    const trees = oid === null ? [] : infos.splice(0, TREES.length).map((info) => info?.oid ?? null);
    if (oid !== null && (trees[0] === null || trees[1] === null)) return null;
    found.push(oid === null ? null : trees.join(' '));
  }
  return { from: found[0] ?? null, to: found[1] ?? null };
}

/** Files, index, untracked files; the last are absent where there were none. */
const TREES = ['^{tree}', '^2^{tree}', '^3^{tree}'];
