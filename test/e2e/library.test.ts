import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CreatedSession, CreateOptions } from '../../src/index.ts';
import { type Person, person, processExists, waitFor } from '../support/harness.ts';

const root = path.resolve(import.meta.dirname, '../..');

type Answer = CreatedSession | { error: string; code: string; name: string; hints: string[] };

/** A program in a directory of its own, which has the package as npm would link it. */
const PROGRAM = `import { openSessions, SessionError } from 'git-session';
const { dir, git, all } = JSON.parse(process.env.ASKED);
const sessions = await openSessions({ dir, git });
const made = await Promise.all(all.map((options) => sessions.createSession(options).catch((error) => {
  if (!(error instanceof SessionError)) throw error;
  return { error: error.message, code: error.code, name: error.name, hints: error.hints };
})));
console.log(JSON.stringify(made));
`;

interface Asked {
  dir: string;
  git?: boolean;
  all: (CreateOptions | Record<string, unknown>)[];
}

async function ask(ann: Person, asked: Asked, env: Record<string, string> = {}): Promise<Answer[]> {
  const app = path.join(ann.dir, 'app');
  if (!existsSync(app)) {
    mkdirSync(path.join(app, 'node_modules'), { recursive: true });
    symlinkSync(root, path.join(app, 'node_modules/git-session'));
    writeFileSync(path.join(app, 'program.mjs'), PROGRAM);
    mkdirSync(path.join(ann.dir, 'some/where'), { recursive: true });
  }
  // Words of its own: none of them is the library's business.
  const words = ['a', 'b', 'c', 'd', 'e', 'f'];
  const ran = await ann.run(process.execPath, [path.join(app, 'program.mjs'), ...words], {
    cwd: path.join(ann.dir, 'some/where'),
    env: { ...env, ASKED: JSON.stringify(asked) },
  });
  if (ran.code !== 0 || ran.stderr !== '') throw new Error(`exit ${ran.code}: ${ran.stderr}`);
  return JSON.parse(ran.stdout) as Answer[];
}

const one = async (ann: Person, dir: string, options: CreateOptions, env = {}) =>
  (await ask(ann, { dir, all: [options] }, env))[0] as CreatedSession;
const text = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : '');

describe('C27 createSession of the built library', () => {
  test('C27 N7: a session with a shell, in the repository of `dir`, whatever the current directory and GIT_DIR are', async () => {
    const ann = person();
    const repo = await ann.repo();
    const other = await ann.repo('other');
    mkdirSync(path.join(repo, 'deep'));
    const made = await one(
      ann,
      path.join(repo, 'deep'),
      { name: 'work', context: 'task', identifier: 'auth', metadata: { priority: 'high #(x)' }, ai: true },
      { GIT_DIR: path.join(other, '.git') },
    );
    expect(made).toMatchObject({
      ...{ name: 'work', kind: 'create', context: 'task', identifier: 'auth', argv: null, ai: true },
      ...{ cwd: `${repo}/deep`, worktree: repo, branch: 'main', metadata: { priority: 'high #(x)' } },
      ...{ status: 'running', historySize: 0, historyLimit: 50_000 },
    });
    expect(Date.parse(made.startTime)).toBeGreaterThan(Date.now() - 3_600_000);
    expect(processExists(made.pid)).toBe(true);
    const format = '#{session_id} #{pane_id} #{pane_pid} #{pane_start_path} #{@git-session-id}';
    expect(await ann.tmux('display-message', '-p', '-t', '=work:', format)).toBe(
      `${made.tmuxId} ${made.paneId} ${made.pid} ${repo}/deep ${made.id}`,
    );
    // The commands know it as their own, here and nowhere else.
    const listed = JSON.parse(await ann.ok(repo, 'list', '--json')) as Record<string, unknown>[];
    expect(listed).toMatchObject([{ id: made.id, name: 'work', identifier: 'auth', config: { ai: true } }]);
    expect(existsSync(path.join(other, '.git/git-session/live'))).toBe(false);
    expect(await ann.ok(repo, 'exec', 'work', '--', 'pwd')).toBe(`${repo}/deep\n`);
  });

  test('C27: a program with its arguments, as they are; one alone; and a line for a shell', async () => {
    const ann = person();
    const repo = await ann.repo();
    const script = path.join(repo, "my 'tool' $HOME;");
    writeFileSync(script, '#!/bin/sh\npwd > alone\nexec sleep 1000\n', { mode: 0o755 });
    const odd = `it's "ok" $HOME #(touch x) \uFFFD`;
    const [args, alone, line] = (await ask(ann, {
      dir: repo,
      all: [
        { argv: ['sh', '-c', 'printf %s "$1" > args; exec sleep 1000', 'sh', odd] },
        { argv: [script], name: 'alone', cwd: '..' },
        { command: 'printf %s "$0" | wc -c > line; exit 3', context: 'test' },
      ],
    })) as CreatedSession[];
    expect(args).toMatchObject({ kind: 'run', context: 'run', identifier: 'sh', cwd: repo });
    expect(args!.name).toMatch(/^gs-run-sh-\d{14}$/u);
    await waitFor(() => text(path.join(repo, 'args')) === odd, 'the arguments');
    expect(alone).toMatchObject({ kind: 'run', name: 'alone', cwd: ann.dir });
    await waitFor(
      () => text(path.join(ann.dir, 'alone')) === `${ann.dir}\n`,
      'the program without arguments',
    );
    const waited = await ann.gs(repo, 'wait', line!.id);
    expect(waited.code).toBe(3);
    expect(text(path.join(repo, 'line'))).toMatch(/\d/u);
    expect(existsSync(path.join(repo, 'x'))).toBe(false);
  });

  test('C27: worktrees by branch and by a path that is relative to `dir`, made where they are missing', async () => {
    const ann = person();
    const repo = await ann.repo();
    const made = await one(ann, repo, { worktree: 'feature/a', create: true, name: 'a' });
    const there = path.join(ann.dir, 'repo.sessions/feature-a');
    expect(made).toMatchObject({ cwd: there, worktree: there, branch: 'feature/a' });
    const path2 = await one(ann, repo, { worktree: '../tree', create: true, name: 'b' });
    expect(path2).toMatchObject({ cwd: path.join(ann.dir, 'tree'), branch: 'tree' });
    const again = await one(ann, repo, { worktree: '../tree', name: 'c' });
    expect(again).toMatchObject({ cwd: path.join(ann.dir, 'tree'), branch: 'tree' });
    expect(await ann.git(repo, 'worktree', 'list', '--porcelain')).toContain(`worktree ${ann.dir}/tree\n`);
  });

  test('C27: it throws what the commands throw, and leaves nothing', async () => {
    const ann = person();
    const repo = await ann.repo();
    await one(ann, repo, { name: 'there' });
    const wrong: [Record<string, unknown>, string][] = [
      [{ name: 'there' }, 'session-exists'],
      [{ name: 'a:b' }, 'invalid-name'],
      [{ argv: ['no-such-program', 'x'] }, 'program-missing'],
      [{ cwd: 'nowhere' }, 'file'],
      [{ worktree: 'nowhere' }, 'not-found'],
      [{ argv: [] }, 'usage'],
      [{ command: ' ' }, 'usage'],
      [{ command: 'x', argv: ['x', 'y'] }, 'usage'],
      [{ argv: ['x', 'a\0b'] }, 'usage'],
      [{ metadata: { 'a=b': 'c' } }, 'usage'],
      // What a program without types may give: the record could not be read again.
      [{ metadata: { a: 1 } }, 'usage'],
      [{ nmae: 'work' }, 'usage'],
    ];
    const answers = await ask(ann, { dir: repo, all: wrong.map(([options]) => options) });
    expect(answers.map((a) => ('code' in a ? a.code : a))).toEqual(wrong.map(([, code]) => code));
    await ann.git(repo, 'config', 'session.enabled', 'false');
    expect(await ask(ann, { dir: repo, all: [{}] })).toMatchObject([{ code: 'disabled' }]);
    expect(await ask(ann, { dir: repo, git: false, all: [{}] })).toMatchObject([
      { code: 'git-missing', name: 'GitMissingError' },
    ]);
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('there');
    expect((JSON.parse(await ann.ok(repo, 'list', '--json', '--all')) as unknown[]).length).toBe(1);
  });
});

/** A program with `sessions` open, which prints what its body gives as JSON. */
async function drive(ann: Person, dir: string, body: string): Promise<unknown> {
  await ask(ann, { dir, all: [] });
  const file = path.join(ann.dir, 'app/drive.mjs');
  writeFileSync(
    file,
    `import { openSessions } from 'git-session';
const sessions = await openSessions({ dir: ${JSON.stringify(dir)} });
const told = [];
sessions.subscribe((id, { type }) => { told.push(type); });
const answer = await (async () => {
${body}
})();
await sessions.observed();
console.log(JSON.stringify({ answer, told }));`,
  );
  const ran = await ann.run(process.execPath, [file], { cwd: ann.dir });
  if (ran.code !== 0 || ran.stderr !== '') throw new Error(`exit ${ran.code}: ${ran.stderr}`);
  return JSON.parse(ran.stdout);
}

describe('L7 the life of live sessions, by the built library', () => {
  test('L7 S18: made without a start, with a configuration that the commands see; started, saved, completed', async () => {
    const ann = person();
    const repo = await ann.repo();
    const { answer, told } = (await drive(
      ann,
      repo,
      `const config = { maxIterations: 3, focus: 'tests', failFast: true };
const { id, status } = await sessions.createSession({ name: 'work', start: false, config });
const before = await sessions.getState(id);
await sessions.startSession('work');
const checkpoint = await sessions.saveCheckpoint('work', { message: 'one' });
return { id, status, before, checkpoint, active: await sessions.listActiveSessions() };`,
    )) as { answer: Record<string, unknown>; told: string[] };
    expect(told).toEqual(['started', 'checkpoint-saved']);
    expect(answer).toMatchObject({
      ...{ status: 'created', before: { name: 'created' } },
      checkpoint: { message: 'one', state: 'running', snapshot: expect.stringMatching(/^work\//u) },
      active: [{ name: 'work', state: { name: 'running' }, config: { focus: 'tests', projectPath: repo } }],
    });
    const { snapshot } = answer['checkpoint'] as { snapshot: string };
    const shown = JSON.parse(await ann.ok(repo, 'show', snapshot, '--json')) as { message: string };
    expect(JSON.stringify(shown)).toContain('"message":"one"');
    const state = JSON.parse(await ann.ok(repo, 'state', 'work', '--json')) as Record<string, unknown>;
    expect(JSON.stringify(state)).toContain('"max_iterations":3');
    await ann.ok(repo, 'complete', 'work');
    expect(await drive(ann, repo, `return (await sessions.getState('work')).name;`)).toEqual({
      ...{ answer: 'completed', told: [] },
    });
  });

  test('L7 E1: a run tells of its start and of its end, also to who follows its events', async () => {
    const ann = person();
    const repo = await ann.repo();
    const said = await drive(
      ann,
      repo,
      `const { id } = await sessions.createSession({ command: 'exit 3' });
const types = [];
for await (const { event } of sessions.events(id, { follow: true })) types.push(event.type);
return { types, state: await sessions.getState(id) };`,
    );
    expect(said).toEqual({
      answer: { types: ['started', 'failed'], state: { name: 'failed', error: 'exit code 3' } },
      told: ['started', 'failed'],
    });
  });

  test('L7 V11: restoreSession brings a session back whose tmux is gone, and one that has ended not', async () => {
    const ann = person();
    const repo = await ann.repo();
    const [one, two] = (await ask(ann, {
      dir: repo,
      all: [{ name: 'one' }, { name: 'two' }],
    })) as CreatedSession[];
    await ann.ok(repo, 'kill', 'two');
    await ann.killServer();
    const said = await drive(
      ann,
      repo,
      `return [await sessions.restoreSession('${one!.id}'), await sessions.restoreSession('${two!.id}')].map((s) => s.state.name);`,
    );
    expect(said).toMatchObject({ answer: ['running', 'failed'] });
    expect(await ann.tmux('list-sessions', '-F', '#{session_name} #{@git-session-id}')).toBe(
      `one ${one!.id}`,
    );
  });

  test('L7: what can not be is refused, and makes no session', async () => {
    const ann = person();
    const repo = await ann.repo();
    const wrong: Record<string, unknown>[] = [
      { start: false, argv: ['sleep', '9'] },
      { config: { maxIterations: 'x' } },
      { config: { nothing: 1 } },
      { config: { mode: 'worktree' } },
      { config: { mode: 'worktree', worktree: 'a' }, worktree: 'b' },
      { tmux: false, argv: ['x'], config: { focus: 1 } },
    ];
    const answers = await ask(ann, { dir: repo, all: wrong });
    expect(answers.map((a) => ('code' in a ? a.code : a))).toEqual(wrong.map(() => 'usage'));
    expect(await ann.tmuxAlive()).toBe(false);
  });
});
