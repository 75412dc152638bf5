import { readdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { FileProblemError } from '../session/errors.ts';
import { encodeRecord, type LogRecord, mergeRecords, missingRecords } from '../session/event-log.ts';
import { INITIAL, isFinal, type SessionState, transition } from '../session/lifecycle.ts';
import { isSessionId } from '../session/live.ts';
import { parseSessionRef, SESSIONS } from '../session/names.ts';
import { readObjects } from '../git/objects.ts';
import { listRefs } from '../git/refs.ts';
import { isRunning } from '../process/identity.ts';
import { takeAside } from '../store/broken-refs.ts';
import { cloneId } from '../store/clone.ts';
import {
  cutTail,
  findDeadLocks,
  type FoundJournal,
  rebuildJournal,
  removeDeadLock,
} from '../store/journal-repair.ts';
import { journalDirectory } from '../store/journal.ts';
import { findLeftovers } from '../store/leftovers.ts';
import { type LogSegment, recordsOf, unflushed, writeLogSegments } from '../store/log-segments.ts';
import type { SessionRecords, StoredRecord } from '../store/records.ts';
import type { Catalog } from '../store/sessions.ts';
import type { Finding, Fsck } from './fsck-findings.ts';

interface Logs {
  journals: readonly FoundJournal[];
  segments: readonly LogSegment[];
  records: readonly StoredRecord[];
  catalog: Catalog;
}

/** The log of one session, from all places. */
interface Log {
  session: string;
  name: string;
  journal: FoundJournal | null;
  segments: readonly LogSegment[];
}

/** Journals, segments, and what the events of each session make of its state. */
export async function checkLogs(fsck: Fsck, { journals, segments, records, catalog }: Logs): Promise<void> {
  await checkSegments(fsck, segments, journals, catalog);
  const inSegments = segments.flatMap((s) => s.records.map((r) => r.session));
  const sessions = new Set([...journals.map((j) => j.session), ...inSegments]);
  for (const session of sessions) {
    const stored = records.find(({ record }) => record.id === session);
    const named = segments.find((s) => s.records.some((r) => r.session === session));
    const name = named?.name ?? stored?.record.name ?? session;
    if (!fsck.wanted(name, session)) continue;
    const journal = journals.find((j) => j.session === session) ?? null;
    await checkLog(fsck, { session, name, journal, segments });
  }
}

async function checkLog(fsck: Fsck, log: Log): Promise<void> {
  const { session, name, journal, segments } = log;
  const shared = recordsOf(segments, session);
  const own = journal?.scanned.records.filter((r) => r.session === session) ?? [];
  // Where the two differ, what is in git counts.
  const places = new Set(shared.map((r) => `${r.clone} ${r.sequence}`));
  const all = mergeRecords([shared, own.filter((r) => !places.has(`${r.clone} ${r.sequence}`))]);
  const missing = missingRecords(all);
  if (journal !== null) await checkJournal(fsck, log, journal, shared, own);
  for (const { clone, from, to } of missing) {
    const what = from === to ? `record ${from}` : `records ${from} to ${to}`;
    fsck.found('journal-gap', name, `'${name}': ${what} of clone ${clone.slice(0, 8)} missing`, [
      'where another clone has them: git session fetch',
    ]);
  }
  checkStates(fsck, name, all, missing.length === 0);
}

async function checkJournal(
  fsck: Fsck,
  { name }: Log,
  journal: FoundJournal,
  shared: readonly LogRecord[],
  own: readonly LogRecord[],
): Promise<void> {
  const { damaged, tail } = journal.scanned;
  const mend = ['git session fsck --repair'];
  const toRebuild: Finding[] = damaged.map(({ line, length }) =>
    fsck.found(
      'journal-damaged',
      name,
      `event log damaged at record ${line} of '${name}' (${length} bytes)`,
      mend,
    ),
  );
  const known = new Map(shared.map((r) => [`${r.clone} ${r.sequence}`, r]));
  for (const r of own) {
    const other = known.get(`${r.clone} ${r.sequence}`);
    if (other === undefined || encodeRecord(other) === encodeRecord(r)) continue;
    const what = `record ${r.sequence} of '${name}' is not the one that its segment has`;
    toRebuild.push(fsck.found('record-differs', name, what, mend));
  }
  if (tail !== null && !tail.isRecord) {
    const what = `${tail.length} bytes of an unfinished record at the end of the log of '${name}'`;
    const finding = fsck.found('journal-tail', name, what, mend);
    if (fsck.repair)
      finding.repaired = `cut off ${await cutTail(journal.file, name)} bytes, kept in ${cutFile(journal)}`;
  }
  if (!fsck.repair || toRebuild.length === 0) return;
  const { kept, records } = await rebuildJournal(journal, name, cloneId(fsck.ws.repo), shared);
  for (const finding of toRebuild) {
    finding.repaired = `written anew with ${records} records; the old file is ${kept}`;
  }
}

function cutFile({ file }: FoundJournal): string {
  return file.replace(/jsonl$/u, 'cut');
}

/**
 * What events say of the state, against the state that the events before them lead to. Where several clones wrote, an
 * event may have come too late, and each knew only a part: then nothing can be said.
 */
function checkStates({ found }: Fsck, name: string, records: readonly LogRecord[], complete: boolean): void {
  if (!complete || new Set(records.map((r) => r.clone)).size !== 1) return;
  let state: SessionState = INITIAL;
  for (const { event, sequence } of records) {
    if (event.type === 'checkpoint-saved') {
      const { state: said, resumable } = event.data;
      if (said !== state.name || resumable === isFinal(state.name)) {
        const what = `record ${sequence} of '${name}' says ${said}, and its events lead to ${state.name}`;
        found('state-differs', name, what, ['look at it: git session events --json']);
      }
    }
    const next = transition(state, event);
    if (next === null) {
      const what = `record ${sequence} of '${name}': ${event.type} is no event of a session that is ${state.name}`;
      found('event-refused', name, what, ['it counts for nothing; look at it: git session events --json']);
    }
    state = next ?? state;
  }
}

/** Segments with lines that are none, and those whose objects are gone. */
async function checkSegments(
  fsck: Fsck,
  segments: readonly LogSegment[],
  journals: readonly FoundJournal[],
  catalog: Catalog,
): Promise<void> {
  const { ws, found, repair, wanted } = fsck;
  const bad: {
    ref: string;
    oid: string;
    name: string;
    remote: string | null;
    code: string;
    message: string;
  }[] = segments
    .filter((s) => s.damaged > 0)
    .map((s) => ({ ...s, code: 'segment-damaged', message: `${s.damaged} damaged lines in ${s.ref}` }));
  const refs = (await listRefs(ws.repo.git, ['refs/sessions', 'refs/remote-sessions'])).flatMap((ref) => {
    const parsed = ref.symbolic ? null : parseSessionRef(ref.name);
    return parsed?.kind === 'events' && wanted(parsed.name, null) ? [{ ...ref, parsed }] : [];
  });
  const blobs = await readObjects(
    ws.repo.git,
    refs.map(({ oid }) => oid),
  );
  for (const [i, { name: ref, oid, parsed }] of refs.entries()) {
    if (blobs[i] !== null) continue;
    const { name, remote } = parsed;
    bad.push({
      ref,
      oid,
      name,
      remote,
      code: 'segment-missing',
      message: `the object of ${ref} can't be read`,
    });
  }
  for (const { ref, oid, name, remote, code, message } of bad) {
    const finding = found(code, name, message, ['where another clone has it: git session fetch']);
    if (!repair) continue;
    await takeAside(ws.repo, [{ ref, oid }], fsck.kept);
    finding.repaired = `taken out of the session; kept in ${path.join(fsck.kept, 'refs')}`;
    if (remote !== null || !ref.startsWith(SESSIONS)) continue;
    const others = segments.filter((s) => s.ref !== ref);
    finding.repaired += `; ${await writeAgain(fsck, name, others, journals, catalog)}`;
  }
}

/** What the journals of this clone still have of a segment goes into a new one. */
async function writeAgain(
  { ws: { repo } }: Fsck,
  name: string,
  others: readonly LogSegment[],
  journals: readonly FoundJournal[],
  catalog: Catalog,
): Promise<string> {
  const sessions = new Set(
    others.filter((s) => s.name === name).flatMap((s) => s.records.map((r) => r.session)),
  );
  const local = others.filter((s) => s.remote === null);
  const of = journals.filter((j) => sessions.has(j.session) || namedIn(j, name));
  const records = of.flatMap((j) => unflushed(j.scanned.records, local, cloneId(repo)));
  if (records.length > 0) await writeLogSegments(repo, name, catalog.newestId(name), records);
  return `${records.length} records of it written again`;
}

/** The event that started it says its name. */
function namedIn({ scanned }: FoundJournal, name: string): boolean {
  return scanned.records.some(({ event }) => event.type === 'started' && event.data.name === name);
}

/** Records of sessions that can't be read. Gives how many were looked at. */
export function checkRecords({ found, repair, wanted }: Fsck, records: SessionRecords): number {
  const ids = list(records.directory).filter((id) => isSessionId(id));
  let seen = 0;
  for (const id of ids) {
    const stored = records.read(id);
    if (!wanted(stored?.record.name ?? null, id)) continue;
    seen++;
    if (stored !== null) continue;
    const directory = records.directoryOf(id);
    if (list(directory).length > 0) {
      found('record-unreadable', id, `the record of session ${id} can't be read: ${directory}/record.json`, [
        'where an older version wrote it: git session migrate',
      ]);
      continue;
    }
    const finding = found('record-empty', id, `an empty record, of a start that was killed: ${directory}`);
    if (repair) finding.repaired = removeEmpty(directory);
  }
  return seen;
}

function removeEmpty(directory: string): string | null {
  try {
    rmdirSync(directory);
    return 'removed the empty folder';
  } catch {
    return null;
  }
}

/** Locks of writers that are gone. Of git's own locks nobody knows the owner: they are only told. */
export async function checkLocks({ ws: { repo }, found, repair, wanted }: Fsck): Promise<void> {
  for (const lock of findDeadLocks(journalDirectory(repo.commonDir))) {
    const session = path.basename(lock.file).split('.')[0]!;
    if (!wanted(null, session)) continue;
    const finding = found(
      'lock-dead',
      session,
      `process ${lock.pid} is gone, and left its lock: ${lock.file}`,
      ['the next writer removes it, and so does: git session fsck --repair'],
    );
    if (!repair) continue;
    try {
      await removeDeadLock(lock);
      finding.repaired = 'removed';
    } catch (error) {
      if (!(error instanceof FileProblemError)) throw error;
    }
  }
  if (!wanted(null, null)) return;
  for (const lock of (await findLeftovers(repo, isRunning)).locks) {
    found('git-lock', lock, `${lock} was left by a git that did not end well`, [
      `if no other git is running: rm ${lock}`,
    ]);
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
