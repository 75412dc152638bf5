import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { person, type Person } from '../support/harness.ts';
import { fsck, gitBytes } from '../support/store.ts';
import { refs, world } from '../support/two-clones.ts';

const CANARY = ['canary', 'of', 'the', 'file'].join('-');
const MESSAGE = ['canary', 'of', 'the', 'message'].join('-');

/** The contents of every object that is there, reachable or not. */
async function everything(who: Person, repo: string): Promise<string> {
  return (await gitBytes(who, repo, ['cat-file', '--batch', '--batch-all-objects'])).toString('latin1');
}

/** A session in tmux, and a file that is no part of the repository yet. */
async function working(who: Person, repo: string): Promise<void> {
  writeFileSync(path.join(repo, 'leak.txt'), `${CANARY}\n`);
  await who.tmux('new-session', '-d', '-s', 'work', '-c', repo, 'cat');
}

async function saved(who: Person, repo: string): Promise<void> {
  await who.ok(repo, 'save', '-t', 'work', '-m', MESSAGE);
}

/** Stashes a file as a person does, and drops it: nothing reaches it any more. */
async function droppedStash(who: Person, repo: string, file: string, text: string): Promise<string> {
  writeFileSync(path.join(repo, file), text);
  await who.git(repo, 'stash', 'push', '-q', '-u', '--', file);
  const oid = await who.git(repo, 'rev-parse', 'refs/stash');
  await who.git(repo, 'stash', 'drop', '-q');
  return oid;
}

test.each(['loose', 'one pack', 'own packs', 'sha256'])(
  'E6 forget --purge takes a saved secret out of every object (%s), and a dropped stash is still there',
  async (form) => {
    const ann = person();
    const repo = await ann.repo('repo', ...(form === 'sha256' ? ['--object-format=sha256'] : []));
    const stash = await droppedStash(ann, repo, 'own.txt', 'mine\n');
    // Then refs of sessions have reflogs too.
    await ann.git(repo, 'config', 'core.logAllRefUpdates', 'always');
    await working(ann, repo);
    await saved(ann, repo);
    writeFileSync(path.join(repo, 'leak.txt'), `${CANARY} again\n`);
    await saved(ann, repo);
    if (form === 'one pack') {
      await ann.git(repo, 'commit-graph', 'write', '--reachable');
      await ann.git(repo, 'repack', '-adkq', '--write-midx');
    }
    if (form === 'loose') {
      const pack = path.join(repo, '.git/objects/pack');
      for (const file of readdirSync(pack).filter((name) => name.endsWith('.pack'))) {
        renameSync(path.join(pack, file), path.join(repo, '.git/moved'));
        rmSync(path.join(pack, file.replace('.pack', '.idx')));
        await ann.run('git', ['unpack-objects', '-q'], {
          cwd: repo,
          input: readFileSync(path.join(repo, '.git/moved')),
        });
      }
    }
    expect(await everything(ann, repo)).toContain(CANARY);
    expect(await everything(ann, repo)).toContain(MESSAGE);
    const result = await ann.gs(repo, 'forget', '--yes', '--purge', 'work');
    expect([result.code, result.stderr.includes('dropped stash')]).toEqual([0, false]);
    expect(result.stdout).toMatch(/^Forgot session 'work'\n4 refs here and \d+ objects\n$/u);
    const left = await everything(ann, repo);
    expect(left).not.toContain(CANARY);
    expect(left).not.toContain(MESSAGE);
    expect(left).toContain('mine');
    await fsck(ann, repo);
    rmSync(path.join(repo, 'leak.txt'));
    await ann.git(repo, 'stash', 'apply', '-q', stash);
    expect(readFileSync(path.join(repo, 'own.txt'), 'utf8')).toBe('mine\n');
    // Nothing of it is shown, nor is it remembered elsewhere.
    expect(await ann.ok(repo, 'list')).not.toContain(MESSAGE);
  },
);

test('E6 forget --purge keeps what a dropped stash has as well, and says so', async () => {
  const ann = person();
  const repo = await ann.repo();
  const stash = await droppedStash(ann, repo, 'leak.txt', `${CANARY}\n`);
  await working(ann, repo);
  await saved(ann, repo);
  const result = await ann.gs(repo, 'forget', '--yes', '--purge', 'work');
  expect(result.stderr).toContain(`(a dropped stash): ${stash.slice(0, 12)}`);
  expect(await everything(ann, repo)).not.toContain(MESSAGE);
  await fsck(ann, repo);
  rmSync(path.join(repo, 'leak.txt'));
  await ann.git(repo, 'stash', 'apply', '-q', stash);
  expect(readFileSync(path.join(repo, 'leak.txt'), 'utf8')).toBe(`${CANARY}\n`);
});

test('E6 forget --purge: a snapshot that was deleted before takes no secret along', async () => {
  const ann = person();
  const repo = await ann.repo();
  await working(ann, repo);
  await saved(ann, repo);
  writeFileSync(path.join(repo, 'more.txt'), 'more\n');
  await saved(ann, repo);
  await ann.ok(repo, 'delete', 'work~1');
  await ann.ok(repo, 'forget', '--yes', '--purge', 'work');
  // It shares the file, and so it goes along: its message too.
  const left = await everything(ann, repo);
  expect([left.includes(CANARY), left.includes(MESSAGE), left.includes('more')]).toEqual([
    false,
    false,
    false,
  ]);
  await fsck(ann, repo);
});

test('E6 forget --purge: what a branch, a reflog or the index has stays', async () => {
  const ann = person();
  const repo = await ann.repo();
  await working(ann, repo);
  await saved(ann, repo);
  await ann.git(repo, 'add', 'leak.txt');
  await ann.ok(repo, 'forget', '--yes', '--purge', 'work');
  expect(await everything(ann, repo)).toContain(CANARY);
  await ann.git(repo, 'commit', '-qm', 'leak');
  await saved(ann, repo);
  // The base commit is a person's own, also where only the snapshot has led to it.
  const base = await ann.git(repo, 'rev-parse', 'HEAD');
  await ann.git(repo, 'reset', '-q', '--hard', 'HEAD~1');
  await ann.git(repo, 'reflog', 'expire', '--expire=now', '--all');
  await ann.ok(repo, 'forget', '--yes', '--purge', 'work');
  expect(await ann.git(repo, 'show', `${base}:leak.txt`)).toBe(CANARY);
  await fsck(ann, repo);
});

test('E6 forget one snapshot: the others stay, and the event of a checkpoint loses its message', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', '--name', 'work', '--no-attach');
  await ann.ok(repo, 'checkpoint', 'work', '-m', MESSAGE);
  await ann.ok(repo, 'flush', 'work');
  await ann.ok(repo, 'checkpoint', 'work', '-m', 'fine');
  const before = JSON.parse(await ann.ok(repo, 'events', 'work', '--json')) as { events: unknown[] };
  const id = (await refs(ann, repo)).find((ref) => ref.endsWith('/snapshot'))!.split('/')[3]!;
  await ann.ok(repo, 'forget', '--yes', '--purge', `work/${id}`);
  expect((await refs(ann, repo)).filter((ref) => ref.endsWith('/snapshot'))).toHaveLength(1);
  const events = await ann.ok(repo, 'events', 'work', '--json');
  expect(events).not.toContain(MESSAGE);
  expect(events).toContain('[forgotten]');
  expect((JSON.parse(events) as { events: unknown[] }).events).toHaveLength(before.events.length);
  expect(await everything(ann, repo)).not.toContain(MESSAGE);
  const approvals = await ann.ok(repo, 'allow', '--list');
  expect([approvals.includes(id), approvals.includes('work/')]).toEqual([false, true]);
  expect((await ann.gs(repo, 'fsck')).code).toBe(0);
});

test('E6 forget --remote: refs and copies go, a fetch and the push of others bring nothing back', async () => {
  const { ann, bob, origin, a, b } = await world();
  await working(ann, a);
  await saved(ann, a);
  await ann.ok(a, 'link', 'work', 'CRQ-7');
  await ann.ok(a, 'push');
  await ann.ok(a, 'fetch');
  await bob.ok(b, 'fetch');
  await bob.ok(b, 'import', 'origin/work');
  expect(await refs(ann, a, 'refs/remote-sessions')).toHaveLength(3);
  const json = JSON.parse(await ann.ok(a, 'forget', '--yes', '--purge', '--remote', '--json', 'work')) as {
    remote: { deleted: string[] };
    stays: string[];
  };
  expect(
    json.remote.deleted.map((ref) => ref.split('/').at(-1)!).toSorted((x, y) => (x < y ? -1 : 1)),
  ).toEqual(['context', 'events', 'snapshot']);
  expect(json.stays.join('\n')).toContain('in clones that have fetched it');
  expect(await everything(ann, a)).not.toContain(CANARY);
  for (const at of ['refs/sessions', 'refs/remote-sessions']) {
    expect((await refs(ann, a, at)).filter((ref) => !ref.endsWith('/events'))).toEqual([]);
  }
  expect((await refs(ann, origin)).filter((ref) => !ref.endsWith('/events'))).toEqual([]);
  expect((await bob.gs(b, 'sync')).stderr).toContain("is not pushed: it was deleted on 'origin'");
  await ann.ok(a, 'fetch');
  expect(await everything(ann, a)).not.toContain(CANARY);
  expect(await ann.ok(a, 'list')).not.toContain('work');
});

test('E6 forget asks, changes nothing with --dry-run, and says what it does not know', async () => {
  const ann = person();
  const repo = await ann.repo();
  await working(ann, repo);
  await saved(ann, repo);
  const before = await ann.git(repo, 'for-each-ref');
  const asked = await ann.gs(repo, 'forget', 'work');
  expect([asked.code, asked.stderr.split('\n')[0]]).toEqual([
    1,
    "error: this would remove session 'work', and nothing brings it back",
  ]);
  expect((await ann.ok(repo, 'forget', '--dry-run', 'work~0')).split('\n')).toHaveLength(4);
  expect((await ann.gs(repo, 'forget')).code).toBe(129);
  expect((await ann.gs(repo, 'forget', '--yes', 'nope')).code).toBe(1);
  expect(await ann.git(repo, 'for-each-ref')).toBe(before);
  const plain = await ann.gs(repo, 'forget', '--yes', 'work');
  expect(plain.stderr).toContain(
    "its objects stay in this repository until git's own gc; with --purge they would be gone",
  );
  expect(await everything(ann, repo)).toContain(CANARY);
});

test('E6 forget --purge says what lies in a repository from which this one borrows, and in a kept pack', async () => {
  const ann = person();
  const main = await ann.repo('main');
  await working(ann, main);
  await saved(ann, main);
  const ref = (await refs(ann, main)).find((name) => name.endsWith('/context'))!;
  const clone = path.join(ann.dir, 'clone');
  await ann.git(ann.dir, 'clone', '-q', '--shared', main, clone);
  for (const name of [ref, ref.replace(/context$/u, 'snapshot')]) {
    await ann.git(clone, 'update-ref', name, await ann.git(main, 'rev-parse', name));
  }
  const borrowed = await ann.gs(clone, 'forget', '--yes', '--purge', 'work');
  expect(borrowed.stderr).toContain(
    `of the repository that this one borrows from: ${path.join(main, '.git/objects')}`,
  );
  await fsck(ann, main);
  await ann.git(main, 'repack', '-adq');
  const pack = (await ann.git(main, 'count-objects', '-v')).includes('packs: 1');
  expect(pack).toBe(true);
  const folder = path.join(main, '.git/objects/pack');
  const file = readdirSync(folder).find((name) => name.endsWith('.pack'))!;
  writeFileSync(path.join(folder, file.replace('.pack', '.keep')), '');
  const kept = await ann.gs(main, 'forget', '--yes', '--purge', 'work');
  expect(kept.stderr).toContain('packs that are kept');
  expect(existsSync(path.join(folder, file))).toBe(true);
});

test('E6 forget without --remote: copies of a remote go, with the logs of others, and it says where they came from', async () => {
  const { ann, bob, origin, a, b } = await world();
  await working(bob, b);
  await saved(bob, b);
  const input = `${JSON.stringify({ clone: 'c', data: { error: CANARY }, sequence: 1, session: 'x', version: 1 })}\n`;
  const oid = (await bob.run('git', ['hash-object', '-w', '--stdin'], { cwd: b, input })).stdout.trim();
  await bob.git(b, 'update-ref', `refs/sessions/work/20261121T090000000Z-${oid.slice(0, 8)}/events`, oid);
  await bob.ok(b, 'push');
  await ann.ok(a, 'fetch');
  expect(await refs(ann, a, 'refs/remote-sessions')).toHaveLength(3);
  expect(await everything(ann, a)).toContain(CANARY);
  const result = await ann.gs(a, 'forget', '--yes', '--purge', 'work');
  expect([result.code, result.stderr]).toEqual([0, expect.stringContaining('--remote=origin')]);
  expect(await refs(ann, a, 'refs/remote-sessions')).toEqual([]);
  const left = await everything(ann, a);
  expect([left.includes(CANARY), left.includes(MESSAGE)]).toEqual([false, false]);
  expect(await refs(ann, origin)).toHaveLength(3);
  // It is still there, and so a fetch brings it back: but nothing shows it.
  await ann.ok(a, 'fetch');
  expect(await ann.ok(a, 'list')).not.toContain('work');
  await ann.ok(a, 'forget', '--yes', '--purge', '--remote', 'work');
  expect((await refs(ann, origin)).filter((ref) => !ref.endsWith('/events'))).toEqual([]);
  const there = await gitBytes(ann, origin, ['for-each-ref', '--format=%(objectname)', 'refs/sessions']);
  for (const one of there.toString('latin1').trimEnd().split('\n')) {
    expect(await ann.git(origin, 'cat-file', 'blob', one)).not.toContain(CANARY);
  }
});

test('F19 E6 forget --purge beside saves of another session that have the same files: nothing is broken', async () => {
  const ann = person();
  const repo = await ann.repo();
  await working(ann, repo);
  for (let n = 0; n < 3; n++) await ann.ok(repo, 'save', '-t', 'work', 'other', '-m', `other ${n}`);
  await saved(ann, repo);
  await ann.git(repo, 'repack', '-adq');
  await ann.ok(repo, 'delete', 'other');
  const saves = async () => {
    const codes: number[] = [];
    for (let n = 0; n < 5; n++) {
      writeFileSync(path.join(repo, 'more.txt'), `${n}\n`);
      const result = await ann.gs(repo, 'save', '-t', 'work', 'beside', '-m', `beside ${n}`);
      codes.push(result.code);
      // As beside `git gc --prune=now` one may fail: then it says so, and leaves nothing half made.
      if (result.code !== 0) expect(result.stderr).toMatch(/^fatal: (?!internal)/mu);
    }
    return codes;
  };
  const [codes, forgotten] = await Promise.all([saves(), ann.gs(repo, 'forget', '--yes', '--purge', 'work')]);
  expect(forgotten.code).toBe(0);
  expect(await everything(ann, repo)).not.toContain(MESSAGE);
  await fsck(ann, repo);
  const left = (await refs(ann, repo)).filter((ref) => ref.endsWith('/snapshot'));
  expect(left).toHaveLength(codes.filter((code) => code === 0).length);
  for (const ref of left) {
    expect(
      (
        await ann.run('git', ['rev-list', '--objects', '--quiet', ref.replace(/snapshot$/u, 'context')], {
          cwd: repo,
        })
      ).code,
    ).toBe(0);
  }
});

test('E6 forget a session that has ended: nothing of it is left in any file, of the repository or of the user', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', '--name', 'work', '--no-attach');
  await ann.ok(repo, 'exec', 'work', '--', 'echo', MESSAGE);
  await ann.ok(repo, 'pause', 'work', '-m', MESSAGE);
  await ann.ok(repo, 'flush', 'work');
  await ann.ok(repo, 'checkpoint', 'work', '-m', MESSAGE);
  await ann.ok(repo, 'link', 'work', 'CRQ-7');
  await ann.ok(repo, 'list');
  const running = await ann.gs(repo, 'forget', '--yes', 'work~0');
  expect(running.code).toBe(0);
  await ann.ok(repo, 'save', '-t', 'work', '-m', MESSAGE);
  const alive = await ann.gs(repo, 'forget', '--yes', 'work');
  expect(alive.stderr).toContain(
    "it may still be in the log of 'work', which runs: git session kill work, then again",
  );
  await ann.ok(repo, 'kill', 'work');
  const found = async () =>
    (await ann.run('grep', ['-rlaF', MESSAGE, ann.home, repo], { cwd: ann.dir })).stdout
      .split('\n')
      .filter((f) => f !== '');
  expect(await found()).not.toEqual([]);
  await ann.ok(repo, 'forget', '--yes', '--purge', 'work');
  expect(await found()).toEqual([]);
  expect(await refs(ann, repo)).toEqual(
    expect.not.arrayContaining([expect.stringMatching(/\/(?:snapshot|context)$/u)]),
  );
  // Of what was forgotten before without --purge, the objects stay until git tidies up.
  await ann.git(repo, 'reflog', 'expire', '--expire=now', '--all');
  await ann.git(repo, 'gc', '-q', '--prune=now');
  expect(await everything(ann, repo)).not.toContain(MESSAGE);
  expect((await ann.gs(repo, 'fsck')).code).toBe(0);
});
