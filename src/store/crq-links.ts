import { crqKey } from '../session/crq.ts';
import type { Crq, Snapshot } from '../session/schema.ts';
import type { Catalog, StoredSnapshot } from './sessions.ts';

/**
 * What a snapshot is linked to now: what its blob says, and what was linked and unlinked since, by the
 * events of all clones that we know.
 */
export function crqsOf(catalog: Catalog, stored: StoredSnapshot, snapshot: Pick<Snapshot, 'crqs'>): Crq[] {
  const crqs = new Map(snapshot.crqs.map((c) => [crqKey(c.id), c]));
  const records = catalog.events
    .filter((e) => e.name === stored.name)
    .map((e) => e.record)
    .toSorted((a, b) => a.sequence - b.sequence);
  for (const { type, data } of records) {
    if (data.crq === undefined || !data.snapshots.includes(stored.id)) continue;
    const key = crqKey(data.crq);
    if (type === 'crq-unlinked') crqs.delete(key);
    else if (type === 'crq-linked' && !crqs.has(key)) {
      crqs.set(key, { id: data.crq, title: data.title ?? null, path: data.path ?? null, status: null });
    }
  }
  return [...crqs.values()];
}
