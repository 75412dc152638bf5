import { SessionError, UnknownRefError } from '../session/errors.ts';
import { isSessionId } from '../session/live.ts';
import { isSessionName, parseSessionRef, REMOTE_SESSIONS, SESSIONS } from '../session/names.ts';
import { listRefs, type Ref } from '../git/refs.ts';
import { readLogSegments } from '../store/log-segments.ts';
import { removeNoteLines } from '../store/note-lines.ts';
import { deleteRefs, deleteSnapshots } from '../store/remove.ts';
import { defaultRemote, listRemoteRefs, pushRefs, requireRemote } from '../store/remotes.ts';
import { SessionRecords } from '../store/records.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import { type Catalog, readCatalog, readSnapshots, type StoredSnapshot } from '../store/sessions.ts';
import { type ForgottenLog, forgetLogs } from './forget-log.ts';
import { planLiveRemoval, removeLive, type RemovedRecord } from './remove-live.ts';
import { refName } from './session-log.ts';
import { pushNotes } from './share.ts';
import { identity, openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

export interface DeleteOptions {
  refs: string[];
  /** A remote's name, true for the default one, undefined for this clone only. */
  remote: string | boolean | undefined;
  /** Also where terminals show the session. */
  force: boolean;
}

export interface Deleted {
  name: string;
  /** The name that the newest snapshot itself holds: another one after a rename. */
  savedAs: string;
  /** Oldest first. */
  snapshots: { id: string; oid: string; context: string | null }[];
  /** The whole session went, not some of its snapshots. */
  whole: boolean;
}

export interface DeleteResult {
  deleted: Deleted[];
  /** Sessions that lived here and had ended. */
  records: RemovedRecord[];
  foreign: { ref: string; oid: string }[];
  remote: { name: string; deleted: string[]; rejected: { ref: string; reason: string }[] } | null;
  warnings: string[];
}

export async function remove(options: DeleteOptions): Promise<DeleteResult> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const remote = await remoteOf(ws, options.remote);
  const catalog = await readCatalog(ws.repo.git);
  const there = remote === null ? [] : await onRemote(ws, remote, options.refs);
  const isSaved = (ref: string) => [...catalog.snapshots, ...there].some((s) => s.name === ref);
  const savedIds = (ref: string) => idsOf(ws, catalog, ref);
  const live = await planLiveRemoval(ws, options.refs, { isSaved, savedIds, force: options.force });
  const logged = await loggedOnly(
    ws,
    options.refs.filter((ref) => !isSaved(ref) && !live.refs.has(ref)),
  );
  const refs = options.refs.filter((ref) => isSaved(ref) || !(live.refs.has(ref) || logged.has(ref)));
  const { snapshots, foreign, elsewhere } = select(catalog, refs, remote, there);
  const result: DeleteResult = {
    deleted: [],
    records: [],
    foreign: [],
    remote: null,
    warnings: live.warnings,
  };
  result.deleted = await describe(ws, catalog, snapshots);
  const ids = new Map<string, Set<string>>();
  for (const { name, whole } of result.deleted) if (whole) ids.set(name, await idsOf(ws, catalog, name));
  const tombstones = await deleteSnapshots(ws.repo, catalog, [...snapshots, ...elsewhere]);
  await deleteRefs(ws.repo, foreign);
  result.foreign = foreign.map((r) => ({ ref: r.name, oid: r.oid }));
  const gone = [...snapshots, ...elsewhere];
  try {
    await removeNoteLines(ws.repo, identity(ws.config), gone);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    result.warnings.push(`deleted, but the lines in the CRQ notes stay: ${error.message}`);
  }
  result.records = await removeLive(ws, live);
  for (const [name, ids] of logged) {
    result.records.push(...ids.map((id) => ({ id, name, history: null })));
  }
  const forgotten = await forgetLogs(ws, await goneSessions(ws, result, ids), result.warnings);
  if (remote !== null) result.remote = await removeFrom(ws, remote, gone, tombstones, forgotten);
  return result;
}

/** Names below which there is nothing but logs, with the ids of the sessions that they are of. */
async function loggedOnly(ws: Workspace, refs: readonly string[]): Promise<Map<string, string[]>> {
  const names = refs.filter(isSessionName);
  if (names.length === 0) return new Map();
  const segments = await readLogSegments(ws.repo.git, new Set(names));
  const stored = new SessionRecords(ws.repo);
  const records = segments.flatMap((s) => s.records);
  const deleted = new Set(records.flatMap((r) => (r.event.type === 'deleted' ? [r.session] : [])));
  const isLeft = (id: string) => isSessionId(id) && !deleted.has(id) && stored.read(id) === null;
  const found = new Map<string, string[]>();
  for (const name of names) {
    const own = segments.filter((s) => s.remote === null && s.name === name).flatMap((s) => s.records);
    const ids = [...new Set(own.map((r) => r.session))].filter(isLeft);
    if (ids.length > 0) found.set(name, ids);
  }
  return found;
}

/** Sessions of which nothing is left here but the log, with the names below which it is. */
async function goneSessions(
  ws: Workspace,
  { deleted, records }: DeleteResult,
  ids: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<Map<string, string>> {
  const stored = new SessionRecords(ws.repo);
  const { snapshots } = await readCatalog(ws.repo.git);
  const isSaved = (name: string) => snapshots.some((s) => s.remote === null && s.name === name);
  const gone = new Map<string, string>();
  for (const { id, name } of records) if (!isSaved(refName(name))) gone.set(id, refName(name));
  for (const { name } of deleted.filter((d) => d.whole)) {
    for (const id of ids.get(name) ?? []) if (stored.read(id) === null) gone.set(id, name);
  }
  return gone;
}

async function idsOf(ws: Workspace, { snapshots }: Catalog, name: string): Promise<Set<string>> {
  const own = snapshots.filter((s) => s.remote === null && s.name === name);
  const read = await readSnapshots(ws.repo.git, own);
  return new Set(read.flatMap((r) => ('snapshot' in r ? [r.snapshot.session.id] : [])));
}

async function remoteOf(ws: Workspace, option: DeleteOptions['remote']): Promise<string | null> {
  if (option === undefined || option === false) return null;
  if (option === true) return defaultRemote(ws.repo.git, ws.config, 'push');
  return requireRemote(ws.config, option);
}

interface Selection {
  snapshots: StoredSnapshot[];
  foreign: Ref[];
  /** Those that only the remote has. */
  elsewhere: StoredSnapshot[];
}

/** Snapshots that the remote has at this moment of the sessions that are named, hidden ones too. */
async function onRemote(ws: Workspace, remote: string, names: string[]): Promise<StoredSnapshot[]> {
  const found: StoredSnapshot[] = [];
  for (const name of names.filter(isSessionName)) {
    for (const ref of await listRemoteRefs(ws.repo.git, remote, `${SESSIONS}${name}/`)) {
      const parsed = parseSessionRef(ref);
      if (parsed?.name !== name || parsed.kind !== 'snapshot') continue;
      found.push({ ref, name, remote, id: parsed.id, oid: '', size: -1, context: null });
    }
  }
  return found;
}

/** A session's name means all its snapshots; everything else means one. */
function select(
  catalog: Catalog,
  refs: string[],
  remote: string | null,
  onRemote: StoredSnapshot[],
): Selection {
  const chosen = {
    snapshots: new Set<StoredSnapshot>(),
    foreign: new Set<Ref>(),
    elsewhere: new Set<StoredSnapshot>(),
  };
  for (const ref of refs) {
    const named = catalog.snapshots.filter((s) => s.name === ref && s.remote === null);
    const there = onRemote.filter((s) => s.name === ref);
    if (named.length + there.length > 0) {
      const known = new Set(named.map((s) => s.id));
      for (const s of named) chosen.snapshots.add(s);
      for (const s of there) if (!known.has(s.id)) chosen.elsewhere.add(s);
      continue;
    }
    const foreign = foreignBy(catalog, ref);
    try {
      const one = resolveSnapshot(catalog, ref);
      if (one.remote === null) chosen.snapshots.add(one);
      else if (one.remote === remote) chosen.elsewhere.add(one);
      else throw notLocal(one);
    } catch (error) {
      if (!(error instanceof UnknownRefError) || foreign.length === 0) throw error;
      for (const r of foreign) chosen.foreign.add(r);
    }
  }
  return { snapshots: [...chosen.snapshots], foreign: [...chosen.foreign], elsewhere: [...chosen.elsewhere] };
}

function notLocal(s: StoredSnapshot): UnknownRefError {
  return new UnknownRefError(`'${s.name}' is a copy of the session on '${s.remote}', not one of this clone`, [
    `to delete it there: git session delete --remote=${s.remote} ${s.name}`,
  ]);
}

/** Refs below refs/sessions that are not ours have no name that we would print bare: their object's id is it. */
function foreignBy(catalog: Catalog, ref: string): Ref[] {
  if (!/^[0-9a-f]{4,64}$/u.test(ref)) return [];
  return catalog.foreign.filter((r) => r.name.startsWith(SESSIONS) && r.oid.startsWith(ref));
}

async function describe(ws: Workspace, catalog: Catalog, snapshots: StoredSnapshot[]): Promise<Deleted[]> {
  const deleted: Deleted[] = [];
  for (const name of new Set(snapshots.map((s) => s.name))) {
    const own = snapshots.filter((s) => s.name === name).toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const [newest] = await readSnapshots(ws.repo.git, own.slice(-1));
    deleted.push({
      name,
      savedAs: newest !== undefined && 'snapshot' in newest ? newest.snapshot.session.name : name,
      snapshots: own.map(({ id, oid, context }) => ({ id, oid, context })),
      whole: own.length === catalog.snapshots.filter((s) => s.remote === null && s.name === name).length,
    });
  }
  return deleted;
}

/** The remote gets the tombstone, and loses the refs that it has. */
async function removeFrom(
  ws: Workspace,
  remote: string,
  gone: StoredSnapshot[],
  tombstones: string[],
  logs: readonly ForgottenLog[],
): Promise<DeleteResult['remote']> {
  const flags = { dryRun: false, verify: true, atomic: false };
  const there: string[] = [];
  for (const name of new Set(gone.map((s) => s.name))) {
    const has = new Set(await listRemoteRefs(ws.repo.git, remote, `${SESSIONS}${name}/`));
    const refs = gone
      .filter((s) => s.name === name)
      .flatMap((s) => ['snapshot', 'context'].map((kind) => `${SESSIONS}${name}/${s.id}/${kind}`));
    there.push(...refs.filter((ref) => has.has(ref)));
  }
  const segments = new Set(logs.flatMap((log) => log.refs));
  if (segments.size > 0) {
    const has = await listRemoteRefs(ws.repo.git, remote, SESSIONS);
    there.push(...has.filter((ref) => segments.has(ref)));
  }
  const said = [...tombstones, ...logs.flatMap((log) => log.tombstone ?? [])];
  const report = await pushRefs(
    ws.repo.git,
    remote,
    [...said.map((ref) => `${ref}:${ref}`), ...there.map((ref) => `:${ref}`)],
    flags,
  );
  await pushNotes(ws, remote, flags);
  const deleted = report.refs.filter((r) => r.status === 'deleted').map((r) => r.ref);
  // A push drops our copies of what it deleted only where `git session init` was run.
  const copies = new Set(deleted.map((ref) => `${REMOTE_SESSIONS}${remote}/${ref.slice(SESSIONS.length)}`));
  const left = await listRefs(ws.repo.git, [`${REMOTE_SESSIONS}${remote}`]);
  await deleteRefs(
    ws.repo,
    left.filter((r) => copies.has(r.name)),
  );
  return {
    name: remote,
    deleted,
    rejected: report.refs.filter((r) => r.status === 'rejected').map(({ ref, reason }) => ({ ref, reason })),
  };
}
