import type { SnapshotSummary } from '../session/summary.ts';
import { readOwnCache, writeOwnCache } from './own-cache.ts';

/**
 * What a list tells of snapshots that it has read and checked before, by object id: an object's bytes never change, so
 * neither does that.
 */
export type SummaryCache = ReadonlyMap<string, SnapshotSummary>;

/** Longer ones (of a long message) are read from git each time. */
const MAX_ENTRY = 4096;

export function readSummaryCache(commonDir: string): SummaryCache {
  return new Map((readOwnCache('lists', commonDir) ?? []) as [string, SnapshotSummary][]);
}

export function isCacheable(summary: SnapshotSummary): boolean {
  return JSON.stringify(summary).length <= MAX_ENTRY;
}

export function writeSummaryCache(commonDir: string, entries: SummaryCache): void {
  writeOwnCache('lists', commonDir, [...entries]);
}
