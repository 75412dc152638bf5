import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRepository } from '../../src/git/repository.ts';
import { sessionRef } from '../../src/session/names.ts';
import { MAX_SEGMENT_BYTES, writeEvent } from '../../src/store/events.ts';
import { deleteRefs, deleteSnapshots, moveSession } from '../../src/store/remove.ts';
import { readCatalog, readSnapshots, type StoredSnapshot } from '../../src/store/sessions.ts';
import type { Person } from '../support/harness.ts';
import { fsck, gitBytes, resident, saveIn } from '../support/store.ts';
import { refs } from '../support/two-clones.ts';

const DAY = Date.UTC(2026, 10, 21);

async function setUp() {
  const who = resident();
  const dir = await who.repo();
  const repo = await openRepository(dir);
  return { who, dir, repo, catalog: () => readCatalog(repo.git) };
}

/** All refs with what they point at. */
const state = (who: Person, dir: string) =>
  who.git(dir, 'for-each-ref', '--format=%(refname) %(objectname) %(symref)');

const ofSession = (snapshots: StoredSnapshot[], name: string) =>
  snapshots.filter((s) => s.remote === null && s.name === name);

async function blob(who: Person, dir: string, bytes: Buffer | string): Promise<string> {
  const input = bytes;
  return (await gitBytes(who, dir, ['hash-object', '-w', '--stdin'], { input })).toString().trim();
}

describe('deleting', () => {
  it('takes both refs of each snapshot and leaves one tombstone for each session', async () => {
    const { who, dir, repo, catalog } = await setUp();
    const [a1, a2, b, kept] = [
      await saveIn(dir, { name: 'a', ms: DAY }),
      await saveIn(dir, { name: 'a', ms: DAY + 1 }),
      await saveIn(dir, { name: 'b', ms: DAY }),
      await saveIn(dir, { name: 'c', ms: DAY }),
    ];
    const { snapshots, ...before } = await catalog();
    const gone = snapshots.filter((s) => s.name !== 'c');
    const tombstones = await deleteSnapshots(repo, { snapshots, ...before }, gone);
    expect(tombstones).toHaveLength(2);
    expect(await refs(who, dir)).toEqual(
      [...tombstones, kept.ref, sessionRef('c', kept.id, 'context')].toSorted(),
    );
    const after = await catalog();
    expect(after.snapshots.map((s) => s.id)).toEqual([kept.id]);
    expect(after.events.map((e) => [e.name, e.record.type, e.record.data.snapshots])).toEqual([
      ['a', 'deleted', [a1.id, a2.id]],
      ['b', 'deleted', [b.id]],
    ]);
    // The tombstone comes after all that it is about, however the clock goes.
    expect(after.newestId('a')! > a2.id).toBe(true);
    await fsck(who, dir);
  });

  it('one of a session leaves the others', async () => {
    const { dir, repo, catalog } = await setUp();
    const old = await saveIn(dir, { ms: DAY });
    const kept = await saveIn(dir, { ms: DAY + 1 });
    const before = await catalog();
    await deleteSnapshots(
      repo,
      before,
      before.snapshots.filter((s) => s.id === old.id),
    );
    const { snapshots } = await catalog();
    expect(snapshots).toMatchObject([{ id: kept.id, oid: kept.oid }]);
    expect(snapshots[0]?.context).not.toBeNull();
  });

  it('a snapshot without its context goes too', async () => {
    const { who, dir, repo, catalog } = await setUp();
    const saved = await saveIn(dir);
    await who.git(dir, 'update-ref', '-d', sessionRef(saved.name, saved.id, 'context'));
    const before = await catalog();
    const tombstones = await deleteSnapshots(repo, before, before.snapshots);
    expect(await refs(who, dir)).toEqual(tombstones);
  });

  it('nothing is deleted where nothing is named', async () => {
    const { who, dir, repo, catalog } = await setUp();
    await saveIn(dir);
    const before = await state(who, dir);
    expect(await deleteSnapshots(repo, await catalog(), [])).toEqual([]);
    expect(await state(who, dir)).toBe(before);
  });

  it("of a remote's copy only the tombstone is written: its refs are the remote's", async () => {
    const { who, dir, repo, catalog } = await setUp();
    const other = await who.repo('other');
    const theirs = await saveIn(other);
    await who.git(dir, 'fetch', '-q', other, 'refs/sessions/*:refs/remote-sessions/origin/*');
    const copies = await refs(who, dir, 'refs/remote-sessions');
    const before = await catalog();
    const tombstones = await deleteSnapshots(repo, before, before.snapshots);
    expect(await refs(who, dir)).toEqual(tombstones);
    expect(await refs(who, dir, 'refs/remote-sessions')).toEqual(copies);
    expect((await catalog()).snapshots).toEqual([]);
    expect(before.snapshots).toMatchObject([{ id: theirs.id, remote: 'origin' }]);
  });

  it('what changed meanwhile stays, all of it, and is not hidden', async () => {
    const { who, dir, repo, catalog } = await setUp();
    await saveIn(dir, { name: 'a' });
    const b = await saveIn(dir, { name: 'b' });
    const before = await catalog();
    await who.git(dir, 'update-ref', b.ref, await blob(who, dir, 'somebody else was here'));
    const now = await state(who, dir);
    await expect(deleteSnapshots(repo, before, before.snapshots)).rejects.toMatchObject({
      code: 'git-failed',
    });
    expect(await state(who, dir)).toBe(now);
    expect((await catalog()).snapshots.map((s) => s.name)).toEqual(['a', 'b']);
  });

  it('a ref that is locked is reported as busy, and nothing is deleted', async () => {
    const { who, dir, repo, catalog } = await setUp();
    const saved = await saveIn(dir);
    const before = await state(who, dir);
    const lock = path.join(repo.commonDir, `${saved.ref}.lock`);
    mkdirSync(path.dirname(lock), { recursive: true });
    writeFileSync(lock, '');
    const now = await catalog();
    await expect(deleteSnapshots(repo, now, now.snapshots)).rejects.toMatchObject({ code: 'busy' });
    expect(await state(who, dir)).toBe(before);
  });

  it('where the second tombstone can not be written, the first one goes again', async () => {
    const { who, dir, repo, catalog } = await setUp();
    await saveIn(dir, { name: 'a' });
    await saveIn(dir, { name: 'b' });
    const found = await catalog();
    const before = await state(who, dir);
    // No ref can be made below a name that git refuses.
    const broken = { ...found.snapshots[1]!, name: 'b..b' };
    await expect(deleteSnapshots(repo, found, [found.snapshots[0]!, broken])).rejects.toMatchObject({
      code: 'git-failed',
    });
    expect(await state(who, dir)).toBe(before);
  });
});

describe('deleting foreign refs', () => {
  it('takes a symbolic ref itself, not what it points at', async () => {
    const { who, dir, repo, catalog } = await setUp();
    const oid = await blob(who, dir, 'x');
    await who.git(dir, 'update-ref', 'refs/sessions/lone', oid);
    await who.git(dir, 'symbolic-ref', 'refs/sessions/link', 'refs/heads/main');
    const { foreign } = await catalog();
    expect(foreign).toHaveLength(2);
    await deleteRefs(repo, foreign);
    expect(await refs(who, dir)).toEqual([]);
    expect(await who.git(dir, 'rev-parse', '--verify', 'refs/heads/main')).not.toBe('');
  });

  it('that were moved meanwhile stay, with the others', async () => {
    const { who, dir, repo, catalog } = await setUp();
    for (const name of ['one', 'two'])
      await who.git(dir, 'update-ref', `refs/sessions/${name}`, await blob(who, dir, name));
    const { foreign } = await catalog();
    await who.git(dir, 'update-ref', 'refs/sessions/two', await blob(who, dir, 'new'));
    await expect(deleteRefs(repo, foreign)).rejects.toMatchObject({ code: 'git-failed' });
    expect(await refs(who, dir)).toEqual(['refs/sessions/one', 'refs/sessions/two']);
    await deleteRefs(repo, []);
  });
});

describe('giving a session another name', () => {
  async function move(dir: string, from: string, to: string) {
    const repo = await openRepository(dir);
    const catalog = await readCatalog(repo.git);
    await moveSession(repo, catalog, ofSession(catalog.snapshots, from), to);
  }

  it('keeps objects, ids and contexts, and tells the other clones where it went', async () => {
    const { who, dir, catalog } = await setUp();
    const one = await saveIn(dir, { name: 'a', ms: DAY });
    const two = await saveIn(dir, { name: 'a', ms: DAY + 1 });
    const deep = await saveIn(dir, { name: 'a/deep', ms: DAY });
    await who.git(dir, 'update-ref', '-d', sessionRef('a', two.id, 'context'));
    const before = ofSession((await catalog()).snapshots, 'a');
    await move(dir, 'a', 'x/y');
    const { snapshots, events } = await catalog();
    expect(ofSession(snapshots, 'a')).toEqual([]);
    expect(ofSession(snapshots, 'x/y').map(({ id, oid, context }) => ({ id, oid, context }))).toEqual(
      before.map(({ id, oid, context }) => ({ id, oid, context })),
    );
    expect(ofSession(snapshots, 'a/deep')).toMatchObject([{ id: deep.id }]);
    expect(events.map((e) => [e.name, e.record.type, e.record.data])).toEqual([
      ['a', 'deleted', { snapshots: [one.id, two.id], renamedTo: 'x/y' }],
    ]);
    await fsck(who, dir);
  });

  it('takes the events about links along, and leaves tombstones with the name they are about', async () => {
    const { who, dir, repo, catalog } = await setUp();
    const gone = await saveIn(dir, { name: 'a', ms: DAY });
    const kept = await saveIn(dir, { name: 'a', ms: DAY + 1 });
    const now = await catalog();
    const first = now.snapshots.filter((s) => s.id === gone.id);
    await deleteSnapshots(repo, now, first);
    const data = { snapshots: [kept.id], crq: 'CRQ-7' };
    const link = await writeEvent(repo, 'a', (await catalog()).newestId('a'), 'crq-linked', data);
    const deep = await writeEvent(repo, 'a/deep', null, 'crq-linked', data);
    await move(dir, 'a', 'b');
    const events = (await catalog()).events.map((e) => [e.name, e.record.type, e.record.data.crq]);
    expect(events.toSorted((x, y) => (x.join(' ') < y.join(' ') ? -1 : 1))).toEqual([
      ['a', 'deleted', undefined],
      ['a', 'deleted', undefined],
      ['a/deep', 'crq-linked', 'CRQ-7'],
      ['b', 'crq-linked', 'CRQ-7'],
    ]);
    const listed = await refs(who, dir);
    expect(listed).toContain(sessionRef('b', link, 'events'));
    expect(listed).not.toContain(sessionRef('a', link, 'events'));
    expect(listed).toContain(sessionRef('a/deep', deep, 'events'));
  });

  it('leaves alone what is no segment of ours: symbolic, too large, lost, torn, no blob, no record', async () => {
    const { who, dir, repo, catalog } = await setUp();
    const saved = await saveIn(dir, { name: 'a' });
    const id = (n: number) => `2026112${n}T080000000Z-0123abcd`;
    const at = (n: number) => sessionRef('a', id(n), 'events');
    await who.git(dir, 'update-ref', at(1), await blob(who, dir, Buffer.alloc(MAX_SEGMENT_BYTES + 1, 10)));
    await who.git(dir, 'update-ref', at(2), await blob(who, dir, 'no record\n'));
    await who.git(dir, 'update-ref', at(3), 'HEAD');
    await who.git(dir, 'symbolic-ref', at(4), 'refs/heads/main');
    const torn = await blob(who, dir, randomBytes(5000));
    await who.git(dir, 'update-ref', at(6), torn);
    const object = path.join(repo.commonDir, 'objects', torn.slice(0, 2), torn.slice(2));
    chmodSync(object, 0o644);
    truncateSync(object, 2500);
    await who.git(dir, 'update-ref', 'refs/sessions/a/foreign', saved.oid);
    const lost = path.join(repo.commonDir, at(5));
    mkdirSync(path.dirname(lost), { recursive: true });
    writeFileSync(lost, `${'1'.repeat(40)}\n`);
    await move(dir, 'a', 'b');
    const { snapshots } = await catalog();
    expect(snapshots.map((s) => [s.name, s.id])).toEqual([['b', saved.id]]);
    for (const n of [1, 2, 3, 4, 5, 6])
      expect(existsSync(path.join(repo.commonDir, at(n))), `${n}`).toBe(true);
    const { foreign } = await catalog();
    expect(foreign.map((r) => r.name).toSorted()).toEqual([at(4), 'refs/sessions/a/foreign']);
    expect((await readSnapshots(repo.git, snapshots)).every((r) => 'snapshot' in r)).toBe(true);
  });

  it('where the new name has such a snapshot already, nothing moves and nothing is hidden', async () => {
    const { who, dir } = await setUp();
    const saved = await saveIn(dir, { name: 'a' });
    await saveIn(dir, { name: 'a' });
    await who.git(dir, 'update-ref', sessionRef('b', saved.id, 'snapshot'), saved.oid);
    const before = await state(who, dir);
    await expect(move(dir, 'a', 'b')).rejects.toMatchObject({ code: 'git-failed' });
    expect(await state(who, dir)).toBe(before);
  });

  it('there and back is refused, as the first tombstone would hide the session for good', async () => {
    const { dir, catalog } = await setUp();
    const saved = await saveIn(dir, { name: 'a' });
    await move(dir, 'a', 'b');
    await expect(move(dir, 'b', 'a')).rejects.toMatchObject({ code: 'session-exists' });
    expect((await catalog()).snapshots.map((s) => [s.name, s.id])).toEqual([['b', saved.id]]);
    await move(dir, 'b', 'c');
    expect((await catalog()).snapshots.map((s) => [s.name, s.id])).toEqual([['c', saved.id]]);
  });
});
