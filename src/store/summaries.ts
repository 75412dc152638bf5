import type { SessionError } from '../session/errors.ts';
import { type SnapshotSummary, summarize } from '../session/summary.ts';
import type { Repository } from '../git/repository.ts';
import { readSnapshots, type StoredSnapshot } from './sessions.ts';
import { isCacheable, readSummaryCache, writeSummaryCache } from './summary-cache.ts';

/** What is told of a snapshot, or why it can't be read. */
export type ReadSummary = { stored: StoredSnapshot } & (
  { summary: SnapshotSummary } | { error: SessionError }
);

/**
 * Summaries of snapshots. Only those are read from git and checked that no list has told of before. `all` are the
 * snapshots that there are: of others nothing is kept.
 */
export async function readSummaries(
  repo: Repository,
  wanted: readonly StoredSnapshot[],
  all: readonly StoredSnapshot[],
): Promise<ReadSummary[]> {
  const known = readSummaryCache(repo.commonDir);
  // Without a size git has no such object, whatever was known of it.
  const cached = (s: StoredSnapshot) => (s.size < 0 ? undefined : known.get(s.oid));
  const unknown = wanted.filter((s) => cached(s) === undefined);
  const read = new Map(
    (await readSnapshots(repo.git, unknown)).map((r): [StoredSnapshot, ReadSummary] => [
      r.stored,
      'error' in r ? r : { stored: r.stored, summary: summarize(r.snapshot) },
    ]),
  );
  const fresh = [...read.values()].flatMap((r): [string, SnapshotSummary][] =>
    'summary' in r && isCacheable(r.summary) ? [[r.stored.oid, r.summary]] : [],
  );
  const present = new Set(all.map((s) => s.oid));
  const kept = [...known].filter(([oid]) => present.has(oid));
  if (fresh.length > 0 || kept.length < known.size) {
    writeSummaryCache(repo.commonDir, new Map([...kept, ...fresh]));
  }
  return wanted.map((stored) => {
    const summary = cached(stored);
    return summary === undefined ? read.get(stored)! : { stored, summary };
  });
}
