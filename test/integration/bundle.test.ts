import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Git, type GitResult, type GitRunOptions } from '../../src/git/git.ts';
import { openRepository } from '../../src/git/repository.ts';
import { SessionError } from '../../src/session/errors.ts';
import { sessionRef } from '../../src/session/names.ts';
import { createBundle, isBundle, readBundle, wholeContexts } from '../../src/store/bundle.ts';
import { readCatalog } from '../../src/store/sessions.ts';
import type { Person } from '../support/harness.ts';
import { fsck, resident, saveIn } from '../support/store.ts';
import { refs } from '../support/two-clones.ts';

const DAY = Date.UTC(2026, 10, 21);

/** A repository with uncommitted work, and an empty one that knows nothing of it. */
async function setUp() {
  const who = resident();
  const dir = await who.repo();
  writeFileSync(path.join(dir, 'file.txt'), 'changed\n');
  const { git } = await openRepository(dir);
  const empty = path.join(who.dir, 'empty');
  await who.git(who.dir, 'init', '-q', empty);
  const { git: emptyGit } = await openRepository(empty);
  const file = path.join(who.dir, 'x.bundle');
  const bundle = async (...exclude: string[]) =>
    createBundle(git, (await readCatalog(git)).snapshots, file, exclude);
  return { who, dir, git, empty, emptyGit, file, bundle };
}

const has = async (who: Person, dir: string, oid: string) =>
  (await who.run('git', ['cat-file', '-e', oid], { cwd: dir })).code === 0;

const heads = async (who: Person, dir: string, file: string) =>
  (await who.git(dir, 'bundle', 'list-heads', file)).split('\n').map((line) => line.split(' ')[1]);

describe('a bundle', () => {
  it('carries snapshots, contexts, uncommitted work and history to a repository that has nothing', async () => {
    const { who, dir, empty, emptyGit, file, bundle } = await setUp();
    const second = await saveIn(dir, { name: 'a/deep', ms: DAY + 1 });
    const first = await saveIn(dir, { name: 'z', ms: DAY });
    await bundle();
    const found = await readBundle(emptyGit, file, 'it');
    const context = (s: typeof first) => who.git(dir, 'rev-parse', sessionRef(s.name, s.id, 'context'));
    // The oldest first, whatever the name.
    expect(found).toEqual([
      { name: 'z', id: first.id, oid: first.oid, context: await context(first) },
      { name: 'a/deep', id: second.id, oid: second.oid, context: await context(second) },
    ]);
    expect(await refs(who, empty, 'refs')).toEqual([]);
    for (const s of [first, second]) {
      expect(await has(who, empty, s.oid)).toBe(true);
      expect(await has(who, empty, `${s.work}^{commit}`)).toBe(true);
    }
    expect(await wholeContexts(emptyGit, found)).toEqual(new Set(found.map((s) => s.context)));
    await fsck(who, empty);
    // Once more changes nothing.
    expect(await readBundle(emptyGit, file, 'it')).toEqual(found);
  });

  it('of a snapshot that has lost its context holds the snapshot alone', async () => {
    const { who, dir, emptyGit, file, bundle } = await setUp();
    const saved = await saveIn(dir);
    await who.git(dir, 'update-ref', '-d', sessionRef(saved.name, saved.id, 'context'));
    await bundle();
    expect(await heads(who, dir, file)).toEqual([saved.ref]);
    const found = await readBundle(emptyGit, file, 'it');
    expect(found).toEqual([{ name: saved.name, id: saved.id, oid: saved.oid, context: null }]);
    expect(await wholeContexts(emptyGit, found)).toEqual(new Set());
  });

  it("of a remote's copy is read under the name that it has there, with its context", async () => {
    const { who, dir, git, emptyGit, file } = await setUp();
    const other = await who.repo('other');
    const theirs = await saveIn(other, { name: 'a/b' });
    await who.git(dir, 'fetch', '-q', other, 'refs/sessions/*:refs/remote-sessions/origin/*');
    await createBundle(git, (await readCatalog(git)).snapshots, file, []);
    const prefix = `refs/remote-sessions/origin/a/b/${theirs.id}`;
    expect(await heads(who, dir, file)).toEqual([`${prefix}/snapshot`, `${prefix}/context`]);
    const context = await who.git(other, 'rev-parse', sessionRef('a/b', theirs.id, 'context'));
    expect(await readBundle(emptyGit, file, 'it')).toEqual([
      { name: 'a/b', id: theirs.id, oid: theirs.oid, context },
    ]);
  });

  it('on stdout goes there and to no file', async () => {
    const { dir, git, who } = await setUp();
    const saved = await saveIn(dir);
    const given: Buffer[] = [];
    class Captured extends Git {
      override async run(args: string[], options: GitRunOptions = {}): Promise<GitResult> {
        const result = await super.run(args, { ...options, inheritStdout: false });
        if (options.inheritStdout === true) given.push(result.stdout);
        return result;
      }
    }
    await createBundle(new Captured(git.location), (await readCatalog(git)).snapshots, '-', []);
    expect(given).toHaveLength(1);
    expect(isBundle(given[0]!)).toBe(true);
    expect(given[0]!.includes(saved.ref)).toBe(true);
    expect(await who.git(dir, 'status', '--porcelain', '--untracked-files=all')).toBe(' M file.txt');
  });
});

describe('what the receiver has', () => {
  it('is left out, and has to be there', async () => {
    const { who, dir, emptyGit, empty, file, bundle } = await setUp();
    const head = await who.git(dir, 'rev-parse', 'HEAD');
    const saved = await saveIn(dir);
    await bundle('main');
    await expect(readBundle(emptyGit, file, "'x.bundle'")).rejects.toMatchObject({
      code: 'missing-commit',
      message: `'x.bundle' needs commit ${head.slice(0, 7)}, which is not in this repository`,
    });
    expect(await has(who, empty, saved.oid)).toBe(false);
    await who.git(empty, 'fetch', '-q', dir, 'main:theirs');
    const found = await readBundle(emptyGit, file, 'it');
    expect(found).toMatchObject([{ id: saved.id, oid: saved.oid }]);
    expect((await wholeContexts(emptyGit, found)).size).toBe(1);
  });

  it.each(['nothing', 'HEAD:file.txt', '--all', ''])(
    'must be a commit here: %j is an error, and no file is written',
    async (name) => {
      const { dir, file, bundle } = await setUp();
      await saveIn(dir);
      await expect(bundle('HEAD', name)).rejects.toMatchObject({
        code: 'not-found',
        message: `there is no commit '${name}'`,
      });
      expect(() => readFileSync(file)).toThrow(/ENOENT/u);
    },
  );
});

describe('telling a bundle from another file', () => {
  it.each([
    ['# v2 git bundle\nabc', true],
    ['# v3 git bundle\n', true],
    ['# v4 git bundle\n', false],
    ['# v2 git bundle', false],
    [' # v2 git bundle\n', false],
    ['{"format":"git-session/snapshot"', false],
    ['', false],
  ])('%j: %s', (start, expected) => {
    expect(isBundle(Buffer.from(start))).toBe(expected);
  });
});

describe('a foreign or damaged bundle', () => {
  it('other refs in it are passed over, and none is set', async () => {
    const { who, dir, empty, emptyGit, file } = await setUp();
    const saved = await saveIn(dir, { ms: DAY });
    const link = sessionRef('forged', saved.id, 'events');
    await who.git(dir, 'update-ref', link, saved.oid);
    await who.git(dir, 'update-ref', 'refs/sessions/odd', saved.oid);
    await who.git(dir, 'update-ref', 'refs/remote-sessions/lone', saved.oid);
    await who.git(dir, 'bundle', 'create', '-q', file, '--all');
    expect(await readBundle(emptyGit, file, 'it')).toMatchObject([{ name: 'forged', id: saved.id }]);
    await who.git(dir, 'bundle', 'create', '-q', file, 'main');
    expect(await readBundle(emptyGit, file, 'it')).toEqual([]);
    expect(await refs(who, empty, 'refs')).toEqual([]);
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['cut in its header', (b) => b.subarray(0, 40)],
    ['cut in its pack', (b) => b.subarray(0, -30)],
    [
      'with a changed byte',
      (b) => Buffer.from(b.map((byte, i) => (i === b.length - 30 ? byte ^ 0xff : byte))),
    ],
    ['that is none', () => Buffer.from('{}')],
    ['with nothing in it', () => Buffer.alloc(0)],
  ])('one %s is an error, and nothing of it is in the repository', async (_, change) => {
    const { who, dir, empty, emptyGit, file, bundle } = await setUp();
    const saved = await saveIn(dir);
    await bundle();
    writeFileSync(file, change(readFileSync(file)));
    const failing = readBundle(emptyGit, file, "'x.bundle'");
    await expect(failing).rejects.toMatchObject({ code: 'damaged' });
    await expect(failing).rejects.toThrow(/^'x\.bundle' is damaged: (?!fatal|error).+/u);
    expect(await has(who, empty, saved.oid)).toBe(false);
    expect(await refs(who, empty, 'refs')).toEqual([]);
    await fsck(who, empty);
  });

  it('cut or changed anywhere: a typed error, or the very snapshots, and no ref and no broken object', async () => {
    const { who, dir, empty, emptyGit, file, bundle } = await setUp();
    const saved = await saveIn(dir, { ms: DAY });
    await bundle();
    const whole = readFileSync(file);
    const places = fc.record({
      at: fc.nat({ max: whole.length - 1 }),
      flip: fc.integer({ min: 0, max: 255 }),
    });
    await fc.assert(
      fc.asyncProperty(places, async ({ at, flip }) => {
        // No bit to flip: it is cut there.
        const changed = Buffer.from(whole);
        changed[at]! ^= flip;
        writeFileSync(file, flip === 0 ? whole.subarray(0, at) : changed);
        try {
          const found = await readBundle(emptyGit, file, 'it');
          // A header may have changed to another name, to a ref that we pass over, or to the id of nothing.
          for (const { oid } of found) expect(oid === saved.oid || !(await has(who, empty, oid))).toBe(true);
        } catch (error) {
          if (!(error instanceof SessionError)) throw error;
        }
      }),
      { numRuns: 25 },
    );
    expect(await refs(who, empty, 'refs')).toEqual([]);
    await fsck(who, empty);
  });

  it('a git that fails without a word is reported too', async () => {
    const { dir, git, file, bundle } = await setUp();
    await saveIn(dir);
    await bundle();
    await expect(readBundle(new Git(git.location, 'false'), file, 'it')).rejects.toMatchObject({
      code: 'damaged',
      message: 'it is damaged: git can not read it',
    });
  });
});

describe('contexts that can be taken over', () => {
  it('are not those of another snapshot, of no commit, or that are not here', async () => {
    const { dir, git, who } = await setUp();
    const a = await saveIn(dir, { name: 'a', ms: DAY });
    const b = await saveIn(dir, { name: 'b', ms: DAY });
    const [first, second] = (await readCatalog(git)).snapshots.map((s) => s.context!);
    const tree = await who.git(dir, 'rev-parse', `${first}^{tree}`);
    const whole = await wholeContexts(git, [
      { oid: a.oid, context: first! },
      { oid: a.oid, context: second! },
      { oid: a.oid, context: tree },
      { oid: b.oid, context: b.oid },
      { oid: b.oid, context: '1'.repeat(40) },
      { oid: b.oid, context: null },
    ]);
    expect(whole).toEqual(new Set([first]));
    expect(await wholeContexts(git, [])).toEqual(new Set());
  });

  it('one that lacks an object does not hold up the others', async () => {
    const { who, dir, empty, emptyGit, file, bundle } = await setUp();
    const a = await saveIn(dir, {
      name: 'a',
      ms: DAY,
      files: [{ path: 'x', bytes: Buffer.from('only here') }],
    });
    await saveIn(dir, { name: 'b', ms: DAY });
    await bundle();
    const found = await readBundle(emptyGit, file, 'it');
    const [broken, whole] = ['a', 'b'].map((name) => found.find((s) => s.name === name)!);
    const lost = await who.git(dir, 'rev-parse', `${broken!.context}:x`);
    const pack = path.join(empty, '.git/objects/pack');
    await who.run('sh', ['-c', `mv ${pack}/*.pack ${empty}/p && git unpack-objects -q < ${empty}/p`], {
      cwd: empty,
    });
    await who.run('sh', ['-c', `rm -f ${pack}/*`]);
    rmSync(path.join(empty, '.git/objects', lost.slice(0, 2), lost.slice(2)));
    expect(await has(who, empty, a.oid)).toBe(true);
    expect(await wholeContexts(emptyGit, found)).toEqual(new Set([whole!.context]));
    expect(await wholeContexts(emptyGit, [broken!])).toEqual(new Set());
  });
});
