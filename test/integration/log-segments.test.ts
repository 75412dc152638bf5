import { cpSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { StoreFailedError } from '../../src/session/errors.ts';
import { crc32 } from '../../src/session/checksum.ts';
import { encodeRecord, fold, missingRecords } from '../../src/session/event-log.ts';
import type { SessionEvent } from '../../src/session/lifecycle.ts';
import { compareIds } from '../../src/session/names.ts';
import { nativeReader, type Reader } from '../../src/git/reader.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { cloneId } from '../../src/store/clone.ts';
import { MAX_SEGMENT_BYTES, writeEvent } from '../../src/store/events.ts';
import { Journal, journalDirectory, journalFile } from '../../src/store/journal.ts';
import {
  joinLogSegments,
  readLogSegments,
  recordsOf,
  unflushed,
  writeLogSegments,
} from '../../src/store/log-segments.ts';
import { isHeld } from '../../src/store/session-lock.ts';
import { readCatalog } from '../../src/store/sessions.ts';
import { type Person, waitFor } from '../support/harness.ts';
import { executed, logOf, OTHER_SESSION, record, SESSION, STARTED } from '../support/log-records.ts';
import { fsck, gitBytes, mayMount, mounted, resident } from '../support/store.ts';

/** One clone, with the log of one session as its commands see it. */
class Clone {
  readonly who: Person;
  readonly dir: string;
  readonly repo: Repository;

  private constructor(who: Person, dir: string, repo: Repository) {
    this.who = who;
    this.dir = dir;
    this.repo = repo;
  }

  static async at(who: Person, dir: string): Promise<Clone> {
    return new Clone(who, dir, await openRepository(dir));
  }

  async log(now?: () => number): Promise<Journal> {
    return new Journal({
      ...{ directory: journalDirectory(this.repo.commonDir), session: SESSION, name: 'work' },
      ...{ clone: cloneId(this.repo), durable: false },
      known: recordsOf(await this.segments(), SESSION),
      ...(now === undefined ? {} : { now }),
    });
  }

  segments() {
    return readLogSegments(this.repo.git, new Set(['work']));
  }

  async append(...events: SessionEvent[]): Promise<void> {
    await (await this.log()).append(events);
    // The answer comes before the lock is given back; a directory that is copied now would have it.
    const file = journalFile(journalDirectory(this.repo.commonDir), SESSION);
    await waitFor(() => !isHeld(`${file}.lock`), 'the lock to be given back');
  }

  async flush(): Promise<string[]> {
    const { records } = await this.log();
    const fresh = unflushed(records, await this.segments(), cloneId(this.repo));
    const newest = (await readCatalog(this.repo.git)).newestId('work');
    return fresh.length === 0 ? [] : writeLogSegments(this.repo, 'work', newest, fresh);
  }

  git(...args: string[]): Promise<string> {
    return this.who.git(this.dir, ...args);
  }

  refs(): Promise<string> {
    return this.git('for-each-ref', '--format=%(refname) %(objectname)', 'refs/sessions');
  }
}

/** Two clones of one bare repository. */
async function two(...initArgs: string[]): Promise<{ who: Person; a: Clone; b: Clone }> {
  const who = resident();
  const origin = path.join(who.dir, 'origin.git');
  await who.git(who.dir, 'init', '-q', '--bare', ...initArgs, origin);
  const dir = await who.repo('a', ...initArgs);
  await who.git(dir, 'remote', 'add', 'origin', origin);
  await who.git(dir, 'push', '-q', 'origin', 'main');
  await who.git(who.dir, 'clone', '-q', origin, 'b');
  return { who, a: await Clone.at(who, dir), b: await Clone.at(who, path.join(who.dir, 'b')) };
}

async function one(...initArgs: string[]): Promise<Clone> {
  const who = resident();
  return Clone.at(who, await who.repo('a', ...initArgs));
}

const commands = ({ records }: Pick<Journal, 'records'>) =>
  records.map((r) => (r.event.type === 'command-executed' ? r.event.data.command : r.event.type));
const ALL = 'refs/sessions/*:refs/sessions/*';
const PUSH = ['push', '-q', 'origin', 'refs/sessions/*'];

describe('flushing', () => {
  it.each([[[]], [['--object-format=sha256']]])(
    'E6: what is new goes into one segment, once %j',
    async (args) => {
      const a = await one(...args);
      await a.append(STARTED, executed('one'));
      expect(await a.flush()).toHaveLength(1);
      expect(await a.flush()).toEqual([]);
      await a.append(executed('two'));
      expect(await a.flush()).toHaveLength(1);
      const segments = await a.segments();
      expect(segments.map((s) => [s.name, s.remote, s.records.length, s.damaged])).toEqual([
        ['work', null, 2, 0],
        ['work', null, 1, 0],
      ]);
      const journal = readFileSync(path.join(journalDirectory(a.repo.commonDir), `${SESSION}.jsonl`));
      const blobs = await Promise.all(
        segments.map((s) => gitBytes(a.who, a.dir, ['cat-file', 'blob', s.oid])),
      );
      expect(Buffer.concat(blobs).equals(journal)).toBe(true);
      // Without the journal the log is the same, and goes on behind it.
      const { records, state } = await a.log();
      rmSync(journalDirectory(a.repo.commonDir), { recursive: true });
      expect(await a.log()).toMatchObject({ records, state });
      await a.append(executed('three'));
      expect((await a.log()).records.at(-1)).toMatchObject({ sequence: 4 });
      await fsck(a.who, a.dir);
    },
  );

  it('E7: a long log becomes as few segments as the size allows, in order', async () => {
    const a = await one();
    await a.append(STARTED);
    const journal = await a.log();
    const long = Array.from({ length: 30 }, (_, i): SessionEvent => ({
      ...{ type: 'analysis-completed', data: { results: `${i}`.padEnd(100_000, 'x') } },
    }));
    await journal.append(long);
    const ids = await a.flush();
    expect(ids).toHaveLength(3);
    expect(ids.toSorted(compareIds)).toEqual(ids);
    const sizes = (await a.git('for-each-ref', '--format=%(objectsize)', 'refs/sessions'))
      .split('\n')
      .map(Number);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_SEGMENT_BYTES);
    expect(recordsOf(await a.segments(), SESSION)).toEqual(journal.records);
  });

  it('E7: what the journal has in common with segments is read once, and damage in it is seen all the same', async () => {
    const a = await one();
    for (const n of [1, 2, 3]) {
      await a.append(...(n === 1 ? [STARTED] : []), executed(`one ${n}`), executed(`two ${n}`));
      await a.flush();
    }
    await a.append(executed('not flushed'));
    const file = journalFile(journalDirectory(a.repo.commonDir), SESSION);
    const bytes = readFileSync(file);
    const open = async () => {
      const segments = await a.segments();
      const options = {
        directory: journalDirectory(a.repo.commonDir),
        session: SESSION,
        name: 'work',
        durable: false,
      };
      const known = recordsOf(segments, SESSION);
      return new Journal({ ...options, clone: cloneId(a.repo), known, segments });
    };
    const plain = await a.log();
    expect(await open()).toMatchObject({
      records: plain.records,
      state: plain.state,
      damaged: [],
      tail: null,
    });
    for (const [text, line] of [
      ['one 2', 4],
      ['not flushed', 8],
    ] as const) {
      const damaged = Buffer.from(bytes);
      damaged[bytes.indexOf(text)] = 0;
      writeFileSync(file, damaged);
      expect((await open()).damaged.map((d) => d.line)).toEqual([line]);
    }
    writeFileSync(file, bytes);
    const log = await open();
    const [made] = await log.append([executed('next')]);
    expect(made!.sequence).toBe(9);
    log.read();
    expect(log.records).toEqual((await a.log()).records);
    // A shorter file than the segments: it came back from a backup.
    writeFileSync(file, bytes.subarray(0, bytes.indexOf(10) + 1));
    expect((await open()).records).toHaveLength(7);
    expect((await (await open()).append([executed('again')]))[0]!.sequence).toBe(8);
  });

  it.each([[[]], [['--object-format=sha256']]])(
    'E7: what the journal has of segments is not asked of git, as long as it is the same %j',
    async (args) => {
      const a = await one(...args);
      for (const n of [1, 2, 3]) {
        await a.append(...(n === 1 ? [STARTED] : []), executed(`one ${n}`), executed(`two ${n}`));
        await a.flush();
      }
      await a.append(executed('not flushed'));
      const file = journalFile(journalDirectory(a.repo.commonDir), SESSION);
      const bytes = readFileSync(file);
      const native = nativeReader(a.repo.git);
      const read = async () => {
        const asked: string[] = [];
        const reader: Reader = {
          listRefs: (prefixes) => native.listRefs(prefixes),
          readObjects: (oids) => {
            asked.push(...oids);
            return native.readObjects(oids);
          },
        };
        const near = { file, format: a.repo.objectFormat };
        const segments = await readLogSegments(reader, new Set(['work']), near);
        return { asked: asked.length, segments };
      };
      const plain = await a.segments();
      expect(plain).toHaveLength(3);
      expect(await read()).toEqual({ asked: 0, segments: plain });
      const damaged = Buffer.from(bytes);
      damaged[bytes.indexOf('one 2')] = 0;
      const journals: [Buffer | null, number][] = [
        [damaged, 2],
        [Buffer.concat([Buffer.from('\n'), bytes]), 3],
        [bytes.subarray(0, bytes.indexOf('one 3')), 1],
        [Buffer.alloc(0), 3],
        [null, 3],
      ];
      for (const [journal, asked] of journals) {
        if (journal === null) rmSync(file);
        else writeFileSync(file, journal);
        expect(await read()).toEqual({ asked, segments: plain });
      }
    },
  );

  it('V8: two flush at the same time, in the same millisecond too: nobody fails, nothing is there twice', async () => {
    const a = await one();
    await a.append(STARTED, executed('one'));
    await Promise.all([a.flush(), a.flush(), a.flush()]);
    const { records } = await a.log();
    await Promise.all([5, 6].map(() => writeLogSegments(a.repo, 'other', null, records, 5000)));
    expect(await readLogSegments(a.repo.git, new Set(['other']))).toHaveLength(1);
    expect(commands(await a.log())).toEqual(['started', 'one']);
  });

  it('F35: a clock that goes back makes no id that is earlier, and no other order', async () => {
    const a = await one();
    const times = [9_000_000_000_000, 5000, 4000];
    const journal = await a.log(() => times.shift()!);
    const ids: string[] = [];
    for (const [event, now] of [
      [STARTED, 9e12],
      [executed('one'), 5000],
      [executed('two'), 4000],
    ] as const) {
      const [made] = await journal.append([event]);
      const newest = (await readCatalog(a.repo.git)).newestId('work');
      ids.push(
        ...(await writeLogSegments(
          a.repo,
          'work',
          newest,
          [made!].map(({ applied: _, ...r }) => r),
          now,
        )),
      );
    }
    expect(ids.toSorted(compareIds)).toEqual(ids);
    rmSync(journalDirectory(a.repo.commonDir), { recursive: true });
    expect(commands(await a.log())).toEqual(['started', 'one', 'two']);
  });

  it('C7: a symbolic ref in the place of the session is not followed', async () => {
    const a = await one();
    await a.git('symbolic-ref', 'refs/sessions/work', 'refs/heads/main');
    const main = await a.git('rev-parse', 'main');
    await expect(writeLogSegments(a.repo, 'work', null, [record(1)])).rejects.toMatchObject({
      code: 'git-failed',
    });
    expect(await a.git('rev-parse', 'main')).toBe(main);
  });

  it.skipIf(!mayMount)('V7: a read-only repository is said to be one', async () => {
    const who = resident();
    const dir = await mounted(who, 4000);
    const repo = await openRepository(dir);
    await who.run('mount', ['-o', 'remount,ro', path.dirname(dir)]);
    await expect(writeLogSegments(repo, 'work', null, [record(1)])).rejects.toThrow(StoreFailedError);
  });
});

describe('a second clone', () => {
  it.each([[[]], [['--object-format=sha256']]])(
    'E6: that fetched plainly sees the same log, goes on with it, and pushes plainly, twice %j',
    async (args) => {
      const { a, b } = await two(...args);
      const expected: string[] = [];
      await a.append(STARTED);
      expected.push('started');
      for (const round of [1, 2]) {
        for (const [from, to] of [
          [a, b],
          [b, a],
        ] as const) {
          const command = `round ${round} ${from === a ? 'a' : 'b'}`;
          await from.append(executed(command));
          expected.push(command);
          await from.flush();
          await from.git(...PUSH);
          await to.git('fetch', '-q', 'origin', ALL);
          const [mine, theirs] = [await from.log(), await to.log()];
          expect(commands(theirs)).toEqual(expected);
          expect(theirs.records).toEqual(mine.records);
          expect(theirs.state).toEqual(mine.state);
          expect(await to.flush()).toEqual([]);
          // Also where there is nothing new.
          await to.git(...PUSH);
        }
      }
      expect(await b.refs()).toBe(await a.refs());
      expect(new Set((await a.log()).records.map((r) => r.clone)).size).toBe(2);
    },
  );

  it('E6: that fetched by the refspecs of init sees the same log, and both push plainly, twice', async () => {
    const { who, a, b } = await two();
    await who.ok(a.dir, 'init');
    await who.ok(b.dir, 'init');
    const expected = ['started'];
    await a.append(STARTED);
    for (const round of [1, 2]) {
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const command = `round ${round} ${from === a ? 'a' : 'b'}`;
        await from.append(executed(command));
        expected.push(command);
        await from.flush();
        await from.git(...PUSH);
        await to.git('fetch', '-q', '--prune', 'origin');
        expect(commands(await to.log())).toEqual(expected);
        expect((await to.log()).records).toEqual((await from.log()).records);
        // What is fetched is not flushed as its own.
        expect(await to.flush()).toEqual([]);
        await to.git(...PUSH);
      }
    }
    const local = (await a.segments()).filter((s) => s.remote === null);
    expect(new Set(local.flatMap((s) => s.records).map((r) => r.clone)).size).toBe(1);
  });

  it('E6: clones that write apart have the same log when they meet, and the first end counts', async () => {
    const { a, b } = await two();
    await a.append(STARTED, executed('before'));
    await a.flush();
    await a.git(...PUSH);
    await b.git('fetch', '-q', 'origin', ALL);
    for (const [clone, name] of [
      [a, 'a'],
      [b, 'b'],
    ] as const) {
      await clone.append(executed(name), { type: 'failed', data: { error: name } });
      await clone.flush();
      await clone.git(...PUSH);
    }
    for (const clone of [a, b, a]) await clone.git('fetch', '-q', 'origin', ALL);
    const [one, other] = [await a.log(), await b.log()];
    expect(other.records).toEqual(one.records);
    expect(other.state).toEqual(one.state);
    expect(one.state.name).toBe('failed');
    expect(
      fold(one.records)
        .applied.filter((r) => r.event.type === 'failed')
        .map((r) => r.applied),
    ).toEqual([true, false]);
    expect(missingRecords(one.records)).toEqual([]);
  });
});

describe('joining', () => {
  it.each([[[]], [['--object-format=sha256']]])(
    'E7: makes one of many, and the log is the same %j',
    async (args) => {
      const { a, b } = await two(...args);
      await a.append(STARTED);
      for (const n of [1, 2, 3, 4]) {
        await a.append(executed(`a ${n}`));
        await a.flush();
      }
      await writeEvent(a.repo, 'work', null, 'crq-linked', { snapshots: [], crq: 'CRQ-1' });
      await a.git(...PUSH);
      await b.git('fetch', '-q', 'origin', ALL);
      await b.append(executed('b 1'));
      await b.flush();
      await b.git(...PUSH);
      await a.git('fetch', '-q', 'origin', ALL);
      const before = await a.log();
      const join = async () => {
        const newest = (await readCatalog(a.repo.git)).newestId('work');
        return joinLogSegments(a.repo, 'work', await a.segments(), cloneId(a.repo), newest);
      };
      expect(await join()).toEqual({ before: 4, after: 1 });
      expect(await join()).toEqual({ before: 1, after: 1 });
      rmSync(journalDirectory(a.repo.commonDir), { recursive: true });
      expect((await a.log()).records).toEqual(before.records);
      expect(await a.flush()).toEqual([]);
      expect((await readCatalog(a.repo.git)).events).toHaveLength(1);
      // The other clone has both, and counts each once; both push.
      await a.git(...PUSH);
      await b.git('fetch', '-q', 'origin', ALL);
      expect((await b.log()).records).toEqual(before.records);
      await b.git(...PUSH);
      await fsck(a.who, a.dir);
    },
  );

  it('V11: lines go over as they are, also what a later version has added', async () => {
    const a = await one();
    await a.append(STARTED);
    const id = cloneId(a.repo);
    const lines = [1, 2, 3].map((n) => addKey(encodeRecord(record(n, { clone: id }))));
    for (const [n, line] of lines.entries()) {
      await put(a, `20261121T08000000${n}Z-00000001`, Buffer.from(line));
    }
    expect((await a.segments()).map((s) => [s.records.length, s.damaged])).toEqual([
      [1, 0],
      [1, 0],
      [1, 0],
    ]);
    await joinLogSegments(a.repo, 'work', await a.segments(), id, null);
    const [joined, ...others] = await a.segments();
    expect(others).toEqual([]);
    expect((await gitBytes(a.who, a.dir, ['cat-file', 'blob', joined!.oid])).toString()).toBe(lines.join(''));
  });

  it('F4: a damaged segment is not joined, and stays', async () => {
    const a = await one();
    const id = cloneId(a.repo);
    for (const n of [1, 2, 3])
      await writeLogSegments(a.repo, 'work', null, [record(n, { clone: id })], 5000 + n);
    await put(
      a,
      '20261121T080000000Z-00000001',
      Buffer.concat([logOf([record(4, { clone: id })]), Buffer.from('x\n')]),
    );
    expect(await joinLogSegments(a.repo, 'work', await a.segments(), id, null)).toEqual({
      before: 3,
      after: 1,
    });
    const segments = await a.segments();
    expect(segments.map((s) => `${s.records.length} ${s.damaged}`)).toEqual(
      expect.arrayContaining(['1 1', '3 0']),
    );
  });
});

/** The line with one key more in its data, and the checksum that it has then. */
function addKey(line: string): string {
  const body = `${line.slice(0, line.lastIndexOf(',"sum":'))}}`
    .replace('"data":{', '"data":{"added":[1],')
    .replace(',}', '}');
  const bytes = Buffer.from(body);
  const sum = crc32(bytes, 0, bytes.length).toString(16).padStart(8, '0');
  return `${body.slice(0, -1)},"sum":"${sum}"}\n`;
}

/** A segment of any bytes. */
async function put(clone: Clone, id: string, bytes: Buffer, name = 'work'): Promise<string> {
  const written = await gitBytes(clone.who, clone.dir, ['hash-object', '-w', '--stdin'], { input: bytes });
  const oid = written.toString().trim();
  await clone.git('update-ref', `refs/sessions/${name}/${id}/events`, oid);
  return oid;
}

describe('what others have pushed', () => {
  it('F4, F16: damaged, cut, foreign, missing and too large segments are told, and hide no other', async () => {
    const a = await one();
    const whole = logOf([record(1), record(2), record(3)]);
    const flipped = Buffer.from(whole);
    flipped[whole.indexOf('echo 2')] = 0x45;
    const id = (n: number) => `20261121T080000000Z-0000000${n}`;
    await put(a, id(0), whole);
    await put(a, id(1), flipped);
    await put(a, id(2), whole.subarray(0, -5));
    await put(a, id(3), whole.subarray(0, -1));
    await put(a, id(4), Buffer.from('anything\n'));
    await put(a, id(5), Buffer.alloc(MAX_SEGMENT_BYTES + 1, 10));
    const lost = await put(a, id(6), Buffer.from('soon gone\n'));
    rmSync(path.join(a.repo.commonDir, 'objects', lost.slice(0, 2), lost.slice(2)));
    await a.git('update-ref', `refs/sessions/work/${id(7)}/events`, 'HEAD');
    await writeEvent(a.repo, 'work', null, 'deleted', { snapshots: [] });
    await put(a, id(9), whole, 'work/below');
    const segments = await a.segments();
    expect(segments.map((s) => [s.id.at(-1), s.records.length, s.damaged])).toEqual([
      ...[
        ['0', 3, 0],
        ['1', 2, 1],
        ['2', 2, 1],
        ['3', 3, 0],
        ['4', 0, 1],
        ['5', 0, 1],
        ['6', 0, 1],
        ['7', 0, 1],
      ],
    ]);
    expect(recordsOf(segments, SESSION)).toEqual([record(1), record(2), record(3)]);
    expect(recordsOf(segments, OTHER_SESSION)).toEqual([]);
    expect((await readLogSegments(a.repo.git)).map((s) => s.name)).toContain('work/below');
  });

  it('F35: a hostile clock does not keep this clone from going on', async () => {
    const a = await one();
    await a.append(STARTED);
    const far = record(2 ** 53 - 1, {
      clone: cloneId(a.repo),
      clock: Date.UTC(9999, 11, 31, 23, 59, 59, 999),
    });
    await put(a, '20261121T080000000Z-00000000', logOf([far]));
    for (const command of ['one', 'two', 'three']) await a.append(executed(command));
    const log = await a.log();
    expect(commands(log).filter((c) => !c.startsWith('echo'))).toEqual(['started', 'one', 'two', 'three']);
    expect(log.damaged).toEqual([]);
    expect(await a.flush()).toHaveLength(1);
  });

  it('E7: a list reads past a long log: 10,000 events cost it little', async () => {
    const a = await one();
    const many = Array.from({ length: 10_000 }, (_, i) => record(i + 1));
    await writeLogSegments(a.repo, 'work', null, many);
    await writeEvent(a.repo, 'work', null, 'crq-linked', { snapshots: [], crq: 'CRQ-1' });
    const { events } = await readCatalog(a.repo.git);
    expect(events).toHaveLength(1);
    expect((await readLogSegments(a.repo.git)).flatMap((s) => s.records)).toEqual(many);
  });
});

describe('F35: which clone wrote a record', () => {
  it('a copied clone gets an id of its own, and the log of both is whole', async () => {
    const { who, a } = await two();
    await a.append(STARTED, executed('before'));
    const copy = path.join(who.dir, 'copy');
    cpSync(a.dir, copy, { recursive: true, verbatimSymlinks: true });
    const c = await Clone.at(who, copy);
    expect(cloneId(c.repo)).not.toBe(cloneId(a.repo));
    expect(cloneId(c.repo)).toBe(cloneId(c.repo));
    await a.append(executed('in a'));
    await c.append(executed('in the copy'));
    // Also what the original wrote before the copy and never flushed.
    await c.flush();
    await c.git(...PUSH);
    await a.flush();
    await a.git('fetch', '-q', 'origin', ALL);
    await a.git(...PUSH);
    await c.git('fetch', '-q', 'origin', ALL);
    expect(commands(await c.log()).toSorted()).toEqual(['before', 'in a', 'in the copy', 'started']);
    expect((await c.log()).records).toEqual((await a.log()).records);
    expect(missingRecords((await a.log()).records)).toEqual([]);
  });

  it('a clone that was moved keeps its id, also where a copy takes its place', async () => {
    const { who, a } = await two();
    const id = cloneId(a.repo);
    const moved = path.join(who.dir, 'moved');
    renameSync(a.dir, moved);
    expect(cloneId((await Clone.at(who, moved)).repo)).toBe(id);
    cpSync(moved, a.dir, { recursive: true });
    expect(cloneId(a.repo)).not.toBe(id);
    expect(cloneId((await Clone.at(who, moved)).repo)).toBe(id);
  });

  it('another host makes it another clone; a file of the first version stays what it is', async () => {
    const a = await one();
    const id = cloneId(a.repo);
    const file = path.join(a.repo.commonDir, 'git-session', 'clone-id');
    const [, place] = readFileSync(file, 'utf8').split('\n');
    expect(JSON.parse(place!)).toMatchObject({ inode: expect.stringMatching(/^\d+$/u) as string });
    writeFileSync(
      file,
      `${id}\n${JSON.stringify({ ...(JSON.parse(place!) as object), host: 'elsewhere' })}\n`,
    );
    const other = cloneId(a.repo);
    expect(other).not.toBe(id);
    expect(cloneId(a.repo)).toBe(other);
    writeFileSync(file, `${id}\n`);
    expect(cloneId(a.repo)).toBe(id);
    expect(readFileSync(file, 'utf8')).toBe(`${id}\n`);
  });

  it('many at once agree on one', async () => {
    const a = await one();
    const ids = await Promise.all(
      Array.from({ length: 20 }, async () => cloneId(await openRepository(a.dir))),
    );
    expect(new Set(ids).size).toBe(1);
    expect(existsSync(path.join(a.repo.commonDir, 'git-session', 'clone-id'))).toBe(true);
  });
});
