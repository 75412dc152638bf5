import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRepository } from '../../src/git/repository.ts';
import { readStatus } from '../../src/git/status.ts';
import { recordWork } from '../../src/git/work.ts';
import type { Person } from '../support/harness.ts';
import { fsck, gitBytes, leftovers, resident, saveIn, stateOf, untouched } from '../support/store.ts';

type Change = (who: Person, dir: string) => Promise<void> | void;

const write = (dir: string, name: string, text: string | Buffer) => {
  mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
  writeFileSync(path.join(dir, name), text);
};

/** A repository with files of all kinds, committed. */
async function repoWith(who: Person, ...initArgs: string[]): Promise<string> {
  const dir = await who.repo('repo', ...initArgs);
  for (const name of ['a', 'b', 'c', 'd', 'e', 'dir/x', 'dir/y']) write(dir, name, `${name}\n`.repeat(20));
  write(dir, 'program', '#!/bin/sh\n');
  chmodSync(path.join(dir, 'program'), 0o755);
  symlinkSync('a', path.join(dir, 'link'));
  write(dir, '.gitignore', 'ignored\n');
  await who.git(dir, 'add', '.');
  await who.git(dir, 'commit', '-q', '-m', 'second');
  return dir;
}

/** A new clone of the repository, with its sessions, in which the saved work is applied by git itself. */
async function applied(who: Person, dir: string, work: string, ...config: string[]): Promise<string> {
  const clone = path.join(who.dir, 'clone');
  const options = config.flatMap((setting) => ['-c', setting]);
  await who.git(who.dir, ...options, 'clone', '-q', ...config.flatMap((s) => ['--config', s]), dir, clone);
  await who.git(clone, 'fetch', '-q', 'origin', 'refs/sessions/*:refs/sessions/*');
  await who.git(clone, 'checkout', '-q', '--detach', `${work}^1`);
  await who.git(clone, 'stash', 'apply', '--quiet', '--index', work);
  return clone;
}

const NAMES = [
  'nl\nx',
  '"quoted"',
  "it's",
  'sp ace',
  '-dash',
  ':(top)',
  '*',
  '[x]',
  '#{x}',
  'back\\slash',
  '日本',
  '\u202e',
];

const CHANGES: [string, Change][] = [
  ['unstaged changes', (_, dir) => write(dir, 'a', 'changed\n')],
  [
    'staged changes',
    async (who, dir) => (write(dir, 'a', 'changed\n'), void (await who.git(dir, 'add', 'a'))),
  ],
  [
    'a file that is staged and changed again',
    async (who, dir) => {
      write(dir, 'a', 'staged\n');
      await who.git(dir, 'add', 'a');
      write(dir, 'a', 'and again\n');
    },
  ],
  ['untracked files', (_, dir) => (write(dir, 'new', 'n\n'), write(dir, 'deep/er/new', ''))],
  [
    'a staged new file',
    async (who, dir) => (write(dir, 'new', 'n\n'), void (await who.git(dir, 'add', 'new'))),
  ],
  ['an unstaged deletion', (_, dir) => rmSync(path.join(dir, 'a'))],
  ['a staged deletion', async (who, dir) => void (await who.git(dir, 'rm', '-q', 'a', 'dir/x'))],
  ['a whole folder deleted', (_, dir) => rmSync(path.join(dir, 'dir'), { recursive: true })],
  ['a staged rename', async (who, dir) => void (await who.git(dir, 'mv', 'a', 'renamed'))],
  ['an unstaged rename', (_, dir) => renameSync(path.join(dir, 'a'), path.join(dir, 'renamed'))],
  [
    'a rename that is staged and changed',
    async (who, dir) => (
      await who.git(dir, 'mv', 'a', 'renamed'),
      appendFileSync(path.join(dir, 'renamed'), 'more\n')
    ),
  ],
  [
    'an executable bit set and one cleared',
    (_, dir) => (chmodSync(path.join(dir, 'a'), 0o755), chmodSync(path.join(dir, 'program'), 0o644)),
  ],
  [
    'a staged executable bit',
    async (who, dir) => void (await who.git(dir, 'update-index', '--chmod=+x', 'a')),
  ],
  [
    'an untracked program',
    (_, dir) => (write(dir, 'run', '#!/bin/sh\n'), chmodSync(path.join(dir, 'run'), 0o755)),
  ],
  [
    'a changed link',
    (_, dir) => (rmSync(path.join(dir, 'link')), symlinkSync('dir/x', path.join(dir, 'link'))),
  ],
  [
    'a file that became a link',
    (_, dir) => (rmSync(path.join(dir, 'a')), symlinkSync('b', path.join(dir, 'a'))),
  ],
  [
    'untracked links, one to nowhere',
    (_, dir) => (symlinkSync('a', path.join(dir, 'l1')), symlinkSync('/no/such', path.join(dir, 'l2'))),
  ],
  ['a link to a directory', (_, dir) => symlinkSync('dir', path.join(dir, 'l3'))],
  ['C15: untracked files with hostile names', (_, dir) => NAMES.forEach((name) => write(dir, name, name))],
  [
    'C15: staged files with hostile names',
    async (who, dir) => (
      NAMES.forEach((name) => write(dir, name, name)),
      void (await who.git(dir, 'add', '.'))
    ),
  ],
  [
    'D7: names that are no UTF-8',
    async (who, dir) => {
      for (const name of ['bad', 'staged']) {
        writeFileSync(Buffer.concat([Buffer.from(`${dir}/${name}`), Buffer.from([0xff])]), name);
      }
      const input = Buffer.concat([Buffer.from('staged'), Buffer.from([0xff, 0])]);
      await gitBytes(who, dir, ['update-index', '--add', '-z', '--stdin'], { input });
    },
  ],
  [
    'binary and empty files',
    (_, dir) => (
      write(dir, 'bin', Buffer.from([0, 255, 10, 13, 0])),
      write(dir, 'empty', ''),
      write(dir, 'b', '')
    ),
  ],
  ['a file without a last line break', (_, dir) => (write(dir, 'a', 'no end'), write(dir, 'new', 'no end'))],
  [
    'a file staged for removal that is still there',
    async (who, dir) => void (await who.git(dir, 'rm', '-q', '--cached', 'a')),
  ],
  ['a large file', (_, dir) => write(dir, 'large', Buffer.alloc(3 * 1024 * 1024, 'x'))],
  [
    'all of it together',
    async (who, dir) => {
      write(dir, 'a', 'staged\n');
      await who.git(dir, 'add', 'a');
      write(dir, 'a', 'again\n');
      await who.git(dir, 'mv', 'b', 'moved');
      rmSync(path.join(dir, 'c'));
      await who.git(dir, 'rm', '-q', 'd');
      chmodSync(path.join(dir, 'e'), 0o755);
      write(dir, 'deep/new', 'n');
    },
  ],
];

describe('the worktree commit, applied by git stash apply --index in a new clone', () => {
  it.each(CHANGES)('brings back %s, and leaves this clone untouched', async (_, change) => {
    const who = resident();
    const dir = await repoWith(who);
    await change(who, dir);
    const state = await stateOf(who, dir);
    const before = await untouched(who, dir);
    const { work } = await saveIn(dir);
    expect(await untouched(who, dir)).toEqual(before);
    expect(await stateOf(who, dir)).toEqual(state);
    expect(leftovers(path.join(dir, '.git'))).toEqual([]);
    await fsck(who, dir);
    expect(await stateOf(who, await applied(who, dir, work!))).toEqual(state);
  });

  it('has the shape of a stash: base, index, untracked', async () => {
    const who = resident();
    const dir = await repoWith(who);
    write(dir, 'a', 'x');
    const plain = await saveIn(dir);
    write(dir, 'new', 'x');
    const withUntracked = await saveIn(dir);
    const parents = async (oid: string) => (await who.git(dir, 'rev-parse', `${oid}^@`)).split('\n');
    const head = await who.git(dir, 'rev-parse', 'HEAD');
    expect(await parents(plain.work!)).toEqual([head, expect.any(String)]);
    const [base, index, untracked] = await parents(withUntracked.work!);
    expect([base, await parents(index!), await who.git(dir, 'rev-parse', `${untracked}^@`)]).toEqual([
      head,
      [head],
      '',
    ]);
    expect(
      await who.git(dir, 'log', '--format=%s', '--no-walk=unsorted', withUntracked.work!, index!, untracked!),
    ).toBe(
      ['WIP on', 'index on', 'untracked files on']
        .map((what) => `${what} main: ${head.slice(0, 7)}`)
        .join('\n'),
    );
    expect(await who.git(dir, 'ls-tree', '-r', '--name-only', untracked!)).toBe('new');
  });

  it('never holds an ignored file', async () => {
    const who = resident();
    const dir = await repoWith(who);
    write(dir, 'ignored', 'secret');
    write(dir, 'new', 'x');
    const { work } = await saveIn(dir);
    const all = await who.git(dir, 'rev-list', '--objects', work!);
    expect(all).toContain('new');
    expect(all).not.toContain('ignored');
  });

  it.each([
    ['core.autocrlf=true', 'a\r\nb\r\n'],
    ['core.autocrlf=input', 'a\nb\n'],
    ['core.eol=crlf', 'a\nb\n'],
  ])('keeps line ends with %s', async (setting, text) => {
    const who = resident();
    const dir = await repoWith(who);
    await who.git(dir, 'config', ...(setting.split('=') as [string, string]));
    if (setting === 'core.eol=crlf') write(dir, '.gitattributes', 'a text\n');
    for (const name of ['a', 'new', 'staged']) write(dir, name, text);
    await who.git(dir, 'add', 'staged');
    const { work } = await saveIn(dir);
    const clone = await applied(who, dir, work!, setting);
    for (const name of ['a', 'new', 'staged']) {
      expect(readFileSync(path.join(clone, name), 'utf8'), name).toBe(
        readFileSync(path.join(dir, name), 'utf8'),
      );
    }
    expect(await who.git(clone, 'status', '--porcelain')).toBe(await who.git(dir, 'status', '--porcelain'));
  });

  it('keeps the content of a file that was only announced (add -N)', async () => {
    const who = resident();
    const dir = await repoWith(who);
    write(dir, 'new', 'n\n');
    await who.git(dir, 'add', '-N', 'new');
    const before = await untouched(who, dir);
    const { work } = await saveIn(dir);
    expect(await untouched(who, dir)).toEqual(before);
    const clone = await applied(who, dir, work!);
    expect(readFileSync(path.join(clone, 'new'), 'utf8')).toBe('n\n');
  });

  it.each([
    ['a split index', (who: Person, dir: string) => who.git(dir, 'update-index', '--split-index')],
    [
      'an untracked cache',
      (who: Person, dir: string) => who.git(dir, 'update-index', '--force-untracked-cache'),
    ],
    ['index version 4', (who: Person, dir: string) => who.git(dir, 'update-index', '--index-version', '4')],
    [
      'assume-unchanged files',
      (who: Person, dir: string) => who.git(dir, 'update-index', '--assume-unchanged', 'c'),
    ],
  ])('works with %s', async (_, prepare) => {
    const who = resident();
    const dir = await repoWith(who);
    await prepare(who, dir);
    write(dir, 'a', 'staged\n');
    await who.git(dir, 'add', 'a');
    write(dir, 'b', 'changed\n');
    write(dir, 'new', 'n\n');
    const state = await stateOf(who, dir);
    const before = await untouched(who, dir);
    const shared = readdirSync(path.join(dir, '.git')).filter((f) => f.startsWith('sharedindex'));
    const { work } = await saveIn(dir);
    expect(await untouched(who, dir)).toEqual(before);
    expect(readdirSync(path.join(dir, '.git')).filter((f) => f.startsWith('sharedindex'))).toEqual(shared);
    expect(await stateOf(who, await applied(who, dir, work!))).toEqual(state);
  });

  it('a sparse checkout keeps what is not checked out', async () => {
    const who = resident();
    const dir = await repoWith(who);
    await who.git(dir, 'sparse-checkout', 'set', '--no-cone', '/a', '/b');
    write(dir, 'a', 'changed\n');
    write(dir, 'new', 'n\n');
    const before = await untouched(who, dir);
    const { work } = await saveIn(dir);
    expect(await untouched(who, dir)).toEqual(before);
    expect(await who.git(dir, 'diff', '--name-status', 'HEAD', work!)).toBe('M\ta');
    const clone = await applied(who, dir, work!);
    expect(await who.git(clone, 'status', '--porcelain')).toBe(' M a\n?? new');
  });

  it('a submodule that moved is kept as the commit it points at, and its own changes are not', async () => {
    const who = resident();
    const inner = await who.repo('inner');
    const dir = await repoWith(who);
    await who.git(dir, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner, 'sub');
    await who.git(dir, 'commit', '-q', '-m', 'submodule');
    await who.git(path.join(dir, 'sub'), 'commit', '-q', '--allow-empty', '-m', 'moved');
    write(dir, 'sub/dirty', 'x');
    const tip = await who.git(path.join(dir, 'sub'), 'rev-parse', 'HEAD');
    const before = await untouched(who, dir);
    const { work } = await saveIn(dir);
    expect(await untouched(who, dir)).toEqual(before);
    expect(await who.git(dir, 'ls-tree', work!, 'sub')).toBe(`160000 commit ${tip}\tsub`);
    await fsck(who, dir);
  });

  it('a nested repository stays outside', async () => {
    const who = resident();
    const dir = await repoWith(who);
    await who.git(dir, 'init', '-q', 'nested');
    write(dir, 'nested/inner', 'x');
    write(dir, 'new', 'x');
    const { work } = await saveIn(dir);
    expect(await who.git(dir, 'ls-tree', '-r', '--name-only', `${work}^3`)).toBe('new');
  });
});

describe('F19: recording the work', () => {
  it('racy: a change in the moment after git add is not taken for the staged state', async () => {
    const who = resident();
    const dir = await repoWith(who);
    // With these git looks at size and time only, as it does where the times are too coarse.
    await who.git(dir, 'config', 'core.trustctime', 'false');
    const file = path.join(dir, 'a');
    const index = path.join(dir, '.git/index');
    const moment = new Date('2026-11-21T08:00:00.000Z');
    writeFileSync(file, 'staged\n');
    utimesSync(file, moment, moment);
    await who.git(dir, 'add', 'a');
    writeFileSync(file, 'change\n');
    utimesSync(file, moment, moment);
    utimesSync(index, moment, moment);
    const status = await who.run('git', ['status', '--porcelain'], {
      cwd: dir,
      env: { GIT_OPTIONAL_LOCKS: '0' },
    });
    expect(status.stdout).toBe('MM a\n');
    const { work } = await saveIn(dir);
    expect(await who.git(dir, 'show', `${work}:a`)).toBe('change');
    expect(await who.git(dir, 'show', `${work}^2:a`)).toBe('staged');
  });

  it('two that record the same work keep their objects apart: the end of one leaves those of the other kept', async () => {
    const who = resident();
    const dir = await repoWith(who);
    write(dir, 'a', 'the same new content\n');
    const repo = await openRepository(dir);
    const { head, untracked } = await readStatus(repo);
    const one = await recordWork(repo, head!, untracked, false);
    // As if the first one's pack had not been there yet when the second one looked.
    const packs = path.join(dir, '.git/objects/pack');
    for (const file of readdirSync(packs)) if (!file.endsWith('.keep')) rmSync(path.join(packs, file));
    const two = await recordWork(repo, head!, untracked, false);
    expect(one.worktree).toBe(two.worktree);
    one.release();
    await who.git(dir, 'gc', '-q', '--prune=now');
    expect(await who.git(dir, 'cat-file', '-t', two.worktree)).toBe('tree');
    two.release();
    expect(leftovers(path.join(dir, '.git'))).toEqual([]);
    await who.git(dir, 'gc', '-q', '--prune=now');
    await expect(who.git(dir, 'cat-file', '-t', two.worktree)).rejects.toThrow('git cat-file');
  });

  it('objects are kept from gc until they are released, and none are made for what is there already', async () => {
    const who = resident();
    const dir = await repoWith(who);
    write(dir, 'a', 'x\n');
    const repo = await openRepository(dir);
    const { head } = await readStatus(repo);
    const packs = () => readdirSync(path.join(dir, '.git/objects/pack')).filter((f) => f.endsWith('.keep'));
    const first = await recordWork(repo, head!, [], false);
    expect(packs()).toHaveLength(1);
    const second = await recordWork(repo, head!, [], false);
    expect([second.worktree, second.index]).toEqual([first.worktree, first.index]);
    expect(packs()).toHaveLength(1);
    second.release();
    expect(packs()).toHaveLength(1);
    first.release();
    expect(packs()).toHaveLength(0);
  });

  it('files beyond core.bigFileThreshold, which git writes as packs at once, come along', async () => {
    const who = resident();
    const dir = await repoWith(who);
    await who.git(dir, 'config', 'core.bigFileThreshold', '1k');
    write(dir, 'big', Buffer.alloc(5000, 'x'));
    write(dir, 'a', 'small\n');
    const { work } = await saveIn(dir);
    await who.git(dir, 'gc', '-q', '--prune=now');
    expect(await who.git(dir, 'cat-file', '-s', `${work}^3:big`)).toBe('5000');
    await fsck(who, dir);
  });

  it('a file that is gone since it was listed is left out', async () => {
    const who = resident();
    const dir = await repoWith(who);
    write(dir, 'new', 'n');
    const repo = await openRepository(dir);
    const { head, untracked } = await readStatus(repo);
    const trees = await recordWork(
      repo,
      head!,
      [...untracked, Buffer.from('gone'), Buffer.from('no/dir/gone')],
      false,
    );
    expect(await who.git(dir, 'ls-tree', '-r', '--name-only', trees.untracked!)).toBe('new');
    trees.release();
  });

  it('a failure leaves no quarantine and names the way out', async () => {
    const who = resident();
    const dir = await repoWith(who);
    const repo = await openRepository(dir);
    const { head } = await readStatus(repo);
    // A required filter that fails is a file that can't be read, as far as git is concerned.
    await who.git(dir, 'config', 'filter.broken.clean', 'false');
    await who.git(dir, 'config', 'filter.broken.required', 'true');
    write(dir, '.git/info/attributes', 'a filter=broken\n');
    write(dir, 'a', 'x');
    await expect(recordWork(repo, head!, [], false)).rejects.toMatchObject({
      hints: [expect.stringContaining('--no-work')],
    });
    expect(leftovers(path.join(dir, '.git'))).toEqual([]);
  });

  it('the path of the repository may hold what separates paths, and quotes', async () => {
    const who = resident();
    for (const [i, name] of ['with:colon', '"quoted"', 'sp ace', 'back\\slash', '日本:"x'].entries()) {
      const dir = await who.repo(name);
      write(dir, 'file.txt', 'changed\n');
      write(dir, 'new', 'n\n');
      const { work } = await saveIn(dir, { message: `save ${i}` });
      expect(await who.git(dir, 'diff', '--name-only', 'HEAD', work!), name).toBe('file.txt');
      await fsck(who, dir);
    }
  });

  it('an index that is missing is an empty one', async () => {
    const who = resident();
    const dir = await repoWith(who);
    rmSync(path.join(dir, '.git/index'));
    const { work } = await saveIn(dir);
    expect(await who.git(dir, 'ls-tree', `${work}^2`)).toBe('');
    expect(statSync(path.join(dir, '.git/index'), { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe('R3: conflicts and operations in progress', () => {
  async function conflicted(who: Person): Promise<string> {
    const dir = await repoWith(who);
    for (const [branch, text] of [
      ['one', '1'],
      ['two', '2'],
    ] as const) {
      await who.git(dir, 'checkout', '-q', '-b', branch, 'main');
      for (const name of ['a', 'nl\nx', 'both']) write(dir, name, `${text}\n`);
      if (branch === 'one') await who.git(dir, 'rm', '-q', 'b');
      else write(dir, 'b', 'changed\n');
      await who.git(dir, 'add', '.');
      await who.git(dir, 'commit', '-q', '-m', branch);
    }
    return dir;
  }

  it.each([
    ['merge', ['merge', 'one']],
    ['rebase', ['rebase', 'one']],
    ['cherry-pick', ['cherry-pick', 'one']],
  ])(
    'a %s with conflicts keeps the files with their markers and our side in the index',
    async (operation, args) => {
      const who = resident();
      const dir = await conflicted(who);
      expect((await who.run('git', args, { cwd: dir })).code).not.toBe(0);
      expect((await readStatus(await openRepository(dir))).operation).toBe(operation);
      const before = await untouched(who, dir);
      const { work } = await saveIn(dir);
      expect(await untouched(who, dir)).toEqual(before);
      await fsck(who, dir);
      const marked = readFileSync(path.join(dir, 'a'), 'utf8');
      expect(marked).toContain('<<<<<<<');
      expect(`${await who.git(dir, 'show', `${work}:a`)}\n`).toBe(marked);
      expect(await who.git(dir, 'show', `${work}^2:a`)).toBe(await who.git(dir, 'show', 'HEAD:a'));
      expect(await who.git(dir, 'ls-tree', '-z', '-r', '--name-only', work!)).toContain('nl\nx');
      const clone = await applied(who, dir, work!);
      expect(readFileSync(path.join(clone, 'a'), 'utf8')).toBe(marked);
    },
  );
});
