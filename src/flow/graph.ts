import { crqKey } from '../session/crq.ts';
import type { SessionError } from '../session/errors.ts';
import { drawLanes, type HistoryCommit, type LaneRow, reduceHistory } from '../session/graph.ts';
import type { Crq } from '../session/schema.ts';
import { objectInfos } from '../git/objects.ts';
import type { Git } from '../git/git.ts';
import { address } from '../store/resolve.ts';
import {
  type Catalog,
  readCatalog,
  readSnapshots,
  type ReadSnapshot,
  type StoredSnapshot,
} from '../store/sessions.ts';
import { crqsOf } from '../store/crq-links.ts';
import { shortForms } from './history.ts';
import { timeOf } from './listing.ts';
import { openWorkspace } from './workspace.ts';

export interface BundleSnapshot {
  snapshot: string;
  /** `work~1` */
  form: string;
  name: string;
  remote: string | null;
  id: string;
  ref: string;
  oid: string;
  savedAt: string | null;
  message: string | null;
  branch: string | null;
  crqs: Crq[];
  error: SessionError | null;
}

/** A point of the base with its fiber: the snapshots that were taken on it. */
export interface BundleCommit {
  /** null for snapshots without a commit, and for those that can't be read. */
  oid: string | null;
  /** Whether the commit is in this repository. */
  here: boolean;
  subject: string | null;
  committedAt: string | null;
  /** Names of branches and tags that point here. */
  names: string[];
  /** The nearest ancestors among the commits of the bundle. */
  parents: string[];
  snapshots: BundleSnapshot[];
}

export interface Bundle {
  /** Children before their parents; then what is not here, and what has no commit. */
  commits: BundleCommit[];
  lanes: (ascii: boolean) => LaneRow[];
}

/** Every saved snapshot once, under the commit it was taken on. */
export async function readBundle(crq: string | null): Promise<Bundle> {
  const ws = await openWorkspace();
  const { git } = ws.repo;
  const catalog = await readCatalog(git);
  const forms = shortForms(catalog);
  const fibers = new Map<string | null, BundleSnapshot[]>();
  for (const read of (await readSnapshots(git, distinct(catalog.snapshots))).toReversed()) {
    const found = describe(catalog, read, forms);
    if (crq !== null && !found.crqs.some((c) => crqKey(c.id) === crqKey(crq))) continue;
    const base = 'snapshot' in read ? read.snapshot.git.head : null;
    fibers.set(base, [...(fibers.get(base) ?? []), found]);
  }
  const bases = [...fibers.keys()].filter((oid) => oid !== null);
  const infos = await objectInfos(git, bases);
  const present = bases.filter((_, i) => infos[i]?.type === 'commit');
  const facts = await commitFacts(git, present);
  const parents = await descent(git, present, facts);
  const known = [...parents.keys()];
  const missing = bases.filter((oid) => !parents.has(oid));
  const commits = [...known, ...missing, ...(fibers.has(null) ? [null] : [])].map((oid): BundleCommit => ({
    oid,
    here: oid !== null && parents.has(oid),
    ...(facts.get(oid ?? '') ?? { subject: null, committedAt: null, names: [] }),
    parents: parents.get(oid ?? '') ?? [],
    snapshots: (fibers.get(oid) ?? []).toSorted((a, b) => (a.id < b.id ? 1 : -1)),
  }));
  const history = known.map((oid): HistoryCommit => ({ oid, parents: parents.get(oid) ?? [] }));
  return { commits, lanes: (ascii) => drawLanes(history, ascii) };
}

/** A snapshot that was pushed and fetched again is one snapshot. */
function distinct(snapshots: StoredSnapshot[]): StoredSnapshot[] {
  const found = new Map<string, StoredSnapshot>();
  for (const s of snapshots) {
    const key = `${s.name}/${s.id}/${s.oid}`;
    if (!found.has(key) || s.remote === null) found.set(key, s);
  }
  return [...found.values()];
}

function describe(catalog: Catalog, read: ReadSnapshot, forms: Map<StoredSnapshot, string>): BundleSnapshot {
  const { stored } = read;
  const content = 'snapshot' in read ? read.snapshot : null;
  return {
    ...{ snapshot: address(stored), form: forms.get(stored) ?? stored.oid },
    ...{ name: stored.name, remote: stored.remote, id: stored.id, ref: stored.ref, oid: stored.oid },
    savedAt: content?.savedAt ?? timeOf(stored.id),
    message: content?.message ?? null,
    branch: content?.git.branch ?? null,
    crqs: content === null ? [] : crqsOf(catalog, stored, content),
    error: 'error' in read ? read.error : null,
  };
}

type Facts = Pick<BundleCommit, 'subject' | 'committedAt' | 'names'>;

/** `rev-list`, unlike `log`, runs no program that the repository's configuration names (attacks.md C21). */
const FORMAT = '--format=%H%x00%ct%x00%D%x00%s';

async function commitFacts(git: Git, commits: string[]): Promise<Map<string, Facts>> {
  if (commits.length === 0) return new Map();
  const out = await git.ok(['rev-list', '--no-walk=unsorted', '--no-commit-header', FORMAT, '--stdin'], {
    input: `${commits.join('\n')}\n`,
  });
  const lines = out
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
  return new Map(
    lines.map((line): [string, Facts] => {
      const [oid = '', time = '0', names = '', subject = ''] = line.split('\0');
      const at = new Date(Number(time) * 1000);
      // A forged commit may have any time.
      const committedAt = Number.isNaN(at.getTime()) ? null : at.toISOString();
      return [oid, { subject, committedAt, names: names.split(', ').filter(isName) }];
    }),
  );
}

function isName(name: string): boolean {
  return name !== '' && !/^refs\/(?:sessions|remote-sessions|notes)\//u.test(name);
}

/**
 * The nearest ancestors of each commit, in topological order. Only the history since the oldest of them
 * is walked.
 */
async function descent(
  git: Git,
  commits: string[],
  facts: ReadonlyMap<string, Facts>,
): Promise<Map<string, string[]>> {
  if (commits.length < 2) return new Map(commits.map((oid) => [oid, []]));
  const oldest = Math.min(
    ...Array.from(facts.values(), (f) => Date.parse(f.committedAt ?? '1970-01-01') / 1000),
  );
  const walked = await git.run(
    ['rev-list', '--topo-order', '--parents', ...(oldest > 0 ? [`--since=${oldest - 1}`] : []), '--stdin'],
    { input: `${commits.join('\n')}\n` },
  );
  const history = walked.stdout
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): HistoryCommit => {
      const [oid = '', ...parents] = line.split(' ');
      return { oid, parents };
    });
  const reduced = reduceHistory(history, new Set(commits));
  const ordered = history.flatMap(({ oid }) => (reduced.has(oid) ? [oid] : []));
  // A clock that was wrong, or a history that is not whole, hides no commit.
  const rest = commits.filter((oid) => !reduced.has(oid));
  return new Map([...ordered, ...rest].map((oid) => [oid, reduced.get(oid) ?? []]));
}
