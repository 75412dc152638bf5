import { checkCrqId, crqKey } from '../session/crq.ts';
import type { CrqDocument } from '../session/crq-document.ts';
import { SessionError, UnknownRefError } from '../session/errors.ts';
import type { Crq } from '../session/schema.ts';
import type { Config } from '../git/config.ts';
import { readStatus, type Status } from '../git/status.ts';
import {
  type CrqConfig,
  type CrqContext,
  describeCrqs,
  discoverCrqs,
  listCrqDocuments,
} from '../store/crq-discovery.ts';
import { crqsOf } from '../store/crq-links.ts';
import { linkCrqs } from '../store/crq-notes.ts';
import { removeCrqLines } from '../store/note-lines.ts';
import { writeEvent } from '../store/events.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import { readCatalog, readSnapshots, type StoredSnapshot } from '../store/sessions.ts';
import { identity, openWorkspace, type Workspace } from './workspace.ts';

export function crqConfig(config: Config): CrqConfig {
  const pattern = config.get('session.crqPattern');
  return {
    crqPath: config.getAll('session.crqPath'),
    ...(pattern === null ? {} : { crqPattern: pattern }),
  };
}

function contextOf(ws: Workspace, status: Status): CrqContext {
  return {
    ...{ branch: status.branch, upstream: status.upstream, head: status.head, ahead: status.ahead },
    configured: status.branch === null ? [] : ws.config.getAll(`branch.${status.branch}.crq`),
    config: crqConfig(ws.config),
  };
}

/** The CRQs of a save: those that were named first, then those that are found without asking. */
export async function findCrqs(
  ws: Workspace,
  status: Status,
  options: { crqs: string[]; detectCrqs: boolean },
): Promise<Crq[]> {
  const context = contextOf(ws, status);
  const ids = options.crqs.map(checkCrqId);
  const [named, found] = await Promise.all([
    describeCrqs(ws.repo, ids, context),
    options.detectCrqs ? discoverCrqs(ws.repo, context) : [],
  ]);
  const known = new Set(named.map((c) => crqKey(c.id)));
  return [...named, ...found.filter((c) => !known.has(crqKey(c.id)))];
}

export interface Linked {
  stored: StoredSnapshot;
  crqs: Crq[];
  warnings: string[];
}

/** Links a stored snapshot to CRQs: an event, which is the record, and a note, which `git log` shows. */
export async function link(ref: string, ids: string[]): Promise<Linked> {
  const { ws, catalog, stored, snapshot } = await open(ref);
  const status = await readStatus(ws.repo);
  const crqs = await describeCrqs(ws.repo, ids.map(checkCrqId), contextOf(ws, status));
  const warnings: string[] = [];
  const linked = new Set(crqsOf(catalog, stored, snapshot).map((c) => crqKey(c.id)));
  for (const crq of crqs) {
    if (linked.has(crqKey(crq.id))) continue;
    const { id, title, path } = crq;
    const data = { snapshots: [stored.id], crq: id, title, path };
    await writeEvent(ws.repo, stored.name, catalog.newestId(stored.name), 'crq-linked', data);
  }
  if (snapshot.git.head === null) warnings.push('no note was written: the snapshot has no commit');
  else {
    const target = { base: snapshot.git.head, name: stored.name, id: stored.id };
    await linkCrqs(ws.repo, { ...target, crqs, identity: identity(ws.config) });
  }
  const after = await readCatalog(ws.repo.git);
  return { stored, crqs: crqsOf(after, stored, snapshot), warnings };
}

export async function unlink(ref: string, ids: string[]): Promise<Linked> {
  const { ws, catalog, stored, snapshot } = await open(ref);
  const linked = crqsOf(catalog, stored, snapshot);
  for (const id of ids.map(checkCrqId)) {
    const crq = linked.find((c) => crqKey(c.id) === crqKey(id));
    if (crq === undefined) {
      throw new UnknownRefError(`'${stored.name}' is not linked to ${id}`, [
        linked.length === 0 ? 'it has no CRQs' : `it is linked to ${linked.map((c) => c.id).join(', ')}`,
      ]);
    }
    const data = { snapshots: [stored.id], crq: crq.id };
    await writeEvent(ws.repo, stored.name, catalog.newestId(stored.name), 'crq-unlinked', data);
    await removeCrqLines(ws.repo, identity(ws.config), stored, crq.id);
  }
  const after = await readCatalog(ws.repo.git);
  return { stored, crqs: crqsOf(after, stored, snapshot), warnings: [] };
}

async function open(ref: string) {
  const ws = await openWorkspace();
  const catalog = await readCatalog(ws.repo.git);
  const stored = resolveSnapshot(catalog, ref);
  const [read] = await readSnapshots(ws.repo.git, [stored]);
  if (read === undefined || 'error' in read) throw read?.error ?? new UnknownRefError(`no snapshot '${ref}'`);
  return { ws, catalog, stored, snapshot: read.snapshot };
}

export interface CrqOverview {
  crq: Crq;
  document: CrqDocument | null;
  /** `<name>/<id>` of the snapshots that are linked to it, newest first. */
  snapshots: string[];
}

/** Every CRQ that has a document or a link, with the snapshots that are linked to it. */
export async function crqOverview(): Promise<CrqOverview[]> {
  const ws = await openWorkspace();
  const [documents, catalog] = await Promise.all([
    ws.repo.workTree === null ? [] : listCrqDocuments(ws.repo, crqConfig(ws.config)),
    readCatalog(ws.repo.git),
  ]);
  const rows: CrqOverview[] = documents.map((document) => ({
    crq: { id: document.id, title: document.title, status: document.status, path: document.path },
    document,
    snapshots: [],
  }));
  const read = await readSnapshots(ws.repo.git, catalog.snapshots);
  for (const r of read.toReversed()) {
    if (r instanceof SessionError || 'error' in r) continue;
    const label = `${r.stored.remote === null ? '' : `${r.stored.remote}/`}${r.stored.name}/${r.stored.id}`;
    for (const crq of crqsOf(catalog, r.stored, r.snapshot)) rowFor(rows, crq).snapshots.push(label);
  }
  return rows;
}

/** A link belongs to the document of its path; where it has none, to the one document of that id. */
function rowFor(rows: CrqOverview[], crq: Crq): CrqOverview {
  const same = (r: CrqOverview) => JSON.stringify(r.crq.path) === JSON.stringify(crq.path);
  const byId = rows.filter((r) => crqKey(r.crq.id) === crqKey(crq.id));
  const found = crq.path === null ? byId[0] : (rows.find(same) ?? byId.find((r) => r.document === null));
  if (found !== undefined) return found;
  const made = { crq, document: null, snapshots: [] };
  rows.push(made);
  return made;
}
