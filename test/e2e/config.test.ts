import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Person, person } from '../support/harness.ts';

interface Row {
  key: string;
  value: unknown;
  raw: unknown;
  default: unknown;
  origin: { scope: string; file: string | null } | null;
  type: string;
  description: string | null;
  problem: string | null;
}

async function rows(ann: Person, cwd: string): Promise<Map<string, Row>> {
  const all = JSON.parse(await ann.ok(cwd, 'config', '--list', '--json')) as Row[];
  return new Map(all.map((row) => [row.key, row]));
}

/** The `[tmux]` table, every value other than its default. */
const TOML = `[tmux]
enabled = false
auto_create_session = false
detach_on_create = false
auto_cleanup_completed = true
tmux_command = "tmux -L 'my work'"
default_shell = "/bin/dash"
session_timeout = "24h"
keep_alive = false
history_limit = 70000
history_auto_save = false
history_save_dir = "~/.gwq/history"
`;

function file(ann: Person, text: string, name = 'gwq.toml'): string {
  const at = path.join(ann.dir, name);
  writeFileSync(at, text);
  return at;
}

test('G12 config lists every setting with its value and where it is set', async () => {
  const ann = person();
  const repo = await ann.repo();
  const local = path.join(repo, '.git/config');
  const global = path.join(ann.home, '.gitconfig');
  await ann.git(repo, 'config', '--global', 'session.historyLimit', '1');
  await ann.git(repo, 'config', 'session.historyLimit', '2k');
  await ann.git(repo, 'config', 'session.env', 'A');
  await ann.git(repo, 'config', '--add', 'session.env', 'B C');
  mkdirSync(path.join(repo, 'sub'));
  const result = await ann.gsWith({ cwd: path.join(repo, 'sub') }, 'config');
  expect([result.code, result.stderr]).toEqual([0, '']);
  const lines = result.stdout.trimEnd().split('\n');
  expect(lines.map((line) => line.split(/ {2,}/u)).slice(0, 3)).toEqual([
    ['session.enabled', 'true', 'default'],
    ['session.tmuxCommand', `tmux -S ${ann.socket} -f /dev/null`, `global ${global}`],
    ['session.env', 'A B C', `local ${local}`],
  ]);
  expect(lines.some((line) => /^session\.historyLimit +2048 +local /u.test(line))).toBe(true);
  expect(result.stdout).not.toContain('lines of history');
  expect(await ann.ok(repo, 'config', '--list', '--verbose')).toContain('  lines of history that a pane');
  const all = await rows(ann, repo);
  expect(all.get('session.historyLimit')).toEqual({
    key: 'session.historyLimit',
    value: 2048,
    raw: '2k',
    default: 50000,
    origin: { scope: 'local', file: local },
    type: 'integer',
    description: expect.any(String),
    problem: null,
  });
  expect(all.get('session.env')).toMatchObject({ value: ['A', 'B', 'C'], raw: ['A', 'B C'], default: [] });
  expect(all.get('session.timeout')).toMatchObject({ value: null, raw: null, origin: null });
});

test('G12 a value of git -c has no file, and the last place wins', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'config', 'session.keepAlive', 'true');
  const result = await ann.run(
    'git',
    ['-c', 'session.keepAlive=no', 'session', 'config', 'keepAlive', '--json'],
    {
      cwd: repo,
    },
  );
  expect(JSON.parse(result.stdout)).toMatchObject({ value: false, origin: { scope: 'command', file: null } });
});

test('G12 config prints one value, by its key with or without "session."', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'config', 'session.timeout', '30m');
  await ann.git(repo, 'config', '--add', 'session.env', 'A,B');
  const one = async (...args: string[]) => ann.ok(repo, 'config', ...args);
  expect(await one('session.historyLimit')).toBe('50000\n');
  expect(await one('HISTORYLIMIT')).toBe('50000\n');
  expect(await one('timeout')).toBe('30m\n');
  expect(await one('env')).toBe('A\nB\n');
  expect(await one('historySaveDir')).toBe(`${ann.home}/.local/share/git-session/history\n`);
  const data = await ann.gsWith(
    { cwd: ann.dir, env: { XDG_DATA_HOME: '/data' } },
    'config',
    'historySaveDir',
  );
  expect(data.stdout).toBe('/data/git-session/history\n');
  const unset = await ann.gs(repo, 'config', 'picker');
  expect(unset).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'session.picker is not set, and has no default\n',
  });
});

test('G12 an unknown key is told with the nearest, exit code 1', async () => {
  const ann = person();
  const repo = await ann.repo();
  const result = await ann.gs(repo, 'config', 'session.historyLimt', '--json');
  expect(result.code).toBe(1);
  expect(JSON.parse(result.stdout).error).toMatchObject({
    code: 'not-found',
    hints: ["did you mean 'session.historyLimit'?", 'see all settings: git session config'],
  });
});

test('G12 what is not valid and what is unknown is marked and warned of, and visible', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'config', 'session.historyLimit', 'a\u001b[2Jb');
  await ann.git(repo, 'config', 'session.historyLimt', '5');
  await ann.git(repo, 'config', 'session.sub.key', '6');
  await ann.git(repo, 'config', 'session.initAdded', 'x y');
  const result = await ann.gs(repo, 'config');
  expect(result.code).toBe(0);
  expect(result.stdout).toMatch(/^session\.historyLimit +\$'a\\x1b\[2Jb' \(invalid\) +local /mu);
  expect(result.stdout).toMatch(/^session\.historylimt +5 \(unknown\) +local /mu);
  expect(result.stdout).toMatch(/^session\.sub\.key +6 \(unknown\) +local /mu);
  expect(result.stdout + result.stderr).not.toContain('\u001b');
  expect(result.stdout.toLowerCase()).not.toContain('initadded');
  expect(result.stderr.split('\n').filter((line) => line.startsWith('warning: '))).toEqual([
    expect.stringContaining(
      "session.historyLimit is not a number from 0 to 2147483647: 'a\\x1b[2Jb' (local ",
    ),
    expect.stringMatching(/session\.historylimt is set \(local .*did you mean 'session\.historyLimit'\?$/u),
    expect.stringContaining('session.sub.key is set (local '),
  ]);
  const all = await rows(ann, repo);
  expect(all.get('session.historyLimit')).toMatchObject({ value: null, problem: expect.any(String) });
  expect(all.get('session.historylimt')).toMatchObject({ type: 'unknown', raw: '5', value: null });
  const one = await ann.gs(repo, 'config', 'historyLimit');
  expect([one.code, one.stderr]).toEqual([
    128,
    expect.stringContaining('hint: git config --show-origin session.historyLimit'),
  ]);
});

test('G1 session.enabled that is no boolean stops a save, and doctor tells', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'config', 'session.enabled', 'perhaps');
  const save = await ann.gs(repo, 'save', '--all');
  expect([save.code, save.stderr]).toEqual([
    128,
    expect.stringContaining("session.enabled is not a boolean: 'perhaps'"),
  ]);
  const doctor = await ann.gs(repo, 'doctor');
  expect([doctor.code, doctor.stdout]).toEqual([
    1,
    expect.stringContaining('session.enabled is not a boolean'),
  ]);
});

test('G12 a TOML file goes into the configuration, and comes back out of it', async () => {
  const ann = person();
  const repo = await ann.repo();
  // Several values of one key give way to the one of the file.
  await ann.git(repo, 'config', '--add', 'session.historyLimit', '1');
  await ann.git(repo, 'config', '--add', 'session.historyLimit', '2');
  const before = readFileSync(path.join(repo, '.git/config'), 'utf8');
  const gwq = file(ann, TOML);
  const dry = await ann.ok(repo, 'config', 'import', '--dry-run', gwq);
  expect(dry).toContain("Would set session.tmuxCommand to $'tmux -L \\'my work\\''\n");
  expect(readFileSync(path.join(repo, '.git/config'), 'utf8')).toBe(before);
  const out = await ann.ok(repo, 'config', 'import', gwq);
  expect(out).toBe(dry.replaceAll('Would set', 'Set'));
  const all = await rows(ann, repo);
  const imported = [...all.values()].filter((row) => row.origin?.scope === 'local');
  expect(Object.fromEntries(imported.map((row) => [row.key, row.value]))).toEqual({
    'session.enabled': false,
    'session.autoCreateSession': false,
    'session.detachOnCreate': false,
    'session.autoCleanupCompleted': true,
    'session.tmuxCommand': "tmux -L 'my work'",
    'session.defaultShell': '/bin/dash',
    'session.timeout': 86_400_000,
    'session.keepAlive': false,
    'session.historyLimit': 70000,
    'session.historyAutoSave': false,
    'session.historySaveDir': `${ann.home}/.gwq/history`,
  });
  expect(await ann.git(repo, 'config', '--get-all', 'session.historyLimit')).toBe('70000');
  // It is off now, and can be switched on again the same way.
  await ann.ok(repo, 'config', 'import', file(ann, '[tmux]\nenabled = true\n'));
  expect(await ann.ok(repo, 'config', 'enabled')).toBe('true\n');
});

test('G12 --global goes into the own configuration, also outside of a repository', async () => {
  const ann = person();
  const gwq = file(ann, '[tmux]\nhistory_limit = 7\n');
  const nowhere = await ann.gs(ann.dir, 'config', 'import', gwq);
  expect([nowhere.code, nowhere.stderr]).toEqual([128, expect.stringContaining('not a git repository')]);
  const json = JSON.parse(await ann.ok(ann.dir, 'config', 'import', '--global', '--json', gwq));
  expect(json).toEqual({
    ok: true,
    dry_run: false,
    scope: 'global',
    set: [{ key: 'session.historyLimit', value: '7' }],
    ignored: [],
  });
  expect((await rows(ann, ann.dir)).get('session.historyLimit')).toMatchObject({
    value: 7,
    origin: { scope: 'global', file: path.join(ann.home, '.gitconfig') },
  });
});

test('G12 a foreign file runs nothing, and what it has is shown', async () => {
  const ann = person();
  const repo = await ann.repo();
  const text = `[tmux]\ntmux_command = "-x $(touch ${ann.dir}/pwned) \u202e"\nnew_key = 1\n[ui]\nicons = true\n`;
  const result = await ann.gs(repo, 'config', 'import', file(ann, text));
  expect(result.code).toBe(0);
  expect(result.stdout).toBe(`Set session.tmuxCommand to $'-x $(touch ${ann.dir}/pwned) <U+202E>'\n`);
  expect(result.stderr).toMatch(/:3: 'tmux\.new_key' is no setting here.*\n.*:4: 'ui' is no setting here/u);
  expect(await ann.git(repo, 'config', 'session.tmuxCommand')).toBe(`-x $(touch ${ann.dir}/pwned) \u202e`);
  expect(await ann.git(repo, 'config', '--list', '--name-only')).not.toMatch(/new_?key|icons/u);
  expect(existsSync(path.join(ann.dir, 'pwned'))).toBe(false);
});

test('G12 a file with anything wrong in it sets nothing, and all of it is told with its line', async () => {
  const ann = person();
  const repo = await ann.repo();
  const before = readFileSync(path.join(repo, '.git/config'), 'utf8');
  const text =
    '[tmux]\nkeep_alive = false\nenabled = "yes"\nhistory_limit = 5.5\ntmux_command = "tmux\\nrm"\n';
  const wrong = file(ann, text);
  const result = await ann.gs(repo, 'config', 'import', wrong, '--json');
  expect(result.code).toBe(1);
  expect(JSON.parse(result.stdout).error).toMatchObject({
    code: 'invalid-settings',
    data: {
      problems: [
        { line: 3, key: 'tmux.enabled', message: 'is not true or false' },
        { line: 4, key: 'tmux.history_limit', message: 'is not a whole number' },
        { line: 5, key: 'tmux.tmux_command', message: 'has a control character in it' },
      ],
    },
  });
  for (const [line, key] of [
    [3, 'enabled'],
    [4, 'history_limit'],
    [5, 'tmux_command'],
  ] as const) {
    expect(result.stderr).toContain(`${wrong}:${line}: tmux.${key} `);
  }
  const torn = await ann.gs(repo, 'config', 'import', file(ann, '[tmux]\nenabled = tr'));
  expect([torn.code, torn.stderr]).toEqual([1, expect.stringContaining('gwq.toml:2: ')]);
  const empty = await ann.gs(repo, 'config', 'import', file(ann, '[ui]\nicons = true\n'));
  expect([empty.code, empty.stderr]).toEqual([1, expect.stringContaining('has nothing to import')]);
  const missing = await ann.gs(repo, 'config', 'import', 'no-such-file.toml');
  expect([missing.code, missing.stderr]).toEqual([
    128,
    expect.stringContaining("cannot read 'no-such-file.toml'"),
  ]);
  const large = await ann.gs(repo, 'config', 'import', file(ann, `#${'x'.repeat(70_000)}\n${TOML}`));
  expect([large.code, large.stderr]).toEqual([128, expect.stringContaining('is too large')]);
  expect(readFileSync(path.join(repo, '.git/config'), 'utf8')).toBe(before);
});

test.each([
  [['config', 'import']],
  [['config', 'import', 'a', 'b']],
  [['config', 'import', '--global', '--local', 'a']],
  [['config', 'import', '--verbose', 'a']],
  [['config', '--dry-run']],
  [['config', '--list', 'env']],
  [['config', 'env', 'A']],
])('%j is wrong usage', async (args) => {
  const ann = person();
  expect((await ann.gs(ann.dir, ...args)).code).toBe(129);
});
