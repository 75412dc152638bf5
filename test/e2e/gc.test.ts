import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { forge, plainSnapshot } from '../support/forge.ts';
import { type Person, person, waitFor } from '../support/harness.ts';
import { shellTerminal } from '../support/terminal.ts';

interface Collected {
  ended: { name: string; idle: number }[];
  removed: { id: string; name: string; history: string | null }[];
  snapshots: { name: string; id: string }[];
  leftovers: string[];
  remaining: number;
}

async function gc(ann: Person, repo: string, ...args: string[]): Promise<Collected> {
  return JSON.parse(await ann.ok(repo, 'gc', '--json', ...args)) as Collected;
}

const sessions = async (ann: Person) =>
  (await ann.tmux('list-sessions', '-F', '#{session_name}')).split('\n').toSorted();

describe('git session gc', () => {
  test('G7 ends idle sessions of ours after session.timeout, their history saved, and no others', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'mine', '-c', repo);
    await ann.tmux('new-session', '-d', '-s', 'adopted', '-c', repo);
    await ann.ok(repo, 'adopt', 'adopted');
    await ann.ok(repo, 'create', 'seen');
    await ann.ok(repo, 'run', '--id', 'idle', 'echo hello; exec cat');
    await waitFor(async () => (await ann.ok(repo, 'history', 'idle')) === 'hello\n', 'the output');
    shellTerminal(ann, repo, 'tmux', ['-S', ann.socket, 'attach-session', '-t', '=seen']);
    await waitFor(async () => (await ann.tmux('list-clients')) !== '', 'the client');
    expect(await gc(ann, repo)).toMatchObject({ ended: [], removed: [] });
    await ann.git(repo, 'config', 'session.timeout', '24h');
    expect((await gc(ann, repo)).ended).toEqual([]);
    await ann.git(repo, 'config', 'session.timeout', '0s');
    const before = await sessions(ann);
    const [idle, ...others] = (await gc(ann, repo, '--dry-run')).ended;
    expect([idle!.name, others]).toEqual([expect.stringMatching(/^gs-run-idle-/u), []]);
    expect(await sessions(ann)).toEqual(before);
    const shown = await ann.ok(repo, 'gc');
    expect(shown).toMatch(/^Ended idle \(idle for \d+ s\)\n/u);
    expect(await sessions(ann)).toEqual(['adopted', 'mine', 'seen']);
    const result = await ann.gs(repo, 'history', 'idle');
    expect([result.code, result.stdout]).toEqual([0, 'hello\n']);
    expect(result.stderr).toContain('saved history');
  });

  test('O12 removes records of ended sessions with their histories after session.retention', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'mine');
    await ann.git(repo, 'config', 'session.autoCleanupCompleted', 'true');
    const run = JSON.parse(await ann.ok(repo, 'run', '--json', '--wait', '--id', 'old', 'echo hello')) as {
      id: string;
      name: string;
    };
    await waitFor(async () => (await sessions(ann)).join() === 'mine', 'the session to go');
    const live = await ann.ok(repo, 'create', 'alive');
    expect(live).toContain('alive');
    const record = path.join(repo, '.git/git-session/live', run.id);
    const history = path.join(
      ann.home,
      '.local/share/git-session/history',
      `${run.name}-${run.id.slice(0, 8)}.txt`,
    );
    expect((await gc(ann, repo)).removed).toEqual([]);
    await ann.git(repo, 'config', 'session.retention', '30d');
    expect((await gc(ann, repo)).removed).toEqual([]);
    await ann.git(repo, 'config', 'session.retention', '0s');
    const removed = [{ id: run.id, name: run.name, label: 'old', history }];
    expect((await gc(ann, repo, '-n')).removed).toEqual(removed);
    expect([existsSync(record), existsSync(history)]).toEqual([true, true]);
    expect((await gc(ann, repo)).removed).toEqual(removed);
    expect([existsSync(record), existsSync(history)]).toEqual([false, false]);
    expect(await sessions(ann)).toEqual(['alive', 'mine']);
    const again = await ann.gs(repo, 'gc');
    expect([again.code, again.stdout, again.stderr]).toEqual([0, '', 'nothing to do\n']);
  });

  test('O12 counts those that have ended and are in tmux still, and calls them as the list does', async () => {
    const ann = person();
    const repo = await ann.repo();
    for (const [id, command] of [
      ['good', 'true'],
      ['bad', 'false'],
    ] as const) {
      await ann.gs(repo, 'run', '--wait', '--id', id, command);
    }
    const old = ['gc', '--older-than', '0s'];
    for (const args of [['-n'], []]) {
      const { code, stdout, stderr } = await ann.gs(repo, ...old, ...args);
      expect([code, stdout]).toEqual([0, '']);
      expect(stderr).toBe(
        'nothing to do\n2 ended runs are still in tmux\nhint: take them away: git session kill --completed --failed\n',
      );
    }
    expect((await gc(ann, repo, '-n', '--older-than', '1d')).remaining).toBe(0);
    await ann.ok(repo, 'kill', '--completed', '--failed', '--yes');
    const removed = await ann.gs(repo, ...old, '-n');
    expect(removed.stdout.split('\n').toSorted()).toEqual([
      '',
      'Would remove bad and its history',
      'Would remove good and its history',
    ]);
    expect(removed.stderr).not.toContain('in tmux');
  });

  test('O12 snapshots go only where that is asked for, and never the newest', async () => {
    const ann = person();
    const repo = await ann.repo();
    const head = await ann.git(repo, 'rev-parse', 'HEAD');
    const save = (name: string, time: string) => forge(ann, repo, plainSnapshot(head), { name, time });
    for (const day of ['01', '02', '03', '04']) await save('work', `202001${day}T000000000Z`);
    await save('alone', '20200101T000000000Z');
    const left = async () =>
      (await ann.git(repo, 'for-each-ref', '--format=%(refname:lstrip=2)', 'refs/sessions/**/snapshot'))
        .split('\n')
        .map((ref) => ref.replace(/^(\w+)\/\d{6}(\d\d)T.*$/u, '$1 $2'));
    await ann.git(repo, 'config', 'session.retention', '0s');
    expect((await gc(ann, repo)).snapshots).toEqual([]);
    expect((await gc(ann, repo, '--keep', '3', '-n')).snapshots).toMatchObject([{ name: 'work' }]);
    expect((await gc(ann, repo, '--keep', '3')).snapshots).toHaveLength(1);
    expect(await left()).toEqual(['alone 01', 'work 02', 'work 03', 'work 04']);
    // With both, what is beyond both.
    expect((await gc(ann, repo, '--keep', '1', '--older-than', '1000000d')).snapshots).toEqual([]);
    expect((await gc(ann, repo, '--keep', '2', '--older-than', '1d')).snapshots).toHaveLength(1);
    const shown = await ann.gs(repo, 'gc', '--older-than', '1d');
    expect(shown.stdout).toMatch(/^Deleted work\/20200103T\S+ \(was [0-9a-f]{7}\)\n$/u);
    expect(await left()).toEqual(['alone 01', 'work 04']);
    // As delete does: other clones get to know.
    expect(await ann.git(repo, 'for-each-ref', 'refs/sessions/work/**/events')).not.toBe('');
    for (const bad of [
      ['--keep', '0'],
      ['--older-than', '30'],
      ['--older-than', 'soon'],
    ]) {
      expect((await ann.gs(repo, 'gc', ...bad)).code).toBe(129);
    }
  });

  test('what killed saves left goes', async () => {
    const ann = person();
    const repo = await ann.repo();
    const ref = 'refs/sessions/work/20200101T000000000Z-01234567/context';
    await ann.git(repo, 'update-ref', ref, 'HEAD');
    expect((await gc(ann, repo, '-n')).leftovers).toEqual([ref]);
    expect(await ann.ok(repo, 'gc')).toBe(`Removed ${ref}\n`);
    expect(await ann.git(repo, 'for-each-ref', 'refs/sessions')).toBe('');
  });
});
