import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { openRepository } from '../../src/git/repository.ts';
import { readCatalog } from '../../src/store/sessions.ts';
import { readSummaries } from '../../src/store/summaries.ts';
import { temporaryFolder } from '../support/harness.ts';
import { resident, saveLike } from '../support/store.ts';

async function setUp() {
  const who = resident();
  const base = temporaryFolder();
  vi.stubEnv('XDG_CACHE_HOME', base);
  const repo = await openRepository(await who.repo());
  const lists = path.join(base, 'git-session', 'lists');
  const cache = () => {
    const [file] = readdirSync(lists);
    return JSON.parse(readFileSync(path.join(lists, file!), 'utf8').split('\n')[1]!) as [string, object][];
  };
  const read = async () => {
    const { snapshots } = await readCatalog(repo.git);
    return readSummaries(repo, snapshots, snapshots);
  };
  return { who, repo, lists, cache, read };
}

test('O8: each snapshot is read once, and told the same from the cache', async () => {
  const { repo, lists, cache, read } = await setUp();
  const one = await saveLike(repo, { name: 'one', message: 'first' });
  const two = await saveLike(repo, { name: 'two', message: 'second' });
  const first = await read();
  expect(first.map((r) => ('summary' in r ? [r.stored.oid, r.summary.message, r.summary.panes] : r))).toEqual(
    [
      [one.oid, 'first', 1],
      [two.oid, 'second', 1],
    ],
  );
  expect(cache().map(([oid]) => oid)).toEqual([one.oid, two.oid]);
  expect(await read()).toEqual(first);
  // A third one is added, and what the cache has is believed: nobody else can write there.
  const three = await saveLike(repo, { name: 'three' });
  expect((await read()).map((r) => r.stored.oid).toSorted()).toEqual(
    [one.oid, two.oid, three.oid].toSorted(),
  );
  rmSync(lists, { recursive: true });
  expect(await read()).toHaveLength(3);
});

test('O8: a snapshot that was deleted leaves the cache, and a long message never enters it', async () => {
  const { who, repo, cache, read } = await setUp();
  const gone = await saveLike(repo, { name: 'gone' });
  const stays = await saveLike(repo, { name: 'stays' });
  await saveLike(repo, { name: 'long', message: 'x'.repeat(5000) });
  await read();
  expect(cache().map(([oid]) => oid)).toEqual([gone.oid, stays.oid]);
  await who.git(repo.workTree!, 'update-ref', '-d', gone.ref);
  expect((await read()).map((r) => r.stored.name)).toEqual(['long', 'stays']);
  expect(cache().map(([oid]) => oid)).toEqual([stays.oid]);
});

test('V6: what can not be read is told each time, and hides no other', async () => {
  const { who, repo, cache, read } = await setUp();
  const good = await saveLike(repo, { name: 'good' });
  const dir = repo.workTree!;
  writeFileSync(path.join(dir, 'bad'), '{"format":');
  const oid = await who.git(dir, 'hash-object', '-w', 'bad');
  const ref = good.ref.replace('/good/', '/bad/').replace(/[0-9a-f]{8}(?=\/snapshot$)/u, oid.slice(0, 8));
  await who.git(dir, 'update-ref', ref, oid);
  for (let i = 0; i < 2; i++) {
    const found = await read();
    expect(found.map((r) => [r.stored.name, 'error' in r])).toEqual([
      ['bad', true],
      ['good', false],
    ]);
  }
  expect(cache().map(([id]) => id)).toEqual([good.oid]);
});
