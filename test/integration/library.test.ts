import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openSessions } from '../../src/index.ts';
import { forge, plainSnapshot } from '../support/forge.ts';
import { person } from '../support/harness.ts';

test('O15: a repository has one manager in a process, by whatever name its directory goes', async () => {
  const ann = person();
  const repo = await ann.repo();
  symlinkSync(repo, path.join(ann.dir, 'link'));
  const first = await openSessions({ dir: repo });
  const same = [repo, path.join(ann.dir, 'link'), `${repo}/.git/..`, path.relative(process.cwd(), repo)];
  for (const dir of same) expect(await openSessions({ dir, git: true })).toBe(first);
  const reading = await openSessions({ dir: repo, git: false });
  expect(reading).not.toBe(first);
  expect(await openSessions({ dir: path.join(ann.dir, 'link'), git: false })).toBe(reading);
  expect(await openSessions({ dir: await ann.repo('other') })).not.toBe(first);
  // Also while the first of them is still at it.
  const third = await ann.repo('third');
  const [a, b] = await Promise.all([openSessions({ dir: third }), openSessions({ dir: third })]);
  expect(a).toBe(b);
});

test('O15: one that could not be opened is not kept', async () => {
  const ann = person();
  const dir = path.join(ann.dir, 'late');
  for (const git of [true, false]) {
    await expect(openSessions({ dir, git })).rejects.toMatchObject({ code: 'not-a-repository' });
    mkdirSync(dir);
    await expect(openSessions({ dir, git })).rejects.toMatchObject({ code: 'not-a-repository' });
    await ann.git(dir, 'init', '-q');
    expect(await (await openSessions({ dir, git })).list()).toEqual([]);
    rmSync(dir, { recursive: true });
  }
});

test('O15: what is saved later is seen by those that were opened before', async () => {
  const ann = person();
  const repo = await ann.repo();
  const opened = await Promise.all([true, false].map((git) => openSessions({ dir: repo, git })));
  for (const sessions of opened) expect(await sessions.list()).toEqual([]);
  await forge(ann, repo, { ...plainSnapshot(null), message: 'late' });
  await ann.git(repo, 'repack', '-adq');
  await ann.git(repo, 'pack-refs', '--all');
  for (const sessions of opened) {
    expect((await sessions.list()).map((s) => s.name)).toEqual(['forged']);
    expect((await sessions.show('forged')).message).toBe('late');
  }
});
