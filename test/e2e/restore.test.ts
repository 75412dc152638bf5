import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person, waitFor } from '../support/harness.ts';
import { terminal } from '../support/terminal.ts';

/** A saved session of one window with two panes, on a commit with uncommitted work of all three kinds. */
async function saved(ann: Person, ...saveArgs: string[]): Promise<string> {
  const repo = await ann.repo();
  mkdirSync(path.join(repo, 'src'));
  writeFileSync(path.join(repo, 'src/a.c'), 'int a;\n');
  await ann.git(repo, 'add', '.');
  await ann.git(repo, 'commit', '-qm', 'second');
  await ann.tmux('new-session', '-d', '-s', 'work', '-x', '120', '-y', '40', '-c', repo);
  await ann.tmux('split-window', '-h', '-t', '=work:', '-c', path.join(repo, 'src'));
  await ann.tmux('send-keys', '-t', '=work:0.1', 'sleep 321', 'Enter');
  await ann.waitForCommand('=work:0.1', 'sleep');
  appendFileSync(path.join(repo, 'file.txt'), 'unstaged\n');
  writeFileSync(path.join(repo, 'staged.txt'), 'staged\n');
  await ann.git(repo, 'add', 'staged.txt');
  writeFileSync(path.join(repo, 'new.txt'), 'untracked\n');
  await ann.ok(repo, 'save', ...saveArgs);
  return repo;
}

const WORK = ' M file.txt\nA  staged.txt\n?? new.txt';

async function forgetWork(ann: Person, repo: string): Promise<void> {
  await ann.git(repo, 'reset', '-q', '--hard');
  await ann.git(repo, 'clean', '-qfd');
}

describe('git', () => {
  test('R1 R3 after a crash the newer work in the tree is left exactly as it is', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    appendFileSync(path.join(repo, 'file.txt'), 'newer\n');
    writeFileSync(path.join(repo, 'later.txt'), 'later\n');
    const index = readFileSync(path.join(repo, '.git/index'));
    const result = await ann.gs(repo, 'restore', 'work');
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(
      /left as it is; 1 file differs from the saved work \(git diff [0-9a-f]{12}\)/u,
    );
    expect(readFileSync(path.join(repo, 'file.txt'), 'utf8')).toBe('one\nunstaged\nnewer\n');
    expect(await ann.git(repo, 'status', '--short')).toBe(
      ' M file.txt\nA  staged.txt\n?? later.txt\n?? new.txt',
    );
    expect(readFileSync(path.join(repo, '.git/index')).equals(index)).toBe(true);
    await ann.waitForCommand('=work:0.1', 'sleep');
  });

  test('R3 a clean tree at the saved commit gets the saved work with its index', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await forgetWork(ann, repo);
    await ann.ok(repo, 'restore', 'work');
    expect(await ann.git(repo, 'status', '--short')).toBe(WORK);
    expect(readFileSync(path.join(repo, 'file.txt'), 'utf8')).toBe('one\nunstaged\n');
  });

  test('R3 the branch is checked out where it still points at the saved commit', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await forgetWork(ann, repo);
    await ann.git(repo, 'checkout', '-q', '-b', 'other', 'HEAD~1');
    await ann.ok(repo, 'restore', 'work');
    expect(await ann.git(repo, 'symbolic-ref', '--short', 'HEAD')).toBe('main');
    expect(await ann.git(repo, 'status', '--short')).toBe(WORK);
  });

  test('R3 R11 a branch that moved is not moved back: HEAD is detached at the saved commit', async () => {
    const ann = person();
    const repo = await saved(ann);
    const head = await ann.git(repo, 'rev-parse', 'HEAD');
    await ann.killServer();
    await forgetWork(ann, repo);
    await ann.git(repo, 'commit', '-q', '--allow-empty', '-m', 'third');
    const main = await ann.git(repo, 'rev-parse', 'main');
    const result = await ann.gs(repo, 'restore', 'work');
    expect(result.code).toBe(0);
    expect(result.stderr).toContain(`branch 'main' has moved`);
    expect(await ann.git(repo, 'rev-parse', 'HEAD')).toBe(head);
    expect(await ann.git(repo, 'rev-parse', 'main')).toBe(main);
    expect((await ann.run('git', ['symbolic-ref', '-q', 'HEAD'], { cwd: repo })).code).toBe(1);
  });

  test('R3 F26 changes and another HEAD: refused, and nothing is touched', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await ann.git(repo, 'stash', '-q', '-u');
    await ann.git(repo, 'commit', '-q', '--allow-empty', '-m', 'third');
    appendFileSync(path.join(repo, 'file.txt'), 'mine\n');
    const before = await ann.git(repo, 'for-each-ref');
    const result = await ann.gs(repo, 'restore', 'work');
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(
      /^error: your working tree has changes.*nothing was touched\nhint: .*--worktree\nhint: .*--autostash/u,
    );
    expect(await ann.git(repo, 'status', '--short')).toBe(' M file.txt');
    expect(await ann.git(repo, 'for-each-ref')).toBe(before);
    expect(await ann.tmuxAlive()).toBe(false);
  });

  test('F26 an untracked file in the way is refused as well, also an ignored one', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await forgetWork(ann, repo);
    await ann.git(repo, 'checkout', '-q', 'HEAD~1');
    writeFileSync(path.join(repo, '.git/info/exclude'), 'new.txt\n');
    writeFileSync(path.join(repo, 'new.txt'), 'precious\n');
    const result = await ann.gs(repo, 'restore', 'work');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('in the way');
    expect(readFileSync(path.join(repo, 'new.txt'), 'utf8')).toBe('precious\n');
  });

  test('--autostash puts the changes on the stash and says so', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await forgetWork(ann, repo);
    await ann.git(repo, 'checkout', '-q', 'HEAD~1');
    appendFileSync(path.join(repo, 'file.txt'), 'mine\n');
    const result = await ann.gs(repo, 'restore', '--autostash', 'work');
    expect(result.code).toBe(0);
    expect(result.stderr).toContain('git stash pop');
    expect(await ann.git(repo, 'status', '--short')).toBe(WORK);
    expect(await ann.git(repo, 'stash', 'show', '-p', 'stash@{0}')).toContain('+mine');
  });

  test('--worktree makes a linked worktree and maps the panes into it', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await ann.git(repo, 'commit', '-q', '-am', 'mine');
    const status = await ann.git(repo, 'status', '--short');
    const result = await ann.gs(repo, 'restore', '--worktree', 'work');
    expect(result.code).toBe(0);
    const made = (await ann.git(repo, 'worktree', 'list', '--porcelain')).match(
      /worktree (.*repo\.sessions.*)/u,
    )![1]!;
    expect(path.dirname(made)).toBe(`${repo}.sessions`);
    expect(await ann.git(made, 'status', '--short')).toBe(WORK);
    expect(await ann.git(repo, 'status', '--short')).toBe(status);
    await ann.waitForCommand('=work:0.1', 'sleep');
    const paths = await ann.tmux('list-panes', '-t', '=work:', '-F', '#{pane_current_path}');
    expect(paths.split('\n')).toEqual([made, path.join(made, 'src')]);
    const named = path.join(ann.dir, 'named tree');
    await ann.ok(repo, 'restore', `--worktree=${named}`, '--as', 'second', 'work');
    expect(await ann.git(named, 'status', '--short')).toBe(WORK);
  });

  test('C9 no hook of the repository runs: neither post-checkout nor a relative hooks path', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await forgetWork(ann, repo);
    await ann.git(repo, 'checkout', '-q', 'HEAD~1');
    const touched = path.join(ann.dir, 'hook-ran');
    mkdirSync(path.join(repo, '.git/hooks'), { recursive: true });
    for (const hook of ['post-checkout', 'post-index-change', 'reference-transaction']) {
      writeFileSync(path.join(repo, '.git/hooks', hook), `#!/bin/sh\ntouch '${touched}'\n`, { mode: 0o755 });
    }
    await ann.ok(repo, 'restore', 'work');
    expect(existsSync(touched)).toBe(false);
  });

  test('--no-git leaves commit and worktree alone', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await forgetWork(ann, repo);
    const head = await ann.git(repo, 'rev-parse', 'HEAD~1');
    await ann.git(repo, 'checkout', '-q', head);
    appendFileSync(path.join(repo, 'file.txt'), 'mine\n');
    const result = await ann.gs(repo, 'restore', '--no-git', 'work');
    // src came with the second commit, which is not checked out.
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("warning: pane 0.1: directory 'src' does not exist; command not started");
    expect(await ann.git(repo, 'rev-parse', 'HEAD')).toBe(head);
    expect(await ann.git(repo, 'status', '--short')).toBe(' M file.txt');
  });

  test('a failed apply puts everything back', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await forgetWork(ann, repo);
    await ann.git(repo, 'checkout', '-q', 'HEAD~1');
    const head = await ann.git(repo, 'rev-parse', 'HEAD');
    // A directory that git can't write into: the untracked file is unwritable through a read-only mount
    // only, so the worktree commit's object is what is missing here.
    const work = await ann.git(
      repo,
      'rev-parse',
      (await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions')).split('\n')[0]! + '^1',
    );
    const tree = await ann.git(repo, 'rev-parse', `${work}^3^{tree}`);
    const blob = (await ann.git(repo, 'ls-tree', tree)).split(/\s/u)[2]!;
    await ann.git(repo, 'repack', '-adq');
    await ann.git(repo, 'unpack-objects', '-q').catch(() => '');
    await removeObject(ann, repo, blob);
    const result = await ann.gs(repo, 'restore', 'work');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('cannot apply the saved work');
    expect(await ann.git(repo, 'rev-parse', 'HEAD')).toBe(head);
    expect(await ann.git(repo, 'status', '--short')).toBe('');
    expect(await ann.tmuxAlive()).toBe(false);
  });
});

/** Takes one object out of the repository, wherever it is. */
async function removeObject(ann: Person, repo: string, oid: string): Promise<void> {
  const packs = await ann.run(
    'sh',
    [
      '-c',
      'mkdir ../packs && mv .git/objects/pack/* ../packs/ && for p in ../packs/*.pack; do git unpack-objects -q < "$p"; done',
    ],
    { cwd: repo },
  );
  expect(packs.code).toBe(0);
  rmSync(path.join(repo, '.git/objects', oid.slice(0, 2), oid.slice(2)));
}

describe('tmux', () => {
  test('F30 a second restore is refused with --as; --as makes another session', async () => {
    const ann = person();
    const repo = await saved(ann);
    const again = await ann.gs(repo, 'restore', 'work');
    expect(again.code).toBe(128);
    expect(again.stderr).toMatch(
      /^fatal: tmux session 'work' already exists\nhint: restore beside it: --as=work-2\nhint: or go to it: tmux -S \S+ -f \/dev\/null attach -t '=work'\n/u,
    );
    await ann.ok(repo, 'restore', 'work', '--as', 'work-2');
    await ann.waitForCommand('=work-2:0.1', 'sleep');
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('work\nwork-2');
  });

  test('R5 a restored command is a job of the shell: Ctrl-Z, fg, Ctrl-C', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await ann.ok(repo, 'restore', 'work');
    const pane = '=work:0.1';
    await ann.waitForCommand(pane, 'sleep');
    await ann.tmux('send-keys', '-t', pane, 'C-z');
    await ann.waitForCommand(pane, 'bash');
    await ann.tmux('send-keys', '-t', pane, 'jobs', 'Enter');
    await waitFor(async () => (await ann.screen(pane)).includes('Stopped'), 'a stopped job');
    await ann.tmux('send-keys', '-t', pane, 'fg', 'Enter');
    await ann.waitForCommand(pane, 'sleep');
    await ann.tmux('send-keys', '-t', pane, 'C-c');
    await ann.waitForCommand(pane, 'bash');
    await ann.tmux('send-keys', '-t', pane, 'echo still-$((40+2))', 'Enter');
    await waitFor(async () => (await ann.screen(pane)).includes('still-42'), 'the shell');
  });

  test('S12 scrollback comes back with its colors, above a working shell', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'text', '-x', '80', '-y', '10', '-c', repo);
    await ann.tmux(
      'send-keys',
      '-t',
      '=text:',
      `seq 30; printf '\\033[1;31mred\\033[0m\\n'; echo do''ne`,
      'Enter',
    );
    await waitFor(async () => (await ann.screen('=text:')).includes('done'), 'the output');
    await ann.ok(repo, 'save', '--scrollback=20');
    await ann.killServer();
    await ann.ok(repo, 'restore', 'text');
    await waitFor(async () => (await ann.screen('=text:')).includes('done'), 'the scrollback');
    const all = await ann.tmux('capture-pane', '-p', '-e', '-S', '-', '-t', '=text:');
    expect(all).toContain('\n25\n');
    expect(all).toMatch(/\x1b\[1m\x1b\[31mred|\x1b\[1;31mred/u);
    await waitFor(async () => /\$ *$/u.test((await ann.screen('=text:')).trimEnd()), 'a prompt');
    // The wrapper that showed the text is not taken for the pane's command.
    const again = JSON.parse(await ann.ok(repo, 'save', '--json')) as { saved: { ref: string }[] };
    const snapshot = JSON.parse(await ann.git(repo, 'cat-file', 'blob', again.saved[0]!.ref)) as {
      tmux: { windows: { panes: { start: unknown }[] }[] };
    };
    expect(snapshot.tmux.windows[0]!.panes[0]!.start).toBeNull();
  });

  test('grouped sessions come back as a group, each at its own window', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'one', '-x', '80', '-y', '24', '-c', repo);
    await ann.tmux('new-window', '-t', '=one:3', '-n', 'three', '-c', repo);
    await ann.tmux('new-session', '-d', '-t', '=one', '-s', 'two');
    await ann.tmux('select-window', '-t', '=one:0');
    await ann.tmux('select-window', '-t', '=two:3');
    await ann.ok(repo, 'save', '--all');
    await ann.killServer();
    const result = await ann.gs(repo, 'restore', '--all');
    expect(result.stderr).not.toMatch(/fatal/u);
    expect(
      await ann.tmux(
        'list-sessions',
        '-F',
        '#{session_name} #{session_grouped} #{session_group_list} #{window_index}',
      ),
    ).toBe('one 1 one,two 0\ntwo 1 one,two 3');
  });

  test('--window restores one window; a bad index is an error', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.tmux('new-window', '-t', '=work:5', '-n', 'five', '-c', repo);
    await ann.ok(repo, 'save', '-t', 'work');
    await ann.killServer();
    const bad = await ann.gs(repo, 'restore', 'work', '--window', '3');
    expect(bad.code).toBe(128);
    expect(bad.stderr).toContain('hint: its windows are 0, 5');
    await ann.ok(repo, 'restore', 'work', '--window', '5');
    expect(await ann.tmux('list-windows', '-t', '=work:', '-F', '#{window_index} #{window_name}')).toBe(
      '5 five',
    );
  });

  test('R6 R7 R9 the environment and the CRQs are in the session', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.tmux('set-environment', '-t', '=work:', 'FOO', 'b a r');
    await ann.ok(repo, 'save', '-t', 'work', '--env', 'FOO', '--crq', 'CRQ-42', '--crq', 'CRQ-7');
    await ann.killServer();
    const out = await ann.ok(repo, 'restore', 'work');
    expect(out).toContain('CRQ-42');
    await ann.tmux('send-keys', '-t', '=work:0.0', 'echo "<$FOO> <$GIT_SESSION_CRQS>"', 'Enter');
    await waitFor(
      async () => (await ann.screen('=work:0.0')).includes('<b a r> <CRQ-42 CRQ-7>'),
      'the environment',
    );
    expect(await ann.tmux('show-options', '-v', '-t', '=work:', 'status-right')).toMatch(
      /^\[CRQ-42 CRQ-7\] /u,
    );
    expect(await ann.tmux('show-options', '-v', '-t', '=work:', '@crq')).toBe('CRQ-42 CRQ-7');
  });

  test('R14 --all leaves out what has ended; asked for by name that is a new session, which runs', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'own');
    const run = async (id: string) =>
      JSON.parse(
        await ann.ok(
          repo,
          'run',
          '--json',
          '--id',
          id,
          `echo >>ran-${id}; until [ -e go ]; do sleep 0.1; done`,
        ),
      ) as { id: string; name: string };
    const done = await run('done');
    await waitFor(() => existsSync(path.join(repo, 'ran-done')), 'the command');
    for (const name of ['killed', 'over']) await ann.ok(repo, 'create', name);
    for (const name of [done.name, 'killed', 'over']) await ann.ok(repo, 'save', '--no-work', '-t', name);
    writeFileSync(path.join(repo, 'go'), '');
    await ann.ok(repo, 'wait', done.name);
    await ann.tmux('kill-session', '-t', `=${done.name}`);
    await ann.ok(repo, 'kill', 'killed');
    await ann.ok(repo, 'complete', 'over');
    await ann.tmux('kill-session', '-t', '=over');
    rmSync(path.join(repo, 'go'));
    for (const more of [['-n'], []]) {
      const result = await ann.gs(repo, 'restore', '--all', '--run', ...more);
      expect(result).toMatchObject({ code: 0, stdout: '', stderr: '3 that have ended are left out\n' });
    }
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('own');
    await ann.ok(repo, 'restore', '--run', done.name);
    await ann.ok(repo, 'restore', 'killed');
    const ran = () => readFileSync(path.join(repo, 'ran-done'), 'utf8').length;
    await waitFor(() => ran() === 2, 'the command to run again');
    const rows = JSON.parse(await ann.ok(repo, 'list', '--json')) as Record<string, unknown>[];
    const states = rows.map((r) => [r['session_name'], r['status'], r['id'] === done.id].join(' '));
    expect(new Set(states)).toEqual(
      new Set([
        `${done.name} completed true`,
        `${done.name} running false`,
        'killed running false',
        'over completed false',
      ]),
    );
    expect(states).toHaveLength(4);
    // What is saved of it now is the new session's, and comes back after the end of the server.
    await ann.ok(repo, 'save', '--no-work', '-t', done.name);
    expect(await ann.ok(repo, 'export', done.name)).not.toContain(done.id);
    // The one that was killed lives again, and so it is not one that has ended.
    await ann.killServer();
    await ann.tmux('new-session', '-d', '-s', 'own');
    const again = await ann.gs(repo, 'restore', '--all', '--run');
    const said = 'approved: saved by this clone\n1 that has ended is left out\n';
    expect([again.code, again.stderr]).toEqual([0, said]);
    expect(again.stdout).toContain("as tmux session 'killed'");
    expect(again.stdout).toContain(`as tmux session '${done.name}'`);
  });

  test('R14 --all brings back a run that ended with the server, and it runs', async () => {
    const ann = person();
    const repo = await ann.repo();
    const { name, id } = JSON.parse(await ann.ok(repo, 'run', '--json', 'exec cat')) as Record<
      string,
      string
    >;
    await ann.ok(repo, 'save', '-t', name!);
    await ann.killServer();
    const status = path.join(repo, '.git/git-session/live', id!, 'status');
    await waitFor(() => readFileSync(status, 'utf8').includes('state=hangup'), 'the end of the run');
    const stderr = 'approved: saved by this clone\n';
    expect(await ann.gs(repo, 'restore', '--all', '--run')).toMatchObject({ code: 0, stderr });
    const rows = JSON.parse(await ann.ok(repo, 'list', '--active', '--json')) as Record<string, unknown>[];
    expect(rows).toMatchObject([{ session_name: name, status: 'running' }]);
  });

  test('R14 --all restores what is not alive and leaves the rest', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.tmux('new-session', '-d', '-s', 'second', '-c', repo);
    await ann.ok(repo, 'save', '--all');
    const alive = await ann.tmux('display-message', '-p', '-t', '=second:', '#{session_id} #{pane_pid}');
    await ann.tmux('kill-session', '-t', '=work');
    await ann.ok(repo, 'restore', '--all');
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('second\nwork');
    expect(await ann.tmux('display-message', '-p', '-t', '=second:', '#{session_id} #{pane_pid}')).toBe(
      alive,
    );
    expect((await ann.gs(repo, 'restore', '--all')).stderr).toBe('every saved session is alive already\n');
  });

  test('--dry-run prints the plan and changes nothing, as text and as JSON', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    await forgetWork(ann, repo);
    await ann.git(repo, 'checkout', '-q', 'HEAD~1');
    const text = await ann.ok(repo, 'restore', '--dry-run', 'work');
    expect(text).toContain('check out branch main');
    expect(text).toContain('apply the saved uncommitted work');
    expect(text).toContain('$ sleep 321');
    expect(text).not.toContain('does not exist');
    const json = JSON.parse(await ann.ok(repo, 'restore', '--dry-run', '--json', 'work')) as {
      plans: { git: { kind: string }[]; approved: boolean }[];
    };
    expect(json.plans[0]!.git.map((s) => s.kind)).toEqual(['checkout', 'apply']);
    expect(json.plans[0]!.approved).toBe(true);
    expect(await ann.tmuxAlive()).toBe(false);
    expect(await ann.git(repo, 'status', '--short')).toBe('');
  });

  test('F29 what a killed restore has left is removed by the next one', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.tmux('new-session', '-d', '-s', 'git-session-restore-999999999-dead-0');
    await ann.tmux(
      'set-option',
      '-t',
      '=git-session-restore-999999999-dead-0:',
      '@git-session-building',
      '999999999 dead',
    );
    await ann.tmux('kill-session', '-t', '=work');
    await ann.ok(repo, 'restore', 'work');
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('work');
  });

  test('a pane that waits at a symbolic link out of the repository opens in it instead', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    rmSync(path.join(repo, 'src'), { recursive: true });
    symlinkSync('/etc', path.join(repo, 'src'));
    const result = await ann.gs(repo, 'restore', 'work');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("directory 'src' leads out of the repository");
    expect(await ann.tmux('display-message', '-p', '-t', '=work:0.1', '#{pane_current_path}')).toBe(repo);
  });

  test('--attach goes to the restored session, and detaching gives exit code 0', async () => {
    const ann = person();
    const repo = await saved(ann);
    await ann.killServer();
    const t = terminal(ann, repo, 'restore', '--attach', 'work');
    // A look at a server that just starts can keep it from starting: it is left alone until it draws.
    await waitFor(() => t.text().includes('[work]'), 'the status line of the session');
    const clients = () => ann.tmux('list-clients', '-F', '#{client_session}');
    await waitFor(async () => (await clients()) === 'work', 'the client in the session, and no other');
    t.type('\x02d');
    expect(await t.ended).toBe(0);
    expect(await ann.tmux('list-sessions', '-F', '#{session_name} #{session_attached}')).toBe('work 0');
  });
});
