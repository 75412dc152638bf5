import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person, PROGRAM, waitFor } from '../support/harness.ts';
import { shellTerminal, type Terminal } from '../support/terminal.ts';

/** As small as the pane of a run that nobody looks at: each row that is lost shows. */
const onTerminal = (ann: Person, repo: string, ...args: string[]): Terminal =>
  shellTerminal(ann, repo, PROGRAM, args, { size: { columns: 80, rows: 24 } });

async function dead(ann: Person, name: string): Promise<void> {
  const format = '#{pane_dead}#{pane-border-status}';
  await waitFor(
    async () => (await ann.tmux('display-message', '-p', '-t', `=${name}:`, format)) === '1bottom',
    'the end of the command and of its script',
  );
}

/** The rows above the line that tells of the end, without the empty ones behind the output. */
function output(screen: Terminal): string[] {
  const rows = screen.screen();
  const end = rows.findIndex((row) => row.includes('Ended with exit code'));
  return rows.slice(0, end).join('\n').trimEnd().split('\n');
}

describe('a run on the screen', () => {
  test('C16 attaching to one that has ended shows its output, and how it ended', async () => {
    const ann = person();
    const repo = await ann.repo();
    const name = (await ann.ok(repo, 'run', '--id', 'err', 'echo error: cannot find module; exit 3')).trim();
    await dead(ann, name);
    const screen = onTerminal(ann, repo, 'attach', 'err');
    await screen.waitForScreen(/Ended with exit code 3, \w{3} \w{3} /u);
    await screen.waitForScreen(/\[gs-run-/u);
    expect(output(screen)).toEqual(['error: cannot find module']);
    expect(await ann.ok(repo, 'history', 'err')).toBe('error: cannot find module\n');
  });

  test('C16 what a run with --attach has printed stays on the screen at its end', async () => {
    const ann = person();
    const repo = await ann.repo();
    const line = 'echo one; until [ -e go ]; do sleep 0.05; done; echo two';
    const screen = onTerminal(ann, repo, 'run', '--attach', '--id', 'slow', line);
    await screen.waitForScreen(/^one$/mu);
    await screen.waitForScreen(/\[gs-run-/u);
    await ann.run('touch', ['go'], { cwd: repo });
    await screen.waitForScreen(/Ended with exit code 0/u);
    await waitFor(() => output(screen).join() === 'one,two', 'both lines');
  });

  test('C16 borders that a user has chosen stay, and a pane that runs again has its title', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'mine');
    await ann.tmux('set-option', '-gw', 'pane-border-status', 'top');
    const name = (await ann.ok(repo, 'run', '--id', 'err', 'echo x; exit 3')).trim();
    const format = (text: string) => ann.tmux('display-message', '-p', '-t', `=${name}:`, text);
    await waitFor(async () => (await format('#{E:pane-border-format}')).includes('exit code 3'), 'the end');
    expect(await format('#{pane-border-status}')).toBe('top');
    await ann.tmux('respawn-pane', '-t', `=${name}:`, 'exec sleep 1000');
    await ann.tmux('select-pane', '-t', `=${name}:`, '-T', 'again');
    expect(await format('#{E:pane-border-format}')).toBe('again');
  });

  test('C16 the last line of a command stays its own, also where it says what tmux would', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'stays');
    const name = (await ann.ok(repo, 'run', '--id', 'odd', 'echo one; echo Pane is dead; exit 3')).trim();
    await dead(ann, name);
    expect(await ann.ok(repo, 'history', 'odd')).toBe('one\nPane is dead\n');
    await ann.ok(repo, 'kill', 'odd');
    expect(await ann.ok(repo, 'history', 'odd')).toBe('one\nPane is dead\n');
  });

  test('C16 the window of a run is called after its program, and a restore keeps that', async () => {
    const ann = person();
    const repo = await ann.repo();
    const cases: [string, string[]][] = [
      ['sleep', ['/bin/sleep', '1000']],
      ['sleep', ['A=1 B= /bin/sleep 1000; echo']],
      ['job_touch x', [path.join('bin', '#(job_touch x)'), '1000']],
      ['sleep', ['( sleep 1000; echo )']],
      ['odd', ['--id', 'odd', '[ -e file.txt ] && sleep 1000']],
    ];
    await ann.run('mkdir', ['bin'], { cwd: repo });
    await ann.run('ln', ['-s', '/bin/sleep', 'bin/#(job_touch x)'], { cwd: repo });
    for (const [window, args] of cases) {
      const name = (await ann.ok(repo, 'run', ...args)).trim();
      const format = ['display-message', '-p', '-t', `=${name}:`, '#{window_name} #{automatic-rename}'];
      expect([args, await ann.tmux(...format)]).toEqual([args, `${window} 0`]);
    }
    expect(existsSync(path.join(repo, 'x'))).toBe(false);
    const shell = JSON.parse(await ann.ok(repo, 'create', '--json', 'work')) as { name: string };
    expect(await ann.tmux('display-message', '-p', '-t', '=work:', '#{automatic-rename}')).toBe('1');
    expect(shell.name).toBe('work');
  });

  test('C16 the name of its window is saved and restored', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'stays');
    const name = (await ann.ok(repo, 'run', '--', 'sleep', '1000')).trim();
    await ann.ok(repo, 'save', '-t', name);
    await ann.ok(repo, 'kill', '--force', name);
    await ann.ok(repo, 'restore', '--run', name);
    const format = ['display-message', '-p', '-t', `=${name}:`, '#{window_name} #{automatic-rename}'];
    expect(await ann.tmux(...format)).toBe('sleep 0');
  });
});
