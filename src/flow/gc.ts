import { statSync } from 'node:fs';
import path from 'node:path';
import { distinctLabels } from '../session/listed.ts';
import { compareIds, idTime, SESSIONS } from '../session/names.ts';
import { setting } from '../session/settings.ts';
import { listRefs } from '../git/refs.ts';
import { processStartTime } from '../process/identity.ts';
import { cloneId } from '../store/clone.ts';
import { findLeftovers } from '../store/leftovers.ts';
import { joinLogSegments, readLogSegments } from '../store/log-segments.ts';
import { SessionRecords } from '../store/records.ts';
import { deleteRefs } from '../store/remove.ts';
import { readCatalog, type StoredSnapshot } from '../store/sessions.ts';
import { readActivity } from '../tmux/activity.ts';
import { removeHistory, savedHistory } from './history-capture.ts';
import { forgetLogs } from './forget-log.ts';
import { type AliveView, isAlive, killSessions } from './kill.ts';
import { type LiveView, type LiveWorld, readLiveWorld, savedIds } from './live.ts';
import { maintain } from './maintain.ts';
import { remove } from './remove.ts';
import { refName } from './session-log.ts';
import { openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

export interface GcOptions {
  /** Milliseconds; null: as `session.retention` says, and no snapshots. */
  olderThan: number | null;
  /** At least 1. So many of a session's newest snapshots stay. */
  keep: number | null;
  dryRun: boolean;
}

export interface GcResult {
  /** Idle sessions that were ended. */
  ended: { id: string | null; name: string; label: string; idle: number }[];
  /** Records of ended sessions, with the files of their histories. */
  removed: { id: string; name: string; label: string; history: string | null }[];
  /** How many are as old as those, and stay because tmux still shows what they printed. */
  remaining: number;
  snapshots: { name: string; id: string; oid: string }[];
  /** What killed commands had left: refs. */
  leftovers: string[];
  /** Sessions whose logs are in fewer segments now. */
  joined: { name: string; before: number; after: number }[];
  warnings: string[];
}

export async function collect(options: GcOptions): Promise<GcResult> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const now = Date.now();
  const world = await readLiveWorld(ws.repo, ws.tmux);
  const warnings = world.problem === null ? [] : [`can't tell what is alive: ${world.problem.message}`];
  const idle = await idleSessions(ws, world, now);
  // Where tmux can't be asked, nobody knows which have ended.
  const over = world.problem === null ? oldEnded(ws, world.views, options, now) : [];
  const old = over.flatMap(({ tmux, stored }) => (tmux === null ? [stored!] : []));
  const labels = labelsOf(world.views);
  const snapshots = await oldSnapshots(ws, options, now);
  const result: GcResult = {
    ended: idle.map(({ view, idle: ms }) => ({
      ...{ id: view.id, name: view.name, label: labels.get(view.id) ?? view.name },
      idle: Math.round(ms / 1000),
    })),
    removed: old.map(({ record: { id, name }, record }) => ({
      ...{ id, name, label: labels.get(id) ?? name },
      history: savedHistory(ws.config, record),
    })),
    remaining: over.length - old.length,
    snapshots: snapshots.map(({ name, id, oid }) => ({ name, id, oid })),
    leftovers: [],
    joined: [],
    warnings,
  };
  const isAliveProcess = (pid: number) => processStartTime(pid) !== null;
  const { contexts, scratch } = await findLeftovers(ws.repo, isAliveProcess, now);
  result.leftovers = [...contexts, ...scratch];
  if (options.dryRun) return result;
  if (idle.length > 0) await end(ws, idle, result);
  const records = new SessionRecords(ws.repo);
  for (const { record } of old) {
    removeHistory(ws.config, record);
    records.remove(record.id);
  }
  const saved = old.length === 0 ? new Set<string>() : await savedIds(ws);
  const gone = old.filter(({ record }) => !saved.has(record.id));
  await forgetLogs(ws, new Map(gone.map(({ record }) => [record.id, refName(record.name)])), warnings);
  if (snapshots.length > 0) {
    const refs = snapshots.map((s) => s.ref);
    warnings.push(...(await remove({ refs, remote: undefined, force: false })).warnings);
  }
  await removeLeftovers(ws, result.leftovers);
  result.joined = await joinLogs(ws);
  maintain(ws.repo);
  return result;
}

/** Each flush leaves a segment: this clone's own ones of a session become one again. */
async function joinLogs(ws: Workspace): Promise<GcResult['joined']> {
  const [catalog, segments] = await Promise.all([readCatalog(ws.repo.git), readLogSegments(ws.repo.git)]);
  const names = [...new Set(segments.filter((s) => s.remote === null).map((s) => s.name))];
  const joined: GcResult['joined'] = [];
  for (const name of names) {
    const own = segments.filter((s) => s.name === name);
    if (own.length < 2) continue;
    const newest = catalog.newestId(name);
    const { before, after } = await joinLogSegments(ws.repo, name, own, cloneId(ws.repo), newest);
    if (after < before) joined.push({ name, before, after });
  }
  return joined;
}

async function end(ws: Workspace, idle: readonly Idle[], result: GcResult): Promise<void> {
  const { failed, warnings } = await killSessions(
    ws,
    idle.map((i) => i.view),
  );
  result.warnings.push(...warnings);
  for (const { view, message } of failed) {
    result.warnings.push(`'${view.name}' is still there: ${message}`);
    result.ended = result.ended.filter((e) => e.id !== view.id);
  }
}

interface Idle {
  view: AliveView;
  /** Milliseconds. */
  idle: number;
}

/**
 * Sessions that we made, that nobody looks at, and in which nothing has moved for the time of `session.timeout`. An
 * adopted one was somebody's own before.
 */
async function idleSessions(ws: Workspace, { views, server }: LiveWorld, now: number): Promise<Idle[]> {
  const timeout = setting(ws.config, 'timeout', process.env);
  if (timeout === null || server === null) return [];
  const unused = views.filter(isAlive).filter((v) => {
    const isMade = v.stored !== null && v.stored.record.kind !== 'adopt';
    return isMade && v.tmux.attachedClients === 0 && !v.current;
  });
  if (unused.length === 0) return [];
  const activity = await readActivity(ws.tmux);
  return unused.flatMap((view) => {
    const last = activity.get(view.tmuxId);
    // tmux counts in whole seconds.
    const idle = last === undefined ? -1 : Math.max(0, now - last * 1000);
    return idle >= timeout ? [{ view, idle }] : [];
  });
}

const OVER = ['completed', 'failed', 'terminated'];

/** What the list calls them, by their ids. */
function labelsOf(views: readonly LiveView[]): Map<string | null, string> {
  const labels = distinctLabels(
    views.map(({ name, stored }) => (stored === null ? [name] : [stored.record.identifier, name])),
  );
  return new Map(views.map(({ id }, i) => [id, labels[i]!]));
}

/** Sessions that have a record, and ended long ago. */
function oldEnded(
  ws: Workspace,
  views: readonly LiveView[],
  { olderThan }: GcOptions,
  now: number,
): LiveView[] {
  const age = olderThan ?? setting(ws.config, 'retention', process.env);
  if (age === null) return [];
  return views.filter((view) => {
    const isOver = view.stored !== null && OVER.includes(view.judgement?.status ?? '');
    return isOver && now - endOf(view) >= age;
  });
}

/** When it ended, in milliseconds; where nothing says so, when something was last written down of it. */
function endOf({ stored, job }: LiveView): number {
  if (job?.end != null) return job.end * 1000;
  const { record, ended, directory } = stored!;
  if (ended !== null) return Date.parse(ended.at);
  const files = ['output.log', 'status', 'record.json'].map(
    (name) => statSync(path.join(directory, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  return Math.max(Date.parse(record.createdAt), ...files);
}

/** Never a session's newest one. With both limits, only what is beyond both. */
async function oldSnapshots(
  ws: Workspace,
  { olderThan, keep }: GcOptions,
  now: number,
): Promise<StoredSnapshot[]> {
  if (olderThan === null && keep === null) return [];
  const { snapshots } = await readCatalog(ws.repo.git);
  const local = snapshots.filter((s) => s.remote === null);
  return [...new Set(local.map((s) => s.name))].flatMap((name) => {
    const own = local.filter((s) => s.name === name).toSorted((a, b) => compareIds(a.id, b.id));
    const beyond = own.slice(0, Math.max(0, own.length - (keep ?? 1)));
    return beyond.filter((s) => olderThan === null || now - (idTime(s.id) ?? now) >= olderThan);
  });
}

async function removeLeftovers(ws: Workspace, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  const wanted = new Set(names);
  const refs = await listRefs(ws.repo.git, [SESSIONS.slice(0, -1), 'refs/notes']);
  await deleteRefs(
    ws.repo,
    refs.filter((r) => wanted.has(r.name)),
  );
}
