import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person, processExists, waitFor } from '../support/harness.ts';
import { terminal } from '../support/terminal.ts';

interface Run {
  id: string;
  name: string;
  pid: number;
  status: string;
  exit_code: number | null;
  identifier: string;
  worktree: string | null;
  branch: string | null;
  metadata: Record<string, string>;
  start_time: string;
  end_time: string;
}

async function run(ann: Person, cwd: string, ...args: string[]): Promise<Run> {
  return JSON.parse(await ann.ok(cwd, 'run', '--json', ...args)) as Run;
}

const recordsOf = (repo: string): string[] => {
  const directory = path.join(repo, '.git/git-session/live');
  return existsSync(directory) ? readdirSync(directory) : [];
};
const history = (ann: Person): string => path.join(ann.home, '.local/share/git-session/history');

/** The output as it was saved when the command had ended. */
async function savedOutput(ann: Person, { name, id }: Run): Promise<string> {
  const file = path.join(history(ann), `${name}-${id.slice(0, 8)}.txt`);
  await waitFor(() => existsSync(file), `the history of ${name}`);
  return readFileSync(file, 'utf8');
}

describe('run', () => {
  test('N1, N3, N4, N7, C16 starts a command in the background, here, and prints its name', async () => {
    const ann = person();
    const repo = await ann.repo();
    const name = (await ann.ok(repo, 'run', '--', 'sh', '-c', 'pwd > where; exec sleep 1000')).trim();
    expect(name).toMatch(/^gs-run-sh-\d{14}$/u);
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe(name);
    await waitFor(() => existsSync(path.join(repo, 'where')), 'the command');
    expect(readFileSync(path.join(repo, 'where'), 'utf8')).toBe(`${repo}\n`);
    const started = await run(ann, repo, '--id', 'feature/auth', '--context', 'task', '--', 'sleep', '1000');
    expect(started.name).toMatch(/^gs-task-feature-auth-\d{14}$/u);
    expect(started).toMatchObject({ status: 'running', history_size: 0, identifier: 'feature/auth' });
    expect(processExists(started.pid)).toBe(true);
  });

  test('N5, G9 the history limit counts for the first pane, whatever the base-index', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'mine');
    await ann.tmux('set-option', '-g', 'base-index', '3');
    await ann.git(repo, 'config', 'session.historyLimit', '12345');
    const { name } = await run(ann, repo, 'sleep', '1000');
    const format = '#{window_index} #{history_limit}';
    expect(await ann.tmux('list-panes', '-s', '-t', `=${name}:`, '-F', format)).toBe('3 12345');
  });

  test('N6 several arguments reach the program exactly, also those that look like ours', async () => {
    const ann = person();
    const repo = await ann.repo();
    const words = [
      `it's "ok" $HOME`,
      '',
      '#{pid} #(touch x)',
      'a\nb\tc',
      '--json',
      '-h',
      '--',
      'ü\u{1F600}',
      '-w',
    ];
    const result = await ann.gs(
      repo,
      'run',
      '--wait',
      'sh',
      '-c',
      `printf '%s\\0' "$@" > out`,
      'sh',
      ...words,
    );
    expect(result.code).toBe(0);
    expect(readFileSync(path.join(repo, 'out'), 'utf8').split('\0').slice(0, -1)).toEqual(words);
    expect(existsSync(path.join(repo, 'x'))).toBe(false);
  });

  test('N6 one argument is a line for the shell', async () => {
    const ann = person();
    const repo = await ann.repo();
    const done = await run(ann, repo, '--wait', `echo "it's $((40 + 2))" && echo $0`);
    expect(await savedOutput(ann, done)).toBe("it's 42\n/bin/bash\n");
  });

  test('L12 the exit status decides, and --wait passes it on', async () => {
    const ann = person();
    const repo = await ann.repo();
    expect(await run(ann, repo, '--wait', 'true')).toMatchObject({ status: 'completed', exit_code: 0 });
    const failed = await ann.gs(repo, 'run', '--wait', '--json', 'exit 3');
    expect(failed.code).toBe(3);
    const told = JSON.parse(failed.stdout) as Run;
    expect(told).toMatchObject({ status: 'failed', exit_code: 3 });
    expect(Date.parse(told.end_time)).toBeGreaterThanOrEqual(Date.parse(told.start_time));
    const killed = await ann.gs(repo, 'run', '--wait', '--', 'sh', '-c', 'kill -SEGV $$');
    expect(killed.code).toBe(139);
    // The tmux session stays, with what was printed.
    await waitFor(
      async () => (await ann.tmux('list-panes', '-a', '-F', '#{pane_dead}')) === '1\n1\n1',
      'three dead panes',
    );
  });

  test('L12 the exit status is written down where there is no room for a new file', async () => {
    const ann = person();
    const repo = await ann.repo();
    // In its place is what no file can replace: as on a full disk, the last status finds no room.
    const script = 'mkdir -p "$(echo .git/git-session/live/*)/status.tmp/x"; exit 3';
    const result = await ann.gs(repo, 'run', '--wait', '--', 'sh', '-c', script);
    expect(result.code).toBe(3);
    expect(await ann.ok(repo, 'history', '--all')).not.toContain('status');
  });

  test('Y6 the output is saved at the end, without what tmux adds, and readable by the user only', async () => {
    const ann = person();
    const repo = await ann.repo();
    const done = await run(ann, repo, '--wait', 'seq 3000; echo; echo end of it');
    const lines = (await savedOutput(ann, done)).split('\n');
    expect(lines.slice(0, 3000)).toEqual(Array.from({ length: 3000 }, (_, i) => `${i + 1}`));
    expect(lines.slice(3000)).toEqual(['', 'end of it', '']);
  });

  test('C29 goes on when the terminal, and whoever started it, has gone; its result outlives the server', async () => {
    const ann = person();
    const repo = await ann.repo();
    const { id, name } = await run(ann, repo, 'echo first; until [ -e go ]; do sleep 0.05; done; echo last');
    writeFileSync(path.join(repo, 'go'), '');
    const record = path.join(repo, '.git/git-session/live', id);
    const status = () => readFileSync(path.join(record, 'status'), 'utf8');
    await waitFor(() => status().startsWith('state=exited'), 'the end');
    await ann.killServer();
    expect(status()).toMatch(/^state=exited\ncode=0\n/u);
    const saved = path.join(history(ann), `${name}-${id.slice(0, 8)}.txt`);
    const raw = () => readFileSync(path.join(record, 'output.log'), 'utf8');
    // Whichever of the two the server had time for.
    await waitFor(() => existsSync(saved) || raw().includes('last'), 'the output');
  });

  test('C17 in the worktree of a branch, made where it is missing', async () => {
    const ann = person();
    const repo = await ann.repo();
    const missing = await ann.gs(repo, 'run', '-w', 'feature/auth', 'pwd');
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('--create');
    const made = await run(
      ann,
      repo,
      '--wait',
      '--create',
      '-w',
      'feature/auth',
      'pwd; git branch --show-current',
    );
    const directory = path.join(path.dirname(repo), 'repo.sessions/feature-auth');
    expect(made).toMatchObject({ worktree: directory, branch: 'feature/auth' });
    expect(await savedOutput(ann, made)).toBe(`${directory}\nfeature/auth\n`);
    const again = await run(ann, repo, '--wait', '-w', 'feature/auth', 'pwd');
    expect(again.worktree).toBe(directory);
    const byPath = await run(ann, repo, '--wait', '-w', directory, 'pwd');
    expect(byPath.branch).toBe('feature/auth');
  });

  test('C17 says which worktree and which branch it has made', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.git(repo, 'branch', 'old');
    const created = await ann.gs(repo, 'create', '--create', '-w', 'old', 'one');
    expect(created.stderr).toMatch(/^Made worktree '\.\.\/repo\.sessions\/old' \(branch 'old'\)\n/u);
    const args = ['--create', '-w', '../other', '--', 'sleep', '1000'];
    const made = await ann.gs(repo, 'run', ...args);
    expect(made.stderr).toMatch(/^Made worktree '\.\.\/other' \(new branch 'other'\)\nStarted sleep 1000\n/u);
    expect(made.stdout).toMatch(/^gs-run-sleep-\d{14}\n$/u);
    expect((await ann.gs(repo, 'run', ...args)).stderr).toMatch(/^Started /u);
    const json = await ann.gs(repo, 'run', '--json', '--create', '-w', '../third', '--', 'sleep', '1000');
    expect(JSON.parse(json.stdout)).toMatchObject({ branch: 'third' });
    expect(json.stderr).toBe('');
  });

  test('S14 notes are kept', async () => {
    const ann = person();
    const repo = await ann.repo();
    const { metadata } = await run(ann, repo, '--meta', 'priority=high', '--meta', 'a=b=c', 'sleep', '1000');
    expect(metadata).toEqual({ priority: 'high', a: 'b=c' });
    expect((await ann.gs(repo, 'run', '--meta', 'nothing', 'true')).code).toBe(129);
  });

  test('what can not start says so, and leaves nothing', async () => {
    const ann = person();
    const repo = await ann.repo();
    mkdirSync(path.join(repo, 'folder'));
    for (const args of [
      ['--', 'no-such-program', 'x'],
      ['--', './folder', 'x'],
      ['-c', 'nowhere', '--', 'true', 'x'],
      ['-w', 'nowhere', '--', 'true', 'x'],
    ]) {
      const result = await ann.gs(repo, 'run', ...args);
      expect(result.code).not.toBe(0);
      expect(result.stdout).toBe('');
      expect(result.stderr).toMatch(/^(?:fatal|error): .*\nhint: /u);
    }
    expect((await ann.gs(repo, 'run')).code).toBe(129);
    const none = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'session.tmuxCommand',
      GIT_CONFIG_VALUE_0: '/nonexistent/tmux',
    };
    const withoutTmux = await ann.gsWith({ cwd: repo, env: none }, 'run', 'true');
    expect(withoutTmux).toMatchObject({ code: 128, stdout: '' });
    await ann.git(repo, 'config', 'session.enabled', 'false');
    expect((await ann.gs(repo, 'run', 'true')).code).toBe(128);
    expect(recordsOf(repo)).toEqual([]);
    expect(await ann.tmuxAlive()).toBe(false);
  });

  test("survives a server whose other sessions end when nobody is attached, and an option of the user's own", async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux(
      'new-session',
      '-d',
      '-s',
      'mine',
      ';',
      'set-option',
      '-t',
      'mine',
      'destroy-unattached',
      'off',
    );
    await ann.tmux('set-option', '-g', 'destroy-unattached', 'on');
    await ann.tmux('set-option', '-g', 'remain-on-exit', 'off');
    const { name } = await run(ann, repo, '--wait', 'echo ok');
    await ann.tmux('split-window', '-d', '-t', `=${name}:`, 'true');
    await waitFor(
      async () => (await ann.tmux('list-panes', '-t', `=${name}:`, '-F', '#{pane_dead}')) === '1',
      'the pane of the user to go, and ours to stay',
    );
  });

  test("M9 what ends the tmux session ends the command with it, as in tmux's own sessions", async () => {
    const ann = person();
    const repo = await ann.repo();
    const record = (id: string) =>
      readFileSync(path.join(repo, '.git/git-session/live', id, 'status'), 'utf8');
    const { id, name } = await run(ann, repo, 'echo $$ > pid; sleep 1000; echo after');
    await waitFor(() => existsSync(path.join(repo, 'pid')), 'the command');
    const pid = Number(readFileSync(path.join(repo, 'pid'), 'utf8'));
    await ann.tmux('new-session', '-d', '-s', 'other');
    await ann.tmux('kill-session', '-t', `=${name}:`);
    await waitFor(() => !processExists(pid), 'the command to end');
    await waitFor(() => record(id).startsWith('state=hangup\ncode=129\n'), 'the record of it');
    const [row] = JSON.parse(await ann.ok(repo, 'list', '--json', name)) as {
      status: string;
      reason: string;
    }[];
    expect(row).toMatchObject({ status: 'failed', reason: 'lost: its tmux session went away while it ran' });
  });

  test('twenty at once, with one id in one second, are twenty', async () => {
    const ann = person();
    const repo = await ann.repo();
    const all = await Promise.all(
      Array.from({ length: 20 }, () => run(ann, repo, '--id', 'same', 'sleep 1000')),
    );
    expect(new Set(all.map((r) => r.name)).size).toBe(20);
    expect(new Set(all.map((r) => r.id)).size).toBe(20);
    const live = (await ann.tmux('list-sessions', '-F', '#{session_name} #{@git-session-id}')).split('\n');
    expect(live.toSorted()).toEqual(all.map((r) => `${r.name} ${r.id}`).toSorted());
    expect(recordsOf(repo).length).toBe(20);
  });

  test('a repository whose path the shell and tmux could misread', async () => {
    const ann = person();
    const repo = await ann.repo(`it's #(touch pwned) #{pid} "$HOME" ü`);
    const done = await run(ann, repo, '--wait', 'echo ok');
    expect(await savedOutput(ann, done)).toBe('ok\n');
    const raw = path.join(repo, '.git/git-session/live', done.id, 'output.log');
    expect(readFileSync(raw, 'utf8')).toMatch(/^ok\r\n/u);
    expect(existsSync(path.join(repo, 'pwned'))).toBe(false);
  });

  test('G6 session.defaultShell, G8 session.keepAlive', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.git(repo, 'config', 'session.defaultShell', '/bin/sh');
    await ann.git(repo, 'config', 'session.keepAlive', 'false');
    expect(await savedOutput(ann, await run(ann, repo, '--wait', 'echo $0'))).toBe('/bin/sh\n');
    await ann.ok(repo, 'create', 'work');
    await ann.tmux('send-keys', '-t', '=work:', 'echo "<$0>"', 'Enter');
    await waitFor(async () => (await ann.screen('=work:')).includes('<'), 'the shell');
    expect(await ann.screen('=work:')).toMatch(/^<-?(?:\/bin\/)?sh>$/mu);
    expect(await ann.tmux('show-hooks', '-t', '=work:', 'client-detached')).toContain('kill-session');
  });
});

test('S2 a save of the session holds the command, and not the script around it', async () => {
  const ann = person();
  const repo = await ann.repo();
  const program = await run(ann, repo, 'sleep', '1000');
  const line = await run(ann, repo, 'while :; do sleep 1000; done');
  const saved = async ({ name }: Run) => {
    await ann.ok(repo, 'save', '-t', name);
    const { tmux } = JSON.parse(await ann.ok(repo, 'show', '--json', name)) as {
      tmux: { windows: { panes: { start: unknown }[] }[] };
    };
    return tmux.windows[0]!.panes[0]!.start;
  };
  expect(await saved(program)).toEqual({ argv: ['sleep', '1000'] });
  expect(await saved(line)).toEqual({ shell: 'while :; do sleep 1000; done' });
});

test('O11 what printed nothing has no first line in the log', async () => {
  const ann = person();
  const repo = await ann.repo();
  const name = (await ann.ok(repo, 'run', '--wait', '--id', 'silent', '--', 'true')).trim();
  expect(name).toBe('');
  expect(JSON.parse(await ann.ok(repo, 'log', '--json', 'silent'))).toMatchObject([{ preview: '' }]);
  expect(await ann.ok(repo, 'log', 'silent')).not.toMatch(/gs-\d+|\\u|\u001B/u);
});

test('L12 --wait tells where to look when the command failed', async () => {
  const ann = person();
  const repo = await ann.repo();
  const failed = await ann.gs(repo, 'run', '--wait', '--id', 'bad', 'exit 3');
  expect(failed.code).toBe(3);
  expect(failed.stderr).toMatch(/^hint: see what it printed: git session history gs-run-bad-\d+$/mu);
  expect((await ann.gs(repo, 'run', '--wait', '--json', 'exit 3')).stderr).toBe('');
  expect((await ann.gs(repo, 'run', '--wait', 'true')).stderr).not.toContain('hint:');
});

test('C16 nothing is started where a terminal is asked for and there is none, or no command', async () => {
  const ann = person();
  const repo = await ann.repo();
  for (const args of [
    ['run', '--attach', '--create', '-w', 'feature', '--', 'touch', 'ran'],
    ['create', '--attach', '--create', '-w', 'feature', 'work'],
  ]) {
    const { code, stdout, stderr } = await ann.gs(repo, ...args);
    expect([args, code, stdout]).toEqual([args, 1, '']);
    expect(stderr).toContain('attaching needs a terminal');
  }
  for (const args of [[''], [' '], ['', 'x']]) {
    expect([args, (await ann.gs(repo, 'run', ...args)).code]).toEqual([args, 129]);
  }
  expect([recordsOf(repo), await ann.tmuxAlive()]).toEqual([[], false]);
  expect(await ann.git(repo, 'branch', '--list', 'feature')).toBe('');
  const shown = terminal(ann, repo, 'create', '--attach', 'work');
  const clients = async () =>
    (await ann.tmuxAlive()) && (await ann.tmux('list-clients', '-F', '#{client_session}'));
  await waitFor(async () => (await clients()) === 'work', 'the session on the terminal');
  await ann.tmux('detach-client', '-s', '=work');
  expect(await shown.ended).toBe(0);
});

describe('create', () => {
  test('O1, L9, M1 makes a session with a shell and prints id, name and directory', async () => {
    const ann = person();
    const repo = await ann.repo();
    mkdirSync(path.join(repo, 'sub'));
    const out = await ann.ok(repo, 'create', '--name', 'work', '--dir', 'sub');
    expect(out).toMatch(/^Session: work\nID: [0-9a-f-]{36}\nWorking directory: .*\/sub\n$/u);
    const format = '#{session_name} #{pane_current_path} #{@git-session-id}';
    const live = await ann.tmux('list-panes', '-a', '-F', format);
    expect(live).toBe(`work ${realpathSync(path.join(repo, 'sub'))} ${/ID: (.*)/u.exec(out)![1]}`);
  });

  test('the name of a live session is refused, and so is one that tmux would change', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'work');
    const twice = await ann.gs(repo, 'create', 'work');
    expect(twice.code).toBe(128);
    expect(twice.stderr).toContain('git session attach work');
    for (const name of ['a.b', 'a:b', '-x', '', 'a b']) {
      expect((await ann.gs(repo, 'create', `--name=${name}`)).code).toBe(128);
    }
    expect(recordsOf(repo).length).toBe(1);
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('work');
  });

  test('S15 what was asked for is in the record', async () => {
    const ann = person();
    const repo = await ann.repo();
    const made = JSON.parse(
      await ann.ok(repo, 'create', '--json', '--ai', '--meta', 'a=b', 'work'),
    ) as unknown;
    expect(made).toMatchObject({
      ...{ name: 'work', kind: 'create', metadata: { a: 'b' }, command: null, status: 'running' },
      config: { name: 'work', working_dir: repo, ai: true },
    });
  });
});

describe('what a launch must not do', () => {
  test('G6 a shell that is none is said before anything is made', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'mine');
    for (const shell of ['/nowhere/sh', '/etc/passwd', '/']) {
      await ann.git(repo, 'config', 'session.defaultShell', shell);
      for (const args of [
        ['create', 'work'],
        ['run', 'sleep', '1000'],
      ]) {
        const { code, stderr } = await ann.gs(repo, ...args);
        expect([args, code]).toEqual([args, 128]);
        expect(stderr).toContain(`session.defaultShell is not a program: '${shell}'`);
        expect(stderr).toContain('git config --show-origin session.defaultShell');
      }
    }
    expect([recordsOf(repo), await ann.tmux('list-sessions', '-F', '#{session_name}')]).toEqual([[], 'mine']);
  });

  test('G6 what tmux refuses half way leaves no session behind', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'mine');
    // A program that tmux does not take as a shell: itself.
    const shell = path.join(ann.dir, 'bin', 'tmux');
    mkdirSync(path.dirname(shell));
    writeFileSync(shell, '#!/bin/sh\n', { mode: 0o755 });
    await ann.git(repo, 'config', 'session.defaultShell', shell);
    expect((await ann.gs(repo, 'create', 'work')).code).toBe(128);
    expect([recordsOf(repo), await ann.tmux('list-sessions', '-F', '#{session_name}')]).toEqual([[], 'mine']);
  });

  test('N6 arguments that are no UTF-8 reach the program exactly', async () => {
    const ann = person();
    const repo = await ann.repo();
    const line = String.raw`git session run --wait --id bytes -- sh -c 'printf %s "$1" >bytes' sh $'a\xffb'`;
    expect((await ann.run('bash', ['-c', line], { cwd: repo })).code).toBe(0);
    expect(readFileSync(path.join(repo, 'bytes')).toString('hex')).toBe('61ff62');
  });

  test('Y6 the history follows no link that somebody has planted', async () => {
    const ann = person();
    const repo = await ann.repo();
    const command = ['sh', '-c', 'echo hello; until [ -e go ]; do sleep 0.05; done'];
    const started = await run(ann, repo, '--id', 'links', '--', ...command);
    const name = `${started.name}-${started.id.slice(0, 8)}.txt`;
    const victims = ['', '.tmp', '.new'].map((end, i) => {
      const victim = path.join(ann.dir, `victim${i}`);
      writeFileSync(victim, 'precious\n');
      symlinkSync(victim, path.join(history(ann), `${name}${end}`));
      return victim;
    });
    writeFileSync(path.join(repo, 'go'), '');
    const file = path.join(history(ann), name);
    await waitFor(() => lstatSync(file).isFile(), 'the history');
    expect(readFileSync(file, 'utf8')).toBe('hello\n');
    expect(victims.map((victim) => readFileSync(victim, 'utf8'))).toEqual(victims.map(() => 'precious\n'));
  });

  test('G11 without HOME the home of the user counts, as it does for `config`', async () => {
    const ann = person();
    const repo = await ann.repo();
    // Wherever that home is, this is not in it.
    const directory = path.join(ann.dir, 'histories');
    await ann.git(repo, 'config', 'session.historySaveDir', `~${'/..'.repeat(10)}${directory}`);
    const env = { HOME: undefined, GIT_CONFIG_GLOBAL: path.join(ann.home, '.gitconfig') };
    const ran = await ann.gsWith({ cwd: repo, env }, 'run', '--wait', '--id', 'homeless', '--', 'echo', 'x');
    expect(ran).toMatchObject({ code: 0 });
    await waitFor(
      () => existsSync(directory) && readdirSync(directory).some((f) => f.endsWith('.txt')),
      'it',
    );
  });

  test('Y6 the name of a history has only plain characters', async () => {
    const ann = person();
    const repo = await ann.repo();
    const odd = 'a b\u00E4\u202E$(c)';
    await ann.tmux('new-session', '-d', '-s', odd, '-c', repo);
    await ann.ok(repo, 'adopt', odd);
    const id = await ann.tmux('list-sessions', '-F', '#{@git-session-id}');
    await ann.ok(repo, 'kill', '--yes', id);
    expect(readdirSync(history(ann))).toEqual([`a-b----c--${id.slice(0, 8)}.txt`]);
    expect((await ann.gs(repo, 'history', id)).code).toBe(0);
  });
});
