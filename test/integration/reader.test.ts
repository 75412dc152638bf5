import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { isomorphicReader } from '../../src/git/isomorphic.ts';
import { nativeReader, type Reader } from '../../src/git/reader.ts';
import { openRepository } from '../../src/git/repository.ts';
import { openSessions } from '../../src/index.ts';
import { readCatalog, readSnapshots } from '../../src/store/sessions.ts';
import { forge, forgeBytes, plainSnapshot } from '../support/forge.ts';
import { type Person, person } from '../support/harness.ts';

const READERS: [string, (repo: string) => Promise<Reader>][] = [
  ['native git', async (repo) => nativeReader((await openRepository(repo)).git)],
  ['isomorphic-git', (repo) => Promise.resolve(isomorphicReader(repo))],
];

async function repository(ann: Person): Promise<string> {
  const repo = await ann.repo();
  const head = await ann.git(repo, 'rev-parse', 'HEAD');
  await forge(ann, repo, plainSnapshot(head));
  await forge(ann, repo, { ...plainSnapshot(head), message: 'later' }, { time: '20261121T090000000Z' });
  await forge(ann, repo, plainSnapshot(null), { name: 'team/other' });
  await forgeBytes(ann, repo, Buffer.from('{"not":"a snapshot"}'), { name: 'broken' });
  return repo;
}

describe.each(READERS)('the reader on %s', (_, open) => {
  test.each(['loose', 'packed'])('lists and reads the same from %s objects and refs', async (how) => {
    const ann = person();
    const repo = await repository(ann);
    if (how === 'packed') {
      await ann.git(repo, 'pack-refs', '--all');
      await ann.git(repo, 'repack', '-adq');
    }
    const reader = await open(repo);
    const catalog = await readCatalog(reader);
    expect(catalog.snapshots.map((s) => s.name)).toEqual(['broken', 'forged', 'forged', 'team/other']);
    expect(catalog.snapshots.every((s) => s.context !== null && s.size > 0)).toBe(true);
    const read = await readSnapshots(reader, catalog.snapshots);
    expect(read.map((r) => ('error' in r ? r.error.code : r.snapshot.message))).toEqual([
      'damaged',
      null,
      'later',
      null,
    ]);
  });

  test('gives null for a missing object, and none for a prefix without refs', async () => {
    const ann = person();
    const repo = await ann.repo();
    const reader = await open(repo);
    expect(await reader.readObjects(['0123456789012345678901234567890123456789'])).toEqual([null]);
    expect(await reader.listRefs(['refs/sessions'])).toEqual([]);
  });

  test('a symbolic ref is told as one', async () => {
    const ann = person();
    const repo = await repository(ann);
    await ann.git(repo, 'symbolic-ref', 'refs/sessions/evil', 'refs/heads/main');
    const refs = await (await open(repo)).listRefs(['refs/sessions']);
    expect(refs.filter((r) => r.symbolic).map((r) => r.name)).toEqual(['refs/sessions/evil']);
  });
});

test('openSessions reads with and without git', async () => {
  const ann = person();
  const repo = await repository(ann);
  for (const git of [true, false]) {
    const sessions = await openSessions({ dir: repo, git });
    expect((await sessions.list()).length).toBe(4);
    expect((await sessions.show('forged')).message).toBe('later');
    expect((await sessions.show('forged~1')).message).toBeNull();
    await expect(sessions.show('nope')).rejects.toMatchObject({ code: 'not-found' });
  }
});

test('what isomorphic-git would misread is refused with a typed error', async () => {
  const ann = person();
  const repo = await ann.repo();
  const code = (dir: string) => {
    try {
      isomorphicReader(dir);
      return 'read';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  expect(code(repo)).toBe('read');
  expect(code(ann.dir)).toBe('not-a-repository');
  await ann.git(repo, 'worktree', 'add', '-q', '../linked');
  expect(code(path.join(ann.dir, 'linked'))).toBe('unsupported-repository');
  expect(code(await ann.repo('sha256', '--object-format=sha256'))).toBe('unsupported-repository');
  writeFileSync(path.join(repo, '.git/objects/info/alternates'), '/nowhere\n');
  expect(code(repo)).toBe('unsupported-repository');
});
