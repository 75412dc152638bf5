import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { decodeSnapshot } from '../../src/session/codec.ts';
import { SessionError, StoreBusyError, StoreFailedError } from '../../src/session/errors.ts';
import { sessionRef } from '../../src/session/names.ts';
import { commitBytes, hashObject, objectInfos, readBlob, readObjects } from '../../src/git/objects.ts';
import { openRepository } from '../../src/git/repository.ts';
import { readStatus } from '../../src/git/status.ts';
import { recordWork } from '../../src/git/work.ts';
import { identLine, type PendingSnapshot, planWork, storeSnapshots } from '../../src/store/objects.ts';
import { readCatalog, readSnapshots } from '../../src/store/sessions.ts';
import type { Person } from '../support/harness.ts';
import {
  fsck,
  gitBytes,
  leftovers,
  mayMount,
  mounted,
  resident,
  type Saved,
  saveIn,
  saveLike,
  untouched,
} from '../support/store.ts';

const IDENT = 'Ann <ann@example.org> 1790000000 +0000';

const write = (dir: string, name: string, text: string) => writeFileSync(path.join(dir, name), text);

async function dirty(who: Person, dir: string): Promise<string> {
  write(dir, 'file.txt', 'staged\n');
  await who.git(dir, 'add', 'file.txt');
  write(dir, 'file.txt', 'changed\n');
  write(dir, 'new', 'n\n');
  return dir;
}

/** Everything about one save, as plain git sees it. */
async function checkSaved(who: Person, dir: string, saved: Saved): Promise<void> {
  const context = sessionRef(saved.name, saved.id, 'context');
  expect(await who.git(dir, 'rev-parse', saved.ref)).toBe(saved.oid);
  expect(await gitBytes(who, dir, ['cat-file', 'blob', saved.ref])).toEqual(saved.bytes);
  expect(await who.git(dir, 'rev-parse', `${context}:snapshot.json`)).toBe(saved.oid);
  // It holds all that it names: base, index, worktree and untracked files.
  await who.git(dir, 'rev-list', '--objects', '--quiet', context);
  if (saved.work !== null) {
    expect(await who.git(dir, 'rev-parse', `${context}^@`)).toBe(saved.work);
    expect(await who.git(dir, 'show', `${saved.work}:file.txt`)).toBe('changed');
    expect(await who.git(dir, 'show', `${saved.work}^2:file.txt`)).toBe('staged');
    expect(await who.git(dir, 'show', `${saved.work}^3:new`)).toBe('n');
  }
  await fsck(who, dir);
}

const KINDS: [kind: string, make: (who: Person) => Promise<string>][] = [
  ['SHA-1', async (who) => dirty(who, await who.repo())],
  ['SHA-256', async (who) => dirty(who, await who.repo('repo', '--object-format=sha256'))],
  [
    'linked worktree',
    async (who) => {
      await who.git(await who.repo(), 'worktree', 'add', '-q', '../linked');
      return dirty(who, path.join(who.dir, 'linked'));
    },
  ],
  [
    'bare repository with a worktree',
    async (who) => {
      await who.git(who.dir, 'clone', '-q', '--bare', await who.repo(), 'bare.git');
      await who.git(path.join(who.dir, 'bare.git'), 'worktree', 'add', '-q', '../linked');
      return dirty(who, path.join(who.dir, 'linked'));
    },
  ],
  [
    'shallow clone',
    async (who) => {
      const dir = await who.repo();
      for (const message of ['two', 'three'])
        await who.git(dir, 'commit', '-q', '--allow-empty', '-m', message);
      await who.git(who.dir, 'clone', '-q', '--depth=1', `file://${dir}`, 'shallow');
      return dirty(who, path.join(who.dir, 'shallow'));
    },
  ],
  [
    'clone with alternates',
    async (who) => {
      await who.git(who.dir, 'clone', '-q', '--shared', await who.repo(), 'shared');
      return dirty(who, path.join(who.dir, 'shared'));
    },
  ],
  [
    'detached HEAD',
    async (who) => {
      const dir = await who.repo();
      await who.git(dir, 'checkout', '-q', '--detach');
      return dirty(who, dir);
    },
  ],
  [
    'submodule',
    async (who) => {
      const inner = await who.repo('inner');
      const outer = await who.repo('outer');
      await who.git(outer, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', inner, 'sub');
      return dirty(who, path.join(outer, 'sub'));
    },
  ],
  [
    'separate git directory',
    async (who) =>
      dirty(who, await who.repo('repo', '--separate-git-dir', path.join(who.dir, 'separate.git'))),
  ],
  [
    'packed repository',
    async (who) => {
      const dir = await who.repo();
      await who.git(dir, 'gc', '-q');
      return dirty(who, dir);
    },
  ],
];

describe('K3: saving in a repository of every kind', () => {
  it.each(KINDS)('%s: all of it is stored, and nothing else is touched', async (_, make) => {
    const who = resident();
    const dir = await make(who);
    await who.git(dir, 'status', '--porcelain');
    const before = await untouched(who, dir);
    const saved = await saveIn(dir, {
      files: [{ path: 'scrollback/0.0', bytes: Buffer.from('a\0b\xff\n', 'latin1') }],
    });
    expect(await untouched(who, dir)).toEqual(before);
    expect(saved.work).not.toBeNull();
    await checkSaved(who, dir, saved);
    const context = sessionRef(saved.name, saved.id, 'context');
    expect(await gitBytes(who, dir, ['cat-file', 'blob', `${context}:scrollback/0.0`])).toEqual(
      Buffer.from('a\0b\xff\n', 'latin1'),
    );
    const repo = await openRepository(dir);
    expect(leftovers(repo.commonDir)).toEqual([]);
    // Nothing of the commit that the context stands on.
    expect(await who.git(dir, 'ls-tree', '-r', '--name-only', context)).toBe('scrollback/0.0\nsnapshot.json');
    const [read] = await readSnapshots(repo.git, (await readCatalog(repo.git)).snapshots);
    expect(read).toMatchObject({ snapshot: saved.snapshot });
  });

  it('an unborn branch: a context without a parent', async () => {
    const who = resident();
    await who.git(who.dir, 'init', '-q', 'unborn');
    const dir = path.join(who.dir, 'unborn');
    write(dir, 'new', 'n');
    const saved = await saveIn(dir);
    expect([saved.work, saved.snapshot.git.head]).toEqual([null, null]);
    expect(await who.git(dir, 'rev-parse', `${sessionRef(saved.name, saved.id, 'context')}^@`)).toBe('');
    expect(await who.git(dir, 'for-each-ref', 'refs/heads')).toBe('');
    expect(await who.git(dir, 'cat-file', '-t', saved.ref)).toBe('blob');
  });

  it('a bare repository: the base commit is the parent', async () => {
    const who = resident();
    await who.git(who.dir, 'clone', '-q', '--bare', await who.repo(), 'bare.git');
    const dir = path.join(who.dir, 'bare.git');
    const saved = await saveIn(dir);
    expect(await who.git(dir, 'rev-parse', `${sessionRef(saved.name, saved.id, 'context')}^`)).toBe(
      await who.git(dir, 'rev-parse', 'HEAD'),
    );
    await fsck(who, dir);
  });

  it('C24: a commit that no branch holds any more is kept by the context', async () => {
    const who = resident();
    const dir = await who.repo();
    await who.git(dir, 'checkout', '-q', '--detach');
    await who.git(dir, 'commit', '-q', '--allow-empty', '-m', 'only here');
    const base = await who.git(dir, 'rev-parse', 'HEAD');
    await saveIn(dir);
    await who.git(dir, 'checkout', '-q', 'main');
    await who.git(dir, 'reflog', 'expire', '--expire=now', '--all');
    await who.git(dir, 'gc', '-q', '--prune=now');
    expect(await who.git(dir, 'cat-file', '-t', base)).toBe('commit');
  });

  it('C9: no hook runs for our own index, and the one for refs sees our refs only', async () => {
    const who = resident();
    const dir = await dirty(who, await who.repo());
    const touched = path.join(who.dir, 'touched');
    for (const hook of [
      'reference-transaction',
      'post-index-change',
      'pre-auto-gc',
      'post-commit',
      'pre-commit',
    ]) {
      const script = `#!/bin/sh\necho ${hook} >> ${touched}\n[ ${hook} = reference-transaction ] && cat >> ${touched}\ntrue\n`;
      writeFileSync(path.join(dir, '.git/hooks', hook), script, { mode: 0o755 });
    }
    await saveIn(dir);
    for (const line of readFileSync(touched, 'utf8').trim().split('\n')) {
      expect(line).toMatch(/^reference-transaction$| refs\/sessions\/forged\//u);
    }
  });

  it('several sessions at once share one worktree commit, and their refs come in one transaction', async () => {
    const who = resident();
    const dir = await dirty(who, await who.repo());
    const one = await saveIn(dir, { name: 'one' });
    const repo = await openRepository(dir);
    const { head } = await readStatus(repo);
    const pending = ['two', 'three/four'].map((name): PendingSnapshot => {
      const bytes = Buffer.from(`{"name":"${name}"}`);
      const oid = hashObject(repo.objectFormat, 'blob', bytes);
      return {
        name,
        id: `20261121T080000000Z-${oid.slice(0, 8)}`,
        bytes,
        oid,
        parent: head,
        files: [],
        message: name,
      };
    });
    await storeSnapshots(repo, pending, null, IDENT);
    const { snapshots } = await readCatalog(repo.git);
    expect(snapshots.map((s) => s.name)).toEqual(['one', 'three/four', 'two']);
    for (const s of snapshots)
      expect(s.context).toBe(await who.git(dir, 'rev-parse', sessionRef(s.name, s.id, 'context')));
    expect(
      await who.git(dir, 'log', '-1', '--format=%an <%ae> %ad %s', '--date=raw', snapshots[1]!.context!),
    ).toBe(`Ann <ann@example.org> 1790000000 +0000 three/four`);
    expect(one.work).not.toBeNull();
    await fsck(who, dir);
  });

  it('a message keeps its lines and any character', async () => {
    const who = resident();
    const dir = await who.repo();
    const message = 'first\n\nfrom x\ncommit refs/heads/main\ndone\n\u202e日本';
    const saved = await saveIn(dir, { message });
    const found = await gitBytes(who, dir, [
      'log',
      '-1',
      '--format=%B',
      sessionRef(saved.name, saved.id, 'context'),
    ]);
    expect(found.toString().trimEnd()).toBe(message);
    expect(await who.git(dir, 'for-each-ref', '--format=%(refname)', 'refs/heads')).toBe('refs/heads/main');
  });
});

describe('C7: symbolic refs', () => {
  it('a session that is a symbolic ref to main: nothing is saved and main stays', async () => {
    const who = resident();
    const dir = await dirty(who, await who.repo());
    const main = await who.git(dir, 'rev-parse', 'main');
    await who.git(dir, 'symbolic-ref', 'refs/sessions/forged', 'refs/heads/main');
    await expect(saveIn(dir)).rejects.toThrow(StoreFailedError);
    expect(await who.git(dir, 'rev-parse', 'main')).toBe(main);
    expect((await readCatalog((await openRepository(dir)).git)).snapshots).toEqual([]);
    expect(leftovers(path.join(dir, '.git'))).toEqual([]);
    // Another session is not hindered by it.
    await checkSaved(who, dir, await saveIn(dir, { name: 'other' }));
  });

  it('a snapshot ref that is a symbolic ref to main is not followed', async () => {
    const who = resident();
    const dir = await who.repo();
    const main = await who.git(dir, 'rev-parse', 'main');
    const repo = await openRepository(dir);
    const bytes = Buffer.from('{}');
    const oid = hashObject(repo.objectFormat, 'blob', bytes);
    const id = `20261121T080000000Z-${oid.slice(0, 8)}`;
    await who.git(dir, 'symbolic-ref', sessionRef('x', id, 'snapshot'), 'refs/heads/main');
    const pending = { name: 'x', id, bytes, oid, parent: main, files: [], message: 'm' };
    await expect(storeSnapshots(repo, [pending], null, IDENT)).rejects.toThrow(StoreFailedError);
    expect(await who.git(dir, 'rev-parse', 'main')).toBe(main);
  });
});

describe('when others write at the same time', () => {
  it('F11: 20 saves of one session at once are all kept', async () => {
    const who = resident();
    const dir = await dirty(who, await who.repo());
    const repo = await openRepository(dir);
    const saved = await Promise.all(Array.from({ length: 20 }, () => saveLike(repo)));
    const { snapshots } = await readCatalog(repo.git);
    expect(snapshots.map((s) => s.oid).toSorted()).toEqual(saved.map((s) => s.oid).toSorted());
    for (const read of await readSnapshots(repo.git, snapshots)) expect(read).not.toHaveProperty('error');
    expect(leftovers(repo.commonDir)).toEqual([]);
    await fsck(who, dir);
  });

  it('F19: 30 saves while git gc --prune=now runs all the time: what was acknowledged is whole', async () => {
    const who = resident();
    const dir = await dirty(who, await who.repo());
    const repo = await openRepository(dir);
    const script =
      'trap "exit 0" TERM; n=0; while :; do git gc --quiet --prune=now 2>/dev/null; n=$((n+1)); echo $n; done';
    const gc = spawn('/bin/sh', ['-c', script], {
      cwd: dir,
      env: who.env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void gc.kill('SIGKILL'));
    let rounds = 0;
    gc.stdout.on('data', (chunk: Buffer) => (rounds = Number(chunk.toString().trim().split('\n').at(-1))));
    const saved: Saved[] = [];
    const refused: unknown[] = [];
    for (let i = 0; i < 30; i++) {
      // New content each time, so that there are new objects to lose.
      appendFileSync(path.join(dir, 'file.txt'), `line ${i}\n`);
      write(dir, 'new', `${i}\n`);
      try {
        saved.push(await saveLike(repo));
      } catch (error) {
        refused.push(error);
      }
    }
    gc.kill('SIGTERM');
    await new Promise((resolve) => gc.on('close', resolve));
    expect(rounds).toBeGreaterThan(2);
    for (const error of refused) expect(error).toBeInstanceOf(SessionError);
    expect(refused.length).toBeLessThan(4);
    const { snapshots } = await readCatalog(repo.git);
    expect(snapshots.map((s) => s.oid)).toEqual(expect.arrayContaining(saved.map((s) => s.oid)));
    for (const s of saved) expect(decodeSnapshot(await readBlob(repo.git, s.oid, 1e6))).toEqual(s.snapshot);
    await who.git(dir, 'rev-list', '--objects', '--quiet', ...snapshots.map((s) => s.context!));
    // No `.keep`, no quarantine: git's own temporary files are git's.
    expect(leftovers(repo.commonDir).filter((f) => /\.keep$|git-session/u.test(f))).toEqual([]);
    await who.git(dir, 'gc', '-q', '--prune=now');
    await fsck(who, dir);
  });

  it('F19: work of which an object has vanished meanwhile is not published', async () => {
    const who = resident();
    const dir = await dirty(who, await who.repo());
    const repo = await openRepository(dir);
    const { head, untracked, branch } = await readStatus(repo);
    const trees = await recordWork(repo, head!, untracked, false);
    trees.release();
    // Objects as files of their own, of which the one with the changed file is then removed.
    const script =
      'mv .git/objects/pack/pack-*.pack .. && rm .git/objects/pack/* && cat ../pack-*.pack | git unpack-objects -q';
    expect((await who.run('sh', ['-c', script], { cwd: dir })).code).toBe(0);
    const blob = await who.git(dir, 'rev-parse', `${trees.worktree}:file.txt`);
    rmSync(path.join(dir, '.git/objects', blob.slice(0, 2), blob.slice(2)));
    const work = planWork(repo, head!, trees, IDENT, branch);
    const bytes = Buffer.from('{}');
    const oid = hashObject(repo.objectFormat, 'blob', bytes);
    const id = `20261121T080000000Z-${oid.slice(0, 8)}`;
    const pending = { name: 'x', id, bytes, oid, parent: work.oid, files: [], message: 'm' };
    const error = await storeSnapshots(repo, [pending], work, IDENT).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StoreFailedError);
    expect((error as StoreFailedError).message).toContain('objects vanished while saving');
    expect((error as StoreFailedError).hints).toEqual(['run the save again']);
    // A ref to what is not whole would keep git from its gc.
    expect(await who.git(dir, 'for-each-ref', 'refs/sessions')).toBe('');
  });

  it('F14: a lock on a ref is told, and what was half-written is never listed', async () => {
    const who = resident();
    const dir = await who.repo();
    const repo = await openRepository(dir);
    const bytes = Buffer.from('{}');
    const oid = hashObject(repo.objectFormat, 'blob', bytes);
    const id = `20261121T080000000Z-${oid.slice(0, 8)}`;
    const folder = path.join(dir, '.git/refs/sessions/x', id);
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'snapshot.lock'), '');
    const head = await who.git(dir, 'rev-parse', 'HEAD');
    const pending = { name: 'x', id, bytes, oid, parent: head, files: [], message: 'm' };
    await expect(storeSnapshots(repo, [pending], null, IDENT)).rejects.toThrow(StoreBusyError);
    expect((await readCatalog(repo.git)).snapshots).toEqual([]);
    rmSync(path.join(folder, 'snapshot.lock'));
    await storeSnapshots(repo, [pending], null, IDENT);
    expect((await readCatalog(repo.git)).snapshots.map((s) => s.oid)).toEqual([oid]);
  });
});

describe('when nothing can be written', () => {
  it.skipIf(!mayMount)(
    'F9: a read-only repository is said to be one, with and without work to record',
    async () => {
      const who = resident();
      const dir = await mounted(who, 4000);
      const first = await saveIn(dir);
      const remount = async (how: string) => who.run('mount', ['-o', `remount,${how}`, path.dirname(dir)]);
      await remount('ro');
      const clean = await saveIn(dir).catch((error: unknown) => error);
      await remount('rw');
      write(dir, 'file.txt', 'changed\n');
      await remount('ro');
      const withWork = await saveIn(dir).catch((error: unknown) => error);
      for (const error of [clean, withWork]) {
        expect(error).toBeInstanceOf(StoreFailedError);
        expect((error as Error).message).toBe(`cannot write to ${dir}/.git: Read-only file system`);
        expect((error as StoreFailedError).hints).toEqual(['nothing was saved; earlier snapshots are kept']);
      }
      // Reading goes on.
      const repo = await openRepository(dir);
      expect((await readCatalog(repo.git)).snapshots.map((s) => s.oid)).toEqual([first.oid]);
    },
  );

  it.skipIf(!mayMount)(
    'F7: a full disk is said to be full; the old snapshot stays and there is no lock',
    async () => {
      const who = resident();
      const dir = await mounted(who, 600);
      const first = await saveIn(dir);
      const filler = path.join(path.dirname(dir), 'filler');
      const fill = async () => who.run('sh', ['-c', 'cat /dev/zero > "$1" 2>/dev/null; true', 'sh', filler]);
      await fill();
      const clean = await saveIn(dir, {
        files: [{ path: 'scrollback/0.0', bytes: Buffer.alloc(50_000, 'x') }],
      }).catch((error: unknown) => error);
      rmSync(filler);
      write(dir, 'file.txt', 'changed\n');
      await fill();
      const withWork = await saveIn(dir).catch((error: unknown) => error);
      for (const error of [clean, withWork]) {
        expect(error).toBeInstanceOf(StoreFailedError);
        expect((error as Error).message).toBe(`cannot write to ${dir}/.git: No space left on device`);
      }
      rmSync(filler);
      const repo = await openRepository(dir);
      expect((await readCatalog(repo.git)).snapshots.map((s) => s.oid)).toEqual([first.oid]);
      expect(
        leftovers(repo.commonDir).filter((f) => !f.includes('tmp_obj_') && !f.includes('tmp_pack')),
      ).toEqual([]);
      await fsck(who, dir);
      await saveIn(dir);
      expect((await readCatalog(repo.git)).snapshots).toHaveLength(2);
    },
  );

  it.each([
    ['fatal: x: Disk quota exceeded', 'Disk quota exceeded'],
    ['fatal: x: Permission denied', 'Permission denied'],
    ['error: insufficient permission for adding an object', 'Permission denied'],
    ['fatal: x: No space left on device', 'No space left on device'],
    ['fatal: x: Read-only file system', 'Read-only file system'],
    ['fatal: bad object 123', "objects vanished while saving (is 'git gc --prune=now' running?)"],
    ['fatal: something else', 'cannot save: something else'],
  ])('%s: is told as %s', async (stderr, expected) => {
    const who = resident();
    const dir = await who.repo();
    const bin = path.join(who.dir, 'bin');
    mkdirSync(bin);
    const quoted = stderr.replaceAll("'", "'\\''");
    writeFileSync(path.join(bin, 'git'), `#!/bin/sh\necho '${quoted}' >&2\nexit 128\n`, { mode: 0o755 });
    const repo = await openRepository(dir);
    const { Git } = await import('../../src/git/git.ts');
    const broken = { ...repo, git: new Git(repo.git.location, path.join(bin, 'git')) };
    const bytes = Buffer.from('{}');
    const pending = {
      name: 'x',
      id: '20261121T080000000Z-0123abcd',
      bytes,
      oid: 'a'.repeat(40),
      parent: null,
      files: [],
      message: 'm',
    };
    const error = await storeSnapshots(broken, [pending], null, IDENT).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StoreFailedError);
    expect((error as Error).message).toContain(expected);
  });

  it('a snapshot whose base is missing is refused, and leaves nothing', async () => {
    const who = resident();
    const dir = await who.repo();
    const repo = await openRepository(dir);
    const bytes = Buffer.from('{}');
    const oid = hashObject(repo.objectFormat, 'blob', bytes);
    const pending = {
      name: 'x',
      id: `20261121T080000000Z-${oid.slice(0, 8)}`,
      bytes,
      oid,
      parent: '1'.repeat(40),
      files: [],
      message: 'm',
    };
    await expect(storeSnapshots(repo, [pending], null, IDENT)).rejects.toThrow(StoreFailedError);
    expect(await who.git(dir, 'for-each-ref', 'refs/sessions')).toBe('');
    expect(leftovers(repo.commonDir)).toEqual([]);
  });

  it('a git that can not be started is no failure of the repository', async () => {
    const who = resident();
    const repo = await openRepository(await who.repo());
    const { Git } = await import('../../src/git/git.ts');
    const none = { ...repo, git: new Git(repo.git.location, '/no/such/git') };
    const pending = {
      name: 'x',
      id: '20261121T080000000Z-0123abcd',
      bytes: Buffer.from('{}'),
      oid: 'a'.repeat(40),
      parent: null,
      files: [],
      message: 'm',
    };
    await expect(storeSnapshots(none, [pending], null, IDENT)).rejects.toMatchObject({ code: 'git-missing' });
  });
});

describe('who saves', () => {
  it.each([
    ['Ann', 'ann@example.org', 'Ann <ann@example.org>'],
    ['A <b>\n c\0', 'x<y>@z', 'A b c <xy@z>'],
    ['.,:;"\'\\ Ann .,:;"\'\\', ' a@b ', 'Ann <a@b>'],
    ['', '', 'unknown <>'],
    ['<>', '', 'unknown <>'],
    ['日本 É', 'é@b', '日本 É <é@b>'],
  ])('%j and %j are written as git writes them', async (name, email, expected) => {
    const who = resident();
    const line = identLine({ name, email }, 1_790_000_000_999);
    expect(line).toMatch(/^.* 1790000000 [+-]\d{4}$/u);
    expect(line.slice(0, line.indexOf('>') + 1)).toBe(expected);
    // git takes it as a commit's author.
    const dir = await who.repo();
    const tree = await who.git(dir, 'rev-parse', 'HEAD^{tree}');
    const bytes = commitBytes({ tree, parents: [], author: line, committer: line, message: 'm\n' });
    const oid = (await gitBytes(who, dir, ['hash-object', '-t', 'commit', '-w', '--stdin'], { input: bytes }))
      .toString()
      .trim();
    expect(oid).toBe(hashObject('sha1', 'commit', bytes));
    await fsck(who, dir);
  });

  it.each([
    ['UTC', '+0000'],
    ['Asia/Kolkata', '+0530'],
    ['America/St_Johns', '-0230'],
    ['Pacific/Auckland', '+1200'],
  ])('the time zone of %s is %s', (zone, expected) => {
    const before = process.env['TZ'];
    process.env['TZ'] = zone;
    try {
      // July, so that summer time is in effect in the north.
      expect(
        identLine({ name: 'A', email: 'a@b' }, Date.UTC(2026, 6, 1))
          .split(' ')
          .at(-1),
      ).toBe(expected);
    } finally {
      if (before === undefined) delete process.env['TZ'];
      else process.env['TZ'] = before;
    }
  });
});

describe('reading objects', () => {
  it('gives type and size of each name, and null for one that is not there', async () => {
    const who = resident();
    const dir = await who.repo();
    const { git } = await openRepository(dir);
    expect(await objectInfos(git, [])).toEqual([]);
    const head = await who.git(dir, 'rev-parse', 'HEAD');
    expect(await objectInfos(git, ['HEAD', '1'.repeat(40), 'HEAD:file.txt'])).toEqual([
      { oid: head, type: 'commit', size: expect.any(Number) },
      null,
      { oid: expect.any(String), type: 'blob', size: 4 },
    ]);
  });

  it.each([
    ['loose', false],
    ['packed', true],
  ])('F16: a %s object that is damaged hides none of those around it', async (_, packed) => {
    const who = resident();
    const dir = await who.repo();
    const store = async (text: string) =>
      (await gitBytes(who, dir, ['hash-object', '-w', '--stdin'], { input: text })).toString().trim();
    const oids = [await store('first'), await store('second'), await store('third')];
    const damage = path.join(dir, '.git/objects', oids[1]!.slice(0, 2), oids[1]!.slice(2));
    if (packed) {
      const index = oids.map((oid, i) => `100644 ${oid}\tf${i}\n`).join('');
      await gitBytes(who, dir, ['update-index', '--add', '--index-info'], { input: index });
      await who.git(dir, 'repack', '-q', '-a', '-d');
    }
    rmSync(damage, { force: true });
    mkdirSync(path.dirname(damage), { recursive: true });
    if (!packed) writeFileSync(damage, 'no zlib');
    const { git } = await openRepository(dir);
    const missing = '1'.repeat(40);
    const read = await readObjects(git, [oids[0]!, oids[1]!, missing, oids[2]!, oids[0]!]);
    expect(read.map((b) => b?.toString() ?? null)).toEqual([
      'first',
      packed ? 'second' : null,
      null,
      'third',
      'first',
    ]);
    expect(await readObjects(git, [])).toEqual([]);
  });

  it('an object that is cut in the middle hides none of those behind it', async () => {
    const who = resident();
    const dir = await who.repo();
    const store = async (text: string) =>
      (await gitBytes(who, dir, ['hash-object', '-w', '--stdin'], { input: text })).toString().trim();
    const oids = [
      await store('first'),
      await store(Array.from({ length: 9999 }, (_, i) => i * i).join()),
      await store('third'),
    ];
    const file = path.join(dir, '.git/objects', oids[1]!.slice(0, 2), oids[1]!.slice(2));
    const bytes = readFileSync(file);
    rmSync(file);
    writeFileSync(file, bytes.subarray(0, bytes.length / 2));
    const { git } = await openRepository(dir);
    expect((await readObjects(git, oids)).map((b) => b?.toString() ?? null)).toEqual([
      'first',
      null,
      'third',
    ]);
  });

  it('D1: one that is too large is not read', async () => {
    const who = resident();
    const dir = await who.repo();
    const { git } = await openRepository(dir);
    const oid = await who.git(dir, 'rev-parse', 'HEAD:file.txt');
    expect((await readBlob(git, oid, 4)).toString()).toBe('one\n');
    await expect(readBlob(git, oid, 3)).rejects.toThrow('has 4 bytes, too many');
    await expect(readBlob(git, '1'.repeat(40), 10)).rejects.toThrow('is missing');
    expect(readdirSync(dir)).toContain('file.txt');
  });
});
