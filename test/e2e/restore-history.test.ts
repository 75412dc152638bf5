import { expect, test } from 'vitest';
import { type Person, person } from '../support/harness.ts';

const limits = async (ann: Person, session: string): Promise<string[]> =>
  (await ann.tmux('list-panes', '-s', '-t', `=${session}:`, '-F', '#{history_limit}')).split('\n');

/** A session of two windows with three panes, one with a program, as a snapshot without a live session. */
async function saved(ann: Person): Promise<string> {
  const repo = await ann.repo();
  // Keeps the server, and with it the options that a test has set.
  await ann.tmux('new-session', '-d', '-s', 'stays');
  await ann.tmux('new-session', '-d', '-s', 'work', '-x', '100', '-y', '30', '-c', repo);
  await ann.tmux('split-window', '-t', '=work:', '-c', repo, 'exec sleep 1000');
  await ann.tmux('new-window', '-d', '-t', '=work:', '-c', repo);
  await ann.waitForCommand('=work:', 'sleep');
  await ann.ok(repo, 'save', '-t', 'work');
  await ann.tmux('kill-session', '-t', '=work');
  return repo;
}

test('N5 each pane of a restored session keeps session.historyLimit lines, and so do later ones', async () => {
  const ann = person();
  const repo = await saved(ann);
  await ann.ok(repo, 'restore', '--run', 'work');
  expect(await limits(ann, 'work')).toEqual(['50000', '50000', '50000']);
  await ann.tmux('new-window', '-d', '-t', '=work:');
  expect(await limits(ann, 'work')).toEqual(['50000', '50000', '50000', '50000']);
  expect(await limits(ann, 'stays')).toEqual(['2000']);
});

test("N5 a larger limit of tmux's own counts where session.historyLimit is not set, and else it does not", async () => {
  const ann = person();
  const repo = await saved(ann);
  await ann.tmux('set-option', '-g', 'history-limit', '123456');
  await ann.ok(repo, 'restore', '--run', 'work');
  expect(await limits(ann, 'work')).toEqual(['123456', '123456', '123456']);
  await ann.git(repo, 'config', 'session.historyLimit', '700');
  await ann.ok(repo, 'restore', '--run', '--as', 'few', 'work');
  expect(await limits(ann, 'few')).toEqual(['700', '700', '700']);
});

test('N5 a limit that is none is said before anything is made', async () => {
  const ann = person();
  const repo = await saved(ann);
  await ann.git(repo, 'config', 'session.historyLimit', 'many');
  const result = await ann.gs(repo, 'restore', '--run', 'work');
  expect([result.code, result.stderr]).toEqual([
    128,
    expect.stringContaining('session.historyLimit is not a number'),
  ]);
  expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('stays');
});
