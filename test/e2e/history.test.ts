import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person, waitFor } from '../support/harness.ts';
import { shellTerminal, terminal } from '../support/terminal.ts';

interface Run {
  id: string;
  name: string;
}

interface Document {
  session: string;
  source: string;
  lines: string[];
  panes: { pane: string | null; command: string; first: number; lines: number }[];
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));
const text = (lines: string[]) => lines.map((line) => `${line}\n`).join('');
const recordOf = (repo: string, { id }: Run) => path.join(repo, '.git/git-session/live', id);

/** Runs a command to its end, whatever its exit code. */
async function finished(ann: Person, repo: string, id: string, ...command: string[]): Promise<Run> {
  const result = await ann.gs(repo, 'run', '--json', '--wait', '--id', id, '--', ...command);
  return JSON.parse(result.stdout) as Run;
}

const savedFile = (ann: Person, { name, id }: Run) =>
  path.join(ann.home, '.local/share/git-session/history', `${name}-${id.slice(0, 8)}.txt`);

async function saved(ann: Person, run: Run): Promise<string> {
  const file = savedFile(ann, run);
  await waitFor(() => existsSync(file), `the history of ${run.name}`);
  return file;
}

async function document(ann: Person, repo: string, ...args: string[]): Promise<Document> {
  return JSON.parse(await ann.ok(repo, 'history', '--json', ...args)) as Document;
}

describe('git session history', () => {
  test('Y1 the last lines, Y2 into a file that is not replaced unasked', async () => {
    const ann = person();
    const repo = await ann.repo();
    const run = await finished(ann, repo, 'count', 'seq', '5000');
    const all = await ann.gs(repo, 'history', 'count');
    expect([all.code, all.stdout, all.stderr]).toEqual([0, text(numbers(1, 5000)), '']);
    expect(await ann.ok(repo, 'history', '-n', '1000', run.name)).toBe(text(numbers(4001, 5000)));
    expect(await ann.ok(repo, 'history', '-o', 'out.txt', 'count')).toBe('');
    const file = path.join(repo, 'out.txt');
    expect(readFileSync(file, 'utf8')).toBe(all.stdout);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const again = await ann.gs(repo, 'history', '-n', '1', '-o', 'out.txt', 'count');
    expect([again.code, again.stderr]).toEqual([
      128,
      "fatal: 'out.txt' already exists\nhint: to replace it: --force\n",
    ]);
    await ann.ok(repo, 'history', '-n', '1', '-f', '-o', 'out.txt', 'count');
    expect(readFileSync(file, 'utf8')).toBe('5000\n');
    expect(await ann.ok(repo, 'history', '-n', '2', '-o', '-', 'count')).toBe('4999\n5000\n');
    expect(await document(ann, repo, '-n', '2', 'count')).toMatchObject({
      ...{ session: run.name, id: run.id, source: 'tmux', from: null, lines: ['4999', '5000'] },
      panes: [{ pane: '0.0', first: 0, lines: 2 }],
    });
  });

  test('Y3 --grep finds lines, with the exit codes of grep', async () => {
    const ann = person();
    const repo = await ann.repo();
    await finished(ann, repo, 'job', 'printf', String.raw`one\nan error\nthree\nfour\nFAILED (x)\nsix\n`);
    const grep = async (...args: string[]) => {
      const { code, stdout } = await ann.gs(repo, 'history', ...args);
      return [code, stdout];
    };
    expect(await grep('--grep', 'error|failed', 'job')).toEqual([0, '2:an error\n']);
    expect(await grep('--grep', 'error|failed', '-i', 'job')).toEqual([0, '2:an error\n5:FAILED (x)\n']);
    expect(await grep('--grep', '^s|one', '--context', '1', 'job')).toEqual([
      0,
      '1:one\n2-an error\n--\n5-FAILED (x)\n6:six\n',
    ]);
    expect(await grep('--grep', 'FAIL', '-n', '2', 'job')).toEqual([0, '5:FAILED (x)\n']);
    expect(await grep('--grep', 'nothing', 'job')).toEqual([1, '']);
    expect(await grep('--grep=-e', 'job')).toEqual([1, '']);
    const bad = await ann.gs(repo, 'history', '--grep', '(x', 'job');
    expect([bad.code, bad.stdout]).toEqual([2, '']);
    expect(bad.stderr).toMatch(/^error: grep: .+\nhint: the expression is one of grep -E/u);
    const unknown = await ann.gs(repo, 'history', '--json', '--grep', 'x', 'nope');
    expect(unknown.code).toBe(2);
    expect(JSON.parse(unknown.stdout)).toMatchObject({
      error: { code: 'search-failed', exit: 2, data: { code: 'not-found' } },
    });
    expect((await ann.gs(repo, 'history', '--color', '--grep', 'x', 'job')).code).toBe(129);
    expect(JSON.parse(await ann.ok(repo, 'history', '--json', '--grep', 'four', 'job'))).toMatchObject({
      ok: true,
      matches: [{ line: 4, text: 'four', match: true, source: 'tmux' }],
    });
  });

  test('Y4 --all searches every session of the repository, and names session and line', async () => {
    const ann = person();
    const repo = await ann.repo();
    const other = await ann.repo('other');
    const ended = await finished(ann, repo, 'ended', 'printf', String.raw`edit auth.go\nok\n`);
    await saved(ann, ended);
    await ann.killServer();
    const live = await finished(ann, repo, 'live', 'printf', String.raw`ok\nauth.go: error\n`);
    await finished(ann, other, 'other', 'echo', 'auth.go');
    const found = await ann.ok(repo, 'history', '--all', '--grep', String.raw`auth\.go`);
    expect(found.trimEnd().split('\n').toSorted()).toEqual(
      [`${ended.name}:1:edit auth.go`, `${live.name}:2:auth.go: error`].toSorted(),
    );
    const all = await ann.ok(repo, 'history', '--all');
    expect(all).toContain(`==> ${ended.name} <==\nedit auth.go\nok\n`);
    const { sessions } = JSON.parse(await ann.ok(repo, 'history', '--all', '--json')) as {
      sessions: Document[];
    };
    expect(new Map(sessions.map((s) => [s.session, s.source]))).toEqual(
      new Map([
        [ended.name, 'file'],
        [live.name, 'tmux'],
      ]),
    );
    expect((await ann.gs(repo, 'history', '--all', '--grep', 'nothing')).code).toBe(1);
  });

  test('Y6, Y7 200,000 lines in a second are saved at the end, and can be read when tmux is gone', async () => {
    const ann = person();
    const repo = await ann.repo();
    const run = await finished(ann, repo, 'many', 'sh', '-c', 'seq 200000; echo Pane is dead; exit 3');
    const live = await ann.ok(repo, 'history', 'many');
    const file = await saved(ann, run);
    expect(readFileSync(file, 'utf8')).toBe(live);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const lines = live.trimEnd().split('\n');
    // As many as the history holds, with the screen; without tmux's own last line.
    expect(lines.length).toBeGreaterThanOrEqual(50_000);
    expect(lines).toEqual([...numbers(200_002 - lines.length, 200_000), 'Pane is dead']);
    await ann.killServer();
    const later = await ann.gs(repo, 'history', 'many');
    expect([later.code, later.stdout]).toEqual([0, live]);
    expect(later.stderr).toBe(`'${run.name}' has ended; this is its saved history: ${file}\n`);
    // The raw output is not bound to the limit.
    rmSync(file);
    const raw = await document(ann, repo, 'many');
    expect(raw.source).toBe('output');
    expect(raw.lines).toEqual([...numbers(1, 200_000), 'Pane is dead']);
  });

  test('Y7 the raw output is shown as a terminal would show it, from a repository with an unusual path', async () => {
    const ann = person();
    const repo = await ann.repo("100%d o'clock #{pid} $HOME");
    await ann.git(repo, 'config', 'session.historySaveDir', '/dev/null/nowhere/');
    const failed = await ann.gs(repo, 'run', '--wait', 'echo');
    expect([failed.code, failed.stderr]).toEqual([128, expect.stringContaining('history')]);
    await ann.git(repo, 'config', '--unset', 'session.historySaveDir');
    const line = String.raw`printf '10%%\r50%%\rdone\033[K\n\033[31mred\033[0m\033]0;title\007\n\033[1Agreen\n'; exit 1`;
    const run = await finished(ann, repo, 'bar', line);
    const file = await saved(ann, run);
    await ann.killServer();
    rmSync(file);
    const result = await ann.gs(repo, 'history', 'bar');
    expect([result.code, result.stdout]).toEqual([0, 'done\ngreen\n']);
    expect(result.stderr).toBe(`'${run.name}' has ended; this is its output as it was recorded\n`);
    // More than one piece of the log: the ring goes on.
    const long = await finished(ann, repo, 'long', `yes ${'x'.repeat(99)} | head -n 300000; echo end`);
    const pieces = readdirSync(recordOf(repo, long)).filter((name) => name.startsWith('output.'));
    expect(pieces.toSorted()).toEqual(['output.0.log', 'output.log']);
    await saved(ann, long);
    await ann.killServer();
    rmSync(savedFile(ann, long));
    const kept = await document(ann, repo, 'long');
    expect(kept.lines.at(-1)).toBe('end');
    expect(kept.lines.length).toBeGreaterThan(80_000);
  });

  test('G10 nothing is recorded or saved where historyAutoSave is false', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.git(repo, 'config', 'session.historyAutoSave', 'false');
    const run = await finished(ann, repo, 'quiet', 'echo', 'hello');
    // Nothing waits for tmux to have read it then.
    await waitFor(async () => (await ann.ok(repo, 'history', 'quiet')) === 'hello\n', 'the output');
    expect(await ann.tmux('list-panes', '-a', '-F', '#{pane_pipe}')).toBe('0');
    await ann.killServer();
    expect(readdirSync(recordOf(repo, run)).filter((name) => name.startsWith('output'))).toEqual([]);
    expect(existsSync(path.dirname(savedFile(ann, run)))).toBe(false);
    const result = await ann.gs(repo, 'history', 'quiet');
    expect([result.code, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain(`error: nothing is kept of what '${run.name}' printed\n`);
  });

  test('G11 historySaveDir may have any characters', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.git(repo, 'config', 'session.historySaveDir', '~/my #{pid} 100%d \'quoted\' "$HOME"');
    const run = await finished(ann, repo, 'odd', 'echo', 'hello');
    const file = path.join(
      ann.home,
      'my #{pid} 100%d \'quoted\' "$HOME"',
      `${run.name}-${run.id.slice(0, 8)}.txt`,
    );
    await waitFor(() => existsSync(file), 'the file');
    expect(readFileSync(file, 'utf8')).toBe('hello\n');
    await ann.killServer();
    expect(await ann.ok(repo, 'history', 'odd')).toBe('hello\n');
  });

  test('Y6 what is killed while it runs is saved before', async () => {
    const ann = person();
    const repo = await ann.repo();
    const run = JSON.parse(
      await ann.ok(repo, 'run', '--json', '--id', 'long', 'echo begun; exec cat'),
    ) as Run;
    await waitFor(async () => (await ann.ok(repo, 'history', 'long')) === 'begun\n', 'the output');
    await ann.ok(repo, 'kill', 'long');
    expect(readFileSync(savedFile(ann, run), 'utf8')).toBe('begun\n');
    expect(await ann.ok(repo, 'history', 'long')).toBe('begun\n');
  });

  test('M9 the reader of the output ends with the command, G4 the pane goes and the history stays', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'mine');
    const pipes = () => ann.tmux('list-panes', '-a', '-F', '#{pane_pipe}');
    await finished(ann, repo, 'one', 'echo', 'hello');
    await waitFor(async () => !(await pipes()).includes('1'), 'the pipe to end');
    await ann.git(repo, 'config', 'session.autoCleanupCompleted', 'true');
    const two = await finished(ann, repo, 'two', 'echo', 'bye');
    const gone = async () => !(await ann.tmux('list-sessions', '-F', '#{session_name}')).includes(two.name);
    await waitFor(gone, 'the session to go');
    expect(await ann.ok(repo, 'history', 'two')).toBe('bye\n');
    const three = await finished(ann, repo, 'three', 'echo bad; exit 1');
    await saved(ann, three);
    expect((await document(ann, repo, 'three')).source).toBe('tmux');
  });

  test('the command has the umask of its user', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.run('sh', ['-c', `umask 027; exec git session run --wait -- touch made`], { cwd: repo });
    expect(statSync(path.join(repo, 'made')).mode & 0o777).toBe(0o640);
  });

  test('several panes each have a heading, and --pane takes one', async () => {
    const ann = person();
    const repo = await ann.repo();
    const run = await finished(ann, repo, 'panes', 'echo', 'first');
    await ann.tmux('split-window', '-d', '-t', `=${run.name}:`, 'echo second; exec cat');
    await ann.waitForCommand(`=${run.name}:.1`, 'cat');
    await waitFor(async () => (await ann.screen(`=${run.name}:.1`)).includes('second'), 'the output');
    const window = await ann.tmux('display-message', '-p', '-t', `=${run.name}:`, '#{window_index}');
    const shown = await ann.ok(repo, 'history', 'panes');
    expect(shown).toMatch(/^=== \d\.0 .* ===\nfirst\n\n=== \d\.1 cat ===\nsecond\n$/u);
    expect(await ann.ok(repo, 'history', '--pane', `${window}.1`, 'panes')).toBe('second\n');
    expect(await ann.ok(repo, 'history', '--grep', 'second', 'panes')).toBe(`${window}.1:1:second\n`);
    expect((await document(ann, repo, 'panes')).lines).toEqual(['first', 'second']);
    const missing = await ann.gs(repo, 'history', '--pane', '7.7', 'panes');
    expect([missing.code, missing.stderr]).toEqual([
      1,
      expect.stringContaining(`there is no pane 7.7 in '${run.name}'`),
    ]);
  });

  test('colors only with --color, and the screen under a full-screen program too', async () => {
    const ann = person();
    const repo = await ann.repo();
    const line = String.raw`printf '\033[31mred\033[0m\n\033[?1049h\033[Hpicture'; exec cat`;
    await ann.ok(repo, 'run', '--id', 'vivid', line);
    await waitFor(async () => (await ann.ok(repo, 'history', 'vivid')).includes('picture'), 'the picture');
    expect(await ann.ok(repo, 'history', 'vivid')).toBe('red\npicture\n');
    expect(await ann.ok(repo, 'history', '--color', 'vivid')).toContain('\u001B[31mred');
  });

  test('without a name: the session one is in; several matches are ambiguous', async () => {
    const ann = person();
    const repo = await ann.repo();
    const first = await finished(ann, repo, 'test-a', 'echo', 'a');
    await finished(ann, repo, 'test-b', 'echo', 'b');
    const pane = await ann.tmux('display-message', '-p', '-t', `=${first.name}:`, '#{pane_id}');
    const TMUX = await ann.tmux('display-message', '-p', '-t', pane, '#{socket_path},#{pid},0');
    const inside = { cwd: repo, env: { TMUX, TMUX_PANE: pane } };
    expect((await ann.gsWith(inside, 'history')).stdout).toBe('a\n');
    const both = await ann.gs(repo, 'history', 'test');
    expect([both.code, both.stdout]).toEqual([1, '']);
    expect(both.stderr).toMatch(/matches 2 sessions\nhint: git session history /u);
    expect((await ann.gs(repo, 'history')).code).toBe(129);
    expect((await ann.gs(repo, 'history', 'nope')).code).toBe(1);
  });

  test('S12 what a snapshot has of it, for a session that is only saved', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo, 'echo kept; exec cat');
    await waitFor(async () => (await ann.screen('=work:')).includes('kept'), 'the output');
    await ann.ok(repo, 'save', '--scrollback');
    await ann.killServer();
    const result = await ann.gs(repo, 'history', 'work');
    expect([result.code, result.stdout]).toEqual([0, 'kept\n']);
    expect(result.stderr).toMatch(/^'work' is not alive; this is what was saved with work\/\d{8}T/u);
    const other = await ann.repo('other');
    expect((await ann.gs(other, 'history', 'work')).code).toBe(1);
  });

  test('on a terminal through the pager', async () => {
    const ann = person();
    const repo = await ann.repo();
    await finished(ann, repo, 'paged', 'seq', '3');
    await ann.git(repo, 'config', 'pager.session', 'sed s/^/paged-/');
    const shown = terminal(ann, repo, 'history', 'paged');
    expect(await shown.ended).toBe(0);
    await shown.waitForScreen(/paged-1\n\s*paged-2\n\s*paged-3/u);
  });

  test('G8 with keepAlive false the session ends with its last client', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'mine');
    await ann.git(repo, 'config', 'session.keepAlive', 'false');
    await ann.ok(repo, 'create', 'brief');
    const client = shellTerminal(ann, repo, 'tmux', ['-S', ann.socket, 'attach-session', '-t', '=brief']);
    const clients = () => ann.tmux('list-clients', '-F', '#{client_session}');
    await waitFor(async () => (await clients()) === 'brief', 'the client');
    await ann.tmux('detach-client', '-s', '=brief');
    await client.ended;
    const sessions = () => ann.tmux('list-sessions', '-F', '#{session_name}');
    await waitFor(async () => (await sessions()) === 'mine', 'the session to end');
  });

  test('Y6 why nothing is kept of a session of shells whose server went away', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'work');
    await ann.killServer();
    const lost = await ann.gs(repo, 'history', 'work');
    expect(lost.code).toBe(1);
    expect(lost.stderr).toContain('went away before it could be saved');
    expect(lost.stderr).not.toContain('historyAutoSave');
    await ann.git(repo, 'config', 'session.historyAutoSave', 'false');
    expect((await ann.gs(repo, 'history', 'work')).stderr).toContain('session.historyAutoSave');
  });

  test('G6 $0 is the default shell', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.git(repo, 'config', 'session.defaultShell', '/bin/dash');
    await finished(ann, repo, 'shell', 'echo $0');
    expect(await ann.ok(repo, 'history', 'shell')).toBe('/bin/dash\n');
  });
});

test('C14 of sessions that are called alike the picker tells when they began, and their ids', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'config', 'session.picker', 'builtin');
  const ids: string[] = [];
  for (let i = 0; i < 2; i++) {
    const { id } = JSON.parse(await ann.ok(repo, 'create', '--json', 'twin')) as { id: string };
    await ann.ok(repo, 'kill', '--yes', 'twin');
    ids.push(id);
  }
  const asked = terminal(ann, repo, 'history', 'twin');
  for (const id of ids) {
    await asked.waitForScreen(new RegExp(`twin +terminated +\\d+[sm] ago +${id.slice(0, 8)}`, 'u'));
  }
  asked.type('\u001b');
  expect(await asked.ended).toBe(1);
  const none = await ann.gs(repo, 'history', '--json', 'twin');
  expect(JSON.parse(none.stdout).error).toMatchObject({
    ...{ code: 'ambiguous', data: { candidates: ids } },
    hints: ids.map((id) => `git session history ${id}`),
  });
});
