import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { canonicalize } from 'json-canonicalize';
import type { Snapshot } from '../../src/session/schema.ts';
import { type Person, person, waitFor } from '../support/harness.ts';

interface Saved {
  saved: { name: string; id: string; ref: string; oid: string; crqs: { id: string }[] }[];
  warnings: string[];
}

async function session(ann: Person, name = 'work'): Promise<string> {
  const repo = await ann.repo();
  await ann.tmux('new-session', '-d', '-s', name, '-x', '100', '-y', '30', '-c', repo);
  return repo;
}

async function save(ann: Person, repo: string, ...args: string[]): Promise<Saved> {
  return JSON.parse(await ann.ok(repo, 'save', '--json', ...args)) as Saved;
}

async function read(ann: Person, repo: string, oid: string): Promise<Snapshot> {
  return JSON.parse(await ann.git(repo, 'cat-file', 'blob', oid)) as Snapshot;
}

describe('which session', () => {
  test('T1 inside tmux it is the one of the pane, also when the pane has moved to another session', async () => {
    const ann = person();
    const repo = await session(ann);
    await ann.tmux('new-session', '-d', '-s', 'other', '-c', repo);
    await ann.tmux('new-window', '-d', '-t', '=work:', '-n', 'mover', '-c', repo);
    const run = async (target: string, file: string) => {
      const out = path.join(ann.dir, file);
      const path_ = ann.env['PATH']!;
      await ann.tmux(
        'send-keys',
        '-t',
        target,
        `PATH='${path_}' git session save > ${out} 2>&1; echo end >> ${out}`,
        'Enter',
      );
      await waitFor(
        () =>
          statSync(out, { throwIfNoEntry: false }) !== undefined && readFileSync(out, 'utf8').includes('end'),
        file,
      );
      return readFileSync(out, 'utf8');
    };
    expect(await run('=work:mover', 'first')).toMatch(/^Saved work\//u);
    await ann.tmux('move-window', '-s', '=work:mover', '-t', '=other:7');
    expect(await run('=other:mover', 'second')).toMatch(/^Saved other\//u);
  });

  test('S1 a save that is typed at a prompt is not what the pane works on', async () => {
    const ann = person();
    const repo = await session(ann);
    const saved = async (line: string) => {
      const out = path.join(ann.dir, 'out');
      rmSync(out, { force: true });
      await ann.tmux(
        'send-keys',
        '-t',
        '=work:',
        `PATH='${ann.env['PATH']!}' ${line} > ${out}; echo end >> ${out}`,
        'Enter',
      );
      await waitFor(() => existsSync(out) && readFileSync(out, 'utf8').endsWith('end\n'), line);
      const { oid } = (JSON.parse(readFileSync(out, 'utf8').split('\n')[0]!) as Saved).saved[0]!;
      return (await read(ann, repo, oid)).tmux.windows[0]!.panes[0]!;
    };
    await ann.git(repo, 'config', 'alias.s', '!git session save --json');
    for (const line of ['git session save --json', 'git-session save --json', 'git s']) {
      const pane = await saved(line);
      expect(pane.relaunch.steps).toEqual([]);
      expect(pane.relaunch).toMatchObject({ source: 'none', confidence: 'exact' });
      expect(pane.processes.length).toBe(1);
    }
    writeFileSync(path.join(repo, 'script.sh'), 'git session save --json\n');
    expect((await saved('sh ./script.sh')).command).toEqual(['sh', './script.sh']);
  });

  test('S6 the commit and the work are those of the worktree in which the session works', async () => {
    const ann = person();
    const repo = await session(ann, 'main');
    const other = path.join(repo, 'nested-worktree');
    await ann.git(repo, 'worktree', 'add', '-q', '-b', 'feature', other);
    writeFileSync(path.join(other, 'precious.txt'), 'precious\n');
    await ann.git(other, 'add', 'precious.txt');
    await ann.tmux('new-session', '-d', '-s', 'side', '-c', other);
    await ann.tmux('new-session', '-d', '-s', 'away', '-c', ann.home);
    await waitFor(
      async () => (await ann.tmux('display-message', '-p', '-t', '=side:', '#{pane_current_path}')) === other,
      'the shell',
    );
    const gitOf = async (cwd: string, name: string) => {
      const { oid } = (await save(ann, cwd, '-t', name)).saved[0]!;
      return (await read(ann, repo, oid)).git;
    };
    for (const cwd of [repo, other]) {
      const side = await gitOf(cwd, 'side');
      expect(side).toMatchObject({ branch: 'feature', linkedWorktree: true });
      expect(await ann.git(repo, 'show', `${side.work}:precious.txt`)).toBe('precious');
      expect(await gitOf(cwd, 'main')).toMatchObject({ branch: 'main', linkedWorktree: false });
    }
    const all = await ann.gs(repo, 'save', '--all', '--json');
    expect(all.code).toBe(0);
    const { saved } = JSON.parse(all.stdout) as Saved;
    expect(saved.map((one) => one.name)).toEqual(['away', 'main', 'side']);
    expect((await read(ann, repo, saved[2]!.oid)).git.branch).toBe('feature');
    expect((await read(ann, repo, saved[1]!.oid)).git.branch).toBe('main');
    expect(all.stderr).toContain("session 'away' works outside of this repository");
    expect(all.stderr.match(/outside of this repository/gu)?.length).toBe(1);
  });

  test('-t takes a name or an id, and never a prefix', async () => {
    const ann = person();
    const repo = await session(ann, 'foobar');
    await ann.tmux('new-session', '-d', '-s', 'other', '-c', repo);
    const miss = await ann.gs(repo, 'save', '-t', 'foo');
    expect(miss.code).toBe(128);
    expect(miss.stderr).toBe("fatal: there is no tmux session 'foo'\nhint: did you mean 'foobar'?\n");
    expect((await save(ann, repo, '-t', 'foobar')).saved[0]!.name).toBe('foobar');
    expect((await save(ann, repo, '-t', '$1')).saved[0]!.name).toBe('other');
  });

  test('outside tmux the only session is meant; of several one must be named', async () => {
    const ann = person();
    const repo = await session(ann);
    expect((await save(ann, repo)).saved[0]!.name).toBe('work');
    expect((await save(ann, repo, 'another-name')).saved[0]!.name).toBe('another-name');
    await ann.tmux('new-session', '-d', '-s', 'second', '-c', repo);
    const result = await ann.gs(repo, 'save');
    expect(result.code).toBe(128);
    expect(result.stderr).toContain('hint: name one: git session save -t <tmux-session>');
    expect((await save(ann, repo, 'second')).saved[0]!.name).toBe('second');
  });

  test('--all saves each; names that would become one are told apart', async () => {
    const ann = person();
    const repo = await session(ann, 'a b');
    await ann.tmux('new-session', '-d', '-s', 'a-b', '-c', repo);
    await ann.tmux('new-session', '-d', '-s', '日本', '-c', repo);
    const { saved } = await save(ann, repo, '--all');
    const names = saved.map((s) => s.name);
    expect(new Set(names).size).toBe(3);
    expect(names).toContain('a-b');
    expect(names.filter((n) => /^a-b-[0-9a-f]{8}$/u.test(n))).toHaveLength(1);
    expect((await save(ann, repo, '--all')).saved.map((s) => s.name)).toEqual(names);
  });
});

describe('what is stored', () => {
  test('K2 K3 S1-S8 T2 T3 a blob of canonical JSON, and a context with it', async () => {
    const ann = person();
    const repo = await session(ann);
    const { saved } = await save(ann, repo, '-m', 'before lunch');
    const bytes = await ann.run('git', ['cat-file', 'blob', saved[0]!.ref], { cwd: repo });
    expect(canonicalize(JSON.parse(bytes.stdout))).toBe(bytes.stdout);
    expect(await ann.git(repo, 'cat-file', '-t', saved[0]!.ref)).toBe('blob');
    const context = saved[0]!.ref.replace(/snapshot$/u, 'context');
    expect(await ann.git(repo, 'rev-parse', `${context}:snapshot.json`)).toBe(saved[0]!.oid);
    expect(await ann.git(repo, 'rev-parse', `${context}^`)).toBe(await ann.git(repo, 'rev-parse', 'HEAD'));
    expect(saved[0]!.id).toMatch(new RegExp(`^\\d{8}T\\d{9}Z-${saved[0]!.oid.slice(0, 8)}$`, 'u'));
    const snapshot = await read(ann, repo, saved[0]!.oid);
    expect(snapshot.message).toBe('before lunch');
    expect(snapshot.git).toMatchObject({ branch: 'main', detached: false, work: null });
    expect(snapshot.savedBy).toEqual({ name: 'ann', email: 'ann@example.org' });
  });

  test('S4 the process tree under a pane, with pids that are alive', async () => {
    const ann = person();
    const repo = await session(ann);
    await ann.tmux('send-keys', '-t', '=work:', "bash -c 'sleep 91 & sleep 92; :'", 'Enter');
    await waitFor(async () => (await ann.run('pgrep', ['-f', 'sleep 92'])).code === 0, 'the command');
    await ann.waitForCommand('=work:', 'bash');
    const { saved } = await save(ann, repo);
    const { processes } = (await read(ann, repo, saved[0]!.oid)).tmux.windows[0]!.panes[0]!;
    for (const argv of [
      ['sleep', '91'],
      ['sleep', '92'],
    ]) {
      const found = processes.find((p) => JSON.stringify(p.argv) === JSON.stringify(argv));
      expect(found).toBeDefined();
      expect(() => process.kill(found!.pid, 0)).not.toThrow();
    }
  });

  test('R13 the session keeps its id from save to save, and each knows the one before', async () => {
    const ann = person();
    const repo = await session(ann);
    const one = await read(ann, repo, (await save(ann, repo)).saved[0]!.oid);
    const two = await read(ann, repo, (await save(ann, repo)).saved[0]!.oid);
    expect(two.session.id).toBe(one.session.id);
    expect(one.previous).toBeNull();
    expect(two.previous).not.toBeNull();
  });

  test('F35 ids go on rising when the clock goes back', async () => {
    const ann = person();
    const repo = await session(ann);
    const first = (await save(ann, repo)).saved[0]!;
    // A snapshot from the year 2100, as a clone with a wrong clock would have made it.
    const late = `21000101T000000000Z-${first.oid.slice(0, 8)}`;
    await ann.git(repo, 'update-ref', `refs/sessions/work/${late}/snapshot`, first.oid);
    const next = (await save(ann, repo)).saved[0]!;
    expect(next.id > late).toBe(true);
  });

  test('C25 credentials and editor files are left out of the work, and credentials are named', async () => {
    const ann = person();
    const repo = await session(ann);
    writeFileSync(path.join(repo, '.env'), 'TOKEN=1\n');
    writeFileSync(path.join(repo, '.file.txt.swp'), 'swap');
    writeFileSync(path.join(repo, 'notes.txt'), 'note\n');
    const { saved, warnings } = await save(ann, repo);
    const work = (await read(ann, repo, saved[0]!.oid)).git.work!;
    expect(await ann.git(repo, 'ls-tree', '-r', '--name-only', `${work}^3`)).toBe('notes.txt');
    expect(warnings.join('\n')).toMatch(/left out \.env/u);
    expect(warnings.join('\n')).not.toContain('swp');
  });

  test('--no-work leaves uncommitted work out; neither form touches index or files', async () => {
    const ann = person();
    const repo = await session(ann);
    appendFileSync(path.join(repo, 'file.txt'), 'two\n');
    const index = readFileSync(path.join(repo, '.git/index'));
    const { mtimeMs } = statSync(path.join(repo, 'file.txt'));
    expect((await read(ann, repo, (await save(ann, repo, '--no-work')).saved[0]!.oid)).git.work).toBeNull();
    expect((await read(ann, repo, (await save(ann, repo)).saved[0]!.oid)).git.work).not.toBeNull();
    expect(readFileSync(path.join(repo, '.git/index')).equals(index)).toBe(true);
    expect(statSync(path.join(repo, 'file.txt')).mtimeMs).toBe(mtimeMs);
    expect(await ann.git(repo, 'status', '--short')).toBe(' M file.txt');
  });

  test('C20 an inherited GIT_INDEX_FILE is neither read nor written', async () => {
    const ann = person();
    const repo = await session(ann);
    appendFileSync(path.join(repo, 'file.txt'), 'two\n');
    const other = path.join(ann.dir, 'other-index');
    const result = await ann.gsWith({ cwd: repo, env: { GIT_INDEX_FILE: other } }, 'save');
    expect(result.code).toBe(0);
    expect(statSync(other, { throwIfNoEntry: false })).toBeUndefined();
  });

  test('an unborn branch gives a snapshot without a base', async () => {
    const ann = person();
    const repo = path.join(ann.dir, 'empty');
    mkdirSync(repo);
    await ann.git(repo, 'init', '-q');
    await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo);
    const { saved } = await save(ann, repo, '--crq', 'CRQ-1');
    const snapshot = await read(ann, repo, saved[0]!.oid);
    expect(snapshot.git).toMatchObject({ head: null, branch: 'main', work: null });
    await ann.killServer();
    await ann.ok(repo, 'restore', 'work');
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('work');
  });

  test.each([
    ['sha256', ['--object-format=sha256']],
    ['bare', ['--bare']],
  ])('a %s repository works', async (kind, init) => {
    const ann = person();
    let repo: string;
    if (kind === 'bare') {
      const first = await ann.repo('first');
      repo = path.join(ann.dir, 'bare.git');
      await ann.git(ann.dir, 'clone', '-q', '--bare', first, repo);
    } else repo = await ann.repo('repo', ...init);
    await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo);
    await ann.ok(repo, 'save', '--crq', 'CRQ-1');
    await ann.killServer();
    await ann.ok(repo, 'restore', 'work');
    expect(await ann.git(repo, 'fsck', '--strict')).toBe('');
    expect(await ann.git(repo, 'log', '--notes=crq', '-1')).toContain('CRQ: CRQ-1 work/');
  });

  test('S6 A23 only allow-listed environment is saved', async () => {
    const ann = person();
    const repo = await session(ann);
    await ann.tmux('set-environment', '-t', '=work:', 'FOO', 'bar');
    await ann.tmux('set-environment', '-g', 'MY_API_TOKEN', 'canary-secret-value');
    await ann.tmux('set-environment', '-t', '=work:', 'LD_PRELOAD', '/evil.so');
    await ann.tmux('set-environment', '-t', '=work:', 'NODE_ENV', 'test');
    const { saved, warnings } = await save(
      ann,
      repo,
      '--env',
      'FOO',
      '--env',
      'MY_API_TOKEN',
      '--env',
      'LD_PRELOAD',
      '--env',
      'NOT_SET',
    );
    expect((await read(ann, repo, saved[0]!.oid)).env).toEqual({ FOO: 'bar', NODE_ENV: 'test' });
    expect(warnings.join('\n')).toMatch(/MY_API_TOKEN is not saved: secret/u);
    expect(warnings.join('\n')).toMatch(/LD_PRELOAD is not saved: dangerous/u);
    expect(warnings.join('\n')).toMatch(/NOT_SET is not set/u);
    const all = await ann.run(
      'sh',
      ['-c', 'git cat-file --batch --batch-all-objects | grep -ac canary-secret'],
      { cwd: repo },
    );
    expect(all.stdout.trim()).toBe('0');
  });

  test('T4 a CRQ in the branch name, in branch.<name>.crq and by --crq; carried on to the next save', async () => {
    const ann = person();
    const repo = await session(ann);
    await ann.git(repo, 'checkout', '-qb', 'feature/CRQ-021-x');
    await ann.git(repo, 'config', 'branch.feature/CRQ-021-x.crq', 'CRQ-7');
    const first = await save(ann, repo, '--crq', 'CRQ-9');
    expect(first.saved[0]!.crqs.map((c) => c.id)).toEqual(['CRQ-9', 'CRQ-021', 'CRQ-7']);
    const second = await save(ann, repo, '--no-detect-crq');
    expect(second.saved[0]!.crqs.map((c) => c.id).toSorted()).toEqual(['CRQ-021', 'CRQ-7', 'CRQ-9']);
  });
});
