import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import {
  findBrokenRefs,
  keptDirectory,
  lastValue,
  repairBrokenRef,
  takeAside,
  takeLooseObject,
} from '../../src/store/broken-refs.ts';
import { readCatalog } from '../../src/store/sessions.ts';
import type { Person } from '../support/harness.ts';
import { resident, type Saved, saveLike } from '../support/store.ts';

async function setUp(): Promise<{ who: Person; repo: Repository; saved: Saved; file: string }> {
  const who = resident();
  const repo = await openRepository(await who.repo());
  writeFileSync(path.join(repo.workTree!, 'file.txt'), 'changed\n');
  const saved = await saveLike(repo, { name: 'x' });
  return { who, repo, saved, file: path.join(repo.commonDir, saved.ref) };
}

describe('F15 a ref whose file is broken', () => {
  it.each([
    ['empty', '', true],
    ['of zeros', '\0\0\0\0', false],
    ['cut', '0123\n', false],
  ])('is found when it is %s, and no other', async (_, text, empty) => {
    const { repo, saved, file } = await setUp();
    expect(findBrokenRefs(repo)).toEqual([]);
    writeFileSync(`${file}.lock`, '');
    mkdirSync(path.join(repo.commonDir, 'refs/notes'), { recursive: true });
    writeFileSync(path.join(repo.commonDir, 'refs/notes/crq'), 'ref: refs/notes/other\n');
    writeFileSync(file, text);
    expect(findBrokenRefs(repo)).toEqual([{ ref: saved.ref, file, empty }]);
    writeFileSync(path.join(repo.commonDir, 'refs/notes/crq'), '');
    expect(findBrokenRefs(repo).map((b) => b.ref)).toEqual([saved.ref, 'refs/notes/crq']);
  });

  it('gets its object back by its name, and by packed-refs, and by its reflog', async () => {
    const { who, repo, saved, file } = await setUp();
    const broken = { ref: saved.ref, file, empty: true };
    const kept = keptDirectory(repo);
    writeFileSync(file, '');
    expect(await lastValue(repo, broken)).toBe(saved.oid);
    expect(await repairBrokenRef(repo, broken, kept)).toBe(saved.oid);
    expect(readFileSync(file, 'utf8')).toBe(`${saved.oid}\n`);
    expect(readFileSync(path.join(kept, saved.ref), 'utf8')).toBe('');
    expect(keptDirectory(repo)).not.toBe(kept);

    const context = saved.ref.replace(/snapshot$/u, 'context');
    const at = path.join(repo.commonDir, context);
    const oid = readFileSync(at, 'utf8').trim();
    await who.git(repo.workTree!, 'pack-refs', '--all');
    // git takes the folders away as well.
    mkdirSync(path.dirname(at), { recursive: true });
    writeFileSync(at, '');
    const other = { ref: context, file: at, empty: true };
    expect(await repairBrokenRef(repo, other, keptDirectory(repo))).toBe(oid);
    expect((await readCatalog(repo.git)).snapshots).toMatchObject([{ oid: saved.oid, context: oid }]);

    // The newest entry of the log whose object is there.
    const zero = '0'.repeat(40);
    const log = path.join(repo.commonDir, 'logs', context);
    mkdirSync(path.dirname(log), { recursive: true });
    writeFileSync(
      log,
      `${zero} ${saved.oid} a <a@b> 1 +0000\n${saved.oid} ${'1'.repeat(40)} a <a@b> 2 +0000\n`,
    );
    expect(await lastValue(repo, other)).toBe(saved.oid);
  });

  it('without a trace of its object goes to the kept place', async () => {
    const { repo } = await setUp();
    const ref = 'refs/sessions/y/20990101T000000000Z-12345678/context';
    const file = path.join(repo.commonDir, ref);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, '');
    const kept = keptDirectory(repo);
    const [broken] = findBrokenRefs(repo);
    expect(await repairBrokenRef(repo, broken!, kept)).toBeNull();
    expect(existsSync(file)).toBe(false);
    expect(existsSync(path.join(kept, ref))).toBe(true);
  });

  it('takes no object of another session, nor one that is no snapshot, by the digits of its name', async () => {
    const { who, repo, saved } = await setUp();
    const other = `refs/sessions/y/20990101T000000000Z-${saved.oid.slice(0, 8)}/snapshot`;
    expect(await lastValue(repo, { ref: other, file: '', empty: true })).toBeNull();
    const blob = await who.git(repo.workTree!, 'hash-object', '-w', 'file.txt');
    const plain = `refs/sessions/x/20990101T000000000Z-${blob.slice(0, 8)}/snapshot`;
    expect(await lastValue(repo, { ref: plain, file: '', empty: true })).toBeNull();
  });
});

describe('V6 what is taken out of a session', () => {
  it('is named in a file; its work and what is whole of it are kept', async () => {
    const { who, repo, saved } = await setUp();
    const { context } = (await readCatalog(repo.git)).snapshots[0]!;
    const contextRef = saved.ref.replace(/snapshot$/u, 'context');
    const kept = keptDirectory(repo);
    await takeAside(
      repo,
      [
        { ref: saved.ref, oid: saved.oid },
        { ref: contextRef, oid: context! },
      ],
      kept,
    );
    expect((await readCatalog(repo.git)).snapshots).toEqual([]);
    expect(readFileSync(path.join(kept, 'refs'), 'utf8')).toBe(
      `${saved.oid} ${saved.ref}\n${context} ${contextRef}\n`,
    );
    const list = await who.git(repo.workTree!, 'for-each-ref', '--format=%(objectname)', 'refs/git-session');
    expect(list.split('\n').toSorted()).toEqual([saved.oid, saved.work!].toSorted());
  });

  it('a damaged object of its own file moves away, one of a pack does not', async () => {
    const { who, repo, saved } = await setUp();
    const kept = keptDirectory(repo);
    takeLooseObject(repo, saved.oid, kept);
    expect(existsSync(kept)).toBe(false);
    const blob = await who.git(repo.workTree!, 'hash-object', '-w', 'file.txt');
    const name = path.join('objects', blob.slice(0, 2), blob.slice(2));
    if (existsSync(path.join(repo.commonDir, name))) {
      chmodSync(path.join(repo.commonDir, name), 0o600);
      takeLooseObject(repo, blob, kept);
      expect(existsSync(path.join(kept, name))).toBe(true);
    }
  });
});
