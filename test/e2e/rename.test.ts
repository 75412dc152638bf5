import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { forge, plainSnapshot } from '../support/forge.ts';
import { person, Person, temporaryFolder } from '../support/harness.ts';

test('rename moves snapshots, events, notes and the live tmux session; ids and objects stay', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo);
  await ann.tmux('new-session', '-d', '-s', 'work-2', '-c', repo);
  await ann.ok(repo, 'save', '-t', 'work', '--crq', 'CRQ-1');
  await ann.ok(repo, 'save', '-t', 'work');
  await ann.ok(repo, 'link', 'work~1', 'CRQ-2');
  const before = await ann.git(
    repo,
    'for-each-ref',
    '--format=%(objectname) %(refname)',
    'refs/sessions/work',
  );
  const renamed = await ann.gs(repo, 'rename', 'work', "team/it's-fine_2".replace("'", ''));
  expect([renamed.code, renamed.stderr]).toEqual([0, '']);
  expect(renamed.stdout).toBe('Renamed work to team/its-fine_2 (2 snapshots, and the tmux session)\n');
  const after = await ann.git(
    repo,
    'for-each-ref',
    '--format=%(objectname) %(refname)',
    'refs/sessions/team',
  );
  expect(after).toBe(before.replaceAll('refs/sessions/work/', 'refs/sessions/team/its-fine_2/'));
  expect(await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions/work')).toMatch(
    /^refs\/sessions\/work\/[^/]+\/events$/u,
  );
  const note = await ann.git(repo, 'log', '-1', '--notes=crq', '--format=%N');
  expect(note).not.toContain(' work/');
  expect(note.match(/CRQ: CRQ-[12] team\/its-fine_2\//gu)).toHaveLength(3);
  expect((await ann.tmux('list-sessions', '-F', '#{session_name}')).split('\n').toSorted()).toEqual([
    'team/its-fine_2',
    'work-2',
  ]);
  const shown = JSON.parse(await ann.ok(repo, 'crq', 'show', 'CRQ-2', '--json'));
  expect(shown.crqs[0].snapshots).toHaveLength(1);
  // The next save goes on with it.
  expect(await ann.ok(repo, 'save', '-t', 'team/its-fine_2')).toMatch(/^Saved team\/its-fine_2\//u);
  expect(JSON.parse(await ann.ok(repo, 'export', 'team/its-fine_2')).previous).not.toBeNull();
});

test('rename to a name that is taken, not valid or unknown changes nothing', async () => {
  const ann = person();
  const repo = await ann.repo();
  await forge(ann, repo, plainSnapshot(null), { name: 'a' });
  await forge(ann, repo, plainSnapshot(null), { name: 'b' });
  const before = await ann.git(repo, 'for-each-ref');
  const cases: [string[], number, string][] = [
    [['a', 'b'], 128, 'session-exists'],
    [['a', 'a'], 128, 'session-exists'],
    [['a', '-x'], 129, 'usage'],
    [['a', 'c d'], 128, 'invalid-name'],
    [['a', 'x/context'], 128, 'invalid-name'],
    [['nope', 'c'], 1, 'not-found'],
    [['a'], 129, 'usage'],
  ];
  for (const [args, code, kind] of cases) {
    const result = await ann.gs(repo, 'rename', '--json', ...args);
    expect([args, result.code, JSON.parse(result.stdout).error.code]).toEqual([args, code, kind]);
  }
  expect(await ann.git(repo, 'for-each-ref')).toBe(before);
});

test('rename leaves alone a tmux session of that name that belongs elsewhere, and names what tmux changes', async () => {
  const ann = person();
  const repo = await ann.repo();
  await forge(ann, repo, plainSnapshot(null), { name: 'a' });
  await ann.tmux('new-session', '-d', '-s', 'a');
  await ann.tmux('set-option', '-t', 'a', '@git-session-id', '99999999-89ab-4cde-8f01-23456789abcd');
  const other = await ann.gs(repo, 'rename', 'a', 'b');
  expect(other.stderr).toContain(
    "warning: the live tmux session 'a' belongs to another session and keeps its name",
  );
  expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('a');
  await ann.tmux('rename-session', '-t', 'a', 'b');
  await ann.tmux('set-option', '-u', '-t', 'b', '@git-session-id');
  const dotted = await ann.gs(repo, 'rename', 'b', 'v1.2');
  expect(dotted.stderr).toContain(
    "warning: tmux calls the session 'v1_2'; save it with: git session save -t v1_2 v1.2",
  );
  expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('v1_2');
  await ann.tmux('new-session', '-d', '-s', 'taken');
  await ann.tmux('rename-session', '-t', 'v1_2', 'v1x');
  await ann.ok(repo, 'rename', 'v1.2', 'v1x');
  const taken = await ann.gs(repo, 'rename', 'v1x', 'taken');
  expect(taken.stderr).toContain(
    "warning: the live tmux session keeps its name: there is a tmux session 'taken' already",
  );
});

test('another clone sees the new name and no longer the old one', async () => {
  const root = temporaryFolder();
  const [ann, bob] = [new Person('ann', root), new Person('bob', root)];
  const a = await ann.repo();
  const origin = path.join(root, 'origin.git');
  await ann.git(root, 'clone', '-q', '--bare', a, origin);
  await ann.git(a, 'remote', 'add', 'origin', origin);
  const { id } = await forge(ann, a, plainSnapshot(null), { name: 'old' });
  await ann.ok(a, 'push');
  const b = path.join(bob.dir, 'repo');
  await bob.git(bob.dir, 'clone', '-q', origin, b);
  expect(await bob.ok(b, 'fetch')).toBe(`origin/old/${id}\n`);
  await ann.ok(a, 'rename', 'old', 'new');
  await ann.ok(a, 'push');
  const fetched = await bob.gs(b, 'fetch');
  expect([fetched.stdout, fetched.stderr]).toEqual([`origin/new/${id}\n`, `gone: origin/old/${id}\n`]);
  expect((await bob.gs(b, 'export', 'origin/old')).code).toBe(1);
});

test('a rename that can not remove the old refs loses nothing', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { ref, oid } = await forge(ann, repo, plainSnapshot(null), { name: 'old' });
  writeFileSync(path.join(repo, '.git', `${ref}.lock`), '');
  expect((await ann.gs(repo, 'rename', 'old', 'new')).code).toBe(128);
  expect(await ann.git(repo, 'rev-parse', ref.replace('/old/', '/new/'))).toBe(oid);
  await ann.ok(repo, 'export', 'new');
});
