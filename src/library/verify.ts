import { hashObject } from '../git/objects.ts';
import type { Reader } from '../git/reader.ts';
import type { Ref } from '../git/refs.ts';
import { type ErrorJson, SessionError } from '../session/errors.ts';
import { decodeSnapshot, tooLarge } from '../session/codec.ts';
import { missingRecords } from '../session/event-log.ts';
import { parseSessionRef, REMOTE_SESSIONS, SESSIONS } from '../session/names.ts';
import { MAX_SNAPSHOT_BYTES } from '../session/schema.ts';
import { MAX_SEGMENT_BYTES } from '../store/events.ts';
import { readLogSegments } from '../store/log-segments.ts';
import type { Journal } from '../store/journal.ts';

export interface Problem {
  /** The ref, or the path of the file from the directory that all worktrees share. */
  where: string;
  /** What the session is called; its id where nothing says so. */
  session: string;
  code: string;
  message: string;
}

/** What was looked at, and what of it is damaged. */
export interface Verification {
  snapshots: number;
  /** Write-once pieces of logs, in refs. */
  segments: number;
  journals: number;
  events: number;
  problems: Problem[];
}

export interface Verifiable {
  id: string;
  name: string;
  journal: Journal;
}

/** Reads every snapshot and every log whole. What is damaged is named, and hides nothing else. */
export async function verify(reader: Reader, logs: readonly Verifiable[]): Promise<Verification> {
  const refs = await reader.listRefs([SESSIONS.slice(0, -1), REMOTE_SESSIONS.slice(0, -1)]);
  const ours = refs.flatMap((ref) => {
    const parsed = ref.symbolic ? null : parseSessionRef(ref.name);
    return parsed === null ? [] : [{ ref, ...parsed }];
  });
  const snapshots = ours.filter(({ kind }) => kind === 'snapshot');
  const segments = ours.filter(({ kind }) => kind === 'events');
  const problems: Problem[] = [];
  for (const { ref, name } of ours.filter(({ kind, ref }) => kind === 'context' && ref.size < 0)) {
    problems.push({ where: ref.name, session: name, ...unreadable });
  }
  const whole = await readWhole(reader, [
    ...within(snapshots, MAX_SNAPSHOT_BYTES),
    ...within(segments, MAX_SEGMENT_BYTES),
  ]);
  for (const { ref, name } of snapshots) {
    const problem = snapshotProblem(ref, whole.get(ref.name) ?? null);
    if (problem !== null) problems.push({ where: ref.name, session: name, ...problem });
  }
  for (const { ref, name } of segments) {
    if (ref.size > MAX_SEGMENT_BYTES) {
      const message = `it has ${ref.size} bytes, more than a segment may have`;
      problems.push({ where: ref.name, session: name, code: 'too-large', message });
    } else if (!whole.has(ref.name)) problems.push({ where: ref.name, session: name, ...unreadable });
  }
  for (const { ref, name, damaged } of await readLogSegments(reader)) {
    if (damaged === 0 || !whole.has(ref)) continue;
    problems.push({ where: ref, session: name, code: 'damaged', message: `${damaged} lines are no events` });
  }
  problems.push(...logs.flatMap((log) => journalProblems(log)));
  return {
    ...{ snapshots: snapshots.length, segments: segments.length, journals: logs.length },
    events: logs.reduce((sum, { journal }) => sum + journal.records.length, 0),
    problems: problems.toSorted((a, b) => (a.where < b.where ? -1 : 1)),
  };
}

const unreadable = { code: 'damaged', message: "its object can't be read, or is not the one that it says" };

function within(found: readonly { ref: Ref }[], limit: number): Ref[] {
  return found.map(({ ref }) => ref).filter(({ size }) => size >= 0 && size <= limit);
}

/** By ref: those whose bytes are the ones that their object id is made of. */
async function readWhole(reader: Reader, refs: readonly Ref[]): Promise<Map<string, Buffer>> {
  const blobs = await reader.readObjects(refs.map(({ oid }) => oid));
  const whole = new Map<string, Buffer>();
  for (const [i, { name, oid }] of refs.entries()) {
    const bytes = blobs[i] ?? null;
    const format = oid.length === 64 ? 'sha256' : 'sha1';
    if (bytes !== null && hashObject(format, 'blob', bytes) === oid) whole.set(name, bytes);
  }
  return whole;
}

function snapshotProblem({ size }: Ref, bytes: Buffer | null): Pick<Problem, 'code' | 'message'> | null {
  if (size > MAX_SNAPSHOT_BYTES) return problemOf(tooLarge('the snapshot', size).toJSON());
  if (bytes === null) return unreadable;
  try {
    decodeSnapshot(bytes, 'the snapshot');
    return null;
  } catch (error) {
    if (error instanceof SessionError) return problemOf(error.toJSON());
    throw error;
  }
}

function problemOf({ error: { code, message } }: ErrorJson): Pick<Problem, 'code' | 'message'> {
  return { code, message };
}

function journalProblems({ id, name, journal }: Verifiable): Problem[] {
  const where = `git-session/journal/${id}.jsonl`;
  const said = journal.damaged.map(({ line }) => `line ${line} is no event`);
  const { tail } = journal;
  if (tail !== null && !tail.isRecord) said.push(`its last ${tail.length} bytes are an unfinished event`);
  for (const { clone, from, to } of missingRecords(journal.records)) {
    said.push(`events ${from} to ${to} of clone ${clone} are missing`);
  }
  return said.map((message) => ({ where, session: name, code: 'damaged', message }));
}
