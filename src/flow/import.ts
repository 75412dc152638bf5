import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { decodeSnapshot, encodeSnapshot, tooLarge } from '../session/codec.ts';
import type { CrqLink } from '../session/crq.ts';
import { FileProblemError, SessionError, UnknownRefError } from '../session/errors.ts';
import { checkName, makeId, nextIdTime, sessionRef } from '../session/names.ts';
import { MAX_SNAPSHOT_BYTES, type Snapshot } from '../session/schema.ts';
import { hashObject, objectInfos, readObjects } from '../git/objects.ts';
import { updateRefs } from '../git/refs.ts';
import { isBundle, readBundle, wholeContexts } from '../store/bundle.ts';
import { startOf } from '../store/files.ts';
import { addNoteLines } from '../store/note-lines.ts';
import { identLine, storeSnapshots } from '../store/objects.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import { type Catalog, readCatalog } from '../store/sessions.ts';
import { decodeFile, readFileBytes } from './load.ts';
import { identity, openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

export interface Imported {
  name: string;
  id: string;
  oid: string;
  /** It was here already, and nothing was stored. */
  known: boolean;
}

export interface ImportResult {
  imported: Imported[];
  warnings: string[];
}

/** What a source tells about a snapshot: name and id that it has there, and its context commit. */
interface Origin {
  name: string | null;
  id: string | null;
  oid: string;
  context: string | null;
}

interface Candidate extends Origin {
  snapshot: Snapshot;
  bytes: Buffer;
}

/** A candidate with its place in this repository. */
interface Placed extends Candidate {
  name: string;
  id: string;
}

/**
 * Stores snapshots from files, from objects of this repository (which undoes a deletion) and from a remote's
 * copies. None of them is approved: a restore asks before it starts their commands. All sources are read and
 * checked before anything is stored.
 */
export async function importSnapshots(sources: string[], name: string | undefined): Promise<ImportResult> {
  if (name !== undefined) checkName(name);
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const catalog = await readCatalog(ws.repo.git);
  const candidates: Candidate[] = [];
  for (const source of sources) candidates.push(...(await candidatesOf(ws, catalog, source)));
  const whole = await wholeContexts(ws.repo.git, candidates);
  const { imported, fresh } = place(
    catalog,
    candidates.map((c) => ({ ...c, context: c.context !== null && whole.has(c.context) ? c.context : null })),
    name,
  );
  const warnings: string[] = [];
  await storeAll(ws, fresh, warnings);
  await linkAll(ws, fresh, warnings);
  return { imported, warnings };
}

async function candidatesOf(ws: Workspace, catalog: Catalog, source: string): Promise<Candidate[]> {
  if (source === '-') return fromStdin(ws);
  const start = startOf(source, 20);
  if (start !== null) return fromFile(ws, path.resolve(source), source, start);
  try {
    const { name, id, oid, context } = resolveSnapshot(catalog, source);
    return await fromObjects(ws, [{ name, id, oid, context }]);
  } catch (error) {
    if (!(error instanceof UnknownRefError)) throw error;
  }
  if (/^[0-9a-f]{4,64}$/u.test(source)) return fromObjects(ws, [await originOf(ws, source)]);
  throw new FileProblemError(`cannot read '${source}': there is no such file, session or object`);
}

async function fromFile(ws: Workspace, file: string, shown: string, start: Buffer): Promise<Candidate[]> {
  if (isBundle(start)) {
    const found = await readBundle(ws.repo.git, file, `'${shown}'`);
    if (found.length === 0) throw new FileProblemError(`'${shown}' holds no session`);
    return fromObjects(ws, found);
  }
  const snapshot = await decodeFile(shown, readFileBytes(file));
  const bytes = encodeSnapshot(snapshot);
  const oid = hashObject(ws.repo.objectFormat, 'blob', bytes);
  return [{ snapshot, bytes, oid, name: null, id: null, context: null }];
}

/** A bundle has to be a file for git, so everything becomes one. */
async function fromStdin(ws: Workspace): Promise<Candidate[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'git-session-'));
  const file = path.join(folder, 'stdin');
  try {
    await pipeline(process.stdin, createWriteStream(file, { flags: 'wx', mode: 0o600 }));
    return await fromFile(ws, file, '-', startOf(file, 20) ?? Buffer.alloc(0));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The blob of a snapshot, or a commit that was the context of one. */
async function originOf(ws: Workspace, oid: string): Promise<Origin> {
  const [info, inside] = await objectInfos(ws.repo.git, [oid, `${oid}:snapshot.json`]);
  const blob = info?.type === 'blob' ? info : inside?.type === 'blob' ? inside : null;
  if (blob === null) {
    throw new UnknownRefError(`there is no snapshot with the object id '${oid}'`, [
      'git removes the objects of deleted snapshots after a while (git help gc)',
    ]);
  }
  return { name: null, id: null, oid: blob.oid, context: info?.type === 'commit' ? info.oid : null };
}

/** Snapshots that are in the object store; what is too large is not read. */
async function fromObjects(ws: Workspace, origins: Origin[]): Promise<Candidate[]> {
  const oids = origins.map((o) => o.oid);
  const infos = await objectInfos(ws.repo.git, oids);
  const what = (oid: string) => `snapshot ${oid.slice(0, 7)}`;
  infos.forEach((info, i) => {
    if (info !== null && info.size > MAX_SNAPSHOT_BYTES) throw tooLarge(what(oids[i]!), info.size);
  });
  const blobs = await readObjects(ws.repo.git, oids);
  return origins.map((origin, i) => {
    const bytes = blobs[i];
    if (bytes == null) throw new UnknownRefError(`${what(origin.oid)} is not in this repository`);
    return { ...origin, bytes, snapshot: decodeSnapshot(bytes, what(origin.oid)) };
  });
}

/** Gives each its name and id; what is here already is left out of `fresh`. Pure. */
function place(
  catalog: Catalog,
  candidates: Candidate[],
  wanted: string | undefined,
): { imported: Imported[]; fresh: Placed[] } {
  const fresh: Placed[] = [];
  const local = catalog.snapshots.filter((s) => s.remote === null);
  const deleted = new Set(
    catalog.events
      .filter((e) => e.remote === null && e.record.type === 'deleted')
      .flatMap((e) => e.record.data.snapshots.map((id) => `${e.name}/${id}`)),
  );
  const imported = candidates.map((c): Imported => {
    const name = wanted ?? c.name ?? c.snapshot.session.name;
    // One that came as a file before has no work and no scrollback with it: a bundle brings them.
    const same = (s: Origin) =>
      s.name === name && s.oid === c.oid && (c.context === null || s.context === c.context);
    const known = local.find(same) ?? fresh.find(same);
    if (known !== undefined) return { name, id: known.id, oid: c.oid, known: true };
    const earlier = fresh.filter((f) => f.name === name);
    const taken =
      deleted.has(`${name}/${c.id}`) || [...local, ...earlier].some((s) => s.name === name && s.id === c.id);
    const newest = [catalog.newestId(name), ...earlier.map((f) => f.id)]
      .filter((id) => id !== null)
      .toSorted()
      .at(-1);
    const id = c.id !== null && !taken ? c.id : makeId(nextIdTime(Date.now(), newest ?? null), c.oid);
    fresh.push({ ...c, name, id });
    return { name, id, oid: c.oid, known: false };
  });
  return { imported, fresh };
}

async function storeAll(ws: Workspace, fresh: Placed[], warnings: string[]): Promise<void> {
  const complete = fresh.filter((p) => p.context !== null);
  await updateRefs(
    ws.repo.git,
    complete.flatMap(({ name, id, context, oid }) => [
      { kind: 'create' as const, ref: sessionRef(name, id, 'context'), oid: context! },
      { kind: 'create' as const, ref: sessionRef(name, id, 'snapshot'), oid },
    ]),
  );
  const bare = fresh.filter((p) => p.context === null);
  if (bare.length === 0) return;
  const pending = [];
  for (const p of bare) {
    const { name, id, bytes, oid, snapshot } = p;
    const parent = await parentFor(ws, p, warnings);
    pending.push({
      name,
      id,
      bytes,
      oid,
      parent,
      files: [],
      message: snapshot.message ?? `Import session ${name}`,
    });
  }
  await storeSnapshots(ws.repo, pending, null, identLine(identity(ws.config), Date.now()));
}

/** The commit that a new context hangs on: the saved work, else the base, as far as they are here. */
async function parentFor(
  ws: Workspace,
  { name, id, snapshot }: Placed,
  warnings: string[],
): Promise<string | null> {
  const label = `${name}/${id}`;
  const { work, head } = snapshot.git;
  const infos = await objectInfos(ws.repo.git, [work ?? '0', head ?? '0']);
  const [hasWork, hasHead] = infos.map((info) => info?.type === 'commit');
  const short = (oid: string) => oid.slice(0, 7);
  if (work !== null && hasWork !== true) {
    warnings.push(
      `the uncommitted work of ${label} (commit ${short(work)}) is not in this repository: only a bundle carries it`,
    );
  }
  if (head !== null && hasHead !== true) {
    warnings.push(
      `commit ${short(head)} of ${label} is not in this repository: fetch it before you restore, or use --no-git`,
    );
  }
  if (snapshot.tmux.windows.some((w) => w.panes.some((p) => p.scrollback !== null))) {
    warnings.push(`${label} comes without the saved text of its panes: only a bundle carries it`);
  }
  if (work !== null && hasWork === true) return work;
  return hasHead === true ? head : null;
}

/** The notes say what the snapshots say; a deletion had taken the lines away, and a file brings none. */
async function linkAll(ws: Workspace, fresh: Placed[], warnings: string[]): Promise<void> {
  const linked = fresh.filter((p) => p.snapshot.crqs.length > 0 && p.snapshot.git.head !== null);
  const infos = await objectInfos(
    ws.repo.git,
    linked.map((p) => p.snapshot.git.head!),
  );
  const byCommit = new Map<string, CrqLink[]>();
  linked.forEach(({ name, id, snapshot }, i) => {
    const base = infos[i];
    if (base?.type !== 'commit') return;
    const links = snapshot.crqs.map((crq) => ({ crq: crq.id, name, id, title: crq.title }));
    byCommit.set(base.oid, [...(byCommit.get(base.oid) ?? []), ...links]);
  });
  try {
    await addNoteLines(ws.repo, identity(ws.config), 'git session: import', byCommit);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    warnings.push(`imported, but the CRQs could not be linked: ${error.message}`);
  }
}
