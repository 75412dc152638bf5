import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Person, person, PROGRAM, waitFor } from '../support/harness.ts';
import { world } from '../support/two-clones.ts';

interface Event {
  session: string;
  name: string;
  clone: string;
  sequence: number;
  clock: number;
  at: string;
  type: string;
  data: Record<string, unknown>;
  applied: boolean;
}

async function scene(...options: string[]): Promise<{ ann: Person; repo: string }> {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', ...options, 'work');
  return { ann, repo };
}

const events = async (ann: Person, repo: string, ...args: string[]) =>
  (JSON.parse(await ann.ok(repo, 'events', '--json', ...args)) as { events: Event[] }).events;

/** The program as a process of ours, which goes on. */
function following(ann: Person, cwd: string, ...args: string[]) {
  const child = spawn(PROGRAM, ['events', '--follow', ...args], { cwd, env: ann.env, stdio: 'pipe' });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const ended = new Promise<string | number | null>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? code));
  });
  return { child, ended, lines: () => text.split('\n').slice(0, -1) };
}

describe('events', () => {
  test('E5 P13 one line for each, with time, clone and what it is about; at most -n', async () => {
    const { ann, repo } = await scene();
    await ann.ok(repo, 'exec', 'work', 'true');
    expect((await ann.gs(repo, 'exec', 'work', '--', 'sh', '-c', 'exit 3')).code).toBe(3);
    await ann.ok(repo, 'pause', '-m', 'red \u001B[31m', 'work');
    const [one, ...others] = await events(ann, repo, 'work');
    expect(one).toMatchObject({ name: 'work', type: 'started', sequence: 1, applied: true });
    const lines = (await ann.ok(repo, 'events', 'work')).trimEnd().split('\n');
    const clone = one!.clone.slice(0, 8);
    expect(lines[0]).toMatch(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d  ${clone}  started +work$`, 'u'),
    );
    expect(lines[1]).toMatch(/ {2}command-executed +ok in \d+\.\ds: true$/u);
    expect(lines[2]).toMatch(/ {2}command-executed +exit 3 in \d+\.\ds: sh -c 'exit 3'$/u);
    expect(lines[3]).toMatch(/ {2}paused +red \\x1b\[31m$/u);
    expect(await ann.ok(repo, 'events', '-n', '1', 'work')).toBe(`${lines[3]!}\n`);
    expect(others[0]).toMatchObject({ type: 'command-executed', data: { success: true, exit_code: 0 } });
    const times = [one!, ...others].map((e) => e.clock);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });

  test('E3 --follow prints those that come, without a lock; --json each on a line of its own', async () => {
    const { ann, repo } = await scene();
    const text = following(ann, repo, 'work');
    const json = following(ann, repo, '--json', '-n', '0', 'work');
    await waitFor(() => text.lines().length === 1, 'the first event');
    await ann.ok(repo, 'pause', '-m', 'one', 'work');
    await ann.ok(repo, 'resume', 'work');
    await waitFor(() => text.lines().length === 3 && json.lines().length >= 2, 'two more events');
    const told = json.lines().map((line) => JSON.parse(line) as Event);
    expect(told.slice(-2).map((e) => e.type)).toEqual(['paused', 'resumed']);
    expect(text.lines()[1]).toMatch(/paused +one$/u);
    text.child.kill('SIGINT');
    expect(await text.ended).toBe('SIGINT');
  });

  test('E3 --follow notes the end of a run by itself', async () => {
    const { ann, repo } = await scene();
    const go = path.join(ann.dir, 'go');
    await ann.ok(repo, 'run', '--id', 'short', '--', 'sh', '-c', `until [ -e '${go}' ]; do sleep 0.05; done`);
    const { lines } = following(ann, repo, '--json', 'short');
    await waitFor(() => lines().length === 1, 'the start');
    writeFileSync(go, '');
    await waitFor(() => lines().length === 2, 'the end');
    expect(JSON.parse(lines()[1]!)).toMatchObject({ type: 'completed', applied: true });
  });

  test('a run that has ended, and one that was killed, say so to whoever looks next', async () => {
    const { ann, repo } = await scene();
    expect((await ann.gs(repo, 'run', '--wait', '--id', 'bad', '--', 'sh', '-c', 'exit 5')).code).toBe(5);
    expect((await events(ann, repo, 'bad')).at(-1)).toMatchObject({
      ...{ type: 'failed', data: { error: 'exit code 5' } },
    });
    await ann.ok(repo, 'kill', 'work');
    expect((await events(ann, repo, 'work')).at(-1)).toMatchObject({
      type: 'failed',
      data: { error: 'killed' },
    });
  });

  test('what another clone did later is marked where it came too late', async () => {
    const { ann, bob, a, b } = await world();
    await ann.ok(a, 'create', 'work');
    await ann.ok(a, 'push');
    await bob.ok(b, 'init');
    await bob.ok(b, 'fetch');
    await bob.ok(b, 'pause', '-m', 'first', 'work');
    await ann.ok(a, 'complete', 'work');
    await ann.ok(a, 'push');
    await bob.ok(b, 'event', 'work', 'failed', '--data', '{"error":"too late"}');
    await bob.ok(b, 'fetch');
    const all = await events(bob, b, 'work');
    expect(all.map((e) => [e.type, e.applied])).toEqual([
      ['started', true],
      ['paused', true],
      ['completed', true],
      ['failed', false],
    ]);
    expect(new Set(all.map((e) => e.clone)).size).toBe(2);
    expect(await bob.ok(b, 'events', 'work')).toMatch(/failed +too late \(too late: it changed nothing\)$/mu);
  });

  test('V9 reading needs neither tmux nor a lock nor a repository that can be written', async () => {
    const { ann, repo } = await scene();
    const before = await events(ann, repo, 'work');
    const env = { PATH: ann.env['PATH'] };
    await ann.git(repo, 'config', 'session.tmuxCommand', '/nowhere/tmux');
    const result = await ann.gsWith({ cwd: repo, env }, 'events', '--json', 'work');
    expect(result.code).toBe(0);
    expect((JSON.parse(result.stdout) as { events: Event[] }).events).toEqual(before);
    const journal = path.join(repo, '.git/git-session/journal', `${before[0]!.session}.jsonl`);
    const whole = readFileSync(journal);
    writeFileSync(journal, Buffer.concat([whole, whole.subarray(0, 40)]));
    const torn = await ann.gs(repo, 'events', '--json', 'work');
    expect(torn.stderr).toContain('warning: event log: ignored 40 bytes of an unfinished record');
    expect((JSON.parse(torn.stdout) as { events: Event[] }).events).toEqual(before);
  });
});
