import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Person, person, waitFor } from '../support/harness.ts';
import { shellTerminal } from '../support/terminal.ts';

/** The value that the manual gives for `status-right`. */
function documented(): string {
  const manual = readFileSync(path.resolve(import.meta.dirname, '../../docs/git-session.1.md'), 'utf8');
  return /^ {4}set -g status-right '(.*)'$/mu.exec(manual)![1]!;
}

const options = async (ann: Person, name: string) =>
  (await ann.tmux('show-options', '-t', `=${name}:`))
    .split('\n')
    .filter((line) => line.startsWith('@'))
    .toSorted();

const shown = async (ann: Person, name: string) =>
  (await ann.tmux('display-message', '-p', '-t', `=${name}:`, documented())).replace(/\d\d:\d\d$/u, '');

test('R9 the documented status line tells session, CRQs and state, and nothing in sessions of others', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.tmux('new-session', '-d', '-s', 'work', '-x', '120', '-y', '39', '-c', repo);
  await ann.tmux('new-session', '-d', '-s', 'theirs', '-c', repo);
  expect(documented()).not.toContain('#(');
  expect(await shown(ann, 'work')).toBe('');
  await ann.ok(repo, 'save', '-t', 'work', 'feature/login');
  expect(await shown(ann, 'work')).toBe('feature/login running ');
  await ann.ok(repo, 'save', '-t', 'work', '--crq', 'CRQ-42', '--crq', 'CRQ-7');
  expect(await shown(ann, 'work')).toBe('work CRQ-42 CRQ-7 running ');
  expect(await shown(ann, 'theirs')).toBe('');
  const before = await options(ann, 'work');
  expect(before.map((line) => line.split(' ')[0])).toEqual([
    ...['@crq', '@git-session-id', '@git-session-name', '@git-session-state'],
  ]);

  await ann.killServer();
  await ann.ok(repo, 'restore', 'work');
  expect(await shown(ann, 'work')).toBe('work CRQ-42 CRQ-7 running ');
  expect(await options(ann, 'work')).toEqual(expect.arrayContaining(before));
  await ann.ok(repo, 'rename', 'work', 'done');
  expect(await shown(ann, 'done')).toBe('done CRQ-42 CRQ-7 running ');
  await ann.ok(repo, 'restore', 'done', '--as', 'copy', '--no-git');
  expect(await shown(ann, 'copy')).toBe('copy CRQ-42 CRQ-7 running ');
});

test('it is there on a terminal, without a process for it', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.tmux('new-session', '-d', '-s', 'work', '-x', '120', '-y', '39', '-c', repo);
  await ann.ok(repo, 'save', '--crq', 'CRQ-42');
  await ann.tmux('set-option', '-g', 'status-right', documented());
  const screen = shellTerminal(ann, repo, 'tmux', ['-S', ann.socket, 'attach-session', '-t', '=work']);
  await screen.waitForScreen(/work CRQ-42 running \d\d:\d\d/u);
});

test('values are no format, also where a user has tmux read them once more', async () => {
  const ann = person();
  const repo = await ann.repo();
  const names = ['#(touch pwned)', '#{pid}', 'a,b}', '#[fg=red]x', '%H'];
  for (const name of names) {
    const id = await ann.tmux('new-session', '-d', '-P', '-F', '#{session_id}', '-c', repo);
    await ann.tmux('rename-session', '-t', id, '--', name.replace(/#/gu, '##'));
  }
  await ann.ok(repo, 'save', '--all');
  for (const id of (await ann.tmux('list-sessions', '-F', '#{session_id}')).split('\n')) {
    const twice = '#{E:@git-session-name}|#{T:@git-session-name}|#{@git-session-name}';
    const [e, t, plain] = (await ann.tmux('display-message', '-p', '-t', `${id}:`, twice)).split('|');
    expect(plain).toMatch(/^[A-Za-z0-9._-]+$/u);
    expect([e, t]).toEqual([plain, plain]);
  }
});

test('a save of what is marked already sets nothing', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo);
  await ann.ok(repo, 'save', '--crq', 'CRQ-42');
  // A run that has ended says so itself, and a save leaves that.
  await ann.tmux('set-option', '-t', '=work:', '@git-session-state', 'completed');
  await ann.tmux('set-hook', '-g', 'after-set-option', 'set-environment -g SEEN yes');
  await ann.ok(repo, 'save');
  const seen = await ann.tmux('show-environment', '-g');
  expect(seen).not.toContain('SEEN');
  await ann.ok(repo, 'save', '--crq', 'CRQ-43');
  await waitFor(async () => (await ann.tmux('show-environment', '-g')).includes('SEEN=yes'), 'the mark');
  expect(await options(ann, 'work')).toEqual(
    expect.arrayContaining(['@crq "CRQ-43 CRQ-42"', '@git-session-state completed']),
  );
});
