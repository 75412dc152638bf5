import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import { type Person, Person as APerson, person, temporaryFolder, waitFor } from '../support/harness.ts';

/** Names, paths and arguments that break naive savers (tmux.md, attacks.md part A). */
const WINDOW_NAMES = [
  'plain',
  'a b  c',
  'quo"te\'s',
  '#{pid} #(touch x) #S',
  'tab\there',
  '日本 🚀',
  'back\\slash$HOME',
];
const DIRECTORIES = [
  'sp ace',
  'tab\tx',
  'quo\'te"s',
  'new\nline',
  '日本',
  '#{pid}',
  '#(touch pwned)',
  'trailing ',
];
const ARGUMENTS = [
  '',
  ' ',
  'a b',
  "it's",
  '"q"',
  '$HOME',
  '`id`',
  '!!',
  '#(x)',
  ';',
  'x;',
  '~',
  '*',
  '日本🚀',
  '\\',
  '-n',
  '%1',
  'end ',
];

async function adversarialSession(ann: Person, repo: string): Promise<void> {
  for (const name of DIRECTORIES) mkdirSync(path.join(repo, 'dirs', name), { recursive: true });
  // Bytes that are not UTF-8: node can't pass them as arguments, a shell can.
  execFileSync('bash', ['-c', `mkdir $'dirs/bad\\xff'`], { cwd: repo });
  for (const dir of DIRECTORIES) writeFileSync(path.join(repo, 'dirs', dir, 'keep'), '');
  execFileSync('bash', ['-c', `touch $'dirs/bad\\xff/keep'`], { cwd: repo });
  await ann.git(repo, 'add', '.');
  await ann.git(repo, 'commit', '-qm', 'directories');

  await ann.tmux('new-session', '-d', '-s', 'ad ver##S', '-x', '200', '-y', '50', '-c', repo, '-n', 'seven');
  const s = '=ad ver#S:';
  // Seven panes, some of one to three cells.
  for (let i = 0; i < 6; i++)
    await ann.tmux('split-window', '-d', '-h', '-l', '3', '-t', `${s}seven.0`, '-c', repo);
  await ann.tmux('select-layout', '-t', `${s}seven`, sevenPanes());
  const commands: [number, string[]][] = [
    [0, ['tail', '-F', '--', ...ARGUMENTS]],
    [2, ['sleep', '321']],
  ];
  for (const [pane, argv] of commands) await type(ann, `${s}seven.${pane}`, shellLine(argv));
  await type(ann, `${s}seven.4`, "cd $'dirs/bad\\xff' && exec bash");
  await ann.tmux('select-pane', '-t', `${s}seven.2`);
  await ann.tmux('select-pane', '-t', `${s}seven.0`);
  await ann.tmux('resize-pane', '-Z', '-t', `${s}seven.0`);

  // One window for each name and directory, with gaps in the indexes.
  for (const [i, name] of WINDOW_NAMES.entries()) {
    const index = 3 + i * 4;
    await ann.tmux('new-window', '-d', '-t', `${s}${index}`, '-c', repo);
    await ann.tmux('rename-window', '-t', `${s}${index}`, format(name));
    await ann.tmux('select-pane', '-t', `${s}${index}`, '-T', format(`title ${name.replace('\t', ' ')}`));
    await type(ann, `${s}${index}`, `cd -- ${shellWord(`dirs/${DIRECTORIES[i]!}`)}`);
  }
  await ann.tmux('new-window', '-d', '-t', `${s}90`, '-n', 'editor', '-c', repo, '-e', 'HOME=/nonexistent');
  await type(ann, `${s}90`, 'vim -u NONE file.txt');
  await ann.tmux(
    'new-window',
    '-d',
    '-t',
    `${s}95`,
    '-n',
    'exec',
    '-c',
    repo,
    'tail',
    '-F',
    'it\'s "x" #{pid} ; $HOME',
    '🚀',
  );
  await ann.tmux('set-environment', '-t', s, 'FOO', 'bar baz\n#(x)');
  await ann.tmux('select-window', '-t', `${s}7`);
  await ann.tmux('select-window', '-t', `${s}90`);
  await ann.waitForCommand(`${s}90`, 'vim');
  await ann.waitForCommand(`${s}seven.0`, 'tail');
  await ann.waitForCommand(`${s}seven.2`, 'sleep');
  await waitFor(
    async () =>
      (await ann.tmux('display-message', '-p', '-t', `${s}seven.4`, '#{pane_current_path}')).includes('bad'),
    'cd',
  );
  await waitFor(
    async () =>
      (await ann.tmux('list-panes', '-s', '-t', s, '-F', '#{pane_current_path}')).split('dirs/').length >
      WINDOW_NAMES.length,
    'every cd',
  );
}

/** A server whose configuration moves windows about, as many users' do. */
async function awkwardServer(who: Person): Promise<void> {
  await who.tmux('new-session', '-d', '-s', 'other');
  await who.tmux('set-option', '-g', 'base-index', '1');
  await who.tmux('set-option', '-g', 'renumber-windows', 'on');
  await who.tmux('set-option', '-g', 'default-size', '90x20');
}

/** 200x50: panes of 1, 2 and 3 columns and rows, rows in columns in rows. */
function sevenPanes(): string {
  const body =
    '200x50,0,0{1x50,0,0,0,2x50,2,0,1,150x50,5,0[150x1,5,0,2,150x3,5,2,3,150x44,5,6,4],3x50,156,0,5,40x50,160,0,6}';
  let sum = 0;
  for (const c of body) sum = (((sum >> 1) | ((sum & 1) << 15)) + c.charCodeAt(0)) & 0xffff;
  return `${sum.toString(16).padStart(4, '0')},${body}`;
}

async function type(ann: Person, target: string, line: string): Promise<void> {
  await ann.tmux('send-keys', '-l', '-t', target, '--', line.replace(/;$/u, '\\;'));
  await ann.tmux('send-keys', '-t', target, 'Enter');
}

function shellWord(word: string): string {
  const bytes = [...Buffer.from(word)].map((b) =>
    b < 0x20 || b > 0x7e ? `\\x${b.toString(16)}` : String.fromCharCode(b),
  );
  return `$'${bytes.map((c) => (c === "'" ? "\\'" : c === '\\' ? '\\\\' : c)).join('')}'`;
}

function shellLine(argv: string[]): string {
  return argv.map(shellWord).join(' ');
}

/** A value for an argument that tmux expands. */
function format(text: string): string {
  return text.replaceAll('#', '##');
}

/** A snapshot without what differs by nature between two saves of the same thing. */
function stable(s: Snapshot) {
  return {
    name: s.session,
    env: s.env,
    crqs: s.crqs,
    git: { head: s.git.head, branch: s.git.branch, changes: s.git.changes },
    windows: s.tmux.windows.map((w) => ({
      ...w,
      // automatic-rename follows what runs at the moment
      name: w.automaticRename ? null : w.name,
      panes: w.panes.map(({ processes: _, historyLines: __, ...p }) => ({
        ...p,
        title: isPromptTitle(p.title) ? null : p.title,
      })),
    })),
    sessions: s.tmux.sessions.map(
      ({ createdAt: _, lastAttachedAt: __, attachedClients: ___, ...rest }) => rest,
    ),
  };
}

/** vim and bash set titles of their own. */
function isPromptTitle(title: unknown): boolean {
  return typeof title !== 'string' || !title.startsWith('title ');
}

async function snapshot(who: Person, repo: string, ref: string): Promise<Snapshot> {
  return JSON.parse(await who.git(repo, 'cat-file', 'blob', ref)) as Snapshot;
}

test(
  'R8 K6 S1-S3 S10 the adversarial session comes back after the server died, and equals itself',
  { timeout: 120_000 },
  async () => {
    const ann = person();
    const repo = await ann.repo();
    await adversarialSession(ann, repo);
    appendFileSync(path.join(repo, 'file.txt'), 'uncommitted\n');
    const first = JSON.parse(
      await ann.ok(repo, 'save', 'adv', '-t', 'ad ver#S', '--env', 'FOO', '--json'),
    ) as { saved: { ref: string }[] };
    const before = await snapshot(ann, repo, first.saved[0]!.ref);
    expect(before.tmux.windows).toHaveLength(WINDOW_NAMES.length + 3);
    expect(before.tmux.windows[0]!.panes.map((p) => p.command?.[0] ?? null)).toContain('tail');
    expect(before.env['FOO']).toBe('bar baz\n#(x)');

    await ann.killServer();
    await awkwardServer(ann);
    const result = await ann.gs(repo, 'restore', 'adv');
    expect(result.stderr).not.toMatch(/fatal|error|warning: pane/u);
    expect(result.code).toBe(0);
    const s = '=ad ver#S:';
    await ann.waitForCommand(`${s}90`, 'vim');
    await ann.waitForCommand(`${s}seven.0`, 'tail');
    await waitFor(async () => (await ann.screen(`${s}90`)).includes('uncommitted'), 'vim to show the file');
    expect(readFileSync(path.join(repo, 'file.txt'), 'utf8')).toContain('uncommitted');
    expect(existsSync(path.join(repo, 'pwned')) || existsSync(path.join(repo, 'x'))).toBe(false);

    const second = JSON.parse(
      await ann.ok(repo, 'save', 'adv', '-t', 'ad ver#S', '--env', 'FOO', '--json'),
    ) as typeof first;
    const after = await snapshot(ann, repo, second.saved[0]!.ref);
    expect(stable(after)).toEqual(stable(before));
    expect(after.session.id).toBe(before.session.id);
    expect(after.previous).not.toBeNull();
  },
);

test(
  'R10 the same through push and fetch: another clone, another home, another tmux',
  { timeout: 120_000 },
  async () => {
    const root = temporaryFolder();
    const ann = new APerson('ann', root);
    const bob = new APerson('bob', root);
    const repo = await ann.repo();
    await ann.git(root, 'init', '-q', '--bare', 'hub.git');
    await ann.git(repo, 'remote', 'add', 'origin', path.join(root, 'hub.git'));
    await adversarialSession(ann, repo);
    await ann.git(repo, 'push', '-q', 'origin', 'main');
    await bob.git(bob.dir, 'clone', '-q', path.join(root, 'hub.git'), 'clone');
    const clone = path.join(bob.dir, 'clone');
    appendFileSync(path.join(repo, 'file.txt'), 'uncommitted\n');
    writeFileSync(path.join(repo, 'untracked.txt'), 'new\n');
    await ann.ok(repo, 'save', 'adv', '-t', 'ad ver#S', '--env', 'FOO', '--crq', 'CRQ-42');
    await ann.git(repo, 'push', '-q', 'origin', 'refs/sessions/*', 'refs/notes/crq');
    const before = await snapshot(
      ann,
      repo,
      (await ann.git(repo, 'for-each-ref', '--format=%(objectname)', 'refs/sessions')).split('\n').at(-1)!,
    );

    await bob.git(clone, 'fetch', '-q', 'origin', 'refs/sessions/*:refs/sessions/*');
    await awkwardServer(bob);
    // --run starts commands; which of a stranger's variables are set is for the restorer's own list.
    await bob.git(clone, 'config', 'session.env', 'FOO');
    const held = await bob.gs(clone, 'restore', 'adv', '--as', 'held');
    expect(held.code).toBe(1);
    expect(held.stderr).toContain('--run');
    await bob.tmux('kill-session', '-t', '=held');
    await bob.git(clone, 'reset', '-q', '--hard');
    await bob.git(clone, 'clean', '-qfd');

    const result = await bob.gs(clone, 'restore', 'adv', '--run');
    expect(result.stderr).toBe('approved: --run\n');
    expect(result.code).toBe(0);
    expect(await bob.git(clone, 'rev-parse', 'HEAD')).toBe(before.git.head);
    const changed = (await bob.git(clone, 'status', '--short'))
      .split('\n')
      .filter((l) => !l.endsWith('.swp'));
    expect(changed).toEqual([' M file.txt', '?? untracked.txt']);
    const s = '=ad ver#S:';
    await bob.waitForCommand(`${s}90`, 'vim');
    await waitFor(async () => (await bob.screen(`${s}90`)).includes('uncommitted'), 'vim to show the file');
    await bob.ok(clone, 'save', 'adv', '-t', 'ad ver#S', '--env', 'FOO');
    const refs = (await bob.git(clone, 'for-each-ref', '--format=%(objectname)', 'refs/sessions')).split(
      '\n',
    );
    const after = await snapshot(bob, clone, refs.at(-1)!);
    expect({ ...stable(after), name: null }).toEqual({ ...stable(before), name: null });
    expect(after.savedBy.name).toBe('bob');
  },
);
