import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FileProblemError } from '../session/errors.ts';
import { objectInfos } from './objects.ts';
import { PackIndex } from './pack-index.ts';
import type { Repository } from './repository.ts';

/**
 * Takes objects out of the repository at once: the loose ones as files, and packs that hold any are written anew
 * without them. Nothing else changes: whatever lies in such a pack and is reachable from nowhere (a dropped stash) is
 * in the new one too, and no other pack is touched. Gives the ids that are still there: in a repository that this one
 * borrows from, or in a pack that somebody keeps. `mayGo` is asked last, when only files are left to be removed: null
 * where it said no, and then nothing is gone.
 */
export async function purgeObjects(
  repo: Repository,
  oids: ReadonlySet<string>,
  mayGo: () => Promise<boolean>,
): Promise<string[] | null> {
  if (oids.size === 0) return [];
  const objects = path.join(repo.commonDir, 'objects');
  try {
    const packs = await packsWithout(repo, path.join(objects, 'pack'), oids);
    if (!(await mayGo())) {
      // What is in these is in the old ones as well.
      for (const { base, made } of packs) if (made !== null && made !== base) removePack(made);
      return null;
    }
    if (packs.length > 0) removeMultiPackIndex(path.join(objects, 'pack'));
    for (const { base, made } of packs) if (made !== base) removePack(base);
    for (const oid of oids) rmSync(path.join(objects, oid.slice(0, 2), oid.slice(2)), { force: true });
    await renewGraph(repo, objects);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
    throw new FileProblemError(`cannot take objects away: ${(error as Error).message}`);
  }
  const infos = await objectInfos(repo.git, [...oids]);
  return infos.flatMap((info) => (info === null ? [] : [info.oid]));
}

/** A pack that goes, and the one that takes its place; null where nothing is left of it. Without their endings. */
interface Replaced {
  base: string;
  made: string | null;
}

/** Writes the packs that take the place of those that hold any of the objects. */
async function packsWithout(
  repo: Repository,
  folder: string,
  oids: ReadonlySet<string>,
): Promise<Replaced[]> {
  const width = repo.objectFormat === 'sha256' ? 32 : 20;
  const replaced: Replaced[] = [];
  for (const file of list(folder).filter((name) => /^pack-[0-9a-f]+\.idx$/u.test(name))) {
    const base = path.join(folder, file.slice(0, -'.idx'.length));
    // A process fills it at this moment, or a person wants it so.
    if (existsSync(`${base}.keep`)) continue;
    const index = new PackIndex(path.join(folder, file), width);
    let rest: string[];
    try {
      if (!index.hasAny(oids)) continue;
      rest = [...index.ids()].filter((oid) => !oids.has(oid));
    } finally {
      index.close();
    }
    const made = rest.length === 0 ? null : await packOf(repo, folder, rest, `${base}.promisor`);
    replaced.push({ base, made: made === null ? null : path.join(folder, `pack-${made}`) });
  }
  return replaced;
}

/** It names packs that go. */
function removeMultiPackIndex(folder: string): void {
  for (const name of list(folder).filter((name) => name.startsWith('multi-pack-index'))) {
    rmSync(path.join(folder, name), { recursive: true, force: true });
  }
}

/** git makes a pack visible by its index, and that comes last. */
async function packOf(repo: Repository, folder: string, oids: string[], promisor: string): Promise<string> {
  const said = await repo.git.ok(
    ['pack-objects', '--quiet', '--delta-base-offset', path.join(folder, 'pack')],
    { input: `${oids.join('\n')}\n` },
  );
  const made = said.toString('latin1').trim();
  if (existsSync(promisor)) {
    writeFileSync(path.join(folder, `pack-${made}.promisor`), readFileSync(promisor));
  }
  return made;
}

function removePack(base: string): void {
  for (const ending of ['idx', 'rev', 'bitmap', 'mtimes', 'promisor', 'pack']) {
    rmSync(`${base}.${ending}`, { force: true });
  }
}

/** A commit-graph lists commits that may be gone now. */
async function renewGraph(repo: Repository, objects: string): Promise<void> {
  const split = existsSync(path.join(objects, 'info', 'commit-graphs'));
  if (!split && !existsSync(path.join(objects, 'info', 'commit-graph'))) return;
  await repo.git.run(['commit-graph', 'write', '--reachable', ...(split ? ['--split=replace'] : [])]);
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
