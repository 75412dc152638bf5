import { existsSync } from 'node:fs';
import path from 'node:path';
import { FileProblemError, NoServerError, SessionError } from '../session/errors.ts';
import { commandIsOver, endedForGood, isSessionId } from '../session/live.ts';
import type { RestorePlan } from '../session/plan.ts';
import type { Snapshot } from '../session/schema.ts';
import { fromText } from '../session/text.ts';
import { jobRuns, readJob } from '../process/job.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { readCatalog, readSnapshots } from '../store/sessions.ts';
import { listSessions } from '../tmux/capture.ts';
import type { Tmux } from '../tmux/tmux.ts';
import { restorableEnvironment } from '../trust/environment.ts';
import { adopt } from './adopt.ts';
import type { Consent } from './consent.ts';
import { askTmux } from './live.ts';
import { load, type Loaded, tmuxNameOf } from './load.ts';
import { restore, type RestoreResult, restoreTogether } from './restore.ts';
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
  const saved = await load(ws, ref);
  const stored = recordOf(ws, saved.snapshot);
  const loaded = { ...saved, asNew: options.as === null && isOver(stored) };
  const result = await restore(ws, loaded, { ...options, worktree: worktreePath(ws, loaded, worktree) });
  await recordNew(ws, [loaded], [result]);
  // A person has ended it, and now it lives again.
  if (stored !== null && options.as === null && !loaded.asNew)
    new SessionRecords(ws.repo).unmarkEnded(stored);
  return { result, tmux: ws.tmux };
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
): Promise<{ previews: Preview[]; leftOut: number }> {
  const ws = await openWorkspace();
  const { ask: _, ...quiet } = options;
  const { loaded, leftOut } =
    ref === null ? await notAlive(ws) : { loaded: [await load(ws, ref)], leftOut: 0 };
  const previews: Preview[] = [];
  for (const one of loaded) {
    const made = await preview(ws, one, { ...quiet, worktree: worktreePath(ws, one, worktree) });
    const { set } = restorableEnvironment(one.snapshot.env, { allow: [], approved: true });
    previews.push({ label: one.label, ...made, env: { ...set } });
  }
  return { previews, leftOut };
}

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
): Promise<{ results: RestoreResult[]; failures: Failure[]; notes: string[]; leftOut: number }> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const { loaded, failures, leftOut } = await notAlive(ws);
  const notes: string[] = [];
  const agree = new Set(loaded.map(({ snapshot: { git } }) => `${git.head} ${git.work}`)).size <= 1;
  if (!agree && options.git) {
    notes.push('the sessions were saved with different commits or work: the worktree was left as it is');
  }
  const done = await restoreTogether(ws, loaded, { ...options, git: options.git && agree });
  failures.push(...done.failures.map(({ loaded: { label }, error }) => ({ name: label, error })));
  await recordNew(ws, loaded, done.results);
  return { results: done.results, failures, notes, leftOut };
}

async function notAlive(ws: Workspace): Promise<{ loaded: Loaded[]; failures: Failure[]; leftOut: number }> {
  const catalog = await readCatalog(ws.repo.git);
  const newest = new Map(catalog.snapshots.filter((s) => s.remote === null).map((s) => [s.name, s]));
  const live = await liveNames(ws.tmux);
  const read = await readSnapshots(ws.repo.git, [...newest.values()]);
  const loaded: Loaded[] = [];
  const failures: Failure[] = [];
  let leftOut = 0;
  for (const r of read) {
    if ('error' in r) {
      failures.push({ name: r.stored.name, error: r.error });
      continue;
    }
    const [, ...group] = r.snapshot.tmux.sessions.map((s) => fromText(s.name).toString('latin1'));
    const own = fromText(tmuxNameOf({ ...r, catalog })).toString('latin1');
    if (live.has(own)) continue;
    const record = recordOf(ws, r.snapshot);
    if (record !== null && hasEnded(record)) {
      leftOut++;
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
  return { loaded, failures, leftOut };
}

function hasEnded({ record: { kind }, directory, ended }: StoredRecord): boolean {
  return endedForGood({ kind, ended, job: readJob(directory) });
}

async function liveNames(tmux: Tmux): Promise<Set<string>> {
  try {
    const { sessions } = await listSessions(tmux);
    return new Set(sessions.map((s) => s.name.toString('latin1')));
  } catch (error) {
    if (error instanceof NoServerError) return new Set();
    throw error;
  }
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
