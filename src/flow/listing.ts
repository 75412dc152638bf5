import { crqKey } from '../session/crq.ts';
import { NoServerError, SessionError } from '../session/errors.ts';
import { compareIds, idTime, nameFromTmux } from '../session/names.ts';
import { fromSnapshotPath, type Places } from '../session/paths.ts';
import type { Crq, Snapshot, TmuxPane } from '../session/schema.ts';
import { fromText } from '../session/text.ts';
import { Git } from '../git/git.ts';
import type { Ref } from '../git/refs.ts';
import { address } from '../store/resolve.ts';
import {
  type Catalog,
  readCatalog,
  readSnapshots,
  type ReadSnapshot,
  type StoredSnapshot,
} from '../store/sessions.ts';
import { listSessions as listLive, type LiveSession } from '../tmux/capture.ts';
import type { Tmux } from '../tmux/tmux.ts';
import { crqsOf } from '../store/crq-links.ts';
import { openWorkspace, placesOf } from './workspace.ts';

export interface ListOptions {
  /** Part of a name, or a glob with `*` and `?`. */
  pattern: string | null;
  crq: string | null;
  /** true: only fetched ones; false: only local ones. */
  remote: boolean | null;
  /** At most so many, the newest first. */
  count: number | null;
}

export type RowStatus = 'running' | 'saved' | 'damaged' | 'newer-format' | 'foreign';

/** A saved session, told by one of its snapshots: the newest, or the newest one with the CRQ asked for. */
export interface SessionRow {
  /** As it is addressed: behind its remote's name where it is not ours. A foreign ref's own name. */
  label: string;
  name: string | null;
  remote: string | null;
  status: RowStatus;
  /** What to give to other commands. */
  snapshot: string;
  ref: string;
  oid: string;
  context: string | null;
  /** How many snapshots the session has. */
  snapshots: number;
  /** ISO 8601; what can't be read has a time in its id still. */
  savedAt: string | null;
  content: Snapshot | null;
  crqs: Crq[];
  live: { name: string; createdAt: number; attachedClients: number; current: boolean } | null;
  error: SessionError | null;
}

export interface Listing {
  rows: SessionRow[];
  /** Where this machine's paths lie. */
  places: Places;
  /** Why tmux could not be asked; null where it could, or where no server runs. */
  tmuxProblem: string | null;
}

/** Every saved session with its newest snapshot. Only those are read, however many there are. */
export async function listSessions(options: ListOptions): Promise<Listing> {
  const refs = readRefsAhead();
  const ws = await openWorkspace();
  const [live, { catalog, chosen, read }] = await Promise.all([
    readLive(ws.tmux),
    readNewest(ws.repo.git, refs ?? readCatalog(ws.repo.git), options),
  ]);
  const rows = chosen.flatMap((group): SessionRow[] => {
    const found = pick(catalog, group, read, options.crq);
    return found === null ? [] : [toRow(catalog, group, found, live.sessions)];
  });
  const foreign = options.crq === null && options.remote !== true ? foreignRows(catalog, options) : [];
  const all = [...rows, ...foreign];
  return {
    rows: options.count === null ? all : all.slice(0, options.count),
    places: placesOf(ws.repo),
    tmuxProblem: live.problem,
  };
}

/**
 * Reads the refs while the repository is still looked for: git finds it by itself, unless it was told
 * where it is. What goes wrong is told by `openWorkspace`.
 */
function readRefsAhead(): Promise<Catalog> | null {
  if (process.env['GIT_DIR'] !== undefined || process.env['GIT_COMMON_DIR'] !== undefined) return null;
  const catalog = readCatalog(new Git(null));
  catalog.catch(() => undefined);
  return catalog;
}

/** The snapshots of one session, oldest first. */
type Group = StoredSnapshot[];

async function readNewest(git: Git, refs: Promise<Catalog>, options: ListOptions) {
  const catalog = await refs;
  const matching = groups(catalog).filter((g) => {
    const { name, remote } = g[0]!;
    if (options.remote !== null && (remote !== null) !== options.remote) return false;
    return matches(options.pattern, remote === null ? name : `${remote}/${name}`);
  });
  const newestFirst = matching.toSorted((a, b) => compareIds(b.at(-1)!.id, a.at(-1)!.id));
  // What a CRQ filter leaves is known only afterwards.
  const chosen =
    options.count === null || options.crq !== null ? newestFirst : newestFirst.slice(0, options.count);
  const wanted = chosen.flatMap((g) => candidates(catalog, g, options.crq));
  const read = new Map((await readSnapshots(git, wanted)).map((r) => [r.stored, r]));
  return { catalog, chosen, read };
}

export function groups(catalog: Catalog): Group[] {
  const found = new Map<string, Group>();
  for (const s of catalog.snapshots) {
    const key = `${s.remote ?? ''}\0${s.name}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, [s]);
    else known.push(s);
  }
  return [...found.values()];
}

/** The newest snapshot, and with a CRQ those before it that were linked to one afterwards, newest first. */
function candidates(catalog: Catalog, group: Group, crq: string | null): StoredSnapshot[] {
  const newest = group.at(-1)!;
  if (crq === null) return [newest];
  const linked = new Set(
    catalog.events
      .filter(({ name, record }) => name === newest.name && record.type === 'crq-linked')
      .filter(({ record }) => crqKey(record.data.crq ?? '') === crqKey(crq))
      .flatMap(({ record }) => record.data.snapshots),
  );
  return group.filter((s) => s === newest || linked.has(s.id)).toReversed();
}

function pick(
  catalog: Catalog,
  group: Group,
  read: ReadonlyMap<StoredSnapshot, ReadSnapshot>,
  crq: string | null,
): ReadSnapshot | null {
  if (crq === null) return read.get(group.at(-1)!) ?? null;
  const isLinked = (r: ReadSnapshot) =>
    'snapshot' in r && crqsOf(catalog, r.stored, r.snapshot).some((c) => crqKey(c.id) === crqKey(crq));
  return (
    candidates(catalog, group, crq)
      .flatMap((s) => read.get(s) ?? [])
      .find(isLinked) ?? null
  );
}

function toRow(catalog: Catalog, group: Group, read: ReadSnapshot, live: Live[]): SessionRow {
  const { stored } = read;
  const content = 'snapshot' in read ? read.snapshot : null;
  const alive = live.find((l) => belongs(l, stored, content)) ?? null;
  return {
    label: stored.remote === null ? stored.name : `${stored.remote}/${stored.name}`,
    ...{ name: stored.name, remote: stored.remote, ref: stored.ref, oid: stored.oid },
    snapshot: address(stored),
    context: stored.context,
    snapshots: group.length,
    savedAt: content?.savedAt ?? timeOf(stored.id),
    status: 'error' in read ? problemStatus(read.error) : alive === null ? 'saved' : 'running',
    content,
    crqs: content === null ? [] : crqsOf(catalog, stored, content),
    live: alive === null ? null : liveFacts(alive),
    error: 'error' in read ? read.error : null,
  };
}

export function timeOf(id: string): string | null {
  const ms = idTime(id);
  return ms === null ? null : new Date(ms).toISOString();
}

function problemStatus(error: SessionError): RowStatus {
  return error.code === 'unsupported-version' ? 'newer-format' : 'damaged';
}

/** Refs below ours that we never make. Their names mean nothing to us: the object id addresses them. */
function foreignRows(catalog: Catalog, options: ListOptions): SessionRow[] {
  return snapshotsAmong(catalog.foreign)
    .filter((ref) => matches(options.pattern, ref.name))
    .map((ref) => ({
      label: ref.name.replace(/^refs\/(?:remote-)?sessions\//u, '').replace(/\/snapshot$/u, ''),
      ...{ name: null, remote: null, status: 'foreign', snapshot: ref.oid, ref: ref.name, oid: ref.oid },
      ...{ context: null, snapshots: 1, savedAt: null, content: null, crqs: [], live: null, error: null },
    }));
}

/** Without the context and the events that stand beside a snapshot. */
function snapshotsAmong(foreign: Ref[]): Ref[] {
  const names = new Set(foreign.map((ref) => ref.name));
  return foreign.filter(({ name }) => {
    const beside = name.replace(/\/(?:context|events)$/u, '/snapshot');
    return beside === name || !names.has(beside);
  });
}

function matches(pattern: string | null, name: string): boolean {
  if (pattern === null) return true;
  if (!/[*?]/u.test(pattern)) return name.includes(pattern);
  const source = pattern.replace(/[\\^$.*+?()[\]{}|/]/gu, (c) =>
    c === '*' ? '.*' : c === '?' ? '.' : `\\${c}`,
  );
  return new RegExp(`^${source}$`, 'su').test(name);
}

interface Live extends LiveSession {
  current: boolean;
}

/** The tmux sessions. That there is no server, or no tmux, keeps nobody from seeing what is saved. */
async function readLive(tmux: Tmux): Promise<{ sessions: Live[]; problem: string | null }> {
  try {
    const server = await listLive(tmux);
    const [, pid, session] = (process.env['TMUX'] ?? '').split(',');
    const sessions = server.sessions.filter((s) => s.building === '');
    return {
      sessions: sessions.map((s) => ({
        ...s,
        current: pid !== undefined && Number(pid) === server.pid && s.id === `$${session}`,
      })),
      problem: null,
    };
  } catch (error) {
    if (error instanceof NoServerError) return { sessions: [], problem: null };
    if (error instanceof SessionError) return { sessions: [], problem: error.message };
    throw error;
  }
}

/**
 * A tmux session that was saved or restored knows whose it is; another one belongs to the local session
 * that a save of it would go to.
 */
function belongs(live: LiveSession, stored: StoredSnapshot, content: Snapshot | null): boolean {
  if (live.boundId !== '' && content !== null) return live.boundId === content.session.id;
  return stored.remote === null && nameFromTmux(live.name) === stored.name;
}

function liveFacts({ name, createdAt, attachedClients, current }: Live): SessionRow['live'] {
  return { name: name.toString('utf8'), createdAt, attachedClients, current };
}

/** The pane that a person would see first: the active one of the active window. */
export function mainPane(snapshot: Snapshot): TmuxPane {
  const { windows } = snapshot.tmux;
  const window = windows.find((w) => w.active) ?? windows[0]!;
  return window.panes.find((p) => p.active) ?? window.panes[0]!;
}

/** Where the session works, as a path of this machine; null in a bare repository. */
export function workingDirectory(snapshot: Snapshot, places: Places): string | null {
  const { path } = snapshot.tmux.sessions[0]!;
  const mapped = fromSnapshotPath(path, places);
  return mapped === null ? fromText(path.path).toString('utf8') || null : mapped.toString('utf8');
}
