import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { FileProblemError, SessionError } from '../session/errors.ts';
import {
  decodeRecord,
  encodeRecord,
  type LogRecord,
  mergeRecords,
  scanLog,
  type ScannedLog,
} from '../session/event-log.ts';
import { ownerState, type ProcessOwner } from '../process/identity.ts';
import { isHeld, lockSession } from './session-lock.ts';

/** A journal as it lies there. Nothing is changed by looking. */
export interface FoundJournal {
  /** UUID. */
  session: string;
  file: string;
  scanned: ScannedLog;
}

/** The journals of a repository, by the names of their files. One that can't be read is left out. */
export function findJournals(directory: string): FoundJournal[] {
  return list(directory).flatMap((name) => {
    const session = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$/u.exec(name)?.[1];
    const file = path.join(directory, name);
    const bytes = session === undefined ? null : read(file);
    if (bytes === null) return [];
    const scanned = scanLog(bytes);
    // Somebody writes it just now: it will be whole.
    if (scanned.tail?.isRecord === false && isHeld(`${file}.lock`)) scanned.tail = null;
    return [{ session: session!, file, scanned }];
  });
}

/** Cuts off what a killed writer has left, as the next writer would. Gives how many bytes; they are kept in `.cut`. */
export async function cutTail(file: string, name: string): Promise<number> {
  return locked(file, name, () => {
    const bytes = read(file);
    const tail = bytes === null ? null : scanLog(bytes).tail;
    if (bytes === null || tail === null || tail.isRecord) return 0;
    const rest = bytes.subarray(tail.offset);
    appendFileSync(file.replace(/jsonl$/u, 'cut'), Buffer.concat([rest, Buffer.from('\n')]), { mode: 0o600 });
    truncateSync(file, tail.offset);
    return tail.length;
  });
}

export interface Rebuilt {
  /** Where the old file is now. */
  kept: string;
  records: number;
}

/**
 * Writes a journal anew: what can be read of it, and what segments have of its clones, which counts where the two differ.
 * The old file stays beside it. Readers see the one or the other, whole.
 */
export async function rebuildJournal(
  { file, session }: FoundJournal,
  name: string,
  clone: string,
  segments: readonly LogRecord[],
): Promise<Rebuilt> {
  return locked(file, name, () => {
    // Under the lock: somebody may have written since it was looked at.
    const own = scanLog(readFileSync(file)).records.filter((r) => r.session === session);
    const clones = new Set([clone, ...own.map((r) => r.clone)]);
    const known = segments.filter((r) => r.session === session && clones.has(r.clone));
    const places = new Set(known.map((r) => `${r.clone} ${r.sequence}`));
    const records = mergeRecords([known, own.filter((r) => !places.has(`${r.clone} ${r.sequence}`))]);
    const kept = keptName(file);
    const draft = `${file}.${process.pid}.tmp`;
    try {
      writeDurably(draft, records.map((r) => encodeRecord(r)).join(''));
      linkSync(file, kept);
      renameSync(draft, file);
    } finally {
      rmSync(draft, { force: true });
    }
    return { kept, records: records.length };
  });
}

/** Changes lines of a journal. Nothing of the old ones is kept; readers see the one file or the other, whole. */
export async function rewriteJournal(
  file: string,
  name: string,
  edit: (record: LogRecord) => LogRecord,
): Promise<boolean> {
  if (!existsSync(file)) return false;
  return locked(file, name, () => {
    const lines = readFileSync(file, 'utf8').split('\n');
    const edited = lines.map((line) => editedLine(line, edit));
    if (edited.every((line, i) => line === lines[i])) return false;
    const draft = `${file}.${process.pid}.tmp`;
    try {
      writeDurably(draft, edited.join('\n'));
      renameSync(draft, file);
    } finally {
      rmSync(draft, { force: true });
    }
    return true;
  });
}

/** What is no record stays as it is, and so does one that is not changed. */
export function editedLine(line: string, edit: (record: LogRecord) => LogRecord): string {
  const record = decodeRecord(line);
  const after = record === null ? null : edit(record);
  return after === null || after === record ? line : encodeRecord(after).replace(/\n$/u, '');
}

function keptName(file: string): string {
  const time = new Date().toISOString().replace(/[-:.]/gu, '');
  const name = `${file}.damaged-${time}`;
  for (let n = 1; ; n++) {
    const tried = n === 1 ? name : `${name}-${n}`;
    if (!existsSync(tried)) return tried;
  }
}

function writeDurably(file: string, text: string): void {
  const fd = openSync(file, 'w', 0o600);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export interface DeadLock {
  file: string;
  pid: number;
}

/** Locks of owners that are certainly dead. The next writer would take them away as well. */
export function findDeadLocks(directory: string): DeadLock[] {
  return list(directory).flatMap((name) => {
    const file = path.join(directory, name);
    const owner = name.includes('.jsonl.lock') ? ownerOf(file) : null;
    return owner !== null && ownerState(owner) === 'dead' ? [{ file, pid: owner.pid }] : [];
  });
}

/** By taking it over and giving it back, so that nobody else's is removed. */
export async function removeDeadLock({ file }: DeadLock): Promise<void> {
  (await lockSession(file, 'the lock', 0)).release();
}

function ownerOf(file: string): ProcessOwner | null {
  try {
    return (JSON.parse(readlinkSync(file)) as { owner: ProcessOwner }).owner;
  } catch {
    return null;
  }
}

async function locked<T>(file: string, name: string, action: () => T): Promise<T> {
  const lock = await lockSession(`${file}.lock`, `session '${name}'`);
  try {
    return action();
  } catch (error) {
    if (error instanceof SessionError) throw error;
    throw new FileProblemError(`cannot write the session's log: ${(error as Error).message}`);
  } finally {
    lock.release();
  }
}

function read(file: string): Buffer | null {
  try {
    return readFileSync(file);
  } catch {
    return null;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory).toSorted();
  } catch {
    return [];
  }
}
