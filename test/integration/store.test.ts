import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { canonicalize } from 'json-canonicalize';
import { describe, expect, it } from 'vitest';
import {
  DamagedSnapshotError,
  SnapshotTooLargeError,
  UnsupportedVersionError,
} from '../../src/session/errors.ts';
import { sessionRef } from '../../src/session/names.ts';
import { MAX_SNAPSHOT_BYTES } from '../../src/session/schema.ts';
import { openRepository } from '../../src/git/repository.ts';
import { MAX_SEGMENT_BYTES, writeEvent } from '../../src/store/events.ts';
import { type ReadSnapshot, readCatalog, readSnapshots } from '../../src/store/sessions.ts';
import { forge, forgeBytes, plainSnapshot } from '../support/forge.ts';
import type { Person } from '../support/harness.ts';
import { gitBytes, resident, saveIn } from '../support/store.ts';

async function setUp(...initArgs: string[]) {
  const who = resident();
  const dir = await who.repo('repo', ...initArgs);
  const head = await who.git(dir, 'rev-parse', 'HEAD');
  const { git } = await openRepository(dir);
  return { who, dir, git, head };
}

/** Copies every session of a repository to a remote's place in another one, as `git session fetch` does. */
const fetched = (who: Person, from: string, to: string, remote = 'origin') =>
  who.git(to, 'fetch', '-q', from, `refs/sessions/*:refs/remote-sessions/${remote}/*`);

const isRead = (read: ReadSnapshot) => 'snapshot' in read;

describe('the catalog', () => {
  it('is empty in a new repository', async () => {
    const { git } = await setUp();
    const catalog = await readCatalog(git);
    expect(catalog).toMatchObject({ snapshots: [], foreign: [], notes: null, events: [] });
    expect(catalog.newestId('x')).toBeNull();
  });

  it('orders by name and then by id, the own ones first, and names the context of each', async () => {
    const { who, dir, git } = await setUp();
    const other = await who.repo('other');
    const day = Date.UTC(2026, 10, 21);
    const b2 = await saveIn(dir, { name: 'b', ms: day + 2 });
    const b1 = await saveIn(dir, { name: 'b', ms: day + 1 });
    const deep = await saveIn(dir, { name: 'a/deep', ms: day });
    const theirs = await saveIn(other, { name: 'a', ms: day });
    await fetched(who, other, dir);
    await fetched(who, other, dir, 'zoe');
    const { snapshots } = await readCatalog(git);
    expect(snapshots.map((s) => [s.remote, s.name, s.id])).toEqual([
      [null, 'a/deep', deep.id],
      [null, 'b', b1.id],
      [null, 'b', b2.id],
      ['origin', 'a', theirs.id],
      ['zoe', 'a', theirs.id],
    ]);
    for (const s of snapshots) {
      expect(s.context).toBe(await who.git(dir, 'rev-parse', s.ref.replace(/snapshot$/u, 'context')));
      expect(s.size).toBeGreaterThan(500);
    }
  });

  it('F35: the newest id is that of any ref of the session, also of a remote or of an event', async () => {
    const { who, dir, git } = await setUp();
    const other = await who.repo('other');
    const mine = await saveIn(dir, { name: 'x', ms: 1000 });
    expect((await readCatalog(git)).newestId('x')).toBe(mine.id);
    const theirs = await saveIn(other, { name: 'x', ms: 2000 });
    await fetched(who, other, dir);
    expect((await readCatalog(git)).newestId('x')).toBe(theirs.id);
    const event = await writeEvent(
      await openRepository(dir),
      'x',
      theirs.id,
      'deleted',
      { snapshots: [] },
      0,
    );
    expect((await readCatalog(git)).newestId('x')).toBe(event);
  });

  it('gives the commit of the CRQ notes', async () => {
    const { who, dir, git } = await setUp();
    await who.git(dir, 'notes', '--ref=crq', 'add', '-m', 'x', 'HEAD');
    expect((await readCatalog(git)).notes).toBe(await who.git(dir, 'rev-parse', 'refs/notes/crq'));
  });

  it('an unfinished save, a context without a snapshot, is not listed', async () => {
    const { who, dir, git } = await setUp();
    const saved = await saveIn(dir);
    await who.git(dir, 'update-ref', '-d', saved.ref);
    expect((await readCatalog(git)).snapshots).toEqual([]);
    // Its id counts all the same: the next save comes after it.
    expect((await readCatalog(git)).newestId('forged')).toBe(saved.id);
  });

  it('a snapshot without its context is listed', async () => {
    const { who, dir, git } = await setUp();
    const saved = await saveIn(dir);
    await who.git(dir, 'update-ref', '-d', sessionRef(saved.name, saved.id, 'context'));
    expect((await readCatalog(git)).snapshots).toMatchObject([{ oid: saved.oid, context: null }]);
  });

  it('C5, C7: refs outside the grammar and symbolic ones are foreign, and are not followed', async () => {
    const { who, dir, git } = await setUp();
    const saved = await saveIn(dir);
    const odd = [
      'x',
      'x/y/snapshot',
      '$(id)/20261121T080000000Z-0123abcd/snapshot',
      '--upload-pack=x',
      'a/snapshot/20261121T080000000Z-0123abcd/snapshot',
    ];
    for (const name of odd)
      await who.git(dir, 'update-ref', `refs/sessions/${name.replace(/^x$/u, 'lone')}`, saved.oid);
    const link = sessionRef('linked', saved.id, 'snapshot');
    await who.git(dir, 'symbolic-ref', link, saved.ref);
    await who.git(dir, 'update-ref', 'refs/remote-sessions/origin', saved.oid);
    const { snapshots, foreign } = await readCatalog(git);
    expect(snapshots.map((s) => s.ref)).toEqual([saved.ref]);
    expect(foreign.map((r) => r.name).toSorted()).toEqual(
      [
        ...odd.map((n) => `refs/sessions/${n.replace(/^x$/u, 'lone')}`),
        link,
        'refs/remote-sessions/origin',
      ].toSorted(),
    );
  });
});

describe('F17, C8: tombstones', () => {
  async function two() {
    const { who, dir } = await setUp();
    const other = await who.repo('other');
    const repo = await openRepository(dir);
    return { who, dir, other, repo, git: repo.git };
  }

  it('one of this clone hides the snapshot here and the copies of it that remotes have', async () => {
    const { who, dir, other, repo, git } = await two();
    const gone = await saveIn(other);
    const kept = await saveIn(other);
    await who.git(dir, 'fetch', '-q', other, 'refs/sessions/*:refs/sessions/*');
    await fetched(who, other, dir);
    expect((await readCatalog(git)).snapshots).toHaveLength(4);
    await writeEvent(repo, 'forged', kept.id, 'deleted', { snapshots: [gone.id] });
    expect((await readCatalog(git)).snapshots.map((s) => [s.remote, s.id])).toEqual([
      [null, kept.id],
      ['origin', kept.id],
    ]);
  });

  it('one of a remote hides that remote’s copy, and never a session of this clone or of another remote', async () => {
    const { who, dir, other, git } = await two();
    const saved = await saveIn(other);
    await who.git(dir, 'fetch', '-q', other, 'refs/sessions/*:refs/sessions/*');
    await fetched(who, other, dir, 'zoe');
    await writeEvent(await openRepository(other), 'forged', saved.id, 'deleted', { snapshots: [saved.id] });
    await fetched(who, other, dir, 'origin');
    expect((await readCatalog(git)).snapshots.map((s) => s.remote)).toEqual([null, 'zoe']);
  });

  it('hides what it names and nothing else: another session, another id, another type of event', async () => {
    const { dir, repo, git } = await two();
    const saved = await saveIn(dir, { name: 'mine' });
    await writeEvent(repo, 'other', null, 'deleted', { snapshots: [saved.id] });
    await writeEvent(repo, 'mine', saved.id, 'deleted', {
      snapshots: ['20261121T080000000Z-0123abcd', saved.id.slice(0, -1), ''],
    });
    await writeEvent(repo, 'mine', saved.id, 'crq-unlinked', { snapshots: [saved.id], crq: 'CRQ-1' });
    expect((await readCatalog(git)).snapshots.map((s) => s.id)).toEqual([saved.id]);
  });

  it('F16: a segment whose object is gone hides nothing', async () => {
    const { who, dir, repo, git } = await two();
    const saved = await saveIn(dir);
    const id = await writeEvent(repo, 'forged', saved.id, 'deleted', { snapshots: [saved.id] });
    const oid = await who.git(dir, 'rev-parse', sessionRef('forged', id, 'events'));
    rmSync(path.join(dir, '.git/objects', oid.slice(0, 2), oid.slice(2)));
    const catalog = await readCatalog(git);
    expect([catalog.snapshots.map((s) => s.id), catalog.events]).toEqual([[saved.id], []]);
    expect((await readSnapshots(git, catalog.snapshots)).every(isRead)).toBe(true);
  });

  it('F4: damaged, foreign and huge segments are left out, the others count', async () => {
    const { who, dir, repo, git } = await two();
    const [one, kept] = [await saveIn(dir), await saveIn(dir)];
    await writeEvent(repo, 'forged', kept.id, 'deleted', { snapshots: [one.id] });
    const tombstone = `{"at":"x","clone":"c","data":{"snapshots":["${kept.id}"]},"sequence":1,"type":"deleted","version":1}\n`;
    for (const [i, text] of ['garbage', '', tombstone + ' '.repeat(MAX_SEGMENT_BYTES)].entries()) {
      const oid = (await gitBytes(who, dir, ['hash-object', '-w', '--stdin'], { input: text }))
        .toString()
        .trim();
      await who.git(
        dir,
        'update-ref',
        sessionRef('forged', `20261121T08000000${i}Z-0123abcd`, 'events'),
        oid,
      );
    }
    expect((await readCatalog(git)).snapshots.map((s) => s.id)).toEqual([kept.id]);
  });
});

describe('reading snapshots', () => {
  it.each([[[]], [['--object-format=sha256']]])('gives each with its bytes %j', async (args) => {
    const { dir, git } = await setUp(...args);
    const saved = [await saveIn(dir, { name: 'a' }), await saveIn(dir, { name: 'b' })];
    const { snapshots } = await readCatalog(git);
    const read = await readSnapshots(git, snapshots);
    expect(read).toEqual(
      saved.map((s, i) => ({ stored: snapshots[i], snapshot: s.snapshot, bytes: s.bytes })),
    );
    expect(await readSnapshots(git, [])).toEqual([]);
  });

  it('F16: one that is missing, damaged, not canonical, newer or too large hides none of the others', async () => {
    const { who, dir, git, head } = await setUp();
    const good = plainSnapshot(head);
    const loose = (oid: string) => path.join(dir, '.git/objects', oid.slice(0, 2), oid.slice(2));
    await forge(who, dir, good, { name: 'a-good' });
    const corrupt = await forge(who, dir, { ...good, message: 'corrupt' }, { name: 'b-corrupt' });
    await forgeBytes(who, dir, Buffer.from(`${canonicalize(good)} `), { name: 'c-space' });
    await forge(who, dir, { ...good, version: 3 }, { name: 'd-newer' });
    await forgeBytes(who, dir, Buffer.alloc(MAX_SNAPSHOT_BYTES + 1, ' '), { name: 'e-large' });
    await forgeBytes(who, dir, Buffer.alloc(0), { name: 'f-empty' });
    await forge(who, dir, { ...good, message: 'z' }, { name: 'z-good' });
    rmSync(loose(corrupt.oid));
    writeFileSync(loose(corrupt.oid), 'not zlib');
    const { snapshots } = await readCatalog(git);
    // The corrupt one's size can't be told, and with it none of the others' by one git.
    const read = await readSnapshots(git, snapshots);
    const result = Object.fromEntries(read.map((r) => [r.stored.name, 'error' in r ? r.error : 'read']));
    expect(result).toEqual({
      'a-good': 'read',
      'b-corrupt': expect.any(DamagedSnapshotError),
      'c-space': expect.any(DamagedSnapshotError),
      'd-newer': expect.any(UnsupportedVersionError),
      'e-large': expect.any(SnapshotTooLargeError),
      'f-empty': expect.any(DamagedSnapshotError),
      'z-good': 'read',
    });
    expect((result['b-corrupt'] as DamagedSnapshotError).message).toBe(
      `snapshot ${corrupt.oid.slice(0, 7)} of 'b-corrupt' is damaged: its object can't be read`,
    );
    expect((result['b-corrupt'] as DamagedSnapshotError).hints).toEqual([
      'an older snapshot may be whole: git session restore b-corrupt~1',
    ]);
  });

  it('F16: an object that is gone hides none of the others either', async () => {
    const { dir, git } = await setUp();
    const [gone, kept] = [await saveIn(dir), await saveIn(dir)];
    // Loose objects only: so that one can be removed.
    const { who, dir: copy } = await explode(dir);
    rmSync(path.join(copy, '.git/objects', gone.oid.slice(0, 2), gone.oid.slice(2)));
    void who;
    const there = (await openRepository(copy)).git;
    const read = await readSnapshots(there, (await readCatalog(there)).snapshots);
    expect(read.map((r) => [r.stored.oid, isRead(r)])).toEqual([
      [gone.oid, false],
      [kept.oid, true],
    ]);
    expect((await readSnapshots(git, (await readCatalog(git)).snapshots)).every(isRead)).toBe(true);
  });

  it('F15: an empty ref file hides none of the others', async () => {
    const { dir, git } = await setUp();
    const [broken, kept] = [await saveIn(dir), await saveIn(dir)];
    writeFileSync(path.join(dir, '.git', broken.ref), '');
    const read = await readSnapshots(git, (await readCatalog(git)).snapshots);
    expect(read.filter(isRead).map((r) => r.stored.oid)).toEqual([kept.oid]);
  });

  it('D1: 256 MiB of zeros are refused by their size, before they are inflated', async () => {
    const { who, dir, git } = await setUp();
    const script = 'head -c 268435456 /dev/zero | git hash-object -w --stdin';
    const oid = (await who.run('sh', ['-c', script], { cwd: dir })).stdout.trim();
    await who.git(
      dir,
      'update-ref',
      sessionRef('bomb', `20261121T080000000Z-${oid.slice(0, 8)}`, 'snapshot'),
      oid,
    );
    const started = performance.now();
    const [read] = await readSnapshots(git, (await readCatalog(git)).snapshots);
    expect(read).toMatchObject({ error: expect.any(SnapshotTooLargeError) });
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

/** A copy of a repository in which every object is a file of its own. */
async function explode(dir: string): Promise<{ who: Person; dir: string }> {
  const who = resident('copy');
  const copy = path.join(who.dir, 'copy');
  await who.git(who.dir, 'init', '-q', 'copy');
  const pack = 'git pack-objects --all --stdout -q </dev/null | git -C "$1" unpack-objects -q';
  const result = await who.run('sh', ['-c', pack, 'sh', copy], { cwd: dir });
  if (result.code !== 0) throw new Error(result.stderr);
  for (const line of (await who.git(dir, 'for-each-ref', '--format=%(refname) %(objectname)')).split('\n')) {
    await who.git(copy, 'update-ref', ...(line.split(' ') as [string, string]));
  }
  return { who, dir: copy };
}
