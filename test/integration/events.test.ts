import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/session/codec.ts';
import { StoreFailedError } from '../../src/session/errors.ts';
import { compareIds, parseSessionRef, sessionRef } from '../../src/session/names.ts';
import { openRepository } from '../../src/git/repository.ts';
import { type EventRecord, MAX_SEGMENT_BYTES, parseSegment, writeEvent } from '../../src/store/events.ts';
import { cloneId } from '../../src/store/clone.ts';
import { readCatalog } from '../../src/store/sessions.ts';
import { fsck, mayMount, mounted, resident, saveIn } from '../support/store.ts';

const record = (change: Partial<Record<keyof EventRecord, unknown>> = {}): unknown => ({
  ...{ version: 1, clone: 'c', sequence: 1, at: '2026-11-21T08:00:00.000Z', type: 'deleted' },
  data: { snapshots: ['x'] },
  ...change,
});
const lines = (...values: unknown[]) => Buffer.from(values.map((v) => `${JSON.stringify(v)}\n`).join(''));

async function setUp(...initArgs: string[]) {
  const who = resident();
  const dir = await who.repo('repo', ...initArgs);
  return { who, dir, repo: await openRepository(dir) };
}

describe('writing an event', () => {
  it.each([[[]], [['--object-format=sha256']]])(
    'is a blob of canonical JSON under a write-once ref %j',
    async (args) => {
      const { who, dir, repo } = await setUp(...args);
      const now = Date.UTC(2026, 10, 21, 8);
      const id = await writeEvent(
        repo,
        'a/b',
        null,
        'deleted',
        { snapshots: ['x', 'y'], renamedTo: 'ü' },
        now,
      );
      const ref = sessionRef('a/b', id, 'events');
      expect(parseSessionRef(ref)).not.toBeNull();
      const text = await who.git(dir, 'cat-file', 'blob', ref);
      expect(text).toBe(canonicalJson(JSON.parse(text)));
      expect(JSON.parse(text)).toEqual({
        ...{
          version: 1,
          clone: cloneId(repo),
          sequence: now,
          at: '2026-11-21T08:00:00.000Z',
          type: 'deleted',
        },
        data: { snapshots: ['x', 'y'], renamedTo: 'ü' },
      });
      expect(id.slice(20)).toBe((await who.git(dir, 'rev-parse', ref)).slice(0, 8));
      expect((await readCatalog(repo.git)).events).toMatchObject([
        { name: 'a/b', remote: null, record: JSON.parse(text) },
      ]);
      await fsck(who, dir);
    },
  );

  it('F35: comes after everything that is known of the session, also when the clock goes back', async () => {
    const { repo } = await setUp();
    const ids: string[] = [];
    for (const now of [5000, 4000, 4000, 9000, 0]) {
      const newest = (await readCatalog(repo.git)).newestId('x');
      ids.push(await writeEvent(repo, 'x', newest, 'crq-linked', { snapshots: [], crq: 'CRQ-1' }, now));
    }
    expect(ids.toSorted(compareIds)).toEqual(ids);
    expect((await readCatalog(repo.git)).events.map((e) => e.record.sequence)).toEqual([
      5000, 5001, 5002, 9000, 9001,
    ]);
  });

  it('F2: 20 at the same time are all kept', async () => {
    const { repo } = await setUp();
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        writeEvent(repo, 'x', null, 'crq-linked', { snapshots: [], crq: `CRQ-${i}` }, 5000),
      ),
    );
    const crqs = (await readCatalog(repo.git)).events.map((e) => e.record.data.crq);
    expect(new Set(crqs).size).toBe(20);
    expect(new Set((await readCatalog(repo.git)).events.map((e) => e.record.clone)).size).toBe(1);
  });

  it('C7: a symbolic ref in the place of the session is not followed', async () => {
    const { who, dir, repo } = await setUp();
    const main = await who.git(dir, 'rev-parse', 'main');
    await who.git(dir, 'symbolic-ref', 'refs/sessions/x', 'refs/heads/main');
    await expect(writeEvent(repo, 'x', null, 'deleted', { snapshots: [] })).rejects.toMatchObject({
      code: 'git-failed',
    });
    expect(await who.git(dir, 'rev-parse', 'main')).toBe(main);
  });
});

describe("a clone's own id", () => {
  it('is made once, and shared by its worktrees', async () => {
    const { who, dir, repo } = await setUp();
    const id = cloneId(repo);
    expect(id).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u);
    expect(cloneId(repo)).toBe(id);
    await who.git(dir, 'worktree', 'add', '-q', '../linked');
    expect(cloneId(await openRepository(path.join(who.dir, 'linked')))).toBe(id);
    expect(readdirSync(path.join(dir, '.git/git-session'))).toEqual(['clone-id']);
    expect(await who.git(dir, 'status', '--porcelain')).toBe('');
  });

  it.each([
    ['empty, as a power loss leaves it', ''],
    ['cut', '0123\n'],
    ['something else', '#(id)\n'],
  ])('F39: a file that is %s is made anew, once', async (_, text) => {
    const { repo } = await setUp();
    const folder = path.join(repo.commonDir, 'git-session');
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'clone-id'), text);
    const id = cloneId(repo);
    expect(id).toHaveLength(36);
    expect(cloneId(repo)).toBe(id);
    expect(readFileSync(path.join(folder, 'clone-id'), 'utf8').split('\n')[0]).toBe(id);
    expect(readdirSync(folder)).toEqual(['clone-id']);
  });

  it.skipIf(!mayMount)('F9: a read-only repository is said to be one', async () => {
    const who = resident();
    const dir = await mounted(who, 4000);
    const repo = await openRepository(dir);
    const readOnly = () => who.run('mount', ['-o', 'remount,ro', path.dirname(dir)]);
    const write = () => writeEvent(repo, 'x', null, 'deleted', { snapshots: [] });
    await readOnly();
    // Without a clone id yet, and with one.
    await expect(write()).rejects.toThrow(`cannot write to ${dir}/.git: Read-only file system`);
    await who.run('mount', ['-o', 'remount,rw', path.dirname(dir)]);
    cloneId(repo);
    await readOnly();
    await expect(write()).rejects.toThrow(StoreFailedError);
  });

  it('what is in the way is not removed', async () => {
    const { repo } = await setUp();
    writeFileSync(path.join(repo.commonDir, 'git-session'), 'mine');
    expect(() => cloneId(repo)).toThrow('ENOTDIR');
    expect(readFileSync(path.join(repo.commonDir, 'git-session'), 'utf8')).toBe('mine');
  });
});

describe('F3, F4: reading a segment', () => {
  it('gives all its records, in their order', () => {
    const all = [
      record(),
      record({
        sequence: 2,
        type: 'crq-linked',
        data: { snapshots: [], crq: 'CRQ-1', title: 't', path: { base64: '/w==' } },
      }),
      record({ type: 'crq-unlinked', data: { snapshots: [], crq: 'x', title: null, path: null } }),
    ];
    expect(parseSegment(lines(...all))).toEqual(all);
    expect(parseSegment(Buffer.from(''))).toEqual([]);
  });

  it('loses at most the record that is cut, at every byte', () => {
    const all = [record(), record({ sequence: 2 }), record({ sequence: 3 })];
    const bytes = lines(...all);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const whole = bytes.subarray(0, cut).filter((b) => b === 10).length;
      const found = parseSegment(bytes.subarray(0, cut));
      // The last one may miss its line break only.
      expect([whole, whole + 1]).toContain(found.length);
      expect(found).toEqual(all.slice(0, found.length));
    }
  });

  it.each([
    ['no JSON', 'x'],
    ['null', null],
    ['a list', []],
    ['a number', 5],
    ['a newer version', record({ version: 2 })],
    ['no clone', record({ clone: undefined })],
    ['a sequence that is text', record({ sequence: '1' })],
    ['a sequence that is too large', record({ sequence: 2 ** 53 })],
    ['another type', record({ type: 'started' })],
    ['no type', record({ type: undefined })],
    ['no data', record({ data: null })],
    ['data that is text', record({ data: 'x' })],
    ['no snapshots', record({ data: {} })],
    ['snapshots that are no list', record({ data: { snapshots: 'x' } })],
    ['snapshots that are numbers', record({ data: { snapshots: [1] } })],
    ['a CRQ that is none', record({ data: { snapshots: [], crq: '../x' } })],
    ['a CRQ that is a number', record({ data: { snapshots: [], crq: 1 } })],
    ['a title that is a number', record({ data: { snapshots: [], title: 1 } })],
    ['a path that is a number', record({ data: { snapshots: [], path: 1 } })],
    ['a path that is something else', record({ data: { snapshots: [], path: { base64: 1 } } })],
  ])('leaves out %s, and reads on', (_, value) => {
    expect(
      parseSegment(
        Buffer.concat([
          lines(record()),
          Buffer.from(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`),
          lines(record({ sequence: 2 })),
        ]),
      ),
    ).toEqual([record(), record({ sequence: 2 })]);
  });

  it('D2: one that is too large is not read', () => {
    expect(parseSegment(Buffer.concat([lines(record()), Buffer.alloc(MAX_SEGMENT_BYTES, ' ')]))).toEqual([]);
  });

  it('F4: random bytes never throw', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.array(fc.json()).map((l) => Buffer.from(l.join('\n'))),
        ),
        (bytes) => {
          expect(Array.isArray(parseSegment(bytes))).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('tombstones', () => {
  it('F17: what is deleted is not listed, and its objects are still there', async () => {
    const { who, dir, repo } = await setUp();
    const [one, two] = [await saveIn(dir), await saveIn(dir)];
    await writeEvent(repo, 'forged', two.id, 'deleted', { snapshots: [one.id] });
    expect((await readCatalog(repo.git)).snapshots.map((s) => s.id)).toEqual([two.id]);
    expect(await who.git(dir, 'cat-file', '-t', one.oid)).toBe('blob');
  });
});
