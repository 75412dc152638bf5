import { canonicalJson } from '../session/codec.ts';
import { decodeRecord, encodeRecord, type LogRecord } from '../session/event-log.ts';
import {
  compareIds,
  idTime,
  isSessionName,
  makeId,
  nextIdTime,
  parseSessionRef,
  REMOTE_SESSIONS,
  SESSIONS,
  sessionRef,
} from '../session/names.ts';
import { hashObject, readObjects } from '../git/objects.ts';
import { listRefs, updateRefs } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { MAX_SEGMENT_BYTES, parseSegment } from './events.ts';
import { editedLine } from './journal-repair.ts';
import { isLog } from './log-parts.ts';

/** A session with all that there is of it, or one of its snapshots. */
export interface Target {
  name: string;
  /** Null for all of the session. */
  id: string | null;
}

/** A ref of this repository, below sessions of its own or copies of a remote's. */
export interface KnownRef {
  ref: string;
  oid: string;
  name: string;
  id: string;
  remote: string | null;
  kind: 'snapshot' | 'context' | 'events';
  /** Of events. */
  bytes: Buffer | null;
}

/** All refs of sessions, those too that a deletion hides. */
export async function knownRefs(repo: Repository): Promise<KnownRef[]> {
  const listed = await listRefs(repo.git, [SESSIONS.slice(0, -1), REMOTE_SESSIONS.slice(0, -1)]);
  const refs = listed.flatMap((ref) => {
    const parsed = ref.symbolic ? null : parseSessionRef(ref.name);
    return parsed === null ? [] : [{ ...parsed, ref: ref.name, oid: ref.oid, size: ref.size }];
  });
  const events = refs.filter(({ kind, size }) => kind === 'events' && size <= MAX_SEGMENT_BYTES);
  const blobs = await readObjects(
    repo.git,
    events.map(({ oid }) => oid),
  );
  const bytesOf = new Map(events.map(({ ref }, i) => [ref, blobs[i] ?? null]));
  return refs.map(({ ref, oid, name, id, remote, kind }) => ({
    ...{ ref, oid, name, id, remote, kind, bytes: bytesOf.get(ref) ?? null },
  }));
}

/** Whether a ref goes with a target. What only says that something is deleted, by its id, stays: else it would come back. */
export function goesWith(known: KnownRef, { name, id }: Target): boolean {
  if (known.name !== name) return false;
  if (known.kind !== 'events') return id === null || known.id === id;
  if (known.bytes === null) return id === null;
  if (saysOnlyDeleted(known.bytes)) return false;
  if (id === null) return true;
  if (isLog(known.bytes)) return false;
  const named = parseSegment(known.bytes).flatMap(({ data }) => data.snapshots);
  return named.length > 0 && named.every((one) => one === id);
}

/** That a session, or some of its snapshots, are gone, and not a character more: others may have written it. */
function saysOnlyDeleted(bytes: Buffer): boolean {
  const lines = bytes.toString('utf8').split('\n');
  if (lines.pop() !== '' || lines.length === 0) return false;
  return lines.every((line) => isEndOfLog(line) || isDeletion(line));
}

function isEndOfLog(line: string): boolean {
  const record = decodeRecord(line);
  return record?.event.type === 'deleted' && encodeRecord(record) === `${line}\n`;
}

function isDeletion(line: string): boolean {
  const [record] = parseSegment(Buffer.from(line));
  if (record?.type !== 'deleted') return false;
  const { version, clone, sequence, at, type, data } = record;
  const { snapshots, renamedTo } = data;
  const plain = {
    ...{ version, clone, sequence, at, type },
    data: renamedTo === undefined ? { snapshots } : { snapshots, renamedTo },
  };
  return (
    /^[\w-]{1,64}$/u.test(clone) &&
    /^[\d:.TZ-]{20,24}$/u.test(at) &&
    snapshots.every((id) => idTime(id) !== null) &&
    (renamedTo === undefined || isSessionName(renamedTo)) &&
    canonicalJson(plain) === line
  );
}

export const FORGOTTEN = '[forgotten]';

/** Takes out of an event what it says about snapshots that are forgotten. */
export function withoutMessage(targets: readonly Target[]): (record: LogRecord) => LogRecord {
  const labels = new Set(targets.map(({ name, id }) => `${name}/${id}`));
  return (record) => {
    const { event } = record;
    if (event.type !== 'checkpoint-saved' || !labels.has(event.data.snapshot)) return record;
    if (event.data.message === FORGOTTEN) return record;
    return { ...record, event: { ...event, data: { ...event.data, message: FORGOTTEN } } };
  };
}

/** Writes segments anew in which a record changes. Gives the old ones: their refs are gone. */
export async function rewriteSegments(
  repo: Repository,
  segments: readonly KnownRef[],
  edit: (record: LogRecord) => LogRecord,
): Promise<KnownRef[]> {
  const changed: KnownRef[] = [];
  for (const segment of segments) {
    if (segment.remote !== null || segment.bytes === null || !isLog(segment.bytes)) continue;
    const before = segment.bytes.toString('utf8');
    const after = before
      .split('\n')
      .map((line) => editedLine(line, edit))
      .join('\n');
    if (after === before) continue;
    const bytes = Buffer.from(after);
    const oid = (await repo.git.ok(['hash-object', '-w', '--stdin'], { input: bytes }))
      .toString('latin1')
      .trim();
    const newest = segments
      .filter(({ name }) => name === segment.name)
      .reduce((max, one) => (compareIds(max, one.id) < 0 ? one.id : max), segment.id);
    const id = makeId(nextIdTime(Date.now(), newest), hashObject(repo.objectFormat, 'blob', bytes));
    await updateRefs(repo.git, [
      { kind: 'create', ref: sessionRef(segment.name, id, 'events'), oid },
      { kind: 'delete', ref: segment.ref, old: segment.oid },
    ]);
    changed.push(segment);
  }
  return changed;
}
