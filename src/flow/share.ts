import { setTimeout as delay } from 'node:timers/promises';
import { UnknownRefError, UsageError } from '../session/errors.ts';
import { parseSessionRef, SESSIONS } from '../session/names.ts';
import { listRefs, type Ref } from '../git/refs.ts';
import {
  defaultRemote,
  fetchRefs,
  fetchRefspecs,
  type PushFlags,
  type PushReport,
  type PushStatus,
  pushRefs,
  requireRemote,
} from '../store/remotes.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import { type Catalog, CRQ_NOTES, readCatalog, type StoredSnapshot } from '../store/sessions.ts';
import { fetchFrom, type FetchResult, mergeRemoteNotes } from './fetch.ts';
import { flushAll } from './flush.ts';
import { type Held, heldBack } from './held.ts';
import { lookBeforePush } from './look.ts';
import { openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

export interface PushOptions extends PushFlags {
  remote: string | undefined;
  /** Sessions or snapshots; none: all. */
  names: string[];
  /** Push also what looks like a secret: whatever it is, or what these rules find. */
  allowSecrets: boolean;
  allow: ReadonlySet<string>;
}

export interface SharedSnapshot {
  name: string;
  id: string;
  status: PushStatus;
  reason: string;
}

export interface PushResult {
  remote: string;
  dryRun: boolean;
  snapshots: SharedSnapshot[];
  /** Events (deletions, links made later), as `<name>/<id>`. */
  events: SharedSnapshot[];
  notes: { status: PushStatus; reason: string; merged: boolean } | null;
  /** What was held back. */
  held: Held[];
  /** What the remote said. */
  said: string[];
  warnings: string[];
}

/** Pushes sessions and the CRQ notes. Each ref on its own: one that is rejected stops no other. */
export async function push(options: PushOptions): Promise<PushResult> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  return pushFrom(ws, await chooseRemote(ws, options, 'push'), options);
}

async function chooseRemote(ws: Workspace, options: PushOptions, verb: 'push' | 'fetch'): Promise<string> {
  const { remote } = options;
  if (remote === undefined) return defaultRemote(ws.repo.git, ws.config, verb);
  const known = ws.config.remotes().map((r) => r.name);
  if (!known.includes(remote) && (await readCatalog(ws.repo.git)).snapshots.some((s) => s.name === remote)) {
    throw new UsageError(`there is no remote '${remote}'`, [
      `to push the session of that name: git session push ${known[0] ?? '<remote>'} ${remote}`,
    ]);
  }
  return requireRemote(ws.config, remote);
}

async function pushFrom(ws: Workspace, remote: string, options: PushOptions): Promise<PushResult> {
  const { git } = ws.repo;
  const result = emptyResult(remote, options.dryRun);
  // What is only in the journals would stay here.
  if (!options.dryRun) result.warnings.push(...(await flushAll(ws)).warnings);
  const catalog = await readCatalog(git);
  const all = (await listRefs(git, [SESSIONS.slice(0, -1)])).filter((r) => r.name.startsWith(SESSIONS));
  const chosen = await chooseRefs(ws, catalog, remote, all, options, result);
  const heldNotes = result.held.some(({ kind }) => kind === 'notes');
  // One pattern where nothing is left out: any number of sessions fits into one command line.
  const sessions =
    chosen.length === all.length ? [`${SESSIONS}*:${SESSIONS}*`] : chosen.map((r) => `${r}:${r}`);
  const notes = catalog.notes === null || heldNotes ? [] : [NOTES_REFSPEC];
  const refspecs = [...(all.length === 0 ? [] : sessions), ...notes];
  if (refspecs.length === 0) return result;
  if (options.atomic) {
    await pushTogether(ws, result, refspecs, options);
    return result;
  }
  let report = await pushRefs(git, remote, refspecs, options);
  if (report.refs.some((r) => r.reason === HOOK)) {
    report = await pushOneByOne(ws, remote, chosen, notes, options, report);
  }
  record(result, report);
  if (isBehind(result) && !options.dryRun) await mergeAndPushNotes(ws, result, options);
  return result;
}

/** All or nothing: the notes must fit before, as theirs would stop the sessions too. */
async function pushTogether(
  ws: Workspace,
  result: PushResult,
  refspecs: string[],
  flags: PushFlags,
): Promise<void> {
  for (let attempt = 1; attempt <= TRIES; attempt++) {
    let merged = false;
    if (refspecs.includes(NOTES_REFSPEC) && !flags.dryRun) {
      await fetchRefs(ws.repo.git, result.remote, [fetchRefspecs(result.remote).notes], false);
      merged = await mergeRemoteNotes(ws, result.remote);
    }
    const report = await pushRefs(ws.repo.git, result.remote, refspecs, flags);
    Object.assign(result, { snapshots: [], events: [] });
    record(result, report);
    if (result.notes !== null && merged) result.notes.merged = true;
    if (!isBehind(result) || flags.dryRun) return;
  }
}

function emptyResult(remote: string, dryRun: boolean): PushResult {
  return { remote, dryRun, snapshots: [], events: [], notes: null, held: [], said: [], warnings: [] };
}

const NOTES_REFSPEC = `${CRQ_NOTES}:${CRQ_NOTES}`;
const HOOK = 'pre-receive hook declined';

/** A pre-receive hook declines everything that came with the ref that it declines: what is good goes alone. */
async function pushOneByOne(
  ws: Workspace,
  remote: string,
  refs: string[],
  notes: string[],
  flags: PushFlags,
  first: PushReport,
): Promise<PushReport> {
  const groups = new Map<string, string[]>();
  for (const ref of refs) {
    const name = parseSessionRef(ref)?.name ?? '';
    groups.set(name, [...(groups.get(name) ?? []), `${ref}:${ref}`]);
  }
  const parts = [...groups.values(), ...(notes.length === 0 ? [] : [notes])];
  if (parts.length < 2) return first;
  const report: PushReport = { refs: [], said: [] };
  for (const part of parts) {
    const one = await pushRefs(ws.repo.git, remote, part, flags);
    report.refs.push(...one.refs);
    report.said.push(...one.said);
  }
  return { ...report, said: [...new Set(report.said)] };
}

/** Which refs are ours to push; says what is held back, and why. */
async function chooseRefs(
  ws: Workspace,
  catalog: Catalog,
  remote: string,
  refs: Ref[],
  options: PushOptions,
  result: PushResult,
): Promise<string[]> {
  const local = catalog.snapshots.filter((s) => s.remote === null);
  // Of a session that was never saved there are events only.
  const logged = options.names.filter((name) => hasEvents(refs, name) && !local.some((s) => s.name === name));
  const saved = options.names.filter((name) => !logged.includes(name));
  const wanted = options.names.length === 0 ? local : selectLocal(catalog, local, saved);
  const names = options.names.length === 0 ? null : new Set([...logged, ...wanted.map((s) => s.name)]);
  const gone = new Set(
    catalog.events
      .filter((e) => e.remote === remote && e.record.type === 'deleted')
      .flatMap((e) => e.record.data.snapshots.map((id) => `${e.name}/${id}`)),
  );
  const there = new Set(catalog.snapshots.filter((s) => s.remote === remote).map((s) => labelOf(s)));
  for (const s of wanted) {
    if (gone.has(labelOf(s)))
      result.warnings.push(`${labelOf(s)} is not pushed: it was deleted on '${remote}'`);
  }
  const kept = wanted.filter((s) => !gone.has(labelOf(s)));
  const events = refs.filter((ref) => {
    const parsed = ref.symbolic ? null : parseSessionRef(ref.name);
    return parsed?.kind === 'events' && (names === null || names.has(parsed.name));
  });
  const news = kept.filter((s) => !there.has(labelOf(s)));
  const what = { remote, snapshots: news, events, notes: catalog.notes };
  const stay = options.allowSecrets ? NOTHING : await lookBeforePush(ws, what, options.allow);
  const { held: back, warnings } = heldBack(stay.looks);
  result.held.push(...back);
  result.warnings.push(...warnings);
  const held = new Set(result.held.map((h) => `${h.name}/${h.id}`));
  const good = new Set(kept.map(labelOf).filter((label) => !held.has(label)));
  return refs.flatMap((ref) => {
    const parsed = ref.symbolic ? null : parseSessionRef(ref.name);
    if (parsed === null) return [];
    if (parsed.kind === 'events') return events.includes(ref) && !stay.events.has(ref.name) ? [ref.name] : [];
    return good.has(`${parsed.name}/${parsed.id}`) ? [ref.name] : [];
  });
}

const NOTHING = { looks: [], events: new Set<string>() };

function hasEvents(refs: readonly Ref[], name: string): boolean {
  return refs.some((ref) => {
    const parsed = ref.symbolic ? null : parseSessionRef(ref.name);
    return parsed?.name === name && parsed.kind === 'events';
  });
}

function labelOf({ name, id }: { name: string; id: string }): string {
  return `${name}/${id}`;
}

function selectLocal(catalog: Catalog, local: StoredSnapshot[], names: string[]): StoredSnapshot[] {
  const found = names.flatMap((name) => {
    const ofSession = local.filter((s) => s.name === name);
    if (ofSession.length > 0) return ofSession;
    const one = resolveSnapshot(catalog, name);
    if (one.remote !== null)
      throw new UnknownRefError(`'${name}' is a copy of a remote's session, not one of this clone`);
    return [one];
  });
  return [...new Set(found)];
}

const RANK: PushStatus[] = ['up-to-date', 'deleted', 'pushed', 'rejected'];

/** A snapshot has two refs; it is as its worse one is. */
function record(result: PushResult, report: PushReport): void {
  // A race for the notes is run again: what the remote said of it is of no use.
  result.said.push(
    ...report.said.filter((line) => !line.startsWith(`error: cannot lock ref '${CRQ_NOTES}'`)),
  );
  const found = new Map<string, SharedSnapshot>();
  for (const { ref, status, reason } of report.refs) {
    if (ref === CRQ_NOTES) {
      result.notes = { status, reason, merged: result.notes?.merged ?? false };
      continue;
    }
    const parsed = parseSessionRef(ref);
    if (parsed === null) continue;
    const list = parsed.kind === 'events' ? result.events : result.snapshots;
    const key = `${parsed.kind === 'events'} ${labelOf(parsed)}`;
    const known = found.get(key);
    if (known === undefined) {
      const made = { name: parsed.name, id: parsed.id, status, reason };
      found.set(key, made);
      list.push(made);
    } else if (RANK.indexOf(status) > RANK.indexOf(known.status)) Object.assign(known, { status, reason });
  }
}

/** Somebody else's notes came first, or come at this moment. A hook's refusal is final. */
function isBehind({ notes }: PushResult): boolean {
  const race =
    /non-fast-forward|fetch first|needs force|stale info|failed to update ref|failed to lock|cannot lock|incorrect old value/u;
  return notes?.status === 'rejected' && race.test(notes.reason);
}

const TRIES = 5;

async function mergeAndPushNotes(ws: Workspace, result: PushResult, flags: PushFlags): Promise<void> {
  for (let attempt = 1; attempt <= TRIES && isBehind(result); attempt++) {
    if (attempt > 1) await delay(Math.random() * 100 * attempt);
    await fetchRefs(ws.repo.git, result.remote, [fetchRefspecs(result.remote).notes], false);
    const merged = await mergeRemoteNotes(ws, result.remote);
    record(result, await pushRefs(ws.repo.git, result.remote, [NOTES_REFSPEC], flags));
    if (result.notes !== null && merged) result.notes.merged = true;
  }
}

/** The notes alone, joined with the remote's where those came first. */
export async function pushNotes(
  ws: Workspace,
  remote: string,
  flags: PushFlags,
): Promise<PushResult['notes']> {
  if ((await readCatalog(ws.repo.git)).notes === null) return null;
  const result = emptyResult(remote, flags.dryRun);
  record(result, await pushRefs(ws.repo.git, remote, [NOTES_REFSPEC], flags));
  if (isBehind(result) && !flags.dryRun) await mergeAndPushNotes(ws, result, flags);
  return result.notes;
}

/** Fetch, merge, push: after it both sides have what either had. */
export async function sync(options: PushOptions): Promise<{ fetched: FetchResult; pushed: PushResult }> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const remote = await chooseRemote(ws, options, 'push');
  const fetched = await fetchFrom(ws, remote, false);
  return { fetched, pushed: await pushFrom(ws, remote, options) };
}
