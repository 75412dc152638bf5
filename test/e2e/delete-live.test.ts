import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Person, person, waitFor } from '../support/harness.ts';
import { terminal } from '../support/terminal.ts';

const create = async (ann: Person, repo: string, name: string) =>
  JSON.parse(await ann.ok(repo, 'create', '--json', name)) as { id: string };

const sessions = async (ann: Person) =>
  (await ann.tmux('list-sessions', '-F', '#{session_name} #{@git-session-name}')).split('\n').toSorted();

test('O14 delete takes record and history of a session that has ended, and refuses one that runs', async () => {
  const ann = person();
  const repo = await ann.repo();
  const directory = path.join(ann.home, '.local/share/git-session/history');
  await create(ann, repo, 'auth');
  const neighbor = await create(ann, repo, 'auth-2');
  const running = await ann.gs(repo, 'delete', 'auth');
  expect([running.code, running.stderr]).toEqual([
    1,
    "error: 'auth' runs\nhint: end it first: git session kill auth\n",
  ]);
  await ann.ok(repo, 'kill', 'auth');
  expect(readdirSync(directory)).toHaveLength(1);
  expect(await ann.ok(repo, 'delete', 'auth')).toBe('Deleted the record of auth, and its history\n');
  expect(readdirSync(directory)).toEqual([]);
  expect(readdirSync(path.join(repo, '.git/git-session/live'))).toEqual([neighbor.id]);
  expect(await sessions(ann)).toEqual(['auth-2 auth-2']);
  expect((await ann.gs(repo, 'delete', 'auth')).code).toBe(1);
  // What is left in tmux of a command that has ended goes too.
  const { id } = JSON.parse(await ann.ok(repo, 'run', '--wait', '--json', 'echo done')) as { id: string };
  await waitFor(async () => (await ann.gs(repo, 'delete', id)).code === 0, 'the pane to end');
  expect(await sessions(ann)).toEqual(['auth-2 auth-2']);
});

test('M2 delete is refused while a terminal shows the session, unless --force', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { id } = await create(ann, repo, 'auth');
  await create(ann, repo, 'auth-2');
  await ann.ok(repo, 'save', '-t', 'auth');
  await ann.ok(repo, 'save', '-t', 'auth-2');
  terminal(ann, repo, 'attach', 'auth');
  await waitFor(async () => (await ann.tmux('list-clients')) !== '', 'the terminal');
  const before = await ann.git(repo, 'for-each-ref');
  for (const name of ['auth', id]) {
    const refused = await ann.gs(repo, 'delete', '--json', name);
    expect([refused.code, JSON.parse(refused.stdout).error.code]).toEqual([1, 'clients-attached']);
  }
  expect(await ann.git(repo, 'for-each-ref')).toBe(before);
  // Its neighbor is not shown by any.
  const other = await ann.gs(repo, 'delete', 'auth-2');
  expect([other.code, other.stderr]).toEqual([0, expect.stringContaining("warning: 'auth-2' still runs")]);
  expect((await ann.gs(repo, 'delete', '--force', 'auth')).code).toBe(0);
  expect(await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions/auth/*/snapshot')).toBe(
    '',
  );
  expect(await sessions(ann)).toEqual(['auth auth', 'auth-2 auth-2']);
  expect(existsSync(path.join(repo, '.git/git-session/live', id, 'record.json'))).toBe(true);
});

test('O14 of two that have ended and are called alike the id must be said, or that is meant whose snapshots go', async () => {
  const ann = person();
  const repo = await ann.repo();
  const left = () => readdirSync(path.join(repo, '.git/git-session/live')).toSorted();
  const made: string[] = [];
  for (let i = 0; i < 3; i++) {
    made.push((await create(ann, repo, 'twin')).id);
    if (i === 1) await ann.ok(repo, 'save', '-t', 'twin');
    await ann.ok(repo, 'kill', '--yes', 'twin');
  }
  const saved = await ann.gs(repo, 'delete', 'twin');
  expect(saved).toMatchObject({ code: 0, stdout: expect.stringContaining('Deleted the record of twin') });
  for (const id of [made[0]!, made[2]!]) expect(saved.stderr).toContain(`stays: git session delete ${id}`);
  expect(left()).toEqual([made[0]!, made[2]!].toSorted());
  const several = await ann.gs(repo, 'delete', '--json', 'twin');
  expect([several.code, JSON.parse(several.stdout).error]).toMatchObject([
    1,
    { code: 'ambiguous', data: { candidates: [made[0], made[2]] } },
  ]);
  await ann.ok(repo, 'delete', made[2]!);
  expect(left()).toEqual([made[0]]);
  // One that lives is meant.
  await create(ann, repo, 'twin');
  expect((await ann.gs(repo, 'delete', 'twin')).stderr).toContain("'twin' runs");
  await ann.ok(repo, 'kill', '--yes', 'twin');
  expect((await ann.gs(repo, 'delete', 'twin')).code).toBe(1);
});
