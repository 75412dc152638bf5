import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person, PROGRAM } from '../support/harness.ts';
import { shellTerminal, terminal } from '../support/terminal.ts';

interface Progress {
  state: { name: string; error: string | null };
  iterations_completed: number;
  total_iterations: number | null;
  files_changed: string[];
  commands_executed: {
    command: string;
    success: boolean;
    exit_code: number | null;
    duration_ms: number | null;
  }[];
  duration: number;
  current_phase: string | null;
  iterations: Record<string, unknown>[];
  metrics?: Record<string, number>;
}

async function scene(...options: string[]): Promise<{ ann: Person; repo: string }> {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', ...options, 'work');
  return { ann, repo };
}

const progress = async (ann: Person, repo: string, name = 'work') =>
  JSON.parse(await ann.ok(repo, 'progress', '--json', name)) as Progress;

describe('progress', () => {
  test('P1 P2 P6 has every key, computed from git and from commands', async () => {
    const { ann, repo } = await scene('--max-iterations', '5', '--collect-metrics');
    await ann.ok(repo, 'iterate', 'start', 'work');
    writeFileSync(path.join(repo, 'new.txt'), 'a\nb\nc\n');
    writeFileSync(path.join(repo, 'file.txt'), '');
    await ann.git(repo, 'add', '.');
    await ann.git(repo, 'commit', '-q', '-m', 'second');
    await ann.ok(repo, 'exec', 'work', 'true');
    expect((await ann.gs(repo, 'exec', 'work', 'false')).code).toBe(1);
    await ann.ok(repo, 'iterate', 'end', 'work');
    await ann.ok(repo, 'iterate', 'start', 'work');
    const p = await progress(ann, repo);
    expect(p).toMatchObject({ state: { name: 'running' }, iterations_completed: 1, total_iterations: 5 });
    expect(p.files_changed).toEqual(['file.txt', 'new.txt']);
    expect(p.current_phase).toBe('iteration 2');
    expect(p.commands_executed.map((c) => [c.command, c.success, c.exit_code])).toEqual([
      ['true', true, 0],
      ['false', false, 1],
    ]);
    const head = await ann.git(repo, 'rev-parse', 'HEAD');
    expect(p.iterations).toEqual([
      {
        ...{ number: 1, completed: true, files_modified: ['file.txt', 'new.txt'] },
        ...{ lines_added: 3, lines_removed: 1, commands_run: ['true', 'false'], git_commits: [head] },
      },
      {
        ...{ number: 2, completed: false, files_modified: null, lines_added: null, lines_removed: null },
        ...{ commands_run: null, git_commits: null },
      },
    ]);
    expect(p.metrics).toMatchObject({ iterations: 1, commands: 2, success_rate: 0.5, lines_added: 3 });
    const text = await ann.ok(repo, 'progress', 'work');
    expect(text).toMatch(/^State: +running$/mu);
    expect(text).toMatch(/^Iterations: +1 of 5$/mu);
    expect(text).toMatch(/^Commands: +2, 1 failed; the last one: false$/mu);
    expect(text).toMatch(/^ {2}iteration 1: 2 files, \+3 -1, 1 commit, 2 commands$/mu);
    expect(text).toMatch(/^Metrics: .*50 % of the commands succeeded/mu);
  });

  test('P9 without --collect-metrics there is no metrics key', async () => {
    const { ann, repo } = await scene();
    expect(Object.keys(await progress(ann, repo))).not.toContain('metrics');
    expect(await ann.ok(repo, 'progress', 'work')).not.toContain('Metrics');
  });

  test('P13 a command has the duration that it took', async () => {
    const { ann, repo } = await scene();
    await ann.ok(repo, 'exec', 'work', 'sleep 1');
    const [command] = (await progress(ann, repo)).commands_executed;
    expect(command!.duration_ms).toBeGreaterThanOrEqual(1000);
  });

  test('P12 the duration goes on from the events, in every process, and stops where it is paused', async () => {
    const { ann, repo } = await scene();
    const first = (await progress(ann, repo)).duration;
    await ann.killServer();
    const second = (await progress(ann, repo)).duration;
    expect(second).toBeGreaterThan(first);
    await ann.ok(repo, 'pause', '-m', 'x', 'work');
    const paused = (await progress(ann, repo)).duration;
    expect((await progress(ann, repo)).duration).toBe(paused);
    expect(paused).toBeGreaterThan(second);
  });

  test('P7 with --fail-fast the first command that fails ends the session', async () => {
    const { ann, repo } = await scene('--fail-fast');
    await ann.ok(repo, 'exec', 'work', 'true');
    expect((await progress(ann, repo)).state.name).toBe('running');
    expect((await ann.gs(repo, 'exec', 'work', 'exit 3')).code).toBe(3);
    const p = await progress(ann, repo);
    expect(p.state).toMatchObject({ name: 'failed', error: 'command failed: exit 3' });
    expect(p.commands_executed).toHaveLength(2);
    // The end is final: what is executed later is not of the session's life, and works all the same.
    expect(await ann.ok(repo, 'exec', 'work', 'echo on')).toBe('on\n');
    expect((await progress(ann, repo)).commands_executed).toHaveLength(2);
  });

  test('P4 --watch draws anew in place, and Ctrl-C ends it with 130', async () => {
    const { ann, repo } = await scene();
    const t = terminal(ann, repo, 'progress', '--watch', '--interval', '0.2', 'work');
    await t.waitForScreen(/^State: +running$[^]*^Commands: +0$/mu);
    expect(t.screen()[0]).toMatch(/^Every 0\.2s, q ends it +\d\d:\d\d:\d\d$/u);
    await ann.ok(repo, 'exec', 'work', 'true');
    await ann.ok(repo, 'pause', '-m', 'to eat', 'work');
    await t.waitForScreen(/^State: +paused: to eat$[^]*^Commands: +1; the last one: true$/mu);
    t.type('\x03');
    expect(await t.ended).toBe(130);
    expect(t.text().split('\x1b[H').length).toBeGreaterThan(3);
  });

  test('P4 --watch fits a small screen, and needs a terminal', async () => {
    const { ann, repo } = await scene();
    const args = ['progress', '--watch', '--interval', '86400', 'work'];
    const t = shellTerminal(ann, repo, PROGRAM, args, { size: { columns: 30, rows: 4 } });
    await t.waitForScreen(/State: +running/u);
    t.type('q');
    expect(await t.ended).toBe(0);
    expect(await ann.gs(repo, ...args)).toMatchObject({ code: 1, stdout: '' });
    expect((await ann.gs(repo, 'progress', '--interval', '2', 'work')).code).toBe(129);
    expect((await ann.gs(repo, 'progress', '--watch', '--json', 'work')).code).toBe(129);
  });

  test('foreign text is printed harmlessly, and damage is told', async () => {
    const { ann, repo } = await scene('--focus', 'red \u001B[31m');
    await ann.ok(repo, 'pause', '-m', 'bad \u001B]0;x\u0007', 'work');
    const result = await ann.gs(repo, 'progress', 'work');
    expect(result.stdout).toContain('paused: bad \\x1b]0;x\\x07');
    expect(result.stdout).toContain('red \\x1b[31m');
    const journal = await journalOf(ann, repo);
    writeFileSync(journal, `${readFileSync(journal, 'utf8')}nonsense\n`);
    const damaged = await ann.gs(repo, 'progress', '--json', 'work');
    expect(damaged.stderr).toContain("warning: event log damaged at record 3 of 'work'");
    expect(JSON.parse(damaged.stdout)).toMatchObject({ damaged: 1, state: { name: 'paused' } });
  });

  test('P3 a session that is not there is an error', async () => {
    const { ann, repo } = await scene();
    const result = await ann.gs(repo, 'progress', '--json', 'nope');
    expect(result.code).toBe(1);
    expect(JSON.parse(result.stdout)).toMatchObject({ ok: false, error: { code: 'not-found' } });
  });
});

async function journalOf(ann: Person, repo: string): Promise<string> {
  const { id } = JSON.parse(await ann.ok(repo, 'progress', '--json', 'work')) as { id: string };
  return path.join(repo, '.git/git-session/journal', `${id}.jsonl`);
}
