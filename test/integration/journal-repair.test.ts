import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { currentOwner } from '../../src/process/identity.ts';
import { FileProblemError, StoreBusyError } from '../../src/session/errors.ts';
import { encodeRecord, type LogRecord, scanLog } from '../../src/session/event-log.ts';
import { journalFile } from '../../src/store/journal.ts';
import {
  cutTail,
  findDeadLocks,
  findJournals,
  rebuildJournal,
  removeDeadLock,
  rewriteJournal,
} from '../../src/store/journal-repair.ts';
import { temporaryFolder } from '../support/harness.ts';
import { executed, logOf, OTHER_SESSION, record, SESSION } from '../support/log-records.ts';

const five = [1, 2, 3, 4, 5].map((n) => record(n));

function journal(bytes: Buffer): { directory: string; file: string } {
  const directory = path.join(temporaryFolder(), 'journal');
  mkdirSync(directory);
  const file = journalFile(directory, SESSION);
  writeFileSync(file, bytes);
  return { directory, file };
}

function lockText(change: object = {}): string {
  return JSON.stringify({
    owner: { ...currentOwner(), ...change },
    nonce: '00000000-0000-4000-8000-000000000000',
    since: '2026-01-01T00:00:00.000Z',
  });
}

describe('a journal that is looked at', () => {
  it('V6 each by its session; other files, and a missing folder, are none', () => {
    const { directory, file } = journal(logOf(five));
    writeFileSync(path.join(directory, `${SESSION}.cut`), 'x');
    mkdirSync(journalFile(directory, OTHER_SESSION));
    const found = findJournals(directory);
    expect(found.map((j) => [j.session, j.file, j.scanned.records.length])).toEqual([[SESSION, file, 5]]);
    expect(findJournals(path.join(directory, 'none'))).toEqual([]);
    expect(findDeadLocks(path.join(directory, 'none'))).toEqual([]);
  });

  it('V9 an unfinished record is none while somebody writes', () => {
    const { directory, file } = journal(Buffer.concat([logOf(five), Buffer.from('{"at')]));
    expect(findJournals(directory)[0]!.scanned.tail).toMatchObject({ length: 4 });
    symlinkSync(lockText(), `${file}.lock`);
    expect(findJournals(directory)[0]!.scanned.tail).toBeNull();
  });
});

describe('a journal that is repaired', () => {
  it('F3 the tail is cut off and kept, once; a whole record without its line end stays', async () => {
    const { directory, file } = journal(logOf(five));
    expect(await cutTail(file, 'x')).toBe(0);
    appendFileSync(file, '{"at');
    expect(await cutTail(file, 'x')).toBe(4);
    expect(await cutTail(file, 'x')).toBe(0);
    expect(readFileSync(file)).toEqual(logOf(five));
    expect(readFileSync(path.join(directory, `${SESSION}.cut`), 'utf8')).toBe('{"at\n');
    writeFileSync(file, logOf(five).subarray(0, -1));
    expect(await cutTail(file, 'x')).toBe(0);
    expect(await cutTail(journalFile(directory, OTHER_SESSION), 'x')).toBe(0);
    expect(readdirSync(directory).filter((name) => name.includes('.lock'))).toEqual([]);
  });

  it('F4 what is whole and what git has are put together; the old file is kept', async () => {
    const bytes = logOf(five);
    bytes[10]! ^= 1;
    const { directory, file } = journal(bytes);
    // Git has the damaged one, one that differs, and some of another clone and of another session.
    const differs = record(3, { event: executed('as it was') });
    const foreign = record(1, { clone: 'b', clock: five[4]!.clock + 9 });
    const other = record(9, { session: OTHER_SESSION });
    const [found] = findJournals(directory);
    expect(found!.scanned.damaged).toHaveLength(1);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 21, 8) });
    onTestFinished(() => void vi.useRealTimers());
    const { kept, records } = await rebuildJournal(found!, 'x', 'a', [five[0]!, differs, foreign, other]);
    expect(records).toBe(5);
    expect(scanLog(readFileSync(file))).toEqual({
      records: [five[0], five[1], differs, five[3], five[4]],
      damaged: [],
      tail: null,
    });
    expect(readFileSync(kept)).toEqual(bytes);
    // A second time at the same moment takes no file away.
    const again = await rebuildJournal(found!, 'x', 'a', []);
    expect(again.kept).toBe(`${kept}-2`);
    expect(readFileSync(kept)).toEqual(bytes);
    expect(readdirSync(directory)).toHaveLength(3);
  });

  it('F4 with the records of a clone that this one is a copy of', async () => {
    const { directory, file } = journal(Buffer.from(`${encodeRecord(five[0]!)}garbage\n`));
    const [found] = findJournals(directory);
    await rebuildJournal(found!, 'x', 'new-id', five.slice(0, 2));
    expect(scanLog(readFileSync(file)).records).toEqual(five.slice(0, 2));
  });

  it('V7 what can not be written is said', async () => {
    const { directory } = journal(logOf(five));
    const [found] = findJournals(directory);
    rmSync(found!.file);
    await expect(rebuildJournal(found!, 'x', 'a', [])).rejects.toThrow(FileProblemError);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a journal of which lines change (attack E6)', () => {
  const shout = (r: LogRecord): LogRecord =>
    r.sequence === 2 || r.sequence === 5 ? { ...r, event: executed('[forgotten]') } : r;

  it('E6 only what changes, and nothing of the old is kept; damage stays as it is', async () => {
    const damaged = encodeRecord(five[3]!).replace('echo 4', 'echo 9');
    const { directory, file } = journal(
      Buffer.concat([logOf(five.slice(0, 3)), Buffer.from(damaged), logOf([five[4]!]), Buffer.from('{"at')]),
    );
    const before = readFileSync(file, 'utf8').split('\n');
    expect(await rewriteJournal(file, 'x', shout)).toBe(true);
    const after = readFileSync(file, 'utf8').split('\n');
    expect(after.map((line, i) => line === before[i])).toEqual([true, false, true, true, false, true]);
    expect(scanLog(readFileSync(file)).records).toEqual([five[0], shout(five[1]!), five[2], shout(five[4]!)]);
    expect(after.join('\n')).not.toContain('echo 2');
    expect(readdirSync(directory)).toEqual([path.basename(file)]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('E6 where nothing changes the file is not touched; where there is none, none is made', async () => {
    const { directory, file } = journal(logOf([five[0]!, five[2]!]));
    const { ino, mtimeNs } = statSync(file, { bigint: true });
    expect(await rewriteJournal(file, 'x', shout)).toBe(false);
    expect(statSync(file, { bigint: true })).toMatchObject({ ino, mtimeNs });
    expect(await rewriteJournal(journalFile(directory, OTHER_SESSION), 'x', shout)).toBe(false);
    expect(readdirSync(directory)).toEqual([path.basename(file)]);
  });

  it('V7 what can not be written is said, and the journal stays', async () => {
    const { directory, file } = journal(logOf(five));
    // Where the new one would be drafted there is a folder.
    mkdirSync(`${file}.${process.pid}.tmp`);
    await expect(rewriteJournal(file, 'x', shout)).rejects.toThrow();
    expect(readFileSync(file)).toEqual(logOf(five));
    expect(readdirSync(directory).filter((name) => name.includes('.lock'))).toEqual([]);
  });

  it('V7 an error of ours is told as it is', async () => {
    const { file } = journal(logOf(five));
    const refused = new StoreBusyError('gone');
    const edit = () => {
      throw refused;
    };
    await expect(rewriteJournal(file, 'x', edit)).rejects.toBe(refused);
    expect(readFileSync(file)).toEqual(logOf(five));
  });
});

describe('a lock', () => {
  it('F14 of the dead is found and removed, of the living and of others not', async () => {
    const { directory, file } = journal(logOf(five));
    symlinkSync(lockText({ pid: 2 ** 22 + 1 }), `${file}.lock`);
    symlinkSync(lockText(), `${journalFile(directory, OTHER_SESSION)}.lock`);
    symlinkSync('elsewhere', `${journalFile(directory, OTHER_SESSION)}.lock.x`);
    const dead = findDeadLocks(directory);
    expect(dead).toEqual([{ file: `${file}.lock`, pid: 2 ** 22 + 1 }]);
    await removeDeadLock(dead[0]!);
    expect(findDeadLocks(directory)).toEqual([]);
    expect(readdirSync(directory).filter((name) => name.endsWith('.lock'))).toHaveLength(1);
  });
});
