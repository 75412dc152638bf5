import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { person, PROGRAM, waitFor } from '../support/harness.ts';
import { shellTerminal, terminal } from '../support/terminal.ts';

async function scene() {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', 'work');
  return { ann, repo };
}

const FAST = ['list', '--watch', '--interval', '0.2'];

describe('C7: git session list --watch', () => {
  test('it draws anew in place, hides the cursor, and gives the screen back at Ctrl-C, with 130', async () => {
    const { ann, repo } = await scene();
    const t = terminal(ann, repo, ...FAST);
    await t.waitForScreen(/^ {2}CONTEXT +IDENTIFIER +STATUS .*\n {2}session +work +running/mu);
    expect(t.cursor().visible).toBe(false);
    await ann.ok(repo, 'run', '--id', 'tests', '--', 'sleep', '4321');
    await t.waitForScreen(/^ {2}run +tests +running/mu);
    expect(t.screen()[0]).toMatch(/^ {2}Every 0\.2s, q ends it +\d\d:\d\d:\d\d$/u);
    t.type('\x03');
    expect(await t.ended).toBe(130);
    await waitFor(() => t.cursor().visible, 'the cursor');
    await waitFor(() => t.text().includes('\x1b[?1049l'), 'the screen to be given back');
    // Nothing is cleared between two frames.
    const frames = t.text().split('\x1b[H').slice(2, -1);
    expect(frames.length).toBeGreaterThan(1);
    for (const frame of frames) expect(frame).not.toContain('\x1b[2J');
  });

  test('q ends it with 0, and it leaves the terminal as it was', async () => {
    const { ann, repo } = await scene();
    const t = shellTerminal(ann, repo, '/bin/sh', [
      '-c',
      `stty -a >before; "$0" "$@"; stty -a >after; cmp before after && echo same`,
      PROGRAM,
      ...FAST,
    ]);
    await t.waitForScreen(/work +running/u);
    t.type('q');
    expect(await t.ended).toBe(0);
    await t.waitForScreen(/^same$/mu);
    expect(t.screen().join('\n')).not.toContain('CONTEXT');
  });

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('%s ends it, and the screen is given back', async (signal, code) => {
    const { ann, repo } = await scene();
    const t = terminal(ann, repo, ...FAST);
    await t.waitForScreen(/work +running/u);
    process.kill(t.pid, signal);
    expect(await t.ended).toBe(code);
    await waitFor(
      () => t.text().includes('\x1b[?1049l') && t.cursor().visible,
      'the screen to be given back',
    );
  });

  test('rows are cut to the screen, also when its size changes', async () => {
    const { ann, repo } = await scene();
    for (const i of [1, 2, 3, 4]) await ann.ok(repo, 'create', `other-${i}`);
    const size = { columns: 44, rows: 5 };
    const t = shellTerminal(ann, repo, PROGRAM, ['list', '--watch', '--interval', '86400'], { size });
    await t.waitForScreen(/and 3 more/u);
    expect(t.screen()[0]).toMatch(/^ {2}Every 86400s/u);
    t.resize(100, 20);
    await t.waitForScreen(/^ {2}session +work +running/mu);
    expect(t.screen().filter((line) => line.includes('running'))).toHaveLength(5);
    t.resize(30, 3);
    await t.waitForScreen(/and 5 more/u);
    t.type('q');
    expect(await t.ended).toBe(0);
  });

  test('it goes on without tmux, and says so', async () => {
    const { ann, repo } = await scene();
    const t = terminal(ann, repo, ...FAST);
    await t.waitForScreen(/work +running/u);
    await ann.killServer();
    await t.waitForScreen(/no tmux server runs.*\n[^]*work +terminated/u);
    t.type('q');
    expect(await t.ended).toBe(0);
  });

  test('a tmux that does not answer keeps nobody who has seen enough', async () => {
    const { ann, repo } = await scene();
    const t = terminal(ann, repo, ...FAST);
    await t.waitForScreen(/work +running/u);
    const asked = `${ann.dir}/asked`;
    const script = `echo $$ >${asked}.tmp; mv ${asked}.tmp ${asked}; exec sleep 300`;
    await ann.git(repo, 'config', 'session.tmuxCommand', `sh -c '${script}'`);
    await waitFor(() => existsSync(asked), 'tmux to be asked');
    const pid = Number(readFileSync(asked, 'utf8'));
    onTestFinished(() => {
      process.kill(pid, 'SIGKILL');
    });
    t.type('q');
    expect(await t.ended).toBe(0);
  });

  test('an error ends it, behind the screen that was there before', async () => {
    const { ann, repo } = await scene();
    const t = terminal(ann, repo, ...FAST);
    await t.waitForScreen(/work +running/u);
    await ann.run('mv', ['.git', 'gone'], { cwd: repo });
    expect(await t.ended).toBe(128);
    await t.waitForScreen(/^fatal: not a git repository/mu);
    await waitFor(() => t.cursor().visible, 'the cursor');
    await ann.run('mv', ['gone', '.git'], { cwd: repo });
  });

  test('Ctrl-Z gives the terminal to the shell, and fg brings it back', async () => {
    const { ann, repo } = await scene();
    const t = shellTerminal(ann, repo, '/bin/bash', ['--norc', '-i'], { env: { PS1: 'ready> ' } });
    await t.waitForScreen(/ready>/u);
    t.type(`${PROGRAM} ${FAST.join(' ')}\r`);
    await t.waitForScreen(/work +running/u);
    t.type('\x1a');
    await t.waitForScreen(/Stopped/u);
    expect(t.screen().join('\n')).not.toContain('CONTEXT');
    await waitFor(() => t.cursor().visible, 'the cursor');
    t.type('fg\r');
    await t.waitForScreen(/CONTEXT[^]*work +running/u);
    t.type('q');
    await t.waitForScreen(/Stopped[^]*ready>/u);
    t.type('exit\r');
    expect(await t.ended).toBe(0);
  });

  test('without a terminal it is refused, with another way', async () => {
    const { ann, repo } = await scene();
    const result = await ann.gs(repo, 'list', '--watch');
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain('git session list --json');
    expect((await ann.gs(repo, 'list', '--interval', '3')).code).toBe(129);
    expect((await ann.gs(repo, 'list', '--watch', '--json')).code).toBe(129);
  });
});
