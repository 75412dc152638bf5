import { crqKey } from '../session/crq.ts';
import { type Listed, type ListStatus, type SortKey, sortListed } from '../session/listed.ts';
import { globMatcher, isGlob } from '../session/live.ts';
import { compareIds, nameFromTmux, parseSessionRef } from '../session/names.ts';
import type { Git } from '../git/git.ts';
import { nativeReader, type Reader } from '../git/reader.ts';
import { listRefs, type Ref } from '../git/refs.ts';
import { liesInGitDir } from '../git/repository.ts';
import { crqsOf } from '../store/crq-links.ts';
import { type Catalog, readCatalog, type StoredSnapshot } from '../store/sessions.ts';
import { type ReadSummary, readSummaries } from '../store/summaries.ts';
import { foreignRow, joinSessions, labelOf, type SavedSession } from './listed-rows.ts';
import { LISTED_REFS, takeAsked } from './listing-ahead.ts';
import { type LiveView, readLiveWorld } from './live.ts';
import { openWorkspace, placesOf } from './workspace.ts';

export { timeOf } from './listed-rows.ts';

export interface ListOptions {
  /** Part of a name, or a glob with `*` and `?`. */
  pattern: string | null;
  crq: string | null;
  /** true: only fetched ones; false: only local ones. */
  remote: boolean | null;
  /** Empty: every status. */
  statuses: readonly ListStatus[];
  /** Only those that live. */
  active: boolean;
  /** Also tmux sessions that nobody saved, restored or made here. */
  all: boolean;
  sort: SortKey | null;
  /** At most so many, in the order that was asked for. */
  count: number | null;
}

export interface Listing {
  rows: Listed[];
  /** When it was read: milliseconds since 1970. */
  now: number;
  serverRuns: boolean;
  /** Why tmux could not be asked; null where it could, or where no server runs. */
  tmuxProblem: string | null;
  /** Refs that git passes over (faults F15), with the last good snapshot of their session. */
  broken: { ref: string; name: string; lastGood: string | null }[];
}

/** Every session, live and saved, with its newest snapshot. Only those are read, however many there are. */
export async function listSessions(options: ListOptions): Promise<Listing> {
  const asked = takeAsked();
  const ws = await openWorkspace();
  const world = readLiveWorld(ws.repo, ws.tmux, asked?.server);
  // Told below; it must not go unhandled when reading the refs fails first.
  world.catch(() => undefined);
  // Of a bare repository git has not told by itself what it holds.
  const refs = liesInGitDir(ws.repo, process.cwd()) ? null : (asked?.refs ?? null);
  const catalog = await readCatalog(readerOf(ws.repo.git, refs));
  const groups = await groupsToRead(catalog, options, world);
  const wanted = groups.flatMap((g) => candidates(catalog, g, options.crq));
  const summaries = await readSummaries(ws.repo, wanted, catalog.snapshots);
  const read = new Map(summaries.map((r) => [r.stored, r]));
  const { views, server, problem } = await world;
  const saved = groups.flatMap((group) => pick(catalog, group, read, options.crq));
  const joined = joinSessions(views, saved, placesOf(ws.repo));
  const rows = [...joined, ...foreignRows(catalog)].filter((row) => isAsked(row, options));
  const now = Date.now();
  const sorted = sortListed(rows, options.sort, now);
  return {
    rows: options.count === null ? sorted : sorted.slice(0, options.count),
    ...{ now, serverRuns: server !== null, tmuxProblem: problem?.message ?? null },
    broken: brokenOf(catalog),
  };
}

function brokenOf({ broken = [], snapshots }: Catalog): Listing['broken'] {
  return broken.map((ref) => {
    const name = parseSessionRef(ref)?.name ?? ref;
    const last = snapshots.findLast((s) => s.name === name && s.remote === null);
    return { ref, name, lastGood: last === undefined ? null : `${last.name}/${last.id}` };
  });
}

/** git, where it was not asked for these refs already. */
function readerOf(git: Git, refs: Promise<Ref[]> | null): Reader {
  const native = nativeReader(git);
  const isAsked = (prefixes: string[]) => prefixes.join(' ') === LISTED_REFS.join(' ');
  return {
    ...native,
    listRefs: (prefixes) => (refs !== null && isAsked(prefixes) ? refs : listRefs(git, prefixes, true)),
  };
}

/** The snapshots of one session, oldest first. */
type Group = StoredSnapshot[];

/**
 * The sessions whose snapshots have to be read: those that match by name, where the newest few suffice no more, and those
 * that a tmux session may belong to, whose row may match by what tmux says.
 */
async function groupsToRead(catalog: Catalog, options: ListOptions, world: Promise<{ views: LiveView[] }>) {
  const all = groups(catalog);
  const { pattern, count } = options;
  // What other options leave is known only afterwards.
  const few =
    count !== null && options.sort === null && options.crq === null && options.statuses.length === 0;
  if ((pattern === null && !few) || isIdPart(pattern)) return all;
  const byName = all.filter((g) => matches(pattern, [labelOf(g[0]!)]) && isOfSide(g[0]!.remote, options));
  const newest = byName.toSorted((a, b) => compareIds(b.at(-1)!.id, a.at(-1)!.id));
  const chosen = new Set(few ? newest.slice(0, count) : newest);
  const alive = new Set((await world).views.flatMap(savedNames));
  return all.filter((g) => chosen.has(g) || alive.has(g[0]!.name));
}

/** The names below which a live session may be saved. */
function savedNames({ stored, tmux }: LiveView): string[] {
  const names = stored === null ? [] : [stored.record.name];
  return tmux === null ? names : [...names, nameFromTmux(tmux.name), tmux.shown.name];
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

/** The newest of them, or the newest with the CRQ. Of a session without it the newest too: that one is not asked for. */
function pick(
  catalog: Catalog,
  group: Group,
  read: ReadonlyMap<StoredSnapshot, ReadSummary>,
  crq: string | null,
): SavedSession[] {
  const all = candidates(catalog, group, crq).flatMap((s): SavedSession[] => {
    const r = read.get(s);
    if (r === undefined) return [];
    const crqs = 'summary' in r ? crqsOf(catalog, s, r.summary) : [];
    return [{ read: r, crqs, snapshots: group.length }];
  });
  const best = all.findIndex((s) => crq !== null && hasCrq(s.crqs, crq));
  return all.slice(Math.max(0, best)).slice(0, 1);
}

function hasCrq(crqs: readonly { id: string }[], crq: string): boolean {
  return crqs.some((c) => crqKey(c.id) === crqKey(crq));
}

/** Refs below ours that we never make, without the context and the events that stand beside a snapshot. */
function foreignRows({ foreign }: Catalog): Listed[] {
  const names = new Set(foreign.map((ref: Ref) => ref.name));
  return foreign
    .filter(({ name }) => {
      const beside = name.replace(/\/(?:context|events)$/u, '/snapshot');
      return beside === name || !names.has(beside);
    })
    .map(foreignRow);
}

function isAsked(row: Listed, options: ListOptions): boolean {
  const { crq, statuses } = options;
  if (row.status === 'unmanaged' && !options.all && !statuses.includes('unmanaged')) return false;
  if (statuses.length > 0 && !statuses.includes(row.status)) return false;
  if (options.active && !row.alive) return false;
  if (crq !== null && !hasCrq(row.crqs, crq)) return false;
  if (!isOfSide(row.saved?.remote ?? null, options)) return false;
  const { pattern } = options;
  return matches(pattern, row.names) || (isIdPart(pattern) && row.id?.startsWith(pattern) === true);
}

function isOfSide(remote: string | null, options: ListOptions): boolean {
  return options.remote === null || (remote !== null) === options.remote;
}

function isIdPart(pattern: string | null): pattern is string {
  return pattern !== null && /^[0-9a-f-]{4,36}$/u.test(pattern);
}

function matches(pattern: string | null, names: readonly string[]): boolean {
  if (pattern === null) return true;
  const covers = isGlob(pattern) ? globMatcher(pattern) : (name: string) => name.includes(pattern);
  return names.some(covers);
}
