import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person, waitFor } from '../support/harness.ts';

const records = (repo: string) => readdirSync(path.join(repo, '.git/git-session/live'));
const option = (ann: Person, name: string, what: string) =>
  ann.tmux('display-message', '-p', '-t', `=${name}:`, `#{${what}}`);

describe('adopt', () => {
  test('N7 V12 gives a tmux session a record and its options, once', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'mine', '-c', repo);
    const args = ['adopt', '--json', '--id', 'the/thing', '--context', 'task', '--meta', 'a=b', 'mine'];
    const record = JSON.parse(await ann.ok(repo, ...args)) as Record<string, unknown>;
    expect(record).toMatchObject({
      ...{ name: 'mine', kind: 'adopt', identifier: 'the/thing', context: 'task', metadata: { a: 'b' } },
      ...{ working_dir: repo, branch: 'main', adopted: true },
    });
    expect(await option(ann, 'mine', '@git-session-id')).toBe(record['id']);
    expect(await option(ann, 'mine', '@git-session-identifier')).toBe('the/thing');
    expect(await option(ann, 'mine', '@git-session-state')).toBe('running');
    expect(await option(ann, 'mine', '@git-session-adopting')).toBe('');
    expect(await ann.ok(repo, 'adopt', 'mine')).toBe('mine has a record already\n');
    expect(records(repo)).toEqual([record['id']]);
    expect(await ann.ok(repo, 'exec', 'the/thing', 'pwd')).toBe(`${repo}\n`);
  });

  test('N7 a saved session keeps its id; --all takes what is new and works here; two at once make one record', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'saved', '-c', repo);
    await ann.tmux('new-session', '-d', '-s', 'odd ##(touch x)', '-c', repo);
    await ann.git(repo, 'worktree', 'add', '-q', '../linked');
    await ann.tmux('new-session', '-d', '-s', 'linked', '-c', path.join(ann.dir, 'linked'));
    await ann.tmux('new-session', '-d', '-s', 'moved', '-c', '/', '-n', 'x', `cd ${repo}; exec cat`);
    await waitFor(async () => (await option(ann, 'moved', 'pane_current_path')) === repo, 'the pane to move');
    await ann.tmux('new-session', '-d', '-s', 'elsewhere', '-c', '/');
    // A repository within this one is another one.
    const inner = await ann.repo('repo/inner');
    await ann.tmux('new-session', '-d', '-s', 'inner', '-c', inner);
    await ann.ok(inner, 'create', '-c', repo, 'theirs');
    await ann.ok(repo, 'create', 'made');
    await ann.ok(repo, 'save', '-t', 'saved');
    const id = await option(ann, 'saved', '@git-session-id');
    const answers = await Promise.all([ann.gs(repo, 'adopt', '--all'), ann.gs(repo, 'adopt', '--all')]);
    expect(answers.map((a) => a.code)).toEqual([0, 0]);
    expect(records(repo).length).toBe(4);
    const adopted = [];
    for (const name of ['odd #(touch x)', 'linked', 'moved', 'made', 'elsewhere', 'inner', 'saved', 'theirs'])
      if (records(repo).includes(await option(ann, name, '@git-session-id'))) adopted.push(name);
    expect(adopted).toEqual(['odd #(touch x)', 'linked', 'moved', 'made']);
    expect(await ann.ok(repo, 'adopt', '--all', '--json')).toBe('[]\n');
    // By name, the saved one and one that works elsewhere too.
    await ann.ok(repo, 'adopt', 'saved');
    await ann.ok(repo, 'adopt', 'elsewhere');
    expect(records(repo)).toContain(id);
    expect(records(repo).length).toBe(6);
  });

  test('N7 one that is bound to a session of another repository is refused', async () => {
    const ann = person();
    const [repo, other] = [await ann.repo(), await ann.repo('other')];
    await ann.ok(other, 'create', 'theirs');
    const id = await option(ann, 'theirs', '@git-session-id');
    const refused = await ann.gs(repo, 'adopt', 'theirs');
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toContain("tmux session 'theirs' belongs to another repository");
    expect(existsSync(path.join(repo, '.git/git-session/live'))).toBe(false);
    expect([await option(ann, 'theirs', '@git-session-id'), ...records(other)]).toEqual([id, id]);
  });

  test('N7 without a name it is the session that it runs in; a part of a name is none', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', 'mine', '-c', repo);
    expect((await ann.gs(repo, 'adopt')).code).toBe(128);
    expect((await ann.gs(repo, 'adopt', 'min')).stderr).toContain("did you mean 'mine'?");
    await ann.tmux('set-environment', '-g', 'PATH', ann.env['PATH']!);
    await ann.tmux('new-window', '-t', '=mine:', '-c', repo, 'git session adopt');
    await waitFor(async () => (await option(ann, 'mine', '@git-session-id')) !== '', 'the adoption');
    await waitFor(() => records(repo).length === 1, 'the record');
  });
});
