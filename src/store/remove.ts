import { SessionExistsError } from '../session/errors.ts';
import { parseSessionRef, SESSIONS, sessionRef } from '../session/names.ts';
import { readObjects } from '../git/objects.ts';
import { listRefs, type Ref, type RefUpdate, updateRefs } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { MAX_SEGMENT_BYTES, parseSegment, writeEvent } from './events.ts';
import type { Catalog, StoredSnapshot } from './sessions.ts';

/**
 * Deletes snapshots: the tombstone first, so that other clones get to know, then all refs in one
 * transaction, each only where it still is what it was. Nothing is hidden where that fails. Of a remote's
 * snapshots it writes the tombstone alone. Gives the refs of the tombstones.
 */
export async function deleteSnapshots(
  repo: Repository,
  catalog: Catalog,
  snapshots: StoredSnapshot[],
): Promise<string[]> {
  const tombstones: { name: string; id: string }[] = [];
  try {
    for (const name of new Set(snapshots.map((s) => s.name))) {
      const ids = snapshots.filter((s) => s.name === name).map((s) => s.id);
      const data = { snapshots: ids };
      tombstones.push({ name, id: await writeEvent(repo, name, catalog.newestId(name), 'deleted', data) });
    }
    await updateRefs(repo.git, deletions(snapshots.filter((s) => s.remote === null).flatMap(refsOf)));
  } catch (error) {
    for (const { name, id } of tombstones) await forget(repo, sessionRef(name, id, 'events'));
    throw error;
  }
  return tombstones.map(({ name, id }) => sessionRef(name, id, 'events'));
}

function refsOf(s: StoredSnapshot): { ref: string; oid: string }[] {
  const snapshot = { ref: s.ref, oid: s.oid };
  return s.context === null
    ? [snapshot]
    : [snapshot, { ref: sessionRef(s.name, s.id, 'context'), oid: s.context }];
}

function deletions(refs: { ref: string; oid: string }[]): RefUpdate[] {
  return refs.map(({ ref, oid }) => ({ kind: 'delete', ref, old: oid }));
}

/** Takes a ref of this very command back; the error that led here is the one to report. */
async function forget(repo: Repository, ref: string): Promise<void> {
  await repo.git.run(['update-ref', '--no-deref', '-d', ref]);
}

/** Deletes these refs, themselves and not what a symbolic one points at. */
export async function deleteRefs(repo: Repository, refs: Ref[]): Promise<void> {
  await updateRefs(repo.git, deletions(refs.map((r) => ({ ref: r.name, oid: r.oid }))));
}

/**
 * Gives a session another name: the same objects and ids under new refs, then the old name's tombstone,
 * then the old refs go. Killed in between, both names are there and nothing is lost.
 */
export async function moveSession(
  repo: Repository,
  catalog: Catalog,
  snapshots: StoredSnapshot[],
  to: string,
): Promise<void> {
  const from = snapshots[0]!.name;
  refuseBuried(catalog, snapshots, to);
  const events = await linkEvents(repo, from);
  const all = [...snapshots.flatMap(refsOf), ...events];
  await updateRefs(
    repo.git,
    all.map(({ ref, oid }) => ({ kind: 'create', ref: renamed(ref, from, to), oid })),
  );
  const data = { snapshots: snapshots.map((s) => s.id), renamedTo: to };
  await writeEvent(repo, from, catalog.newestId(from), 'deleted', data);
  await updateRefs(repo.git, deletions(all));
}

/** Gives refs of a session another name: the new ones are there before the old ones go. */
export async function moveRefs(
  repo: Repository,
  refs: readonly { ref: string; oid: string }[],
  from: string,
  to: string,
): Promise<void> {
  await updateRefs(
    repo.git,
    refs.map(({ ref, oid }) => ({ kind: 'create', ref: renamed(ref, from, to), oid })),
  );
  await updateRefs(repo.git, deletions([...refs]));
}

function renamed(ref: string, from: string, to: string): string {
  return `${SESSIONS}${to}${ref.slice(SESSIONS.length + from.length)}`;
}

/** Segments about links; a tombstone stays with the name that it is about. */
async function linkEvents(repo: Repository, name: string): Promise<{ ref: string; oid: string }[]> {
  const listed = (await listRefs(repo.git, [`${SESSIONS}${name}`])).filter((r) => {
    const parsed = r.symbolic ? null : parseSessionRef(r.name);
    return parsed?.name === name && parsed.kind === 'events' && r.size >= 0 && r.size <= MAX_SEGMENT_BYTES;
  });
  const blobs = await readObjects(
    repo.git,
    listed.map((r) => r.oid),
  );
  return listed.flatMap((r, i) => {
    const bytes = blobs[i];
    const records = bytes == null ? [] : parseSegment(bytes);
    return records.length === 0 || records.some((x) => x.type === 'deleted')
      ? []
      : [{ ref: r.name, oid: r.oid }];
  });
}

/**
 * A name under which these very snapshots were deleted, or renamed away from, stays closed to them: its
 * tombstone, which other clones may have, would hide them again.
 */
function refuseBuried(catalog: Catalog, snapshots: StoredSnapshot[], to: string): void {
  const ids = new Set(snapshots.map((s) => s.id));
  const buried = catalog.events.some(
    ({ name, record: { type, data } }) =>
      name === to && type === 'deleted' && data.snapshots.some((id) => ids.has(id)),
  );
  if (!buried) return;
  throw new SessionExistsError(`these snapshots were called '${to}' before, and can't be again`, [
    'choose another name: what is deleted or renamed stays so in every clone',
  ]);
}
