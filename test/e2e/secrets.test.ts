import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import { person, type Person, waitFor } from '../support/harness.ts';
import { harmless, secrets } from '../support/samples.ts';
import { gitBytes } from '../support/store.ts';

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Programs of these names that do nothing, as scripts are: an interpreter is before them. */
function programs(who: Person, names: Iterable<string>): string {
  const folder = path.join(who.dir, 'bin');
  mkdirSync(folder, { recursive: true });
  for (const name of names) {
    const file = path.join(folder, name);
    writeFileSync(file, '#!/bin/sh\n: > "$READY"\nwhile :; do sleep 1000; done\n');
    chmodSync(file, 0o755);
  }
  return folder;
}

interface Shown {
  /** What the pane shows. */
  text: string;
  title: string;
  /** What runs in it. */
  argv: string[];
}

/** A session with a window for each. */
async function show(who: Person, repo: string, name: string, panes: readonly Shown[]): Promise<void> {
  const bin = programs(who, new Set(panes.map(({ argv }) => argv[0]!)));
  const folder = path.join(who.dir, name);
  mkdirSync(folder);
  await who.tmux(
    'start-server',
    ';',
    'new-session',
    '-d',
    '-s',
    name,
    '-x',
    '80',
    '-y',
    '24',
    '-c',
    repo,
    'cat',
  );
  await who.tmux('set-option', '-g', 'history-limit', '20000');
  const titles: string[] = [];
  for (const [i, { text, title, argv }] of panes.entries()) {
    const script = path.join(folder, `${i}.sh`);
    writeFileSync(path.join(folder, `${i}.txt`), `${text}\nready-${i}\n`);
    const command = [path.join(bin, argv[0]!), ...argv.slice(1)].map(quoted).join(' ');
    const ready = path.join(folder, `${i}.ready`);
    writeFileSync(
      script,
      `cat ${quoted(path.join(folder, `${i}.txt`))}\nexport READY=${ready}\nexec ${command}\n`,
    );
    const id = await who.tmux(
      'new-window',
      '-d',
      '-P',
      '-F',
      '#{pane_id}',
      '-t',
      `=${name}:`,
      '-c',
      repo,
      `sh ${script}`,
    );
    titles.push(id, title);
  }
  for (let i = 0; i < titles.length; i += 2)
    await who.tmux('select-pane', '-t', titles[i]!, '-T', titles[i + 1]!);
  const isReady = (_: unknown, i: number) => existsSync(path.join(folder, `${i}.ready`));
  await waitFor(() => panes.every(isReady), 'all programs to run', 60_000);
}

async function everything(who: Person, repo: string): Promise<string> {
  return (await gitBytes(who, repo, ['cat-file', '--batch', '--batch-all-objects'])).toString('latin1');
}

async function snapshotOf(who: Person, repo: string, name: string): Promise<Snapshot> {
  return JSON.parse(await who.ok(repo, 'export', name)) as Snapshot;
}

test('E6 E8 A23 sixty secrets each in argv, environment, title, scrollback and message: none is in any object', async () => {
  const ann = person();
  const repo = await ann.repo();
  const places = {
    argv: secrets('argv'),
    env: secrets('env'),
    title: secrets('title'),
    scrollback: secrets('scrollback'),
    message: secrets('message'),
  };
  const panes = places.argv.map(({ argv }, i) => ({
    ...{ argv, title: places.title[i]!.text },
    text: places.scrollback[i]!.text,
  }));
  await show(ann, repo, 'work', panes);
  const names = places.env.map((_, i) => `VALUE_${i}`);
  for (const [i, { text }] of places.env.entries()) {
    await ann.tmux('set-environment', '-t', '=work', names[i]!, text);
  }
  const message = places.message.map(({ text }) => text).join('\n');
  const saved = await ann.gs(
    repo,
    'save',
    '-t',
    'work',
    '--scrollback',
    '--env',
    names.join(','),
    '-m',
    message,
  );
  expect(saved.code).toBe(0);
  const all = await everything(ann, repo);
  for (const [place, list] of Object.entries(places)) {
    const left = list.filter(({ secret }) => all.includes(secret)).map(({ text }) => `${place}: ${text}`);
    expect(left).toEqual([]);
  }
  // They were all looked at: in their places is a marker, or nothing.
  const snapshot = await snapshotOf(ann, repo, 'work');
  const own = snapshot.tmux.windows.slice(1).map(({ panes: [pane] }) => pane!);
  expect(own.filter(({ title }) => !JSON.stringify(title).includes('[redacted:'))).toEqual([]);
  expect(own.filter(({ processes }) => !JSON.stringify(processes).includes('[redacted:'))).toEqual([]);
  expect(snapshot.message!.match(/\[redacted:/gu)!.length).toBeGreaterThanOrEqual(60);
  expect(Object.keys(snapshot.env)).toEqual([]);
  expect(saved.stderr.match(/environment variable VALUE_\d+ is not saved: [a-z-]+\n/gu)).toHaveLength(60);
  const texts = own.map(({ scrollback }) =>
    ann.git(repo, 'show', `${contextOf(saved.stdout)}:${scrollback!.path}`),
  );
  for (const text of await Promise.all(texts)) expect(text).toContain('[redacted:');
  // A push finds nothing any more.
  expect((await ann.gs(repo, 'scan')).stderr).toContain('nothing found in 1 snapshot and');
}, 240_000);

function contextOf(said: string): string {
  const [, label = ''] = /^Saved (\S+)/u.exec(said) ?? [];
  return `refs/sessions/${label}/context`;
}

test('E6 two hundred harmless samples in the same places are stored byte for byte', async () => {
  const ann = person();
  const repo = await ann.repo();
  const all = harmless();
  const groups = Array.from({ length: 20 }, (_, i) => all.filter((_, n) => n % 20 === i));
  const panes = groups.map((group) => ({
    ...{ argv: ['tool', ...group], title: group.slice(0, 6).join(' | ').slice(0, 250) },
    text: group.join('\n'),
  }));
  await show(ann, repo, 'fine', panes);
  const titles = (await ann.tmux('list-panes', '-s', '-t', '=fine:', '-F', '#{pane_title}')).split('\n');

  for (const [i, text] of all.entries()) {
    // At the end of a word it would end tmux's command.
    await ann.tmux('set-environment', '-t', '=fine', `VALUE_${i}`, text.replace(/;$/u, '\\;'));
  }
  const names = all.map((_, i) => `VALUE_${i}`).join(',');
  const message = all.join('\n');
  const saved = await ann.ok(repo, 'save', '-t', 'fine', '--scrollback', '--env', names, '-m', message);
  const snapshot = await snapshotOf(ann, repo, 'fine');
  expect(snapshot.redactions).toEqual([]);
  expect(snapshot.message).toBe(message);
  expect(all.map((_, i) => snapshot.env[`VALUE_${i}`])).toEqual(all);
  const own = snapshot.tmux.windows.slice(1).map(({ panes: [pane] }) => pane!);
  expect(own.map(({ title }) => title)).toEqual(titles.slice(1));
  for (const [i, pane] of own.entries()) {
    const argv = pane.processes
      .map((process) => process.argv)
      .find((words) => words.length > groups[i]!.length);
    expect(argv?.slice(-groups[i]!.length)).toEqual(groups[i]);
    const text = await gitBytes(ann, repo, ['show', `${contextOf(saved)}:${pane.scrollback!.path}`]);
    const lines = text
      .toString('utf8')
      .replaceAll(/\u001B\[[0-9;]*m/gu, '')
      .split('\n');
    expect(lines.slice(0, groups[i]!.length)).toEqual(groups[i]);
  }
}, 240_000);

test('E6 what only secretlint knows is taken out before anything is written, and left in where it is allowed', async () => {
  const ann = person();
  const repo = await ann.repo();
  // Behind a digit our own rules take it for a part of a word.
  const token = ['7vc', 'p_', 'aB3dE6gH9jK2mN5pQ8sT1vW4'].join('');
  await show(ann, repo, 'work', [{ argv: ['tool', 'x'], title: token, text: token }]);
  await ann.tmux('rename-window', '-t', '=work:1', token);
  await ann.ok(repo, 'save', '-t', 'work', '--scrollback', '-m', token);
  expect(await everything(ann, repo)).not.toContain(token.slice(1));
  expect((await snapshotOf(ann, repo, 'work')).message).toBe('7[redacted:secretlint-vercel]');
  await ann.ok(repo, 'save', '-t', 'work', '-m', token, '--allow-secret', 'secretlint-vercel');
  expect((await snapshotOf(ann, repo, 'work')).message).toBe(token);
  const unknown = await ann.gs(repo, 'save', '--allow-secret', 'nope');
  expect([unknown.code, unknown.stderr.split('\n')[0]]).toEqual([129, "error: there is no rule 'nope'"]);
  expect(unknown.stderr).toContain('secretlint-github, secretlint-gitlab');
  expect(readdirSync(repo)).toEqual(['.git', 'file.txt']);
}, 120_000);
