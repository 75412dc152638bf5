import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Person, person, waitFor } from '../support/harness.ts';

/** Sessions of `cat`, which writes all that it reads into a file. */
async function cats(ann: Person, ...names: string[]): Promise<string> {
  const repo = await ann.repo();
  for (const name of names) {
    await ann.tmux(
      'new-session',
      '-d',
      '-s',
      name,
      '-c',
      repo,
      `stty -echo; printf ready; cat >'${repo}/${name}.out'`,
    );
    await waitFor(async () => (await ann.screen(`=${name}:`)).includes('ready'), 'cat to read');
  }
  return repo;
}

const got = (repo: string, name: string) => readFileSync(path.join(repo, `${name}.out`), 'utf8');

test('send types exactly the text, and Enter, into this session and not its neighbor', async () => {
  const ann = person();
  const repo = await cats(ann, 'auth', 'auth-2');
  const text = String.raw`a  "b" 'c' $HOME #{pid} #(id) ; \; ~ %1 é 漢 Enter C-c`;
  expect((await ann.gs(repo, 'send', 'auth', text)).stderr).toMatch(/^Sent to auth \(%\d+\)\n$/u);
  await ann.ok(repo, 'send', '--', 'auth', '-l', '--x');
  await ann.ok(repo, 'send', 'auth', '--no-enter', 'half ');
  await ann.ok(repo, 'send', '-l', 'auth', 'line;');
  await waitFor(() => got(repo, 'auth').endsWith('line;\n'), 'all lines');
  expect(got(repo, 'auth')).toBe(`${text}\n-l --x\nhalf line;\n`);
  expect(got(repo, 'auth-2')).toBe('');
  const several = await ann.gs(repo, 'send', '--json', 'uth', 'x');
  expect([several.code, JSON.parse(several.stdout).error.code]).toEqual([1, 'ambiguous']);
});

test('send --keys presses keys, and takes nothing else', async () => {
  const ann = person();
  const repo = await cats(ann, 'auth');
  for (const args of [
    ['--keys', 'auth', 'Entr'],
    ['auth', 'a\nb'],
    ['auth', '\u001b[A'],
    ['--paste', 'auth', '\u001b[201~x'],
    ['auth'],
  ]) {
    expect([args, (await ann.gs(repo, 'send', ...args)).code]).toEqual([args, 129]);
  }
  await ann.ok(repo, 'send', '--keys', 'auth', 'a', ';', 'Space', 'b', 'Enter', 'C-d');
  await waitFor(async () => !(await ann.tmuxAlive()), 'cat to end');
  expect(got(repo, 'auth')).toBe('a; b\n');
});

test('send --paste brings lines as one piece, from stdin too', async () => {
  const ann = person();
  const repo = await cats(ann, 'auth');
  await ann.ok(repo, 'send', '--paste', 'auth', 'one\n\ttwo');
  const piped = await ann.gsWith(
    { cwd: repo, input: 'three\nfour\n' },
    'send',
    '--paste',
    '--no-enter',
    'auth',
  );
  expect(piped.code).toBe(0);
  await waitFor(() => got(repo, 'auth').endsWith('four\n'), 'all lines');
  expect(got(repo, 'auth')).toBe('one\n\ttwo\nthree\nfour\n');
  expect(await ann.tmux('list-buffers')).toBe('');
  // A program that knows of pastes is told that it is one.
  await ann.tmux(
    'new-session',
    '-d',
    '-s',
    'aware',
    `stty raw -echo; printf '\\033[?2004hready'; cat >'${repo}/aware.out'`,
  );
  await waitFor(async () => (await ann.screen('=aware:')).includes('ready'), 'cat to read');
  await ann.ok(repo, 'send', '--paste', 'aware', 'x\ny');
  await waitFor(() => got(repo, 'aware').endsWith('~\r'), 'the paste');
  expect(got(repo, 'aware')).toBe('\u001b[200~x\ry\u001b[201~\r');
});

test('send leaves copy mode first, refuses a dead pane, and finds the pane that is named', async () => {
  const ann = person();
  const repo = await cats(ann, 'auth');
  const first = await ann.tmux('display-message', '-p', '-t', '=auth:', '#{pane_id}');
  await ann.tmux('set-option', '-w', '-t', '=auth:', 'remain-on-exit', 'on');
  await ann.tmux('copy-mode', '-t', '=auth:');
  await ann.ok(repo, 'send', 'auth', 'q');
  await waitFor(() => got(repo, 'auth') === 'q\n', 'the text');
  expect(await ann.tmux('display-message', '-p', '-t', first, '#{pane_in_mode}')).toBe('0');
  await ann.tmux('split-window', '-t', '=auth:', 'exit 0');
  await waitFor(
    async () => (await ann.tmux('display-message', '-p', '-t', '=auth:', '#{pane_dead}')) === '1',
    'its end',
  );
  const dead = await ann.gs(repo, 'send', '--json', 'auth', 'x');
  expect([dead.code, JSON.parse(dead.stdout).error.code]).toEqual([1, 'not-running']);
  await ann.ok(repo, 'send', '--pane', first, 'auth', 'by id');
  await ann.ok(repo, 'send', '--pane=0.0', 'auth', 'by place');
  await ann.ok(repo, 'pane', 'send', 'auth', '0.0', 'by pane');
  await waitFor(() => got(repo, 'auth').endsWith('by pane\n'), 'the lines');
  expect(got(repo, 'auth')).toBe('q\nby id\nby place\nby pane\n');
  expect((await ann.gs(repo, 'send', '--pane=0.7', 'auth', 'x')).code).toBe(1);
});
