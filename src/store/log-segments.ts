import { StoreFailedError } from '../session/errors.ts';
import {
  decodeRecord,
  encodeRecord,
  inOrder,
  type LogRecord,
  mergeRecords,
  scanLog,
} from '../session/event-log.ts';
import {
  compareIds,
  makeId,
  nextIdTime,
  parseSessionRef,
  REMOTE_SESSIONS,
  SESSIONS,
  sessionRef,
} from '../session/names.ts';
import { hashObject, objectInfos } from '../git/objects.ts';
import { type Reader, readerOf } from '../git/reader.ts';
import { type RefUpdate, updateRefs } from '../git/refs.ts';
import type { ObjectFormat, Repository } from '../git/repository.ts';
import { writeFailure } from '../git/write-failure.ts';
import { MAX_SEGMENT_BYTES } from './events.ts';
import { piecesOf } from './journal-pieces.ts';

/** A write-once piece of a session's log: `refs/sessions/<name>/<id>/events`, lines as those of a journal. */
export interface LogSegment {
  ref: string;
  name: string;
  /** null for one in refs/sessions, which this clone has written or plainly fetched. */
  remote: string | null;
  id: string;
  oid: string;
  records: LogRecord[];
  /** Lines that are no whole record of a log, nor another kind of event; 1 where it can't be read at all. */
  damaged: number;
  /** Its bytes, where they are lines of records and nothing else: the journal that they came from has the same. */
  bytes: Buffer | null;
}

/**
 * Segments of the sessions of these names, or of all. Segments without a record of a log (of links, of deletions) are left
 * out. What the journal in the file `near` has as well is read there: who checks git's own objects does without.
 */
export async function readLogSegments(
  source: Repository['git'] | Reader,
  names: ReadonlySet<string> | null = null,
  near: { file: string; format: ObjectFormat } | null = null,
): Promise<LogSegment[]> {
  const reader = readerOf(source);
  const prefixes =
    names === null
      ? [SESSIONS.slice(0, -1), REMOTE_SESSIONS.slice(0, -1)]
      : [...Array.from(names, (name) => `${SESSIONS}${name}`), REMOTE_SESSIONS.slice(0, -1)];
  const listed = reader.listRefs(prefixes);
  // It loads a module: while git looks it costs nothing.
  if (near !== null) hashObject(near.format, 'blob', Buffer.alloc(0));
  const found = (await listed).flatMap((ref) => {
    const parsed = ref.symbolic ? null : parseSessionRef(ref.name);
    if (parsed?.kind !== 'events' || (names !== null && !names.has(parsed.name))) return [];
    const { name, remote, id } = parsed;
    const { oid, type, size } = ref;
    return [{ ref: ref.name, oid, size, name, remote, id, isSound: type === 'blob' && isFit(size) }];
  });
  const sound = found.filter(({ isSound }) => isSound);
  const pieces = near === null ? new Map<string, Buffer>() : piecesOf(near.file, near.format, sound);
  const asked = sound.filter(({ oid }) => !pieces.has(oid));
  const blobs = await reader.readObjects(asked.map(({ oid }) => oid));
  const bytesOf = new Map(asked.map(({ ref }, i) => [ref, blobs[i] ?? null]));
  return found.flatMap(({ isSound, size: _, ...segment }) => {
    const bytes = (isSound ? pieces.get(segment.oid) : null) ?? bytesOf.get(segment.ref) ?? null;
    if (bytes === null) return [{ ...segment, records: [], damaged: 1, bytes: null }];
    const { records, damaged, tail } = scanLog(bytes);
    const foreign = damaged.filter(({ offset, length }) => isOtherEvent(bytes, offset, length)).length;
    const bad = damaged.length - foreign + (tail === null || tail.isRecord ? 0 : 1);
    if (records.length === 0 && bad === 0) return [];
    return [
      { ...segment, records, damaged: bad, bytes: damaged.length === 0 && tail === null ? bytes : null },
    ];
  });
}

/** A size that a segment of ours has; -1 is that of an object which is not there. */
function isFit(size: number): boolean {
  return size >= 0 && size <= MAX_SEGMENT_BYTES;
}

/** A deletion or a link: these have no session id, and no checksum. */
function isOtherEvent(bytes: Buffer, offset: number, length: number): boolean {
  const line = bytes.toString('utf8', offset, offset + length);
  return /^\{"at":"[^"]*","clone":"/u.test(line) && !line.includes(',"session":"');
}

/** What of these segments belongs to a session, in causal order. */
export function recordsOf(segments: readonly LogSegment[], session: string): LogRecord[] {
  return mergeRecords(segments.map((s) => s.records.filter((r) => r.session === session)));
}

/**
 * Records that only this clone's journal has: its own without a local segment, and those without any segment that it wrote
 * under another id, before its directory was copied.
 */
export function unflushed(
  records: readonly LogRecord[],
  segments: readonly LogSegment[],
  clone: string,
): LogRecord[] {
  const keyOf = (r: LogRecord) => `${r.session} ${r.clone} ${r.sequence}`;
  const keysOf = (some: readonly LogSegment[]) => new Set(some.flatMap((s) => s.records).map(keyOf));
  const everywhere = keysOf(segments);
  const local = keysOf(segments.filter((s) => s.remote === null));
  return records.filter((r) => !(r.clone === clone ? local : everywhere).has(keyOf(r)));
}

/**
 * Writes records as new segments of a session, as few as the size allows, and gives their ids. Throws StoreFailedError,
 * and FileProblemError where the repository can't be written to.
 */
export function writeLogSegments(
  repo: Repository,
  name: string,
  newestId: string | null,
  records: readonly LogRecord[],
  nowMs = Date.now(),
): Promise<string[]> {
  return writeLines(repo, name, newestId, records.map(encodeRecord), nowMs);
}

async function writeLines(
  repo: Repository,
  name: string,
  newestId: string | null,
  lines: readonly string[],
  nowMs: number,
): Promise<string[]> {
  const made: { id: string; oid: string }[] = [];
  try {
    let newest = newestId;
    for (const bytes of pieces(lines)) {
      const id = makeId(nextIdTime(nowMs, newest), hashObject(repo.objectFormat, 'blob', bytes));
      made.push({ id, oid: await writeBlob(repo, bytes) });
      newest = id;
    }
    const updates = made.map(({ id, oid }): RefUpdate & { oid: string } => ({
      kind: 'create',
      ref: sessionRef(name, id, 'events'),
      oid,
    }));
    await createRefs(repo, updates);
    await requireThere(repo, made, updates);
  } catch (error) {
    throw writeFailure(repo, error) ?? error;
  }
  return made.map(({ id }) => id);
}

/** Two who flush the same records in the same millisecond make the same refs: the slower one has what it wants. */
async function createRefs(repo: Repository, updates: (RefUpdate & { oid: string })[]): Promise<void> {
  try {
    await updateRefs(repo.git, updates);
  } catch (error) {
    const there = await readerOf(repo.git).listRefs(updates.map(({ ref }) => ref));
    if (!updates.every(({ ref, oid }) => there.some((r) => r.name === ref && r.oid === oid))) throw error;
  }
}

/** A `git gc --prune=now` may have taken an object away before its ref was there. */
async function requireThere(repo: Repository, made: { oid: string }[], updates: RefUpdate[]): Promise<void> {
  const infos = await objectInfos(
    repo.git,
    made.map(({ oid }) => oid),
  );
  if (infos.every((info) => info !== null)) return;
  for (const { ref } of updates) await repo.git.run(['update-ref', '--no-deref', '-d', ref]);
  throw new StoreFailedError("objects vanished while writing (is 'git gc --prune=now' running?)", [
    'run it again: nothing of the log is lost',
  ]);
}

async function writeBlob(repo: Repository, input: Buffer): Promise<string> {
  return (await repo.git.ok(['hash-object', '-w', '--stdin'], { input })).toString('latin1').trim();
}

function pieces(lines: readonly string[]): Buffer[] {
  const found: Buffer[] = [];
  let some: string[] = [];
  let size = 0;
  const end = () => {
    if (some.length > 0) found.push(Buffer.from(some.join('')));
    some = [];
    size = 0;
  };
  for (const line of lines) {
    const length = Buffer.byteLength(line);
    if (size + length > MAX_SEGMENT_BYTES) end();
    some.push(line);
    size += length;
  }
  end();
  return found;
}

/**
 * Joins this clone's own segments of a session, and gives how many became how many. The new ones are there before the
 * old ones go, and a record that is in both counts once. Other clones keep what they have fetched. Lines go over as they
 * are: a later version may have written more than this one reads.
 */
export async function joinLogSegments(
  repo: Repository,
  name: string,
  segments: readonly LogSegment[],
  clone: string,
  newestId: string | null,
): Promise<{ before: number; after: number }> {
  const own = segments
    .filter((s) => s.remote === null && s.name === name && s.damaged === 0)
    .filter((s) => s.records.every((r) => r.clone === clone))
    .toSorted((a, b) => compareIds(a.id, b.id));
  const asBefore = { before: own.length, after: own.length };
  if (own.length < 2) return asBefore;
  const lines = await linesOf(repo, own);
  if (lines === null || pieces(lines).length >= own.length) return asBefore;
  const ids = await writeLines(repo, name, newestId, lines, Date.now());
  await updateRefs(
    repo.git,
    own.map(({ ref, oid }) => ({ kind: 'delete', ref, old: oid })),
  );
  return { before: own.length, after: ids.length };
}

/** All different lines of segments: by session, and in causal order. Null where one holds anything but records. */
async function linesOf(repo: Repository, segments: readonly LogSegment[]): Promise<string[] | null> {
  const found = new Map<string, LogRecord>();
  for (const bytes of await readerOf(repo.git).readObjects(segments.map(({ oid }) => oid))) {
    for (const line of (bytes ?? Buffer.from('missing')).toString('utf8').replace(/\n$/u, '').split('\n')) {
      const record = decodeRecord(line);
      if (record === null) return null;
      found.set(`${line}\n`, record);
    }
  }
  return [...found]
    .toSorted(([, a], [, b]) => (a.session === b.session ? inOrder(a, b) : a.session < b.session ? -1 : 1))
    .map(([line]) => line);
}
