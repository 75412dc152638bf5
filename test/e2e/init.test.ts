import { rmSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { forge, plainSnapshot } from '../support/forge.ts';
import { type Person, person } from '../support/harness.ts';

async function withRemote(ann: Person): Promise<string> {
  const repo = await ann.repo();
  await ann.git(ann.dir, 'init', '-q', '--bare', 'origin.git');
  await ann.git(repo, 'remote', 'add', 'origin', path.join(ann.dir, 'origin.git'));
  await ann.git(repo, 'push', '-q', 'origin', 'main');
  return repo;
}

test('V14 uninit takes away exactly what init has added', async () => {
  const ann = person();
  const repo = await withRemote(ann);
  // What the user has stays, also where it is the same that init would add.
  await ann.git(repo, 'config', '--add', 'remote.origin.fetch', '+refs/tags/x*:refs/tags/x*');
  await ann.git(repo, 'config', 'notes.displayRef', 'refs/notes/*');
  await ann.git(repo, 'config', 'notes.rewriteRef', 'refs/notes/commits');
  const before = await ann.git(repo, 'config', '--local', '-l');
  const added = await ann.ok(repo, 'init');
  expect(added).toContain('Added remote.origin.fetch = +refs/sessions/*:refs/remote-sessions/origin/*');
  const during = await ann.git(repo, 'config', '--local', '-l');
  expect(during).toContain('notes.crq.mergestrategy=cat_sort_uniq');
  expect(during).not.toContain('notes.displayref=refs/notes/crq');
  // The mode would count for the user's own notes too.
  expect(during).not.toContain('notes.rewritemode');
  expect(await ann.ok(repo, 'setup')).toBe('');
  expect(await ann.git(repo, 'config', '--local', '-l')).toBe(during);
  await ann.ok(repo, 'uninit');
  expect(await ann.git(repo, 'config', '--local', '-l')).toBe(before);
  expect(await ann.ok(repo, 'uninit')).toBe('');
});

test('V14 a value that the user adds once more survives uninit', async () => {
  const ann = person();
  const repo = await withRemote(ann);
  await ann.ok(repo, 'init', 'origin');
  const own = '+refs/sessions/*:refs/remote-sessions/origin/*';
  await ann.git(repo, 'config', '--add', 'remote.origin.fetch', own);
  await ann.git(repo, 'config', '--unset', 'notes.rewriteMode');
  await ann.ok(repo, 'uninit');
  const after = await ann.git(repo, 'config', '--get-all', 'remote.origin.fetch');
  expect(after.split('\n')).toEqual(['+refs/heads/*:refs/remotes/origin/*', own]);
});

test('H1 plain git fetch, log and amend work without a warning, whether there are notes or not', async () => {
  const ann = person();
  const repo = await withRemote(ann);
  await ann.ok(repo, 'init');
  const quiet = async (...args: string[]) => {
    const result = await ann.run('git', args, { cwd: repo });
    expect(`${result.code} ${result.stderr}`).toBe('0 ');
    return result.stdout;
  };
  await quiet('fetch', '--quiet');
  await quiet('fetch', '--quiet', '--prune');
  await quiet('log', '-1');
  await quiet('commit', '-q', '--amend', '-m', 'amended');
  const head = await ann.git(repo, 'rev-parse', 'HEAD');
  await forge(ann, repo, plainSnapshot(head));
  await ann.ok(repo, 'link', 'forged', 'CRQ-7');
  expect(await quiet('log', '-1')).toContain('CRQ: CRQ-7 forged/');
  // A rewritten commit keeps its notes.
  await quiet('commit', '-q', '--amend', '-m', 'again');
  expect(await quiet('log', '-1')).toContain('CRQ: CRQ-7 forged/');
  await ann.ok(repo, 'push');
  await ann.git(repo, 'update-ref', '-d', 'refs/notes/crq');
  await quiet('fetch', '--quiet');
  const fetched = await ann.git(
    repo,
    'for-each-ref',
    '--format=%(refname)',
    'refs/notes',
    'refs/remote-sessions',
  );
  expect(fetched.split('\n').map((r) => r.replace(/\/20[^/]*/u, ''))).toEqual([
    'refs/notes/remotes/origin/crq',
    ...['context', 'snapshot', 'events'].map((kind) => `refs/remote-sessions/origin/forged/${kind}`),
  ]);
});

test('C8 a plain fetch --prune after init removes copies of the remote, never a local session', async () => {
  const ann = person();
  const repo = await withRemote(ann);
  await ann.ok(repo, 'init');
  await forge(ann, repo, plainSnapshot(null));
  await ann.ok(repo, 'push');
  const local = await ann.git(repo, 'for-each-ref', 'refs/sessions', 'refs/notes/crq');
  expect(await ann.git(repo, 'for-each-ref', 'refs/remote-sessions')).not.toBe('');
  rmSync(path.join(ann.dir, 'origin.git'), { recursive: true });
  await ann.git(ann.dir, 'init', '-q', '--bare', 'origin.git');
  await ann.git(repo, 'config', 'fetch.prune', 'true');
  await ann.git(repo, 'fetch');
  expect(await ann.git(repo, 'for-each-ref', 'refs/remote-sessions')).toBe('');
  expect(await ann.git(repo, 'for-each-ref', 'refs/sessions', 'refs/notes/crq')).toBe(local);
});

test('H1 several remotes, linked worktrees, remotes that are named, and no remote at all', async () => {
  const ann = person();
  const repo = await ann.repo();
  const none = await ann.gs(repo, 'init');
  expect(none.code).toBe(0);
  expect(none.stderr).toContain('hint: there is no remote yet');
  await ann.git(repo, 'remote', 'add', 'one', '/nowhere');
  await ann.git(repo, 'remote', 'add', 'team-two', '/nowhere');
  await ann.git(repo, 'worktree', 'add', '-q', '../linked');
  await ann.ok(path.join(ann.dir, 'linked'), 'init', 'team-two');
  expect(await ann.git(repo, 'config', '--get-all', 'remote.team-two.fetch')).toContain(
    '+refs/sessions/*:refs/remote-sessions/team-two/*',
  );
  expect(await ann.git(repo, 'config', '--get-all', 'remote.one.fetch')).not.toContain('sessions');
  const { remotes } = JSON.parse(await ann.ok(repo, 'init', '--json'));
  expect(remotes).toEqual(['one', 'team-two']);
  const wrong = await ann.gs(repo, 'init', 'nope');
  expect(wrong.code).toBe(129);
  expect(wrong.stderr).toBe("error: there is no remote 'nope'\nhint: there is one, team-two\n");
});
