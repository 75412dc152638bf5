import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import {
  drawStatusLine,
  environmentOf,
  exits,
  layout,
  naive,
  panes,
  scene,
  sessions,
  settle,
  snapshot,
  Terminal,
  unchanged,
  watchTmux,
  windowsOf,
} from '../support/attack.ts';
import { forge, forgeBytes, typedPane } from '../support/forge.ts';
import { waitFor } from '../support/harness.ts';

test('attack A1, A3, A4, A5, A14: live sessions: no name, directory or word of theirs is run, and no neighbor is hit', async () => {
  const s = await scene();
  // The server has the variable, so that a directory's name can hold the attack.
  s.who.env['CANARY'] = s.canary;
  await watchTmux(s.who);
  const evil = '#(touch $CANARY)';
  const repo = await s.who.repo(`re ${evil}`);
  const inner = path.join(repo, `in ${evil};`);
  mkdirSync(inner);
  const { who } = s;
  // By the client's own directory: tmux would run what stands in the argument of -c.
  const start = ['-S', who.socket, '-f', '/dev/null', '-u', 'new-session', '-d', '-s'];
  exits(await who.run('tmux', [...start, 'foobar'], { cwd: repo }), 0);
  const odd = ['other ##(touch $CANARY)', '-n', '##(touch $CANARY)'];
  exits(await who.run('tmux', [...start, ...odd], { cwd: inner }), 0);
  const before = await sessions(who);
  await who.ok(
    repo,
    'run',
    '--id',
    'foo',
    '-c',
    inner,
    '--meta',
    `k=${evil}`,
    '--',
    'sleep',
    '1000',
    evil,
    ';',
  );
  await who.ok(repo, 'create', '--name', 'made', '-c', inner, '--focus', evil, '--workflow', evil);
  const live = JSON.parse(await who.ok(repo, 'list', '--json')) as { session_name: string }[];
  const run = live.map((r) => r.session_name).find((n) => n.includes('foo'))!;
  await drawStatusLine(who, run);
  await who.ok(repo, 'exec', 'made', '--', 'echo', evil, ';');
  await who.ok(repo, 'window', 'new', '-n', evil, '-c', inner, 'made');
  await who.ok(repo, 'window', 'rename', 'made', evil, `${evil};`);
  await who.ok(repo, 'pane', 'split', '-c', inner, 'made');
  await who.ok(repo, 'send', '--no-enter', 'made', '--', evil);
  await who.ok(repo, 'checkpoint', 'made', '-m', evil);
  for (const args of [
    ['list', '--all'],
    ['status'],
    ['show', run],
    ['history', run],
    ['adopt', '--all'],
    ['save', '--all'],
  ]) {
    expect([args, (await who.gs(repo, ...args)).code]).toEqual([args, expect.toBeOneOf([0, 1])]);
  }
  await drawStatusLine(who, 'made');
  // A pattern of `kill` may be a part of a name. Nothing at all is in no name, and `delete` takes whole names.
  for (const args of [
    ['delete', 'fo'],
    ['kill', ''],
    ['kill', '@0'],
    ['kill', '%0'],
    ['attach', ''],
    ['detach', ''],
  ]) {
    expect([args, (await who.gs(repo, ...args)).code]).toEqual([args, expect.toBeOneOf([1, 128, 129])]);
  }
  const now = await sessions(who);
  for (const [name, id] of before) expect([name, now.get(name)]).toEqual([name, id]);
  await who.ok(repo, 'kill', '--yes', run);
  await who.ok(repo, 'kill', '--yes', 'made');
  await who.ok(repo, 'kill', '--yes', `other ${evil}`);
  exits(await who.gs(repo, 'kill', ''), 1);
  expect([...(await sessions(who)).keys()]).toEqual(['foobar']);
  expect(existsSync(s.canary)).toBe(false);
  // The directory does run where tmux is asked naively.
  await naive(who, s.canary, 'new-window', '-t', 'foobar:', '-c', inner);
});

test('attack A7, A8, A9, D1, E2: allow, export and show take no more of a snapshot than restore does', async () => {
  const s = await scene();
  const { who, repo } = s;
  await who.tmux('new-session', '-d', '-s', 'other');
  const evil = `#(touch ${s.canary})`;
  const odd: [string, object][] = [
    ['options', { ...snapshot(s.head), options: { 'status-left': evil } }],
    ['garbage', snapshot(s.head, (x) => void (x.tmux.windows[0]!.layout = 'garbage'))],
    [
      'huge',
      snapshot(s.head, (x) => void (x.tmux.windows[0]!.layout = layout('4000000000x4000000000,0,0,0'))),
    ],
    ['env', snapshot(s.head, (x) => void (x.env = { 'A=B': evil }))],
  ];
  for (const [name, value] of odd) await forge(who, repo, value, { name });
  await forgeBytes(who, repo, Buffer.alloc(4 * 1024 * 1024 + 1, 0x20), { name: 'large' });
  const refused = async (args: string[], why: RegExp) => {
    const result = await unchanged(who, repo, () => who.gs(repo, ...args));
    expect([args, result.code, result.stderr]).toEqual([args, 128, expect.stringMatching(why)]);
  };
  for (const name of ['options', 'env', 'large']) {
    const why = name === 'large' ? /more than the limit/u : /is damaged: (?:unknown field|bad value)/u;
    for (const args of [
      ['allow', name],
      ['export', name],
      ['show', name],
    ])
      await refused(args, why);
  }
  for (const name of ['garbage', 'huge']) {
    await refused(['restore', '--dry-run', name], /^fatal: invalid layout/u);
    await refused(['restore', '--no-git', '--run', name], /^fatal: invalid layout/u);
  }
  expect(existsSync(s.canary)).toBe(false);
});

test('attack E1, E3, E9: no file of the repository is a shell, a prompt, an approval or a place of ours', async () => {
  const s = await scene();
  const { who, repo } = s;
  // What a stranger's commit can bring: nothing of it is read, and links where ours would go are not followed.
  const victim = path.join(who.dir, 'victim');
  mkdirSync(victim);
  for (const name of [
    '.git-session',
    '.gitsession',
    '.tmux.conf',
    '.bashrc',
    '.profile',
    '.gitconfig',
    '.git-session.toml',
  ]) {
    writeFileSync(path.join(repo, name), `touch ${s.canary}\n[session]\n\ttmuxCommand = touch ${s.canary}\n`);
  }
  const value = snapshot(s.head, (x) => {
    x.env = { BASH_ENV: path.join(repo, '.bashrc'), XDG_STATE_HOME: victim, HOME: repo, TMUX: '/tmp/x,1,0' };
    x.tmux.windows = windowsOf([typedPane(['sh', '-c', ':'])], [{}]);
  });
  await forge(who, repo, value);
  for (const [i, args] of [[], ['--run'], ['--no-run']].entries()) {
    exits(await who.gs(repo, 'restore', 'forged', '--as', `as${i}`, ...args), i === 0 ? 1 : 0);
    for (const p of await panes(who, `as${i}`)) {
      await settle(who, p.id);
      expect(environmentOf(p.pid).filter((e) => e.includes(victim) || e.includes('.bashrc'))).toEqual([]);
    }
  }
  expect(existsSync(s.canary)).toBe(false);
});

test('F41 E9 where an approval can not be recorded, nothing is run and nothing is restored', async () => {
  const s = await scene();
  const { who, repo } = s;
  await forge(
    who,
    repo,
    snapshot(s.head, (x) => void (x.tmux.windows = windowsOf([typedPane(['touch', s.canary])]))),
  );
  const state = path.join(who.home, '.local/state/git-session');
  mkdirSync(state, { recursive: true, mode: 0o700 });
  writeFileSync(path.join(state, 'approvals'), 'no directory');
  const allowed = await unchanged(who, repo, () => who.gs(repo, 'allow', 'forged'));
  expect([allowed.code, allowed.stderr]).toEqual([
    128,
    expect.stringMatching(/^fatal: (?:cannot record approval|approvals are not safe)/u),
  ]);
  const t = new Terminal(who, repo, 'git', ['session', 'restore', 'forged']);
  await t.shows('Start them?');
  t.pty.write('always\r');
  expect(await t.ended()).toBe(128);
  expect(t.output).toMatch(/fatal: (?:cannot record approval|approvals are not safe)/u);
  expect(await who.tmuxAlive()).toBe(false);
  expect(existsSync(s.canary)).toBe(false);
});

test('F37 A24 a long scrollback is cut, and that is said', async () => {
  const s = await scene();
  const { who, repo } = s;
  await who.tmux('new-session', '-d', '-s', 'anchor', 'exec sleep 1000');
  await who.tmux('set-option', '-g', 'history-limit', '100000');
  const done = path.join(who.dir, 'done');
  await who.tmux('new-session', '-d', '-s', 'long', '-c', repo, `seq 30000; touch ${done}; exec sleep 1000`);
  await waitFor(() => existsSync(done), 'the lines');
  const result = await who.gs(repo, 'save', '--scrollback', 'long');
  exits(result, 0);
  expect(result.stderr).toMatch(/warning: scrollback of pane \S+ cut to 100\d\d lines/u);
  const saved = JSON.parse(await who.ok(repo, 'show', '--json', 'long')) as Snapshot;
  expect(saved.tmux.windows[0]!.panes[0]!.scrollback).toMatchObject({ truncated: true });
});
