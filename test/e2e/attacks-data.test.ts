import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { approvalSubject } from '../../src/session/approval.ts';
import type { Snapshot, TmuxPane } from '../../src/session/schema.ts';
import { planDigest } from '../../src/trust/approvals.ts';
import {
  directoryOf,
  eachOf,
  environmentOf,
  panes,
  type Scene,
  scene,
  settle,
  snapshot,
  stateOf,
  Terminal,
  unchanged,
  watchUsage,
  windowsOf,
  exits,
} from '../support/attack.ts';
import { forge, forgeBytes, plainSnapshot, typedPane } from '../support/forge.ts';
import { waitFor } from '../support/harness.ts';
import { canonicalize } from 'json-canonicalize';

const ESC = '\u001B';
/** What a terminal would obey or hide; line ends are ours. */
const UNSAFE = /(?!\n)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;

function exec(argv: TmuxPane['command'] & object): Partial<TmuxPane> {
  return {
    start: { argv },
    relaunch: { source: 'start', confidence: 'exact', reason: 'start-command', steps: [], line: null },
  };
}

describe('B: what is printed', () => {
  test('B1, B3, B4 the plan shows hidden characters, and the command that really runs', async () => {
    const s = await scene();
    const evil = `${ESC}]0;owned\u0007${ESC}[6n\u009D52;c;eA==\u009C\u202Ebidi\u200B\b\r\u{E0041}`;
    const hostile = snapshot(s.head, (x) => {
      x.message = evil;
      x.savedBy = { name: evil, email: evil };
      x.host = { name: evil, os: evil, arch: evil, tmux: evil, tool: evil };
      x.git.branch = evil;
      x.git.upstream = evil;
      x.git.remotes = [{ name: evil, url: evil }];
      x.git.leftOut = [{ path: evil, reason: 'x' }];
      x.crqs = [{ id: 'CRQ-1', title: evil, status: evil, path: evil }];
      x.env = { FOO: evil };
      x.state = { name: 'failed', error: evil };
      x.redactions = [{ rule: evil, where: evil }];
      x.tmux.sessions[0]!.name = `name ${evil}`;
      x.tmux.sessions[0]!.group = evil;
      x.tmux.windows = windowsOf(
        [typedPane(['sh', '-c', 'evil\r echo ok', evil], { title: evil })],
        [exec(['рython', evil])],
        [{ cwd: { in: 'root', path: `/no/${evil}` } }],
        [typedPane([`/no/${evil}`])],
        [
          {
            relaunch: {
              source: 'foreground',
              confidence: 'rebuilt',
              reason: 'pipeline',
              steps: [],
              line: evil,
            },
          },
        ],
      ).map((w) => ({ ...w, name: evil }));
    });
    await forge(s.who, s.repo, hostile);
    const dry = await s.who.gs(s.repo, 'restore', '--dry-run', 'forged');
    exits(dry, 0);
    expect(dry.stdout).toContain(String.raw`evil\r echo ok`);
    expect(dry.stdout).toContain('<U+202E>');
    const outputs = [dry];
    for (const args of [
      ['--dry-run', '--json'],
      [],
      ['--json'],
      ['--run', '--as', `other ${evil}`],
      ['--no-git'],
    ]) {
      outputs.push(await s.who.gs(s.repo, 'restore', 'forged', ...args));
    }
    outputs.push(
      await s.who.gs(s.repo, 'restore', `no such ${evil}`),
      await s.who.gs(s.repo, 'restore', `--${evil}`),
    );
    outputs.push(
      await s.who.gs(s.repo, evil),
      await s.who.gs(s.repo, 'save', evil),
      await s.who.gs(s.repo, 'save', '-t', evil),
    );
    for (const { stdout, stderr } of outputs) {
      expect(stdout).not.toMatch(UNSAFE);
      expect(stderr).not.toMatch(UNSAFE);
      expect(stderr).not.toContain('internal error');
    }
    const plan = JSON.parse(outputs[1]!.stdout) as { plans: { commands: { argv: string[] }[] }[] };
    expect(plan.plans[0]!.commands[0]!.argv).toEqual(['sh', '-c', 'evil\r echo ok', evil]);
  });

  test('B3 a hint can be pasted into a shell, whatever the names are', async () => {
    const s = await scene();
    const stubs = path.join(s.who.dir, 'stubs');
    mkdirSync(stubs);
    for (const name of ['git', 'tmux']) {
      writeFileSync(path.join(stubs, name), '#!/bin/sh\n');
      chmodSync(path.join(stubs, name), 0o755);
    }
    const paste = async (stderr: string) => {
      for (const m of stderr.matchAll(/^hint: .*?((?:git|tmux) .*|--as[ =].*)$/gmu)) {
        const line = m[1]!.startsWith('--') ? `git session restore ${m[1]}` : m[1]!;
        await s.who.run('sh', ['-c', line], { env: { PATH: `${stubs}:/usr/bin:/bin` }, cwd: s.who.dir });
      }
      expect([stderr, existsSync(s.canary)]).toEqual([stderr, false]);
    };
    for (const [i, name] of [
      `x'; touch ${s.canary}; '`,
      `x$(touch ${s.canary})`,
      `x; touch ${s.canary}`,
    ].entries()) {
      const forged = snapshot(s.head, (x) => {
        x.tmux.sessions[0]!.name = name;
        x.tmux.windows = windowsOf([typedPane(['true'])]);
      });
      await forge(s.who, s.repo, forged, { name: `f${i}` });
      const first = await s.who.gs(s.repo, 'restore', `f${i}`);
      expect(first.code).toBe(1);
      await paste(first.stderr);
      const again = await s.who.gs(s.repo, 'restore', `f${i}`);
      expect(again.code).toBe(128);
      expect(again.stderr).toContain('hint: ');
      await paste(again.stderr);
    }
  });
});

/** A commit with these files on top of HEAD, made without touching index or worktree. */
async function commitOf(
  s: Scene,
  files: Record<string, { mode: string; content: string }>,
  parents: string[],
) {
  const index = { GIT_INDEX_FILE: path.join(s.who.dir, `index-${Math.random()}`) };
  if (parents[0] !== undefined)
    await s.who.run('git', ['read-tree', parents[0]], { cwd: s.repo, env: index });
  for (const [name, { mode, content }] of Object.entries(files)) {
    const blob = (
      await s.who.run('git', ['hash-object', '-w', '--stdin'], { cwd: s.repo, input: content })
    ).stdout.trim();
    const info = `${mode},${blob},${name}`;
    const added = await s.who.run('git', ['update-index', '--add', '--cacheinfo', info], {
      cwd: s.repo,
      env: index,
    });
    exits(added, 0);
  }
  const tree = (await s.who.run('git', ['write-tree'], { cwd: s.repo, env: index })).stdout.trim();
  return s.who.git(s.repo, 'commit-tree', tree, '-m', 'x', ...parents.flatMap((p) => ['-p', p]));
}

/** A worktree commit in the shape of a stash, with these untracked files. */
async function workOf(s: Scene, base: string, untracked: Record<string, { mode: string; content: string }>) {
  const index = await commitOf(s, {}, [base]);
  const others = await commitOf(s, untracked, []);
  const tree = await s.who.git(s.repo, 'rev-parse', `${base}^{tree}`);
  return s.who.git(
    s.repo,
    'commit-tree',
    tree,
    '-p',
    base,
    '-p',
    index,
    '-p',
    others,
    '-m',
    'WIP on main: x',
  );
}

describe('C: git', () => {
  test('C9 hooks that the saved commit brings do not run', async () => {
    const s = await scene();
    await s.who.git(s.repo, 'config', 'core.hooksPath', '.husky');
    const script = { mode: '100755', content: `#!/bin/sh\necho "$0" >> '${s.canary}'\n` };
    const hooks = [
      'post-checkout',
      'post-index-change',
      'reference-transaction',
      'post-rewrite',
      'post-merge',
      'pre-auto-gc',
    ];
    const evil = await commitOf(s, Object.fromEntries(hooks.map((h) => [`.husky/${h}`, script])), [s.head]);
    const work = await workOf(s, evil, { 'new.txt': { mode: '100644', content: 'x' } });
    const forged = snapshot(evil, (x) => Object.assign(x.git, { branch: null, detached: true, work }));
    await forge(s.who, s.repo, forged);
    await s.who.ok(s.repo, 'restore', '--run', 'forged', '--worktree', '--as', 'tree');
    await s.who.ok(s.repo, 'restore', '--run', 'forged', '--as', 'clean');
    expect(await s.who.git(s.repo, 'rev-parse', 'HEAD')).toBe(evil);
    expect(existsSync(path.join(s.repo, 'new.txt'))).toBe(true);
    writeFileSync(path.join(s.repo, 'file.txt'), 'changed\n');
    await s.who.ok(s.repo, 'restore', '--run', 'forged', '--autostash', '--as', 'stashed');
    expect(existsSync(s.canary) ? readFileSync(s.canary, 'utf8') : '').toBe('');
    // git by itself runs them.
    await s.who.git(s.repo, 'checkout', '-q', '--detach', s.head);
    await s.who.git(s.repo, 'checkout', '-q', '--detach', evil);
    expect(existsSync(s.canary)).toBe(true);
  });

  test('C12, C13 a save runs nothing of the repositories that panes are in', async () => {
    const s = await scene();
    const spy = path.join(s.who.dir, 'spy');
    writeFileSync(spy, `#!/bin/sh\ntouch '${s.canary}'\n`, { mode: 0o755 });
    const foreign = await s.who.repo('foreign');
    const bare = path.join(s.repo, 'embedded');
    await s.who.git(s.who.dir, 'init', '-q', '--bare', bare);
    for (const dir of [foreign, bare]) {
      for (const key of ['core.fsmonitor', 'diff.external', 'core.sshCommand', 'core.pager', 'core.editor']) {
        await s.who.git(dir, 'config', key, spy);
      }
    }
    await s.who.git(bare, 'config', 'core.bare', 'false');
    await s.who.git(bare, 'config', 'core.worktree', '..');
    await s.who.tmux('new-session', '-d', '-s', 'work', '-c', foreign);
    await s.who.tmux('split-window', '-t', 'work:', '-c', bare);
    await s.who.ok(s.repo, 'save', 'work');
    const out = await s.who.git(s.repo, 'cat-file', 'blob', (await refsOf(s, 'work'))[0]!);
    const saved = JSON.parse(out) as Snapshot;
    expect(saved.tmux.windows[0]!.panes.map((p) => p.cwd.path)).toContain('embedded');
    expect(existsSync(s.canary)).toBe(false);
    await s.who.run('git', ['status'], { cwd: foreign });
    expect(existsSync(s.canary)).toBe(true);
  });

  test('C16 a directory of the repository that is a link out of it is not opened', async () => {
    const s = await scene();
    const link = { mode: '120000', content: '/etc' };
    const evil = await commitOf(s, { link, 'dir/up': { mode: '120000', content: '../..' } }, [s.head]);
    const forged = snapshot(evil, (x) => {
      Object.assign(x.git, { branch: null, detached: true });
      const paths = ['link', 'link/ssl', 'dir/up', '../..', 'dir/../..', '/etc', 'dir/../../../etc', 'dir'];
      x.tmux.windows = windowsOf(
        ...paths.map((p) => [typedPane(['touch', s.canary], { cwd: { in: 'repo', path: p } })]),
        ...['../..', '/etc'].map((p) => [typedPane(['touch', s.canary], { cwd: { in: 'home', path: p } })]),
      );
      x.tmux.windows[7]!.panes = [{ ...typedPane(['true']), cwd: { in: 'repo', path: 'dir' } }];
    });
    await forge(s.who, s.repo, forged);
    // Both while the commit is still to come, and when it is there.
    for (const as of ['coming', 'there']) {
      const result = await s.who.gs(s.repo, 'restore', '--run', 'forged', '--as', as);
      exits(result, 1);
      expect(result.stderr).toMatch(/warning: pane 0\.0: directory 'link' leads out/u);
      const all = await panes(s.who, as);
      expect(all).toHaveLength(10);
      for (const p of all) {
        await settle(s.who, p.id);
        const base = p.window < 8 ? s.repo : s.who.home;
        expect(`${directoryOf(p.pid)}/`, `window ${p.window}`).toMatch(new RegExp(`^${base}/`, 'u'));
      }
    }
    expect(existsSync(s.canary)).toBe(false);
  });

  test('C17 saved untracked files are not written through a link out of the worktree', async () => {
    const s = await scene();
    const outside = path.join(s.who.dir, 'outside');
    mkdirSync(outside);
    const base = await commitOf(s, { dd: { mode: '120000', content: outside } }, [s.head]);
    const work = await workOf(s, base, { 'dd/evil': { mode: '100644', content: 'x' } });
    const forged = snapshot(base, (x) => Object.assign(x.git, { branch: null, detached: true, work }));
    await forge(s.who, s.repo, forged);
    for (const args of [[], ['--worktree'], ['--autostash']]) {
      const result = await s.who.gs(s.repo, 'restore', '--run', 'forged', '--as', `x${args.length}`, ...args);
      exits(result, 1);
      expect(readdirSync(outside)).toEqual([]);
      // A failure leaves everything where it was.
      expect(await s.who.git(s.repo, 'rev-parse', 'HEAD')).toBe(s.head);
      expect(await s.who.git(s.repo, 'status', '--porcelain')).toBe('');
    }
    expect(
      readdirSync(s.who.dir).filter(
        (f) => f.endsWith('.sessions') && readdirSync(path.join(s.who.dir, f)).length > 0,
      ),
    ).toEqual([]);
  });

  test('C19 replaced objects are not looked at: what is shown and run is what was stored', async () => {
    const s = await scene();
    const out = path.join(s.who.dir, 'harmless');
    const good = await forge(
      s.who,
      s.repo,
      snapshot(s.head, (x) => void (x.tmux.windows = windowsOf([typedPane(['touch', out])]))),
    );
    const bad = snapshot(s.head, (x) => void (x.tmux.windows = windowsOf([typedPane(['touch', s.canary])])));
    const evil = await forge(s.who, s.repo, bad, { name: 'evil' });
    await s.who.git(s.repo, 'replace', good.oid, evil.oid);
    expect(await s.who.git(s.repo, 'cat-file', 'blob', good.ref)).toContain(s.canary);
    const dry = await s.who.ok(s.repo, 'restore', '--dry-run', 'forged');
    expect(dry).toContain(out);
    expect(dry).not.toContain(s.canary);
    await s.who.ok(s.repo, 'restore', '--run', 'forged');
    await waitFor(() => existsSync(out), 'the stored command');
    expect(existsSync(s.canary)).toBe(false);
  });

  test('C26 a person is asked about every command that a yes starts, also those that the checkout makes possible', async () => {
    const s = await scene();
    const started = (n: number) => `${s.canary}-${n}`;
    const script = { mode: '100755', content: `#!/bin/sh\ntouch "$1"\nexec sleep 1000\n` };
    const work = await workOf(s, s.head, { 'new/run': script });
    const forged = snapshot(s.head, (x) => {
      x.git.work = work;
      x.tmux.windows = windowsOf(
        [typedPane(['touch', started(0)])],
        [typedPane(['touch', started(1)], { cwd: { in: 'repo', path: 'new' } })],
        [exec(['new/run', started(2)])],
        [typedPane(['new/run', started(3)])],
      );
    });
    await forge(s.who, s.repo, forged);
    const no = new Terminal(s.who, s.repo, 'git', ['session', 'restore', 'forged', '--no-git', '--as', 'no']);
    await no.shows('Start them?');
    no.pty.write('n\r');
    expect(await no.ended()).toBe(1);
    for (const p of await panes(s.who, 'no')) await settle(s.who, p.id);
    expect([0, 1, 2, 3].filter((n) => existsSync(started(n)))).toEqual([]);

    const yes = new Terminal(s.who, s.repo, 'git', ['session', 'restore', 'forged']);
    await yes.shows('Start them?');
    const asked = yes.output;
    yes.pty.write('y\r');
    await yes.ended();
    await waitFor(() => existsSync(started(0)), 'the first command');
    const all = await panes(s.who, 'forged');
    for (const p of all) if (p.command === 'bash') await settle(s.who, p.id);
    const ran = [0, 1, 2, 3].filter((n) => existsSync(started(n)));
    expect(ran.filter((n) => !asked.includes(started(n)))).toEqual([]);
    // Nothing of what was asked about is lost either.
    expect(ran).toEqual([0, 1, 2, 3]);
  });
});

async function refsOf(s: Scene, name: string): Promise<string[]> {
  const refs = await s.who.git(s.repo, 'for-each-ref', '--format=%(refname)', `refs/sessions/${name}`);
  return refs.split('\n').filter((r) => r.endsWith('/snapshot'));
}

describe('D: bytes that are no snapshot', () => {
  const text = (change: (x: Snapshot) => void = () => undefined) => canonicalize(snapshot(null, change));
  const raw = text();
  const nul = Buffer.from([0xff, 0x00]).toString('base64');
  const pane = (x: Snapshot) => x.tmux.windows[0]!.panes[0]!;
  const bad: [string, string | Buffer, RegExp?][] = [
    ['D3 depth 33', `${'['.repeat(33)}${']'.repeat(33)}`, /nested deeper than 32/u],
    ['D3 depth 1e5', '['.repeat(1e5), /nested deeper than 32/u],
    ['D3 depth 1e6 of objects', '{"a":'.repeat(6e5), /nested deeper than 32/u],
    ['D4 __proto__ at the top', raw.replace('{', '{"__proto__":{"approved":true},')],
    ['D4 __proto__ in env', raw.replace('"env":{}', '"env":{"__proto__":"x"}')],
    ['D4 constructor', raw.replace('{"crqs"', '{"constructor":{"prototype":{"approved":true}},"crqs"')],
    ['D4 constructor in env', raw.replace('"env":{}', '"env":{"constructor":"x"}')],
    ['D4 toString', raw.replace('"windows":', '"toString":1,"windows":')],
    ['D5 duplicate key', raw.replace('"crqs":[]', '"crqs":[],"crqs":[]')],
    ['D5 duplicate escaped key', raw.replace('"crqs":[]', '"\\u0063rqs":[],"crqs":[]')],
    ['D5 escaped key', raw.replace('"crqs"', '"\\u0063rqs"')],
    ['D5 space', raw.replace('"crqs":', '"crqs": ')],
    ['D5 line end', `${raw}\n`],
    ['D5 order', raw.replace('"crqs":[],', '').replace(/\}$/u, ',"crqs":[]}')],
    ['D5 two documents', raw + raw],
    ['D6 byte order mark', `\uFEFF${raw}`],
    ['D6 not UTF-8', Buffer.concat([Buffer.from(raw.replace('"forged"', '"')), Buffer.from([0xff])])],
    ['D6 overlong', Buffer.from(raw.replace('shell', '\u00C0\u00AF'), 'latin1'), /not UTF-8/u],
    ['D6 encoded surrogate', Buffer.from(raw.replace('shell', '\u00ED\u00A0\u0080'), 'latin1'), /not UTF-8/u],
    ['D6 lone surrogate', raw.replace('"shell"', '"\\ud800"')],
    ['D6 escaped text', raw.replace('"shell"', '"\\u0073hell"')],
    ['D6 1e400', raw.replace('"historyLines":0', '"historyLines":1e400')],
    ['D6 2^53+1', raw.replace('"historyLines":0', '"historyLines":9007199254740993')],
    ['D6 -0', raw.replace('"historyLines":0', '"historyLines":-0')],
    ['D6 1e2', raw.replace('"historyLines":0', '"historyLines":1e2')],
    ['D6 1.5', raw.replace('"historyLines":0', '"historyLines":1.5')],
    ['D6 NaN', raw.replace('"historyLines":0', '"historyLines":NaN')],
    ['D8 NUL in a title', text((x) => void (pane(x).title = 'a\0b'))],
    ['D8 NUL in an argument', text((x) => void (x.tmux.windows = windowsOf([typedPane(['a\0b'])])))],
    ['D8 NUL in encoded title', text((x) => void (pane(x).title = { base64: nul }))],
    ['D8 NUL in encoded name', text((x) => void (x.tmux.windows[0]!.name = { base64: nul }))],
    ['D8 NUL in encoded session name', text((x) => void (x.tmux.sessions[0]!.name = { base64: nul }))],
    ['D8 NUL in encoded directory', text((x) => void (pane(x).cwd = { in: 'root', path: { base64: nul } }))],
    [
      'D8 NUL in encoded argument',
      text((x) => void (x.tmux.windows = windowsOf([exec(['echo', { base64: nul }])]))),
    ],
    ['D8 NUL in encoded variable', text((x) => void (x.env = { FOO: { base64: nul } }))],
    [
      'D6 base64 of text',
      text((x) => void (pane(x).title = { base64: Buffer.from('text').toString('base64') })),
    ],
    ['D6 base64 with other bits', text((x) => void (pane(x).title = { base64: '/x==' }))],
    ['empty', ''],
    ['an array', '[]'],
    ['a number', '1'],
    ['null', 'null'],
  ];

  test('D3 to D6, D8 each is refused, with exit 128, in one line, and the good one beside them is read', async () => {
    const s = await scene();
    await s.who.tmux('new-session', '-d', '-s', 'other');
    await forge(s.who, s.repo, plainSnapshot(null), { name: 'good' });
    // JSON.parse alone would take all but some of them.
    await eachOf(bad, ([, bytes], i) => forgeBytes(s.who, s.repo, Buffer.from(bytes), { name: `f${i}` }));
    const before = await stateOf(s.who, s.repo);
    const check = async (i: number): Promise<string | null> => {
      const [what, , why = /is damaged: /u] = bad[i]!;
      const { code, stdout, stderr } = await s.who.gs(s.repo, 'restore', '--run', `f${i}`);
      const fine =
        code === 128 &&
        why.test(stderr) &&
        stdout === '' &&
        /^fatal: [^\n]*\n(?:hint: [^\n]*\n)*$/u.test(stderr);
      return fine ? null : `${what}: exit ${code} ${stderr}${stdout}`;
    };
    const failures = await eachOf(bad, (_, i) => check(i));
    expect(failures.filter((f) => f !== null)).toEqual([]);
    expect(await stateOf(s.who, s.repo)).toBe(before);
    await s.who.ok(s.repo, 'restore', '--dry-run', 'good');
    expect(JSON.stringify({}.constructor.prototype)).toBe('{}');
  });

  test('D2 4 MiB of numbers take no long time and no much memory', async () => {
    const s = await scene();
    await forgeBytes(s.who, s.repo, Buffer.from(`[${'0,'.repeat(2 * 1024 * 1024 - 2)}0]`), {
      name: 'numbers',
    });
    await forgeBytes(s.who, s.repo, Buffer.alloc(4 * 1024 * 1024 + 1, 0x20), { name: 'large' });
    const usage = watchUsage(s.who);
    const numbers = await s.who.gs(s.repo, 'restore', 'numbers');
    expect([numbers.code, numbers.stderr]).toEqual([128, expect.stringContaining('is damaged: ')]);
    expect(usage().cpu).toBeLessThan(3000);
    expect(usage().maxRSS).toBeLessThan(500 * 1024);
    const large = await s.who.gs(s.repo, 'restore', 'large');
    expect([large.code, large.stderr]).toEqual([
      128,
      expect.stringContaining('more than the limit of 4194304'),
    ]);
    expect(usage().cpu).toBeLessThan(1000);
    expect(usage().maxRSS).toBeLessThan(200 * 1024);
  });
});

/** Variables by which a program runs code or finds what it runs, the kinds that attacks.md E1 names and more. */
const RUNS_CODE = `
  LD_PRELOAD LD_AUDIT LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES BASH_ENV ENV PROMPT_COMMAND PS0 PS1 PS4 IFS SHELLOPTS BASHOPTS
  NODE_OPTIONS NODE_PATH PYTHONSTARTUP PYTHONPATH PYTHONHOME PERL5OPT PERL5LIB RUBYOPT RUBYLIB PATH HOME SHELL ZDOTDIR
  GIT_SSH_COMMAND GIT_SSH GIT_PAGER GIT_EXTERNAL_DIFF GIT_EDITOR GIT_SEQUENCE_EDITOR GIT_ASKPASS GIT_EXEC_PATH GIT_DIR
  GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 GIT_CONFIG_PARAMETERS GIT_CONFIG_GLOBAL GIT_PROXY_COMMAND GIT_TEMPLATE_DIR
  EDITOR VISUAL PAGER MANPAGER BROWSER LESSOPEN LESSCLOSE LESS SSH_ASKPASS SUDO_ASKPASS SSH_AUTH_SOCK
  INPUTRC HISTFILE TERM TERMINFO TERMCAP TMUX TMUX_PANE TMUX_TMPDIR XDG_CONFIG_HOME XDG_STATE_HOME
  JAVA_TOOL_OPTIONS _JAVA_OPTIONS MAVEN_OPTS GRADLE_OPTS CLASSPATH CC CXX RUSTC_WRAPPER RUSTFLAGS MAKEFLAGS CMAKE_TOOLCHAIN_FILE GOFLAGS
  HTTP_PROXY http_proxy https_proxy ALL_PROXY NODE_EXTRA_CA_CERTS SSL_CERT_FILE REQUESTS_CA_BUNDLE OPENSSL_CONF npm_config_script_shell
  VIMINIT EXINIT KUBECONFIG DOCKER_HOST AWS_CONFIG_FILE AWS_ENDPOINT_URL PSQLRC PGSERVICEFILE FZF_DEFAULT_COMMAND RIPGREP_CONFIG_PATH
  GCONV_PATH LOCPATH NLSPATH HOSTALIASES MALLOC_CHECK_ MANOPT GROFF_BIN_PATH TAR_OPTIONS GREP_OPTIONS ANSIBLE_CONFIG CLAUDE_CONFIG_DIR
`;
/** Of the same kinds, and on no list of names that anybody keeps: only an allow-list stops these. */
const RUNS_CODE_TOO = `
  CROSS_COMPILE NVCC_CCBIN CUDACXX CUDAHOSTCXX OBJC OBJCXX QMAKESPEC TEXMFCNF shell_escape GVIMINIT P4DIFF P4MERGE DIFFPROG
  TIGRC_USER LIBVIRT_DEFAULT_URI VIRSH_DEFAULT_CONNECT_URI WINELOADER WINESERVER
`;

describe('E: environment, approvals, files', () => {
  test.each([
    ['that run code are never set, approved or not', RUNS_CODE],
    ['that nobody here has allowed are not set by --run', RUNS_CODE_TOO],
  ])('E1 variables %s', async (_, names) => {
    const s = await scene();
    const list = names.trim().split(/\s+/u);
    const forged = snapshot(s.head, (x) => {
      x.env = Object.fromEntries(list.map((n) => [n, `PAYLOAD ${s.canary}`]));
      x.env['NODE_ENV'] = 'production';
      const shells = [
        ['bash', '-c', ':'],
        ['sh', '-ic', ':'],
        [process.execPath, '-e', '0'],
        ['git', 'log', '-p'],
      ];
      x.tmux.windows = windowsOf(
        [typedPane(['env'])],
        [exec(['sleep', '1000'])],
        ...shells.map((argv) => [typedPane(argv)]),
      );
    });
    await forge(s.who, s.repo, forged);
    for (const args of [[], ['--run', '--as', 'approved']]) {
      await s.who.gs(s.repo, 'restore', 'forged', ...args);
      const session = args.at(-1) ?? 'forged';
      const all = await panes(s.who, session);
      expect(all).toHaveLength(6);
      const set = new Set(all.flatMap((p) => environmentOf(p.pid)).filter((e) => e.includes('PAYLOAD')));
      expect([...set].map((e) => e.split('=')[0])).toEqual([]);
      expect(await s.who.tmux('show-environment', '-t', `=${session}:`)).not.toContain('PAYLOAD');
      expect(environmentOf(all[1]!.pid)).toContain('NODE_ENV=production');
    }
  });

  test('E1 the plan names each variable that approval would set', async () => {
    const s = await scene();
    const forged = snapshot(s.head, (x) => {
      x.env = { FOO: 'some value', NODE_ENV: 'production' };
      x.tmux.windows = windowsOf([exec(['sleep', '1000'])]);
    });
    await forge(s.who, s.repo, forged);
    const dry = await s.who.ok(s.repo, 'restore', '--dry-run', 'forged');
    const json = await s.who.ok(s.repo, 'restore', '--dry-run', '--json', 'forged');
    await s.who.ok(s.repo, 'restore', '--run', 'forged');
    const [pane] = await panes(s.who, 'forged');
    const set = environmentOf(pane!.pid).filter((e) => e === 'FOO=some value' || e === 'NODE_ENV=production');
    for (const name of set.map((e) => e.split('=')[0]!)) {
      expect(dry).toContain(name);
      expect(json).toContain(name);
    }
  });

  test('E3 links where our own files go are not followed', async () => {
    const s = await scene();
    const victim = path.join(s.who.dir, 'victim');
    mkdirSync(victim);
    const state = path.join(s.who.home, '.local/state/git-session');
    mkdirSync(state, { recursive: true });
    for (const name of ['run', 'approvals']) symlinkSync(victim, path.join(state, name));
    const cwd = { in: 'root' as const, path: '/no/such' };
    await forge(
      s.who,
      s.repo,
      snapshot(s.head, (x) => void (x.tmux.windows = windowsOf([typedPane(['touch', s.canary], { cwd })]))),
    );
    await s.who.tmux('new-session', '-d', '-s', 'work');
    const saved = await s.who.gs(s.repo, 'save', 'work');
    expect(saved.stderr).toContain('approvals');
    const result = await unchanged(s.who, s.repo, () => s.who.gs(s.repo, 'restore', 'forged'));
    exits(result, 128);
    expect(result.stderr).toMatch(/^fatal: .*git-session\/run/mu);
    expect(readdirSync(victim)).toEqual([]);
  });

  test('E9, E10 an approval in the repository, CI, or a name of ours in the environment approve nothing', async () => {
    const s = await scene();
    const forged = snapshot(
      s.head,
      (x) => void (x.tmux.windows = windowsOf([typedPane(['touch', s.canary])])),
    );
    // An author who says to be the victim is nobody.
    forged.savedBy = { name: 'ann', email: 'ann@example.org' };
    const { oid, id } = await forge(s.who, s.repo, forged);
    const commonDir = path.join(s.repo, '.git');
    const digest = planDigest(approvalSubject(commonDir, id, oid, forged));
    const approval = {
      digest,
      reason: 'allowed',
      ref: `forged/${id}`,
      repository: commonDir,
      at: forged.savedAt,
    };
    const plant = (dir: string) => {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      writeFileSync(path.join(dir, digest), `${canonicalize(approval)}\n`, { mode: 0o600 });
    };
    for (const dir of ['.git', '.git/git-session', '.git/sessions', '.', '.git-session', 'git-session']) {
      plant(path.join(s.repo, dir, 'approvals'));
    }
    await s.who.git(s.repo, 'notes', '--ref', 'approvals', 'add', '-m', canonicalize(approval), s.head);
    await s.who.git(s.repo, 'notes', '--ref', 'crq', 'add', '-m', `APPROVED: ${digest}`, s.head);
    for (const key of ['approve', 'approved', 'run', 'trust'])
      await s.who.git(s.repo, 'config', `session.${key}`, 'true');
    await s.who.git(s.repo, 'config', 'session.trustSigner', 'ann@example.org');
    const env = {
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GIT_SESSION_RUN: '1',
      GIT_SESSION_APPROVE: 'yes',
      GIT_SESSION_YES: '1',
      XDG_STATE_HOME: '.',
    };
    const result = await s.who.gsWith(
      { cwd: s.repo, env, input: 'y\ny\nalways\n' },
      'restore',
      '--no-git',
      'forged',
    );
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/not started/u);
    expect(result.stderr).toMatch(/^hint: .*--run/mu);
    expect(result.stderr).toMatch(/^hint: .*git session allow/mu);
    const [pane] = await panes(s.who, 'forged');
    await settle(s.who, pane!.id);
    expect(existsSync(s.canary)).toBe(false);

    // The same file in the user's own state directory is an approval: so the digest was the right one.
    plant(path.join(s.who.home, '.local/state/git-session/approvals'));
    await s.who.ok(s.repo, 'restore', '--no-git', 'forged', '--as', 'approved');
    await waitFor(() => existsSync(s.canary), 'the approved command');
  });

  test('E9 an approval is for one snapshot, and is gone with one that others could have written', async () => {
    const s = await scene();
    const approvals = path.join(s.who.home, '.local/state/git-session/approvals');
    await s.who.tmux('new-session', '-d', '-s', 'own', 'exec sleep 1000');
    await s.who.ok(s.repo, 'save', 'own');
    expect(readdirSync(approvals)).toHaveLength(1);
    const [ref] = await refsOf(s, 'own');
    const own = JSON.parse(await s.who.git(s.repo, 'cat-file', 'blob', ref!)) as Snapshot;
    const change = (f: (x: Snapshot) => void) => {
      const copy = structuredClone(own);
      copy.tmux.windows[0]!.panes[0]!.start = { shell: `touch ${s.canary}; exec sleep 1000` };
      f(copy);
      return copy;
    };
    await forge(
      s.who,
      s.repo,
      change(() => undefined),
      { name: 'changed' },
    );
    // The same blob under another id is not what was saved.
    await forgeBytes(s.who, s.repo, Buffer.from(canonicalize(own)), { name: 'copied' });
    for (const name of ['changed', 'copied']) {
      const result = await s.who.gs(s.repo, 'restore', name, '--as', name);
      exits(result, 1);
      const [pane] = await panes(s.who, name);
      await settle(s.who, pane!.id);
    }
    expect(existsSync(s.canary)).toBe(false);
    chmodSync(approvals, 0o777);
    const unsafe = await s.who.gs(s.repo, 'restore', 'own', '--as', 'unsafe');
    expect([unsafe.code, unsafe.stderr]).toEqual([1, expect.stringContaining('other users can write')]);
    chmodSync(approvals, 0o700);
    await s.who.ok(s.repo, 'restore', 'own', '--as', 'again');
    expect((await panes(s.who, 'again'))[0]!.start).toContain('sleep 1000');
  });
});
