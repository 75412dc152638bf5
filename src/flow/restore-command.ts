import { existsSync } from 'node:fs';
import path from 'node:path';
import { shellWord } from '../session/command-line.ts';
import { FileProblemError, SessionError, UnknownRefError } from '../session/errors.ts';
import { commandIsOver, endedForGood, isSessionId } from '../session/live.ts';
import type { RestorePlan } from '../session/plan.ts';
import type { Snapshot } from '../session/schema.ts';
import { fromText } from '../session/text.ts';
import { jobRuns, readJob } from '../process/job.ts';
import { journalDirectory } from '../store/journal.ts';
import { journalState } from '../store/journal-state.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { readCatalog, readSnapshots } from '../store/sessions.ts';
import type { Tmux } from '../tmux/tmux.ts';
import { restorableEnvironment } from '../trust/environment.ts';
import { adopt } from './adopt.ts';
import type { Consent } from './consent.ts';
import { askTmux, type LiveView, readLiveWorld } from './live.ts';
import { load, type Loaded, tmuxNameOf } from './load.ts';
import { restore, restoreTogether } from './restore.ts';
import type { RestoreResult } from './restore-result.ts';
import { preview, type RestoreOptions } from './restore-plan.ts';
import { openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

/** What the user said after `--worktree`: nothing, the flag alone, or a path. */
type WorktreeOption = string | boolean | undefined;

export async function restoreOne(
  ref: string,
  options: RestoreOptions,
  worktree: WorktreeOption,
): Promise<{ result: RestoreResult; tmux: Tmux }> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const saved = await loadKnown(ws, ref);
  const stored = recordOf(ws, saved.snapshot);
  const loaded = { ...saved, asNew: options.as === null && isOver(stored) };
  const result = await restore(ws, loaded, { ...options, worktree: worktreePath(ws, loaded, worktree) });
  await recordNew(ws, [options.as === null ? loaded : { ...loaded, asNew: true }], [result]);
  // A person has ended it, and now it lives again.
  if (stored !== null && options.as === null && !loaded.asNew)
    new SessionRecords(ws.repo).unmarkEnded(stored);
  return { result, tmux: ws.tmux };
}

/** As `load`; of a session that has a record and was never saved, the error says what else there is of it. */
async function loadKnown(ws: Workspace, ref: string): Promise<Loaded> {
  try {
    return await load(ws, ref);
  } catch (error) {
    if (!(error instanceof UnknownRefError)) throw error;
    const { views } = await readLiveWorld(ws.repo, ws.tmux);
    const own = views.filter((v) => v.stored !== null && (v.id === ref || v.names.includes(ref)));
    const { snapshots } = await readCatalog(ws.repo.git);
    const view = own.find((v) => v.tmux !== null) ?? own.at(-1);
    // `work~9` and `work/<id>` are of a session that is saved.
    if (view === undefined || snapshots.some((s) => s.remote === null && s.name === view.name)) throw error;
    throw neverSaved(ref, view);
  }
}

function neverSaved(ref: string, view: LiveView): UnknownRefError {
  const word = shellWord(ref);
  const isAlive = view.tmux !== null;
  return new UnknownRefError(`'${ref}' was never saved`, [
    ...(isAlive ? [`it is alive: git session attach ${word}`] : []),
    `what it printed: git session history ${word}`,
    ...(isAlive ? [] : [`go on with a shell: git session attach ${word}`]),
  ]);
}

export interface Preview {
  label: string;
  plan: RestorePlan;
  consent: Consent;
  /** The variables that an approval would set. */
  env: Snapshot['env'];
}

/** What this clone knows of the saved session's life in tmux. */
function recordOf(ws: Workspace, { session: { id } }: Snapshot): StoredRecord | null {
  return isSessionId(id) ? new SessionRecords(ws.repo).read(id) : null;
}

function isOver(stored: StoredRecord | null): boolean {
  if (stored === null) return false;
  const job = readJob(stored.directory);
  return commandIsOver({ kind: stored.record.kind, job, jobRuns: jobRuns(job) });
}

/** What came back as a new session gets a record: lists and the next save would take it for the old one, by its name. */
async function recordNew(
  ws: Workspace,
  loaded: readonly Loaded[],
  results: readonly RestoreResult[],
): Promise<void> {
  const labels = new Set(loaded.filter((l) => l.asNew === true).map((l) => l.label));
  const made = results.filter((r) => labels.has(r.label));
  if (made.length === 0) return;
  const { server } = await askTmux(ws.tmux);
  for (const { tmuxId, warnings } of made) {
    const session = server?.sessions.find((s) => s.id === tmuxId);
    try {
      if (session !== undefined) await adopt(ws, session);
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      warnings.push(`it has no record: ${error.message}`);
    }
  }
}

/** The plan of one restore, or of `--all` (`ref` is null). Changes nothing. */
export async function previewAll(
  ref: string | null,
  options: RestoreOptions,
  worktree: WorktreeOption,
): Promise<{ previews: Preview[]; left: Left }> {
  const ws = await openWorkspace();
  const { ask: _, ...quiet } = options;
  const { loaded, left } =
    ref === null ? await notAlive(ws) : { loaded: [await loadKnown(ws, ref)], left: NOTHING_LEFT };
  const previews: Preview[] = [];
  for (const one of loaded) {
    const made = await preview(ws, one, { ...quiet, worktree: worktreePath(ws, one, worktree) });
    const { set } = restorableEnvironment(one.snapshot.env, { allow: [], approved: true });
    previews.push({ label: one.label, ...made, env: { ...set } });
  }
  return { previews, left };
}

/** What a restore of all does not restore. */
export interface Left {
  /** How many are saved. */
  saved: number;
  /** How many of these have ended for good. */
  ended: number;
  /** What the list calls those that tmux took along when it went away, and of which there is no snapshot. */
  neverSaved: string[];
}

const NOTHING_LEFT: Left = { saved: 0, ended: 0, neverSaved: [] };

export interface Failure {
  name: string;
  error: SessionError;
}

/**
 * Restores the newest local snapshot of every session that is not alive and has not ended for good: those that tmux
 * took along when it went away. One that fails does not stop the others. Commit and work are restored where all of them agree on them: a worktree has one HEAD.
 */
export async function restoreAll(
  options: RestoreOptions,
): Promise<{ results: RestoreResult[]; failures: Failure[]; notes: string[]; left: Left }> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const { loaded, failures, left } = await notAlive(ws);
  const notes: string[] = [];
  const agree = new Set(loaded.map(({ snapshot: { git } }) => `${git.head} ${git.work}`)).size <= 1;
  if (!agree && options.git) {
    notes.push('the sessions were saved with different commits or work: the worktree was left as it is');
  }
  const done = await restoreTogether(ws, loaded, { ...options, git: options.git && agree });
  failures.push(...done.failures.map(({ loaded: { label }, error }) => ({ name: label, error })));
  await recordNew(ws, loaded, done.results);
  return { results: done.results, failures, notes, left };
}

async function notAlive(ws: Workspace): Promise<{ loaded: Loaded[]; failures: Failure[]; left: Left }> {
  const catalog = await readCatalog(ws.repo.git);
  const newest = new Map(catalog.snapshots.filter((s) => s.remote === null).map((s) => [s.name, s]));
  const { views, server, problem } = await readLiveWorld(ws.repo, ws.tmux);
  if (problem !== null) throw problem;
  const live = new Set((server?.sessions ?? []).map((s) => s.name.toString('latin1')));
  const read = await readSnapshots(ws.repo.git, [...newest.values()]);
  const loaded: Loaded[] = [];
  const failures: Failure[] = [];
  const saved = new Set(newest.keys());
  let ended = 0;
  for (const r of read) {
    if ('error' in r) {
      failures.push({ name: r.stored.name, error: r.error });
      continue;
    }
    const [, ...group] = r.snapshot.tmux.sessions.map((s) => fromText(s.name).toString('latin1'));
    const own = fromText(tmuxNameOf({ ...r, catalog })).toString('latin1');
    saved.add(r.snapshot.session.id);
    if (live.has(own)) continue;
    const record = recordOf(ws, r.snapshot);
    if (record !== null && hasEnded(ws, record)) {
      ended++;
      continue;
    }
    // The other members of a group come with the first of them.
    for (const name of [own, ...group]) live.add(name);
    const label = `${r.stored.name}/${r.stored.id}`;
    loaded.push({
      snapshot: r.snapshot,
      bytes: r.bytes,
      oid: r.stored.oid,
      stored: r.stored,
      label,
      catalog,
      asNew: isOver(record),
    });
  }
  const neverSaved = views.filter((v) => isLost(ws, v) && !saved.has(v.id!) && !saved.has(v.name));
  return {
    ...{ loaded, failures },
    left: { saved: newest.size, ended, neverSaved: calledNow(neverSaved, live) },
  };
}

/** Its tmux session went away, and neither a person nor its own end did that. */
function isLost(ws: Workspace, { stored, tmux, job }: LiveView): boolean {
  if (stored === null || tmux !== null || jobRuns(job) || hasEnded(ws, stored)) return false;
  return stored.record.kind !== 'run' || job !== null;
}

/** One whose name another one has by now is not missed. */
function calledNow(views: readonly LiveView[], live: ReadonlySet<string>): string[] {
  const missed = views.filter((v) => !live.has(Buffer.from(v.name).toString('latin1')));
  return [...new Set(missed.map((v) => v.stored!.record.identifier))];
}

function hasEnded({ repo }: Workspace, { record: { kind, id }, directory, ended }: StoredRecord): boolean {
  const log = journalState(journalDirectory(repo.commonDir), id);
  return endedForGood({ kind, ended, log, job: readJob(directory) });
}

/** The path of the new worktree: the user's own, or a place beside the repository. Never the snapshot's (C18). */
function worktreePath(ws: Workspace, loaded: Loaded, option: WorktreeOption): string | null {
  if (option === undefined || option === false) return null;
  const top = ws.repo.workTree ?? ws.repo.gitDir;
  const slug = (loaded.stored?.name ?? loaded.snapshot.session.name).replaceAll('/', '-');
  const made =
    option === true
      ? path.join(path.dirname(top), `${path.basename(top)}.sessions`, `${slug}-${loaded.oid.slice(0, 8)}`)
      : path.resolve(option);
  if (existsSync(made) && option === true) {
    throw new FileProblemError(`the worktree ${made} exists already`, [
      'name another place: --worktree=<path>',
    ]);
  }
  return made;
}
