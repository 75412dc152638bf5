import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { MAX_SCROLLBACK_BYTES, type Snapshot, type TmuxPane } from '../../src/session/schema.ts';
import { findSecrets, type SecretReport } from '../../src/store/findings.ts';
import { readCatalog } from '../../src/store/sessions.ts';
import {
  forge,
  forgeBytes,
  type ForgeOptions,
  plainPane,
  plainSnapshot,
  plainWindow,
} from '../support/forge.ts';
import type { Person } from '../support/harness.ts';
import { resident, saveIn } from '../support/store.ts';

// Put together here, so that no scanner takes this file for a leak.
const TOKEN = `ghp_${'a1B2c3D4e5'.repeat(3)}`;
const OTHER = `glpat-${'Zy9Xw8Vu7T'.repeat(2)}`;

interface Place {
  who: Person;
  dir: string;
  repo: Repository;
}

async function place(): Promise<Place> {
  const who = resident();
  const dir = await who.repo();
  return { who, dir, repo: await openRepository(dir) };
}

async function reports({ repo }: Place): Promise<SecretReport[]> {
  const found = await findSecrets(repo.git, (await readCatalog(repo.git)).snapshots);
  expect(JSON.stringify(found)).not.toContain(TOKEN);
  expect(JSON.stringify(found)).not.toContain(OTHER);
  return found;
}

/** What is found in one forged snapshot. */
async function foundIn(snapshot: Snapshot, options: ForgeOptions = {}): Promise<string[]> {
  const at = await place();
  await forge(at.who, at.dir, snapshot, options);
  return (await reports(at)).flatMap((r) => r.found);
}

function withPanes(...panes: TmuxPane[]): Snapshot {
  const snapshot = plainSnapshot(null);
  snapshot.tmux.windows = [plainWindow({ index: 3, panes })];
  return snapshot;
}

const relaunch = (change: Partial<TmuxPane['relaunch']>): Partial<TmuxPane> => ({
  relaunch: { ...plainPane().relaunch, ...change },
});

function scrollback(pane: string): TmuxPane['scrollback'] {
  return { path: `scrollback/${pane}`, lines: 1, bytes: 100, truncated: false };
}

/** The file of a loose object. */
function looseObject(repo: Repository, oid: string): string {
  return path.join(repo.commonDir, 'objects', oid.slice(0, 2), oid.slice(2));
}

describe('secrets in snapshots that are about to be shared (attack E6)', () => {
  it('a snapshot without any is not reported, nor is none at all', async () => {
    const at = await place();
    expect(await reports(at)).toEqual([]);
    await forge(at.who, at.dir, plainSnapshot(null));
    expect(await reports(at)).toEqual([]);
  });

  it('what save has redacted is no finding', async () => {
    const snapshot = withPanes(plainPane({ title: '[redacted:github-token]' }));
    snapshot.message = 'with [redacted:github-token]';
    expect(await foundIn(snapshot)).toEqual([]);
  });

  it.each<[string, Snapshot, string]>([
    ['the message', { ...plainSnapshot(null), message: `use ${TOKEN}` }, 'github-token in the message'],
    [
      'the environment',
      { ...plainSnapshot(null), env: { EDITOR: 'vi', LOGIN: TOKEN } },
      'github-token in environment variable LOGIN',
    ],
    ['a title', withPanes(plainPane({ title: TOKEN })), 'github-token in the title of pane 3.0'],
    [
      'a title that is no UTF-8',
      withPanes(
        plainPane({ title: { base64: Buffer.from(`\u00FF ${TOKEN}`, 'latin1').toString('base64') } }),
      ),
      'github-token in the title of pane 3.0',
    ],
    [
      'the words a pane was started with',
      withPanes(plainPane({ start: { argv: ['curl', TOKEN] } })),
      'github-token in pane 3.0',
    ],
    [
      'the line a pane was started with',
      withPanes(plainPane({ start: { shell: `curl ${TOKEN}` } })),
      'github-token in pane 3.0',
    ],
    [
      'the line that is typed',
      withPanes(plainPane(relaunch({ line: `curl ${TOKEN}` }))),
      'github-token in pane 3.0',
    ],
    ['the command', withPanes(plainPane({ command: ['curl', TOKEN] })), 'github-token in pane 3.0'],
    [
      'a later step of the command',
      withPanes(plainPane(relaunch({ steps: [['sh'], ['curl', TOKEN]] }))),
      'github-token in pane 3.0',
    ],
    [
      'a process of the second pane',
      withPanes(
        plainPane(),
        plainPane({ index: 1, active: false, processes: [{ pid: 7, ppid: 1, argv: ['curl', TOKEN] }] }),
      ),
      'github-token in a process of pane 3.1',
    ],
  ])('%s', async (_, snapshot, expected) => {
    expect(await foundIn(snapshot)).toEqual([expected]);
  });

  it.each<[string, string, (s: Snapshot) => void]>([
    [
      'the URL of a remote',
      'the URL of remote o',
      (s) => s.git.remotes.push({ name: 'o', url: `https://ann:${TOKEN}@localhost/` }),
    ],
    [
      'the name of a window',
      'the name of window 0',
      (s) => (s.tmux.windows[0] = plainWindow({ name: TOKEN })),
    ],
    [
      'the error of a failed session',
      'the state',
      (s) => (s.state = { name: 'failed', error: `401: ${TOKEN}` }),
    ],
    [
      'the title of a CRQ',
      'CRQ CRQ-1',
      (s) => s.crqs.push({ id: 'CRQ-1', title: TOKEN, status: null, path: null }),
    ],
  ])('%s', async (_, where, change) => {
    const snapshot = plainSnapshot(null);
    change(snapshot);
    const found = await foundIn(snapshot);
    expect(found.map((one) => one.replace(/^\S+ in /u, ''))).toEqual([where]);
  });

  it('E6 the branch, a tmux session, the directory of a pane and the command line of an agent', async () => {
    const pane = plainPane({
      cwd: { in: 'repo', path: `build/${TOKEN}` },
      agent: {
        ...{ name: 'claude', conversation: null, confidence: 'none', evidence: 'none' },
        argv: ['claude', TOKEN],
      },
    });
    const snapshot = withPanes(pane);
    snapshot.git.branch = `fix/${TOKEN}`;
    snapshot.tmux.sessions[0]!.name = TOKEN;
    expect(await foundIn(snapshot)).toEqual([
      'github-token in the name of the branch',
      'github-token in a tmux session',
      'github-token in the directory of pane 3.0',
      'github-token in the agent of pane 3.0',
    ]);
  });

  it('each place is named once, all of them, and only the snapshots that hold one', async () => {
    const at = await place();
    await forge(at.who, at.dir, plainSnapshot(null), { name: 'clean' });
    const pane = plainPane({
      command: ['curl', TOKEN],
      title: OTHER,
      ...relaunch({ steps: [['curl', TOKEN]], line: `curl ${TOKEN} ${TOKEN}` }),
    });
    const { oid } = await forge(at.who, at.dir, withPanes(pane), { name: 'dirty' });
    const found = await reports(at);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ stored: { name: 'dirty', oid }, unreadable: null });
    expect(found[0]?.found.toSorted()).toEqual([
      'github-token in pane 3.0',
      'gitlab-token in the title of pane 3.0',
    ]);
  });

  it('one that can not be read is reported with the reason, and hides no other', async () => {
    const at = await place();
    await forgeBytes(at.who, at.dir, Buffer.from('{"no":"snapshot"}'), { name: 'a-broken' });
    await forge(at.who, at.dir, { ...plainSnapshot(null), message: TOKEN }, { name: 'b-dirty' });
    const [broken, dirty] = await reports(at);
    expect(broken).toMatchObject({ stored: { name: 'a-broken' }, found: [] });
    expect(broken?.unreadable).toMatch(/^snapshot [0-9a-f]{7} of 'a-broken' /u);
    expect(dirty).toMatchObject({ stored: { name: 'b-dirty' }, unreadable: null });
    expect(dirty?.found).toEqual(['github-token in the message']);
  });
});

describe('secrets in scrollback', () => {
  const two = withPanes(
    plainPane({ scrollback: scrollback('3.0') }),
    plainPane({ index: 1, active: false, scrollback: scrollback('3.1') }),
    plainPane({ index: 2, active: false }),
  );

  it('is found by pane, beside what the snapshot holds', async () => {
    const files = {
      'scrollback/3.0': Buffer.from('nothing\n'),
      'scrollback/3.1': Buffer.from(`$ echo ${TOKEN}\n${OTHER}\n${TOKEN}\n`),
    };
    expect(await foundIn({ ...two, message: OTHER }, { files })).toEqual([
      'gitlab-token in the message',
      'github-token in the scrollback of pane 3.1',
      'gitlab-token in the scrollback of pane 3.1',
    ]);
  });

  it('is found among bytes that are no UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe, 0x0a]), Buffer.from(TOKEN)]);
    expect(await foundIn(two, { files: { 'scrollback/3.0': bytes } })).toEqual([
      'github-token in the scrollback of pane 3.0',
    ]);
  });

  it('is looked for only where there is a context', async () => {
    const at = await place();
    const files = { 'scrollback/3.0': Buffer.from(TOKEN) };
    const { ref } = await forge(at.who, at.dir, two, { files });
    expect((await reports(at)).flatMap((r) => r.found)).toHaveLength(1);
    await at.who.git(at.dir, 'update-ref', '-d', ref.replace(/snapshot$/u, 'context'));
    expect(await reports(at)).toEqual([]);
  });

  it('a file that is not there, or is a folder, hides no other', async () => {
    const at = await place();
    const files = { 'scrollback/3.1': Buffer.from(TOKEN) };
    const { ref } = await forge(at.who, at.dir, two, { files });
    expect((await reports(at))[0]?.found).toEqual(['github-token in the scrollback of pane 3.1']);
    const context = ref.replace(/snapshot$/u, 'context');
    const blob = await at.who.git(at.dir, 'rev-parse', `${context}:scrollback/3.1`);
    const mktree = async (line: string) =>
      (await at.who.run('git', ['mktree'], { cwd: at.dir, input: line })).stdout.trim();
    const folder = await mktree(`100644 blob ${blob}\tx\n`);
    const lines = `040000 tree ${folder}\t3.0\n100644 blob ${blob}\t3.1\n`;
    const tree = await mktree(`040000 tree ${await mktree(lines)}\tscrollback\n`);
    await at.who.git(at.dir, 'update-ref', context, await at.who.git(at.dir, 'commit-tree', tree, '-m', 'x'));
    expect((await reports(at))[0]?.found).toEqual(['github-token in the scrollback of pane 3.1']);
  });

  it('a damaged file hides no other', async () => {
    const at = await place();
    const files = {
      'scrollback/3.0': Buffer.concat([Buffer.from(`${TOKEN}\n`), randomBytes(50_000)]),
      'scrollback/3.1': Buffer.from(`${OTHER}\n`),
    };
    const { ref } = await forge(at.who, at.dir, two, { files });
    const name = `${ref.replace(/snapshot$/u, 'context')}:scrollback/3.0`;
    const file = looseObject(at.repo, await at.who.git(at.dir, 'rev-parse', name));
    const bytes = readFileSync(file).fill(0, 20_000);
    chmodSync(file, 0o644);
    writeFileSync(file, bytes);
    expect((await reports(at))[0]?.found).toEqual(['gitlab-token in the scrollback of pane 3.1']);
  });

  it('a file above the limit is not read, and hides no other', async () => {
    const at = await place();
    const large = Buffer.alloc(MAX_SCROLLBACK_BYTES + 1, `${TOKEN}\n`);
    const files = { 'scrollback/3.0': large, 'scrollback/3.1': Buffer.from(OTHER) };
    await forge(at.who, at.dir, two, { files });
    expect((await reports(at))[0]?.found).toEqual(['gitlab-token in the scrollback of pane 3.1']);
  });
});

describe('secrets in uncommitted work', () => {
  const write = (dir: string, name: string, text: string | Buffer) =>
    writeFileSync(path.join(dir, name), text);

  it('E6 the lines that it adds are named, in the worktree, the index and untracked files', async () => {
    const at = await place();
    write(at.dir, 'old.js', `a\n${TOKEN}\n`);
    await at.who.git(at.dir, 'add', '.');
    await at.who.git(at.dir, 'commit', '-qm', 'a secret that is committed is no news');
    write(at.dir, 'old.js', `new\na\n${TOKEN}\n`);
    write(at.dir, 'staged.js', `x\n${OTHER}\n`);
    await at.who.git(at.dir, 'add', 'staged.js');
    write(at.dir, 'staged.js', 'x\n');
    write(at.dir, `${TOKEN}.txt`, `\n\n${OTHER}\n`);
    write(at.dir, 'image.bin', Buffer.concat([Buffer.alloc(1), Buffer.from(TOKEN)]));
    const expected = [
      'github-token in the name of a file of the uncommitted work',
      'gitlab-token in [redacted:github-token].txt:3 of the uncommitted work',
      'gitlab-token in staged.js:2 of the uncommitted work',
    ];
    // Two of one moment share their work, and each says so.
    await saveIn(at.dir, { name: 'a' });
    await saveIn(at.dir, { name: 'b' });
    const found = await reports(at);
    expect(found.map(({ stored }) => stored.name)).toEqual(['a', 'b']);
    for (const one of found) expect([one.found.toSorted(), one.unseen]).toEqual([expected, []]);
    // A person allows a rule, and only that one.
    const { snapshots } = await readCatalog(at.repo.git);
    const some = await findSecrets(at.repo.git, snapshots, new Set(['gitlab-token']));
    expect(some.map((one) => one.found)).toEqual([[expected[0]], [expected[0]]]);
    const allowed = new Set(['gitlab-token', 'github-token']);
    expect(await findSecrets(at.repo.git, snapshots, allowed)).toEqual([]);
  });

  it('E6 a file that is too large is named, once and without what its name may hold', async () => {
    const at = await place();
    write(at.dir, `${TOKEN}.txt`, Buffer.alloc(MAX_SCROLLBACK_BYTES + 1, `${OTHER}\n`));
    await saveIn(at.dir);
    const [found] = await reports(at);
    expect(found).toMatchObject({
      found: ['github-token in the name of a file of the uncommitted work'],
      unseen: ['[redacted:github-token].txt of the uncommitted work'],
      unreadable: null,
    });
  });

  it('E6 work that is not there is said to be unseen, and hides no secret of the snapshot', async () => {
    const at = await place();
    const plain = plainSnapshot(null);
    const lost = { ...plain, message: TOKEN, git: { ...plain.git, work: '1'.repeat(40) } };
    await forge(at.who, at.dir, lost);
    expect(await reports(at)).toMatchObject([
      { found: ['github-token in the message'], unseen: ['the uncommitted work'], unreadable: null },
    ]);
  });

  it('E6 C25 work that is no commit, or of which git can not tell the files, is unseen too', async () => {
    const at = await place();
    write(at.dir, 'new.txt', `${TOKEN}\n`);
    await at.who.git(at.dir, 'add', 'new.txt');
    const tree = await at.who.git(at.dir, 'write-tree');
    const commit = await at.who.git(at.dir, 'commit-tree', tree, '-p', 'HEAD', '-m', 'work');
    const plain = plainSnapshot(null);
    const withWork = (work: string) => ({ ...plain, git: { ...plain.git, work } });
    await forge(at.who, at.dir, withWork(tree), { name: 'a-tree' });
    await forge(at.who, at.dir, withWork(commit), { name: 'b-commit' });
    const said = async () => (await reports(at)).map((r) => [r.stored.name, r.found, r.unseen]);
    const unseen = ['the uncommitted work'];
    expect(await said()).toEqual([
      ['a-tree', [], unseen],
      ['b-commit', ['github-token in new.txt:1 of the uncommitted work'], []],
    ]);
    rmSync(looseObject(at.repo, tree));
    expect(await said()).toEqual([
      ['a-tree', [], unseen],
      ['b-commit', [], unseen],
    ]);
  });
});
