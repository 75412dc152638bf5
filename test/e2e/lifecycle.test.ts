import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person, PROGRAM, temporaryFolder, waitFor } from '../support/harness.ts';

interface State {
  id: string;
  name: string;
  state: {
    name: string;
    iteration: number | null;
    reason: string | null;
    summary: Record<string, number> | null;
    error: string | null;
  };
  config: Record<string, unknown> | null;
  events: number;
  damaged: unknown[];
}

interface Ended {
  iteration: number;
  changes: {
    files_modified: string[];
    lines_added: number;
    lines_removed: number;
    commands_run: string[];
    git_commits: string[];
  };
}

async function json<T>(ann: Person, repo: string, ...args: string[]): Promise<T> {
  return JSON.parse(await ann.ok(repo, ...args, '--json')) as T;
}

function state(ann: Person, repo: string, name = 'work'): Promise<State> {
  return json<State>(ann, repo, 'state', name);
}

/** The code of the error that a command ends with. */
async function refusal(ann: Person, repo: string, ...args: string[]): Promise<string> {
  const result = await ann.gs(repo, ...args, '--json');
  const { error } = JSON.parse(result.stdout) as { error: { code: string; exit: number } };
  expect(error.exit).toBe(result.code);
  return `${error.code} ${result.code}`;
}

/** Types of the events that git has below refs/sessions, whichever segment they are in. */
async function inGit(ann: Person, repo: string, name = 'work'): Promise<string[]> {
  const refs = await ann.git(repo, 'for-each-ref', '--format=%(refname)', `refs/sessions/${name}`);
  const types: string[] = [];
  for (const ref of refs.split('\n').filter((line) => line.endsWith('/events'))) {
    const lines = (await ann.git(repo, 'cat-file', 'blob', ref)).split('\n');
    types.push(...lines.map((line) => (JSON.parse(line) as { type: string }).type));
  }
  return types;
}

async function started(...options: string[]): Promise<{ ann: Person; repo: string }> {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', ...options, 'work');
  return { ann, repo };
}

describe('the life of a session', () => {
  test('L8 P5: start, iterate, pause, resume, complete, each with an event, and a summary', async () => {
    const { ann, repo } = await started('--no-start');
    expect(await ann.ok(repo, 'state', 'work')).toBe('created\n');
    expect(await ann.ok(repo, 'start', 'work')).toBe('Session work: running\n');
    expect(await ann.ok(repo, 'iterate', 'start', 'work')).toBe('Session work: iteration 1 started\n');
    expect(await ann.ok(repo, 'state', 'work')).toBe('running, iteration 1\n');
    writeFileSync(path.join(repo, 'new.txt'), 'a\nb\n');
    await ann.git(repo, 'add', '.');
    await ann.git(repo, 'commit', '-q', '-m', 'second');
    const data = (ok: boolean) =>
      JSON.stringify({ command: 'make', success: ok, exit_code: ok ? 0 : 2, duration_ms: 5 });
    for (const ok of [true, true, true, false]) {
      await ann.ok(repo, 'event', 'work', 'command-executed', `--data=${data(ok)}`);
    }
    expect(await ann.ok(repo, 'iterate', 'end', 'work')).toBe(
      'Session work: iteration 1 ended\n1 file changed, +2 -0, 1 commit, 4 commands\n',
    );
    expect(await ann.ok(repo, 'pause', '-m', 'lunch', 'work')).toBe('Session work: paused: lunch\n');
    expect((await state(ann, repo)).state).toEqual({
      ...{ name: 'paused', iteration: 1, reason: 'lunch', summary: null, error: null },
    });
    expect(await ann.ok(repo, 'resume', 'work')).toBe('Session work: running, iteration 1\n');
    const before = (await state(ann, repo)).events;
    expect(before).toBe(9);
    const text = await ann.ok(repo, 'complete', 'work');
    expect(text).toMatch(
      /^Session work: completed\nIterations: +1\nFiles changed: +1\nCommits: +1\nCommands: +4\nSuccess rate: +75 %\nDuration: +\d+/u,
    );
    const ended = await state(ann, repo);
    expect(ended.state).toMatchObject({
      name: 'completed',
      summary: { iterations: 1, files_changed: 1, commits: 1, commands: 4, success_rate: 0.75 },
    });
    expect(ended.state.summary!['duration_ms']).toBeGreaterThan(0);
    expect(ended.events).toBe(before + 1);
  });

  test('L9 T13: create starts at once, and git has it', async () => {
    const { ann, repo } = await started();
    expect(await state(ann, repo)).toMatchObject({ name: 'work', state: { name: 'running', iteration: 0 } });
    expect(await inGit(ann, repo)).toEqual(['started']);
    // What a plain push takes.
    expect(await ann.git(repo, 'for-each-ref', 'refs/sessions')).toMatch(
      / blob\trefs\/sessions\/work\/\S+\/events$/u,
    );
  });

  test('L9 L12: run starts too, and its end is the end of the session', async () => {
    const ann = person();
    const repo = await ann.repo();
    const good = (await ann.ok(repo, 'run', '--wait', '--json', '--', 'true')).trim();
    const bad = JSON.parse((await ann.gs(repo, 'run', '--wait', '--json', 'exit 3')).stdout) as {
      name: string;
    };
    const { name } = JSON.parse(good) as { name: string };
    expect((await state(ann, repo, name)).state).toMatchObject({
      name: 'completed',
      summary: { commits: 0 },
    });
    expect((await state(ann, repo, bad.name)).state).toMatchObject({ name: 'failed', error: 'exit code 3' });
    expect(await refusal(ann, repo, 'pause', '-m', 'x', name)).toBe('invalid-transition 1');
    expect(await inGit(ann, repo, name)).toContain('started');
  });

  test('L2: with --no-start a session is created, and has no event', async () => {
    const { ann, repo } = await started('--no-start', '--focus=the parser');
    expect(await state(ann, repo)).toMatchObject({ state: { name: 'created', iteration: null }, events: 0 });
    expect(await ann.git(repo, 'for-each-ref', 'refs/sessions')).toBe('');
    expect(await ann.tmux('show-options', '-v', '-t', '=work:', '@git-session-state')).toBe('created');
    for (const args of [
      ['iterate', 'start', 'work'],
      ['iterate', 'end', 'work'],
      ['pause', '-m', 'x', 'work'],
      ['resume', 'work'],
      ['complete', 'work'],
    ]) {
      expect(await refusal(ann, repo, ...args)).toBe('invalid-transition 1');
    }
    await ann.ok(repo, 'start', 'work');
    // What it was made with is what it starts with.
    expect(await state(ann, repo)).toMatchObject({
      ...{ state: { name: 'running' }, events: 1, config: { focus: 'the parser' } },
    });
    expect(await ann.tmux('show-options', '-v', '-t', '=work:', '@git-session-state')).toBe('running');
  });

  test.each([
    ['complete', ['complete', 'work'], 'completed'],
    ['fail', ['fail', '-m', 'no way', 'work'], 'failed'],
  ])('L3 L4 L5: after %s nothing is taken, no event is left, and git has the log', async (_, args, name) => {
    const { ann, repo } = await started();
    await ann.ok(repo, ...args);
    const before = await state(ann, repo);
    expect(before.state.name).toBe(name);
    expect(before.state.error).toBe(name === 'failed' ? 'no way' : null);
    expect(await inGit(ann, repo)).toEqual(['started', name]);
    expect(await ann.tmux('show-options', '-v', '-t', '=work:', '@git-session-state')).toBe(name);
    for (const refused of [
      ['start', 'work'],
      ['resume', 'work'],
      ['pause', '-m', 'x', 'work'],
      ['complete', 'work'],
      ['fail', '-m', 'x', 'work'],
      ['iterate', 'start', 'work'],
      ['iterate', 'end', 'work'],
      ['event', 'work', 'analysis-completed', '--data={"results":1}'],
    ]) {
      expect([refused, await refusal(ann, repo, ...refused)]).toEqual([refused, 'invalid-transition 1']);
    }
    expect(await state(ann, repo)).toEqual(before);
    expect(await inGit(ann, repo)).toEqual(['started', name]);
  });

  test('L3: a session is started once, and resumed where it is paused', async () => {
    const { ann, repo } = await started();
    const twice = await ann.gs(repo, 'start', 'work');
    expect(twice.code).toBe(1);
    expect(twice.stdout).toBe('');
    expect(twice.stderr).toContain("session 'work' is running, and takes no 'started'");
    expect(await refusal(ann, repo, 'resume', 'work')).toBe('invalid-transition 1');
    await ann.ok(repo, 'pause', '-m', 'a', 'work');
    expect(await refusal(ann, repo, 'pause', '-m', 'b', 'work')).toBe('invalid-transition 1');
    expect(await refusal(ann, repo, 'start', 'work')).toBe('invalid-transition 1');
    expect((await state(ann, repo)).state.reason).toBe('a');
  });

  test('L7: without an argument it is the session that the command is typed in', async () => {
    const { ann, repo } = await started();
    await ann.ok(repo, 'create', 'other');
    await ann.tmux('send-keys', '-t', '=work:', `${PROGRAM} pause -m typed; ${PROGRAM} state`, 'Enter');
    await waitFor(async () => (await ann.ok(repo, 'state', 'work')) === 'paused: typed\n', 'the pause');
    expect(await ann.ok(repo, 'state', 'other')).toBe('running\n');
    await waitFor(async () => (await ann.screen('=work:')).includes('\npaused: typed'), 'the answer');
    expect(await ann.tmux('show-options', '-v', '-t', '=work:', '@git-session-state')).toBe('paused');
    for (const verb of ['state', 'start', 'complete']) {
      expect(await refusal(ann, repo, verb)).toBe('usage 129');
    }
  });

  test('L1: what is wrong with the words is said, and nothing is recorded', async () => {
    const { ann, repo } = await started();
    for (const verb of ['state', 'start', 'resume', 'complete']) {
      expect(await refusal(ann, repo, verb, 'nobody')).toBe('not-found 1');
    }
    for (const args of [
      ['pause', 'work'],
      ['fail', 'work'],
      ['pause', '-m', 'x'.repeat(5000), 'work'],
      ['iterate', 'on', 'work'],
      ['event', 'work', 'begun'],
      ['event', 'work', 'iteration-started'],
      ['event', 'work', 'iteration-started', '--data={'],
      ['event', 'work', 'iteration-started', '--data={"number":"1"}'],
      ['event', 'work', 'analysis-completed', '--data={"results":1e999}'],
      [
        'event',
        'work',
        'analysis-completed',
        `--data={"results":${'['.repeat(20_000)}${']'.repeat(20_000)}}`,
      ],
      ['event', 'work', 'paused', `--data=${'['.repeat(20_000)}${']'.repeat(20_000)}`],
      ['states', '--format=dot'],
    ]) {
      expect([args[2], await refusal(ann, repo, ...args)]).toEqual([args[2], 'usage 129']);
    }
    expect(await state(ann, repo)).toMatchObject({ state: { name: 'running' }, events: 1 });
    await ann.git(repo, 'config', 'session.enabled', 'false');
    expect(await refusal(ann, repo, 'pause', '-m', 'x', 'work')).toBe('disabled 128');
    expect((await state(ann, repo)).state.name).toBe('running');
  });

  test('L6: an event keeps its data, whatever they are, and a time', async () => {
    const { ann, repo } = await started();
    const results = { 'a b': [1, null, { deep_key: '\u001b[31m', camelKey: 'ü' }] };
    const made = await json<{ events: { type: string; at: string; data: unknown }[] }>(
      ...([ann, repo, 'event', 'work', 'analysis-completed', '--data', JSON.stringify({ results })] as const),
    );
    expect(made.events).toEqual([
      { type: 'analysis-completed', at: expect.stringMatching(/^\d{4}-.*Z$/u) as string, data: { results } },
    ]);
    const number = (data: string) =>
      json<State>(ann, repo, 'event', 'work', 'iteration-started', `--data=${data}`);
    expect((await number('{"number": 7}')).state.iteration).toBe(7);
    const executed = ['event', 'work', 'command-executed', '--data'];
    await ann.ok(repo, ...executed, '{"command":"a","success":true,"exitCode":0,"durationMs":null}');
    const ended = await json<State>(ann, repo, 'event', 'work', 'completed');
    expect(ended.state.summary).toMatchObject({ commands: 1, success_rate: 1 });
  });

  test('L6: what looks like a secret is in no event, and a warning says so', async () => {
    const secret = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;
    const { ann, repo } = await started('--no-start', `--focus=use ${secret}`);
    await ann.ok(repo, 'start', 'work');
    const results = JSON.stringify({ results: { log: [`found ${secret}`] } });
    const command = { command: `curl -H 'Authorization: Bearer ${secret}'`, success: true };
    const executed = JSON.stringify({ ...command, exit_code: 0, duration_ms: 1 });
    await ann.ok(repo, 'event', 'work', 'analysis-completed', `--data=${results}`);
    await ann.ok(repo, 'event', 'work', 'command-executed', `--data=${executed}`);
    const paused = await ann.gs(repo, 'pause', '-m', `wait for ${secret}`, 'work');
    expect(paused.stderr).toContain('warning: what looks like a secret was left out');
    expect(paused.stdout).toContain('paused: wait for [redacted:');
    await ann.ok(repo, 'fail', '-m', `no ${secret}`, 'work');
    const kept = await ann.run('grep', ['-rlaF', secret, '.git'], { cwd: repo });
    expect(kept.stdout).toBe('');
    const refs = await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions/work');
    for (const ref of refs.split('\n')) {
      expect(await ann.git(repo, 'cat-file', 'blob', ref)).not.toContain(secret);
    }
    expect(await inGit(ann, repo)).toHaveLength(5);
  });

  test('L6: with --fail-fast the first command that fails is the end', async () => {
    const { ann, repo } = await started('--fail-fast');
    const executed = (success: boolean) =>
      ann.ok(
        ...([repo, 'event', 'work', 'command-executed'] as const),
        `--data=${JSON.stringify({ command: 'make', success, exit_code: 1, duration_ms: 1 })}`,
      );
    await executed(true);
    expect((await state(ann, repo)).state.name).toBe('running');
    expect(await executed(false)).toBe('Session work: failed: command failed: make\n');
    expect(await state(ann, repo)).toMatchObject({ state: { name: 'failed' }, events: 4 });
  });

  test('L13: the table is printed, also where there is no repository', async () => {
    const ann = person();
    const folder = temporaryFolder();
    expect(await ann.ok(folder, 'states')).toMatch(/^STATE +EVENT +NEXT STATE\ncreated +started +running\n/u);
    const mermaid = await ann.ok(folder, 'states', '--format', 'mermaid');
    const document = readFileSync(path.resolve(import.meta.dirname, '../../docs/lifecycle.md'), 'utf8');
    expect(document).toContain(`\`\`\`mermaid\n${mermaid}\`\`\`\n`);
    const table = await json<{ states: unknown[]; transitions: unknown[] }>(ann, folder, 'states');
    expect(table.states).toContainEqual({ name: 'failed', final: true });
    expect(table.transitions).toContainEqual({ from: 'paused', event: 'resumed', to: 'running' });
  });
});

describe('where the log can not be written, or tmux is not there', () => {
  test('L9: the session stays, a warning says it, and it can be started later', async () => {
    const ann = person();
    const repo = await ann.repo();
    const folder = path.join(repo, '.git/git-session');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'journal'), 'in the way');
    const result = await ann.gs(repo, 'create', 'work');
    expect(result.code).toBe(0);
    expect(result.stderr).toContain("warning: the start is not in the session's log: ");
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('work');
    rmSync(path.join(folder, 'journal'));
    expect(await ann.ok(repo, 'state', 'work')).toBe('created\n');
    await ann.ok(repo, 'start', 'work');
    expect(await ann.ok(repo, 'state', 'work')).toBe('running\n');
  });

  test('L1: the state is told without tmux, and states are changed', async () => {
    const { ann, repo } = await started();
    await ann.git(repo, 'config', 'session.tmuxCommand', '/nonexistent/tmux');
    expect(await ann.ok(repo, 'state', 'work')).toBe('running\n');
    await ann.ok(repo, 'pause', '-m', 'no tmux', 'work');
    expect(await ann.ok(repo, 'state', 'work')).toBe('paused: no tmux\n');
  });

  test('L1: a record of before has no options, and can be read', async () => {
    const { ann, repo } = await started('--no-start');
    const live = path.join(repo, '.git/git-session/live');
    const file = path.join(live, readdirSync(live)[0]!, 'record.json');
    const { config, ...old } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(config).toMatchObject({ projectPath: repo });
    writeFileSync(file, JSON.stringify(old));
    await ann.ok(repo, 'start', 'work');
    expect(await state(ann, repo)).toMatchObject({
      ...{ state: { name: 'running' }, config: { project_path: repo, execution_mode: 'direct' } },
    });
  });
});

describe('iterations', () => {
  test('P2: files, lines and commits are those of git', async () => {
    const { ann, repo } = await started();
    const write = (file: string, text: string | Buffer) => writeFileSync(path.join(repo, file), text);
    write('three.txt', 'a\nb\nc\n');
    write('moved.txt', 'long enough\nto be found\nagain\n'.repeat(5));
    write('gone.txt', '1\n2\n');
    await ann.git(repo, 'add', '.');
    await ann.git(repo, 'commit', '-q', '-m', 'before');
    const start = await ann.git(repo, 'rev-parse', 'HEAD');
    await ann.ok(repo, 'iterate', 'start', 'work');
    write('three.txt', 'a\nc\nd\ne\nf\n');
    await ann.git(repo, 'commit', '-q', '-am', 'plus 3, minus 1');
    await ann.git(repo, 'mv', 'moved.txt', 'there ü.txt');
    write('binary', Buffer.from([0, 1, 2, 10, 0]));
    await ann.git(repo, 'add', '.');
    await ann.git(repo, 'commit', '-q', '-m', 'a name and bytes');
    rmSync(path.join(repo, 'gone.txt'));
    write('file.txt', 'one\ntwo\n');
    await ann.git(repo, 'add', 'file.txt');
    const { iteration, changes } = await json<Ended>(ann, repo, 'iterate', 'end', 'work');
    const rows = (await ann.git(repo, 'diff', '--numstat', '-M', start))
      .split('\n')
      .map((row) => row.split('\t'));
    const sum = (i: number) => rows.reduce((n, row) => n + (row[i] === '-' ? 0 : Number(row[i])), 0);
    expect(iteration).toBe(1);
    expect(rows.length).toBe(5);
    expect(changes.files_modified).toEqual(['binary', 'file.txt', 'gone.txt', 'there ü.txt', 'three.txt']);
    expect([changes.lines_added, changes.lines_removed]).toEqual([sum(0), sum(1)]);
    expect([sum(0), sum(1)]).toEqual([4, 3]);
    expect(changes.git_commits.join('\n')).toBe(
      await ann.git(repo, 'rev-list', '--reverse', `${start}..HEAD`),
    );
  });

  test('P2: what was there before does not count again, and untracked files count where they are new', async () => {
    const { ann, repo } = await started();
    const write = (file: string, text: string) => writeFileSync(path.join(repo, file), text);
    write('file.txt', 'one\nmine\n');
    write('old.txt', 'old\n'.repeat(9));
    write('.gitignore', '*.log\n');
    const old = Date.now();
    // The clock by which files are told apart has gone on.
    await waitFor(() => Date.now() > old + 100, 'the clock');
    await ann.ok(repo, 'iterate', 'start', 'work');
    write('file.txt', 'one\nmine\nyours\n');
    mkdirSync(path.join(repo, 'sub'));
    write('sub/new.txt', 'a\nb\nno end');
    write('build.log', 'ignored\n');
    const first = await json<Ended>(ann, repo, 'iterate', 'end', 'work');
    expect(first.changes).toMatchObject({
      ...{ files_modified: ['file.txt', 'sub/new.txt'], lines_added: 4, lines_removed: 0, git_commits: [] },
    });
    const status = await ann.git(repo, 'status', '--porcelain');
    const next = Date.now();
    await waitFor(() => Date.now() > next + 100, 'the clock');
    await ann.ok(repo, 'iterate', 'start', 'work');
    const second = await json<Ended>(ann, repo, 'iterate', 'end', 'work');
    expect(second.changes).toMatchObject({ files_modified: [], lines_added: 0, lines_removed: 0 });
    // The index and the stash are as they were.
    expect(await ann.git(repo, 'status', '--porcelain')).toBe(status);
    expect(await ann.git(repo, 'stash', 'list')).toBe('');
  });

  test('P2: in a repository without a commit, and where the commit at the start is gone', async () => {
    const ann = person();
    const repo = path.join(ann.dir, 'empty');
    mkdirSync(repo);
    await ann.git(repo, 'init', '-q');
    await ann.ok(repo, 'create', 'work');
    await ann.ok(repo, 'iterate', 'start', 'work');
    writeFileSync(path.join(repo, 'a'), '1\n2\n');
    await ann.git(repo, 'add', '.');
    await ann.git(repo, 'commit', '-q', '-m', 'first');
    const { changes } = await json<Ended>(ann, repo, 'iterate', 'end', 'work');
    const head = await ann.git(repo, 'rev-parse', 'HEAD');
    expect(changes).toMatchObject({ files_modified: ['a'], lines_added: 2, git_commits: [head] });
    const lost = JSON.stringify({ number: 2, head: 'f'.repeat(40) });
    await ann.ok(repo, 'event', 'work', 'iteration-started', `--data=${lost}`);
    writeFileSync(path.join(repo, 'a'), '1\n');
    const result = await ann.gs(repo, 'iterate', 'end', 'work');
    expect(result.stdout).toContain('1 file changed, +0 -1, 0 commits');
    expect(result.stderr).toContain('is gone: only what is not committed was counted');
  });

  test('P2: more files than a log takes are counted, and a warning says it', async () => {
    const { ann, repo } = await started();
    await ann.ok(repo, 'iterate', 'start', 'work');
    const folder = path.join(repo, 'a-folder-with-a-name-'.repeat(8));
    mkdirSync(folder);
    for (let i = 0; i < 1000; i++) writeFileSync(path.join(folder, `file-${i}`), 'x\n');
    const result = await ann.gs(repo, 'iterate', 'end', 'work', '--json');
    expect(result.stderr).toContain('1000 files were changed, too many for the log');
    const { changes } = JSON.parse(result.stdout) as Ended;
    expect(changes.lines_added).toBe(1000);
    expect(changes.files_modified.length).toBeGreaterThan(500);
    expect(changes.files_modified.length).toBeLessThan(1000);
    expect((await state(ann, repo)).damaged).toEqual([]);
  });

  test('P11: the iteration behind the last one is refused', async () => {
    const { ann, repo } = await started('--max-iterations=2');
    for (const number of [1, 2]) {
      expect(await ann.ok(repo, 'iterate', 'start', 'work')).toContain(`iteration ${number} started`);
      await ann.ok(repo, 'iterate', 'end', 'work');
    }
    const before = await state(ann, repo);
    expect(await refusal(ann, repo, 'iterate', 'start', 'work')).toBe('iteration-limit 1');
    const forced = ['event', 'work', 'iteration-started', '--data={"number":3}'];
    expect(await refusal(ann, repo, ...forced)).toBe('iteration-limit 1');
    expect(await state(ann, repo)).toEqual(before);
    for (const n of ['0', '-1', 'x', '1.5', '']) {
      expect(await refusal(ann, repo, 'create', `--max-iterations=${n}`, 'other')).toBe('usage 129');
    }
  });

  test('P2: one iteration goes on at a time', async () => {
    const { ann, repo } = await started();
    expect(await refusal(ann, repo, 'iterate', 'end', 'work')).toBe('invalid-transition 1');
    await ann.ok(repo, 'iterate', 'start', 'work');
    const again = await ann.gs(repo, 'iterate', 'start', 'work');
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("iteration 1 of 'work' goes on");
    await ann.ok(repo, 'pause', '-m', 'x', 'work');
    expect(await refusal(ann, repo, 'iterate', 'end', 'work')).toBe('invalid-transition 1');
    await ann.ok(repo, 'resume', 'work');
    await ann.ok(repo, 'iterate', 'end', 'work');
    // Of several at the same time one is the next.
    const both = await Promise.all([1, 2, 3].map(() => ann.gs(repo, 'iterate', 'start', 'work')));
    expect(both.filter((r) => r.code === 0).length).toBe(1);
    expect((await state(ann, repo)).state.iteration).toBe(2);
  });
});

describe('options of create', () => {
  test('S18 S20: all are kept, and told by create, state, list and show', async () => {
    const ann = person();
    const repo = await ann.repo();
    mkdirSync(path.join(repo, 'app'));
    const options = ['--project=app', '--workflow=flow.yaml', '--mode=direct', '--max-iterations=3'];
    const more = ['--focus=the parser', '--fail-fast', '--auto-merge', '--collect-metrics', '--verbose'];
    const made = await ann.gs(repo, 'create', ...options, ...more, 'work', '--json');
    const life = {
      ...{ project_path: path.join(repo, 'app'), workflow: 'flow.yaml', execution_mode: 'direct' },
      ...{ worktree: null, max_iterations: 3, focus: 'the parser' },
      options: { fail_fast: true, auto_merge: true, collect_metrics: true, verbose: true },
    };
    const config = { ...life, name: 'work', working_dir: path.join(repo, 'app'), ai: false };
    expect(JSON.parse(made.stdout)).toMatchObject({ working_dir: path.join(repo, 'app'), config });
    expect((await state(ann, repo)).config).toEqual(life);
    expect(await json(ann, repo, 'list')).toMatchObject([{ config }]);
    expect(await json(ann, repo, 'show', 'work')).toMatchObject({ config });
  });

  test('S20, P10: --verbose says more on stderr, and the same on stdout', async () => {
    const ann = person();
    const repo = await ann.repo();
    const plain = await ann.gs(repo, 'create', 'a');
    const verbose = await ann.gs(repo, 'create', '--verbose', '--max-iterations=2', 'a2');
    const shape = (text: string) => text.replace(/[0-9a-f-]{36}/u, '<id>').replace('a2', 'a');
    expect(shape(verbose.stdout)).toBe(shape(plain.stdout));
    expect(verbose.stderr).toContain(
      `Project: ${repo}\nMode: direct, on branch main\nIterations: at most 2\n`,
    );
    expect(plain.stderr).not.toContain('Project');
  });

  test('S19: in worktree mode panes work in the linked worktree of that name', async () => {
    const ann = person();
    const repo = await ann.repo();
    mkdirSync(path.join(repo, 'app'));
    writeFileSync(path.join(repo, 'app/a'), 'a\n');
    await ann.git(repo, 'add', '.');
    await ann.git(repo, 'commit', '-q', '-m', 'app');
    // A directory of that name is no worktree.
    mkdirSync(path.join(repo, 'feature'));
    await ann.ok(repo, 'create', '--mode', 'worktree=feature', '--project', 'app', 'one');
    const listed = (await ann.git(repo, 'worktree', 'list', '--porcelain')).split('\n');
    const directory = path.join(ann.dir, 'repo.sessions/feature');
    expect(listed).toContain(`worktree ${directory}`);
    const pane = (name: string) => ann.tmux('list-panes', '-t', `=${name}:`, '-F', '#{pane_current_path}');
    await waitFor(async () => (await pane('one')) === path.join(directory, 'app'), 'the directory');
    expect((await state(ann, repo, 'one')).config).toMatchObject({
      ...{ execution_mode: 'worktree', worktree: 'feature', project_path: path.join(directory, 'app') },
    });
    // The same one again, by the name of its directory too.
    await ann.git(directory, 'checkout', '-q', '-b', 'renamed');
    await ann.ok(repo, 'create', '--mode=worktree=feature', 'two');
    await waitFor(async () => (await pane('two')) === directory, 'the directory');
    for (const args of [
      ['--mode=worktree=main'],
      ['--mode=worktree='],
      ['--mode=elsewhere'],
      ['--mode=worktree=x', '-w', 'y'],
      ['--mode=worktree=x', '--project=/'],
      ['--workflow='],
    ]) {
      expect([args, await refusal(ann, repo, 'create', ...args, 'three')]).toEqual([args, 'usage 129']);
    }
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('one\ntwo');
  });
});

describe('P8 auto-merge', () => {
  async function inWorktree(...options: string[]): Promise<{ ann: Person; repo: string; there: string }> {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', '--mode=worktree=topic', ...options, 'work');
    return { ann, repo, there: path.join(ann.dir, 'repo.sessions/topic') };
  }

  async function commit(ann: Person, dir: string, file: string, text: string): Promise<string> {
    writeFileSync(path.join(dir, file), text);
    await ann.git(dir, 'add', '.');
    await ann.git(dir, 'commit', '-q', '-m', file);
    return ann.git(dir, 'rev-parse', 'HEAD');
  }

  test('P8: the branch of the worktree is merged on complete, as a fast-forward', async () => {
    const { ann, repo, there } = await inWorktree('--auto-merge');
    const commits = [await commit(ann, there, 'a', 'a\n'), await commit(ann, there, 'b', 'b\n')];
    expect(await ann.ok(repo, 'complete', 'work')).toContain('Merged topic into main (fast-forward)\n');
    expect(await ann.git(repo, 'log', '--format=%H', '-2')).toBe(commits.toReversed().join('\n'));
    expect(existsSync(path.join(repo, 'b'))).toBe(true);
    expect(await ann.git(repo, 'status', '--porcelain')).toBe('');
  });

  test('P8: both have gone on: a merge, from wherever it is typed', async () => {
    const { ann, repo, there } = await inWorktree('--auto-merge');
    const theirs = await commit(ann, there, 'a', 'a\n');
    const ours = await commit(ann, repo, 'b', 'b\n');
    const { merge } = await json<{ merge: object }>(ann, there, 'complete', 'work');
    const head = await ann.git(repo, 'rev-parse', 'HEAD');
    expect(merge).toEqual({ how: 'merge', commit: head, branch: 'topic', into: 'main', reason: null });
    expect(await ann.git(repo, 'log', '-1', '--format=%P')).toBe(`${ours} ${theirs}`);
  });

  test('P8: without the option, and in direct mode, nothing is merged', async () => {
    const { ann, repo, there } = await inWorktree();
    await commit(ann, there, 'a', 'a\n');
    const head = await ann.git(repo, 'rev-parse', 'HEAD');
    expect(await json(ann, repo, 'complete', 'work')).toMatchObject({ merge: null });
    await ann.ok(repo, 'create', '--auto-merge', 'direct');
    expect(await json(ann, repo, 'complete', 'direct')).toMatchObject({ merge: null });
    expect(await ann.git(repo, 'rev-parse', 'HEAD')).toBe(head);
  });

  const SPOILED: [what: string, file: string, spoil: (ann: Person, repo: string) => unknown][] = [
    [
      'a conflict',
      'file.txt',
      async (ann: Person, repo: string) => void (await commit(ann, repo, 'file.txt', 'x\n')),
    ],
    ['changes in the main worktree', 'a', (_: Person, repo: string) => change(repo)],
    ['changes in its own worktree', 'a', (ann: Person) => change(path.join(ann.dir, 'repo.sessions/topic'))],
    [
      'an untracked file in the way',
      'a',
      (_: Person, repo: string) => writeFileSync(path.join(repo, 'a'), 'mine\n'),
    ],
    [
      'a detached HEAD',
      'a',
      async (ann: Person, repo: string) => void (await ann.git(repo, 'checkout', '-q', '--detach')),
    ],
    ['a merge under way', 'a', underWay],
    [
      'its worktree is gone',
      'a',
      async (ann: Person, repo: string) =>
        void (await ann.git(
          repo,
          'worktree',
          'remove',
          '--force',
          path.join(ann.dir, 'repo.sessions/topic'),
        )),
    ],
  ];

  test.each(SPOILED)('P8: %s leaves all as it is, and says so', async (_, file, spoil) => {
    const { ann, repo, there } = await inWorktree('--auto-merge');
    await commit(ann, there, file, 'theirs\n');
    await spoil(ann, repo);
    const look = async () => [
      await ann.git(repo, 'rev-parse', 'HEAD', 'refs/heads/topic', 'refs/heads/main'),
      await ann.git(repo, 'status', '--porcelain=v2', '--branch'),
      readFileSync(path.join(repo, 'file.txt'), 'utf8'),
      existsSync(path.join(repo, '.git/MERGE_HEAD')),
    ];
    const before = await look();
    const result = await ann.gs(repo, 'complete', 'work');
    expect(result.code).toBe(0);
    expect(result.stdout).toContain('Session work: completed\n');
    expect(result.stdout).not.toContain('Merged');
    expect(result.stderr).toContain('warning: not merged: ');
    expect(await look()).toEqual(before);
  });

  function change(dir: string): void {
    writeFileSync(path.join(dir, 'file.txt'), 'changed\n');
  }

  async function underWay(ann: Person, repo: string): Promise<void> {
    await ann.git(repo, 'checkout', '-q', '-b', 'side');
    await commit(ann, repo, 'side', 's\n');
    await ann.git(repo, 'checkout', '-q', 'main');
    await ann.git(repo, 'merge', '-q', '--no-ff', '--no-commit', 'side');
  }
});
