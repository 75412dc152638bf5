import { readOwnCache, writeOwnCache } from './own-cache.ts';

/** More than any repository has: the oldest go. */
const MAX_ENTRIES = 100_000;

/**
 * What was looked at for secrets before, and had none: ids of objects, whose bytes never change. So a push reads what is
 * new since the last one. A new version of this program, which may have new rules, looks at all of it again.
 */
export function readScanned(commonDir: string): Set<string> {
  const value = readOwnCache('scans', commonDir);
  return new Set(Array.isArray(value) ? value.filter((key) => typeof key === 'string') : []);
}

export function writeScanned(commonDir: string, keys: ReadonlySet<string>): void {
  writeOwnCache('scans', commonDir, [...keys].slice(-MAX_ENTRIES));
}
