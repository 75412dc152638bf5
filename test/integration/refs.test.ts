import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { GitFailedError, StoreBusyError } from '../../src/session/errors.ts';
import { listRefs, updateRefs } from '../../src/git/refs.ts';
import { openRepository } from '../../src/git/repository.ts';
import { gitBytes, resident } from '../support/store.ts';

async function setUp() {
  const who = resident();
  const dir = await who.repo();
  const { git } = await openRepository(dir);
  const store = async (text: string) =>
    (await gitBytes(who, dir, ['hash-object', '-w', '--stdin'], { input: text })).toString().trim();
  const head = await who.git(dir, 'rev-parse', 'HEAD');
  return { who, dir, git, store, head };
}

describe('listing refs', () => {
  it('gives type and size, at any depth, and nothing of other folders', async () => {
    const { who, dir, git, store, head } = await setUp();
    const blob = await store('twelve bytes');
    await who.git(dir, 'update-ref', 'refs/sessions/a/b/c', blob);
    await who.git(dir, 'update-ref', 'refs/sessions/x', head);
    await who.git(dir, 'update-ref', 'refs/sessionsx/y', head);
    await who.git(dir, 'symbolic-ref', 'refs/sessions/s', 'refs/heads/main');
    expect(await listRefs(git, ['refs/sessions'])).toEqual([
      { name: 'refs/sessions/a/b/c', oid: blob, type: 'blob', size: 12, symbolic: false },
      { name: 'refs/sessions/s', oid: head, type: 'commit', size: expect.any(Number), symbolic: true },
      { name: 'refs/sessions/x', oid: head, type: 'commit', size: expect.any(Number), symbolic: false },
    ]);
    expect((await listRefs(git, ['refs/sessions/a', 'refs/heads'])).map((r) => r.name)).toEqual([
      'refs/heads/main',
      'refs/sessions/a/b/c',
    ]);
    expect(await listRefs(git, ['refs/none'])).toEqual([]);
  });

  it('C5: keeps names that are hostile, also what is no UTF-8', async () => {
    const { dir, git, store, who } = await setUp();
    const blob = await store('x');
    const names = ['$(id)', '`id`', ';id', '#(id)', '--upload-pack=x', '\u202e', "it's", '"', '日本'];
    for (const name of names) await who.git(dir, 'update-ref', `refs/sessions/${name}`, blob);
    expect((await listRefs(git, ['refs/sessions'])).map((r) => r.name).toSorted()).toEqual(
      names.map((n) => `refs/sessions/${n}`).toSorted(),
    );
    const input = Buffer.from(`create refs/sessions/\xff\0${blob}\0`, 'latin1');
    await gitBytes(who, dir, ['update-ref', '-z', '--stdin'], { input });
    expect((await listRefs(git, ['refs/sessions'])).map((r) => r.name)).toContain('refs/sessions/\ufffd');
  });

  it('F16: a ref to an object that is missing hides neither the others nor their sizes', async () => {
    const { who, dir, git, store } = await setUp();
    const [good, gone] = [await store('good'), await store('gone')];
    await who.git(dir, 'update-ref', 'refs/sessions/good', good);
    await who.git(dir, 'update-ref', 'refs/sessions/gone', gone);
    rmSync(path.join(dir, '.git/objects', gone.slice(0, 2), gone.slice(2)));
    expect(await listRefs(git, ['refs/sessions'])).toEqual([
      { name: 'refs/sessions/gone', oid: gone, type: null, size: -1, symbolic: false },
      { name: 'refs/sessions/good', oid: good, type: 'blob', size: 4, symbolic: false },
    ]);
  });

  it('F15: an empty ref file, as a power loss leaves it, hides no other', async () => {
    const { who, dir, git, store } = await setUp();
    await who.git(dir, 'update-ref', 'refs/sessions/good', await store('good'));
    writeFileSync(path.join(dir, '.git/refs/sessions/empty'), '');
    expect((await listRefs(git, ['refs/sessions'])).map((r) => r.name)).toContain('refs/sessions/good');
  });
});

describe('changing refs', () => {
  it('creates, updates and deletes by compare-and-swap', async () => {
    const { who, dir, git, store } = await setUp();
    const [one, two] = [await store('1'), await store('2')];
    await updateRefs(git, []);
    await updateRefs(git, [{ kind: 'create', ref: 'refs/x/a', oid: one }]);
    await updateRefs(git, [{ kind: 'update', ref: 'refs/x/a', oid: two, old: one }]);
    expect(await who.git(dir, 'rev-parse', 'refs/x/a')).toBe(two);
    await updateRefs(git, [{ kind: 'delete', ref: 'refs/x/a', old: two }]);
    expect(await listRefs(git, ['refs/x'])).toEqual([]);
  });

  it('all or none: one that is not as expected stops the others', async () => {
    const { git, store } = await setUp();
    const [one, two] = [await store('1'), await store('2')];
    await updateRefs(git, [{ kind: 'create', ref: 'refs/x/a', oid: one }]);
    const wrong = [
      { kind: 'create', ref: 'refs/x/a', oid: two },
      { kind: 'update', ref: 'refs/x/a', oid: two, old: two },
      { kind: 'delete', ref: 'refs/x/a', old: two },
      { kind: 'create', ref: 'refs/x/a/below', oid: two },
      { kind: 'create', ref: 'refs/x/new', oid: '1'.repeat(40) },
      { kind: 'create', ref: 'refs/x/bad..name', oid: two },
    ] as const;
    for (const update of wrong) {
      await expect(updateRefs(git, [{ kind: 'create', ref: 'refs/x/b', oid: one }, update])).rejects.toThrow(
        GitFailedError,
      );
    }
    expect((await listRefs(git, ['refs/x'])).map((r) => [r.name, r.oid])).toEqual([['refs/x/a', one]]);
  });

  it('C7: a symbolic ref is changed itself, and what it points at never', async () => {
    const { who, dir, git, store, head } = await setUp();
    await who.git(dir, 'symbolic-ref', 'refs/x/s', 'refs/heads/main');
    await expect(
      updateRefs(git, [{ kind: 'create', ref: 'refs/x/s', oid: await store('1') }]),
    ).rejects.toThrow(GitFailedError);
    await updateRefs(git, [{ kind: 'delete', ref: 'refs/x/s', old: head }]);
    expect(await who.git(dir, 'rev-parse', 'main')).toBe(head);
    expect(await listRefs(git, ['refs/x'])).toEqual([]);
  });

  it('F14: a lock is told as one, with what to do', async () => {
    const { dir, git, store } = await setUp();
    mkdirSync(path.join(dir, '.git/refs/x'), { recursive: true });
    writeFileSync(path.join(dir, '.git/refs/x/a.lock'), '');
    const error = await updateRefs(git, [{ kind: 'create', ref: 'refs/x/a', oid: await store('1') }]).catch(
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(StoreBusyError);
    expect((error as StoreBusyError).message).toContain('refs/x/a.lock');
    expect((error as StoreBusyError).hints.join()).toContain('remove the lock');
  });
});
