import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { carryOut } from '../../src/git/checkout.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { DirtyWorktreeError } from '../../src/session/errors.ts';
import { type Person, person } from '../support/harness.ts';

/** A repository with staged, unstaged and untracked work, and a commit that holds it. */
async function withWork(): Promise<{ ann: Person; dir: string; repo: Repository; work: string }> {
  const ann = person();
  const dir = await ann.repo();
  mkdirSync(path.join(dir, 'sub/deep'), { recursive: true });
  writeFileSync(path.join(dir, 'sub/tracked'), 'one\n');
  await ann.git(dir, 'add', '.');
  await ann.git(dir, 'commit', '-q', '-m', 'second');
  writeFileSync(path.join(dir, 'file.txt'), 'staged\n');
  await ann.git(dir, 'add', 'file.txt');
  writeFileSync(path.join(dir, 'file.txt'), 'unstaged\n');
  writeFileSync(path.join(dir, 'sub/deep/new'), 'new\n');
  await ann.git(dir, 'stash', 'push', '-q', '-u');
  const work = await ann.git(dir, 'rev-parse', 'stash@{0}');
  await ann.git(dir, 'stash', 'apply', '-q', '--index');
  return { ann, dir, repo: await openRepository(dir, false), work };
}

describe('work that is put aside', () => {
  it('V3 leaves a clean worktree, without the folders that were only for it, and comes back whole', async () => {
    const { ann, dir, repo, work } = await withWork();
    const before = await ann.git(dir, 'status', '--porcelain=v2', '--untracked-files=all');
    const done = await carryOut(repo, [{ kind: 'put-aside', work }]);
    expect(await ann.git(dir, 'status', '--porcelain')).toBe('');
    expect(existsSync(path.join(dir, 'sub/deep'))).toBe(false);
    expect(existsSync(path.join(dir, 'sub/tracked'))).toBe(true);
    expect(await done.undo()).toBeNull();
    expect(await ann.git(dir, 'status', '--porcelain=v2', '--untracked-files=all')).toBe(before);
    expect(readFileSync(path.join(dir, 'file.txt'), 'utf8')).toBe('unstaged\n');
    expect(readFileSync(path.join(dir, 'sub/deep/new'), 'utf8')).toBe('new\n');
  });

  it.each(['file.txt', 'sub/tracked', 'sub/deep/new'])(
    'V3 is left where it is when %s has changed since it was saved',
    async (file) => {
      const { dir, repo, work } = await withWork();
      writeFileSync(path.join(dir, file), 'meanwhile\n');
      await expect(carryOut(repo, [{ kind: 'put-aside', work }])).rejects.toThrow(DirtyWorktreeError);
      expect(readFileSync(path.join(dir, file), 'utf8')).toBe('meanwhile\n');
      expect(existsSync(path.join(dir, 'sub/deep/new'))).toBe(true);
    },
  );

  it('V3 untracked files that are not in it stay', async () => {
    const { dir, repo, work } = await withWork();
    writeFileSync(path.join(dir, 'later'), 'later\n');
    await carryOut(repo, [{ kind: 'put-aside', work }]);
    expect(readFileSync(path.join(dir, 'later'), 'utf8')).toBe('later\n');
  });

  it('V3 what came in its place goes again where a later step fails', async () => {
    const { ann, dir, repo, work } = await withWork();
    const head = await ann.git(dir, 'rev-parse', 'HEAD');
    const before = await ann.git(dir, 'status', '--porcelain=v2', '--untracked-files=all');
    const steps = [
      { kind: 'put-aside', work },
      { kind: 'checkout', commit: await ann.git(dir, 'rev-parse', 'HEAD~1'), branch: null },
      // No such commit.
      { kind: 'apply', work: '1'.repeat(40) },
    ] as const;
    await expect(carryOut(repo, [...steps])).rejects.toThrow('cannot apply the saved work');
    expect(await ann.git(dir, 'rev-parse', 'HEAD')).toBe(head);
    expect(await ann.git(dir, 'symbolic-ref', '--short', 'HEAD')).toBe('main');
    expect(await ann.git(dir, 'status', '--porcelain=v2', '--untracked-files=all')).toBe(before);
  });
});
