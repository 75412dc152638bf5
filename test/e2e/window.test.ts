import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Person, person, PROGRAM, waitFor } from '../support/harness.ts';

const create = async (ann: Person, repo: string, name: string) =>
  JSON.parse(await ann.ok(repo, 'create', '--json', name)) as { id: string };

const windows = async (ann: Person, name: string) =>
  (
    await ann.tmux('list-windows', '-t', `=${name}:`, '-F', '#{window_index} #{window_name} #{window_panes}')
  ).split('\n');

test('M7 windows are made, listed, renamed, selected and closed; the neighbor stays as it is', async () => {
  const ann = person();
  const repo = await ann.repo();
  mkdirSync(path.join(repo, 'sub'));
  await create(ann, repo, 'auth');
  await create(ann, repo, 'auth-2');
  const neighbor = await windows(ann, 'auth-2');
  const made = JSON.parse(await ann.ok(repo, 'window', 'new', '--json', '-n', '#(touch pwned)#S', 'auth'));
  expect(made).toMatchObject({ ok: true, session: 'auth', window: expect.stringMatching(/^@\d+$/u) });
  const at = (target: string, format: string) => ann.tmux('display-message', '-p', '-t', target, format);
  expect(await at(made.window, '#{pane_start_path}')).toBe(repo);
  await ann.ok(repo, 'window', 'new', '-d', '-c', 'sub', '-n', 'logs', '-s', 'auth', '--', 'sleep', '1000');
  await ann.waitForCommand('=auth:logs', 'sleep');
  expect(await at('=auth:logs', '#{pane_start_path}')).toBe(path.join(repo, 'sub'));
  expect(await at('=auth:', '#{window_id}')).toBe(made.window);
  const { windows: rows } = JSON.parse(await ann.ok(repo, 'window', 'list', '--json', 'auth'));
  expect(rows).toMatchObject([
    { index: 0, active: false },
    { index: 1, name: '#(touch pwned)#S', active: true },
    { index: 2, name: 'logs', active: false },
  ]);
  expect((await ann.ok(repo, 'window', 'list', 'auth')).split('\n')[1]).toContain(
    '1*  #(touch pwned)#S  1 pane',
  );
  await ann.ok(repo, 'window', 'rename', 'auth', made.window, 'shell #{pid}');
  await ann.ok(repo, 'window', 'select', 'auth', '0');
  expect(await at('=auth:', '#{window_index}')).toBe('0');
  await ann.ok(repo, 'window', 'close', 'auth', 'logs');
  expect((await windows(ann, 'auth')).slice(1)).toEqual(['1 shell #{pid} 1']);
  expect(await windows(ann, 'auth-2')).toEqual(neighbor);
  expect(existsSync(path.join(repo, 'pwned'))).toBe(false);
  const gone = await ann.gs(repo, 'window', 'close', '--json', 'auth', 'log');
  expect([gone.code, JSON.parse(gone.stdout).error.code]).toEqual([1, 'not-found']);
  expect((await ann.gs(repo, 'window', 'new', '-c', 'nowhere', 'auth')).code).toBe(128);
  for (const args of [['fly'], ['close'], ['list'], ['rename', 'auth', '0']]) {
    expect([args, (await ann.gs(repo, 'window', ...args)).code]).toEqual([args, 129]);
  }
});

test('M7 the last window, and the last pane, are not closed by accident', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { id } = await create(ann, repo, 'auth');
  await create(ann, repo, 'auth-2');
  for (const args of [
    ['window', 'close', 'auth', '0'],
    ['pane', 'close', 'auth', '0.0'],
  ]) {
    const result = await ann.gs(repo, ...args, '--json');
    expect([args, result.code, JSON.parse(result.stdout).error.code]).toEqual([args, 1, 'last-window']);
  }
  await ann.ok(repo, 'window', 'close', '--force', 'auth', '0');
  expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('auth-2');
  expect(existsSync(path.join(repo, '.git/git-session/live', id, 'ended.json'))).toBe(true);
});

test('M7 panes are split both ways, listed, focused and closed', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'auth');
  const pane = async (...args: string[]) => JSON.parse(await ann.ok(repo, 'pane', '--json', ...args));
  const { pane: right } = await pane('split', '-h', 'auth');
  const { pane: below } = await pane('split', '-v', '-d', '--pane=0.0', '-s', 'auth', '--', 'sleep', '1000');
  const { panes } = await pane('list', 'auth');
  expect(panes).toMatchObject([{ active: false }, { id: below, active: false }, { id: right, active: true }]);
  const place = (id: string) => ann.tmux('display-message', '-p', '-t', id, '#{pane_left} #{pane_top}');
  expect(await place(right)).toMatch(/^[1-9]\d* 0$/u);
  expect(await place(below)).toMatch(/^0 [1-9]\d*$/u);
  await pane('focus', 'auth', below);
  expect(await ann.tmux('display-message', '-p', '-t', '=auth:', '#{pane_id}')).toBe(below);
  await ann.tmux('resize-pane', '-Z', '-t', below);
  await pane('close', 'auth', '0.1');
  expect((await pane('list', 'auth')).panes).toHaveLength(2);
  expect((await ann.ok(repo, 'pane', 'list', 'auth')).split('\n')).toHaveLength(3);
  expect((await ann.gs(repo, 'pane', 'split', '-h', '-v', 'auth')).code).toBe(129);
  expect(await ann.ok(repo, 'pane', '-h')).toContain('usage: git session pane list');
});

test('M7 inside tmux the session is the one that one is in', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'auth');
  await create(ann, repo, 'auth-2');
  await ann.tmux('send-keys', '-t', '=auth-2:', `${PROGRAM} window new -n here`, 'Enter');
  await waitFor(async () => (await windows(ann, 'auth-2')).length === 2, 'the window');
  expect((await windows(ann, 'auth-2'))[1]).toBe('1 here 1');
  expect(await windows(ann, 'auth')).toHaveLength(1);
});

test('M7 options behind the command of a new window or pane are its own', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'auth');
  const script = 'printf "%s\\n" "$@" >"$0.tmp"; mv "$0.tmp" "$0"; exec sleep 1000';
  const options = ['-f', 'a.txt', '-d', '-h', '--json', '--no-such', '-n5', '-s', 'x', '--', '-c', 'new'];
  const ways = [
    ['window', 'new', '-n', 'logs', 'auth'],
    ['window', '-n', 'split', 'new', '-d', '-s', 'auth'],
    ['window', 'new', '--session=auth'],
    ['window', 'new', '-sauth', '--'],
    ['pane', 'split', '-h', 'auth'],
    ['pane', 'split', 'auth', '-d'],
    ['pane', '-h', 'split', '-s', 'auth', '--'],
  ];
  for (const [i, way] of ways.entries()) {
    const file = path.join(repo, `got${i}`);
    await ann.ok(repo, ...way, 'sh', '-c', script, file, ...options);
    await waitFor(() => existsSync(file), `the command of ${way.join(' ')}`);
    expect([way, readFileSync(file, 'utf8').trimEnd().split('\n')]).toEqual([way, options]);
    if (way[0] === 'pane') await ann.ok(repo, 'window', 'new', 'auth');
  }
  expect((await ann.ok(repo, 'window', 'new', '-h')).startsWith('usage: ')).toBe(true);
});

test('M7 nothing is opened elsewhere where the directory of the session is gone', async () => {
  const ann = person();
  const repo = await ann.repo();
  const place = path.join(repo, 'gone');
  mkdirSync(place);
  await ann.ok(repo, 'create', '-c', place, 'auth');
  const before = await windows(ann, 'auth');
  rmSync(place, { recursive: true });
  for (const args of [
    ['window', 'new'],
    ['pane', 'split'],
  ]) {
    const { code, stderr } = await ann.gs(repo, ...args, 'auth');
    expect([args, code]).toEqual([args, 128]);
    expect(stderr).toContain(`'${place}' is not a directory`);
    expect(stderr).toContain('-c <directory>');
    expect(await windows(ann, 'auth')).toEqual(before);
  }
  await ann.ok(repo, 'pane', 'split', '-c', repo, 'auth');
});
