import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { canonicalize } from 'json-canonicalize';
import { expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import { forge, plainSnapshot } from '../support/forge.ts';
import { type Person, Person as APerson, person, temporaryFolder } from '../support/harness.ts';

const crq = { id: 'CRQ-1', title: 'One', status: null, path: null };

/** Snapshots of one session, the oldest first. */
async function three(ann: Person, repo: string, name = 'work') {
  const head = await ann.git(repo, 'rev-parse', 'HEAD');
  const made = [];
  for (const n of [1, 2, 3]) {
    const plain = plainSnapshot(head);
    const value = { ...plain, session: { ...plain.session, name }, message: `${n}`, crqs: [crq] };
    made.push(await forge(ann, repo, value, { name, time: `20261121T08000${n}000Z`, parent: head }));
    await ann.ok(repo, 'link', name, `CRQ-1${n}`);
  }
  return made;
}

const refs = async (ann: Person, repo: string) => {
  const out = await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions');
  return out.split('\n').filter((r) => r !== '' && !r.endsWith('/events'));
};

test('F17 delete takes one snapshot or all, says what it was, and import undoes it', async () => {
  const ann = person();
  const repo = await ann.repo();
  const [one, two, last] = await three(ann, repo);
  const first = await ann.gs(repo, 'delete', 'work~1');
  expect(first.stdout).toBe(`Deleted work/${two!.id} (was ${two!.oid.slice(0, 7)})\n`);
  expect((await refs(ann, repo)).filter((r) => r.endsWith('snapshot'))).toEqual([one!.ref, last!.ref]);
  expect(await ann.git(repo, 'log', '-1', '--notes=crq', '--format=%N')).not.toContain(two!.id);
  expect(await ann.git(repo, 'log', '-1', '--notes=crq', '--format=%N')).toContain(
    `CRQ: CRQ-11 work/${one!.id}`,
  );
  const all = await ann.gs(repo, 'rm', 'work');
  expect(all.stdout).toBe(`Deleted session 'work' (2 snapshots, the newest was ${last!.oid.slice(0, 7)})\n`);
  expect(await refs(ann, repo)).toEqual([]);
  expect(await ann.git(repo, 'log', '-1', '--notes=crq', '--format=%N')).toBe('');
  // What the hint says works as it stands.
  const undo = /^hint: to undo: git (.*)$/mu.exec(all.stderr)?.[1] ?? '';
  await ann.git(repo, ...undo.split(' '));
  const again = await ann.git(
    repo,
    'for-each-ref',
    '--format=%(objectname)',
    'refs/sessions/work/*/snapshot',
  );
  expect(again.split('\n')).toEqual([one!.oid, last!.oid]);
  expect(await ann.git(repo, 'log', '-1', '--notes=crq', '--format=%N')).toMatch(/^CRQ: CRQ-1 work\//u);
  // By the blob alone too.
  await ann.ok(repo, 'import', two!.oid);
  expect(await ann.ok(repo, 'export', 'work')).toContain('"message":"2"');
  const gone = await ann.gs(repo, 'delete', 'nope');
  expect([gone.code, gone.stderr.split('\n')[0]]).toEqual([1, "error: no session or snapshot 'nope'"]);
  expect((await ann.gs(repo, 'delete')).code).toBe(129);
});

test('The tombstone is written before a ref goes, and nothing is hidden where they can not go', async () => {
  const ann = person();
  const repo = await ann.repo();
  const made = await three(ann, repo);
  const before = await ann.git(repo, 'for-each-ref', 'refs/sessions', 'refs/notes');
  const lock = path.join(repo, '.git', `${made[1]!.ref}.lock`);
  writeFileSync(lock, '');
  const result = await ann.gs(repo, 'delete', 'work');
  expect(result.code).toBe(128);
  expect(result.stderr).toContain('fatal: a ref is locked');
  expect(await ann.git(repo, 'for-each-ref', 'refs/sessions', 'refs/notes')).toBe(before);
  expect(existsSync(lock)).toBe(true);
});

test('F17 the tombstone hides the session in other clones, also where a plain fetch brings the refs back', async () => {
  const root = temporaryFolder();
  const [ann, bob] = [new APerson('ann', root), new APerson('bob', root)];
  const a = await ann.repo();
  const origin = path.join(root, 'origin.git');
  await ann.git(root, 'clone', '-q', '--bare', a, origin);
  await ann.git(a, 'remote', 'add', 'origin', origin);
  await three(ann, a);
  await ann.ok(a, 'push');
  const b = path.join(bob.dir, 'repo');
  await bob.git(bob.dir, 'clone', '-q', origin, b);
  await bob.git(b, 'fetch', '-q', 'origin', 'refs/sessions/*:refs/sessions/*');
  await bob.ok(b, 'export', 'work');
  await ann.ok(a, 'delete', 'work');
  // Ann's next push takes the tombstone along; the remote's refs are still there.
  await ann.ok(a, 'push');
  await bob.git(b, 'fetch', '-q', 'origin', 'refs/sessions/*:refs/sessions/*');
  expect(await refs(bob, b)).toHaveLength(6);
  expect((await bob.gs(b, 'export', 'work')).code).toBe(1);
  await ann.git(a, 'fetch', '-q', 'origin', 'refs/sessions/*:refs/sessions/*');
  expect((await ann.gs(a, 'export', 'work')).code).toBe(1);
  // Later on, the refs on the remote go too.
  expect(await ann.ok(a, 'delete', '--remote', 'work')).toContain('refs on origin\n');
  const there = await ann.git(origin, 'for-each-ref', '--format=%(refname)', 'refs/sessions');
  expect(there.split('\n').every((r) => r.endsWith('/events'))).toBe(true);
});

test('delete --remote takes what only the remote has; without it a copy is left alone', async () => {
  const root = temporaryFolder();
  const [ann, bob] = [new APerson('ann', root), new APerson('bob', root)];
  const a = await ann.repo();
  const origin = path.join(root, 'origin.git');
  await ann.git(root, 'clone', '-q', '--bare', a, origin);
  await ann.git(a, 'remote', 'add', 'origin', origin);
  await three(ann, a);
  await ann.ok(a, 'push');
  const b = path.join(bob.dir, 'repo');
  await bob.git(bob.dir, 'clone', '-q', origin, b);
  await bob.ok(b, 'fetch');
  const refused = await bob.gs(b, 'delete', 'origin/work');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('hint: to delete it there: git session delete --remote=origin work\n');
  const json = JSON.parse(await bob.ok(b, 'delete', '--json', '--remote=origin', 'work'));
  expect(json.remote.deleted).toHaveLength(6);
  expect(await bob.git(b, 'for-each-ref', '--format=%(refname)', 'refs/remote-sessions')).not.toContain(
    '/snapshot',
  );
  expect((await ann.gs(a, 'fetch')).code).toBe(0);
  // Ann's own are hers.
  await ann.ok(a, 'export', 'work');
});

test('F20 a remote that denies deletion: said, exit 1, and hidden all the same', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(ann.dir, 'clone', '-q', '--bare', repo, 'origin.git');
  await ann.git(repo, 'remote', 'add', 'origin', path.join(ann.dir, 'origin.git'));
  const hook = path.join(ann.dir, 'origin.git/hooks/update');
  mkdirSync(path.dirname(hook), { recursive: true });
  writeFileSync(hook, '#!/bin/sh\ncase $3 in *[!0]*) ;; *) exit 1;; esac\n', { mode: 0o755 });
  await three(ann, repo);
  await ann.ok(repo, 'push');
  const result = await ann.gs(repo, 'delete', '--remote', 'work');
  expect(result.code).toBe(1);
  expect(result.stderr).toContain("error: remote 'origin' rejected refs/sessions/work/");
  expect(result.stderr).toContain(': hook declined');
  await ann.ok(repo, 'fetch');
  expect((await ann.gs(repo, 'export', 'origin/work')).code).toBe(1);
});

test('C5 C7 a foreign ref is deleted by the id of its object, itself and not what it points at', async () => {
  const ann = person();
  const repo = await ann.repo();
  const blob = await ann.git(repo, 'rev-parse', 'HEAD:file.txt');
  const head = await ann.git(repo, 'rev-parse', 'HEAD');
  await ann.git(repo, 'update-ref', 'refs/sessions/$(id)\u202e', blob);
  await ann.git(
    repo,
    'symbolic-ref',
    'refs/sessions/sym/20261121T080000000Z-00000000/snapshot',
    'refs/heads/main',
  );
  for (const name of ['$(id)\u202e', 'refs/sessions/$(id)\u202e', 'sym']) {
    expect((await ann.gs(repo, 'delete', name)).code).toBe(1);
  }
  const deleted = await ann.ok(repo, 'delete', blob.slice(0, 10));
  expect(deleted).toBe(`Deleted refs/sessions/$(id)<U+202E> (was ${blob.slice(0, 7)})\n`);
  await ann.ok(repo, 'delete', head);
  expect(await ann.git(repo, 'for-each-ref', '--format=%(refname)')).toBe('refs/heads/main');
});

test('A crowd: delete of 300 snapshots, in time and in one transaction', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'import', await store(ann, repo, plainSnapshot(null), 300));
  expect(await refs(ann, repo)).toHaveLength(600);
  const started = performance.now();
  await ann.ok(repo, 'delete', 'forged');
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(await refs(ann, repo)).toEqual([]);
  expect(readdirSync(path.join(repo, '.git')).filter((f) => f.endsWith('.lock'))).toEqual([]);
});

/** A bundle with many snapshots, made by plain git. */
async function store(ann: Person, repo: string, value: Snapshot, count: number): Promise<string> {
  const other = await ann.repo('many');
  const stream = Array.from({ length: count }, (_, i) => {
    const bytes = canonicalize({ ...value, message: `${i}` });
    const ref = `refs/sessions/forged/20261121T08010${String(i).padStart(4, '0')}Z-00000000/context`;
    const head = `commit ${ref}\ncommitter A <a@example.org> 1 +0000\ndata 0\n`;
    return `${head}M 100644 inline snapshot.json\ndata ${Buffer.byteLength(bytes)}\n${bytes}\n\n`;
  });
  await ann.run('git', ['fast-import', '--quiet'], { cwd: other, input: stream.join('') });
  const refs = await ann.git(other, 'for-each-ref', '--format=%(refname)', 'refs/sessions');
  const creates = refs
    .split('\n')
    .map((r) => `create ${r.replace(/context$/u, 'snapshot')} ${r}:snapshot.json\n`);
  await ann.run('git', ['update-ref', '--stdin'], { cwd: other, input: creates.join('') });
  const file = path.join(repo, '..', 'many.bundle');
  await ann.ok(other, 'export', '--all', '--format', 'bundle', '-o', file);
  return file;
}
