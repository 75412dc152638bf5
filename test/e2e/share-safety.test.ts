import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createServer } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { canary, forge, plainPane, plainSnapshot, plainWindow } from '../support/forge.ts';
import { hook, refs, save, world } from '../support/two-clones.ts';

test('C1 C3 only names of configured remotes are taken, no URL and no option', async () => {
  const { ann, a } = await world();
  await save(ann, a, 1);
  const file = canary(ann);
  await ann.git(a, 'config', 'protocol.ext.allow', 'always');
  await ann.git(a, 'config', 'remote.-x.url', `ext::sh -c "touch ${file}"`);
  const words = [
    `--upload-pack=touch ${file}`,
    `--receive-pack=touch ${file}`,
    `ext::sh -c "touch ${file}"`,
    '-x',
    '.',
  ];
  for (const verb of ['push', 'fetch', 'sync', 'init']) {
    for (const word of words) {
      for (const args of [[word], ['--', word]]) {
        const result = await ann.gs(a, verb, ...args);
        expect(`${verb} ${args.join(' ')}: ${result.code}`).toBe(`${verb} ${args.join(' ')}: 129`);
      }
    }
  }
  const removal = await ann.gs(a, 'delete', `--remote=ext::sh -c "touch ${file}"`, 'work');
  expect(removal.code).toBe(129);
  expect(await refs(ann, a)).toHaveLength(2);
  expect(existsSync(file)).toBe(false);
});

test('C8 the own fetch goes to its own place, whatever the configuration says, and prunes only when asked', async () => {
  const { ann, bob, origin, a, b } = await world();
  await save(bob, b, 1, 'theirs');
  await bob.ok(b, 'push');
  await save(ann, a, 2, 'mine');
  await ann.git(a, 'config', 'fetch.prune', 'true');
  await ann.git(a, 'config', 'remote.origin.prune', 'true');
  await ann.git(a, 'config', '--add', 'remote.origin.fetch', '+refs/*:refs/*');
  const mine = await refs(ann, a);
  await ann.ok(a, 'fetch');
  const copies = await refs(ann, a, 'refs/remote-sessions');
  expect(copies).toHaveLength(2);
  for (const ref of await refs(bob, origin)) await bob.git(origin, 'update-ref', '-d', ref);
  await ann.ok(a, 'fetch');
  expect(await refs(ann, a, 'refs/remote-sessions')).toEqual(copies);
  const pruned = await ann.gs(a, 'fetch', '--prune');
  expect(pruned.stderr).toMatch(/^gone: origin\/theirs\//u);
  expect(await refs(ann, a, 'refs/remote-sessions')).toEqual([]);
  expect(await refs(ann, a)).toEqual(mine);
});

test('C5 refs of others outside the grammar and symbolic ones are never pushed, and listed escaped', async () => {
  const { ann, origin, a } = await world();
  await save(ann, a, 1);
  const blob = await ann.git(a, 'rev-parse', 'HEAD:file.txt');
  for (const name of ['$(id)', '-x', 'a\u202eb', 'work/notanid/snapshot']) {
    await ann.git(a, 'update-ref', `refs/sessions/${name}`, blob);
  }
  await ann.git(a, 'symbolic-ref', 'refs/sessions/sym', 'refs/heads/main');
  await ann.ok(a, 'push');
  expect(await refs(ann, origin)).toHaveLength(2);
  // An unfinished save is none.
  await ann.git(a, 'update-ref', 'refs/sessions/work/20261121T090000000Z-00000000/context', 'HEAD');
  await ann.ok(a, 'push');
  expect(await refs(ann, origin)).toHaveLength(2);
});

test('C14 a forged tree with .git in it is refused by fetch', async () => {
  const { ann, bob, a, b } = await world();
  const blob = await bob.git(b, 'rev-parse', 'HEAD:file.txt');
  const made = await bob.run('git', ['mktree'], { cwd: b, input: `100644 blob ${blob}\t.git\n` });
  const commit = await bob.git(b, 'commit-tree', made.stdout.trim(), '-m', 'evil');
  await bob.git(
    b,
    'push',
    '-q',
    'origin',
    `${commit}:refs/sessions/evil/20261121T090000000Z-00000000/context`,
  );
  const result = await ann.gs(a, 'fetch');
  expect(result.code).toBe(128);
  expect(result.stderr).toContain('hasDotgit');
  expect(await refs(ann, a, 'refs/remote-sessions')).toEqual([]);
});

test('F20 a hook rejects one session: it is named with the reason, the others are pushed, nothing local changes', async () => {
  const { ann, origin, a } = await world();
  for (const [n, name] of ['bad', 'good', 'other'].entries()) await save(ann, a, n + 1, name);
  await ann.ok(a, 'link', 'good', 'CRQ-1');
  const before = await ann.git(a, 'for-each-ref');
  hook(origin, 'pre-receive', 'echo "no bad names" >&2; ! grep -q refs/sessions/bad/');
  const result = await ann.gs(a, 'push');
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(
    "error: remote 'origin' rejected session 'bad': pre-receive hook declined\n",
  );
  expect(result.stderr).toContain('remote: no bad names\n');
  expect(result.stderr).not.toMatch(/rejected session '(?:good|other)'/u);
  expect(result.stdout).toContain('Pushed good (1 snapshot) to origin\n');
  const there = await refs(ann, origin, 'refs');
  expect(there.filter((r) => r.includes('/bad/'))).toEqual([]);
  expect(there.filter((r) => r.endsWith('/snapshot'))).toHaveLength(2);
  expect(there).toContain('refs/notes/crq');
  expect(await ann.git(a, 'for-each-ref')).toBe(before);
  const json = await ann.gs(a, 'push', '--json');
  const document = JSON.parse(json.stdout) as {
    ok: boolean;
    error: { code: string; data: { snapshots: { name: string; status: string }[] } };
  };
  expect([json.code, document.ok, document.error.code]).toEqual([1, false, 'rejected']);
  expect(document.error.data.snapshots.find((s) => s.name === 'bad')?.status).toBe('rejected');
  // The update hook speaks for each ref.
  hook(origin, 'pre-receive', 'exit 0');
  hook(origin, 'update', 'case $1 in refs/sessions/bad/*) exit 1;; esac');
  const update = await ann.gs(a, 'push');
  expect(update.stderr).toContain("error: remote 'origin' rejected session 'bad': hook declined\n");
});

test('F23 a remote that can not be reached: git says why, nothing changes; with --all the others are fetched', async () => {
  const { ann, bob, a, b } = await world();
  await save(bob, b, 1);
  await bob.ok(b, 'push');
  await ann.git(a, 'remote', 'add', 'gone', path.join(ann.dir, 'nowhere.git'));
  const before = await ann.git(a, 'for-each-ref');
  for (const verb of ['push', 'fetch', 'sync']) {
    await save(ann, a, 3, 'x').catch(() => undefined);
    const result = await ann.gs(a, verb, 'gone');
    expect([verb, result.code]).toEqual([verb, 128]);
    expect(result.stderr).toContain('does not appear to be a git repository');
  }
  expect(await ann.git(a, 'for-each-ref', 'refs/heads', 'refs/remote-sessions')).toBe(
    before
      .split('\n')
      .filter((l) => l.includes('refs/heads'))
      .join('\n'),
  );
  const all = await ann.gs(a, 'fetch', '--all');
  expect(all.code).toBe(1);
  expect(all.stdout).toMatch(/^origin\/work\//u);
  expect(all.stderr).toContain("error: cannot fetch from 'gone'");
});

test("F25 pushing from a shallow clone is refused in git's words, and nothing is half-made", async () => {
  const { ann, bob, origin, a } = await world();
  writeFileSync(path.join(a, 'file.txt'), 'two\n');
  await ann.git(a, 'commit', '-qam', 'second');
  await ann.git(a, 'push', '-q', 'origin', 'main');
  const shallow = path.join(bob.dir, 'shallow');
  await bob.git(bob.dir, 'clone', '-q', '--depth=1', `file://${origin}`, shallow);
  await save(bob, shallow, 1);
  // To where the base is known it goes.
  await bob.ok(shallow, 'push');
  await ann.ok(a, 'fetch');
  const empty = path.join(bob.dir, 'empty.git');
  await bob.git(bob.dir, 'init', '-q', '--bare', empty);
  await bob.git(shallow, 'remote', 'add', 'empty', empty);
  const result = await bob.gs(shallow, 'push', 'empty');
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(
    "error: remote 'empty' rejected session 'work': shallow update not allowed",
  );
});

test('E6 a snapshot with what looks like a secret is held back, by name and without the secret; the others go', async () => {
  const { ann, origin, a } = await world();
  const token = `ghp_${'a1B2c3D4e5F6'.repeat(3)}`;
  const pane = plainPane({ title: `token ${token}` });
  const value = {
    ...plainSnapshot(null),
    tmux: { ...plainSnapshot(null).tmux, windows: [plainWindow({ panes: [pane] })] },
  };
  const { id } = await forge(ann, a, value, { name: 'leaky' });
  const scrollback = { path: 'scrollback/0.0', lines: 1, bytes: 50, truncated: false };
  const text = {
    ...value,
    tmux: { ...value.tmux, windows: [plainWindow({ panes: [plainPane({ scrollback })] })] },
  };
  await forge(ann, a, text, { name: 'text', files: { 'scrollback/0.0': Buffer.from(`$ echo\n${token}\n`) } });
  await save(ann, a, 3, 'clean');
  const result = await ann.gs(a, 'push');
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(`'leaky/${id}' was not pushed: it holds what looks like a secret (`);
  expect(result.stderr).toContain('in the scrollback of pane 0.0');
  expect(result.stderr).not.toContain(token);
  expect((await refs(ann, origin)).map((r) => r.split('/')[2])).toEqual(['clean', 'clean']);
  await ann.ok(a, 'push', '--allow-secrets');
  expect(await refs(ann, origin)).toHaveLength(6);
});

test('H1 what was deleted on the remote does not come back with a push', async () => {
  const { ann, bob, origin, a, b } = await world();
  await save(ann, a, 1);
  await ann.ok(a, 'push');
  await bob.ok(b, 'fetch');
  await bob.ok(b, 'import', 'origin/work');
  await ann.ok(a, 'delete', '--remote', 'work');
  expect((await refs(ann, origin)).map((r) => r.split('/').at(-1))).toEqual(['events']);
  const synced = await bob.gs(b, 'sync');
  expect(synced.code).toBe(0);
  expect(synced.stderr).toContain("is not pushed: it was deleted on 'origin'");
  expect((await refs(ann, origin)).map((r) => r.split('/').at(-1))).toEqual(['events']);
});

test('H1 a mirror remote gets the sessions and nothing else of this clone', async () => {
  const { ann, origin, a } = await world();
  await save(ann, a, 1);
  await ann.git(a, 'config', 'remote.origin.mirror', 'true');
  await ann.git(a, 'branch', 'private');
  await ann.git(a, 'tag', '-a', '-m', 'x', 'v1');
  await ann.git(a, 'config', 'push.followTags', 'true');
  await ann.ok(a, 'push');
  expect((await refs(ann, origin, 'refs')).filter((r) => !r.startsWith('refs/sessions'))).toEqual([
    'refs/heads/main',
  ]);
});

test('F22 --atomic: one rejected session, and nothing is pushed; with notes that were behind all of it is', async () => {
  const { ann, bob, origin, a, b } = await world();
  await save(ann, a, 1);
  await ann.ok(a, 'link', 'work', 'CRQ-1');
  await ann.ok(a, 'push');
  await bob.ok(b, 'fetch');
  await bob.ok(b, 'link', 'origin/work', 'CRQ-2');
  await save(bob, b, 2, 'good');
  await save(bob, b, 3, 'bad');
  await ann.ok(a, 'link', 'work', 'CRQ-3');
  await ann.ok(a, 'push');
  hook(origin, 'update', 'case $1 in refs/sessions/bad/*) exit 1;; esac');
  const before = await ann.git(origin, 'for-each-ref');
  const refused = await bob.gs(b, 'push', '--atomic');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("error: remote 'origin' rejected session 'bad': hook declined");
  expect(await ann.git(origin, 'for-each-ref')).toBe(before);
  hook(origin, 'update', 'exit 0');
  await bob.ok(b, 'push', '--atomic');
  expect(await refs(bob, origin)).toEqual(expect.arrayContaining(await refs(bob, b)));
  expect(await ann.git(origin, 'notes', '--ref=crq', 'show', 'main')).toMatch(/CRQ-1[^]*CRQ-2[^]*CRQ-3/u);
});

test('H4 F23 without a terminal a remote that wants a password is an error at once', async () => {
  const { ann, a } = await world();
  const server = createServer((_, response) => {
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="x"' }).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve());
  });
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  await ann.git(a, 'remote', 'add', 'web', `http://127.0.0.1:${port}/x.git`);
  await save(ann, a, 1);
  for (const verb of ['fetch', 'push']) {
    const result = await ann.gs(a, verb, 'web');
    expect(result.code).toBe(128);
    expect(result.stderr).toContain('could not read Username');
  }
});
