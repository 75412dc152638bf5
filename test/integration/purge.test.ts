import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { purgeObjects } from '../../src/git/purge.ts';
import { openRepository } from '../../src/git/repository.ts';
import { fsck, resident } from '../support/store.ts';

const yes = () => Promise.resolve(true);
const no = () => Promise.resolve(false);

test('F19 only packs that hold such an object are written anew, and where the answer is no nothing has changed', async () => {
  const ann = resident();
  const dir = await ann.repo();
  await ann.git(dir, 'repack', '-adq');
  writeFileSync(path.join(dir, 'secret'), 'secret\n');
  const secret = await ann.git(dir, 'hash-object', '-w', 'secret');
  const own = await ann.git(dir, 'hash-object', '-w', '--stdin', '--path=x');
  const folder = path.join(dir, '.git/objects/pack');
  const packs = () => readdirSync(folder).toSorted();
  const [first] = packs();
  await ann.run('git', ['pack-objects', '-q', path.join(folder, 'pack')], {
    cwd: dir,
    input: `${secret}\n${own}\n`,
  });
  const before = packs();
  const repo = await openRepository(dir);
  expect(await purgeObjects(repo, new Set([secret]), no)).toBe(null);
  expect(packs()).toEqual(before);
  expect(await ann.git(dir, 'cat-file', '-t', secret)).toBe('blob');
  expect(await purgeObjects(repo, new Set([secret]), yes)).toEqual([]);
  expect((await ann.run('git', ['cat-file', '-e', secret], { cwd: dir })).code).not.toBe(0);
  expect(await ann.git(dir, 'cat-file', '-t', own)).toBe('blob');
  expect(packs()).toContain(first);
  expect(packs()).toHaveLength(before.length);
  await fsck(ann, dir);
  // A pack of which nothing is left goes.
  expect(await purgeObjects(repo, new Set([own]), yes)).toEqual([]);
  expect(packs().filter((name) => name.endsWith('.pack'))).toHaveLength(1);
  expect(await purgeObjects(repo, new Set(), no)).toEqual([]);
});
