import { chownSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { GitFailedError, GitMissingError, NotARepositoryError } from '../../src/session/errors.ts';
import { Config } from '../../src/git/config.ts';
import { Git, gitEnvironment } from '../../src/git/git.ts';
import { inWorktree, openRepository } from '../../src/git/repository.ts';
import { operationInProgress, readStatus } from '../../src/git/status.ts';
import { openWorkspace } from '../../src/flow/workspace.ts';
import { canary } from '../support/forge.ts';
import { gitBytes, resident } from '../support/store.ts';

describe('finding the repository, as git does', () => {
  it('from its root and from below', async () => {
    const who = resident();
    const dir = await who.repo();
    mkdirSync(path.join(dir, 'deep/er'), { recursive: true });
    const expected = {
      ...{ gitDir: `${dir}/.git`, commonDir: `${dir}/.git`, workTree: dir },
      bare: false,
      linked: false,
      shallow: false,
      objectFormat: 'sha1',
    };
    expect(await openRepository(dir)).toMatchObject(expected);
    expect(await openRepository(path.join(dir, 'deep/er'))).toMatchObject(expected);
    symlinkSync(dir, path.join(who.dir, 'link'));
    expect(await openRepository(path.join(who.dir, 'link/deep'))).toMatchObject(expected);
  });

  it('of SHA-256, bare, shallow, in a linked worktree, in a submodule', async () => {
    const who = resident();
    const dir = await who.repo('sha256', '--object-format=sha256');
    expect((await openRepository(dir)).objectFormat).toBe('sha256');

    const plain = await who.repo();
    await who.git(who.dir, 'clone', '-q', '--bare', plain, 'bare.git');
    const bare = path.join(who.dir, 'bare.git');
    expect(await openRepository(bare)).toMatchObject({ gitDir: bare, workTree: null, bare: true });

    await who.git(plain, 'commit', '-q', '--allow-empty', '-m', 'x');
    await who.git(who.dir, 'clone', '-q', '--depth=1', `file://${plain}`, 'shallow');
    expect((await openRepository(path.join(who.dir, 'shallow'))).shallow).toBe(true);

    await who.git(plain, 'worktree', 'add', '-q', '../linked');
    const linked = await openRepository(path.join(who.dir, 'linked'));
    expect(linked).toMatchObject({
      linked: true,
      commonDir: `${plain}/.git`,
      gitDir: `${plain}/.git/worktrees/linked`,
    });
    const main = inWorktree(linked, plain, `${plain}/.git`);
    expect(main).toMatchObject({ linked: false, workTree: plain });
    expect((await main.git.ok(['rev-parse', '--git-dir'])).toString().trim()).toBe(`${plain}/.git`);

    await who.git(bare, 'worktree', 'add', '-q', '../of-bare');
    expect(await openRepository(path.join(who.dir, 'of-bare'))).toMatchObject({
      bare: false,
      linked: true,
      commonDir: bare,
    });

    const outer = await who.repo('outer');
    await who.git(outer, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', plain, 'sub');
    expect(await openRepository(path.join(outer, 'sub'))).toMatchObject({
      commonDir: `${outer}/.git/modules/sub`,
      linked: false,
    });
  });

  it('inside the git directory there is no worktree', async () => {
    const who = resident();
    const dir = await who.repo();
    expect(await openRepository(path.join(dir, '.git'))).toMatchObject({ workTree: null, bare: false });
  });

  it('C20: GIT_DIR and GIT_WORK_TREE say where it is, the other variables of git are not handed on', async () => {
    const who = resident();
    const [one, two] = [await who.repo('one'), await who.repo('two')];
    vi.stubEnv('GIT_DIR', `${two}/.git`);
    vi.stubEnv('GIT_WORK_TREE', two);
    vi.stubEnv('GIT_INDEX_FILE', path.join(who.dir, 'other-index'));
    vi.stubEnv('GIT_OBJECT_DIRECTORY', path.join(who.dir, 'objects'));
    const repo = await openRepository(one);
    expect(repo).toMatchObject({ gitDir: `${two}/.git`, workTree: two });
    expect((await repo.git.ok(['ls-files'])).toString()).toBe('file.txt\n');
    const env = gitEnvironment();
    expect(
      Object.keys(env).filter((name) => /^GIT_(?:DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY)$/u.test(name)),
    ).toEqual([]);
  });

  it('where there is none, that is said, with the way out', async () => {
    const who = resident();
    const error = await openRepository(who.dir).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(NotARepositoryError);
    expect((error as NotARepositoryError).hints.join()).toContain('git init');
  });

  it('another failure is told in git’s words', async () => {
    const who = resident();
    const dir = await who.repo();
    writeFileSync(path.join(dir, '.git/config'), '[broken');
    await expect(openRepository(dir)).rejects.toThrow(/bad config line \d/u);
    await expect(openRepository(dir)).rejects.toBeInstanceOf(GitFailedError);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'a repository of another user is left alone (safe.directory)',
    async () => {
      const who = resident();
      const dir = await who.repo();
      chownSync(dir, 65534, 65534);
      chownSync(path.join(dir, '.git'), 65534, 65534);
      await expect(openRepository(dir)).rejects.toThrow(/dubious ownership/u);
    },
  );

  it('a path with a line break is refused, any other is taken', async () => {
    const who = resident();
    await expect(openRepository(await who.repo('nl\nx'))).rejects.toThrow('line break');
    for (const name of ['sp ace', "it's", '"q"', '日本', '$(id)', '-dash', '#(x)']) {
      const dir = await who.repo(name);
      const repo = await openRepository(dir);
      expect(repo.workTree).toBe(dir);
      expect((await readStatus(repo)).branch).toBe('main');
    }
  });
});

describe('running git', () => {
  it('gives what it said, throws with its words, or gives one line', async () => {
    const who = resident();
    const { git } = await openRepository(await who.repo());
    expect(await git.run(['rev-parse', '--verify', 'nosuch'])).toMatchObject({
      code: 128,
      stderr: expect.stringContaining('fatal'),
    });
    const error = await git.ok(['rev-parse', '--verify', 'nosuch']).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(GitFailedError);
    expect((error as Error).message).toBe('git rev-parse failed: Needed a single revision');
    expect((error as GitFailedError).data).toMatchObject({ code: 128 });
    expect(await git.line(['symbolic-ref', '--short', 'HEAD'])).toBe('main');
    expect(await git.line(['rev-parse', '--verify', '--quiet', 'nosuch'])).toBeNull();
    const silent = await git
      .ok(['diff', '--quiet', 'HEAD', '4b825dc642cb6eb9a060e54bf8d69288fbee4904'])
      .catch((e: unknown) => e);
    expect((silent as Error).message).toBe('git diff failed: exit code 1');
  });

  it('gives input, and does not mind a git that reads none of it', async () => {
    const who = resident();
    const { git } = await openRepository(await who.repo());
    expect((await git.ok(['hash-object', '--stdin'], { input: 'x' })).toString()).toMatch(
      /^[0-9a-f]{40}\n$/u,
    );
    expect((await git.ok(['version'], { input: Buffer.alloc(5_000_000) })).toString()).toContain(
      'git version',
    );
  });

  it('D1: stops one that says too much', async () => {
    const who = resident();
    const { git } = await openRepository(await who.repo());
    await expect(git.run(['cat-file', '-p', 'HEAD'], { maxStdout: 10 })).rejects.toThrow(
      'more than 10 bytes',
    );
  });

  it('one that is not there, or can not be started, is told', async () => {
    const who = resident();
    await expect(new Git(null, 'no-such-git').run(['version'])).rejects.toThrow(GitMissingError);
    await expect(new Git(null, who.dir).run(['version'])).rejects.toThrow(GitFailedError);
    await expect(new Git(null).run(['version'], { cwd: '/no/such/place' })).rejects.toThrow();
  });

  it('a git that is killed has failed', async () => {
    const who = resident();
    const program = path.join(who.dir, 'git');
    writeFileSync(program, '#!/bin/sh\nkill -9 $$\n', { mode: 0o755 });
    expect((await new Git(null, program).run(['version'])).code).toBe(128);
  });

  it('C19: a replacement of an object is not seen', async () => {
    const who = resident();
    const dir = await who.repo();
    const evil = (await gitBytes(who, dir, ['hash-object', '-w', '--stdin'], { input: 'evil' }))
      .toString()
      .trim();
    await who.git(dir, 'replace', 'HEAD:file.txt', evil);
    const { git } = await openRepository(dir);
    expect(await who.git(dir, 'show', 'HEAD:file.txt')).toBe('evil');
    expect((await git.ok(['cat-file', 'blob', 'HEAD:file.txt'])).toString()).toBe('one\n');
  });

  it('C12, C13: no file system monitor runs, and no repository in the tree is taken for ours', async () => {
    const who = resident();
    const dir = await who.repo();
    const touched = canary(who);
    await who.git(dir, 'config', 'core.fsmonitor', `touch ${touched}`);
    const repo = await openRepository(dir);
    await readStatus(repo);
    await expect(gitBytes(who, who.dir, ['--version'])).resolves.toBeDefined();
    expect(() => realpathSync(touched)).toThrow();
    await who.git(dir, 'init', '-q', '--bare', 'embedded');
    const { code } = await repo.git.run(['status'], {
      cwd: path.join(dir, 'embedded'),
      env: { GIT_DIR: '' },
    });
    expect(code).not.toBe(0);
  });

  it('C13: a bare repository elsewhere is ours, with its own configuration; one in a worktree, or in another bare one, is not', async () => {
    const who = resident();
    const bare = path.join(who.dir, 'bare.git');
    await who.git(who.dir, 'init', '-q', '--bare', bare);
    await who.git(bare, 'config', 'session.env', 'OWN');
    for (const cwd of [bare, path.join(bare, 'hooks')]) {
      const { repo, config } = await openWorkspace(cwd);
      expect(repo).toMatchObject({ gitDir: bare, bare: true });
      expect(config.getAll('session.env')).toEqual(['OWN']);
    }
    const dir = await who.repo();
    const inner = path.join(dir, 'inner');
    for (const place of [inner, path.join(inner, 'objects/nested'), path.join(bare, 'nested')]) {
      await who.git(who.dir, 'init', '-q', '--bare', place);
      await expect(openRepository(place)).rejects.toThrow(NotARepositoryError);
      await expect(openRepository(path.join(place, 'objects'))).rejects.toThrow(
        /is a bare repository inside/u,
      );
    }
    vi.stubEnv('GIT_DIR', inner);
    expect(await openRepository(inner)).toMatchObject({ gitDir: inner });
    vi.unstubAllEnvs();
    expect(await openRepository(path.join(dir, '.git/hooks'))).toMatchObject({ gitDir: `${dir}/.git` });
  });
});

describe('S7: the state of a repository', () => {
  it('tells head, branch, upstream and counts', async () => {
    const who = resident();
    const upstream = await who.repo('upstream');
    await who.git(who.dir, 'clone', '-q', upstream, 'clone');
    const dir = path.join(who.dir, 'clone');
    writeFileSync(path.join(dir, 'file.txt'), 'x');
    writeFileSync(path.join(dir, 'staged'), 'x');
    writeFileSync(path.join(dir, 'new\nline'), 'x');
    await who.git(dir, 'add', 'staged');
    expect(await readStatus(await openRepository(dir))).toEqual({
      ...{ head: await who.git(dir, 'rev-parse', 'HEAD'), branch: 'main', upstream: 'origin/main', ahead: 0 },
      ...{ staged: 1, unstaged: 1, untracked: [Buffer.from('new\nline')], unmerged: [], operation: null },
    });
  });

  it('of a bare repository and of an unborn branch', async () => {
    const who = resident();
    await who.git(who.dir, 'clone', '-q', '--bare', await who.repo(), 'bare.git');
    const bare = await openRepository(path.join(who.dir, 'bare.git'));
    expect(await readStatus(bare)).toMatchObject({
      head: expect.stringMatching(/^[0-9a-f]{40}$/u),
      branch: 'main',
      staged: 0,
      operation: null,
    });
    await who.git(who.dir, 'init', '-q', '--bare', 'empty.git');
    expect(await readStatus(await openRepository(path.join(who.dir, 'empty.git')))).toMatchObject({
      head: null,
      branch: 'main',
    });
    await who.git(who.dir, 'init', '-q', 'unborn');
    expect(await readStatus(await openRepository(path.join(who.dir, 'unborn')))).toMatchObject({
      head: null,
      branch: 'main',
    });
  });

  it.each([
    ['rebase-merge/', 'rebase'],
    ['rebase-apply/', 'rebase'],
    ['rebase-apply/applying', 'am'],
    ['MERGE_HEAD', 'merge'],
    ['CHERRY_PICK_HEAD', 'cherry-pick'],
    ['REVERT_HEAD', 'revert'],
    ['BISECT_LOG', 'bisect'],
    ['none', null],
  ])('with %s the operation is %s', async (file, operation) => {
    const who = resident();
    const dir = await who.repo();
    const place = path.join(dir, '.git', file);
    mkdirSync(file.endsWith('/') ? place : path.dirname(place), { recursive: true });
    if (!file.endsWith('/')) writeFileSync(place, '');
    expect(operationInProgress(await openRepository(dir))).toBe(operation);
  });

  it('reads the configuration as git has it', async () => {
    const who = resident();
    const dir = await who.repo();
    await who.git(dir, 'config', 'session.enabled', 'false');
    await who.git(dir, 'config', '--add', 'session.env', 'A');
    await who.git(dir, 'config', '--add', 'session.env', 'multi\nline = x');
    await who.git(dir, 'config', 'branch.Feature/X.crq', 'CRQ-1');
    writeFileSync(path.join(dir, '.git/config'), '[session]\n\tvalueless\n', { flag: 'a' });
    const config = await Config.read((await openRepository(dir)).git);
    expect(config.getBoolean('session.enabled', true)).toBe(false);
    expect(config.getAll('session.env')).toEqual(['A', 'multi\nline = x']);
    expect(config.get('branch.Feature/X.crq')).toBe('CRQ-1');
    expect(config.getBoolean('session.valueless', false)).toBe(true);
    expect(config.get('user.name')).toBe('ann');
  });
});
