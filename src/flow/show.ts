import { SessionError, UnknownRefError } from '../session/errors.ts';
import { isSessionId } from '../session/live.ts';
import { compareIds } from '../session/names.ts';
import { commandOf } from '../session/pane-command.ts';
import { type Crq, MAX_SNAPSHOT_BYTES, type Snapshot } from '../session/schema.ts';
import { objectInfos, readBlob } from '../git/objects.ts';
import { noteAccess } from '../store/accessed.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import { type Catalog, readCatalog, type StoredSnapshot } from '../store/sessions.ts';
import type { Signature } from '../store/signature.ts';
import type { AiContext } from './ai-context.ts';
import { decisionOn } from './decisions.ts';
import { crqsOf } from '../store/crq-links.ts';
import { readLiveWorld } from './live.ts';
import { foreignByOid, load, type Loaded, loadStored } from './load.ts';
import { aiContextOf } from './show-live.ts';
import { examine } from './signature.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

export interface Inspected {
  loaded: Loaded;
  crqs: Crq[];
  approval: Approval;
  signature: Signature;
  /** Of the base and the worktree commit: whether this repository has them. */
  present: { head: boolean; work: boolean };
  /** The record of its session, where it is one of this clone and has one; what an assistant needs, where it is for one. */
  live: { stored: StoredRecord; ai: AiContext | null } | null;
  /** When it was looked at, which is now; null where that can't be noted. */
  accessedAt: Date | null;
}

export interface Approval {
  /** How many panes start something at a restore. */
  commands: number;
  state: 'saved' | 'allowed' | 'signed' | 'denied' | 'none';
  /** Why the approvals could not be read. */
  problem: string | null;
}

/** All that `show` says about one snapshot; without a reference the newest of all. */
export async function inspect(ref: string | null): Promise<Inspected> {
  const ws = await openWorkspace();
  const loaded = await open(ws, ref);
  const { snapshot, stored, catalog } = loaded;
  const { head, work } = snapshot.git;
  const names = [head, work].map((oid) => (oid === null ? 'none' : `${oid}^{commit}`));
  const [infos, { signature, trusted }] = await Promise.all([
    objectInfos(ws.repo.git, names),
    examine(ws, loaded),
  ]);
  const crqs = stored === null ? snapshot.crqs : crqsOf(catalog, stored, snapshot);
  return {
    ...{ loaded, crqs },
    live: await liveOf(ws, loaded, crqs),
    approval: approvalOf(ws, loaded, trusted),
    signature,
    present: { head: infos[0] !== null, work: infos[1] !== null },
    accessedAt: noteAccess(ws.repo, snapshot.session.id),
  };
}

/** tmux is asked only where somebody made the session for an assistant. */
async function liveOf(ws: Workspace, { snapshot, stored }: Loaded, crqs: Crq[]): Promise<Inspected['live']> {
  const { id } = snapshot.session;
  const record = stored?.remote === null && isSessionId(id) ? new SessionRecords(ws.repo).read(id) : null;
  if (record === null) return null;
  if (!record.record.ai) return { stored: record, ai: null };
  const world = await readLiveWorld(ws.repo, ws.tmux);
  const view = world.views.find((v) => v.stored?.record.id === id);
  const linked = crqs.map((c) => c.id);
  return { stored: record, ai: view === undefined ? null : await aiContextOf(ws, world, view, linked) };
}

/** The bytes of the blob as they are, readable or not. */
export async function rawBytes(ref: string | null): Promise<Buffer> {
  const ws = await openWorkspace();
  const catalog = await readCatalog(ws.repo.git);
  const stored =
    ref === null ? newest(catalog) : (foreignByOid(catalog, ref) ?? resolveSnapshot(catalog, ref));
  return readBlob(ws.repo.git, stored.oid, MAX_SNAPSHOT_BYTES);
}

/** As `load`; without a reference, the newest snapshot of all. */
export async function open(ws: Workspace, ref: string | null): Promise<Loaded> {
  if (ref === null) {
    const catalog = await readCatalog(ws.repo.git);
    return loadStored(ws, catalog, newest(catalog));
  }
  return load(ws, ref);
}

/** Ours come before those of others. */
function newest({ snapshots }: Catalog): StoredSnapshot {
  const own = snapshots.filter((s) => s.remote === null);
  const found = (own.length > 0 ? own : snapshots).toSorted((a, b) => compareIds(b.id, a.id))[0];
  if (found === undefined) throw new UnknownRefError('no sessions are saved here yet', ['git session save']);
  return found;
}

function approvalOf(ws: Workspace, loaded: Loaded, trusted: boolean): Approval {
  const commands = startedPanes(loaded.snapshot);
  try {
    const known = decisionOn(ws, loaded);
    const state = known?.reason ?? (trusted ? 'signed' : 'none');
    return { commands, state, problem: null };
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return { commands, state: 'none', problem: error.message };
  }
}

function startedPanes(snapshot: Snapshot): number {
  return snapshot.tmux.windows
    .flatMap((w) => w.panes)
    .map((p) => commandOf(p))
    .filter((c) => c.start !== null || c.steps.length > 0 || c.prefill !== null).length;
}
