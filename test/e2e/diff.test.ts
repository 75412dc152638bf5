import { appendFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import { forge, plainSnapshot, typedPane } from '../support/forge.ts';
import { type Person, person } from '../support/harness.ts';

async function scene(): Promise<{ ann: Person; repo: string; head: string }> {
  const ann = person();
  const repo = await ann.repo();
  return { ann, repo, head: await ann.git(repo, 'rev-parse', 'HEAD') };
}

/** The differences in words, without the two lines that name the snapshots. */
async function words(who: Person, repo: string, ...args: string[]): Promise<string[]> {
  const text = await who.ok(repo, 'diff', ...args);
  return text.split('\n').slice(2, -1);
}

describe('git session diff', () => {
  test('R11, R8: two saves of the same are equal; what changed is said in words', async () => {
    const { ann, repo } = await scene();
    writeFileSync(path.join(repo, 'new.txt'), 'new\n');
    appendFileSync(path.join(repo, 'file.txt'), 'two\n');
    await ann.tmux(
      'new-session',
      '-d',
      '-s',
      'work',
      '-x',
      '120',
      '-y',
      '40',
      '-n',
      'main',
      '-c',
      repo,
      'sleep 321',
    );
    await ann.tmux('split-window', '-t', 'work', '-c', repo);
    await ann.waitForCommand('work:0.0', 'sleep');
    await ann.waitForCommand('work:0.1', 'bash');
    await ann.ok(repo, 'save', '-m', 'one');
    await ann.ok(repo, 'save', '-m', 'two');
    const same = await ann.gs(repo, 'diff', 'work', '--exit-code');
    expect(same).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const volatile = JSON.parse(await ann.ok(repo, 'diff', 'work', '--volatile', '--json'));
    for (const field of ['previous', 'savedAt']) {
      expect(volatile.differences).toContainEqual(expect.objectContaining({ path: field, kind: 'changed' }));
    }

    appendFileSync(path.join(repo, 'file.txt'), 'three\n');
    await ann.tmux('rename-window', '-t', 'work:0', 'other');
    await ann.tmux('respawn-pane', '-k', '-t', 'work:0.0', 'sleep 322');
    await ann.tmux('new-window', '-d', '-t', 'work:4', '-n', 'more', '-c', '/tmp');
    await ann.waitForCommand('work:4', 'bash');
    await ann.ok(repo, 'save', '--crq', 'CRQ-7');
    expect((await words(ann, repo, 'work')).toSorted()).toEqual([
      'CRQ-7: linked',
      'pane 0.0: command sleep 321 -> sleep 322',
      'uncommitted work: other files, or other contents',
      "window 0: renamed 'main' -> 'other'",
      "window 4: new, 'more' with 1 pane",
    ]);
    expect((await ann.gs(repo, 'diff', 'work', '--exit-code')).code).toBe(1);
    expect((await ann.gs(repo, 'diff', 'work')).code).toBe(0);
    expect(await ann.gs(repo, 'diff', 'work', '--quiet')).toMatchObject({ code: 1, stdout: '' });
    expect(await ann.gs(repo, 'diff', 'work~2', 'work~1', '-q')).toMatchObject({ code: 0, stdout: '' });
    // One reference to an older one is compared with the newest.
    expect(await words(ann, repo, 'work~2')).toEqual(await words(ann, repo, 'work~2', 'work'));
    expect((await words(ann, repo, 'work', 'work~1'))[0]).toBeDefined();
  });

  test('JSON has both sides and every difference', async () => {
    const { ann, repo, head } = await scene();
    const one = await forge(ann, repo, plainSnapshot(head), { time: '20260101T000000000Z' });
    const s: Snapshot = plainSnapshot(head);
    s.env = { FOO: 'bar' };
    const two = await forge(ann, repo, s, { time: '20260102T000000000Z' });
    expect(JSON.parse(await ann.ok(repo, 'diff', 'forged', '--json'))).toEqual({
      from: { snapshot: `forged/${one.id}`, oid: one.oid, saved_at: s.savedAt, message: null },
      to: { snapshot: `forged/${two.id}`, oid: two.oid, saved_at: s.savedAt, message: null },
      equal: false,
      differences: [{ path: 'env.FOO', kind: 'added', from: null, to: 'bar' }],
    });
    const text = await ann.ok(repo, 'diff', one.oid, two.oid);
    expect(text.split('\n')[0]).toMatch(new RegExp(`^--- forged/${one.id} `, 'u'));
    expect(text.split('\n')[1]).toMatch(new RegExp(`^\\+\\+\\+ forged/${two.id} `, 'u'));
  });

  test('uncommitted work is compared by files, index and untracked files, not by when it was saved', async () => {
    const { ann, repo, head } = await scene();
    const tree = async (text: string) => {
      writeFileSync(path.join(ann.dir, 'content'), text);
      const blob = await ann.git(repo, 'hash-object', '-w', path.join(ann.dir, 'content'));
      const input = `100644 blob ${blob}\tfile.txt\n`;
      return (await ann.run('git', ['mktree'], { cwd: repo, input })).stdout.trim();
    };
    let second = 1_790_000_000;
    const commit = async (content: string, ...parents: string[]) => {
      const date = `${second++} +0000`;
      const args = ['commit-tree', '-m', 'x', await tree(content), ...parents.flatMap((p) => ['-p', p])];
      const env = { GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
      return (await ann.run('git', args, { cwd: repo, env })).stdout.trim();
    };
    const work = async (files: string, index: string, ...untracked: string[]) => {
      const parents = [head, await commit(index, head)];
      for (const u of untracked) parents.push(await commit(u));
      return commit(files, ...parents);
    };
    let day = 10;
    const compare = async (a: string, b: string) => {
      const snapshots = [];
      for (const oid of [a, b]) {
        const s = plainSnapshot(head);
        s.git.work = oid;
        snapshots.push(await forge(ann, repo, s, { time: `202601${day++}T000000000Z` }));
      }
      return words(ann, repo, ...snapshots.map((s) => `forged/${s.id}`));
    };
    const differs = ['uncommitted work: other files, or other contents'];
    const base = await work('files', 'index', 'untracked');
    const again = await work('files', 'index', 'untracked');
    expect(again).not.toBe(base);
    expect(await compare(base, again)).toEqual([]);
    expect(await compare(base, await work('other', 'index', 'untracked'))).toEqual(differs);
    expect(await compare(base, await work('files', 'other', 'untracked'))).toEqual(differs);
    expect(await compare(base, await work('files', 'index', 'other'))).toEqual(differs);
    expect(await compare(base, await work('files', 'index'))).toEqual(differs);
    // One that is not here can't be compared.
    expect(await compare(base, '1'.repeat(40))).toEqual([]);
  });

  test('uncommitted work that is not here can not be compared, and is no error', async () => {
    const { ann, repo, head } = await scene();
    const s = plainSnapshot(head);
    s.git.work = '1'.repeat(40);
    await forge(ann, repo, s, { time: '20260101T000000000Z' });
    await forge(
      ann,
      repo,
      { ...s, git: { ...s.git, work: '2'.repeat(40) } },
      { time: '20260102T000000000Z' },
    );
    await forge(ann, repo, plainSnapshot(head), { time: '20260103T000000000Z' });
    expect(await words(ann, repo, 'forged~2', 'forged~1')).toEqual([]);
    expect(await words(ann, repo, 'forged')).toEqual(['uncommitted work: there is none any more']);
  });

  test('an exported file can be compared, and other repositories formats too', async () => {
    const { ann, repo, head } = await scene();
    await forge(ann, repo, plainSnapshot(head));
    const s = plainSnapshot(head);
    s.tmux.windows[0]!.panes = [typedPane(['vim'])];
    const file = path.join(ann.dir, 'x.session.json');
    writeFileSync(file, JSON.stringify(s, null, 2));
    expect(await words(ann, repo, 'forged', file)).toEqual(['pane 0.0: command a shell -> vim']);
    expect((await ann.gs(repo, 'diff', file)).code).toBe(1);
    const sha256 = await ann.repo('sha256', '--object-format=sha256');
    const other = await ann.git(sha256, 'rev-parse', 'HEAD');
    await forge(ann, sha256, plainSnapshot(other));
    expect((await ann.gs(sha256, 'diff', 'forged', file, '--exit-code')).code).toBe(1);
  });

  test('what is missing is said', async () => {
    const { ann, repo, head } = await scene();
    expect((await ann.gs(repo, 'diff')).code).toBe(129);
    await forge(ann, repo, plainSnapshot(head));
    const single = await ann.gs(repo, 'diff', 'forged', '--json');
    expect(single.code).toBe(1);
    expect(JSON.parse(single.stdout)).toMatchObject({ error: { code: 'not-found' } });
    expect((await ann.gs(repo, 'diff', 'forged', 'nobody', '--exit-code')).code).toBe(1);
  });

  test('B1: what differs is shown escaped', async () => {
    const { ann, repo, head } = await scene();
    await forge(ann, repo, plainSnapshot(head), { time: '20260101T000000000Z' });
    const x = '\u001b]0;x\u0007\u202e';
    const s = plainSnapshot(head);
    Object.assign(s, { message: x, env: { A: x }, savedBy: { name: x, email: x } });
    s.crqs = [{ id: 'CRQ-1', title: x, status: x, path: x }];
    Object.assign(s.git, { branch: x, remotes: [{ name: x, url: x }] });
    s.tmux.windows[0] = {
      ...s.tmux.windows[0]!,
      name: x,
      panes: [typedPane([x, x], { title: x, cwd: { in: 'root', path: x } })],
    };
    await forge(ann, repo, s, { time: '20260102T000000000Z' });
    for (const args of [
      ['diff', 'forged'],
      ['diff', 'forged', '--json'],
      ['diff', 'forged', 'forged~1'],
    ]) {
      expect(await ann.ok(repo, ...args)).not.toMatch(/[\p{Cf}\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
    }
  });
});
