import { readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { person, type Person, waitFor } from '../support/harness.ts';

type Row = Record<string, unknown>;

const rows = async (ann: Person, repo: string, ...args: string[]) =>
  JSON.parse(await ann.ok(repo, 'list', '--json', ...args)) as Row[];

/** A run that went with the tmux server, and its name. */
async function lost(ann: Person, repo: string): Promise<string> {
  const name = (await ann.ok(repo, 'run', '--id', 'big', '--', 'sleep', '4321')).trim();
  await ann.killServer();
  // The script writes down that its terminal went away.
  await waitFor(async () => (await rows(ann, repo))[0]!['status'] === 'failed', 'the end of the run');
  return name;
}

describe('a run that was lost with its tmux server', () => {
  test('L12 R12 when it is brought back, what runs now counts', async () => {
    const ann = person();
    const repo = await ann.repo();
    const name = await lost(ann, repo);
    expect(await ann.ok(repo, 'exec', 'big', 'echo hi')).toBe('hi\n');
    const pid = Number(await ann.tmux('display-message', '-p', '-t', `=${name}:`, '#{pane_pid}'));
    expect(await rows(ann, repo)).toMatchObject([
      {
        ...{ status: 'running', pid, exit_code: null, reason: null, end_time: null },
        ...{ identifier: 'big', kind: 'run', command: expect.stringMatching(/sh$/u) },
      },
    ]);
    expect(await rows(ann, repo, '--active')).toHaveLength(1);
    expect(await ann.ok(repo, 'show', 'big')).toMatch(/^Status: +running$/mu);
    // How its command went stays known.
    expect((await ann.gs(repo, 'wait', 'big')).code).toBe(128);
    expect(await ann.ok(repo, 'log', 'big')).toMatch(/^command sleep 4321\n.*\nState: +lost/mu);
    // Without a tmux session that counts again.
    await ann.killServer();
    expect(await rows(ann, repo)).toMatchObject([
      { status: 'failed', reason: 'lost: its tmux session went away while it ran', pid: null },
    ]);
  });

  test('L12 R12 one that had ended lives too when it is brought back, and cannot be taken away with those that have', async () => {
    const ann = person();
    const repo = await ann.repo();
    const name = (await ann.ok(repo, 'run', '--id', 'done', '--', 'true')).trim();
    await ann.ok(repo, 'wait', 'done');
    await ann.killServer();
    await ann.ok(repo, 'exec', 'done', 'true');
    expect(await rows(ann, repo)).toMatchObject([{ status: 'running' }]);
    expect((await ann.gs(repo, 'kill', '--completed', '--yes')).code).toBe(1);
    expect((await ann.gs(repo, 'delete', name)).stderr).toContain('runs');
    await ann.ok(repo, 'kill', '--yes', 'done');
    expect(await rows(ann, repo)).toMatchObject([{ status: 'completed', exit_code: 0 }]);
  });

  test('C4 list tells why it failed, by the word of the log', async () => {
    const ann = person();
    const repo = await ann.repo();
    await lost(ann, repo);
    expect(await ann.ok(repo, 'list', '--verbose')).toMatch(
      / failed .* lost: its tmux session went away while it ran\n$/u,
    );
    expect(await ann.ok(repo, 'log', 'big')).toMatch(/^State: +lost/mu);
    expect((await ann.gs(repo, 'wait', 'big')).code).toBe(128);
  });

  test('R14 restore says that it was never saved, and what there is of it', async () => {
    const ann = person();
    const repo = await ann.repo();
    await lost(ann, repo);
    for (const args of [['big'], ['--dry-run', 'big']]) {
      expect(await ann.gs(repo, 'restore', ...args)).toMatchObject({
        ...{ code: 1, stdout: '' },
        stderr: [
          "error: 'big' was never saved",
          'hint: what it printed: git session history big',
          'hint: go on with a shell: git session attach big',
          '',
        ].join('\n'),
      });
    }
    const other = await ann.gs(repo, 'restore', 'bigger');
    expect([other.code, other.stderr]).toEqual([
      1,
      expect.stringContaining("no session or snapshot 'bigger'"),
    ]);
  });
});

test('R14 restore --all names those that were never saved, and no others', async () => {
  const ann = person();
  const repo = await ann.repo();
  for (const name of ['main', 'other', 'kept', 'killed']) await ann.ok(repo, 'create', name);
  await ann.ok(repo, 'run', '--id', 'long', '--', 'sleep', '4321');
  await ann.ok(repo, 'run', '--wait', '--id', 'done', '--', 'true');
  await ann.ok(repo, 'save', '-t', 'kept');
  await ann.ok(repo, 'kill', '--yes', 'killed');
  await ann.killServer();
  await waitFor(async () => (await rows(ann, repo, '--filter', 'running')).length === 0, 'the run to end');
  const said = '3 sessions were never saved: main, other, long\n';
  expect((await ann.gs(repo, 'restore', '--all', '--dry-run')).stderr).toContain(said);
  const restored = await ann.gs(repo, 'restore', '--all', '--no-run');
  expect([restored.code, restored.stderr]).toEqual([0, expect.stringContaining(said)]);
  await ann.ok(repo, 'create', 'other');
  const again = await ann.gs(repo, 'restore', '--all');
  expect(again).toMatchObject({
    ...{ code: 0, stdout: '' },
    stderr: '2 sessions were never saved: main, long\nevery saved session is alive already\n',
  });
  expect(JSON.parse(await ann.ok(repo, 'restore', '--all', '--json'))).toMatchObject({
    ...{ ok: true, restored: [], never_saved: ['main', 'long'] },
  });
});

test('R14 restore --all where nothing is saved', async () => {
  const ann = person();
  const repo = await ann.repo();
  expect((await ann.gs(repo, 'restore', '--all')).stderr).toBe('no session is saved here\n');
});

test('C9 M3 a session that is restored by another name has a row, and a record', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', 'work');
  await ann.ok(repo, 'save', '-t', 'work');
  await ann.ok(repo, 'restore', '--no-run', 'work', '--as', 'w2');
  const found = await rows(ann, repo);
  expect(found.map((r) => [r['name'], r['status'], r['kind']].join(' ')).toSorted()).toEqual([
    'w2 running adopt',
    'work running create',
  ]);
  expect(new Set(found.map((r) => r['id'])).size).toBe(2);
  expect(readdirSync(path.join(repo, '.git/git-session/live'))).toHaveLength(2);
  await ann.ok(repo, 'save', '-t', 'w2');
  const running = await rows(ann, repo, '--filter', 'running');
  expect(running.map((r) => [r['name'], r['snapshots']].join(' ')).toSorted()).toEqual(['w2 1', 'work 1']);
});

test('C3 of a session that ended when nobody saw it, it is told how long ago something was known of it', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', 'shells');
  await ann.killServer();
  expect(await ann.ok(repo, 'list')).toMatch(/^ {2}session +shells +terminated +\d+[sm] ago$/mu);
  expect(await rows(ann, repo)).toMatchObject([{ end_time: null, command: null }]);
});
