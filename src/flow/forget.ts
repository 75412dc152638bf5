import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SessionError, StoreBusyError, UnknownRefError } from '../session/errors.ts';
import { REMOTE_SESSIONS, SESSIONS, sessionRef } from '../session/names.ts';
import { purgeObjects } from '../git/purge.ts';
import { basesOf, onlyReachedBy } from '../git/reach.ts';
import { updateRefs } from '../git/refs.ts';
import {
  goesWith,
  type KnownRef,
  knownRefs,
  rewriteSegments,
  type Target,
  withoutMessage,
} from '../store/forgotten.ts';
import { journalDirectory, journalFile } from '../store/journal.ts';
import { rewriteJournal } from '../store/journal-repair.ts';
import { removeNoteLines } from '../store/note-lines.ts';
import { removeOwnCaches } from '../store/own-cache.ts';
import { SessionRecords } from '../store/records.ts';
import { defaultRemote, listRemoteRefs, pushRefs, requireRemote } from '../store/remotes.ts';
import { deleteSnapshots } from '../store/remove.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import { type Catalog, readCatalog, type StoredSnapshot } from '../store/sessions.ts';
import { Approvals } from '../trust/approvals.ts';
import { journalIds } from './flush.ts';
import { type DeleteResult, remove } from './remove.ts';
import { refName } from './session-log.ts';
import { identity, openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

export interface ForgetOptions {
  refs: readonly string[];
  /** Take the objects away too. */
  purge: boolean;
  /** A remote's name, true for the default one, undefined for this clone only. */
  remote: string | boolean | undefined;
}

/** What is to be forgotten, before anything is. */
export interface ForgetPlan {
  ws: Workspace;
  catalog: Catalog;
  targets: Target[];
  /** Refs of this repository that go. */
  refs: KnownRef[];
  remote: string | null;
}

export interface Forgotten {
  targets: Target[];
  refs: string[];
  /** Approvals that were taken back. */
  approvals: number;
  remote: { name: string; deleted: string[]; rejected: { ref: string; reason: string }[] } | null;
  /** Objects that are gone; null without `purge`. */
  purged: number | null;
  /** Where it still is, or may be: what this program can't do, in words. */
  stays: string[];
  warnings: string[];
}

export async function planForget({ refs, remote }: ForgetOptions): Promise<ForgetPlan> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const catalog = await readCatalog(ws.repo.git);
  const known = await knownRefs(ws.repo);
  const targets = refs.map((ref) => targetOf(ws, catalog, known, ref));
  const which =
    remote === undefined || remote === false
      ? null
      : remote === true
        ? await defaultRemote(ws.repo.git, ws.config, 'push')
        : requireRemote(ws.config, remote);
  const going = known.filter((one) => targets.some((target) => goesWith(one, target)));
  return { ws, catalog, targets, refs: going, remote: which };
}

/** A session's name means all of it; everything else one snapshot, with its copies from remotes. */
function targetOf(ws: Workspace, catalog: Catalog, known: readonly KnownRef[], ref: string): Target {
  const records = new SessionRecords(ws.repo).list();
  if (known.some(({ name }) => name === ref)) return { name: ref, id: null };
  const live = records.find(({ record }) => record.name === ref || record.id === ref);
  if (live !== undefined) return { name: refName(live.record.name), id: null };
  // One that is deleted is hidden, but its refs may be there again.
  const hidden = known.find(({ name, id }) => `${name}/${id}` === ref);
  const { name, id } = hidden ?? resolveSnapshot(catalog, ref);
  return { name, id };
}

/** Removes all that this clone can, and says what it can't. */
export async function forget(plan: ForgetPlan, purge: boolean): Promise<Forgotten> {
  const { ws, targets, remote } = plan;
  const { git } = ws.repo;
  const contexts = plan.refs.filter(({ kind }) => kind === 'context').map(({ oid }) => oid);
  const doomed = { tips: plan.refs.map(({ oid }) => oid), bases: await basesOf(git, contexts) };
  const result: Forgotten = {
    ...{ targets, refs: [], approvals: 0, remote: null, purged: null },
    ...{ stays: [], warnings: [] },
  };
  await removeHere(plan, result);
  const left = (await knownRefs(ws.repo)).filter((one) => goes(plan, one));
  await updateRefs(
    git,
    left.map(({ ref, oid }) => ({ kind: 'delete', ref, old: oid })),
  );
  const rewritten = await forgetMessages(ws, targets);
  doomed.tips.push(...left.map(({ oid }) => oid), ...rewritten.map(({ oid }) => oid));
  result.approvals = revokeAll(ws, plan);
  removeOwnCaches(ws.repo.commonDir);
  if (remote !== null) await removeThere(plan, remote, result);
  const there = new Set((await knownRefs(ws.repo)).map(({ ref }) => ref));
  result.refs = [...new Set([...plan.refs, ...left, ...rewritten].map(({ ref }) => ref))].filter(
    (ref) => !there.has(ref),
  );
  await sayWhatStays(plan, result);
  if (purge) result.purged = await purgeAll(plan, doomed, result);
  return result;
}

function goes({ ws, targets }: ForgetPlan, known: KnownRef): boolean {
  // A session that runs goes on writing its log.
  if (known.kind === 'events' && isAlive(ws, known.name) && known.remote === null) return false;
  return targets.some((target) => goesWith(known, target));
}

function isAlive({ repo }: Workspace, name: string): boolean {
  return new SessionRecords(repo).list().some(({ record }) => refName(record.name) === name);
}

/** As `git session delete`: tombstones with ids, refs, note lines, record, history, log. */
async function removeHere(plan: ForgetPlan, result: Forgotten): Promise<void> {
  const { ws, catalog, targets, remote } = plan;
  for (const target of targets) {
    const ref = target.id === null ? target.name : `${target.name}/${target.id}`;
    try {
      const option = remote ?? undefined;
      note(result, await remove({ refs: [ref], remote: option, force: true }));
    } catch (error) {
      // Only copies of a remote's are here, or what was deleted before.
      if (!(error instanceof UnknownRefError)) throw error;
    }
  }
  const copies = catalog.snapshots.filter((s) => s.remote !== null && targets.some((t) => isOf(s, t)));
  if (copies.length > 0) await deleteSnapshots(ws.repo, catalog, copies);
  const all = plan.refs.filter(({ kind }) => kind === 'snapshot').map(({ name, id }) => ({ name, id }));
  try {
    await removeNoteLines(ws.repo, identity(ws.config), all as StoredSnapshot[]);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    result.warnings.push(`the lines in the CRQ notes stay: ${error.message}`);
  }
}

function isOf(stored: StoredSnapshot, { name, id }: Target): boolean {
  return stored.name === name && (id === null || stored.id === id);
}

function note(result: Forgotten, { warnings, remote }: DeleteResult): void {
  result.warnings.push(...warnings);
  if (remote === null) return;
  result.remote ??= { name: remote.name, deleted: [], rejected: [] };
  result.remote.deleted.push(...remote.deleted);
  result.remote.rejected.push(...remote.rejected);
}

/** A checkpoint's event says its message again. */
async function forgetMessages(ws: Workspace, targets: readonly Target[]): Promise<KnownRef[]> {
  const edit = withoutMessage(targets);
  const directory = journalDirectory(ws.repo.commonDir);
  for (const id of journalIds(ws)) await rewriteJournal(journalFile(directory, id), id.slice(0, 8), edit);
  const names = new Set(targets.map(({ name }) => name));
  const segments = (await knownRefs(ws.repo)).filter(
    ({ name, kind }) => names.has(name) && kind === 'events',
  );
  return rewriteSegments(ws.repo, segments, edit);
}

function revokeAll(ws: Workspace, { refs }: ForgetPlan): number {
  const labels = new Set(
    refs.map(({ name, id, remote }) => `${remote === null ? '' : `${remote}/`}${name}/${id}`),
  );
  const approvals = new Approvals();
  const own = approvals.list().filter((a) => a.repository === ws.repo.commonDir && labels.has(a.ref));
  return own.filter(({ digest }) => approvals.remove(digest)).length;
}

/** What `delete` leaves on the remote: logs that other clones have written. */
async function removeThere(plan: ForgetPlan, remote: string, result: Forgotten): Promise<void> {
  const { git } = plan.ws.repo;
  const gone = new Set(plan.refs.map(({ name, id, kind }) => sessionRef(name, id, kind)));
  const names = new Set(plan.targets.map(({ name }) => name));
  const there: string[] = [];
  for (const name of names) there.push(...(await listRemoteRefs(git, remote, `${SESSIONS}${name}/`)));
  const refspecs = there.filter((ref) => gone.has(ref)).map((ref) => `:${ref}`);
  result.remote ??= { name: remote, deleted: [], rejected: [] };
  if (refspecs.length > 0) {
    const { refs } = await pushRefs(git, remote, refspecs, { dryRun: false, verify: true, atomic: false });
    for (const { ref, status, reason } of refs) {
      if (status === 'deleted') result.remote.deleted.push(ref);
      else if (status === 'rejected') result.remote.rejected.push({ ref, reason });
    }
  }
  const { deleted } = result.remote;
  const others = there
    .filter((ref) => ref.endsWith('/events') && !gone.has(ref))
    .filter((ref) => !deleted.includes(ref));
  const unknown = others.filter((ref) => !plan.refs.some((known) => known.ref === ref));
  const whole = plan.targets.some(({ id }) => id === null);
  if (whole && unknown.length > 0 && !(await areHere(plan.ws, remote, unknown))) {
    result.stays.push(
      `on '${remote}', in logs that this clone has not fetched: git session fetch ${remote}, then again`,
    );
  }
}

async function areHere(ws: Workspace, remote: string, refs: readonly string[]): Promise<boolean> {
  const here = new Set((await knownRefs(ws.repo)).map(({ ref }) => ref));
  const copyOf = (ref: string) => `${REMOTE_SESSIONS}${remote}/${ref.slice(SESSIONS.length)}`;
  return refs.every((ref) => here.has(ref) || here.has(copyOf(ref)));
}

async function sayWhatStays(
  { ws, catalog, targets, refs, remote }: ForgetPlan,
  { stays }: Forgotten,
): Promise<void> {
  const remotes = new Set(refs.flatMap(({ remote }) => remote ?? []));
  for (const name of remotes) {
    if (name !== remote) stays.push(`on '${name}', from which it was fetched: --remote=${name}`);
  }
  if (remote !== null) stays.push(`in the objects of '${remote}', until the server tidies up`);
  for (const { name, id } of targets) {
    if (id === null && isAlive(ws, name))
      stays.push(`in the log of '${name}', which runs: git session kill ${name}, then again`);
  }
  const { notes } = await readCatalog(ws.repo.git);
  if (notes !== catalog.notes) stays.push('in the history of the CRQ notes: ids, titles and paths of CRQs');
  if (ws.config.remotes().length > 0) stays.push('in clones that have fetched it');
  stays.push('in backups, and wherever else it was copied to');
}

const TRIES = 10;

/** Looks again where somebody has changed a ref meanwhile: what is reached now stays. */
async function purgeAll(
  { ws: { repo } }: ForgetPlan,
  doomed: { tips: string[]; bases: string[] },
  result: Forgotten,
): Promise<number> {
  const args = ['for-each-ref', '--format=%(objectname) %(refname)'];
  const standing = async () => (await repo.git.ok(args)).toString('latin1');
  let left: string[] | null = null;
  let found = { alone: new Set<string>(), shared: 0, sharedWith: [] as string[] };
  for (let attempt = 1; left === null; attempt++) {
    if (attempt > TRIES) {
      throw new StoreBusyError('others write to the repository: the refs are gone, their objects are not', [
        'nothing leads to them any more; git removes them when it tidies up',
      ]);
    }
    const before = await standing();
    found = await onlyReachedBy(repo, doomed);
    left = await purgeObjects(repo, found.alone, async () => (await standing()) === before);
  }
  if (found.shared > 0) {
    const named = found.sharedWith.map((oid) => oid.slice(0, 12)).join(', ');
    result.stays.push(
      `in ${found.shared} objects that commits have which no ref reaches (a dropped stash): ${named}`,
    );
  }
  if (left.length > 0) {
    const from = borrowedFrom(repo.commonDir);
    result.stays.push(
      from.length > 0
        ? `in ${left.length} objects of the repository that this one borrows from: ${from.join(', ')}`
        : `in ${left.length} objects of packs that are kept (objects/pack/*.keep)`,
    );
  }
  return found.alone.size - left.length;
}

function borrowedFrom(commonDir: string): string[] {
  try {
    const text = readFileSync(path.join(commonDir, 'objects', 'info', 'alternates'), 'utf8');
    return text.split('\n').filter((line) => line !== '');
  } catch {
    return [];
  }
}
