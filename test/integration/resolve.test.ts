import { describe, expect, it } from 'vitest';
import { AmbiguousRefError, type SessionError, UnknownRefError } from '../../src/session/errors.ts';
import { sessionRef } from '../../src/session/names.ts';
import { openRepository } from '../../src/git/repository.ts';
import { writeEvent } from '../../src/store/events.ts';
import { address, resolveSnapshot } from '../../src/store/resolve.ts';
import { type Catalog, readCatalog, type StoredSnapshot } from '../../src/store/sessions.ts';
import { resident, saveIn } from '../support/store.ts';

/** A catalog by hand: `[remote/]name id oid`. */
function catalogOf(...rows: [remote: string | null, name: string, id: string, oid: string][]): Catalog {
  const snapshots = rows.map(([remote, name, id, oid]): StoredSnapshot => {
    const folder = remote === null ? 'refs/sessions' : `refs/remote-sessions/${remote}`;
    return { ...{ remote, name, id, oid, size: 1, context: null }, ref: `${folder}/${name}/${id}/snapshot` };
  });
  return { snapshots, foreign: [], notes: null, events: [], newestId: () => null };
}

const ID1 = '20261121T080000001Z-aaaa0001';
const ID2 = '20261121T080000002Z-aaaa0002';
const ID3 = '20261122T080000003Z-bbbb0003';
const oid = (start: string) => start.padEnd(40, '0');

const catalog = catalogOf(
  [null, 'cafe', ID1, oid('c0ffee')],
  [null, 'deep/er', ID1, oid('dddd1')],
  [null, 'work', ID1, oid('1111')],
  [null, 'work', ID2, oid('1112')],
  [null, 'work', ID3, oid('2222')],
  [null, 'work/sub', ID1, oid('3333')],
  ['origin', 'theirs', ID1, oid('4441')],
  ['origin', 'theirs', ID2, oid('4442')],
  ['origin', 'work', ID1, oid('1111')],
  ['zoe', 'theirs', ID1, oid('5555')],
);

const found = (ref: string) => address(resolveSnapshot(catalog, ref));
function refused(ref: string, from = catalog): SessionError {
  try {
    resolveSnapshot(from, ref);
  } catch (error) {
    return error as SessionError;
  }
  throw new Error(`${ref} was found`);
}

describe('section 2: what names a snapshot', () => {
  it.each([
    ['a full ref name', `refs/sessions/work/${ID2}/snapshot`, `work/${ID2}`],
    ['a full ref name without its last word', `refs/sessions/work/${ID2}`, `work/${ID2}`],
    ['a full ref name of a remote', `refs/remote-sessions/origin/work/${ID1}/snapshot`, `origin/work/${ID1}`],
    ['name and id', `work/${ID2}`, `work/${ID2}`],
    ['a day that is unique', 'work/20261122', `work/${ID3}`],
    ['a time that is unique', 'work/20261121T080000002', `work/${ID2}`],
    ['the hash of the id', 'work/bbbb0003', `work/${ID3}`],
    ['a prefix of the hash', 'work/bbbb', `work/${ID3}`],
    ['a prefix of the hash in a name with a slash', 'deep/er/aaaa', `deep/er/${ID1}`],
    ['a name: its newest', 'work', `work/${ID3}`],
    ['a name with a slash', 'deep/er', `deep/er/${ID1}`],
    ['a name below another one', 'work/sub', `work/sub/${ID1}`],
    ['~0', 'work~0', `work/${ID3}`],
    ['~', 'work~', `work/${ID2}`],
    ['~1', 'work~1', `work/${ID2}`],
    ['~2', 'work~2', `work/${ID1}`],
    ['~ after an id', `work/${ID3}~2`, `work/${ID1}`],
    ['~ after a prefix', 'work/bbbb~1', `work/${ID2}`],
    ['a remote and a name', 'origin/work', `origin/work/${ID1}`],
    ['a remote and ~', 'origin/theirs~1', `origin/theirs/${ID1}`],
    ['a remote and an id', `zoe/theirs/${ID1}`, `zoe/theirs/${ID1}`],
    ['a remote and a prefix', 'origin/theirs/aaaa0002', `origin/theirs/${ID2}`],
    ['an object id', oid('2222'), `work/${ID3}`],
    ['a prefix of an object id', '2222', `work/${ID3}`],
    ['a prefix of an object id, to the point', '1112', `work/${ID2}`],
    ['an object id that a remote has as well: the own one', oid('1111'), `work/${ID1}`],
    ['an object id of a remote', '5555', `zoe/theirs/${ID1}`],
    ['a name that looks like an object id', 'cafe', `cafe/${ID1}`],
    ['a full ref name with an object id like a name', 'c0ff', `cafe/${ID1}`],
  ])('%s', (_, ref, expected) => {
    expect(found(ref)).toBe(expected);
  });

  it('an own session comes before that of a remote with the same words', () => {
    const both = catalogOf([null, 'origin/x', ID1, oid('1')], ['origin', 'x', ID2, oid('2')]);
    expect(resolveSnapshot(both, 'origin/x').remote).toBeNull();
    expect(resolveSnapshot(both, `origin/x/${ID2}`).remote).toBe('origin');
  });

  it('every address leads back to its snapshot, and to no other', () => {
    for (const s of catalog.snapshots) {
      expect(resolveSnapshot(catalog, address(s))).toBe(s);
      expect(resolveSnapshot(catalog, s.ref)).toBe(s);
    }
  });

  it.each([
    ['a day with several', 'work/20261121', [`work/${ID1}`, `work/${ID2}`]],
    ['a prefix of the hash with several', 'work/aaaa', [`work/${ID1}`, `work/${ID2}`]],
    ['a prefix with several and ~', 'work/aaaa~1', [`work/${ID1}`, `work/${ID2}`]],
  ])('%s', (_, ref, candidates) => {
    const error = refused(ref);
    expect(error).toBeInstanceOf(AmbiguousRefError);
    expect(error.exit).toBe(1);
    expect(error.data).toEqual({ candidates });
    expect(error.hints).toEqual(candidates.map((c) => `git session show ${c}`));
    for (const candidate of candidates) expect(found(candidate)).toBe(candidate);
  });

  it('two blobs with one beginning are ambiguous, two refs to one blob are not', () => {
    const near = catalogOf(
      [null, 'a', ID1, oid('aaaa1')],
      [null, 'b', ID1, oid('aaaa2')],
      [null, 'c', ID1, oid('bbbb')],
      [null, 'd', ID1, oid('bbbb')],
    );
    expect(refused('aaaa', near)).toBeInstanceOf(AmbiguousRefError);
    expect(resolveSnapshot(near, 'aaaa2').name).toBe('b');
    expect(resolveSnapshot(near, 'bbbb').name).toBe('c');
  });

  it('a long list of candidates is cut in the hints and whole in the data', () => {
    const many = catalogOf(
      ...Array.from({ length: 30 }, (_, i): [null, string, string, string] => [
        null,
        'x',
        `20261121T0800000${String(i).padStart(2, '0')}Z-aaaaaaaa`,
        oid(`${i}a`),
      ]),
    );
    const error = refused('x/aaaa', many);
    expect(error.hints).toHaveLength(20);
    expect((error.data as { candidates: string[] }).candidates).toHaveLength(30);
  });

  it.each([
    ['nothing', ''],
    ['another name', 'nosuch'],
    ['part of a name', 'wor'],
    ['more than a name', 'works'],
    ['other case', 'Work'],
    ['a folder of names', 'deep'],
    ['too far back', 'work~3'],
    ['far too far back', 'work~999999999'],
    ['too far back from an id', `work/${ID1}~1`],
    ['no number', 'work~x'],
    ['a negative number', 'work~-1'],
    ['another notation', 'work^'],
    ['a remote alone', 'origin'],
    ['a name of a remote without it', 'theirs'],
    ['a remote that has it not', 'zoe/work'],
    ['three digits of a hash', 'work/bbb'],
    ['three digits of an object id', '222'],
    ['no hash', 'work/xxxx'],
    ['an empty id', 'work/'],
    ['a slash', '/'],
    ['a leading slash', '/work'],
    ['a full ref of another kind', `refs/sessions/work/${ID2}/context`],
    ['a full ref of a name', 'refs/sessions/work'],
    ['a branch', 'refs/heads/main'],
    ['an object id with ~', '2222~1'],
    ['an object id in capitals', 'C0FFEE'],
    ['too many digits', '2'.repeat(65)],
    ['an option', '--output=x'],
    ['a hostile name', '$(id)'],
  ])('%s names none', (_, ref) => {
    expect(refused(ref)).toBeInstanceOf(UnknownRefError);
    expect(refused(ref).exit).toBe(1);
  });

  it.each([
    ['work~9', 'it has 3 snapshots: git session log work'],
    ['cafe~9', 'it has 1 snapshot: git session log cafe'],
    ['theirs', 'a remote has one: git session restore origin/theirs'],
    ['wor', "did you mean 'work' or 'work/sub' or 'origin/work'?"],
    ['wrok', "did you mean 'work'?"],
    ['zzz-none', 'see what there is: git session list'],
    ['nosuch', 'see what there is: git session list'],
  ])('for %s the way on is named', (ref, hint) => {
    expect(refused(ref).hints).toContain(hint);
  });
});

describe('C5, F17: refs of a real repository', () => {
  it('what is deleted, foreign or symbolic is found under no name', async () => {
    const who = resident();
    const dir = await who.repo();
    const repo = await openRepository(dir);
    const [one, two] = [await saveIn(dir, { name: 'work' }), await saveIn(dir, { name: 'work' })];
    const resolve = async (ref: string) => resolveSnapshot(await readCatalog(repo.git), ref);
    expect((await resolve('work~1')).oid).toBe(one.oid);
    await writeEvent(repo, 'work', two.id, 'deleted', { snapshots: [one.id] });
    await expect(resolve('work~1')).rejects.toThrow(UnknownRefError);
    await expect(resolve(one.oid)).rejects.toThrow(UnknownRefError);
    await expect(resolve(one.ref)).rejects.toThrow(UnknownRefError);
    expect((await resolve('work')).oid).toBe(two.oid);

    await who.git(dir, 'update-ref', `refs/sessions/$(id)/${two.id}/snapshot`, two.oid);
    await who.git(dir, 'symbolic-ref', sessionRef('linked', two.id, 'snapshot'), two.ref);
    for (const ref of ['$(id)', `refs/sessions/$(id)/${two.id}/snapshot`, 'linked', `linked/${two.id}`]) {
      await expect(resolve(ref)).rejects.toThrow(UnknownRefError);
    }
  });
});
