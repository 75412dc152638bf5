import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Person, person, PROGRAM, waitFor } from '../support/harness.ts';
import { shellTerminal } from '../support/terminal.ts';

interface Row {
  number: number;
  iteration: number;
  state: string;
  resumable: boolean;
  snapshot: string;
  message: string;
  rollback_to: string | null;
  available: boolean;
}

async function rows(ann: Person, repo: string, name = 'work'): Promise<Row[]> {
  const out = JSON.parse(await ann.ok(repo, 'checkpoint', '--list', '--json', name)) as {
    checkpoints: Row[];
  };
  return out.checkpoints;
}

async function started(ann: Person): Promise<string> {
  const repo = await ann.repo();
  await ann.ok(repo, 'create', '--name', 'work', '--no-attach');
  return repo;
}

/** Windows with their layouts, names and directories: what a person sees. */
function layoutOf(ann: Person, session = 'work'): Promise<string> {
  return ann.tmux(
    ...['list-panes', '-s', '-t', `=${session}:`, '-F'],
    '#{window_index} #{window_name} #{pane_index} #{pane_width}x#{pane_height} #{pane_current_path}',
  );
}

describe('git session checkpoint', () => {
  it('V1 keeps every checkpoint: three make three rows, with iteration, state, snapshot and message', async () => {
    const ann = person();
    const repo = await started(ann);
    const said = await ann.ok(repo, 'checkpoint', '-m', 'first', 'work');
    expect(said).toMatch(/^Checkpoint 1 of 'work': work\/\S+ \(1 window, 1 pane\)\n$/u);
    writeFileSync(path.join(repo, 'file.txt'), 'two\n');
    const json = JSON.parse(await ann.ok(repo, 'checkpoint', '--json', '-m', 'second', 'work')) as {
      checkpoint: Row;
      saved: { work: string };
    };
    expect(json.checkpoint).toMatchObject({ number: 2, message: 'second', available: true });
    expect(json.saved.work).toMatch(/^[0-9a-f]{40}$/u);
    await ann.ok(repo, 'checkpoint', 'work');
    const all = await rows(ann, repo);
    expect(all.map((c) => [c.number, c.iteration, c.state, c.resumable, c.message])).toEqual([
      [1, 0, 'running', true, 'first'],
      [2, 0, 'running', true, 'second'],
      [3, 0, 'running', true, ''],
    ]);
    expect(new Set(all.map((c) => c.snapshot)).size).toBe(3);
    const list = await ann.ok(repo, 'checkpoint', '--list', 'work');
    expect(list.split('\n')[0]).toMatch(/SAVED +ITERATION +STATE +RESUMABLE +SNAPSHOT +MESSAGE/u);
    expect(list.trimEnd().split('\n')).toHaveLength(4);
    // The snapshot is one like all others.
    expect(JSON.parse(await ann.ok(repo, 'show', '--json', all[1]!.snapshot))).toBeTruthy();
  });

  it('V2 in a final state it is not resumable, and a rollback does not choose it by itself', async () => {
    const ann = person();
    const repo = await started(ann);
    await ann.ok(repo, 'checkpoint', '-m', 'good', 'work');
    await ann.ok(repo, 'fail', '-m', 'no', 'work');
    await ann.ok(repo, 'checkpoint', '-m', 'over', 'work');
    expect((await rows(ann, repo)).map((c) => [c.state, c.resumable])).toEqual([
      ['running', true],
      ['failed', false],
    ]);
    const plan = JSON.parse(await ann.ok(repo, 'rollback', '--dry-run', '--json', 'work')) as {
      plan: { snapshot: string };
    };
    expect(plan.plan.snapshot).toBe((await rows(ann, repo))[0]!.snapshot);
  });

  it('M11 a save says the state that the log has; of one that was killed and lives again, that it runs', async () => {
    const ann = person();
    const repo = await started(ann);
    const state = async () => {
      await ann.ok(repo, 'save', '--no-work', '-t', 'work');
      return (JSON.parse(await ann.ok(repo, 'show', '--json', 'work')) as { state: unknown }).state;
    };
    await ann.ok(repo, 'iterate', 'start', 'work');
    expect(await state()).toEqual({ name: 'running', iteration: 1 });
    await ann.ok(repo, 'pause', '-m', 'waits for Bob', 'work');
    expect(await state()).toEqual({ name: 'paused', reason: 'waits for Bob' });
    await ann.ok(repo, 'resume', 'work');
    await ann.ok(repo, 'kill', 'work');
    await ann.ok(repo, 'restore', 'work');
    expect(await state()).toEqual({ name: 'running', iteration: 1 });
    const journals = path.join(repo, '.git', 'git-session', 'journal');
    const journal = path.join(
      journals,
      readdirSync(journals).find((name) => name.endsWith('.jsonl'))!,
    );
    rmSync(journal);
    mkdirSync(journal);
    const { code, stderr } = await ann.gs(repo, 'save', '--no-work', '-t', 'work');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^warning: the log of session 'work' can't be read: /mu);
  });

  it('V1 without a live session there is nothing to save', async () => {
    const ann = person();
    const repo = await started(ann);
    await ann.killServer();
    const result = await ann.gs(repo, 'checkpoint', 'work');
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toContain("session 'work' is not alive");
    expect(await rows(ann, repo)).toEqual([]);
  });
});

describe('git session rollback', () => {
  it('V3 puts files, index, commit and layout back, keeps id and name, and what was there comes back byte for byte', async () => {
    const ann = person();
    const repo = await started(ann);
    const sub = path.join(repo, 'sub');
    mkdirSync(sub);
    const at = (name: string) => path.join(repo, name);
    // The checkpoint: a staged change, an unstaged one, an untracked file, two windows.
    writeFileSync(at('file.txt'), 'staged\n');
    await ann.git(repo, 'add', 'file.txt');
    writeFileSync(at('file.txt'), 'unstaged\n');
    writeFileSync(at('sub/new.txt'), 'untracked\n');
    await ann.tmux('new-window', '-d', '-t', '=work:', '-n', 'second', '-c', sub);
    await ann.tmux('split-window', '-d', '-t', '=work:second', '-c', sub);
    const before = await layoutOf(ann);
    const id = await ann.tmux('show-options', '-qv', '-t', '=work:', '@git-session-id');
    await ann.ok(repo, 'checkpoint', '-m', 'good', 'work');
    const first = await ann.git(repo, 'rev-parse', 'HEAD');

    // Then: a commit, other work, bytes that are no text, other windows.
    await ann.git(repo, 'add', '--all');
    await ann.git(repo, 'commit', '-q', '-m', 'second');
    const binary = Buffer.from([0, 255, 10, 13, 0, 128]);
    writeFileSync(at('file.txt'), 'later\n');
    writeFileSync(at('sub/new.txt'), 'changed\n');
    writeFileSync(at('raw.bin'), binary);
    // Looks like a secret: no snapshot takes it, and it stays where it is.
    writeFileSync(at('.env'), 'TOKEN=1\n', { mode: 0o600 });
    await ann.tmux('kill-window', '-t', '=work:second');
    await ann.tmux('split-window', '-d', '-t', '=work:');
    const later = await layoutOf(ann);
    const second = await ann.git(repo, 'rev-parse', 'HEAD');
    const oldTmux = await ann.tmux('display-message', '-p', '-t', '=work:', '#{session_id} #{pane_pid}');

    const said = await ann.gs(repo, 'rollback', 'work');
    expect(said).toMatchObject({ code: 0 });
    expect(said.stdout).toMatch(
      /^Rolled back 'work' to work\/\S+ \(2 windows, 3 panes, 0 commands\)\nWhat was there before is work\/\S+\n$/u,
    );
    expect(await layoutOf(ann)).toBe(before);
    expect(await ann.git(repo, 'rev-parse', 'HEAD')).toBe(first);
    expect(await ann.git(repo, 'show', ':file.txt')).toBe('staged');
    expect(readFileSync(at('file.txt'), 'utf8')).toBe('unstaged\n');
    expect(readFileSync(at('sub/new.txt'), 'utf8')).toBe('untracked\n');
    expect(existsSync(at('raw.bin'))).toBe(false);
    expect(statSync(at('.env')).mode & 0o777).toBe(0o600);
    expect(await ann.git(repo, 'stash', 'list')).toBe('');
    // One session, under its name and id, and nothing of the old one.
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('work');
    expect(await ann.tmux('show-options', '-qv', '-t', '=work:', '@git-session-id')).toBe(id);
    expect(await ann.tmux('list-sessions', '-F', '#{session_id}')).not.toBe(oldTmux.split(' ')[0]);
    expect(() => process.kill(Number(oldTmux.split(' ')[1]), 0)).toThrow();
    const list = await rows(ann, repo);
    expect(list.map((c) => [c.message.slice(0, 15), c.rollback_to])).toEqual([
      ['good', null],
      ['before rollback', list[0]!.snapshot],
    ]);

    // And back, as it says.
    const hint = /come back: git session (rollback --to \S+ work)/u.exec(said.stderr);
    expect(hint).not.toBeNull();
    await ann.ok(repo, ...hint![1]!.split(' '));
    expect(await ann.git(repo, 'rev-parse', 'HEAD')).toBe(second);
    expect(await ann.git(repo, 'symbolic-ref', '--short', 'HEAD')).toBe('main');
    expect(readFileSync(at('file.txt'), 'utf8')).toBe('later\n');
    expect(readFileSync(at('sub/new.txt'), 'utf8')).toBe('changed\n');
    expect(readFileSync(at('raw.bin')).equals(binary)).toBe(true);
    expect(await layoutOf(ann)).toBe(later);
    // The default is the last checkpoint that somebody made, not those that rollbacks made.
    await ann.ok(repo, 'rollback', 'work');
    expect(await ann.git(repo, 'rev-parse', 'HEAD')).toBe(first);
  });

  it('V3 --to counts as listed; --dry-run changes nothing', async () => {
    const ann = person();
    const repo = await started(ann);
    const file = path.join(repo, 'file.txt');
    for (const text of ['a', 'b', 'c']) {
      writeFileSync(file, text);
      await ann.ok(repo, 'checkpoint', '-m', text, 'work');
    }
    const refs = await ann.git(repo, 'for-each-ref');
    const plan = await ann.ok(repo, 'rollback', '--dry-run', '--to', '1', 'work');
    expect(plan).toContain("save 'work' as it is now");
    expect(plan).toContain('take your changes out of the worktree');
    expect(await ann.git(repo, 'for-each-ref')).toBe(refs);
    expect(readFileSync(file, 'utf8')).toBe('c');
    await ann.ok(repo, 'rollback', '--to', '1', 'work');
    expect(readFileSync(file, 'utf8')).toBe('a');
    await ann.ok(repo, 'rollback', '--to', '2', 'work');
    expect(readFileSync(file, 'utf8')).toBe('b');
    const none = await ann.gs(repo, 'rollback', '--to', '99', 'work');
    expect(none.code).toBe(1);
    expect(none.stderr).toContain("session 'work' has no checkpoint 99");
  });

  it('V3 where it can not be done everything stays as it was', async () => {
    const ann = person();
    const repo = await started(ann);
    writeFileSync(path.join(repo, 'key.pem'), 'from then\n');
    await ann.git(repo, 'add', 'key.pem');
    await ann.ok(repo, 'checkpoint', 'work');
    await ann.git(repo, 'rm', '-q', '--cached', 'key.pem');
    // No snapshot takes it, so nothing may overwrite it.
    writeFileSync(path.join(repo, 'key.pem'), 'secret\n');
    const layout = await layoutOf(ann);
    const id = await ann.tmux('display-message', '-p', '-t', '=work:', '#{session_id}');
    const result = await ann.gs(repo, 'rollback', 'work');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('nothing was touched');
    expect(readFileSync(path.join(repo, 'key.pem'), 'utf8')).toBe('secret\n');
    expect(await layoutOf(ann)).toBe(layout);
    expect(await ann.tmux('list-sessions', '-F', '#{session_id}')).toBe(id);
  });

  it('V3 a tmux that can not build the session leaves worktree and session as they were', async () => {
    const ann = person();
    const repo = await started(ann);
    const file = path.join(repo, 'file.txt');
    writeFileSync(file, 'then\n');
    writeFileSync(path.join(repo, 'then.txt'), 'then\n');
    await ann.ok(repo, 'checkpoint', 'work');
    await ann.git(repo, 'commit', '-q', '-a', '-m', 'second');
    const head = await ann.git(repo, 'rev-parse', 'HEAD');
    writeFileSync(file, 'now\n');
    writeFileSync(path.join(repo, 'now.txt'), 'now\n');
    execFileSync('rm', [path.join(repo, 'then.txt')]);
    const layout = await layoutOf(ann);
    // The new session goes away while it is built, when git has moved already.
    await ann.tmux('set-hook', '-g', 'after-new-window', 'kill-session');
    const result = await ann.gs(repo, 'rollback', 'work');
    await ann.tmux('set-hook', '-gu', 'after-new-window');
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('what is there is saved: refs/sessions/work/');
    expect(await ann.git(repo, 'rev-parse', 'HEAD')).toBe(head);
    expect(await ann.git(repo, 'symbolic-ref', '--short', 'HEAD')).toBe('main');
    expect(readFileSync(file, 'utf8')).toBe('now\n');
    expect(readFileSync(path.join(repo, 'now.txt'), 'utf8')).toBe('now\n');
    expect(existsSync(path.join(repo, 'then.txt'))).toBe(false);
    const sessions = await ann.tmux('list-sessions', '-F', '#{session_name} #{@git-session-building}');
    expect(sessions).toBe('work ');
    expect(await layoutOf(ann)).toBe(layout);
    expect((await rows(ann, repo)).map((c) => c.rollback_to)).toEqual([null]);
  });

  it('V3 in the session itself: its terminal goes over to the new one', async () => {
    const ann = person();
    const repo = await started(ann);
    const file = path.join(repo, 'file.txt');
    writeFileSync(file, 'then\n');
    await ann.ok(repo, 'checkpoint', 'work');
    writeFileSync(file, 'now\n');
    const old = await ann.tmux('display-message', '-p', '-t', '=work:', '#{session_id}');
    const size = { columns: 80, rows: 24 };
    const shown = shellTerminal(ann, repo, 'tmux', ['-S', ann.socket, 'attach', '-t', '=work'], { size });
    await shown.waitForScreen(/\$/u);
    await ann.tmux('send-keys', '-t', '=work:', `${PROGRAM} rollback`, 'Enter');
    await waitFor(
      async () => !(await ann.tmux('list-sessions', '-F', '#{session_id}')).split('\n').includes(old),
      'the old session to end',
    );
    expect(readFileSync(file, 'utf8')).toBe('then\n');
    const now = await ann.tmux('display-message', '-p', '-t', '=work:', '#{session_id} #{session_attached}');
    expect(now).not.toContain(`${old} `);
    expect(now.endsWith(' 1')).toBe(true);
    // And says how to come back.
    await shown.waitForScreen(/Undo: git session rollback --to work\//u);
  });

  it('V3 a session of one command is not run a second time', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'run', '--id', 'job', '--detach', '--', 'sleep', '1000');
    const name = await ann.tmux('list-sessions', '-F', '#{session_name}');
    await ann.ok(repo, 'checkpoint', name);
    const result = await ann.gs(repo, 'rollback', name);
    expect(result.code).toBe(129);
    expect(result.stderr).toContain('would be run a second time');
  });

  it('V3 works in the worktree of the session, wherever it is typed, and under a new name', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', '--name', 'old', '--no-attach', '--mode', 'worktree=side');
    const side = await ann.tmux('display-message', '-p', '-t', '=old:', '#{pane_current_path}');
    expect(side).not.toBe(repo);
    writeFileSync(path.join(side, 'file.txt'), 'then\n');
    await ann.ok(repo, 'checkpoint', 'old');
    await ann.ok(repo, 'rename', 'old', 'work');
    writeFileSync(path.join(side, 'file.txt'), 'now\n');
    writeFileSync(path.join(repo, 'file.txt'), 'here\n');
    expect(await rows(ann, repo)).toMatchObject([{ number: 1, available: true }]);
    await ann.ok(repo, 'rollback', 'work');
    expect(readFileSync(path.join(side, 'file.txt'), 'utf8')).toBe('then\n');
    expect(readFileSync(path.join(repo, 'file.txt'), 'utf8')).toBe('here\n');
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('work');
    expect(await ann.tmux('display-message', '-p', '-t', '=work:', '#{pane_current_path}')).toBe(side);
  });

  it('V3 a tmux session that was only saved has checkpoints too', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'plain', '-c', repo);
    await ann.ok(repo, 'save', 'plain');
    writeFileSync(path.join(repo, 'file.txt'), 'then\n');
    await ann.ok(repo, 'checkpoint', 'plain');
    writeFileSync(path.join(repo, 'file.txt'), 'now\n');
    await ann.ok(repo, 'rollback', 'plain');
    expect(readFileSync(path.join(repo, 'file.txt'), 'utf8')).toBe('then\n');
    const other = await ann.gs(repo, 'rollback', '--to', 'nobody', 'plain');
    expect(other.code).toBe(1);
  });

  it('V3 is refused in a merge, and for the snapshot of another session', async () => {
    const ann = person();
    const repo = await started(ann);
    await ann.ok(repo, 'checkpoint', 'work');
    await ann.ok(repo, 'create', '--name', 'other', '--no-attach');
    await ann.ok(repo, 'save', 'other', '-t', 'other');
    const foreign = await ann.gs(repo, 'rollback', '--to', 'other', 'work');
    expect(foreign.code).toBe(1);
    expect(foreign.stderr).toContain("is a snapshot of another session than 'work'");
    await ann.git(repo, 'switch', '-q', '-c', 'side');
    writeFileSync(path.join(repo, 'file.txt'), 'side\n');
    await ann.git(repo, 'commit', '-q', '-a', '-m', 'side');
    await ann.git(repo, 'switch', '-q', 'main');
    writeFileSync(path.join(repo, 'file.txt'), 'main\n');
    await ann.git(repo, 'commit', '-q', '-a', '-m', 'main');
    expect((await ann.run('git', ['merge', 'side'], { cwd: repo })).code).toBe(1);
    const before = await ann.git(repo, 'status', '--porcelain=v2');
    const refs = await ann.git(repo, 'for-each-ref');
    const merging = await ann.gs(repo, 'rollback', 'work');
    expect(merging.code).toBe(1);
    expect(merging.stderr).toContain('nothing was touched');
    writeFileSync(path.join(repo, 'file.txt'), 'resolved\n');
    await ann.git(repo, 'add', 'file.txt');
    const resolved = await ann.gs(repo, 'rollback', 'work');
    expect(resolved.code).toBe(1);
    expect(resolved.stderr).toContain('a merge is in progress');
    expect(await ann.git(repo, 'rev-parse', 'MERGE_HEAD')).toBe(await ann.git(repo, 'rev-parse', 'side'));
    expect(await ann.git(repo, 'for-each-ref')).toBe(refs);
    expect(before).toContain('u UU');
  });

  it('V13 switched off, nothing is saved or put back', async () => {
    const ann = person();
    const repo = await started(ann);
    await ann.git(repo, 'config', 'session.enabled', 'false');
    for (const args of [
      ['checkpoint', 'work'],
      ['rollback', 'work'],
      ['recover'],
      ['migrate'],
      ['fsck', '--repair'],
    ]) {
      const result = await ann.gs(repo, ...args);
      expect([args[0], result.code, result.stderr]).toEqual([
        args[0],
        128,
        expect.stringContaining('session.enabled is false') as string,
      ]);
    }
    expect((await ann.gs(repo, 'fsck')).code).toBe(0);
  });
});
