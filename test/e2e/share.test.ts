import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { Person, temporaryFolder } from '../support/harness.ts';
import { refs, save, world } from '../support/two-clones.ts';

test('K5 F21 the plain lines work as written, twice with saves between, from two clones of one session name', async () => {
  const { ann, bob, origin, a, b } = await world();
  for (const round of [1, 2, 3]) {
    await save(ann, a, round);
    await save(bob, b, 30 + round);
    await ann.ok(a, 'link', 'work', `CRQ-${round}`);
    for (const [who, repo] of [
      [ann, a],
      [bob, b],
    ] as const) {
      await who.git(repo, 'push', 'origin', 'refs/sessions/*');
      await who.git(repo, 'fetch', 'origin', 'refs/sessions/*:refs/sessions/*');
    }
    await ann.git(a, 'push', 'origin', 'refs/sessions/*', 'refs/notes/crq');
    await ann.git(a, 'fetch', 'origin', 'refs/sessions/*:refs/sessions/*');
  }
  const all = await refs(ann, origin);
  expect(all.filter((r) => r.endsWith('/snapshot'))).toHaveLength(6);
  expect(await refs(ann, a)).toEqual(all);
  await bob.git(b, 'fetch', 'origin', 'refs/sessions/*:refs/sessions/*');
  expect(await refs(bob, b)).toEqual(all);
});

test.each(['bash', 'sh'])('K5 %s takes the line without quotes', async (shell) => {
  const { ann, a } = await world();
  await save(ann, a, 1);
  for (const round of [1, 2]) {
    const result = await ann.run(shell, ['-c', 'git push origin refs/sessions/*'], { cwd: a });
    expect(`${round} ${result.code}`).toBe(`${round} 0`);
    await save(ann, a, 1 + round);
  }
});

test('H1 H3 push, fetch, take over: who saved is kept, and nothing of the other clone is restored silently', async () => {
  const { ann, bob, a, b } = await world();
  const id = await save(ann, a, 1);
  expect(await ann.ok(a, 'push')).toBe('Pushed work (1 snapshot) to origin\n');
  const again = await ann.gs(a, 'push');
  expect([again.code, again.stdout, again.stderr]).toEqual([0, '', 'everything is up to date\n']);
  expect(await bob.ok(b, 'fetch')).toBe(`origin/work/${id}\n`);
  expect((await bob.gs(b, 'fetch')).stderr).toBe('no new sessions\n');
  expect(await refs(bob, b)).toEqual([]);
  const exported = JSON.parse(await bob.ok(b, 'export', 'origin/work'));
  expect(exported.savedBy.name).toBe('Mallory');
  expect(await bob.ok(b, 'import', 'origin/work')).toBe(`Imported work/${id}\n`);
  expect(await refs(bob, b)).toEqual([
    `refs/sessions/work/${id}/context`,
    `refs/sessions/work/${id}/snapshot`,
  ]);
});

test('H1 one session goes alone, a dry run changes nothing, and there may be nothing to push', async () => {
  const { ann, origin, a } = await world();
  const empty = await ann.gs(a, 'push');
  expect([empty.code, empty.stdout]).toEqual([0, '']);
  expect(empty.stderr).toBe('nothing to push: there are no sessions and no CRQ notes\n');
  await save(ann, a, 1, 'one');
  await save(ann, a, 2, 'one/two');
  expect(await ann.ok(a, 'push', '--dry-run')).toContain('Would push one (1 snapshot) to origin');
  expect(await refs(ann, origin)).toEqual([]);
  await ann.ok(a, 'push', 'origin', 'one');
  expect((await refs(ann, origin)).every((r) => r.startsWith('refs/sessions/one/2'))).toBe(true);
  const wrong = await ann.gs(a, 'push', 'one');
  expect(wrong.code).toBe(129);
  expect(wrong.stderr).toContain('hint: to push the session of that name: git session push origin one\n');
  const unknown = await ann.gs(a, 'push', 'origin', 'nope');
  expect(unknown.code).toBe(1);
});

test('H1 the remote is the one that git would choose', async () => {
  const { ann, origin, a } = await world();
  await save(ann, a, 1);
  const where = async (...args: string[]) => JSON.parse(await ann.ok(a, 'push', '--json', ...args)).remote;
  for (const name of ['up', 'third']) await ann.git(a, 'remote', 'add', name, origin);
  expect(await where()).toBe('origin');
  await ann.git(a, 'config', 'remote.pushDefault', 'up');
  expect(await where()).toBe('up');
  await ann.git(a, 'config', 'branch.main.pushRemote', 'third');
  expect(await where()).toBe('third');
  expect(JSON.parse(await ann.ok(a, 'fetch', '--json')).remotes[0].remote).toBe('origin');
  await ann.git(a, 'remote', 'rename', 'origin', 'first');
  await ann.git(a, 'checkout', '-q', '-b', 'other');
  await ann.git(a, 'config', '--unset', 'remote.pushDefault');
  const several = await ann.gs(a, 'push');
  expect(several.code).toBe(128);
  expect(several.stderr).toContain('fatal: there are several remotes, and none is the default');
  const none = await ann.gs(await ann.repo('alone'), 'push');
  expect(none.stderr).toBe('fatal: there is no remote\nhint: add one: git remote add origin <url>\n');
});

test('F24 notes that somebody else pushed first are merged and pushed again; both links stay', async () => {
  const { ann, bob, a, b } = await world();
  await save(ann, a, 1);
  await ann.ok(a, 'link', 'work', 'CRQ-1');
  await ann.ok(a, 'push');
  await bob.ok(b, 'fetch');
  await bob.ok(b, 'link', 'origin/work', 'CRQ-2');
  await ann.ok(a, 'link', 'work', 'CRQ-3');
  await ann.ok(a, 'push');
  expect(await bob.ok(b, 'push')).toContain('Pushed the CRQ notes, joined with those of origin\n');
  await ann.ok(a, 'sync');
  const log = await ann.git(a, 'log', '-1', '--notes=crq', '--format=%N');
  expect(log.match(/CRQ: CRQ-\d work\//gu)).toHaveLength(3);
  expect(await ann.git(a, 'rev-parse', 'refs/notes/crq')).toBe(
    await bob.git(b, 'rev-parse', 'refs/notes/crq'),
  );
});

test('F24 a race that is lost while pushing is run again', async () => {
  const { ann, bob, origin, a, b } = await world();
  await save(ann, a, 1);
  await ann.ok(a, 'link', 'work', 'CRQ-1');
  await ann.ok(a, 'push');
  await bob.ok(b, 'fetch');
  await bob.ok(b, 'link', 'origin/work', 'CRQ-2');
  await ann.ok(a, 'link', 'work', 'CRQ-3');
  // While Ann pushes for the first time, Bob's notes come in.
  const flag = path.join(ann.dir, 'once');
  const prePush = `[ -e ${flag} ] || { touch ${flag}; env -u GIT_DIR git --git-dir=${b}/.git push -q ${origin} refs/notes/crq; }`;
  writeFileSync(path.join(a, '.git/hooks/pre-push'), `#!/bin/sh\n${prePush}\n`, { mode: 0o755 });
  await ann.ok(a, 'push');
  expect(existsSync(flag)).toBe(true);
  const log = await ann.git(origin, 'notes', '--ref=crq', 'show', await ann.git(a, 'rev-parse', 'HEAD'));
  expect(log.match(/^CRQ: CRQ-[123] /gmu)).toHaveLength(3);
});

test('F24 four clones push links at once, none is lost', async () => {
  const { ann, bob, origin, a } = await world();
  await save(ann, a, 1);
  await ann.ok(a, 'push');
  const clones = await Promise.all(
    [1, 2, 3, 4].map(async (n) => {
      const clone = path.join(bob.dir, `clone${n}`);
      await bob.git(bob.dir, 'clone', '-q', origin, clone);
      await bob.ok(clone, 'fetch');
      await bob.ok(clone, 'link', 'origin/work', `CRQ-${n}`);
      return clone;
    }),
  );
  const results = await Promise.all(clones.map((clone) => bob.gs(clone, 'push')));
  expect(results.map((r) => `${r.code} ${r.stderr}`)).toEqual(results.map(() => '0 '));
  const log = await ann.git(origin, 'notes', '--ref=crq', 'show', await ann.git(a, 'rev-parse', 'HEAD'));
  expect(log.match(/^CRQ: CRQ-\d /gmu)).toHaveLength(4);
});

test('H1 SHA-256 repositories and bare clones share as others do', async () => {
  const root = temporaryFolder();
  const ann = new Person('ann', root);
  const origin = path.join(root, 'o.git');
  await ann.git(root, 'init', '-q', '--bare', '--object-format=sha256', origin);
  const a = await ann.repo('repo', '--object-format=sha256');
  await ann.git(a, 'remote', 'add', 'origin', origin);
  await ann.git(a, 'push', '-q', 'origin', 'main');
  const id = await save(ann, a, 1);
  await ann.ok(a, 'push');
  const bare = path.join(root, 'bare.git');
  await ann.git(root, 'clone', '-q', '--bare', origin, bare);
  expect(await ann.ok(bare, 'fetch')).toBe(`origin/work/${id}\n`);
});
