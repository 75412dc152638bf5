import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person, waitFor } from '../support/harness.ts';

interface Row {
  branch: string | null;
  directory: string | null;
  status: string;
  changes: Record<string, number> | null;
  active_at: string | null;
  current: boolean;
  sessions: { name: string; status: string }[];
}

/** Main, a clean worktree, a changed one with two sessions, and a branch without a worktree. */
async function threeWorktrees(): Promise<{ ann: Person; repo: string; changed: string }> {
  const ann = person();
  const repo = await ann.repo();
  const clean = path.join(ann.dir, 'clean');
  const changed = path.join(ann.dir, 'repo-changed');
  await ann.git(repo, 'worktree', 'add', '-q', '-b', 'bugfix/login', clean);
  await ann.git(repo, 'worktree', 'add', '-q', '-b', 'feature/auth', changed);
  await ann.git(repo, 'branch', 'later');
  writeFileSync(path.join(changed, 'file.txt'), 'two\n');
  writeFileSync(path.join(changed, 'staged.txt'), 'new\n');
  await ann.git(changed, 'add', 'staged.txt');
  writeFileSync(path.join(changed, 'untracked ü.txt'), 'new\n');
  await ann.ok(changed, 'create', 'one');
  await ann.ok(repo, 'run', '-w', 'feature/auth', '--id', 'two', 'sleep 1000');
  return { ann, repo, changed };
}

const rows = async (ann: Person, cwd: string, ...args: string[]): Promise<Row[]> =>
  JSON.parse(await ann.ok(cwd, 'status', '--json', ...args)) as Row[];

describe('status', () => {
  test('C24, C25 shows each worktree with its changes, activity and sessions', async () => {
    const { ann, repo } = await threeWorktrees();
    await waitFor(async () => (await rows(ann, repo))[2]!.sessions.length === 2, 'both shells');
    const lines = (await ann.ok(repo, 'status', '--verbose')).trimEnd().split('\n');
    expect(lines[0]).toMatch(/^ {2}BRANCH +STATUS +CHANGES +ACTIVITY +SESSIONS +DIRECTORY +NAMES$/u);
    expect(lines[1]).toMatch(/^● main +clean +- +\d+\w+ ago +- /u);
    expect(lines[2]).toMatch(/^ {2}bugfix\/login +clean +- +\d+\w+ ago +- /u);
    expect(lines[3]).toMatch(
      /^ {2}feature\/auth +changed +1 added, 1 modified, 1 untracked +\d+\w+ ago +2 active .*gs-run-two-\d+ one|one gs-run-two-\d+$/u,
    );
    expect(lines.length).toBe(4);
    const [, , json] = await rows(ann, repo);
    expect(json).toMatchObject({
      ...{ branch: 'feature/auth', status: 'changed', current: false },
      changes: { added: 1, modified: 1, deleted: 0, unmerged: 0, untracked: 1, upstream: null },
    });
    expect(Math.abs(Date.parse(json!.active_at!) - Date.now())).toBeLessThan(600_000);
  });

  test('C26 filters, and branches without a worktree', async () => {
    const { ann, repo } = await threeWorktrees();
    const branches = async (...args: string[]) => (await rows(ann, repo, ...args)).map((r) => r.branch);
    await waitFor(async () => (await rows(ann, repo))[2]!.sessions.length === 2, 'both shells');
    expect(await branches('--filter', 'has-session')).toEqual(['feature/auth']);
    expect(await branches('--filter', 'no-session')).toEqual(['main', 'bugfix/login']);
    expect(await branches('--filter', 'changed')).toEqual(['feature/auth']);
    expect(await branches('--filter', 'clean', '--filter', 'has-session')).toEqual([]);
    expect(await branches('--all')).toEqual(['main', 'bugfix/login', 'feature/auth', 'later']);
    const unknown = await ann.gs(repo, 'status', '--filter', 'busy');
    expect(unknown.code).toBe(129);
    expect(unknown.stderr).toContain('no-session');
  });

  test('L12 a session that is complete does not count as active; killed ones neither', async () => {
    const { ann, repo, changed } = await threeWorktrees();
    await ann.ok(repo, 'run', '--wait', 'true');
    await waitFor(async () => (await rows(ann, repo))[2]!.sessions.length === 2, 'both shells');
    expect((await rows(ann, repo))[0]!.sessions).toEqual([]);
    await ann.killServer();
    // From inside another worktree, that one is marked.
    const after = await rows(ann, changed);
    expect(after.map((r) => r.sessions.length)).toEqual([0, 0, 0]);
    expect(after.map((r) => r.current)).toEqual([false, false, true]);
  });

  test('says how a branch stands to its upstream, and when HEAD is detached', async () => {
    const ann = person();
    const origin = await ann.repo('origin');
    await ann.git(ann.dir, 'clone', '-q', origin, 'clone');
    const clone = path.join(ann.dir, 'clone');
    const status = async () => (await rows(ann, clone))[0]!;
    expect((await status()).status).toBe('up to date');
    await ann.git(clone, 'commit', '-q', '--allow-empty', '-m', 'ours');
    expect((await status()).status).toBe('ahead');
    await ann.git(origin, 'commit', '-q', '--allow-empty', '-m', 'theirs');
    await ann.git(clone, 'fetch', '-q');
    expect((await status()).status).toBe('diverged');
    expect(await ann.ok(clone, 'status')).toContain('1 ahead, 1 behind');
    await ann.git(clone, 'reset', '-q', '--hard', 'HEAD~1');
    expect((await status()).status).toBe('behind');
    await ann.git(clone, 'checkout', '-q', '--detach');
    expect(await status()).toMatchObject({ branch: null, status: 'clean' });
    rmSync(path.join(clone, 'file.txt'));
    expect(await status()).toMatchObject({ status: 'changed', changes: { deleted: 1, modified: 0 } });
  });

  test('a worktree whose directory is gone is told, and hides no other', async () => {
    const { ann, repo } = await threeWorktrees();
    rmSync(path.join(ann.dir, 'clean'), { recursive: true });
    const result = await ann.gs(repo, 'status', '--json');
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('git worktree prune');
    expect((JSON.parse(result.stdout) as Row[]).map((r) => r.status)).toEqual([
      'clean',
      'unknown',
      'changed',
    ]);
  });
});
