import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileProblemError, UnsafeStateDirectoryError } from '../../src/session/errors.ts';
import { Approvals, planDigest } from '../../src/trust/approvals.ts';

const digest = planDigest({ argv: ['make'] });
const other = planDigest({ argv: ['other'] });
const facts = { reason: 'allowed', ref: 'refs/sessions/x', repository: '/repo' } as const;
const isRoot = process.getuid?.() === 0;
let base: string;
let directory: string;
let approvals: Approvals;

beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'approvals-'));
  directory = join(base, 'git-session', 'approvals');
  approvals = new Approvals(directory);
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

const mode = (path: string): number => fs.statSync(path).mode & 0o777;

describe('approvals', () => {
  test('what was added is there, for this digest only, until it is removed', () => {
    expect(approvals.find(digest)).toBeNull();
    expect(approvals.list()).toEqual([]);
    expect(approvals.remove(digest)).toBe(false);
    const made = approvals.add(digest, facts, new Date('2026-01-02T03:04:05Z'));
    expect(made).toEqual({ digest, ...facts, at: '2026-01-02T03:04:05.000Z' });
    expect(approvals.find(digest)).toEqual(made);
    expect(new Approvals(directory).find(digest)).toEqual(made);
    expect(approvals.find(other)).toBeNull();
    approvals.add(other, { ...facts, reason: 'saved' }, new Date('2025-01-01T00:00:00Z'));
    expect(approvals.list().map((a) => a.digest)).toEqual([other, digest]);
    expect(approvals.remove(digest)).toBe(true);
    expect(approvals.find(digest)).toBeNull();
  });

  test('adding twice keeps one file and leaves no temporary one', () => {
    approvals.add(digest, facts);
    approvals.add(digest, facts);
    expect(fs.readdirSync(directory)).toEqual([digest]);
  });

  test('E9 the directory is 0700 and its files 0600, whatever the umask', () => {
    const before = process.umask(0);
    try {
      approvals.add(digest, facts);
    } finally {
      process.umask(before);
    }
    expect([mode(directory), mode(join(directory, digest))]).toEqual([0o700, 0o600]);
  });

  test.each(['', '..', '../x', 'A'.repeat(64), `${digest}/x`, `${digest}\n`])(
    '%j is no digest and no path',
    (bad) => {
      approvals.add(digest, facts);
      expect(approvals.find(bad)).toBeNull();
      expect(approvals.remove(bad)).toBe(false);
      expect(() => approvals.add(bad, facts)).toThrow(FileProblemError);
    },
  );
});

describe('an approval is worth what its file is worth', () => {
  beforeEach(() => void approvals.add(digest, facts));
  const refused = (): boolean =>
    [() => approvals.find(digest), () => approvals.list()].every((read) => {
      try {
        read();
        return false;
      } catch (error) {
        return error instanceof UnsafeStateDirectoryError && error.hints.length > 0;
      }
    });

  test.each([0o770, 0o707, 0o777, 0o1777])(
    'E9 directory with mode %o is refused, also for writing',
    (bits) => {
      fs.chmodSync(directory, bits);
      expect(refused()).toBe(true);
      expect(() => approvals.add(other, facts)).toThrow(UnsafeStateDirectoryError);
      expect(() => approvals.remove(digest)).toThrow(UnsafeStateDirectoryError);
      expect(fs.readdirSync(directory)).toEqual([digest]);
    },
  );

  test.each([0o620, 0o602, 0o666])('E9 file with mode %o is refused', (bits) => {
    fs.chmodSync(join(directory, digest), bits);
    expect(refused()).toBe(true);
  });

  test.skipIf(!isRoot)('E9 a file or directory of another user is refused', () => {
    fs.chownSync(join(directory, digest), 12345, 12345);
    expect(refused()).toBe(true);
    fs.chownSync(join(directory, digest), 0, 0);
    fs.chownSync(directory, 12345, 12345);
    expect(refused()).toBe(true);
  });

  test('E3 a symbolic link as the file is not followed', () => {
    fs.renameSync(join(directory, digest), join(base, 'planted'));
    fs.symlinkSync(join(base, 'planted'), join(directory, digest));
    expect(refused()).toBe(true);
  });

  test('E3 a symbolic link as the directory is not followed', () => {
    fs.renameSync(directory, join(base, 'elsewhere'));
    fs.symlinkSync(join(base, 'elsewhere'), directory);
    expect(refused()).toBe(true);
    expect(() => approvals.add(other, facts)).toThrow(UnsafeStateDirectoryError);
    expect(fs.readdirSync(join(base, 'elsewhere'))).toEqual([digest]);
  });

  test('E3 adding replaces a planted link and leaves its target alone', () => {
    const victim = join(base, 'victim');
    fs.writeFileSync(victim, 'untouched');
    fs.symlinkSync(victim, join(directory, other));
    approvals.add(other, facts);
    expect(fs.readFileSync(victim, 'utf8')).toBe('untouched');
    expect(fs.lstatSync(join(directory, other)).isFile()).toBe(true);
    expect(approvals.find(other)).not.toBeNull();
  });

  test('a directory or a pipe as the file is refused, and does not hang', () => {
    fs.rmSync(join(directory, digest));
    fs.mkdirSync(join(directory, digest));
    expect(refused()).toBe(true);
    fs.rmdirSync(join(directory, digest));
    expect(spawnSync('mkfifo', ['-m', '600', join(directory, digest)]).status).toBe(0);
    expect(refused()).toBe(true);
  });

  test.each([
    ['empty', ''],
    ['no JSON', '{'],
    ['null', 'null'],
    ['E9 a copy under another digest', JSON.stringify({ digest: other, ...facts, at: 'x' })],
    ['unknown reason', JSON.stringify({ digest, ...facts, reason: 'ci', at: 'x' })],
    ['missing field', JSON.stringify({ digest, reason: 'saved' })],
    ['huge', ' '.repeat(70000)],
  ])('damaged (%s): approves nothing and harms no other', (_, content) => {
    approvals.add(other, facts);
    fs.writeFileSync(join(directory, digest), content);
    expect(approvals.find(digest)).toBeNull();
    expect(approvals.list().map((a) => a.digest)).toEqual([other]);
  });
});

describe('F41 E9 approvals that can’t be recorded or read', () => {
  test('the directory can’t be made: an error that says so, nothing else', () => {
    fs.writeFileSync(join(base, 'git-session'), 'a file');
    expect(() => approvals.add(digest, facts)).toThrow(/^cannot record approval/u);
    try {
      approvals.add(digest, facts);
    } catch (error) {
      expect(error).toBeInstanceOf(FileProblemError);
      expect((error as FileProblemError).hints).not.toEqual([]);
    }
  });

  test('E9 files in a repository approve nothing', () => {
    const repo = join(base, 'repo', '.git', 'git-session', 'approvals');
    fs.mkdirSync(repo, { recursive: true });
    fs.writeFileSync(join(repo, digest), JSON.stringify({ digest, ...facts, at: 'x' }));
    const before = process.cwd();
    process.chdir(join(base, 'repo', '.git'));
    try {
      for (const state of ['.', '', 'git-session']) {
        const env = process.env['XDG_STATE_HOME'];
        process.env['XDG_STATE_HOME'] = state;
        try {
          expect(new Approvals().directory.startsWith('/')).toBe(true);
          expect(new Approvals().find(digest)).toBeNull();
        } finally {
          if (env === undefined) delete process.env['XDG_STATE_HOME'];
          else process.env['XDG_STATE_HOME'] = env;
        }
      }
    } finally {
      process.chdir(before);
    }
  });
});
