import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { spawn } from '@lydell/node-pty';
import { expect, onTestFinished, test } from 'vitest';
import { encodeRecord } from '../../src/session/event-log.ts';
import type { Snapshot } from '../../src/session/schema.ts';
import { eachOf, type Scene, scene, snapshot, windowsOf } from '../support/attack.ts';
import { forge, typedPane } from '../support/forge.ts';
import { waitFor } from '../support/harness.ts';
import { HOSTILE, hostileEverywhere, hostileWhereRefused } from '../support/hostile.ts';
import { executed, record } from '../support/log-records.ts';
import { hook } from '../support/two-clones.ts';

/** Nothing of this may come out; line ends are ours. */
const FORBIDDEN = /(?!\n)[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?<![\p{L}\p{N}]\p{M}*)\p{M}/u;
/** What our own screens and questions are made of, and colors. */
const OWN = /\u001B\[(?:[0-9;]*m|\d*[GJKH]|\d+;\d+H|\?(?:25|7|1049|2004)[hl])/gu;

function clean(bytes: Buffer, what: string): void {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  const at = text.search(FORBIDDEN);
  expect(at < 0 ? '' : `${what}: ${JSON.stringify(text.slice(Math.max(0, at - 80), at + 20))}`).toBe('');
}

const id = (n: number) => `2026112${n}T080000000Z`;

/** A snapshot with all kinds of panes, so that each field of the schema is there. */
function rich(head: string): Snapshot {
  return snapshot(head, (x) => {
    x.message = 'message';
    x.crqs = [{ id: 'CRQ-1', title: 'title', status: 'open', path: 'docs/crq/CRQ-1.md' }];
    Object.assign(x.git, { upstream: 'origin/main', remotes: [{ name: 'origin', url: '/tmp' }] });
    x.git.leftOut = [{ path: '.env', reason: 'credential' }];
    x.env = { FOO: 'value', NODE_ENV: 'test' };
    x.state = { name: 'failed', error: 'error' };
    x.redactions = [{ rule: 'rule', where: 'pane 0.0' }];
    Object.assign(x.tmux.sessions[0]!, { group: 'group' });
    const relaunch = { source: 'start', confidence: 'exact', reason: 'start-command', steps: [], line: null };
    x.tmux.windows = windowsOf(
      [typedPane(['sh', '-c', 'word']), { ...typedPane(['one']), index: 1, active: false }],
      [{ start: { argv: ['sleep', '1000'] }, relaunch: relaunch as never }],
      [{ start: { shell: 'exec sleep 1000' }, relaunch: relaunch as never, dead: { status: 1 } }],
      [{ cwd: { in: 'root', path: '/no/such' }, relaunch: { ...relaunch, line: 'a | b' } as never }],
      [
        {
          processes: [{ pid: 1, ppid: 0, argv: ['word'] }],
          agent: {
            ...{ name: 'claude', conversation: '0a1b2c3d-0000-4000-8000-000000000000' },
            ...{ confidence: 'exact', evidence: 'argv', argv: ['claude', '--flag'] },
          } as never,
        },
      ],
    );
  });
}

/** Everything that a remote can put into a repository, and what a program can leave in its worktree. */
async function plant({ who, repo, head }: Scene): Promise<void> {
  const good = rich(head);
  const older = hostileEverywhere(
    { ...good, state: { name: 'paused', reason: 'reason' } },
    { bytes: true, except: ['.layout'] },
  );
  older.message = 'older';
  await forge(who, repo, older, { time: id(0) });
  const newer = await forge(who, repo, hostileEverywhere(good, { except: ['.layout'] }), { time: id(1) });
  await forge(who, repo, hostileEverywhere(good), { name: 'layout', time: id(1) });
  const refused = hostileWhereRefused(good);
  expect(refused.length).toBeGreaterThan(15);
  await eachOf(refused, (s, i) => forge(who, repo, s, { name: `refused${i}`, time: id(2) }));

  const blob = async (text: string) => {
    const args = ['hash-object', '-w', '--stdin'];
    return (await who.run('git', args, { cwd: repo, input: text })).stdout.trim();
  };
  // A log: each event with something hostile in it.
  const changes = { linesAdded: 1, linesRemoved: 1, filesModified: [HOSTILE] };
  const session = good.session.id;
  const focus = { workflow: HOSTILE, worktree: HOSTILE, focus: HOSTILE, projectPath: HOSTILE };
  const flags = { failFast: false, autoMerge: false, collectMetrics: true, verbose: false };
  const events = [
    {
      type: 'started',
      data: { name: HOSTILE, config: { ...focus, ...flags, mode: 'direct', maxIterations: 2 } },
    },
    { type: 'iteration-started', data: { number: 1, head } },
    executed(HOSTILE),
    {
      type: 'iteration-completed',
      data: { number: 1, changes: { ...changes, commandsRun: [HOSTILE], gitCommits: [] } },
    },
    { type: 'analysis-completed', data: { results: { [HOSTILE]: HOSTILE } } },
    {
      type: 'checkpoint-saved',
      data: { snapshot: HOSTILE, iteration: 1, resumable: true, message: HOSTILE, state: 'running' },
    },
    { type: 'paused', data: { reason: HOSTILE } },
    { type: 'resumed', data: {} },
    { type: 'failed', data: { error: HOSTILE } },
  ].map((event, i) => encodeRecord(record(i + 1, { session, event: event as never })));
  await who.git(
    repo,
    'update-ref',
    `refs/sessions/forged/${id(3)}-00000000/events`,
    await blob(events.join('')),
  );
  const old = { at: HOSTILE, clone: 'abcdefabcdef', sequence: 1, type: 'deleted', version: 1 };
  const data = { snapshots: [HOSTILE], renamedTo: HOSTILE };
  const oldEvent = await blob(`${JSON.stringify({ ...old, data })}\n`);
  await who.git(repo, 'update-ref', `refs/sessions/forged/${id(4)}-00000000/events`, oldEvent);

  // A note with a link whose title is hostile, and lines that are none.
  const note = `CRQ: CRQ-1 forged/${newer.id} ${HOSTILE.replace('\n', '')}\nCRQ: ${HOSTILE}\n`;
  await who.git(repo, 'notes', '--ref', 'crq', 'add', '-C', await blob(note), head);
  mkdirSync(path.join(repo, 'docs/crq'), { recursive: true });
  const text = HOSTILE.replaceAll(/[\r\n\u0085\u2028]/gu, '');
  const front = `---\nid: CRQ-7\ntitle: "x${JSON.stringify(text).slice(1, -1)}"\nstatus: ${text}\n---\n# CRQ-7: ${text}\n`;
  writeFileSync(path.join(repo, 'docs/crq', 'CRQ-7.md'), front);
  writeFileSync(
    path.join(repo, 'docs/crq', `CRQ-8\u202E\u001B[31m.md`),
    `# CRQ-8: ${text}\n\nStatus: ${text}\n`,
  );

  // Names that git takes: bytes that are no UTF-8, C1, bidi, and copies of a remote's sessions.
  const names = [
    'refs/heads/b\u202E\u009B31m\u200B',
    'refs/sessions/-x\u202E\u009B31m/y/snapshot',
    'refs/sessions/$(id)/x',
  ];
  for (const name of names)
    await who.git(repo, 'update-ref', name, name.includes('heads') ? head : newer.oid);
  const odd = Buffer.concat([
    Buffer.from('create refs/sessions/\u200E'),
    Buffer.from([0x9b, 0xff]),
    Buffer.from(`/x ${newer.oid}\n`),
  ]);
  expect((await who.run('git', ['update-ref', '--stdin'], { cwd: repo, input: odd })).code).toBe(0);
  await who.git(repo, 'config', 'remote.origin.url', path.join(who.dir, 'origin'));
  const copy = `refs/remote-sessions/or\u202Eigin/theirs/${newer.id}`;
  await who.git(repo, 'update-ref', `${copy}/snapshot`, newer.oid);
  const hostileCommit = await who.run('git', ['commit-tree', `${head}^{tree}`, '-p', head, '-m', HOSTILE], {
    cwd: repo,
    env: { GIT_AUTHOR_NAME: HOSTILE },
  });
  await forge(who, repo, snapshot(hostileCommit.stdout.trim()), { name: 'subject' });
  await who.git(repo, 'worktree', 'add', '-q', '-b', 'w\u202E\u200B', `${repo}-wt\u001B]0;x\u0007\u202E`);
  // A live session whose name, window and title are hostile, as far as tmux has them.
  await who.tmux('new-session', '-d', '-s', 'live\u202E\u200B', '-n', HOSTILE, '-c', repo, 'exec sleep 1000');
  await who.git(who.dir, 'init', '-q', '--bare', 'origin');
  hook(path.join(who.dir, 'origin'), 'pre-receive', `printf '%s' '${HOSTILE}' >&2; exit 1`);
}

/** What a program writes to a terminal, as bytes. */
async function onTerminal(s: Scene, args: string[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const text = () => Buffer.concat(chunks).toString('utf8');
  const env = { ...s.who.env, GIT_PAGER: 'cat' };
  const pty = spawn('git', ['session', ...args], { cols: 300, rows: 100, cwd: s.repo, env, encoding: null });
  onTestFinished(() => pty.kill('SIGKILL'));
  let code: number | null = null;
  pty.onData((data) => void chunks.push(data as unknown as Buffer));
  pty.onExit((e) => (code = e.exitCode));
  const answers = {
    restore: [/Start them\?/u, 'n\r'],
    '--watch': [/q ends it/u, 'q'],
  } as const;
  for (const [word, [question, keys]] of Object.entries(answers)) {
    if (!args.includes(word) || args.includes('--dry-run')) continue;
    await waitFor(
      () => question.test(text()),
      `the question of ${args.join(' ')}; it shows: ${JSON.stringify(text())}`,
    );
    pty.write(keys);
  }
  await waitFor(() => code !== null, `${args.join(' ')} to end`);
  return Buffer.concat(chunks);
}

test('B1 B3 B4 nothing prints a control, bidi or zero-width character of a hostile repository: question, answers, errors, JSON', async () => {
  const s = await scene();
  await plant(s);
  const shows = new Map<string, string>();

  // Each on a terminal, where a person reads it. The bytes are those that the terminal gets.
  const looks: string[][] = [
    ...[
      ['restore', '--no-git', 'forged'],
      ['show', 'forged'],
      ['show', 'forged~1'],
      ['show', 'layout'],
    ],
    ...[
      ['show', '--raw', 'forged'],
      ['show', '--json', 'forged'],
      ['list'],
      ['list', '--csv'],
      ['list', '--watch'],
    ],
    ...[
      ['log'],
      ['log', '--full', 'forged'],
      ['diff', 'forged'],
      ['diff', '--volatile', 'layout', 'forged'],
      ['graph'],
    ],
    ...[
      ['status', '-v'],
      ['events', 'forged'],
      ['progress', 'forged'],
      ['crq', 'list'],
      ['crq', 'show', 'CRQ-7'],
    ],
    ...[
      ['allow', '--dry-run', 'forged'],
      ['restore', '--dry-run', 'forged~1'],
      ['show', HOSTILE],
    ],
  ];
  await eachOf(looks, async (args) => {
    const bytes = await onTerminal(s, args);
    const what = args.join(' ');
    // The terminal's own line ends, and what readline and the screen of --watch draw with.
    const drawn = bytes
      .toString('latin1')
      .replaceAll('\r\n', '\n')
      .replaceAll(OWN, '')
      .replaceAll(/^\r|\r$/gmu, '');
    clean(Buffer.from(drawn, 'latin1'), `${what} on a terminal`);
    shows.set(what, bytes.toString('utf8'));
  });
  // They did say it: what is hidden is shown.
  for (const [what, shown] of shows) {
    if (what !== 'list --watch')
      expect([what, shown]).toEqual([what, expect.stringMatching(/<U\+|\\u202e|\\x1b/u)]);
  }
  const question = shows.get('restore --no-git forged')!.split('Start them?')[0];
  expect(question).toMatch(/\$ \$'.*<U\+202E>/u);
  expect(question).toMatch(/env {2}FOO=.*\\x1b\]0;owned\\x07/u);

  const commands: string[][] = [
    ...[
      ['list', '-v', '--all'],
      ['list', '--short'],
      ['log', '--oneline'],
      ['graph', '--format', 'dot'],
    ],
    ...[
      ['state', 'forged'],
      ['show', 'refused0'],
      ['show', 'theirs'],
      ['restore', '--dry-run', 'layout'],
    ],
    ...[
      ['restore', '--no-git', '--as', HOSTILE, 'forged'],
      ['allow', 'forged~1'],
      ['allow', '--list'],
    ],
    ...[
      ['fsck'],
      ['doctor'],
      ['push'],
      ['checkpoint', '--list', 'forged'],
      ['export', '--to', `out${HOSTILE}`, 'forged'],
    ],
    ...['allow', 'restore', 'save', 'kill', 'delete', 'import', 'config', 'fetch', 'list'].map((verb) => [
      verb,
      HOSTILE,
    ]),
    ...[
      ['crq', 'show', HOSTILE],
      ['rename', 'forged', HOSTILE],
      ['link', 'forged', HOSTILE],
      [HOSTILE],
      ['list', `--${HOSTILE}`],
    ],
    ...['list', 'log', 'graph', 'status', 'fsck', 'push'].map((verb) => [verb, '--json']),
    ...['show', 'diff', 'events', 'progress', 'state', 'allow', 'restore'].map((verb) => [
      verb,
      '--json',
      'forged',
    ]),
    ...[
      ['crq', 'list', '--json'],
      ['show', HOSTILE, '--json'],
      ['restore', '--dry-run', '--json', 'forged~1'],
    ],
  ];
  await eachOf(commands, async (args) => {
    const what = JSON.stringify(args);
    const { bytes, stdout, stderr } = await s.who.gs(s.repo, ...args);
    clean(bytes, `${what} on stdout`);
    clean(Buffer.from(stderr), `${what} on stderr`);
    expect(`${what} ${stderr}`).not.toMatch(/internal error|^ {4}at /mu);
    if (args.includes('--json')) JSON.parse(stdout);
    if (args.length === 1 && args[0] === 'push') expect(stderr).toContain('\\x1b]0;owned');
    if (args[0] === 'show' && args[2] === 'forged')
      expect(JSON.parse(stdout)).toMatchObject({ message: HOSTILE });
  });
});
