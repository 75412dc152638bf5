import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { decodeSnapshot, encodeSnapshot, tooLarge } from '../session/codec.ts';
import { FileProblemError, SessionError, UnknownRefError } from '../session/errors.ts';
import { checkName, makeId, nextIdTime, sessionRef } from '../session/names.ts';
import { MAX_SNAPSHOT_BYTES, type Snapshot } from '../session/schema.ts';
import { hashObject, objectInfos, readObjects } from '../git/objects.ts';
import { updateRefs } from '../git/refs.ts';
import { isBundle, isWholeContext, readBundle } from '../store/bundle.ts';
import { linkCrqs } from '../store/crq-notes.ts';
import { startOf } from '../store/files.ts';
import { identLine, storeSnapshots } from '../store/objects.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import { type Catalog, readCatalog, type StoredSnapshot } from '../store/sessions.ts';
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

/** A snapshot on its way in. */
interface Candidate {
  snapshot: Snapshot;
  bytes: Buffer;
  oid: string;
  /** Name and id that it has where it comes from; null where the source tells none. */
  name: string | null;
  id: string | null;
  context: string | null;
}

/**
 * Stores snapshots from files, from objects of this repository (which undoes a deletion) and from a remote's
 * copies. None of them is approved: a restore asks before it starts their commands.
 */
export async function importSnapshots(sources: string[], name: string | undefined): Promise<ImportResult> {
  if (name !== undefined) checkName(name);
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const result: ImportResult = { imported: [], warnings: [] };
  for (const source of sources) {
    // Read anew each time, so that ids follow each other.
    const catalog = await readCatalog(ws.repo.git);
    for (const candidate of await candidatesOf(ws, catalog, source)) {
      const imported = await store(ws, candidate, name, result.warnings);
      result.imported.push(imported);
      if (!imported.known) await linkAgain(ws, imported, candidate.snapshot, result.warnings);
    }
  }
  return result;
}

async function candidatesOf(ws: Workspace, catalog: Catalog, source: string): Promise<Candidate[]> {
  if (source === '-') return fromStdin(ws);
  const start = startOf(source, 20);
  if (start !== null) return fromFile(ws, path.resolve(source), `'${source}'`, start);
  try {
    const stored = resolveSnapshot(catalog, source);
    return [await fromObject(ws, stored.oid, { name: stored.name, id: stored.id, context: stored.context })];
  } catch (error) {
    if (!(error instanceof UnknownRefError)) throw error;
  }
  if (/^[0-9a-f]{4,64}$/u.test(source)) return [await fromOid(ws, source)];
  throw new FileProblemError(`cannot read '${source}': there is no such file, session or object`);
}

async function fromFile(ws: Workspace, file: string, what: string, start: Buffer): Promise<Candidate[]> {
  if (!isBundle(start)) {
    const snapshot = await decodeFile(what.slice(1, -1), readFileBytes(file));
    const bytes = encodeSnapshot(snapshot);
    const oid = hashObject(ws.repo.objectFormat, 'blob', bytes);
    return [{ snapshot, bytes, oid, name: null, id: null, context: null }];
  }
  const found = await readBundle(ws.repo.git, file, what);
  if (found.length === 0) throw new FileProblemError(`${what} holds no session`);
  const candidates: Candidate[] = [];
  for (const { oid, ...facts } of found) candidates.push(await fromObject(ws, oid, facts));
  return candidates;
}

/** Everything but a bundle is small; a bundle has to be a file for git. */
async function fromStdin(ws: Workspace): Promise<Candidate[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'git-session-'));
  const file = path.join(folder, 'stdin');
  try {
    await pipeline(process.stdin, createWriteStream(file, { flags: 'wx', mode: 0o600 }));
    return await fromFile(ws, file, "'-'", startOf(file, 20) ?? Buffer.alloc(0));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The blob of a snapshot, or a commit that was the context of one. */
async function fromOid(ws: Workspace, oid: string): Promise<Candidate> {
  const [info, inside] = await objectInfos(ws.repo.git, [oid, `${oid}:snapshot.json`]);
  const blob = info?.type === 'blob' ? info : inside?.type === 'blob' ? inside : null;
  if (blob === null) {
    throw new UnknownRefError(`there is no snapshot with the object id '${oid}'`, [
      'git removes the objects of deleted snapshots after a while (git help gc)',
    ]);
  }
  const context = info?.type === 'commit' ? info.oid : null;
  return fromObject(ws, blob.oid, { name: null, id: null, context });
}

async function fromObject(
  ws: Workspace,
  oid: string,
  facts: Pick<Candidate, 'name' | 'id' | 'context'>,
): Promise<Candidate> {
  const what = `snapshot ${oid.slice(0, 7)}`;
  const [info] = await objectInfos(ws.repo.git, [oid]);
  if (info != null && info.size > MAX_SNAPSHOT_BYTES) throw tooLarge(what, info.size);
  const [bytes] = await readObjects(ws.repo.git, [oid]);
  if (bytes == null) throw new UnknownRefError(`${what} is not in this repository`);
  return { snapshot: decodeSnapshot(bytes, what), bytes, oid, ...facts };
}

async function store(
  ws: Workspace,
  candidate: Candidate,
  wanted: string | undefined,
  warnings: string[],
): Promise<Imported> {
  const { git } = ws.repo;
  const { snapshot, bytes, oid } = candidate;
  const name = wanted ?? candidate.name ?? snapshot.session.name;
  const catalog = await readCatalog(git);
  // One that came as a file before has no work and no scrollback with it: a bundle brings them.
  const same = (s: StoredSnapshot) => candidate.context === null || s.context === candidate.context;
  const known = catalog.snapshots.find(
    (s) => s.remote === null && s.name === name && s.oid === oid && same(s),
  );
  if (known !== undefined) return { name, id: known.id, oid, known: true };
  const context = await wholeContext(ws, candidate);
  const id = freeId(catalog, name, candidate);
  const label = `${name}/${id}`;
  if (context !== null) {
    await updateRefs(git, [
      { kind: 'create', ref: sessionRef(name, id, 'context'), oid: context },
      { kind: 'create', ref: sessionRef(name, id, 'snapshot'), oid },
    ]);
    return { name, id, oid, known: false };
  }
  const parent = await parentFor(ws, snapshot, label, warnings);
  if (snapshot.tmux.windows.some((w) => w.panes.some((p) => p.scrollback !== null))) {
    warnings.push(`${label} comes without the saved text of its panes: only a bundle carries it`);
  }
  const message = snapshot.message ?? `Import session ${name}`;
  const ident = identLine(identity(ws.config), Date.now());
  await storeSnapshots(ws.repo, [{ name, id, bytes, oid, parent, files: [], message }], null, ident);
  return { name, id, oid, known: false };
}

/** The notes say what the snapshot says; a deletion had taken them away, and a file brings none. */
async function linkAgain(
  ws: Workspace,
  { name, id }: Imported,
  { crqs, git }: Snapshot,
  warnings: string[],
): Promise<void> {
  const [base] = await objectInfos(ws.repo.git, [git.head ?? '0']);
  if (crqs.length === 0 || base?.type !== 'commit') return;
  try {
    await linkCrqs(ws.repo, { base: base.oid, name, id, crqs, identity: identity(ws.config) });
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    warnings.push(`imported, but the CRQs could not be linked: ${error.message}`);
  }
}

async function wholeContext(ws: Workspace, { context, oid }: Candidate): Promise<string | null> {
  return context !== null && (await isWholeContext(ws.repo.git, context, oid)) ? context : null;
}

/** The id that it had, unless another snapshot has it, or it was deleted here: then a new one. */
function freeId(catalog: Catalog, name: string, { id, oid }: Candidate): string {
  const taken =
    catalog.snapshots.some((s) => s.remote === null && s.name === name && s.id === id) ||
    catalog.events.some(
      (e) =>
        e.remote === null &&
        e.name === name &&
        e.record.type === 'deleted' &&
        e.record.data.snapshots.includes(id ?? ''),
    );
  return id !== null && !taken ? id : makeId(nextIdTime(Date.now(), catalog.newestId(name)), oid);
}

/** The commit that the new context hangs on: the saved work, else the base, as far as they are here. */
async function parentFor(
  ws: Workspace,
  snapshot: Snapshot,
  label: string,
  warnings: string[],
): Promise<string | null> {
  const { work, head } = snapshot.git;
  const infos = await objectInfos(ws.repo.git, [work ?? '0', head ?? '0']);
  const [hasWork, hasHead] = infos.map((info) => info?.type === 'commit');
  if (work !== null && hasWork !== true) {
    warnings.push(
      `the uncommitted work of ${label} (commit ${work.slice(0, 7)}) is not in this repository: only a bundle carries it`,
    );
  }
  if (head !== null && hasHead !== true) {
    warnings.push(
      `commit ${head.slice(0, 7)} of ${label} is not in this repository: fetch it before you restore, or use --no-git`,
    );
  }
  if (work !== null && hasWork === true) return work;
  return hasHead === true ? head : null;
}
