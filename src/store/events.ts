import { randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { canonicalJson } from '../session/codec.ts';
import type { Text } from '../session/text.ts';
import { makeId, nextIdTime, sessionRef } from '../session/names.ts';
import { hashObject } from '../git/objects.ts';
import { updateRefs } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';
import { writeFailure } from '../git/write-failure.ts';

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
  for (const line of Buffer.from(bytes).toString('utf8').split('\n')) {
    if (line === '') continue;
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

/** This clone's own id: random, made once, in the directory that all its worktrees share. */
export function cloneId(repo: Repository): string {
  const dir = path.join(repo.commonDir, 'git-session');
  const file = path.join(dir, 'clone-id');
  const known = readCloneId(file);
  if (known.id !== null) return known.id;
  makeFolder(dir);
  const made = randomUUID();
  const draft = `${file}.${made}`;
  writeFileSync(draft, `${made}\n`, { flag: 'wx' });
  try {
    // Whole or not there; of several that make one at the same time, the first wins.
    if (known.exists) renameSync(draft, file);
    else linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readCloneId(file).id ?? made;
}

/** Not with `recursive`: Node then says ENOENT where the file system is read-only. */
function makeFolder(dir: string): void {
  try {
    mkdirSync(dir);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** A file that is there and holds no id (after a power loss) is one to be made anew. */
function readCloneId(file: string): { exists: boolean; id: string | null } {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return { exists: true, id: /^[0-9a-f-]{36}$/u.test(text) ? text : null };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { exists: false, id: null };
  }
}
