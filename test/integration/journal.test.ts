import { spawn } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  FileProblemError,
  InvalidTransitionError,
  LimitError,
  SessionLockedError,
} from '../../src/session/errors.ts';
import { encodeRecord, MAX_CLOCK, missingRecords, scanLog } from '../../src/session/event-log.ts';
import type { SessionEvent } from '../../src/session/lifecycle.ts';
import { currentOwner } from '../../src/process/identity.ts';
import { Journal, type JournalOptions, journalFile } from '../../src/store/journal.ts';
import { isHeld, lockSession } from '../../src/store/session-lock.ts';
import { person, temporaryFolder, waitFor } from '../support/harness.ts';
import { journalWriter, writerArguments } from '../support/journal-writer.ts';
import { executed, logOf, OTHER_SESSION, record, SESSION, STARTED } from '../support/log-records.ts';
import { mayMount, mounted, resident } from '../support/store.ts';

const ENDED: SessionEvent = { type: 'failed', data: { error: 'x' } };

function setUp(change: Partial<JournalOptions> = {}) {
  const directory = path.join(temporaryFolder(), 'journal');
  const options: JournalOptions = {
    ...{
      directory,
      session: SESSION,
      name: 'work',
      clone: 'a',
      durable: false,
      known: [],
      patienceMs: 60_000,
    },
    ...change,
  };
  const file = journalFile(options.directory, options.session);
  return {
    directory,
    file,
    options,
    open: (more: Partial<JournalOptions> = {}) => new Journal({ ...options, ...more }),
  };
}

const commands = (journal: Journal) =>
  journal.records.map((r) => (r.event.type === 'command-executed' ? r.event.data.command : r.event.type));

describe('appending', () => {
  it('E7, V8: events are in the file when they are acknowledged, with a number and a clock each', async () => {
    const { file, open, directory } = setUp();
    const journal = open({ now: () => 5000 });
    expect([journal.records, journal.state]).toEqual([[], { name: 'created' }]);
    expect(existsSync(directory)).toBe(false);
    const made = await journal.append([STARTED, executed('a')]);
    expect(made).toMatchObject([
      { sequence: 1, clock: 5000, at: '1970-01-01T00:00:05.000Z', applied: true, event: STARTED },
      { sequence: 2, clock: 5001, at: '1970-01-01T00:00:05.000Z', applied: true, event: executed('a') },
    ]);
    const before = readFileSync(file);
    expect(before.toString()).toBe(journal.records.map((r) => encodeRecord(r)).join(''));
    await journal.append([executed('b')]);
    expect(readFileSync(file).subarray(0, before.length).equals(before)).toBe(true);
    const again = open();
    expect(again.records).toEqual(journal.records);
    expect(again.state).toEqual({ name: 'running', iteration: 0 });
    await waitFor(() => readdirSync(directory).join(' ') === `${SESSION}.jsonl`, 'the log to be alone');
  });

  it('V8: what the state does not take is refused whole, and nothing is written', async () => {
    const { file, open } = setUp();
    const journal = open();
    await expect(journal.append([executed('a'), { type: 'resumed', data: {} }])).rejects.toThrow(
      "session 'work' is created, and takes no 'resumed'",
    );
    expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe('');
    await journal.append([STARTED, ENDED]);
    const before = readFileSync(file);
    const refused = journal.append([STARTED]);
    await expect(refused).rejects.toThrow(InvalidTransitionError);
    await expect(refused).rejects.toMatchObject({ data: { state: 'failed', event: 'started' } });
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('V8: one request that is refused does not keep back those that come with it', async () => {
    const { open } = setUp();
    const journal = open();
    const results = await Promise.allSettled([
      journal.append([STARTED]),
      journal.append([STARTED]),
      journal.append((state) => (state.name === 'running' ? [executed('a'), executed('b')] : [])),
      journal.append((_, records) => [executed(`after ${records().length}`)]),
      journal.append(() => {
        throw new Error('mine');
      }),
      journal.append([]),
      journal.append([executed('c')]),
    ]);
    expect(results.map((r) => r.status)).toEqual([
      ...['fulfilled', 'rejected', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    ]);
    expect(commands(journal)).toEqual(['started', 'a', 'b', 'after 3', 'c']);
    expect(open().records.map((r) => r.sequence)).toEqual([1, 2, 3, 4, 5]);
  });

  it.each<[string, unknown]>([
    ['a command that is longer than any that is read', executed('x'.repeat(4097))],
    ['more than a record holds', { type: 'analysis-completed', data: { results: 'x'.repeat(600_000) } }],
    ['results that are too deep', { type: 'analysis-completed', data: { results: nested(40) } }],
    ['results that have no end', { type: 'analysis-completed', data: { results: circle() } }],
    ['no results', { type: 'analysis-completed', data: {} }],
    ['no data', { type: 'paused' }],
    ['a number that JSON has not', { ...executed('x'), data: { ...executed('x').data, durationMs: NaN } }],
    ['an unknown event', { type: 'exploded', data: {} }],
  ])('E6: what could not be read back is not written: %s', async (_, event) => {
    const { open } = setUp();
    const journal = open();
    await journal.append([STARTED]);
    await expect(journal.append([executed('before'), event as SessionEvent])).rejects.toThrow(LimitError);
    await journal.append([executed('after')]);
    expect(commands(open())).toEqual(['started', 'after']);
  });

  it('E6: what the caller changes later is not changed in the log', async () => {
    const { open } = setUp();
    const journal = open();
    const config = { type: 'started', data: { name: 'one' } } satisfies SessionEvent;
    await journal.append([config]);
    config.data.name = 'two';
    expect(journal.records).toMatchObject([{ event: { data: { name: 'one' } } }]);
  });

  it('E7: a clone that has no id writes nothing', async () => {
    const { open, directory } = setUp({ clone: '' });
    await expect(open().append([STARTED])).rejects.toThrow(FileProblemError);
    expect(existsSync(directory)).toBe(false);
  });

  it('C1: a session whose id is a path has no log', () => {
    expect(() => setUp().open({ session: '../x' })).toThrow(FileProblemError);
  });

  it('E6: records of other places count, each once, and this clone goes on behind them', async () => {
    const theirs = [
      record(1),
      record(2, { clone: 'b', clock: 9e12 }),
      record(3, { event: executed('mine') }),
    ];
    const { open } = setUp({ known: theirs });
    const journal = open();
    expect(journal.records).toHaveLength(3);
    const [made] = await journal.append([executed('next')]);
    expect(made).toMatchObject({ sequence: 4, clock: 9e12 + 1 });
    const again = open();
    expect(again.records.map((r) => `${r.clone}${r.sequence}`)).toEqual(['a1', 'a3', 'b2', 'a4']);
    await again.append([ENDED]);
    journal.read();
    expect(journal.state).toEqual({ name: 'failed', error: 'x' });
    expect(journal.records).toEqual(again.records);
  });

  it('F35: a clock that goes back, and one from the end of the calendar, lead to records that are read', async () => {
    const times = [5000, 4000, -1, 9e15, 6000];
    const { open } = setUp({ now: () => times.shift() ?? 7000 });
    const journal = open();
    for (const event of [STARTED, executed('a'), executed('b'), executed('c'), executed('d')]) {
      await journal.append([event]);
    }
    expect(journal.records.map((r) => r.clock)).toEqual([5000, 5001, 5002, MAX_CLOCK, MAX_CLOCK]);
    const forged = record(2 ** 53 - 1, { clock: MAX_CLOCK, event: executed('forged') });
    const again = open({ known: [forged] });
    expect(commands(again)).toEqual(['started', 'a', 'b', 'c', 'd', 'forged']);
    await again.append([executed('e')]);
    expect(again.damaged).toEqual([]);
    expect(
      again.records.find((r) => r.event.type === 'command-executed' && r.event.data.command === 'e'),
    ).toMatchObject({
      sequence: 6,
      clock: MAX_CLOCK,
    });
  });

  it('E7: durable or not, the same is written', async () => {
    const { open, file } = setUp({ now: () => 5000 });
    await open({ durable: true }).append([STARTED, executed('a')]);
    await open({ durable: true }).append([executed('b')]);
    expect(readFileSync(file, 'utf8').split('\n')).toHaveLength(4);
    expect(commands(open())).toEqual(['started', 'a', 'b']);
  });
});

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

function circle(): unknown {
  const own: unknown[] = [];
  own.push(own);
  return own;
}

describe('what a killed writer left', () => {
  const bytes = logOf([record(1), record(2), record(3)]);

  it('F3: readers ignore it, the next writer cuts it off, and keeps it', async () => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    writeFileSync(file, bytes.subarray(0, -10));
    const reader = open();
    expect(reader.records.map((r) => r.sequence)).toEqual([1, 2]);
    expect(reader.tail?.isRecord).toBe(false);
    const rest = bytes.subarray(reader.tail!.offset, -10).toString();
    expect(readFileSync(file).length).toBe(bytes.length - 10);
    const writer = open();
    await writer.append([executed('next')]);
    expect(writer).toMatchObject({ cut: rest.length, tail: null, damaged: [] });
    expect(readFileSync(path.join(directory, `${SESSION}.cut`), 'utf8')).toBe(`${rest}\n`);
    reader.read();
    for (const journal of [reader, writer, open()]) {
      expect(commands(journal)).toEqual(['started', 'echo 2', 'next']);
      expect(journal.records.map((r) => r.sequence)).toEqual([1, 2, 3]);
      expect(journal.tail).toBeNull();
    }
  });

  it('F2: a whole record without its line end is kept', async () => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    writeFileSync(file, bytes.subarray(0, -1));
    const [reader, writer] = [open(), open()];
    expect(reader.records).toHaveLength(3);
    await writer.append([executed('next')]);
    expect(writer.cut).toBe(0);
    reader.read();
    for (const journal of [reader, writer, open()]) {
      expect(commands(journal)).toEqual(['started', 'echo 2', 'echo 3', 'next']);
      expect(journal.damaged).toEqual([]);
    }
    // It was taken back: its writer could not write the rest.
    writeFileSync(file, bytes.subarray(0, -1));
    const other = open();
    truncateSync(file, bytes.lastIndexOf(10, -2) + 1);
    other.read();
    expect(other.records).toHaveLength(2);
  });

  it('F2: at every byte: the next append works, and no whole record is lost', async () => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    for (let cut = 0; cut < bytes.length; cut += 7) {
      writeFileSync(file, bytes.subarray(0, cut));
      const whole = scanLog(bytes.subarray(0, cut)).records;
      const writer = open();
      await writer.append([{ type: 'deleted', data: {} }]);
      const again = open();
      expect(again.records.slice(0, -1)).toEqual(whole);
      expect(again.records.at(-1)).toMatchObject({ sequence: whole.length + 1, event: { type: 'deleted' } });
      expect([again.damaged, again.tail]).toEqual([[], null]);
    }
  });

  it('F2: what is being written is nobody’s leftover', async () => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    writeFileSync(file, bytes.subarray(0, -10));
    const lock = await lockSession(`${file}.lock`, 'x');
    expect(open().tail).toBeNull();
    lock.release();
    expect(open().tail).not.toBeNull();
  });

  it('F4: damage in the middle is told, stays, and its number is not used again', async () => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    const damaged = Buffer.from(bytes);
    damaged[bytes.indexOf('echo 2')] = 0x45;
    writeFileSync(file, damaged);
    const journal = open();
    expect(journal.records.map((r) => r.sequence)).toEqual([1, 3]);
    expect(journal.damaged).toMatchObject([{ line: 2 }]);
    await journal.append([executed('next')]);
    expect(readFileSync(file).subarray(0, damaged.length).equals(damaged)).toBe(true);
    expect(existsSync(path.join(directory, `${SESSION}.cut`))).toBe(false);
    expect(missingRecords(open().records)).toEqual([{ clone: 'a', from: 2, to: 2 }]);
    // The last ones, over two looks at the file.
    const before = open();
    appendFileSync(file, 'not a record\n');
    before.read();
    appendFileSync(file, 'nor this\n');
    before.read();
    expect(before.damaged.map((d) => d.line)).toEqual([2, 5, 6]);
    const [made] = await before.append([executed('last')]);
    expect(made!.sequence).toBe(7);
    expect(open().damaged).toEqual(before.damaged);
  });

  it('F4: any number of bad lines can be read', () => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(300_000, '\n'), logOf([record(4)])]));
    const journal = open();
    expect(journal.records.map((r) => r.sequence)).toEqual([1, 2, 3, 4]);
    expect(journal.damaged).toHaveLength(300_000);
  });

  it('V10: a record of another session in the file is told, and not taken', () => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    writeFileSync(file, logOf([record(1), record(2, { session: OTHER_SESSION })]));
    expect(open()).toMatchObject({ records: [{ sequence: 1 }], damaged: [{ line: 2 }] });
  });
});

describe('a file that others replace', () => {
  it('E6: repaired, cut short, removed, made anew: what is there counts', async () => {
    const { directory, file, open } = setUp();
    const journal = open();
    await journal.append([STARTED, executed('a'), executed('b')]);
    copyFileSync(file, `${file}.copy`);
    renameSync(`${file}.copy`, file);
    journal.read();
    expect(commands(journal)).toEqual(['started', 'a', 'b']);
    // In place, and no shorter: only the bytes tell.
    writeFileSync(file, logOf(Array.from({ length: 9 }, (_, i) => record(i + 1))));
    journal.read();
    expect(journal.records).toHaveLength(9);
    writeFileSync(file, logOf([record(1)]));
    journal.read();
    expect(journal.records).toHaveLength(1);
    const [made] = await journal.append([executed('c')]);
    expect(made!.sequence).toBe(2);
    rmSync(file);
    journal.read();
    expect([journal.records, journal.state]).toEqual([[], { name: 'created' }]);
    await waitFor(() => !isHeld(`${file}.lock`), 'the lock to be given back');
    rmSync(directory, { recursive: true });
    await journal.append([STARTED]);
    expect(commands(open())).toEqual(['started']);
  });
});

describe('several writers', () => {
  it('V8: two journals in one process', async () => {
    const { open } = setUp();
    const [one, two] = [open(), open()];
    await one.append([STARTED]);
    await Promise.all(
      Array.from({ length: 200 }, (_, i) => (i % 2 === 0 ? one : two).append([executed(String(i))])),
    );
    const all = open();
    expect(all.records.map((r) => r.sequence)).toEqual(Array.from({ length: 201 }, (_, i) => i + 1));
    expect(new Set(commands(all)).size).toBe(201);
    one.read();
    two.read();
    expect(one.records).toEqual(all.records);
    expect(two.records).toEqual(all.records);
  });

  it('V8, F13: 50 processes append to one session: each acknowledged event once, in order', async () => {
    const { directory, file, open } = setUp();
    const who = person();
    const program = await journalWriter(who.dir);
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, i) => {
        const options = {
          directory,
          session: SESSION,
          clone: 'a',
          tag: `w${i}`,
          count: 20,
          each: 1 + (i % 3),
        };
        return who.run(process.execPath, writerArguments(program, options));
      }),
    );
    const said = results.map((r) => r.stdout).join('');
    expect(said).not.toContain('error');
    const acknowledged = new Map(
      said.split('\n').flatMap((line) => {
        const [number, ...command] = line.split(' ');
        return number === '' ? [] : [[Number(number), command.join(' ')] as const];
      }),
    );
    expect(acknowledged.size).toBe(1000);
    const journal = open();
    expect(journal.records.map((r) => r.sequence)).toEqual(Array.from({ length: 1001 }, (_, i) => i + 1));
    expect(journal.damaged).toEqual([]);
    const names = commands(journal);
    expect(names[0]).toBe('started');
    for (const [number, command] of acknowledged) expect(names[number - 1]).toBe(command);
    for (let i = 0; i < 50; i++) {
      const own = names.filter((name) => name.startsWith(`w${i} `));
      expect(own).toEqual(Array.from({ length: 20 }, (_, n) => `w${i} ${n}`));
    }
    // In the file itself too, and nothing is left beside it.
    expect(scanLog(readFileSync(file)).records.map((r) => r.sequence)).toEqual(
      journal.records.map((r) => r.sequence),
    );
    expect(readdirSync(directory).filter((name) => !name.endsWith('.wanted'))).toEqual([`${SESSION}.jsonl`]);
  });

  it('V10: 20 sessions in parallel: none has an event of another', async () => {
    const { directory, open } = setUp();
    const who = person();
    const program = await journalWriter(who.dir);
    const sessions = Array.from({ length: 20 }, (_, i) => SESSION.replace(/^11/u, String(10 + i)));
    await Promise.all(
      sessions.map((session, i) => {
        const options = { directory, session, clone: 'a', tag: `s${i}`, count: 50, each: 1 };
        return who.run(process.execPath, writerArguments(program, options));
      }),
    );
    for (const [i, session] of sessions.entries()) {
      const journal = open({ session });
      expect(commands(journal)).toEqual(['started', ...Array.from({ length: 50 }, (_, n) => `s${i} ${n}`)]);
      expect(journal.damaged).toEqual([]);
    }
  });

  it('V9: reading takes no lock, and waits for none', async () => {
    const { file, open } = setUp();
    const journal = open();
    await journal.append([STARTED]);
    const lock = await lockSession(`${file}.lock`, 'x');
    const appended = journal.append([executed('a')]);
    expect(commands(open())).toEqual(['started']);
    journal.read();
    expect(isHeld(`${file}.lock`)).toBe(true);
    lock.release();
    await appended;
    expect(commands(open())).toEqual(['started', 'a']);
  });

  it('V8: who writes without end lets others in', async () => {
    const { open } = setUp();
    const [busy, other] = [open(), open({ patienceMs: 30_000 })];
    await busy.append([STARTED]);
    const stop = new AbortController();
    const writing = (async () => {
      for (let i = 0; !stop.signal.aborted; i++) await busy.append([executed(`busy ${i}`)]);
    })();
    for (let i = 0; i < 5; i++) await other.append([executed(`other ${i}`)]);
    // How often it has its own turn meanwhile is up to the machine.
    stop.abort();
    await writing;
    const names = commands(open());
    expect(names.filter((name) => name.startsWith('other'))).toHaveLength(5);
    expect(names).toContain('busy 0');
  });
});

describe('the lock', () => {
  const dead = (change: object = {}) =>
    JSON.stringify({
      owner: { ...currentOwner(), pid: 2 ** 22 + 1, ...change },
      nonce: '33333333-3333-4333-8333-333333333333',
      since: '2026-11-21T08:00:00.000Z',
    });

  it.each([
    ['whose process is gone', {}],
    ['whose pid somebody else has now', { pid: process.pid, startTime: 1 }],
    ['of before the machine started', { pid: process.pid, bootId: 'an-earlier-one pid:[1]' }],
  ])('F14: of an owner %s is taken away, without a word', async (_, change) => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    symlinkSync(dead(change), `${file}.lock`);
    await open({ patienceMs: 0 }).append([STARTED]);
    await waitFor(() => readdirSync(directory).join(' ') === `${SESSION}.jsonl`, 'the log to be alone');
  });

  it('F40: is given back where the process ends as soon as it has its answer', async () => {
    const { directory } = setUp();
    const folder = temporaryFolder();
    const program = await journalWriter(folder);
    const options = { directory, session: SESSION, clone: 'a', tag: 'w', count: 1, each: 1, exit: true };
    const result = await person().run(process.execPath, writerArguments(program, options));
    expect(result.stdout).toBe('2 w 0\n');
    expect(readdirSync(directory)).toEqual([`${SESSION}.jsonl`]);
  });

  it('F14: of a living owner is waited for, and then said to be held', async () => {
    const { file, open } = setUp();
    const journal = open({ patienceMs: 50 });
    await journal.append([STARTED]);
    const lock = await lockSession(`${file}.lock`, 'x');
    const refused = journal.append([executed('a')]);
    await expect(refused).rejects.toThrow(SessionLockedError);
    await expect(refused).rejects.toThrow(
      `session 'work' is being written by another process (pid ${process.pid}, since `,
    );
    lock.release();
    lock.release();
    await journal.append([executed('b')]);
    expect(commands(open())).toEqual(['started', 'b']);
  });

  it('F14: of an owner on another host is never taken away', async () => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    symlinkSync(dead({ host: 'elsewhere' }), `${file}.lock`);
    await expect(open({ patienceMs: 20 }).append([STARTED])).rejects.toMatchObject({
      code: 'session-locked',
      message: expect.stringContaining('on elsewhere') as string,
      hints: [expect.anything(), `${file}.lock`],
    });
  });

  it('F14: what is no lock of ours is left alone', async () => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    for (const place of [() => writeFileSync(`${file}.lock`, ''), () => symlinkSync('x', `${file}.lock`)]) {
      place();
      await expect(open().append([STARTED])).rejects.toThrow('is no lock of ours');
      unlinkSync(`${file}.lock`);
    }
  });

  it('F14: many who find a dead owner at once: one after the other gets it, and none at the same time', async () => {
    const { directory, file } = setUp();
    mkdirSync(directory);
    for (let round = 0; round < 20; round++) {
      symlinkSync(dead(), `${file}.lock`);
      let inside = 0;
      let stolen = 0;
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const lock = await lockSession(`${file}.lock`, 'x', 60_000);
          inside++;
          expect(inside).toBe(1);
          stolen += lock.stolenFrom === null ? 0 : 1;
          await new Promise((resolve) => setImmediate(resolve));
          expect(inside).toBe(1);
          inside--;
          lock.release();
        }),
      );
      expect(stolen).toBe(1);
    }
  });

  it('F14: who died while taking a lock away holds up nobody, and leaves nothing', async () => {
    const { directory, file, open } = setUp();
    mkdirSync(directory);
    symlinkSync(dead(), `${file}.lock`);
    const nonce = '33333333-3333-4333-8333-333333333333';
    symlinkSync(dead().replace(nonce, '44444444-4444-4444-8444-444444444444'), `${file}.lock.${nonce}`);
    symlinkSync(dead().replace(nonce, '55555555-5555-4555-8555-555555555555'), `${file}.lock.66666666`);
    await open().append([STARTED]);
    await waitFor(() => readdirSync(directory).join(' ') === `${SESSION}.jsonl`, 'the log to be alone');
  });

  it('V4: a writer that is killed while it holds the lock: the next one goes on', async () => {
    const { directory, file, open } = setUp();
    const folder = temporaryFolder();
    const program = await journalWriter(folder);
    const options = { directory, session: SESSION, clone: 'a', tag: 'w', count: 1e9, each: 1 };
    for (let round = 0; round < 5; round++) {
      const before = open().records.length;
      const child = spawn(process.execPath, writerArguments(program, options), { stdio: 'ignore' });
      await waitFor(() => open().records.length > before + 20, 'some events');
      child.kill('SIGKILL');
      await new Promise((resolve) => child.on('close', resolve));
      const journal = open({ patienceMs: 5000 });
      await journal.append([executed(`after ${round}`)]);
      expect(journal.damaged).toEqual([]);
    }
    const found = scanLog(readFileSync(file));
    expect([found.damaged, found.tail]).toEqual([[], null]);
    expect(missingRecords(found.records)).toEqual([]);
  });
});

describe('where nothing can be written', () => {
  it('V7: a file in the place of the folder is said to be one', async () => {
    const { open, directory } = setUp();
    writeFileSync(directory, 'mine');
    expect(() => open()).toThrow(FileProblemError);
    const under = path.join(directory, 'journal');
    expect(() => open({ directory: under })).toThrow("cannot read the session's log: ENOTDIR");
    expect(readFileSync(directory, 'utf8')).toBe('mine');
  });

  it('V7: a folder in the place of the file', async () => {
    const { open, file } = setUp();
    mkdirSync(file, { recursive: true });
    expect(() => open()).toThrow(FileProblemError);
  });

  it('V7, F2: a disk that is full in the middle of a write: nothing half is left, and what was there is', async () => {
    const { directory, file, open } = setUp();
    const who = person();
    const program = await journalWriter(who.dir);
    await open().append([STARTED]);
    const options = {
      directory,
      session: SESSION,
      clone: 'a',
      tag: 'w',
      count: 100_000,
      each: 7,
      padding: 100,
    };
    // 64 blocks of 512 or 1024 bytes; without the signal, a write is cut short there and the next one fails.
    const script = 'trap "" XFSZ; ulimit -f 64; exec "$@"';
    const args = ['-c', script, 'sh', process.execPath, ...writerArguments(program, options)];
    const result = await who.run('sh', args);
    const said = result.stdout.trimEnd().split('\n');
    expect(said.pop()).toMatch(/^error FileProblemError: cannot write the session's log: EFBIG/u);
    expect(said.length).toBeGreaterThan(50);
    expect(said.length % 7).toBe(0);
    const journal = open();
    expect([journal.damaged, journal.tail]).toEqual([[], null]);
    expect(journal.records.length).toBe(said.length + 1);
    expect(readFileSync(file).at(-1)).toBe(10);
    await journal.append([executed('after')]);
    expect(commands(open()).at(-1)).toBe('after');
  });

  it.skipIf(!mayMount)(
    'V7: a full and a read-only file system: a typed error, and reading goes on',
    async () => {
      const who = resident();
      const dir = await mounted(who, 2000);
      const { open, file } = setUp({ directory: path.join(dir, '.git', 'git-session', 'journal') });
      const journal = open();
      await journal.append([STARTED]);
      const filling = path.join(dir, 'filling');
      for (const size of [100_000, 1000, 10]) {
        try {
          for (;;) appendFileSync(filling, Buffer.alloc(size));
        } catch {
          // full
        }
      }
      const before = readFileSync(file);
      const large: SessionEvent = { type: 'analysis-completed', data: { results: 'x'.repeat(100_000) } };
      await expect(journal.append([large])).rejects.toMatchObject({
        code: 'file',
        message: expect.stringContaining('ENOSPC') as string,
      });
      expect(readFileSync(file).equals(before)).toBe(true);
      rmSync(filling);
      await journal.append([large]);
      await who.run('mount', ['-o', 'remount,ro', path.dirname(dir)]);
      await expect(journal.append([executed('a')])).rejects.toMatchObject({
        code: 'file',
        message: expect.stringContaining('EROFS') as string,
      });
      expect(open().records).toHaveLength(2);
      const other = open({ session: OTHER_SESSION });
      await expect(other.append([STARTED])).rejects.toThrow('EROFS');
      const fresh = open({ directory: path.join(dir, '.git', 'other', 'journal') });
      await expect(fresh.append([STARTED])).rejects.toThrow('EROFS');
    },
  );
});
