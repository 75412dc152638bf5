/* oxlint-disable vitest/expect-expect -- refused() does the checking in many of these. */
import { chmodSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { canonicalize } from 'json-canonicalize';
import { beforeEach, describe, expect, test } from 'vitest';
import type { TmuxPane } from '../../src/session/schema.ts';
import {
  directoryOf,
  eachOf,
  idOf,
  layout,
  panes,
  type Scene,
  scene,
  sessions,
  settle,
  snapshot,
  stateOf,
  unchanged,
  watchUsage,
  windowsOf,
  zlibBomb,
  exits,
} from '../support/attack.ts';
import { forge, forgeBytes, type Forged, plainPane, plainSnapshot, typedPane } from '../support/forge.ts';
import { type Result, waitFor } from '../support/harness.ts';

let s: Scene;
beforeEach(async () => {
  s = await scene();
});

/** Runs a command that must refuse: code, message, hints; and no more than that happens. */
async function refused(
  args: string[],
  code: number,
  message: RegExp,
  hints: (string | RegExp)[] = [],
  cwd = s.repo,
) {
  const result = await unchanged(s.who, cwd, () => s.who.gs(cwd, ...args));
  expect(result.stderr).toMatch(message);
  exits(result, code);
  expect(result.stdout).toBe('');
  const [first, ...rest] = result.stderr.trimEnd().split('\n');
  expect(first).toMatch(code === 128 ? /^fatal: / : /^error: /u);
  for (const line of rest) expect(line).toMatch(/^hint: /u);
  for (const hint of hints) {
    expect(
      rest.some((l) => (typeof hint === 'string' ? l.includes(hint) : hint.test(l))),
      `${hint} in ${result.stderr}`,
    ).toBe(true);
  }
  return result;
}

/** The same with `--json`: one document on stdout, the same exit code and the same lines on stderr. */
async function refusedJson(args: string[], code: string, human: Result, cwd = s.repo) {
  const result = await unchanged(s.who, cwd, () => s.who.gs(cwd, ...args, '--json'));
  expect([result.code, result.stderr]).toEqual([human.code, human.stderr]);
  expect(result.stdout).toMatch(/^[^\n]*\n$/u);
  const document = JSON.parse(result.stdout) as object;
  expect(document).toMatchObject({
    ok: false,
    error: { code, exit: human.code, message: expect.any(String) },
  });
  return document as { ok: false; error: { hints: string[]; data?: Record<string, unknown> } };
}

async function live(name = 'work'): Promise<void> {
  await s.who.tmux('new-session', '-d', '-s', name, 'exec sleep 1000');
}

function exec(argv: TmuxPane['command'] & object): Partial<TmuxPane> {
  return {
    start: { argv },
    relaunch: { source: 'start', confidence: 'exact', reason: 'start-command', steps: [], line: null },
  };
}

async function setTmux(command: string): Promise<void> {
  await s.who.git(s.repo, 'config', '--global', 'session.tmuxCommand', command);
}

/** A second commit; HEAD goes back to the first, detached or on `main`. */
async function elsewhere(files: Record<string, string> = { 'file.txt': 'two\n' }): Promise<string> {
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(s.repo, name), text);
  await s.who.git(s.repo, 'add', '.');
  await s.who.git(s.repo, 'commit', '-q', '-m', 'second');
  const second = await s.who.git(s.repo, 'rev-parse', 'HEAD');
  await s.who.git(s.repo, 'reset', '-q', '--hard', s.head);
  return second;
}

describe('where it runs', () => {
  test('no repository', async () => {
    const plain = path.join(s.who.dir, 'plain');
    mkdirSync(plain);
    await live();
    for (const args of [['save'], ['restore', 'x'], ['restore', '--all'], ['restore', '-n', 'x']]) {
      const result = await refused(args, 128, /^fatal: not a git repository/u, ['git init'], plain);
      await refusedJson(args, 'not-a-repository', result, plain);
    }
  });

  test('no tmux program', async () => {
    const second = await elsewhere();
    await forge(s.who, s.repo, snapshot(second));
    await setTmux('/no/such/tmux -L x');
    for (const args of [['save'], ['restore', 'forged'], ['restore', '--all'], ['restore', '-n', 'forged']]) {
      const result = await refused(args, 128, /tmux was not found \(tried to run '\/no\/such\/tmux'\)/u, [
        'install tmux',
      ]);
      await refusedJson(args, 'tmux-missing', result);
    }
  });

  test('session.tmuxCommand is nonsense', async () => {
    await forge(s.who, s.repo, snapshot(s.head));
    for (const command of ["tmux 'unclosed", 'tmux "x', '', '   ', "''"]) {
      await setTmux(command);
      await refused(['restore', 'forged'], 128, /session\.tmuxCommand is not a command/u, ['git config']);
    }
    const result = await refused(['save'], 128, /session\.tmuxCommand is not a command/u, ['git config']);
    await refusedJson(['save'], 'invalid-config', result);
  });

  test.each([
    ['a socket in a directory that is not there', '/usr/bin/env tmux -S /no/such/directory/socket'],
    ['a program that says nothing', '/bin/true'],
    ['a program that fails', '/bin/false'],
    ['a program that says something else', '/bin/echo hello'],
    ['a directory', '/tmp'],
  ])('a tmux that does not work: %s', async (_, command) => {
    await forge(s.who, s.repo, snapshot(await elsewhere()));
    await setTmux(command);
    await refused(['save'], 128, /^fatal: .*tmux/u);
    await refused(['restore', 'forged'], 128, /^fatal: .*tmux/u);
    writeFileSync(path.join(s.repo, 'file.txt'), 'mine\n');
    await refused(['restore', 'forged', '--autostash'], 128, /^fatal: .*tmux/u);
    await refused(['restore', 'forged', '--worktree'], 128, /^fatal: .*tmux/u);
  });

  test('no server: nothing to save', async () => {
    const result = await refused(['save'], 128, /^fatal: no tmux server is running/u, ['tmux new-session']);
    await refusedJson(['save'], 'no-server', result);
    await refused(['save', '--all'], 128, /no tmux server is running/u);
    await refused(['save', '-t', 'x', 'y'], 128, /no tmux server is running/u);
  });

  test('session.enabled is false', async () => {
    await live();
    await forge(s.who, s.repo, snapshot(s.head));
    for (const value of ['no', 'false']) {
      await s.who.git(s.repo, 'config', 'session.enabled', value);
      for (const args of [
        ['save', 'work'],
        ['restore', 'forged'],
        ['restore', '--all'],
      ]) {
        await refused(args, 128, /switched off here \(session\.enabled is false\)/u, [
          'git config session.enabled true',
        ]);
      }
    }
    const result = await refused(['save', 'work'], 128, /switched off/u);
    await refusedJson(['save', 'work'], 'disabled', result);
    // Reading goes on.
    await s.who.ok(s.repo, 'restore', '--dry-run', 'forged');
  });

  test('an unborn branch: saved without a base, and restored', async () => {
    const dir = path.join(s.who.dir, 'unborn');
    mkdirSync(dir);
    await s.who.git(dir, 'init', '-q');
    writeFileSync(path.join(dir, 'new.txt'), 'x');
    await live();
    await s.who.ok(dir, 'save', 'work');
    await s.who.tmux('kill-session', '-t', '=work');
    await s.who.ok(dir, 'restore', 'work');
    expect((await panes(s.who, 'work'))[0]!.start).toContain('sleep 1000');
    expect(await s.who.git(dir, 'status', '--porcelain')).toBe('?? new.txt');
    // A snapshot that has a commit, restored here.
    await forge(s.who, dir, snapshot(s.head));
    await refused(['restore', 'forged'], 128, /is not in this repository/u, [], dir);
  });

  test('a detached HEAD: saved and restored as such', async () => {
    const second = await elsewhere();
    await s.who.git(s.repo, 'checkout', '-q', '--detach', second);
    await live();
    await s.who.ok(s.repo, 'save', 'work');
    await s.who.tmux('kill-session', '-t', '=work');
    await s.who.git(s.repo, 'checkout', '-q', 'main');
    await s.who.ok(s.repo, 'restore', 'work');
    expect(await s.who.git(s.repo, 'rev-parse', 'HEAD')).toBe(second);
    expect((await s.who.run('git', ['symbolic-ref', '-q', 'HEAD'], { cwd: s.repo })).code).toBe(1);
    expect(await s.who.git(s.repo, 'rev-parse', 'main')).toBe(s.head);
  });
});

describe('the command line', () => {
  test('usage errors are exit 129', async () => {
    await live();
    const cases: [string[], RegExp][] = [
      [['restore'], /reference is missing/u],
      [['restore', '--no-such'], /unknown option '--no-such'/u],
      [['restore', 'a', 'b'], /too many arguments/u],
      [['restore', '--as'], /'--as' needs a value/u],
      [['restore', '--as', '', 'x'], /--as takes a name/u],
      [['restore', '--window', 'one', 'x'], /--window takes a window's index, not 'one'/u],
      [['restore', '--all', 'x'], /--all takes no reference/u],
      [['restore', '--all', '--as', 'x'], /--all does not go with/u],
      [['restore', '--all=x'], /takes no value/u],
      [['save', '-x'], /unknown option '-x'/u],
      [['save', 'a', 'b'], /too many arguments/u],
      [['save', '-m'], /'-m' needs a value/u],
      [['save', '--all', 'name'], /exclude each other/u],
      [['save', '--scrollback=many'], /--scrollback takes a number/u],
      [['save', '--scrollback=-1'], /--scrollback takes a number/u],
      [['save', '--scrollback=100001'], /--scrollback takes a number/u],
      [['no-such-command'], /unknown command 'no-such-command'/u],
      [['--no-such-option'], /unknown option '--no-such-option'/u],
      [['__proto__'], /unknown command/u],
      [['constructor'], /unknown command/u],
    ];
    for (const [args, message] of cases) {
      const result = await refused(args, 129, message);
      if (args.length > 1 && !args.includes('--as') && !args.includes('-m'))
        await refusedJson(args, 'usage', result);
    }
  });

  test('invalid session names', async () => {
    await live();
    const bad = [
      '',
      'a b',
      '.x',
      'x.',
      '-x',
      'a/',
      '/a',
      'a//b',
      'a/../b',
      '..',
      'x.lock',
      'snapshot',
      'a/context',
      'a/events/b',
    ];
    bad.push(
      '20261121T080000000Z-01234567',
      'a/20261121T080000000Z-01234567',
      'ü',
      'a\nb',
      'a~1',
      'a^',
      'a:b',
      'a*',
      'a@{1}',
      'x'.repeat(101),
    );
    const before = await stateOf(s.who, s.repo);
    await eachOf(bad, async (name) => {
      const result = await s.who.gs(s.repo, 'save', '-t', 'work', '--', name);
      expect([name, result.code]).toEqual([name, 128]);
      expect(result.stderr).toMatch(/^fatal: .* is not a valid session name: /u);
    });
    expect(await stateOf(s.who, s.repo)).toBe(before);
    const human = await s.who.gs(s.repo, 'save', '-t', 'work', 'a b');
    await refusedJson(['save', '-t', 'work', 'a b'], 'invalid-name', human);
  });

  test('unknown references', async () => {
    await forge(s.who, s.repo, snapshot(s.head));
    await live();
    const refs = [
      'nope',
      'forged~1',
      'forged~9',
      'origin/forged',
      'refs/sessions/nope',
      'HEAD',
      s.head,
      'forged/00000000',
      '~',
      '',
      '/',
    ];
    const before = await stateOf(s.who, s.repo);
    await eachOf(refs, async (ref) => {
      const result = await s.who.gs(s.repo, 'restore', '--', ref);
      expect([ref, result.code, result.stderr]).toEqual([
        ref,
        1,
        expect.stringMatching(/^error: no session or snapshot '/u),
      ]);
    });
    expect(await stateOf(s.who, s.repo)).toBe(before);
    const result = await refused(['restore', 'forge'], 1, /no session or snapshot 'forge'/u, [
      "did you mean 'forged'?",
    ]);
    await refusedJson(['restore', 'forge'], 'not-found', result);
    await refused(['save', '-t', 'wor', 'x'], 128, /there is no tmux session 'wor'/u, [
      "did you mean 'work'?",
    ]);
    await refused(['save', '-t', '=', 'x'], 128, /there is no tmux session '='/u);
    await refused(['save', '-t', '', 'x'], 128, /there is no tmux session ''/u);
  });

  test('ambiguous references list the candidates', async () => {
    const made: Forged[] = [];
    for (const time of ['20261121T080000000Z', '20261121T090000000Z']) {
      made.push(
        await forge(
          s.who,
          s.repo,
          snapshot(s.head, (x) => void (x.message = time)),
          { time },
        ),
      );
    }
    const result = await refused(
      ['restore', 'forged/20261121'],
      1,
      /'forged\/20261121' is ambiguous: 2 snapshots/u,
      made.map((m) => m.id),
    );
    const { error } = await refusedJson(['restore', 'forged/20261121'], 'ambiguous', result);
    expect(error.data).toEqual({ candidates: made.map((m) => `forged/${m.id}`) });
  });

  test('several tmux sessions and none named', async () => {
    await live('one');
    await live('two');
    const result = await refused(['save'], 128, /not inside tmux, and there are several tmux sessions/u, [
      '--all',
    ]);
    const { error } = await refusedJson(['save'], 'no-such-tmux-session', result);
    expect(error.data).toEqual({ candidates: ['one', 'two'] });
  });
});

describe('a snapshot that is damaged', () => {
  const good = Buffer.from(canonicalize(plainSnapshot(null)));

  test('by its bytes: refused as damaged, and what is beside it is read', async () => {
    await live();
    await forgeBytes(s.who, s.repo, good, { name: 'good' });
    const cases: Record<string, Buffer> = {
      cut: good.subarray(0, -1),
      'cut-short': good.subarray(0, 100),
      spaced: Buffer.from(`${good.toString()} `),
      text: Buffer.from('hello'),
      latin1: Buffer.concat([good.subarray(0, 20), Buffer.from([0xe9]), good.subarray(20)]),
      flipped: Buffer.from(good.map((c, i) => (i === 40 ? c ^ 0x80 : c))),
    };
    for (const [name, bytes] of Object.entries(cases)) {
      // An older one of the same session is whole.
      await forgeBytes(s.who, s.repo, good, { name, time: '20261120T080000000Z' });
      await forgeBytes(s.who, s.repo, bytes, { name });
      const result = await refused(
        ['restore', name],
        128,
        new RegExp(`^fatal: snapshot [0-9a-f]{7} of '${name}' is damaged: `, 'u'),
        ['older snapshot'],
      );
      await refusedJson(['restore', name], 'damaged', result);
      await s.who.ok(s.repo, 'restore', '--dry-run', `${name}~1`);
    }
    await s.who.ok(s.repo, 'restore', '--dry-run', 'good');
  });

  /** The file of a loose object. */
  const loose = (oid: string) => path.join(s.repo, '.git/objects', oid.slice(0, 2), oid.slice(2));

  test.each<[string, (file: string) => void]>([
    ['cut', (file) => truncateSync(file, 40)],
    ['empty', (file) => truncateSync(file, 0)],
    [
      'bit flipped',
      (file) => {
        const bytes = readFileSync(file);
        const at = Math.floor(bytes.length / 2);
        bytes[at]! ^= 4;
        writeFileSync(file, bytes);
      },
    ],
    ['missing', (file) => rmSync(file)],
  ])('by its object in the store: %s (F16)', async (_, damage) => {
    await live();
    await forgeBytes(s.who, s.repo, good, { name: 'good' });
    const older = snapshot(null, (x) => void (x.message = 'older'));
    await forge(s.who, s.repo, older, { name: 'bad', time: '20261120T080000000Z' });
    const bad = await forge(
      s.who,
      s.repo,
      snapshot(null, (x) => void (x.message = 'x')),
      { name: 'bad' },
    );
    chmodSync(loose(bad.oid), 0o644);
    damage(loose(bad.oid));
    const result = await refused(
      ['restore', 'bad'],
      128,
      new RegExp(`^fatal: snapshot ${bad.oid.slice(0, 7)} of 'bad' is damaged`, 'u'),
      ['bad~1'],
    );
    await refusedJson(['restore', 'bad'], 'damaged', result);
    // Others, and an older one of the same session, come back.
    await s.who.ok(s.repo, 'restore', 'bad~1', '--as', 'older');
    await s.who.ok(s.repo, 'restore', 'good', '--as', 'good');
    const all = await s.who.gs(s.repo, 'restore', '--all');
    exits(all, 1);
    expect(all.stderr).toMatch(/^error: bad: snapshot [0-9a-f]{7} of 'bad' is damaged/mu);
    // A new save of it succeeds.
    await s.who.ok(s.repo, 'save', '-t', 'work', 'bad');
  });

  test('a ref to something that is no blob', async () => {
    const ref = (name: string) => `refs/sessions/${name}/20261121T080000000Z-01234567/snapshot`;
    await forge(s.who, s.repo, plainSnapshot(null), { name: 'good' });
    await s.who.git(s.repo, 'update-ref', ref('commit'), s.head);
    await s.who.git(s.repo, 'update-ref', ref('tree'), `${s.head}^{tree}`);
    await s.who.git(s.repo, 'tag', '-a', '-m', 'x', 'v1');
    await s.who.git(s.repo, 'update-ref', ref('tag'), 'v1');
    await s.who.git(s.repo, 'symbolic-ref', ref('symbolic'), 'refs/heads/main');
    for (const name of ['commit', 'tree', 'tag']) await refused(['restore', name], 128, / is damaged: /u);
    await refused(['restore', 'symbolic'], 1, /no session or snapshot/u);
    await s.who.ok(s.repo, 'restore', '--dry-run', 'good');
  });

  test('a newer version: both versions are named (F31)', async () => {
    await live();
    const newer = { ...plainSnapshot(s.head), version: 3, unheard: true };
    await forge(s.who, s.repo, newer);
    const message = /^fatal: snapshot [0-9a-f]{7} of 'forged' uses format 3; this git-session reads up to 1/u;
    const result = await refused(['restore', 'forged'], 128, message, ['install a newer git-session']);
    const { error } = await refusedJson(['restore', 'forged'], 'unsupported-version', result);
    expect(error.data).toEqual({ version: 3, supported: 1 });
    for (const [i, version] of [0, -1, 1.5, '1', null].entries()) {
      await forge(s.who, s.repo, { ...plainSnapshot(s.head), version }, { name: `v${i}` });
      await refused(['restore', `v${i}`], 128, /no format version/u);
    }
    await forge(s.who, s.repo, { ...plainSnapshot(s.head), format: 'other' }, { name: 'other' });
    await refused(['restore', 'other'], 128, /not a git-session snapshot/u);
  });

  test('D1 a blob of 1 GiB is refused by its size, without reading it', async () => {
    await live();
    const oid = zlibBomb(s.repo);
    // `git update-ref` would read all of it.
    const refs = path.join(s.repo, '.git/refs/sessions/large/20261121T080000000Z-01234567');
    mkdirSync(refs, { recursive: true });
    for (const kind of ['snapshot', 'events']) writeFileSync(path.join(refs, kind), `${oid}\n`);
    await forge(s.who, s.repo, plainSnapshot(null), { name: 'good' });
    const usage = watchUsage(s.who);
    await s.who.gs(s.repo, 'restore', 'large'); // the code cache
    for (const args of [
      ['restore', 'large'],
      ['restore', '--dry-run', 'large'],
      ['restore', '--dry-run', 'good'],
    ]) {
      const result = await unchanged(s.who, s.repo, () => s.who.gs(s.repo, ...args));
      const used = usage();
      if (args.includes('large')) {
        expect(result.code).toBe(128);
        expect(result.stderr).toMatch(
          /^fatal: snapshot [0-9a-f]{7} of 'large' has 1073741824 bytes, more than the limit of 4194304/u,
        );
      } else exits(result, 0);
      expect(used.maxRSS).toBeLessThan(200 * 1024);
      expect(used.cpu).toBeLessThan(1000);
    }
    // As scrollback of a small snapshot, where it is not in the snapshot's own limits.
    const tree = await s.who.run('git', ['mktree'], { cwd: s.repo, input: `100644 blob ${oid}\t0.0\n` });
    const root = await s.who.run('git', ['mktree'], {
      cwd: s.repo,
      input: `040000 tree ${tree.stdout.trim()}\tscrollback\n`,
    });
    const context = await s.who.git(s.repo, 'commit-tree', '-m', 'x', root.stdout.trim());
    const scrollback = { path: 'scrollback/0.0', lines: 1, bytes: 1, truncated: false };
    const made = await forge(
      s.who,
      s.repo,
      snapshot(null, (x) => void (x.tmux.windows = windowsOf([{ scrollback }]))),
      { name: 'scroll' },
    );
    await s.who.git(s.repo, 'update-ref', made.ref.replace(/snapshot$/u, 'context'), context);
    const result = await s.who.gs(s.repo, 'restore', 'scroll');
    expect(usage().maxRSS).toBeLessThan(200 * 1024);
    expect(result.stderr).toMatch(/scrollback/u);
    expect(result.code, "one pane's text is no reason to lose the session").toBe(1);
    expect((await sessions(s.who)).has('forged')).toBe(true);
  });

  test('scrollback that is missing, a folder, or too large: the session comes back without it', async () => {
    const scrollback = (n: number) => ({
      scrollback: { path: `scrollback/${n}.0`, lines: 1, bytes: 1, truncated: false },
    });
    const forged = snapshot(null, (x) => {
      x.tmux.windows = windowsOf([scrollback(0)], [scrollback(1)], [scrollback(2)]);
    });
    const files = {
      'scrollback/1.0': Buffer.alloc(4 * 1024 * 1024 + 1, 0x78),
      'scrollback/2.0': Buffer.from('whole\n'),
    };
    const made = await forge(s.who, s.repo, forged, { files });
    const result = await s.who.gs(s.repo, 'restore', 'forged');
    expect(result.stderr).not.toContain('fatal');
    const all = await panes(s.who, 'forged');
    expect(all).toHaveLength(3);
    await settle(s.who, all[2]!.id);
    expect(await s.who.screen(all[2]!.id)).toContain('whole');
    // A context that is no commit, and one that is not there.
    for (const [i, context] of [made.oid, '1234567890123456789012345678901234567890'].entries()) {
      writeFileSync(path.join(s.repo, '.git', made.ref.replace(/snapshot$/u, 'context')), `${context}\n`);
      const odd = await s.who.gs(s.repo, 'restore', 'forged', '--as', `odd${i}`);
      expect(odd.stderr).not.toContain('fatal');
    }
    expect([...(await sessions(s.who)).keys()]).toEqual(['forged', 'odd0', 'odd1']);
  });
});

describe('the state that a restore finds', () => {
  test('F30 a session of that name: hint --as', async () => {
    await live('forged');
    await live('forged-2');
    await forge(s.who, s.repo, snapshot(await elsewhere()));
    const result = await refused(
      ['restore', 'forged'],
      128,
      /^fatal: tmux session 'forged' already exists/u,
      [/--as[ =]'?forged-3/u],
    );
    await refusedJson(['restore', 'forged'], 'session-exists', result);
    await refused(['restore', 'forged', '--as', 'forged-2'], 128, /'forged-2' already exists/u);
    await s.who.ok(s.repo, 'restore', 'forged', '--as', 'forged-3');
  });

  test('F26 changes, and HEAD elsewhere: hints --worktree, --autostash', async () => {
    const second = await elsewhere();
    await forge(s.who, s.repo, snapshot(second));
    await live();
    writeFileSync(path.join(s.repo, 'file.txt'), 'mine\n');
    const hints = ['--worktree', '--autostash', '--no-git'];
    const result = await refused(
      ['restore', 'forged'],
      1,
      /^error: your working tree has changes.*nothing was touched/u,
      hints,
    );
    await refusedJson(['restore', 'forged'], 'dirty-worktree', result);
    await refused(['restore', '-n', 'forged'], 1, /your working tree has changes/u);
    expect(readFileSync(path.join(s.repo, 'file.txt'), 'utf8')).toBe('mine\n');
    // Staged only.
    await s.who.git(s.repo, 'add', 'file.txt');
    await refused(['restore', 'forged'], 1, /your working tree has changes/u, hints);
    // Each of the hints works, and loses nothing.
    await s.who.ok(s.repo, 'restore', 'forged', '--no-git', '--as', 'a');
    await s.who.ok(s.repo, 'restore', 'forged', '--worktree', '--as', 'b');
    expect(await s.who.git(s.repo, 'rev-parse', 'HEAD')).toBe(s.head);
    expect(readFileSync(path.join(s.repo, 'file.txt'), 'utf8')).toBe('mine\n');
    await s.who.ok(s.repo, 'restore', 'forged', '--autostash', '--as', 'c');
    expect(await s.who.git(s.repo, 'rev-parse', 'HEAD')).toBe(second);
    expect(await s.who.git(s.repo, 'show', 'stash@{0}:file.txt')).toBe('mine');
    expect(await s.who.git(s.repo, 'rev-parse', 'main')).toBe(s.head);
  });

  test('F26 untracked and ignored files in the way', async () => {
    writeFileSync(path.join(s.repo, '.git/info/exclude'), 'ignored.txt\n');
    const second = await elsewhere({ 'new.txt': 'theirs\n', dir: 'a file\n' });
    await forge(s.who, s.repo, snapshot(second));
    writeFileSync(path.join(s.repo, 'new.txt'), 'mine\n');
    const result = await refused(
      ['restore', 'forged'],
      1,
      /untracked files are in the way.*nothing was touched/u,
      ['--worktree'],
    );
    const { error } = await refusedJson(['restore', 'forged'], 'dirty-worktree', result);
    expect(error.data).toMatchObject({ inTheWay: ['new.txt'] });
    expect(readFileSync(path.join(s.repo, 'new.txt'), 'utf8')).toBe('mine\n');
    rmSync(path.join(s.repo, 'new.txt'));
    // A folder of untracked files where a file comes.
    mkdirSync(path.join(s.repo, 'dir'));
    writeFileSync(path.join(s.repo, 'dir/mine.txt'), 'mine\n');
    await refused(['restore', 'forged'], 1, /untracked files are in the way/u);
    expect(readFileSync(path.join(s.repo, 'dir/mine.txt'), 'utf8')).toBe('mine\n');
    rmSync(path.join(s.repo, 'dir'), { recursive: true });
    // An ignored file, which git itself would overwrite without a word.
    await s.who.git(s.repo, 'checkout', '-q', '-b', 'third', second);
    writeFileSync(path.join(s.repo, 'ignored.txt'), 'theirs\n');
    await s.who.git(s.repo, 'add', '-f', 'ignored.txt');
    await s.who.git(s.repo, 'commit', '-q', '-m', 'third');
    const third = await s.who.git(s.repo, 'rev-parse', 'HEAD');
    await s.who.git(s.repo, 'checkout', '-q', 'main');
    await forge(s.who, s.repo, snapshot(third), { name: 'third' });
    writeFileSync(path.join(s.repo, 'ignored.txt'), 'mine\n');
    await refused(['restore', 'third'], 1, /untracked files are in the way/u);
    expect(readFileSync(path.join(s.repo, 'ignored.txt'), 'utf8')).toBe('mine\n');
  });

  test('F25 a commit that is not here', async () => {
    await live();
    const missing = '1234567890123456789012345678901234567890';
    await forge(s.who, s.repo, snapshot(missing));
    await forge(
      s.who,
      s.repo,
      snapshot(s.head, (x) => void (x.git.work = missing)),
      { name: 'work' },
    );
    for (const [name, message] of [
      ['forged', /^fatal: commit 1234567 of session 'forged' is not in this repository/u],
      ['work', /^fatal: commit 1234567 of session 'forged' is not in this repository/u],
    ] as const) {
      const result = await refused(['restore', name], 128, message, [
        `git fetch origin ${missing}`,
        '--no-git',
      ]);
      await refusedJson(['restore', name], 'missing-commit', result);
      await refused(['restore', '--worktree', name], 128, message);
    }
    await s.who.ok(s.repo, 'restore', '--no-git', 'forged');
    // A blob is no commit.
    const blob = await s.who.git(s.repo, 'rev-parse', 'HEAD:file.txt');
    await forge(s.who, s.repo, snapshot(blob), { name: 'blob' });
    await refused(['restore', 'blob', '--as', 'blob'], 128, /is not in this repository/u);
  });

  test('a saved work commit that is none: refused, and all is put back', async () => {
    const second = await elsewhere();
    await forge(
      s.who,
      s.repo,
      snapshot(second, (x) => void (x.git.work = s.head)),
    );
    await live();
    const result = await refused(['restore', 'forged'], 1, /^error: cannot apply the saved work/u, [
      '--worktree',
    ]);
    await refusedJson(['restore', 'forged'], 'apply-failed', result);
    await refused(['restore', 'forged', '--worktree'], 1, /cannot apply the saved work/u);
    expect(await s.who.git(s.repo, 'rev-parse', '--abbrev-ref', 'HEAD')).toBe('main');
    writeFileSync(path.join(s.repo, 'file.txt'), 'mine\n');
    await refused(['restore', 'forged', '--autostash'], 1, /cannot apply the saved work/u);
    expect(readFileSync(path.join(s.repo, 'file.txt'), 'utf8')).toBe('mine\n');
  });

  test('F32 a missing directory: the pane stays, nothing starts in it, and it says so', async () => {
    mkdirSync(path.join(s.repo, 'there'));
    const file = path.join(s.repo, 'there/a-file');
    writeFileSync(file, '');
    writeFileSync(path.join(s.repo, '.git/info/exclude'), '*\n');
    const run = (dir: string, inside: 'repo' | 'home' | 'root' = 'repo') =>
      typedPane(['touch', s.canary], { cwd: { in: inside, path: dir } });
    const forged = snapshot(s.head, (x) => {
      x.tmux.windows = windowsOf(
        [run('there/no/such'), { ...run('gone'), index: 1, active: false }],
        [{ ...exec(['touch', s.canary]), cwd: { in: 'repo', path: 'gone' } }],
        [run('there/a-file')],
        [run('/no/such', 'root'), { ...run('relative', 'root'), index: 1, active: false }],
        [run('nothing', 'home')],
        [{}],
      );
      x.tmux.windows[0]!.panes[1]!.last = true;
    });
    await forge(s.who, s.repo, forged);
    const result = await s.who.gs(s.repo, 'restore', 'forged', '--run');
    expect(result.code).toBe(1);
    const all = await panes(s.who, 'forged');
    expect(all.map((p) => p.window)).toEqual([0, 0, 1, 2, 3, 3, 4, 5]);
    const labels = ['0.0', '0.1', '1.0', '2.0', '3.0', '3.1', '4.0'];
    for (const [i, label] of labels.entries()) {
      const said = `pane ${label}: directory '.*' does not exist; command not started`;
      expect(result.stderr).toMatch(new RegExp(`^warning: ${said}$`, 'mu'));
      await settle(s.who, all[i]!.id);
      const screen = await s.who.tmux('capture-pane', '-p', '-J', '-t', all[i]!.id);
      expect(screen).toMatch(/git session: directory '.*' does not exist; command not started/u);
    }
    expect(directoryOf(all[0]!.pid)).toBe(path.join(s.repo, 'there'));
    expect(directoryOf(all[1]!.pid)).toBe(s.repo);
    expect(directoryOf(all[6]!.pid)).toBe(s.who.home);
    await expect(s.who.gs(s.repo, 'restore', 'forged', '--as', 'json', '--json')).resolves.toMatchObject({
      code: 1,
    });
  });

  test('F33 a missing program: the pane stays, and it says so', async () => {
    const forged = snapshot(s.head, (x) => {
      x.tmux.windows = windowsOf(
        [exec(['/no/such/program', 'x'])],
        [
          exec(['no-such-program', 'x']),
          { ...typedPane(['no-such-program', '--flag']), index: 1, active: false },
        ],
        [exec(['no-such-program'])],
        [exec([s.repo, 'a folder'])],
        [typedPane(['./no-such-script'])],
        [typedPane(['true']), plainPane({ index: 1, active: false })],
      );
    });
    await forge(s.who, s.repo, forged);
    const result = await s.who.gs(s.repo, 'restore', 'forged', '--run');
    exits(result, 1);
    const all = await panes(s.who, 'forged');
    expect(all.map((p) => p.window)).toEqual([0, 1, 1, 2, 3, 4, 5, 5]);
    for (const [i, label] of ['0.0', '1.0', '1.1', '2.0', '3.0', '4.0'].entries()) {
      expect(result.stderr).toMatch(new RegExp(`^warning: pane ${label}: '.*' was not found`, 'mu'));
      await settle(s.who, all[i]!.id);
      expect(await s.who.tmux('capture-pane', '-p', '-J', '-t', all[i]!.id)).toMatch(
        /not found|No such file/u,
      );
    }
    expect(result.stderr).not.toMatch(/prompt/u);
  });

  test('a program that ends at once does not take the restore with it', async () => {
    await live('other');
    for (const [i, start] of [
      { argv: ['true', 'x'] },
      { shell: 'exit 3' },
      { argv: ['sh', '-c', 'kill -9 $$'] },
    ].entries()) {
      const relaunch = exec(['x']).relaunch!;
      const forged = snapshot(s.head, (x) => {
        x.tmux.sessions[0]!.name = `ends${i}`;
        x.tmux.windows = windowsOf([{ start, relaunch }, {}], [{ start, relaunch }], [{}]);
      });
      await forge(s.who, s.repo, forged, { name: `ends${i}` });
      const result = await s.who.gs(s.repo, 'restore', '--run', `ends${i}`);
      expect([result.code, result.stderr]).toEqual([expect.toBeOneOf([0, 1]), expect.any(String)]);
      const windows = new Set((await panes(s.who, `ends${i}`)).map((p) => p.window));
      expect([...windows]).toEqual(expect.arrayContaining([0, 2]));
    }
    // As the only pane of the only window.
    const only = snapshot(s.head, (x) => {
      x.tmux.sessions[0]!.name = 'only';
      x.tmux.windows = windowsOf([{ start: { shell: 'true' }, relaunch: exec(['x']).relaunch! }]);
    });
    await forge(s.who, s.repo, only, { name: 'only' });
    const result = await s.who.gs(s.repo, 'restore', '--run', 'only');
    expect(result.stderr).not.toMatch(/internal error|can't find/u);
    expect((await sessions(s.who)).has('other')).toBe(true);
    expect([...(await sessions(s.who)).keys()].filter((n) => n.startsWith('git-session'))).toEqual([]);
  });

  test('the last window index that tmux has', async () => {
    const forged = snapshot(s.head, (x) => {
      x.tmux.sessions[0]!.activeWindow = 2147483647;
      x.tmux.windows = windowsOf([{}], [{}]).map((w, i) => ({ ...w, index: i === 0 ? 0 : 2147483647 }));
    });
    await forge(s.who, s.repo, forged);
    await s.who.ok(s.repo, 'restore', 'forged');
    expect((await panes(s.who, 'forged')).map((p) => p.window)).toEqual([0, 2147483647]);
  });

  test('F34 a small window with many panes keeps all of them', async () => {
    const height = 2;
    const body = `20x${12 * height - 1},0,0[${Array.from({ length: 12 }, (_, i) => `20x1,0,${i * height},${i}`).join(',')}]`;
    const forged = snapshot(s.head, (x) => {
      x.tmux.windows = windowsOf(Array.from({ length: 12 }, () => ({})));
      x.tmux.windows[0]!.layout = layout(body);
    });
    await forge(s.who, s.repo, forged);
    await s.who.ok(s.repo, 'restore', 'forged');
    expect(await panes(s.who, 'forged')).toHaveLength(12);
    const size = await s.who.tmux(
      'list-windows',
      '-t',
      await idOf(s.who, 'forged'),
      '-F',
      '#{window_width}x#{window_height}',
    );
    expect(size).toBe('20x23');
  });

  test('F29 what a killed restore left is removed, a session under its own name never', async () => {
    await live('work');
    await live('git-session-restore-0123456789ab-0');
    for (const name of (await sessions(s.who)).keys()) {
      // No process has this id: the highest one is 2^22.
      await s.who.tmux('set-option', '-t', `=${name}:`, '@git-session-building', '99999999 0123456789ab');
    }
    await forge(s.who, s.repo, snapshot(s.head));
    await s.who.ok(s.repo, 'restore', 'forged');
    expect([...(await sessions(s.who)).keys()]).toEqual(['forged', 'work']);
  });

  test('a restore that fails half-way leaves no session of ours behind', async () => {
    await live('other');
    const forged = snapshot(s.head, (x) => void (x.tmux.sessions[0]!.name = ''));
    await forge(s.who, s.repo, forged);
    const before = await stateOf(s.who, s.repo);
    const result = await s.who.gs(s.repo, 'restore', 'forged');
    expect(result.code).toBe(128);
    await waitFor(async () => (await stateOf(s.who, s.repo)) === before, 'everything to be as before');
  });
});
