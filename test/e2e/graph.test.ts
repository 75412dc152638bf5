import { describe, expect, test } from 'vitest';
import { forge, forgeBytes, plainSnapshot } from '../support/forge.ts';
import { type Person, person } from '../support/harness.ts';

interface Commit {
  oid: string | null;
  here: boolean;
  parents: string[];
  names: string[];
  subject: string | null;
  snapshots: {
    snapshot: string;
    oid: string;
    name: string;
    crqs: { id: string }[];
    error?: { code: string };
  }[];
}

interface Scene {
  ann: Person;
  repo: string;
}

async function scene(): Promise<Scene> {
  const ann = person();
  return { ann, repo: await ann.repo() };
}

/** A commit on top of these, all in one second: only the history tells their order. */
async function commit({ ann, repo }: Scene, message: string, ...parents: string[]): Promise<string> {
  const tree = await ann.git(repo, 'rev-parse', 'HEAD^{tree}');
  const args = ['commit-tree', tree, '-m', message, ...parents.flatMap((p) => ['-p', p])];
  const date = '1790000000 +0000';
  const env = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  return (await ann.run('git', args, { cwd: repo, env })).stdout.trim();
}

let second = 0;
function saved({ ann, repo }: Scene, head: string | null, name: string, ...crqs: string[]) {
  const s = plainSnapshot(head);
  s.session.name = name;
  s.message = `on ${name}`;
  s.crqs = crqs.map((id) => ({ id, title: null, status: null, path: null }));
  const time = `20260101T00${String(Math.floor(second / 60)).padStart(2, '0')}${String(second++ % 60).padStart(2, '0')}000Z`;
  return forge(ann, repo, s, { name, time });
}

async function bundle({ ann, repo }: Scene, ...args: string[]): Promise<Commit[]> {
  return (JSON.parse(await ann.ok(repo, 'graph', '--format', 'json', ...args)) as { commits: Commit[] })
    .commits;
}

describe('git session graph', () => {
  test('Q2: real saves lie over the commits they were made on', async () => {
    const s = await scene();
    const { ann, repo } = s;
    const first = await ann.git(repo, 'rev-parse', 'HEAD');
    await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo);
    await ann.ok(repo, 'save', '--crq', 'CRQ-1');
    await ann.ok(repo, 'save');
    await ann.git(repo, 'commit', '-q', '--allow-empty', '-m', 'between');
    await ann.git(repo, 'commit', '-q', '--allow-empty', '-m', 'second');
    const second = await ann.git(repo, 'rev-parse', 'HEAD');
    await ann.ok(repo, 'save');
    const commits = await bundle(s);
    expect(commits).toMatchObject([
      { oid: second, here: true, parents: [first], subject: 'second', snapshots: [{ name: 'work' }] },
      { oid: first, here: true, parents: [], names: [], subject: 'first', snapshots: [{}, {}] },
    ]);
    const text = await ann.ok(repo, 'graph');
    expect(text.replaceAll(/\S+ ago/gu, 'T ago').split('\n')).toEqual([
      `* ${second.slice(0, 7)} (HEAD -> main) second`,
      '│   ◆ work  T ago  [CRQ-1]',
      `* ${first.slice(0, 7)} first`,
      '    ◆ work~1  T ago  [CRQ-1]',
      '    ◆ work~2  T ago  [CRQ-1]',
      '',
    ]);
    expect(JSON.parse(await ann.ok(repo, 'graph', '--json'))).toEqual({ commits });
  });

  test('Q2: JSON has every saved snapshot exactly once, whatever became of its commit', async () => {
    const s = await scene();
    const { ann, repo } = s;
    const first = await ann.git(repo, 'rev-parse', 'HEAD');
    const [left, right] = [await commit(s, 'left', first), await commit(s, 'right', first)];
    const merge = await commit(s, 'merge', left, right);
    const missing = '1'.repeat(40);
    const wanted = [];
    for (const head of [first, merge, left, right, missing, null, first])
      wanted.push(await saved(s, head, 'work'));
    wanted.push(await saved(s, merge, 'other'));
    const broken = await forgeBytes(ann, repo, Buffer.from('{'), { name: 'broken' });
    // Fetched back after a push: the same snapshot under two refs.
    for (const { ref } of wanted)
      await ann.git(repo, 'update-ref', ref.replace('sessions', 'remote-sessions/origin'), ref);
    const commits = await bundle(s);
    expect(commits.map((c) => c.oid).slice(3)).toEqual([first, missing, null]);
    expect(commits[0]).toMatchObject({ oid: merge, parents: [left, right] });
    expect(new Set(commits.slice(1, 3).map((c) => c.oid))).toEqual(new Set([left, right]));
    expect(commits[4]).toMatchObject({ here: false, subject: null });
    const found = commits.flatMap((c) => c.snapshots);
    expect(found.map((f) => f.oid).toSorted()).toEqual([...wanted, broken].map((w) => w.oid).toSorted());
    expect(commits.find((c) => c.oid === first)!.snapshots).toHaveLength(2);
    expect(found.find((f) => f.name === 'broken')).toMatchObject({ error: { code: 'damaged' } });
    const { stdout, stderr } = await ann.gs(repo, 'graph');
    expect(stdout.match(/◆/gu)).toHaveLength(wanted.length + 1);
    expect(stdout).toMatch(/^\? 1111111 \(not in this repository\)$/mu);
    expect(stdout).toMatch(/^├─╮$/mu);
    expect(stderr).toMatch(/^warning: snapshot \S+ of 'broken' is damaged/u);
  });

  test('Q2, Q3: --crq leaves only what is linked', async () => {
    const s = await scene();
    const first = await s.ann.git(s.repo, 'rev-parse', 'HEAD');
    const second = await commit(s, 'second', first);
    await saved(s, first, 'a', 'CRQ-1');
    await saved(s, second, 'b', 'CRQ-2', 'crq_1');
    await saved(s, second, 'c', 'CRQ-12');
    const commits = await bundle(s, '--crq', 'CRQ-1');
    expect(commits.map((c) => [c.oid, c.snapshots.map((x) => x.name)])).toEqual([
      [second, ['b']],
      [first, ['a']],
    ]);
    expect(await bundle(s, '--crq', 'CRQ-3')).toEqual([]);
  });

  test('DOT can be read, whatever the names are', async () => {
    const s = await scene();
    const head = await commit(
      s,
      String.raw`quote " and \ backslash`,
      await s.ann.git(s.repo, 'rev-parse', 'HEAD'),
    );
    await saved(s, head, 'a', 'CRQ-1');
    const text = await s.ann.ok(s.repo, 'graph', '--format', 'dot');
    expect(text).toMatch(/^digraph sessions \{\n/u);
    expect(text).toContain(String.raw`label="${head.slice(0, 7)} quote \" and \\ backslash"`);
    expect(text).toMatch(/"crq CRQ-1" -> "snapshot a\//u);
    expect((text.match(/(?<!\\)"/gu) ?? []).length % 2).toBe(0);
  });

  test('it works without commits, in a shallow clone, and with a history that is cut', async () => {
    const s = await scene();
    const { ann, repo } = s;
    const first = await ann.git(repo, 'rev-parse', 'HEAD');
    const second = await commit(s, 'second', first);
    await ann.git(repo, 'update-ref', 'refs/heads/main', second);
    await saved(s, first, 'a');
    await saved(s, second, 'a');
    const clone = `${ann.dir}/shallow`;
    await ann.git(ann.dir, 'clone', '-q', '--depth', '1', `file://${repo}`, clone);
    await ann.git(clone, 'fetch', '-q', '--depth', '1', 'origin', 'refs/sessions/*:refs/sessions/*');
    const commits = await bundle({ ann, repo: clone });
    expect(commits.map((c) => [c.oid, c.here])).toEqual(expect.arrayContaining([[second, true]]));
    expect(commits.flatMap((c) => c.snapshots)).toHaveLength(2);
    const empty = await ann.gs(await ann.repo('empty'), 'graph');
    expect(empty).toMatchObject({ code: 0, stdout: '' });
  });

  test("C21: no program that the repository's configuration names is run", async () => {
    const s = await scene();
    const { ann, repo } = s;
    await saved(s, await ann.git(repo, 'rev-parse', 'HEAD'), 'a');
    await saved(s, await commit(s, 'x', await ann.git(repo, 'rev-parse', 'HEAD')), 'a');
    await ann.git(repo, 'config', 'log.showSignature', 'true');
    await ann.git(repo, 'config', 'gpg.program', `touch ${ann.dir}/canary;`);
    await ann.ok(repo, 'graph');
    expect((await ann.run('test', ['-e', `${ann.dir}/canary`])).code).toBe(1);
  });

  test('a format that there is not is refused', async () => {
    const { ann, repo } = await scene();
    expect((await ann.gs(repo, 'graph', '--format', 'svg')).code).toBe(129);
    expect((await ann.gs(repo, 'graph', '--format', 'dot', '--json')).code).toBe(129);
  });
});
