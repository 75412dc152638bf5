import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { readOwnCache, removeOwnCaches, writeOwnCache } from '../../src/store/own-cache.ts';
import { readScanned, writeScanned } from '../../src/store/scan-cache.ts';
import { temporaryFolder } from '../support/harness.ts';

const KEYS = new Set(['a'.repeat(40), 'b'.repeat(40)]);

/** Where the files of a kind are; their cache directory is one of the test's own. */
function cache(): { base: string; scans: string } {
  const base = path.join(temporaryFolder(), 'cache');
  vi.stubEnv('XDG_CACHE_HOME', base);
  onTestFinished(() => void vi.unstubAllEnvs());
  return { base, scans: path.join(base, 'git-session/scans') };
}

function onlyFile(directory: string): string {
  const names = readdirSync(directory);
  expect(names).toHaveLength(1);
  return path.join(directory, names[0]!);
}

test('H1 what was looked at comes back, for this repository only, and only its owner can read it', () => {
  const { scans } = cache();
  writeScanned('/repo', KEYS);
  expect(readScanned('/repo')).toEqual(KEYS);
  expect(readScanned('/other').size).toBe(0);
  expect(statSync(onlyFile(scans)).mode & 0o777).toBe(0o600);
  expect(statSync(scans).mode & 0o777).toBe(0o700);
});

test.each<[string, (file: string) => void]>([
  [
    'a byte that has changed',
    (file) => writeFileSync(file, readFileSync(file, 'utf8').replace('aaa', 'aba')),
  ],
  ['a file that was cut', (file) => truncateSync(file, statSync(file).size - 1)],
  ['a file without a header', (file) => writeFileSync(file, JSON.stringify([...KEYS]))],
  ['an empty file', (file) => truncateSync(file, 0)],
  ['a file that is too large', (file) => truncateSync(file, 16 * 1024 * 1024 + 1)],
  ['a file that others can write to', (file) => chmodSync(file, 0o620)],
  [
    'a link to a file that would do',
    (file) => {
      renameSync(file, `${file}.far`);
      symlinkSync(`${file}.far`, file);
    },
  ],
  [
    'the file of another repository',
    (file) => {
      writeScanned('/other', KEYS);
      const other = readdirSync(path.dirname(file)).find((name) => name !== path.basename(file));
      renameSync(path.join(path.dirname(file), other!), file);
    },
  ],
])('E6 %s is not believed: all is looked at again', (_, harm) => {
  const { scans } = cache();
  writeScanned('/repo', KEYS);
  harm(onlyFile(scans));
  expect(readScanned('/repo').size).toBe(0);
});

test.runIf(process.getuid?.() === 0)('E6 a file of somebody else is not believed', () => {
  const { scans } = cache();
  writeScanned('/repo', KEYS);
  chownSync(onlyFile(scans), 12345, 12345);
  expect(readScanned('/repo').size).toBe(0);
});

test('E6 of what is no list of keys nothing counts', () => {
  cache();
  writeOwnCache('scans', '/repo', { length: 1 });
  expect(readScanned('/repo').size).toBe(0);
  writeOwnCache('scans', '/repo', ['a', 1, null, ['b'], 'c']);
  expect(readScanned('/repo')).toEqual(new Set(['a', 'c']));
});

test('E6 what is forgotten takes along what is remembered of its repository, and of no other', () => {
  const { base } = cache();
  for (const kind of ['lists', 'scans'] as const) {
    for (const repo of ['/repo', '/other']) writeOwnCache(kind, repo, [repo]);
  }
  removeOwnCaches('/repo');
  for (const kind of ['lists', 'scans'] as const) {
    expect(readOwnCache(kind, '/repo')).toBeNull();
    expect(readOwnCache(kind, '/other')).toEqual(['/other']);
    onlyFile(path.join(base, 'git-session', kind));
  }
});

test('E6 where nothing is remembered nothing is removed, nor behind a link for the directory', () => {
  const { base, scans } = cache();
  removeOwnCaches('/repo');
  expect(existsSync(base)).toBe(false);
  writeScanned('/repo', KEYS);
  const far = path.join(temporaryFolder(), 'far');
  renameSync(scans, far);
  symlinkSync(far, scans);
  removeOwnCaches('/repo');
  onlyFile(far);
});

test('a reading command writes nothing where git is told so', () => {
  const { base } = cache();
  vi.stubEnv('GIT_OPTIONAL_LOCKS', '0');
  writeScanned('/repo', KEYS);
  expect(existsSync(base)).toBe(false);
});

test('it lies below the home where nothing else is said; a relative path is none', () => {
  const home = temporaryFolder();
  cache();
  vi.stubEnv('HOME', home);
  for (const xdg of [undefined, '', 'relative']) {
    vi.stubEnv('XDG_CACHE_HOME', xdg);
    writeScanned('/repo', KEYS);
    expect(readScanned('/repo')).toEqual(KEYS);
  }
  onlyFile(path.join(home, '.cache/git-session/scans'));
  vi.stubEnv('HOME', 'relative');
  writeScanned('/repo', KEYS);
  expect(readScanned('/repo').size).toBe(0);
  expect(existsSync('relative')).toBe(false);
  // Without one, the system knows the home. Nothing is written there by a test.
  vi.stubEnv('HOME', undefined);
  expect(path.isAbsolute(homedir())).toBe(true);
  expect(readOwnCache('scans', path.join(home, 'never'))).toBeNull();
});

test('V7 where there is no room for it nothing is said, and no draft stays', () => {
  const { base, scans } = cache();
  writeFileSync(base, 'a file');
  writeScanned('/repo', KEYS);
  expect(readScanned('/repo').size).toBe(0);
  expect(readFileSync(base, 'utf8')).toBe('a file');
  renameSync(base, `${base}.old`);
  writeScanned('/repo', KEYS);
  const file = onlyFile(scans);
  renameSync(file, `${file}.old`);
  // A folder in its place can not be written over.
  mkdirSync(path.join(file, 'x'), { recursive: true });
  writeScanned('/repo', KEYS);
  expect(readdirSync(scans).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  expect(readScanned('/repo').size).toBe(0);
});
