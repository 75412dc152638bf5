import { rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { crc32 } from '../../src/session/checksum.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { decodeRecord, encodeRecord, type LogRecord } from '../../src/session/event-log.ts';
import type { SessionEvent } from '../../src/session/lifecycle.ts';
import { MAX_SEGMENT_BYTES } from '../../src/store/events.ts';
import {
  FORGOTTEN,
  goesWith,
  knownRefs,
  type KnownRef,
  rewriteSegments,
  type Target,
  withoutMessage,
} from '../../src/store/forgotten.ts';
import type { Person } from '../support/harness.ts';
import { executed, logOf, record, SESSION, STARTED } from '../support/log-records.ts';
import { gitBytes, resident } from '../support/store.ts';

const CANARY = ['canary', 'of', 'the', 'message'].join('-');
const IDS = ['08', '09', '10', '11'].map((hour) => `20261121T${hour}0000000Z-aaaaaaaa`) as [
  ...[string, string, string, string],
];
const [FIRST, SECOND, THIRD, FOURTH] = IDS;

interface Place {
  who: Person;
  dir: string;
  repo: Repository;
}

async function place(...initArgs: string[]): Promise<Place> {
  const who = resident();
  const dir = await who.repo('repo', ...initArgs);
  return { who, dir, repo: await openRepository(dir) };
}

async function put({ who, dir }: Place, ref: string, bytes: Buffer): Promise<string> {
  const oid = (await gitBytes(who, dir, ['hash-object', '-w', '--stdin'], { input: bytes }))
    .toString('latin1')
    .trim();
  await who.git(dir, 'update-ref', ref, oid);
  return oid;
}

async function refsOf({ who, dir }: Place): Promise<string[]> {
  const out = await who.git(dir, 'for-each-ref', '--format=%(refname)', 'refs/sessions');
  return out.split('\n').filter((ref) => ref !== '');
}

/** Lines of JSON, as another program may write them too. */
function segment(...lines: object[]): Buffer {
  return Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

function linked(type: string, snapshots: string[], more: object = {}, sequence = 1): object {
  const at = '2026-11-21T10:00:00.000Z';
  return { at, clone: 'c', data: { ...more, snapshots }, sequence, type, version: 1 };
}

/** A line of a log with something that no line of ours has, and the checksum for it. */
function signed(object: object): Buffer {
  const text = JSON.stringify(object);
  const sum = crc32(Buffer.from(text), 0, Buffer.byteLength(text)).toString(16).padStart(8, '0');
  return Buffer.from(`${text.slice(0, -1)},"sum":"${sum}"}\n`);
}

function known(
  kind: KnownRef['kind'],
  bytes: Buffer | null = null,
  change: Partial<KnownRef> = {},
): KnownRef {
  return {
    ...{ ref: `refs/sessions/work/${FIRST}/${kind}`, oid: '0'.repeat(40), name: 'work', id: FIRST },
    ...{ remote: null, kind, bytes },
    ...change,
  };
}

function saved(snapshot: string, message: string): SessionEvent {
  return {
    type: 'checkpoint-saved',
    data: { snapshot, iteration: 0, state: 'created', resumable: true, message },
  };
}

const messages = (bytes: Buffer): (string | null)[] =>
  bytes
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const event = decodeRecord(line)?.event;
      return event?.type === 'checkpoint-saved' ? event.data.message : null;
    });

describe('the refs that forget knows (attack E6)', () => {
  it('E6 all that are ours, here and of remotes, with the bytes of events', async () => {
    const at = await place();
    const events = segment(linked('deleted', [FIRST]));
    await put(at, `refs/sessions/work/${FIRST}/snapshot`, Buffer.from('{}'));
    await put(at, `refs/sessions/team/work/${FIRST}/context`, Buffer.from('x'));
    await put(at, `refs/sessions/work/${SECOND}/events`, events);
    const oid = await put(at, `refs/remote-sessions/origin/work/${SECOND}/events`, events);
    const found = await knownRefs(at.repo);
    expect(found.map((ref) => [ref.remote, ref.name, ref.id, ref.kind, ref.bytes])).toEqual([
      ['origin', 'work', SECOND, 'events', events],
      [null, 'team/work', FIRST, 'context', null],
      [null, 'work', FIRST, 'snapshot', null],
      [null, 'work', SECOND, 'events', events],
    ]);
    expect(found[0]).toMatchObject({ ref: `refs/remote-sessions/origin/work/${SECOND}/events`, oid });
  });

  it('C7 a symbolic ref and one of a foreign name are none of ours', async () => {
    const at = await place();
    await put(at, 'refs/sessions/work/notes', Buffer.from('x'));
    await at.who.git(at.dir, 'symbolic-ref', `refs/sessions/work/${FIRST}/snapshot`, 'refs/heads/main');
    expect(await knownRefs(at.repo)).toEqual([]);
  });

  it('V6 events that are too large are not read, one that is missing hides no other', async () => {
    const at = await place();
    await put(at, `refs/sessions/work/${FIRST}/events`, Buffer.alloc(MAX_SEGMENT_BYTES + 1, 'x'));
    await put(at, `refs/sessions/work/${SECOND}/events`, Buffer.alloc(MAX_SEGMENT_BYTES, 'x'));
    const lost = await put(at, `refs/sessions/work/${THIRD}/events`, logOf([record(1)]));
    rmSync(path.join(at.repo.commonDir, 'objects', lost.slice(0, 2), lost.slice(2)));
    await put(at, `refs/sessions/work/${FOURTH}/events`, logOf([record(2)]));
    const found = await knownRefs(at.repo);
    expect(found.map(({ id, bytes }) => [id, bytes?.length ?? null])).toEqual([
      [FIRST, null],
      [SECOND, MAX_SEGMENT_BYTES],
      [THIRD, null],
      [FOURTH, logOf([record(2)]).length],
    ]);
  });
});

describe('what goes with a target (attack E6)', () => {
  const all: Target = { name: 'work', id: null };
  const one: Target = { name: 'work', id: FIRST };
  const log = logOf([record(1), record(2)]);
  const gone = logOf([record(1, { event: { type: 'deleted', data: {} } })]);
  const both = logOf([record(1), record(2, { event: { type: 'deleted', data: {} } })]);
  // Who forges a deletion with something in it: that is no tombstone.
  const loaded = segment({ clone: 'a', data: { x: CANARY }, sequence: 1, session: SESSION, type: 'deleted' });

  const { event: _, ...head } = record(1);
  const end = { ...head, type: 'deleted' as const, data: {} };
  const sorted = (object: object) =>
    Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  const noted = signed(sorted({ ...end, note: CANARY }));
  const quoted = logOf([record(1, { event: saved('x/y', ',"type":"deleted" "data":{}') })]);

  it.each<[string, KnownRef, boolean, boolean]>([
    ['a snapshot', known('snapshot'), true, true],
    ['the context of it', known('context'), true, true],
    ['another snapshot of the session', known('snapshot', null, { id: SECOND }), true, false],
    ['a snapshot of another session', known('snapshot', null, { name: 'workshop' }), false, false],
    ['events of another session', known('events', log, { name: 'other' }), false, false],
    ['the copy of a remote', known('snapshot', null, { remote: 'origin' }), true, true],
    ['events that were not read', known('events'), true, false],
    ['a log', known('events', log), true, false],
    ['a log that ends with its deletion', known('events', both), true, false],
    ['of a log that the session is gone, and nothing else', known('events', gone), false, false],
    ['a deletion that says more', known('events', loaded), true, false],
    [
      'a deletion with a title',
      known('events', segment(linked('deleted', [FIRST], { title: CANARY }))),
      true,
      true,
    ],
    ['a deletion of what is no id', known('events', segment(linked('deleted', [CANARY]))), true, false],
    ['a deletion without a line end', known('events', gone.subarray(0, -1)), true, false],
    ['the end of a log with a note', known('events', noted), true, false],
    ['the end of a log in a text', known('events', quoted), true, false],
    ['nothing', known('events', Buffer.alloc(0)), true, false],
    ['a link of nothing', known('events', segment(linked('crq-linked', []))), true, false],
    [
      'that a snapshot has another name',
      known('events', segment(linked('deleted', [FIRST], { renamedTo: 'other' }))),
      ...([false, false] as const),
    ],
    ['that a snapshot is deleted', known('events', segment(linked('deleted', [FIRST]))), false, false],
    ['a link of just this snapshot', known('events', segment(linked('crq-linked', [FIRST]))), true, true],
    ['a link of another', known('events', segment(linked('crq-linked', [SECOND]))), true, false],
    ['a link of this one and another', known('events', segment(linked('crq-linked', IDS))), true, false],
    [
      'a deletion and a link together',
      known('events', segment(linked('deleted', [FIRST]), linked('crq-linked', [FIRST], {}, 2))),
      ...([true, true] as const),
    ],
  ])('E6 %s', (_, ref, withSession, withSnapshot) => {
    expect([goesWith(ref, all), goesWith(ref, one)]).toEqual([withSession, withSnapshot]);
  });
});

describe('the message of a snapshot that is forgotten (attack E6)', () => {
  it('E6 goes, and nothing else: not of others, not twice, not the number of the event', () => {
    const edit = withoutMessage([
      { name: 'work', id: FIRST },
      { name: 'other', id: SECOND },
    ]);
    const mine = record(4, { event: saved(`work/${FIRST}`, CANARY) });
    const after = edit(mine);
    expect(after).toEqual({ ...mine, event: saved(`work/${FIRST}`, FORGOTTEN) });
    expect(edit(after)).toBe(after);
    expect(decodeRecord(encodeRecord(after).trimEnd())).toEqual(after);
    for (const event of [STARTED, executed(CANARY), saved(`work/${SECOND}`, CANARY), saved(FIRST, CANARY)]) {
      const stays = record(4, { event });
      expect(edit(stays)).toBe(stays);
    }
  });
});

describe('segments that are written anew (attack E6)', () => {
  const edit = withoutMessage([{ name: 'work', id: FIRST }]);
  const secret = record(2, { event: saved(`work/${FIRST}`, CANARY) });

  it.each([[[]], [['--object-format=sha256']]])(
    'E6 only what changes: the old ref goes, the new one is later than all of the session %j',
    async (args) => {
      const at = await place(...args);
      const clean = logOf([record(3)]);
      // What is no record of ours stays byte for byte, beside what changes.
      const torn = Buffer.concat([logOf([record(1), secret]), Buffer.from(`{"torn":"${FIRST}"\n`)]);
      const late = '99991231T235959998Z-bbbbbbbb';
      await put(at, `refs/sessions/work/${FIRST}/events`, torn);
      await put(at, `refs/sessions/work/${SECOND}/events`, clean);
      await put(at, `refs/sessions/work/${late}/events`, logOf([record(4)]));
      await put(at, `refs/sessions/other/99991231T235959999Z-cccccccc/events`, clean);
      const before = await knownRefs(at.repo);
      const changed = await rewriteSegments(at.repo, before, edit);
      expect(changed.map(({ ref }) => ref)).toEqual([`refs/sessions/work/${FIRST}/events`]);
      const after = await knownRefs(at.repo);
      expect(after).toHaveLength(4);
      expect(after.some(({ ref }) => ref === changed[0]!.ref)).toBe(false);
      const fresh = after.find(({ ref }) => !before.some((old) => old.ref === ref))!;
      expect(fresh.id.slice(0, 19)).toBe('99991231T235959999Z');
      expect(fresh.id.slice(20)).toBe(fresh.oid.slice(0, 8));
      expect(messages(fresh.bytes!)).toEqual([null, FORGOTTEN, null]);
      expect(fresh.bytes!.toString('utf8')).toContain(`\n{"torn":"${FIRST}"\n`);
      expect(fresh.bytes!.includes(CANARY)).toBe(false);
      // A second time there is nothing left to do.
      expect(await rewriteSegments(at.repo, after, edit)).toEqual([]);
      expect(await knownRefs(at.repo)).toEqual(after);
    },
  );

  it('E6 not the copy of a remote, not what was not read, not what is no log', async () => {
    const at = await place();
    const bytes = logOf([secret]);
    await put(at, `refs/remote-sessions/origin/work/${FIRST}/events`, bytes);
    await put(at, `refs/sessions/work/${SECOND}/events`, segment(linked('crq-linked', [FIRST])));
    await put(at, `refs/sessions/work/${THIRD}/snapshot`, Buffer.from('{}'));
    const before = await knownRefs(at.repo);
    const all = (r: LogRecord): LogRecord => ({ ...r, event: STARTED });
    expect(await rewriteSegments(at.repo, before, all)).toEqual([]);
    expect(await knownRefs(at.repo)).toEqual(before);
  });

  it('F19 a segment that somebody has replaced meanwhile is not taken away, and none is added', async () => {
    const at = await place();
    const ref = `refs/sessions/work/${FOURTH}/events`;
    await put(at, ref, logOf([secret]));
    const before = await knownRefs(at.repo);
    await put(at, ref, logOf([secret, record(3)]));
    await expect(rewriteSegments(at.repo, before, edit)).rejects.toThrow();
    expect(await refsOf(at)).toEqual([ref]);
  });
});
