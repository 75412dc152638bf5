import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openRepository } from '../../src/git/repository.ts';
import { noteAccess } from '../../src/store/accessed.ts';
import { SessionRecords } from '../../src/store/records.ts';
import { person } from '../support/harness.ts';

const ID = '1a2b3c4d-0000-4000-8000-000000000000';
const at = new Date('2026-11-21T10:11:12.000Z');

test('S17 is the time of the record, or of a file where there is none', async () => {
  const repo = await openRepository(await person().repo());
  const file = path.join(repo.commonDir, 'git-session/accessed', ID);
  expect(noteAccess(repo, ID, at)).toEqual(at);
  expect(statSync(file).mtime).toEqual(at);
  const later = new Date(at.getTime() + 1000);
  expect(noteAccess(repo, ID, later)).toEqual(later);
  expect(statSync(file).mtime).toEqual(later);
  const records = new SessionRecords(repo);
  const { directory } = records.create({
    ...{
      version: 1,
      id: ID,
      name: 'work',
      kind: 'create',
      context: 'session',
      identifier: 'work',
      argv: null,
    },
    ...{
      cwd: '/',
      worktree: null,
      branch: null,
      createdAt: at.toISOString(),
      metadata: {},
      historyLimit: 1,
      ai: false,
    },
  });
  const last = new Date(at.getTime() + 2000);
  expect(noteAccess(repo, ID, last)).toEqual(last);
  expect(records.read(ID)!.accessedMs).toBe(last.getTime());
  expect(statSync(directory).mtime).toEqual(last);
});

test('what is no id of a session is never a file name', async () => {
  const repo = await openRepository(await person().repo());
  for (const id of ['..', '../../x', '', 'work']) expect(noteAccess(repo, id)).toBeNull();
  expect(existsSync(path.join(repo.commonDir, 'git-session'))).toBe(false);
});

test('a repository that can not be written to keeps nobody from looking', async () => {
  const repo = await openRepository(await person().repo());
  const directory = path.join(repo.commonDir, 'git-session');
  mkdirSync(directory);
  writeFileSync(path.join(directory, 'accessed'), 'no directory');
  chmodSync(directory, 0o500);
  expect(noteAccess(repo, ID)).toBeNull();
});
