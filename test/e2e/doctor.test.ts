import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { forge, plainSnapshot } from '../support/forge.ts';
import { type Person, person } from '../support/harness.ts';

interface Check {
  name: string;
  status: string;
  message: string;
  hints: string[];
}

async function check(ann: Person, cwd: string, env: Record<string, string> = {}) {
  const result = await ann.gsWith({ cwd, env }, 'doctor', '--json');
  const { ok, checks } = JSON.parse(result.stdout) as { ok: boolean; checks: Check[] };
  const bad = checks.filter((c) => c.status !== 'ok');
  return { code: result.code, ok, checks, bad, of: (name: string) => checks.filter((c) => c.name === name) };
}

test('doctor: all is well, in words and in JSON', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(ann.dir, 'clone', '-q', '--bare', repo, 'o.git');
  await ann.git(repo, 'remote', 'add', 'origin', path.join(ann.dir, 'o.git'));
  const before = await check(ann, repo);
  expect(before.bad.map((c) => [c.name, c.status, c.hints])).toEqual([
    ['fetch', 'warning', ['git session init origin']],
  ]);
  // Where somebody works with CRQs, they are to be seen.
  mkdirSync(path.join(repo, 'crqs'));
  writeFileSync(path.join(repo, 'crqs/CRQ-1.md'), '# CRQ-1: one\n');
  expect((await check(ann, repo)).of('notes')).toMatchObject([
    { status: 'warning', hints: ['git session init'] },
  ]);
  expect(before.code).toBe(0);
  await ann.ok(repo, 'init');
  await ann.tmux('new-session', '-d', '-s', 'x');
  await forge(ann, repo, plainSnapshot(null));
  const after = await check(ann, repo);
  expect(after.bad).toEqual([]);
  const text = await ann.ok(repo, 'doctor');
  expect(text).toMatch(/^ok {7}node \d+/u);
  expect(text).toMatch(/^ok {7}tmux server [^\n]*, 1 session$/mu);
  expect(text).toContain('ok       saved sessions: 1, snapshots: 1, copies of remotes: 0\n');
});

test('doctor works outside a repository, without tmux, and with settings that are not valid', async () => {
  const ann = person();
  const outside = await check(ann, ann.dir);
  expect([outside.code, outside.bad]).toEqual([0, []]);
  expect(outside.of('repository')[0]!.message).toBe('not in a repository: nothing more to check');
  await ann.git(ann.dir, 'config', '--global', 'session.tmuxCommand', '/nonexistent/tmux');
  const missing = await check(ann, ann.dir);
  expect([missing.code, missing.bad.map((c) => [c.name, c.status])]).toEqual([1, [['tmux', 'problem']]]);
  await ann.git(ann.dir, 'config', '--global', 'session.tmuxCommand', "tmux '");
  expect((await check(ann, ann.dir)).of('tmux')[0]!.message).toContain(
    'session.tmuxCommand is not a command',
  );
  const fake = path.join(ann.dir, 'fake');
  mkdirSync(fake);
  writeFileSync(path.join(fake, 'tmux'), '#!/bin/sh\necho tmux 2.9\n', { mode: 0o755 });
  await ann.git(ann.dir, 'config', '--global', 'session.tmuxCommand', path.join(fake, 'tmux'));
  expect((await check(ann, ann.dir)).of('tmux')[0]!.message).toBe(
    'tmux 2.9 is too old; 3.2 or later is needed',
  );
  await ann.git(ann.dir, 'config', '--global', '--unset', 'session.tmuxCommand');
  await ann.git(ann.dir, 'config', '--global', '--unset', 'user.email');
  await ann.git(ann.dir, 'config', '--global', 'session.enabled', 'false');
  const unset = await check(ann, ann.dir, { TMUX_TMPDIR: ann.dir });
  expect(unset.bad.map((c) => c.name)).toEqual(['enabled', 'identity']);
});

test('doctor names a git that is too old', async () => {
  const ann = person();
  const fake = path.join(ann.dir, 'fake');
  mkdirSync(fake);
  for (const [version, status] of [
    ['2.25.1', 'problem'],
    ['2.36.0', 'warning'],
    ['2.50.0', 'ok'],
  ] as const) {
    const script = `case "$*" in *--version*) echo git version ${version};; *) exec /usr/bin/git "$@";; esac`;
    writeFileSync(path.join(fake, 'git'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const result = await ann.run('git-session', ['doctor', '--json'], {
      env: { PATH: `${fake}:${ann.env['PATH']}` },
    });
    const git = (JSON.parse(result.stdout) as { checks: Check[] }).checks.find((c) => c.name === 'git');
    expect([version, git?.status]).toEqual([version, status]);
  }
});

test('E3 E9 doctor finds approvals that others can write', async () => {
  const ann = person();
  const folder = path.join(ann.home, '.local/state/git-session/approvals');
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o777);
  const open = await check(ann, ann.dir);
  expect([open.code, open.bad.map((c) => [c.name, c.status])]).toEqual([1, [['approvals', 'problem']]]);
});

test('C8 doctor finds a fetch that would delete local sessions', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'remote', 'add', 'origin', path.join(ann.dir, 'o.git'));
  await ann.ok(repo, 'init');
  await ann.git(repo, 'config', '--add', 'remote.origin.fetch', '+refs/sessions/*:refs/sessions/*');
  expect((await check(ann, repo)).bad.map((c) => [c.name, c.status])).toEqual([['fetch', 'warning']]);
  await ann.git(repo, 'config', 'fetch.prune', 'true');
  const { code, bad } = await check(ann, repo);
  expect([code, bad.map((c) => [c.name, c.status])]).toEqual([
    1,
    [
      ['prune', 'warning'],
      ['fetch', 'problem'],
    ],
  ]);
  // What the hint says works.
  const hint = bad[1]!.hints[0]!;
  expect((await ann.run('sh', ['-c', hint], { cwd: repo })).code).toBe(0);
  expect((await check(ann, repo)).bad.map((c) => c.name)).toEqual(['prune']);
});

test('F1 F14 doctor finds what killed commands left: contexts, scratch refs, locks, temporary files, restores', async () => {
  const ann = person();
  const repo = await ann.repo();
  const head = await ann.git(repo, 'rev-parse', 'HEAD');
  await ann.git(repo, 'update-ref', 'refs/sessions/x/20250101T000000000Z-00000000/context', head);
  await ann.git(repo, 'update-ref', 'refs/notes/crq-merge-0123456789abcdef', head);
  await ann.git(repo, 'update-ref', 'refs/sessions/$(id)', head);
  const lock = path.join(repo, '.git/packed-refs.lock');
  writeFileSync(lock, '');
  const fresh = await check(ann, repo);
  expect(fresh.bad.map((c) => c.name)).toEqual(['refs', 'notes', 'saves', 'notes']);
  utimesSync(lock, 1, 1);
  mkdirSync(path.join(repo, '.git/objects/git-session-4194999-x'));
  writeFileSync(path.join(repo, '.git/objects/pack/pack-1.keep'), 'git-session 4194999 1\n');
  await ann.tmux('new-session', '-d', '-s', 'git-session-restore-1');
  await ann.tmux('set-option', '-t', 'git-session-restore-1', '@git-session-building', '4194999 nonce');
  const run = path.join(ann.home, '.local/state/git-session/run');
  mkdirSync(run, { recursive: true });
  writeFileSync(path.join(run, 'text-1'), 'x');
  utimesSync(path.join(run, 'text-1'), 1, 1);
  const { code, bad } = await check(ann, repo);
  expect(code).toBe(1);
  expect(bad.map((c) => [c.name, c.status])).toEqual([
    ['restore', 'warning'],
    ['files', 'warning'],
    ['refs', 'warning'],
    ['notes', 'warning'],
    ['saves', 'warning'],
    ['notes', 'warning'],
    ['lock', 'problem'],
    ['files', 'warning'],
  ]);
  // Each hint that is a command can be typed as it is.
  const restore = bad[0]!.hints[0]!;
  expect(restore).toMatch(/^tmux -S \S+ -f \/dev\/null kill-session -t '\$\d+:'$/u);
  expect((await ann.run('sh', ['-c', restore])).code).toBe(0);
  expect((await ann.run('sh', ['-c', bad[6]!.hints[0]!.replace(/^.*: /u, '')])).code).toBe(0);
  for (const c of bad.filter((b) => b.name === 'saves' || b.hints[0]?.includes('crq-merge') === true)) {
    expect((await ann.run('sh', ['-c', c.hints[0]!], { cwd: repo })).code).toBe(0);
  }
  expect((await check(ann, repo)).bad.map((c) => c.name)).toEqual(['files', 'refs', 'files']);
});

test('doctor in a bare repository, a linked worktree and a shallow clone', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(ann.dir, 'clone', '-q', '--bare', repo, 'o.git');
  await ann.git(repo, 'worktree', 'add', '-q', '../linked');
  await ann.git(ann.dir, 'clone', '-q', '--depth=1', `file://${repo}`, 'shallow');
  const kind = async (name: string) =>
    (await check(ann, path.join(ann.dir, name))).of('repository')[0]!.message;
  expect(await kind('o.git')).toBe(`${path.join(ann.dir, 'o.git')} (bare, sha1)`);
  expect(await kind('linked')).toBe(`${path.join(ann.dir, 'linked')} (linked worktree, sha1)`);
  expect(await kind('shallow')).toBe(`${path.join(ann.dir, 'shallow')} (shallow, sha1)`);
  symlinkSync(repo, path.join(ann.dir, 'link'));
  expect(await kind('link')).toContain(repo);
});
