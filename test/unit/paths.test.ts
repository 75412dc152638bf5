import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromSnapshotPath, type Places, staysBelow, toSnapshotPath } from '../../src/session/paths.ts';
import { anyBytes } from '../support/arbitrary.ts';

const REPO = Buffer.from('/home/ann/work/repo');
const HOME = Buffer.from('/home/ann');
const ann: Places = { repo: REPO, home: HOME };
const bob: Places = { repo: Buffer.from('/src/r'), home: Buffer.from('/Users/bob') };
const bare: Places = { repo: null, home: HOME };

const segment = anyBytes()
  .map((bytes) => Buffer.from(bytes.map((b) => (b === 0x2f ? 0x5f : b))))
  .filter((bytes) => bytes.length > 0);
const bases = ['', '/home/ann/work/repo', '/home/ann', '/home/annex', '/home/ann/work/repository'];
/** Physical paths, as the kernel gives them: no slash at the end but for the root directory's. */
const absolute = fc
  .tuple(fc.constantFrom(...bases), fc.array(segment, { maxLength: 3 }))
  .map(([base, parts]) => Buffer.concat([Buffer.from(base), ...parts.flatMap((p) => [Buffer.from('/'), p])]))
  .map((path) => (path.length === 0 ? Buffer.from('/') : path));

describe('S3: paths that move between machines', () => {
  it.each([
    ['/home/ann/work/repo', { in: 'repo', path: '' }],
    ['/home/ann/work/repo/src/a b', { in: 'repo', path: 'src/a b' }],
    ['/home/ann', { in: 'home', path: '' }],
    ['/home/ann/work', { in: 'home', path: 'work' }],
    ['/home/ann/work/repository', { in: 'home', path: 'work/repository' }],
    ['/home/annex', { in: 'root', path: '/home/annex' }],
    ['/etc', { in: 'root', path: '/etc' }],
    ['/', { in: 'root', path: '/' }],
  ])('%s is kept relative to what moves', (path, expected) => {
    expect(toSnapshotPath(Buffer.from(path), ann)).toEqual(expected);
  });

  it('comes back byte for byte on the same machine, whatever the places are', () => {
    const places = fc.constantFrom<Places>(
      ann,
      bare,
      { repo: REPO, home: null },
      { repo: null, home: null },
      {
        repo: REPO,
        home: Buffer.from('/'),
      },
    );
    fc.assert(
      fc.property(absolute, places, (path, here) => {
        expect(fromSnapshotPath(toSnapshotPath(path, here), here)).toEqual(path);
      }),
      { numRuns: 500 },
    );
  });

  it('a dead pane has no directory: tmux gives nothing, and the root directory stands for it', () => {
    expect(toSnapshotPath(Buffer.from(''), ann)).toEqual({ in: 'root', path: '/' });
    expect(toSnapshotPath(Buffer.from('relative'), ann)).toEqual({ in: 'root', path: '/' });
  });

  it('R10: is mapped to the repository and the home of another machine', () => {
    const move = (path: string) => fromSnapshotPath(toSnapshotPath(Buffer.from(path), ann), bob)?.toString();
    expect(move('/home/ann/work/repo')).toBe('/src/r');
    expect(move('/home/ann/work/repo/src')).toBe('/src/r/src');
    expect(move('/home/ann/mail')).toBe('/Users/bob/mail');
    expect(move('/home/ann')).toBe('/Users/bob');
    expect(move('/etc')).toBe('/etc');
  });

  it('D7: carries a directory whose name is not UTF-8', () => {
    const path = Buffer.concat([REPO, Buffer.from('/bad'), Buffer.from([0xff])]);
    const saved = toSnapshotPath(path, ann);
    expect(saved).toEqual({ in: 'repo', path: { base64: 'YmFk/w==' } });
    expect(fromSnapshotPath(saved, bob)).toEqual(
      Buffer.concat([Buffer.from('/src/r/bad'), Buffer.from([0xff])]),
    );
  });

  it('has no place where this machine has none', () => {
    expect(fromSnapshotPath({ in: 'repo', path: 'src' }, bare)).toBeNull();
    expect(fromSnapshotPath({ in: 'home', path: '' }, { repo: REPO, home: null })).toBeNull();
    expect(toSnapshotPath(REPO, { repo: Buffer.alloc(0), home: null })).toEqual({
      in: 'root',
      path: REPO.toString(),
    });
  });

  it('a root path that is not absolute has no place: it would be looked for where the command runs', () => {
    expect(fromSnapshotPath({ in: 'root', path: 'etc' }, ann)).toBeNull();
    expect(fromSnapshotPath({ in: 'root', path: '' }, ann)).toBeNull();
    expect(fromSnapshotPath({ in: 'root', path: '../x' }, ann)).toBeNull();
  });

  it.each([
    ['', true],
    ['src', true],
    ['a..b/..c/d..', true],
    ['..', false],
    ['../x', false],
    ['a/../../x', false],
    ['a/..', false],
    ['/etc', false],
    ['a/\n../b', true],
  ])('C16: %j stays below its base: %s', (path, expected) => {
    expect(staysBelow(Buffer.from(path))).toBe(expected);
  });
});
