import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import { forge, plainSnapshot } from '../support/forge.ts';
import { type Person, person } from '../support/harness.ts';

interface Row {
  name: string | null;
  remote: string | null;
  status: string;
  [key: string]: unknown;
}

async function scene(): Promise<{ ann: Person; repo: string; head: string }> {
  const ann = person();
  const repo = await ann.repo();
  return { ann, repo, head: await ann.git(repo, 'rev-parse', 'HEAD') };
}

async function rows(who: Person, repo: string, ...args: string[]): Promise<Row[]> {
  return JSON.parse(await who.ok(repo, 'list', '--json', ...args)) as Row[];
}

const names = (list: Row[]) => list.map((r) => (r.remote === null ? r.name : `${r.remote}/${r.name}`));

function named(head: string | null, name: string, change: (s: Snapshot) => void = () => undefined): Snapshot {
  const s = plainSnapshot(head);
  s.session.name = name;
  s.tmux.sessions[0]!.name = name;
  change(s);
  return s;
}

describe('git session list', () => {
  test('S13, C5: every name that gwq has, and what is running', async () => {
    const { ann, repo, head } = await scene();
    await ann.tmux('new-session', '-d', '-s', 'work', '-x', '80', '-y', '24', '-c', repo, 'sleep 321');
    await ann.tmux('split-window', '-d', '-t', 'work', '-c', repo);
    await ann.waitForCommand('work:0.0', 'sleep');
    await ann.ok(repo, 'save', '-m', 'before lunch', '--crq', 'CRQ-7');
    await ann.ok(repo, 'save', '-m', 'after lunch');
    const [row, ...others] = await rows(ann, repo);
    expect(others).toEqual([]);
    expect(row).toMatchObject({
      ...{
        session_name: 'work',
        context: 'session',
        identifier: 'work',
        working_dir: repo,
        status: 'running',
      },
      ...{ name: 'work', remote: null, branch: 'main', head, message: 'after lunch', windows: 1, panes: 2 },
      ...{ command: 'sleep 321', metadata: {}, snapshots: 2, attached_clients: 0, saved_by: { name: 'ann' } },
      crqs: [{ id: 'CRQ-7' }],
    });
    expect(row!['id']).toMatch(/^[0-9a-f-]{36}$/u);
    expect(row!['start_time']).toMatch(/^\d{4}-\d\d-\d\dT/u);
    expect(row!['pid']).toBe(
      Number(await ann.tmux('display-message', '-p', '-t', 'work:0.0', '#{pane_pid}')),
    );
    expect(row!['history_size']).toBe(0);
    expect(row!['ref']).toBe(`refs/sessions/${String(row!['snapshot'])}/snapshot`);
    expect(row!['oid']).toBe(await ann.git(repo, 'rev-parse', String(row!['ref'])));

    // Without the server it is saved still, and its processes are nobody's.
    await ann.killServer();
    expect(await rows(ann, repo)).toMatchObject([{ name: 'work', status: 'saved', pid: null }]);
  });

  test('the table: one line per session, the newest first, and ls is another word for it', async () => {
    const { ann, repo, head } = await scene();
    const empty = await ann.gs(repo, 'list');
    expect(empty).toMatchObject({ code: 0, stdout: '' });
    expect(empty.stderr).toContain('git session save');
    await forge(
      ann,
      repo,
      named(head, 'older', (s) => (s.message = 'one\ntwo')),
      { name: 'older', time: '20260101T000000000Z' },
    );
    await forge(ann, repo, named(head, 'fix/api'), { name: 'fix/api', time: '20260201T000000000Z' });
    await forge(ann, repo, named(head, 'older'), { name: 'older', time: '20250101T000000000Z' });
    const text = await ann.ok(repo, 'list');
    expect(text.split('\n')).toEqual([
      expect.stringMatching(/^ {2}CONTEXT +IDENTIFIER +STATUS +DURATION +COMMAND$/u),
      expect.stringMatching(/^ {2}session +fix\/api +saved +\S+ ago$/u),
      expect.stringMatching(/^ {2}session +older +saved +\S+ ago$/u),
      '',
    ]);
    const verbose = await ann.ok(repo, 'list', '--verbose');
    expect(verbose.split('\n')[0]).toMatch(/ BRANCH +WINDOWS\/PANES +SAVED +CRQS +MESSAGE$/u);
    expect(verbose).toMatch(/^ {2}session +older .* main +1\/1 +\S+ ago +one$/mu);
    expect(await ann.ok(repo, 'ls')).toBe(text);
    expect(names(await rows(ann, repo, 'api'))).toEqual(['fix/api']);
    expect(names(await rows(ann, repo, 'o*r'))).toEqual(['older']);
    expect(names(await rows(ann, repo, '-n1'))).toEqual(['fix/api']);
    expect(await rows(ann, repo, 'nothing')).toEqual([]);
    expect((await ann.gs(repo, 'list', '-n', 'x')).code).toBe(129);
  });

  test('Q3, R9: --crq finds what is linked, also afterwards and also an older snapshot', async () => {
    const { ann, repo, head } = await scene();
    const crq = (id: string) => ({ id, title: null, status: null, path: null });
    await forge(
      ann,
      repo,
      named(head, 'a', (s) => s.crqs.push(crq('CRQ-1'))),
      { name: 'a' },
    );
    await forge(
      ann,
      repo,
      named(head, 'b', (s) => s.crqs.push(crq('CRQ-12'))),
      { name: 'b' },
    );
    await forge(ann, repo, named(head, 'c'), { name: 'c', time: '20260101T000000000Z' });
    await forge(
      ann,
      repo,
      named(head, 'c', (s) => (s.message = 'newest')),
      { name: 'c', time: '20260202T000000000Z' },
    );
    expect(names(await rows(ann, repo, '--crq', 'CRQ-1'))).toEqual(['a']);
    expect(names(await rows(ann, repo, '--crq', 'crq_1'))).toEqual(['a']);
    // A link that was made afterwards is an event of its own.
    const record = (sequence: number, type: string, snapshot: string) =>
      `${JSON.stringify({ at: '2026-03-01T00:00:00.000Z', clone: 'c', data: { crq: 'CRQ-9', snapshots: [snapshot] }, sequence, type, version: 1 })}\n`;
    const old = await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions/c/');
    const id = old.split('\n')[0]!.split('/')[3]!;
    const event = async (time: string, text: string) => {
      const hash = await ann.run('git', ['hash-object', '-w', '--stdin'], { cwd: repo, input: text });
      await ann.git(repo, 'update-ref', `refs/sessions/c/${time}-00000000/events`, hash.stdout.trim());
    };
    await event('20260301T000000000Z', record(1, 'crq-linked', id));
    expect(await rows(ann, repo, '--crq', 'CRQ-9')).toMatchObject([
      { name: 'c', snapshot: `c/${id}`, crqs: [{ id: 'CRQ-9' }] },
    ]);
    expect(await rows(ann, repo, 'c')).toMatchObject([{ message: 'newest', crqs: [] }]);
    await event('20260302T000000000Z', record(2, 'crq-unlinked', id));
    expect(await rows(ann, repo, '--crq', 'CRQ-9')).toEqual([]);
    expect((await ann.gs(repo, 'list', '--crq', 'no id')).code).toBe(128);
  });

  test('H3: fetched sessions are marked with their remote, and can be left out or had alone', async () => {
    const { ann, repo, head } = await scene();
    await forge(ann, repo, named(head, 'mine'), { name: 'mine' });
    const theirs = await forge(ann, repo, named(head, 'theirs'), { name: 'theirs' });
    for (const kind of ['context', 'snapshot']) {
      const ref = `refs/sessions/theirs/${theirs.id}/${kind}`;
      await ann.git(repo, 'update-ref', ref.replace('sessions', 'remote-sessions/origin'), ref);
      await ann.git(repo, 'update-ref', '-d', ref);
    }
    expect(new Set(names(await rows(ann, repo)))).toEqual(new Set(['mine', 'origin/theirs']));
    expect(names(await rows(ann, repo, '--remote'))).toEqual(['origin/theirs']);
    expect(names(await rows(ann, repo, '--no-remote'))).toEqual(['mine']);
    expect(await ann.ok(repo, 'list')).toMatch(/^ {2}session +origin\/theirs +saved/mu);
    // A tmux session of that name is not theirs.
    await ann.tmux('new-session', '-d', '-s', 'theirs', '-c', repo);
    expect(await rows(ann, repo, '--remote')).toMatchObject([
      { snapshot: `origin/theirs/${theirs.id}`, status: 'saved' },
    ]);
  });

  test('a tmux session is running where it is bound to the session or, unbound, has its name', async () => {
    const { ann, repo } = await scene();
    await ann.tmux('new-session', '-d', '-s', 'live', '-c', repo);
    await ann.ok(repo, 'save', 'other-name');
    expect(await rows(ann, repo)).toMatchObject([
      { name: 'other-name', status: 'running', session_name: 'live' },
    ]);
    await ann.tmux('rename-session', '-t', '=live', 'renamed');
    expect(await rows(ann, repo)).toMatchObject([{ status: 'running', session_name: 'renamed' }]);
    // One of that name that belongs to another session is not it.
    await ann.tmux('new-session', '-d', '-s', 'other-name', '-c', repo);
    await ann.tmux('set-option', '-t', 'other-name:', '@git-session-id', 'something else');
    await ann.tmux('kill-session', '-t', '=renamed');
    expect(await rows(ann, repo)).toMatchObject([{ status: 'saved' }]);
    await ann.tmux('set-option', '-u', '-t', 'other-name:', '@git-session-id');
    expect(await rows(ann, repo)).toMatchObject([{ status: 'running', session_name: 'other-name' }]);
  });

  test('C30: without tmux the list is the same, and says what it does not know', async () => {
    const { ann, repo, head } = await scene();
    await forge(ann, repo, named(head, 'work'), { name: 'work' });
    const without = await ann.gs(repo, 'list', '--json');
    await ann.git(repo, 'config', 'session.tmuxCommand', path.join(ann.dir, 'no-tmux'));
    const result = await ann.gs(repo, 'list', '--json');
    expect(result).toMatchObject({ code: 0, stdout: without.stdout });
    expect(result.stderr).toMatch(/^warning: can't tell what is running: tmux was not found/u);
  });

  test('it reads only the newest snapshot of each session, with few processes', async () => {
    const { ann, repo, head } = await scene();
    for (let i = 0; i < 3; i++) {
      await forge(
        ann,
        repo,
        named(head, 'work', (s) => (s.message = String(i))),
        { name: 'work', time: `2026010${i + 1}T000000000Z` },
      );
    }
    await forge(ann, repo, named(head, 'other'), { name: 'other' });
    const trace = path.join(ann.dir, 'trace');
    const result = await ann.gsWith({ cwd: repo, env: { GIT_TRACE2_EVENT: trace } }, 'list', '--json');
    expect(JSON.parse(result.stdout)).toMatchObject([
      { name: 'other' },
      { name: 'work', message: '2', snapshots: 3 },
    ]);
    const started = readFileSync(trace, 'utf8')
      .split('\n')
      .filter((l) => l.includes('"event":"cmd_name"'));
    // The repository, its configuration, the refs, the blobs; and git's own for `git session`.
    expect(started.length).toBeLessThanOrEqual(6);
  });

  test('it works in bare, SHA-256, linked and empty repositories, and outside says that there is none', async () => {
    const ann = person();
    const sha256 = await ann.repo('sha256', '--object-format=sha256');
    const head = await ann.git(sha256, 'rev-parse', 'HEAD');
    await forge(ann, sha256, named(head, 'work'), { name: 'work' });
    expect(names(await rows(ann, sha256))).toEqual(['work']);
    await ann.git(sha256, 'worktree', 'add', '-q', path.join(ann.dir, 'linked'));
    expect(names(await rows(ann, path.join(ann.dir, 'linked')))).toEqual(['work']);
    const bare = path.join(ann.dir, 'bare.git');
    await ann.git(ann.dir, 'clone', '-q', '--mirror', sha256, bare);
    expect(await rows(ann, bare)).toMatchObject([{ name: 'work', status: 'saved' }]);
    // git was told where the repository is: no other one is looked for.
    const told = await ann.run('git', [`--git-dir=${sha256}/.git`, 'session', 'list', '--json'], {
      cwd: await ann.repo('another'),
    });
    expect(JSON.parse(told.stdout)).toMatchObject([{ name: 'work' }]);
    const outside = await ann.gs(ann.dir, 'list', '--json');
    expect(outside.code).toBe(128);
    expect(JSON.parse(outside.stdout)).toMatchObject({ ok: false, error: { code: 'not-a-repository' } });
  });
});
