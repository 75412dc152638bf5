import { decodeSnapshot, tooLarge } from '../session/codec.ts';
import { DamagedSnapshotError, SessionError } from '../session/errors.ts';
import { compareIds, parseSessionRef, REMOTE_SESSIONS, SESSIONS } from '../session/names.ts';
import { MAX_SNAPSHOT_BYTES, type Snapshot } from '../session/schema.ts';
import type { Git } from '../git/git.ts';
import { type Reader, readerOf } from '../git/reader.ts';
import type { Ref } from '../git/refs.ts';
import { type EventRecord, MAX_SEGMENT_BYTES, parseSegment } from './events.ts';

export const CRQ_NOTES = 'refs/notes/crq';

/** A snapshot as the refs tell it, before its bytes are read. */
export interface StoredSnapshot {
  ref: string;
  name: string;
  /** null for a local one. */
  remote: string | null;
  id: string;
  oid: string;
  /** Bytes; -1 where git could not tell because an object is missing. */
  size: number;
  /** The context commit; null where its ref is missing. */
  context: string | null;
}

/** All that the refs hold, read by one git (and one more where there are events). */
export interface Catalog {
  /** Ordered by id within a session, oldest first; sessions by name. Without what was deleted. */
  snapshots: StoredSnapshot[];
  /** Refs below our prefixes that are outside the grammar, or symbolic: shown, never followed. */
  foreign: Ref[];
  /** Refs that git passes over, where the reader tells of them. */
  broken?: string[];
  /** The commit of refs/notes/crq. */
  notes: string | null;
  events: { name: string; remote: string | null; record: EventRecord }[];
  /** Ids of all known objects of a session, for the logical clock. */
  newestId(name: string): string | null;
}

export async function readCatalog(source: Git | Reader): Promise<Catalog> {
  const reader = readerOf(source);
  const refs = await reader.listRefs([SESSIONS.slice(0, -1), REMOTE_SESSIONS.slice(0, -1), CRQ_NOTES]);
  const snapshots: StoredSnapshot[] = [];
  const contexts = new Map<string, string>();
  const segments: { name: string; remote: string | null; oid: string }[] = [];
  const foreign: Ref[] = [];
  const broken: string[] = [];
  const newest = new Map<string, string>();
  let notes: string | null = null;
  for (const ref of refs) {
    if (ref.broken === true) {
      broken.push(ref.name);
      continue;
    }
    if (ref.name === CRQ_NOTES) {
      notes = ref.oid;
      continue;
    }
    const parsed = ref.symbolic ? null : parseSessionRef(ref.name);
    if (parsed === null) {
      foreign.push(ref);
      continue;
    }
    const { name, remote, id, kind } = parsed;
    if (compareIds(newest.get(name) ?? '', id) < 0) newest.set(name, id);
    if (kind === 'context') contexts.set(key(remote, name, id), ref.oid);
    else if (kind === 'events') {
      if (ref.size <= MAX_SEGMENT_BYTES) segments.push({ name, remote, oid: ref.oid });
    } else snapshots.push({ ref: ref.name, name, remote, id, oid: ref.oid, size: ref.size, context: null });
  }
  for (const s of snapshots) s.context = contexts.get(key(s.remote, s.name, s.id)) ?? null;
  const events = await readEvents(reader, segments);
  // What this clone (or a plain fetch into refs/sessions) holds as deleted is gone everywhere; what a
  // remote deleted hides only that remote's copies, never a session of this clone.
  const deleted = new Set(
    events
      .filter((e) => e.record.type === 'deleted')
      .flatMap((e) => e.record.data.snapshots.map((id) => key(e.remote, e.name, id))),
  );
  const isDeleted = (s: StoredSnapshot) =>
    deleted.has(key(null, s.name, s.id)) || deleted.has(key(s.remote, s.name, s.id));
  return {
    snapshots: snapshots.filter((s) => !isDeleted(s)).toSorted(byNameAndId),
    foreign,
    broken,
    notes,
    events,
    newestId: (name) => newest.get(name) ?? null,
  };
}

async function readEvents(
  reader: Reader,
  segments: { name: string; remote: string | null; oid: string }[],
): Promise<Catalog['events']> {
  const blobs = await reader.readObjects(segments.map((s) => s.oid));
  return segments.flatMap(({ name, remote }, i) => {
    const bytes = blobs[i];
    return bytes == null ? [] : parseSegment(bytes).map((record) => ({ name, remote, record }));
  });
}

function key(remote: string | null, name: string, id: string): string {
  return `${remote ?? ''}\0${name}\0${id}`;
}

function byNameAndId(a: StoredSnapshot, b: StoredSnapshot): number {
  if (a.remote !== b.remote) return (a.remote ?? '') < (b.remote ?? '') ? -1 : 1;
  return a.name === b.name ? compareIds(a.id, b.id) : a.name < b.name ? -1 : 1;
}

/** A snapshot that was read, or why it could not be. One damaged snapshot never hides the others. */
export type ReadSnapshot =
  | { stored: StoredSnapshot; snapshot: Snapshot; bytes: Buffer }
  | { stored: StoredSnapshot; error: SessionError };

/** Reads and checks snapshots, by one git. What is too large is never read. */
export async function readSnapshots(source: Git | Reader, stored: StoredSnapshot[]): Promise<ReadSnapshot[]> {
  const sized = stored.filter((s) => s.size >= 0 && s.size <= MAX_SNAPSHOT_BYTES);
  const blobs = await readerOf(source).readObjects(sized.map((s) => s.oid));
  const bytesOf = new Map(sized.map((s, i) => [s, blobs[i] ?? null]));
  return stored.map((s) => {
    const what = `snapshot ${s.oid.slice(0, 7)} of '${s.name}'`;
    if (s.size > MAX_SNAPSHOT_BYTES) return { stored: s, error: tooLarge(what, s.size) };
    const bytes = bytesOf.get(s) ?? null;
    if (bytes === null) {
      return {
        stored: s,
        error: new DamagedSnapshotError(`${what} is damaged: its object can't be read`, [
          `an older snapshot may be whole: git session restore ${s.name}~1`,
        ]),
      };
    }
    try {
      return { stored: s, snapshot: decodeSnapshot(bytes, what), bytes };
    } catch (error) {
      if (error instanceof SessionError) return { stored: s, error };
      throw error;
    }
  });
}
