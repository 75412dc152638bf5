import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { SnapshotSummary } from '../../src/session/summary.ts';
import { readSummaryCache, writeSummaryCache } from '../../src/store/summary-cache.ts';
import { temporaryFolder } from '../support/harness.ts';

const entries = new Map([['a'.repeat(40), { name: 'work' } as unknown as SnapshotSummary]]);

/** The two directories of the cache, in a cache directory of the test's own. */
function cache() {
  const base = path.join(temporaryFolder(), 'cache');
  vi.stubEnv('XDG_CACHE_HOME', base);
  onTestFinished(() => void vi.unstubAllEnvs());
  return { base, own: path.join(base, 'git-session'), lists: path.join(base, 'git-session/lists') };
}

/** A file that nobody has touched for years. */
function oldFile(file: string): string {
  writeFileSync(file, 'precious');
  utimesSync(file, 1, 1);
  return file;
}

const draft = `${'0'.repeat(16)}.json`;

test('the list cache comes back, and what was not used for long goes: only its own files', () => {
  const { lists } = cache();
  writeSummaryCache('/repo', entries);
  const [file] = readdirSync(lists);
  oldFile(path.join(lists, draft));
  oldFile(path.join(lists, `${draft}.17.tmp`));
  const kept = ['notes.json', `${'0'.repeat(15)}.json`, `x${draft}`, `${draft}.bak`];
  for (const name of kept) oldFile(path.join(lists, name));
  // A link is none of its files, wherever it leads to.
  symlinkSync(oldFile(path.join(temporaryFolder(), 'far')), path.join(lists, `${'1'.repeat(16)}.json`));
  symlinkSync('/nonexistent', path.join(lists, `${'2'.repeat(16)}.json`));
  writeSummaryCache('/repo', entries);
  expect(readSummaryCache('/repo')).toEqual(entries);
  expect(readdirSync(lists).toSorted()).toEqual(
    [...kept, file!, `${'1'.repeat(16)}.json`, `${'2'.repeat(16)}.json`].toSorted(),
  );
});

test.each(['own', 'lists'] as const)('a link for the directory (%s) is not followed', (which) => {
  const places = cache();
  writeSummaryCache('/repo', entries);
  const far = path.join(temporaryFolder(), 'far');
  renameSync(places[which], far);
  symlinkSync(far, places[which]);
  const precious = oldFile(path.join(places.lists, draft));
  const before = readdirSync(places.lists);
  expect(readSummaryCache('/repo').size).toBe(0);
  writeSummaryCache('/other', entries);
  expect(existsSync(precious)).toBe(true);
  expect(readdirSync(places.lists)).toEqual(before);
});

test.each(['own', 'lists'] as const)('a directory (%s) that others can write to is left alone', (which) => {
  const places = cache();
  mkdirSync(places.lists, { recursive: true });
  chmodSync(places[which], 0o777);
  const precious = oldFile(path.join(places.lists, draft));
  writeSummaryCache('/repo', entries);
  expect(readdirSync(places.lists)).toEqual([draft]);
  expect(existsSync(precious)).toBe(true);
  chmodSync(places[which], 0o700);
  writeSummaryCache('/repo', entries);
  expect(readSummaryCache('/repo')).toEqual(entries);
  chmodSync(places[which], 0o777);
  expect(readSummaryCache('/repo').size).toBe(0);
});
