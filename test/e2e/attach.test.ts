import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Person, person, processExists, PROGRAM, waitFor } from '../support/harness.ts';
import { shellTerminal, terminal } from '../support/terminal.ts';

const create = async (ann: Person, repo: string, name: string) =>
  JSON.parse(await ann.ok(repo, 'create', '--json', name)) as { id: string; pid: number };

/** The terminals, each with the session that it shows; none as long as no server runs. */
async function clients(ann: Person): Promise<string[]> {
  const asked = ann.tmux('list-clients', '-F', '#{session_name} #{client_readonly}');
  return (await asked.catch(() => '')).split('\n').filter(Boolean);
}

const shows = (ann: Person, ...expected: string[]) =>
  waitFor(
    async () => (await clients(ann)).join() === expected.join(),
    `the terminals to show ${expected.join()}`,
  );

async function three(): Promise<{ ann: Person; repo: string }> {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'config', 'session.picker', 'builtin');
  for (const name of ['auth-impl', 'auth-impl-2', 'web']) await create(ann, repo, name);
  return { ann, repo };
}

test('C10 C11 attach by a part of the name; the exact name wins over one that begins with it', async () => {
  const { ann, repo } = await three();
  terminal(ann, repo, 'attach', 'auth-impl');
  await shows(ann, 'auth-impl 0');
  const second = terminal(ann, repo, 'attach', '--read-only', 'we');
  await waitFor(async () => (await clients(ann)).includes('web 1'), 'the second terminal');
  expect(JSON.parse(await ann.ok(repo, 'detach', '--json', 'web')).detached).toHaveLength(1);
  expect(await second.ended).toBe(0);
  await shows(ann, 'auth-impl 0');
});

test('C12 C13 C14 several matches, no argument, and -i ask with a list', async () => {
  const { ann, repo } = await three();
  const several = terminal(ann, repo, 'attach', 'impl');
  await several.waitForScreen(/auth-impl-2/u);
  expect(several.screen().join('\n')).not.toContain('web');
  several.type('-2\r');
  await shows(ann, 'auth-impl-2 0');
  await ann.ok(repo, 'detach', 'auth-impl-2');
  expect(await several.ended).toBe(0);
  const all = terminal(ann, repo, 'attach');
  await all.waitForScreen(/auth-impl[^]*web/u);
  all.type('web\r');
  await shows(ann, 'web 0');
  await ann.ok(repo, 'detach', 'web');
  await all.ended;
  const forced = terminal(ann, repo, 'attach', '-i', 'web');
  await forced.waitForScreen(/web/u);
  expect(await clients(ann)).toEqual([]);
  forced.type('\u001b');
  expect(await forced.ended).toBe(1);
  const stopped = terminal(ann, repo, 'attach', 'impl');
  await stopped.waitForScreen(/auth-impl-2/u);
  stopped.type('\u0003');
  expect(await stopped.ended).toBe(130);
});

test('C12 without a terminal nothing is made, and nobody is asked', async () => {
  const { ann, repo } = await three();
  for (const args of [['auth-impl'], ['impl'], ['new-one'], [], ['host:name']]) {
    const result = await ann.gs(repo, 'attach', '--json', ...args);
    const expected = args[0] === 'host:name' ? [129, 'usage'] : [1, 'no-terminal'];
    expect([args, result.code, JSON.parse(result.stdout).error.code]).toEqual([args, ...expected]);
  }
  expect((await ann.gs(repo, 'attach', 'host:name')).code).toBe(1);
  expect((await ann.tmux('list-sessions', '-F', '#{session_name}')).split('\n')).toHaveLength(3);
});

test('C15 inside tmux this terminal is switched, and no other', async () => {
  const { ann, repo } = await three();
  terminal(ann, repo, 'attach', 'auth-impl');
  await shows(ann, 'auth-impl 0');
  const other = terminal(ann, repo, 'attach', 'auth-impl-2');
  await waitFor(async () => (await clients(ann)).length === 2, 'both terminals');
  await ann.tmux('send-keys', '-t', '=auth-impl-2:', `${PROGRAM} attach -r web`, 'Enter');
  await waitFor(async () => (await clients(ann)).toSorted().join() === 'auth-impl 0,web 1', 'the switch');
  // A session that no terminal shows has none to switch.
  await ann.tmux('send-keys', '-t', '=auth-impl-2:', `clear; ${PROGRAM} attach web; echo code $?`, 'Enter');
  await waitFor(async () => (await ann.screen('=auth-impl-2:')).includes('code 1'), 'the refusal');
  expect(await ann.screen('=auth-impl-2:')).toContain('no terminal shows the tmux session that this runs in');
  expect((await clients(ann)).toSorted()).toEqual(['auth-impl 0', 'web 1']);
  expect(processExists(other.pid)).toBe(true);
});

test('C28 C29 M8 what runs goes on when its terminal detaches, or is killed', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { pid } = await create(ann, repo, 'work');
  const first = terminal(ann, repo, 'attach', 'work');
  await shows(ann, 'work 0');
  first.type('\u0002d');
  expect(await first.ended).toBe(0);
  expect(processExists(pid)).toBe(true);
  const second = terminal(ann, repo, 'attach', 'work');
  await shows(ann, 'work 0');
  process.kill(second.pid, 'SIGKILL');
  await shows(ann);
  expect(processExists(pid)).toBe(true);
});

test('G3 session.detachOnCreate off: create and run give the terminal, S11 and list tells of it', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'config', 'session.detachOnCreate', 'false');
  await ann.tmux('new-session', '-d', '-s', 'own');
  const attached = async (name: string) => {
    const rows = JSON.parse(await ann.ok(repo, 'list', '--json')) as Record<string, unknown>[];
    const row = rows.find((r) => r['session_name'] === name)!;
    expect(row['id']).toMatch(/^[0-9a-f-]{36}$/u);
    expect(Date.parse(row['created_at'] as string)).toBeLessThanOrEqual(Date.now());
    return [row['attached_clients'], row['last_attached_at'] === null];
  };
  const made = terminal(ann, repo, 'create', 'work');
  await shows(ann, 'work 0');
  expect(await attached('work')).toEqual([1, false]);
  await ann.ok(repo, 'detach', 'work');
  expect(await made.ended).toBe(0);
  expect(await attached('work')).toEqual([0, false]);
  const left = terminal(ann, repo, 'create', '--no-attach', 'other');
  expect(await left.ended).toBe(0);
  expect(await clients(ann)).toEqual([]);
  expect(await attached('other')).toEqual([0, true]);
  const running = terminal(ann, repo, 'run', '--', 'sleep', '1000');
  await waitFor(async () => (await clients(ann)).length === 1, 'the terminal of the run');
  process.kill(running.pid, 'SIGKILL');
  await shows(ann);
});

test('an unknown name is a new session, unless the setting or the name forbids it', async () => {
  const ann = person();
  const repo = await ann.repo();
  const made = terminal(ann, repo, 'attach', 'fresh');
  await waitFor(() => ann.tmuxAlive(), 'the session');
  await shows(ann, 'fresh 0');
  expect(made.text()).toContain("Made a new session 'fresh'");
  const option = await ann.tmux('show-options', '-v', '-t', '=fresh:', '@git-session-id');
  const record = path.join(repo, '.git/git-session/live', option, 'record.json');
  expect(JSON.parse(readFileSync(record, 'utf8')).kind).toBe('create');
  const invalid = terminal(ann, repo, 'attach', 'no.such');
  expect(await invalid.ended).toBe(1);
  await ann.git(repo, 'config', 'session.autoCreateSession', 'false');
  const off = terminal(ann, repo, 'attach', 'frash');
  expect(await off.ended).toBe(1);
  expect(off.text()).toContain("did you mean 'fresh'?");
  expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('fresh');
});

test('H5 attach to a session on another machine is an ssh with exactly these arguments', async () => {
  const ann = person();
  const bin = path.join(ann.dir, 'bin');
  mkdirSync(bin);
  const file = path.join(ann.dir, 'argv');
  writeFileSync(
    path.join(bin, 'ssh'),
    `#!/bin/sh\nfor a; do printf '%s\\n' "$a"; done >'${file}'\nexit 7\n`,
    {
      mode: 0o755,
    },
  );
  const env = { PATH: `${bin}:${ann.env['PATH']}` };
  const cases: [string[], string[]][] = [
    [['build:auth'], ['-t', 'build', '--', 'git', 'session', 'attach', 'auth']],
    [
      ['-r', 'me@build:'],
      ['-t', 'me@build', '--', 'git', 'session', 'attach', '--read-only'],
    ],
    [
      ['--dir=a b/$(id)', '[::1]:x;y'],
      ['-t', '::1', '--', 'git', '-C', `'a b/$(id)'`, 'session', 'attach', `'x;y'`],
    ],
  ];
  for (const [args, expected] of cases) {
    const term = shellTerminal(ann, ann.dir, PROGRAM, ['attach', ...args], { env });
    expect(await term.ended).toBe(7);
    expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toEqual(expected);
  }
  writeFileSync(file, '');
  for (const args of [['--', '-oProxyCommand=id:x'], ['a b:x'], ['host:-x'], ['--dir=x', 'auth']]) {
    const term = shellTerminal(ann, ann.dir, PROGRAM, ['attach', ...args], { env });
    expect(await term.ended).toBe(129);
  }
  expect(readFileSync(file, 'utf8')).toBe('');
});

test('G8 with session.keepAlive off a session ends with its last terminal', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'stays');
  await ann.git(repo, 'config', 'session.keepAlive', 'false');
  await create(ann, repo, 'brief');
  const term = terminal(ann, repo, 'attach', 'brief');
  await shows(ann, 'brief 0');
  term.type('\u0002d');
  await term.ended;
  await waitFor(
    async () => (await ann.tmux('list-sessions', '-F', '#{session_name}')) === 'stays',
    'the session to end',
  );
});

test('a session that has ended, or is only saved, comes back when it is attached to', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { id } = await create(ann, repo, 'auth');
  await create(ann, repo, 'auth-2');
  await ann.tmux('new-session', '-d', '-s', 'saved', '-c', repo);
  await ann.ok(repo, 'save', '-t', 'saved');
  await ann.tmux('kill-session', '-t', '=saved');
  await ann.ok(repo, 'kill', 'auth');
  const ended = terminal(ann, repo, 'attach', 'auth');
  await shows(ann, 'auth 0');
  expect(await ann.tmux('show-options', '-v', '-t', '=auth:', '@git-session-id')).toBe(id);
  await ann.ok(repo, 'detach', 'auth');
  await ended.ended;
  const saved = terminal(ann, repo, 'attach', 'saved');
  // tmux 3.3a may go down where another client ends just when a control client does, as in a restore: don't ask it yet.
  await waitFor(() => saved.text().includes("restored 'saved' from saved/"), 'the restore');
  await shows(ann, 'saved 0');
  expect((await ann.tmux('list-sessions', '-F', '#{session_name}')).split('\n').toSorted()).toEqual([
    'auth',
    'auth-2',
    'saved',
  ]);
});
