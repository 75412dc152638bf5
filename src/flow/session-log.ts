import { fold, type AppliedRecord, missingRecords } from '../session/event-log.ts';
import { INITIAL, isFinal, type SessionEvent, type SessionState } from '../session/lifecycle.ts';
import { isSessionId } from '../session/live.ts';
import { checkName, isSessionName, nameFromTmux } from '../session/names.ts';
import { progressOf, type Progress, summaryOf } from '../session/progress.ts';
import { setting } from '../session/settings.ts';
import { SessionError, UnknownRefError, UsageError } from '../session/errors.ts';
import { cloneId } from '../store/clone.ts';
import { Journal, journalDirectory, journalFile, type Wanted } from '../store/journal.ts';
import {
  type LogSegment,
  readLogSegments,
  recordsOf,
  unflushed,
  writeLogSegments,
} from '../store/log-segments.ts';
import type { StoredRecord } from '../store/records.ts';
import { type Catalog, readCatalog, readSnapshots } from '../store/sessions.ts';
import { type LiveView, readLiveWorld } from './live.ts';
import { observe } from './observers.ts';
import { oneSession } from './one-session.ts';
import type { Workspace } from './workspace.ts';

/** The log of one session, with what else this clone knows of it. */
export interface SessionLog {
  ws: Workspace;
  /** UUID. */
  id: string;
  /** Below which its refs are. */
  name: string;
  /** Null where the session was never alive here. */
  view: LiveView | null;
  journal: Journal;
  segments: LogSegment[];
}

/**
 * The log of the session that a word means: of those alive or recorded here, else of those saved or fetched. Without a
 * word it is the session that this runs in. Reads only. Throws UnknownRefError and AmbiguousRefError.
 */
export async function openLog(ws: Workspace, word: string | null): Promise<SessionLog> {
  const world = await readLiveWorld(ws.repo, ws.tmux, undefined, null);
  const current = word === null ? world.views.find((v) => v.current) : undefined;
  if (word === null && current === undefined) throw new UsageError('not inside tmux: which session?');
  const view = current ?? (await oneSession(ws, world, word!));
  if (view?.stored != null) return openLogOf(ws, view.stored, view);
  const catalog = await readCatalog(ws.repo.git);
  const saved = await savedSession(ws, catalog, view?.name ?? word!, view?.id ?? null);
  if (saved === null) throw noLog(word ?? view!.name);
  return opened(ws, saved.id, saved.name, view);
}

/** The log of a session that has a record here; `all`: the segments of all names, where they were read. */
export function openLogOf(
  ws: Workspace,
  { record }: StoredRecord,
  view: LiveView | null = null,
  all: readonly LogSegment[] | null = null,
): Promise<SessionLog> {
  const name = refName(record.name);
  return opened(
    ws,
    record.id,
    name,
    view,
    all?.filter((s) => s.name === name),
  );
}

/** The log of a session that need not have a record here. */
export function openLogNamed(ws: Workspace, id: string, name: string): Promise<SessionLog> {
  return opened(ws, id, name, null);
}

/** Names of tmux sessions that were adopted need not be fit for a ref. */
export function refName(name: string): string {
  return isSessionName(name) ? name : checkName(nameFromTmux(Buffer.from(name)));
}

async function opened(
  ws: Workspace,
  id: string,
  name: string,
  view: LiveView | null,
  known?: LogSegment[],
): Promise<SessionLog> {
  const directory = journalDirectory(ws.repo.commonDir);
  const near = { file: journalFile(directory, id), format: ws.repo.objectFormat };
  const segments = known ?? (await readLogSegments(ws.repo.git, new Set([name]), near));
  const journal = new Journal({
    ...{ directory, session: id, name },
    clone: ownId(ws),
    durable: setting(ws.config, 'fsync') === 'always',
    ...{ known: recordsOf(segments, id), segments },
  });
  return { ws, id, name, view, journal, segments };
}

/** Where nothing can be written, reading goes on: it needs no id. */
function ownId({ repo }: Workspace): string {
  try {
    return cloneId(repo);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return '';
  }
}

async function savedSession(
  ws: Workspace,
  catalog: Catalog,
  word: string,
  id: string | null,
): Promise<{ id: string; name: string } | null> {
  const stored = catalog.snapshots.findLast(
    (s) => s.name === word || (s.remote !== null && `${s.remote}/${s.name}` === word),
  );
  if (stored !== undefined) {
    const [read] = await readSnapshots(ws.repo.git, [stored]);
    if (read !== undefined && 'snapshot' in read) return { id: read.snapshot.session.id, name: stored.name };
  }
  const segments = await readLogSegments(ws.repo.git);
  const all = segments.flatMap((s) => s.records);
  const deleted = new Set(all.flatMap((r) => (r.event.type === 'deleted' ? [r.session] : [])));
  const isMeant = (session: string) =>
    session === (id ?? word) || (isIdPart(word) && session.startsWith(word));
  for (const { name, remote, records } of segments.toReversed()) {
    const isNamed = name === word || (remote !== null && `${remote}/${name}` === word);
    const record = records.findLast(
      (r) => isSessionId(r.session) && !deleted.has(r.session) && (isNamed || isMeant(r.session)),
    );
    if (record !== undefined) return { id: record.session, name };
  }
  return null;
}

function isIdPart(word: string): boolean {
  return /^[0-9a-f-]{4,36}$/u.test(word);
}

function noLog(word: string): UnknownRefError {
  return new UnknownRefError(`no session '${word}'`, [
    'see which there are: git session list',
    `make it: git session create ${word}`,
  ]);
}

/** All records, with what each did. */
export function appliedOf({ journal }: SessionLog): AppliedRecord[] {
  return fold(journal.records).applied;
}

export function progressOfLog(log: SessionLog, nowMs = Date.now()): Progress {
  return progressOf(log.journal.records, nowMs);
}

/** What a person should know of the log's own health. Every command that reads a log prints these as warnings. */
export function logWarnings({ journal, name, segments }: SessionLog): string[] {
  const fsck = "run 'git session fsck'";
  const said: string[] = [];
  const [first] = journal.damaged;
  if (first !== undefined) said.push(`event log damaged at record ${first.line} of '${name}'; ${fsck}`);
  if (journal.cut > 0) said.push(`event log: dropped ${journal.cut} bytes of an unfinished record`);
  else if (journal.tail?.isRecord === false)
    said.push(`event log: ignored ${journal.tail.length} bytes of an unfinished record`);
  const bad = segments.find((s) => s.damaged > 0 && s.name === name);
  if (bad !== undefined) said.push(`event log damaged in segment ${bad.ref}; ${fsck}`);
  const missing = missingRecords(journal.records).reduce((n, gap) => n + gap.to - gap.from + 1, 0);
  if (missing > 0) said.push(`event log of '${name}': records missing: ${missing}; ${fsck}`);
  return said;
}

/**
 * The one way in which a command appends events: as `journal.append`, and the program of `session.onEvent` is told of
 * them when they are in the file. Throws what `append` throws; the program can't make it fail.
 */
export async function record(log: SessionLog, wanted: Wanted): Promise<AppliedRecord[]> {
  let before: SessionState = INITIAL;
  const appended = await log.journal.append((state, records) => {
    before = state;
    return typeof wanted === 'function' ? wanted(state, records) : wanted;
  });
  observe(log.ws.config, { id: log.id, name: log.name }, appended, before);
  return appended;
}

/**
 * For a command that shows a log: what has happened meanwhile is written down first, where that can be done. Told are
 * the reasons why it could not, and what a person should know of the log's health.
 */
export async function readLog(
  ws: Workspace,
  word: string | null,
): Promise<{ log: SessionLog; warnings: string[] }> {
  const log = await openLog(ws, word);
  const problems: string[] = [];
  try {
    if (setting(ws.config, 'enabled')) await reconcile(log);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    problems.push(`the end of '${log.name}' can't be written down: ${error.message}`);
  }
  return { log, warnings: [...problems, ...logWarnings(log)] };
}

/**
 * Writes down what has happened to a session since somebody last looked: that the command of a `run` has ended, or that
 * the session was killed. Gives the records that are new.
 */
export async function reconcile(log: SessionLog): Promise<AppliedRecord[]> {
  const event = endOf(log);
  if (event === null || isFinal(log.journal.state.name)) return [];
  // Another command may have been faster.
  return record(log, (state) => (isFinal(state.name) || state.name === 'created' ? [] : [event]));
}

function endOf(log: SessionLog): SessionEvent | null {
  const { stored, job } = log.view ?? {};
  if (stored?.record.kind === 'run' && job?.state === 'exited') {
    return job.exitCode === 0
      ? { type: 'completed', data: { summary: summaryOf(progressOfLog(log)) } }
      : { type: 'failed', data: { error: `exit code ${job.exitCode ?? 'unknown'}` } };
  }
  return stored?.ended?.how === 'killed' ? { type: 'failed', data: { error: 'killed' } } : null;
}

/** Puts what the journal has and no segment of this clone into a new segment. Gives how many records went there. */
export async function flush(log: SessionLog): Promise<number> {
  const { ws, name, journal } = log;
  log.segments = await readLogSegments(ws.repo.git, new Set([name]));
  const records = unflushed(journal.records, log.segments, cloneId(ws.repo));
  if (records.length === 0) return 0;
  const catalog = await readCatalog(ws.repo.git);
  await writeLogSegments(ws.repo, name, catalog.newestId(name), records);
  return records.length;
}
