import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { forge, plainSnapshot, plainWindow, typedPane } from '../support/forge.ts';
import { type Person, person, waitFor } from '../support/harness.ts';
import { type Terminal, terminal } from '../support/terminal.ts';

/** A snapshot from somebody else, with one command to start. */
async function foreign(ann: Person): Promise<string> {
  const repo = await ann.repo();
  const head = await ann.git(repo, 'rev-parse', 'HEAD');
  const window = plainWindow({ panes: [typedPane(['sleep', '4711'])] });
  const snapshot = plainSnapshot(head);
  snapshot.tmux.windows = [window];
  await forge(ann, repo, snapshot);
  return repo;
}

async function asked(ann: Person, repo: string): Promise<Terminal> {
  const t = terminal(ann, repo, 'restore', 'forged');
  await waitFor(() => t.text().includes('Start them?'), 'the question');
  return t;
}

const approvals = (ann: Person) => path.join(ann.home, '.local/state/git-session/approvals');

describe('the question before commands of a stranger start', () => {
  test('shows who, where and what, and starts them after yes', async () => {
    const ann = person();
    const repo = await foreign(ann);
    const t = await asked(ann, repo);
    expect(t.text()).toContain('Mallory <mallory@example.org> on elsewhere');
    expect(t.text()).toMatch(/0\.0 {2}\S*repo {2}\$ sleep 4711/u);
    t.type('yes\r');
    expect(await t.ended).toBe(0);
    await ann.waitForCommand('=forged:', 'sleep');
    expect(existsSync(approvals(ann))).toBe(false);
  });

  test.each(['n\r', '\r', 'no\r'])('%j restores the panes without commands and exits 1', async (answer) => {
    const ann = person();
    const repo = await foreign(ann);
    const t = await asked(ann, repo);
    t.type(answer);
    expect(await t.ended).toBe(1);
    expect(await ann.tmux('display-message', '-p', '-t', '=forged:', '#{pane_current_command}')).toBe('bash');
  });

  test('anything else asks again', async () => {
    const ann = person();
    const repo = await foreign(ann);
    const t = await asked(ann, repo);
    t.type('maybe\r');
    await waitFor(() => t.text().split('Start them?').length === 3, 'the second question');
    t.type('y\r');
    expect(await t.ended).toBe(0);
  });

  test('always is remembered for this snapshot, and for no other', async () => {
    const ann = person();
    const repo = await foreign(ann);
    const t = await asked(ann, repo);
    t.type('a\r');
    expect(await t.ended).toBe(0);
    expect(readdirSync(approvals(ann))).toHaveLength(1);
    const again = await ann.gs(repo, 'restore', 'forged', '--as', 'second');
    expect(again.stderr).not.toContain('not started');
    expect(again.code).toBe(0);
    const other = plainSnapshot(await ann.git(repo, 'rev-parse', 'HEAD'));
    other.tmux.windows = [plainWindow({ panes: [typedPane(['sleep', '4712'])] })];
    await forge(ann, repo, other, { time: '20261121T090000000Z' });
    expect((await ann.gs(repo, 'restore', 'forged', '--as', 'third')).code).toBe(1);
  });

  test('Ctrl-C starts nothing and leaves nothing', async () => {
    const ann = person();
    const repo = await foreign(ann);
    const t = await asked(ann, repo);
    t.type('\x03');
    expect(await t.ended).not.toBe(0);
    expect(await ann.tmuxAlive()).toBe(false);
  });

  test('E10 without a terminal there is no question, no command, and no way around by the environment', async () => {
    const ann = person();
    const repo = await foreign(ann);
    const result = await ann.gsWith(
      { cwd: repo, env: { CI: 'true', GIT_SESSION_RUN: '1' } },
      'restore',
      'forged',
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /not started[^\n]*\nhint: see what they are: git session show[^\n]*\nhint: [^\n]*--run/u,
    );
    expect(await ann.tmux('display-message', '-p', '-t', '=forged:', '#{pane_current_command}')).toBe('bash');
    const run = await ann.gs(repo, 'restore', 'forged', '--run', '--as', 'second');
    expect(run.code).toBe(0);
    await ann.waitForCommand('=second:', 'sleep');
  });

  test('--no-run asks nothing and is no failure', async () => {
    const ann = person();
    const repo = await foreign(ann);
    expect((await ann.gs(repo, 'restore', 'forged', '--no-run')).code).toBe(0);
  });
});
