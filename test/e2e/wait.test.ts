import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { person } from '../support/harness.ts';

const UNTIL = 'while [ ! -e stop ]; do sleep 0.1; done';

describe('wait', () => {
  test('N7 waits for the command of a run, and passes its exit code on', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'run', '--id', 'slow', `${UNTIL}; exit 7`);
    const late = await ann.gs(repo, 'wait', '--timeout', '200ms', 'slow');
    expect(late.code).toBe(124);
    expect(late.stderr).toContain('still running after 200ms');
    const waiting = ann.gs(repo, 'wait', '--json', 'slow');
    writeFileSync(path.join(repo, 'stop'), '');
    const { code, stdout } = await waiting;
    expect(code).toBe(7);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      timed_out: false,
      sessions: [{ kind: 'run', status: 'failed', exit_code: 7 }],
    });
    // It has ended already.
    expect((await ann.gs(repo, 'wait', 'slow')).code).toBe(7);
  });

  test('N7 of several 0 where all are completed, else 1; patterns name several', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'run', '--id', 'good-one', 'true');
    await ann.ok(repo, 'run', '--id', 'good-two', 'sleep 0.2');
    await ann.ok(repo, 'run', '--id', 'bad', 'exit 5');
    expect((await ann.gs(repo, 'wait', '*good*')).code).toBe(0);
    const mixed = await ann.gs(repo, 'wait', 'good-one', 'bad');
    expect(mixed.code).toBe(1);
    expect(mixed.stderr).toContain('exit code 5');
    expect((await ann.gs(repo, 'wait', 'good')).code).toBe(1);
    expect((await ann.gs(repo, 'wait', 'nobody')).stderr).toContain("no session 'nobody'");
  });

  test('N7 waits for many at a time without a warning of node, and says its timeout with the unit', async () => {
    const ann = person();
    const repo = await ann.repo();
    const ids = Array.from({ length: 12 }, (_, i) => `many-${i}`);
    await Promise.all(ids.map((id) => ann.ok(repo, 'run', '--id', id, 'sleep 1000')));
    const { code, stderr } = await ann.gs(repo, 'wait', '--timeout', '1', '*');
    expect(code).toBe(124);
    expect(stderr).toMatch(/^error: still running after 1s: (?:gs-run-many-\d+-\d{14}(?:, |\n$)){12}/u);
  });

  test('N7 waits for the tmux session of one that was created, and for that one only', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'work');
    await ann.ok(repo, 'create', 'work-two');
    expect((await ann.gs(repo, 'wait', '--timeout', '700ms', 'work')).code).toBe(124);
    const waiting = ann.gs(repo, 'wait', '--json', 'work');
    await ann.tmux('kill-session', '-t', '=work');
    const { code, stdout } = await waiting;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      sessions: [{ name: 'work', status: 'terminated' }],
    });
    const last = ann.gs(repo, 'wait', 'work-two');
    await ann.killServer();
    // A later server gives the same ids again.
    await ann.tmux('new-session', '-d', '-s', 'a', ';', 'new-session', '-d', '-s', 'b');
    expect((await last).code).toBe(0);
  });

  test('O5 a run that left no exit status ends the waiting with an error', async () => {
    const ann = person();
    const repo = await ann.repo();
    const name = (await ann.ok(repo, 'run', '--', 'sleep', '1000')).trim();
    const waiting = ann.gs(repo, 'wait', name);
    const pid = await ann.tmux('display-message', '-p', '-t', `=${name}:`, '#{pane_pid}');
    process.kill(-Number(pid), 'SIGKILL');
    // It may be met before, or when it has ended already.
    for (const { code, stderr } of [await waiting, await ann.gs(repo, 'wait', name)]) {
      expect(code).toBe(128);
      expect(stderr).toContain('is gone and left no exit status');
      expect(stderr).toContain(`git session history ${name}`);
    }
  });

  test('O5 a session that went away is told, and an exit code of 129 is passed on in silence', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'run', '--id', 'own', 'exit 129');
    expect(await ann.gs(repo, 'wait', 'own')).toMatchObject({ code: 129, stdout: '', stderr: '' });
    const name = (await ann.ok(repo, 'run', '--id', 'lost', '--', 'sleep', '1000')).trim();
    const waiting = ann.gs(repo, 'wait', 'lost');
    await ann.killServer();
    for (const { code, stderr } of [await waiting, await ann.gs(repo, 'wait', 'lost')]) {
      expect(code).toBe(128);
      expect(stderr).toContain(`the tmux session of '${name}' went away while it ran`);
      expect(stderr).toContain(`git session history ${name}`);
    }
    await ann.ok(repo, 'run', '--id', 'ended', '--', 'sleep', '1000');
    await ann.ok(repo, 'kill', 'ended');
    const ended = await ann.gs(repo, 'wait', 'ended');
    expect([ended.code, ended.stderr]).toEqual([128, expect.stringMatching(/went away|no exit status/u)]);
    const json = await ann.gs(repo, 'wait', '--json', 'lost');
    expect([json.code, JSON.parse(json.stdout)]).toMatchObject([
      128,
      { ok: false, sessions: [{ status: 'failed', exit_code: null, error: { code: 'session-failed' } }] },
    ]);
  });
});
