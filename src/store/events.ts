import { canonicalJson } from '../session/codec.ts';
import type { Text } from '../session/text.ts';
import { makeId, nextIdTime, sessionRef } from '../session/names.ts';
import { hashObject } from '../git/objects.ts';
import { updateRefs } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { writeFailure } from '../git/write-failure.ts';
import { cloneId } from './clone.ts';

/** One record of a session's log, as it is shared: a line of canonical JSON in an events segment. */
export interface EventRecord {
  version: 1;
  /** The clone that wrote it; with `sequence` it identifies the record. */
  clone: string;
  sequence: number;
  /** ISO 8601 UTC. */
  at: string;
  type: 'deleted' | 'crq-linked' | 'crq-unlinked';
  data: EventData;
}

export interface EventData {
  /** Ids of the snapshots that the event is about. */
  snapshots: string[];
  crq?: string;
  /** Title of the CRQ and path of its document, where they were known. */
  title?: string | null;
  path?: Text | null;
  /** Where the session went on, when it was renamed. */
  renamedTo?: string;
}

/** A segment is never larger than this many bytes. */
export const MAX_SEGMENT_BYTES = 1024 * 1024;

/**
 * Writes one event as a write-once segment of its own and gives its id. Segments are what makes a
 * deletion or an unlinking reach other clones by plain push and fetch.
 */
export async function writeEvent(
  repo: Repository,
  name: string,
  newestId: string | null,
  type: EventRecord['type'],
  data: EventData,
  nowMs = Date.now(),
): Promise<string> {
  try {
    return await writeSegment(repo, name, newestId, type, data, nowMs);
  } catch (error) {
    throw writeFailure(repo, error) ?? error;
  }
}

async function writeSegment(
  repo: Repository,
  name: string,
  newestId: string | null,
  type: EventRecord['type'],
  data: EventData,
  nowMs: number,
): Promise<string> {
  const record: EventRecord = {
    version: 1,
    clone: cloneId(repo),
    // A segment holds one record, so the time in its id orders the clone's records.
    sequence: nextIdTime(nowMs, newestId),
    at: new Date(nowMs).toISOString(),
    type,
    data,
  };
  const bytes = Buffer.from(`${canonicalJson(record)}\n`, 'utf8');
  const id = makeId(record.sequence, hashObject(repo.objectFormat, 'blob', bytes));
  const oid = (await repo.git.ok(['hash-object', '-w', '--stdin'], { input: bytes }))
    .toString('latin1')
    .trim();
  await updateRefs(repo.git, [{ kind: 'create', ref: sessionRef(name, id, 'events'), oid }]);
  return id;
}

/** The records of a segment; a line that is no record of ours is left out, the others count. */
export function parseSegment(bytes: Uint8Array): EventRecord[] {
  if (bytes.length > MAX_SEGMENT_BYTES) return [];
  const records: EventRecord[] = [];
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // As all of ours have: the segments of a long log hold megabytes without it.
  if (!buffer.includes('"snapshots"')) return records;
  for (const line of buffer.toString('utf8').split('\n')) {
    // A record of a session's log says of which one: see log-segments.ts.
    if (line === '' || line.includes(',"session":"')) continue;
    try {
      const value: unknown = JSON.parse(line);
      if (isRecord(value)) records.push(value);
    } catch {
      // not JSON: a torn or foreign line; the log's own check reports it, listing goes on
    }
  }
  return records;
}

function isRecord(value: unknown): value is EventRecord {
  if (typeof value !== 'object' || value === null) return false;
  const r = value as Partial<EventRecord>;
  if (r.version !== 1 || typeof r.clone !== 'string' || !Number.isSafeInteger(r.sequence)) return false;
  if (!['deleted', 'crq-linked', 'crq-unlinked'].includes(r.type ?? '')) return false;
  const data: unknown = r.data;
  if (typeof data !== 'object' || data === null) return false;
  const { snapshots, crq, title, path: document } = data as Partial<EventData>;
  if (title != null && typeof title !== 'string') return false;
  if (document != null && typeof document !== 'string' && typeof document.base64 !== 'string') return false;
  if (!Array.isArray(snapshots) || !snapshots.every((s) => typeof s === 'string')) return false;
  return crq === undefined || (typeof crq === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/u.test(crq));
}
