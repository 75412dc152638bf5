import { idTime } from '../session/names.ts';
import type { Crq } from '../session/schema.ts';
import type { EventRecord } from '../store/events.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import {
  type Catalog,
  readCatalog,
  readSnapshots,
  type ReadSnapshot,
  type StoredSnapshot,
} from '../store/sessions.ts';
import { crqsOf } from '../store/crq-links.ts';
import { groups } from './listing.ts';
import { openWorkspace } from './workspace.ts';

export type HistoryEntry =
  | {
      kind: 'snapshot';
      read: ReadSnapshot;
      /** `work~2`, behind the remote's name where it is not ours. */
      form: string;
      crqs: Crq[];
    }
  | { kind: 'event'; name: string; remote: string | null; record: EventRecord };

/**
 * The snapshots of a session, or of all, newest first, and between them what happened to them. A
 * reference to an older snapshot begins there.
 */
export async function history(ref: string | null, count: number | null): Promise<HistoryEntry[]> {
  const ws = await openWorkspace();
  const catalog = await readCatalog(ws.repo.git);
  const forms = shortForms(catalog);
  const { snapshots, events } = select(catalog, ref);
  const newestFirst = snapshots.toSorted((a, b) => timeOfId(b) - timeOfId(a) || (a.id < b.id ? 1 : -1));
  const shown = count === null ? newestFirst : newestFirst.slice(0, count);
  const read = await readSnapshots(ws.repo.git, shown);
  const entries = read.map((r): { time: number; entry: HistoryEntry } => ({
    time: timeOfId(r.stored),
    entry: {
      kind: 'snapshot',
      read: r,
      form: forms.get(r.stored) ?? r.stored.oid,
      crqs: 'snapshot' in r ? crqsOf(catalog, r.stored, r.snapshot) : [],
    },
  }));
  // With a limit, what is older than the last snapshot shown belongs to the part that is not shown.
  const oldest = shown.length < newestFirst.length ? (entries.at(-1)?.time ?? Infinity) : -Infinity;
  for (const { name, remote, record } of events) {
    if (record.sequence < oldest) continue;
    entries.push({ time: record.sequence, entry: { kind: 'event', name, remote, record } });
  }
  return entries.toSorted((a, b) => b.time - a.time).map((e) => e.entry);
}

function timeOfId({ id }: StoredSnapshot): number {
  return idTime(id) ?? 0;
}

/** `work`, `work~1`, `origin/work~2` for every snapshot that has such a form. */
export function shortForms(catalog: Catalog): Map<StoredSnapshot, string> {
  const forms = new Map<StoredSnapshot, string>();
  for (const group of groups(catalog)) {
    group.forEach((s, i) => {
      const back = group.length - 1 - i;
      const name = s.remote === null ? s.name : `${s.remote}/${s.name}`;
      forms.set(s, back === 0 ? name : `${name}~${back}`);
    });
  }
  return forms;
}

function select(catalog: Catalog, ref: string | null): Pick<Catalog, 'snapshots' | 'events'> {
  if (ref === null) return catalog;
  const label = (s: { name: string; remote: string | null }) =>
    s.remote === null ? s.name : `${s.remote}/${s.name}`;
  const snapshots = catalog.snapshots.filter((s) => label(s) === ref);
  const events = catalog.events.filter((e) => label(e) === ref);
  // A session that was deleted has a past still.
  if (snapshots.length + events.length > 0) return { snapshots, events };
  const from = resolveSnapshot(catalog, ref);
  const before = catalog.snapshots.filter((s) => label(s) === label(from) && s.id <= from.id);
  const start = timeOfId(from);
  return {
    snapshots: before,
    events: catalog.events.filter((e) => label(e) === label(from) && e.record.sequence <= start),
  };
}
