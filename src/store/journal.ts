import { appendFileSync, closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileProblemError, LimitError, SessionError } from '../session/errors.ts';
import {
  type AppliedRecord,
  type Damage,
  inOrder,
  isLogId,
  type LogRecord,
  MAX_CLOCK,
  mergeRecords,
  nextClock,
  scanLog,
  type ScannedLog,
  stateAfter,
} from '../session/event-log.ts';
import { INITIAL, type SessionEvent, type SessionState, transition } from '../session/lifecycle.ts';
import { bytesOf, hasBytes, type Line, lineOf, makeFolder, syncJournal } from './journal-file.ts';
import { refusedEvent } from '../session/refused-event.ts';
import type { LogSegment } from './log-segments.ts';
import { isHeld, type Lock, lockSession, MAX_POLL_MS } from './session-lock.ts';

export interface JournalOptions {
  /** Where the journals of a repository are: see `journalDirectory`. */
  directory: string;
  /** UUID of the session. */
  session: string;
  /** What messages call it. */
  name: string;
  /** The journal itself, where it is not `<directory>/<session>.jsonl`. */
  file?: string;
  /** This clone. */
  clone: string;
  /** An acknowledged event survives a loss of power, and not only the death of the process. */
  durable: boolean;
  /** Records of this session that are kept elsewhere: in the segments of this clone and of others. */
  known: readonly LogRecord[];
  /** The segments from which these are: what the journal has in common with them needs no second look. */
  segments?: readonly Pick<LogSegment, 'bytes' | 'records'>[];
  /** Milliseconds since 1970. */
  now?: () => number;
  /** Milliseconds for which an append waits for another process; without it ten seconds. */
  patienceMs?: number;
}

/** Events to append; a function gets the state and the records that they find, under the lock. */
export type Wanted =
  | readonly SessionEvent[]
  | ((state: SessionState, records: () => readonly LogRecord[]) => readonly SessionEvent[]);

interface Request {
  wanted: Wanted;
  resolve: (records: AppliedRecord[]) => void;
  reject: (error: unknown) => void;
}

/** Milliseconds for which one writer keeps the lock while it has more to write; and while others wait. */
const LONGEST_TURN = 50;
const SHORT_TURN = 5;
/** Of what was read before, so many bytes are looked at again: another file has others there. */
const MARK_BYTES = 32;
/** More numbers than any clone has used. One that others claim this clone to have used does not count from here on. */
const MANY = 1e9;
const MAX_JOURNAL_BYTES = 1024 ** 3;

export function journalDirectory(commonDir: string): string {
  return path.join(commonDir, 'git-session', 'journal');
}

export function journalFile(directory: string, session: string): string {
  return path.join(directory, `${session}.jsonl`);
}

/**
 * The log of one session, as this clone knows it: its own journal, and what it was given of other places.
 *
 * `<common directory>/git-session/journal/<session>.jsonl` is only ever appended to, under one lock; readers take none.
 * What a writer left unfinished when it was killed was acknowledged to nobody: the next writer cuts it off, and keeps it
 * in `<session>.cut`. A damaged line stays where it is, and hides no other.
 */
export class Journal {
  /** In causal order. */
  records: LogRecord[] = [];
  state: SessionState = INITIAL;
  damaged: Damage[] = [];
  /** What was left unfinished at the end of the file; null where somebody is about to finish it. */
  tail: ScannedLog['tail'] = null;
  /** Bytes that this writer has cut off. */
  cut = 0;
  private readonly options: JournalOptions;
  private readonly file: string;
  private inode: number | null = null;
  /** What was read: up to where, how many lines, and the last bytes of them. */
  private offset = 0;
  private lines = 0;
  private mark = Buffer.alloc(0);
  /** The highest number of this clone; and the damaged lines at the end, which may have used the next ones. */
  private sequence = 0;
  private lost = 0;
  private last = new Map<string, number>();
  private queue: Request[] = [];
  private working = false;

  /** Reads all that is there. Throws FileProblemError. */
  constructor(options: JournalOptions) {
    if (!isLogId(options.session)) throw new FileProblemError(`'${options.session}' is no id of a session`);
    this.options = options;
    this.file = options.file ?? journalFile(options.directory, options.session);
    this.read();
  }

  /** Reads what others have written since. Throws FileProblemError. */
  read(): void {
    let fd: number | null = null;
    try {
      fd = this.open('r');
      if (fd === null) {
        if (this.inode !== null || this.records.length === 0) this.reload(null);
        return;
      }
      const before = this.damaged.length;
      this.readFrom(fd);
      // A writer may have cut a tail off while this was reading it.
      if (this.damaged.length > before) {
        this.reload(this.inode);
        this.readFrom(fd);
      }
      if (this.tail?.isRecord === false && isHeld(this.lockFile)) this.tail = null;
    } catch (error) {
      throw asProblem(error, 'read');
    } finally {
      if (fd !== null) closeSync(fd);
    }
  }

  /**
   * Appends events, all or none of a call, and resolves when they are in the file. (Where the process is killed meanwhile,
   * the first of them may be there: each on its own is a step that the state takes.) Rejects with InvalidTransitionError
   * where the state does not take one, with SessionLockedError, LimitError and FileProblemError.
   */
  append(wanted: Wanted): Promise<AppliedRecord[]> {
    return new Promise((resolve, reject) => {
      this.queue.push({ wanted, resolve, reject });
      if (!this.working) void this.work();
    });
  }

  private get lockFile(): string {
    return `${this.file}.lock`;
  }

  private async work(): Promise<void> {
    this.working = true;
    while (this.queue.length > 0) {
      let lock: Lock;
      try {
        if (this.options.clone === '')
          throw new FileProblemError('this clone has no id, and can write no event');
        makeFolder(this.options.directory);
        lock = await lockSession(this.lockFile, `session '${this.options.name}'`, this.options.patienceMs);
      } catch (error) {
        for (const { reject } of this.queue.splice(0)) reject(asProblem(error, 'write'));
        break;
      }
      const others = await this.turn(lock);
      // Who looks again and again whether the lock is free needs some time in which it is.
      if (others && this.queue.length > 0) await sleep(2 * MAX_POLL_MS);
    }
    this.working = false;
  }

  /** Writes until there is nothing more to write, or others want to. True where they do. */
  private async turn(lock: Lock): Promise<boolean> {
    const start = performance.now();
    let looked = start;
    let others = false;
    try {
      while (this.queue.length > 0 && !others && performance.now() < start + LONGEST_TURN) {
        this.write(this.queue.splice(0));
        // Who waits for the answer may have more: the next turn of the event loop would give the lock away.
        await new Promise((resolve) => setImmediate(resolve));
        if (performance.now() < looked + SHORT_TURN) continue;
        looked = performance.now();
        others = lock.isWanted();
      }
    } catch {
      // The bell could not be looked at: as if it had not rung.
    }
    try {
      lock.release();
    } catch {
      // With the end of this process it is free.
    }
    return others;
  }

  /** One write for all requests. What can't be written is taken back whole. */
  private write(requests: Request[]): void {
    let fd: number | null = null;
    try {
      fd = this.open('a+');
      if (fd === null) throw new FileProblemError(`cannot write the session's log: its directory went away`);
      this.readFrom(fd);
      const accepted = this.prepare(requests);
      const lines = accepted.flatMap(({ made }) => made);
      if (lines.length > 0) this.put(fd, lines);
      for (const { request, made } of accepted) {
        request.resolve(made.map(({ record }) => ({ ...record, applied: true })));
      }
    } catch (error) {
      for (const { reject } of requests) reject(asProblem(error, 'write'));
    } finally {
      if (fd !== null) closeSync(fd);
    }
  }

  private prepare(requests: Request[]): { request: Request; made: Line[] }[] {
    let { state } = this;
    let sequence = this.sequence + this.lost;
    let clock = this.records.at(-1)?.clock ?? 0;
    const now = Math.min(Math.max((this.options.now ?? Date.now)(), 0), MAX_CLOCK);
    const all: LogRecord[] = [];
    const records = () => (all.length === 0 ? this.records : [...this.records, ...all]);
    return requests.flatMap((request) => {
      try {
        let next = state;
        const events = typeof request.wanted === 'function' ? request.wanted(state, records) : request.wanted;
        const made = events.map((event, i) => {
          clock = nextClock(now, clock);
          const line = lineOf({
            ...{ version: 1 as const, session: this.options.session, clone: this.options.clone },
            ...{ sequence: sequence + i + 1, clock, at: new Date(now).toISOString(), event },
          });
          const after = transition(next, line.record.event);
          if (after === null) throw refusedEvent(this.options.name, next.name, event.type);
          next = after;
          return line;
        });
        state = next;
        sequence += made.length;
        for (const { record } of made) all.push(record);
        return [{ request, made }];
      } catch (error) {
        request.reject(error);
        return [];
      }
    });
  }

  private put(fd: number, lines: Line[]): void {
    const { tail } = this;
    let start = fstatSync(fd).size;
    if (tail !== null && !tail.isRecord) {
      this.cutTail(fd, tail);
      start = tail.offset;
    }
    // A whole record without its line end was acknowledged as well.
    const before = tail?.isRecord === true ? '\n' : '';
    const bytes = Buffer.from(before + lines.map(({ text }) => text).join(''));
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      if (this.options.durable) syncJournal(fd, this.offset > 0 ? null : this.options.directory);
    } catch (error) {
      ftruncateSync(fd, start);
      throw error;
    }
    this.tail = null;
    this.offset = start + bytes.length;
    this.lines += lines.length + before.length;
    this.mark = bytes.subarray(-MARK_BYTES);
    this.lost = 0;
    this.take(lines.map(({ record }) => record));
  }

  private cutTail(fd: number, { offset, length }: { offset: number; length: number }): void {
    const bytes = bytesOf(fd, offset, offset + length);
    appendFileSync(this.file.replace(/jsonl$/u, 'cut'), Buffer.concat([bytes, Buffer.from('\n')]), {
      mode: 0o600,
    });
    ftruncateSync(fd, offset);
    this.cut += length;
    this.tail = null;
  }

  private readFrom(fd: number): void {
    const { ino, size } = fstatSync(fd);
    if (size > MAX_JOURNAL_BYTES)
      throw new LimitError(`the session's log has more than ${MAX_JOURNAL_BYTES} bytes`);
    // A record without its line end need not be there any more: its writer may have failed, and taken it back.
    if (ino !== this.inode || size < this.offset || this.tail?.isRecord === true) this.reload(ino);
    // Repaired, or put there by others.
    if (!bytesOf(fd, this.offset - this.mark.length, this.offset).equals(this.mark)) this.reload(ino);
    if (this.offset === 0) this.skipKnown(fd);
    const bytes = bytesOf(fd, this.offset, size);
    const found = scanLog(bytes, this.offset, this.lines + 1, this.options.session);
    const whole = found.records.length - (found.tail?.isRecord === true ? 1 : 0);
    for (const damage of found.damaged) this.damaged.push(damage);
    this.lines += whole + found.damaged.length;
    const length = bytes.length - (found.tail?.length ?? 0);
    this.offset += length;
    if (length > 0) this.mark = Buffer.from(bytes.subarray(Math.max(0, length - MARK_BYTES), length));
    this.tail = found.tail;
    this.lost = lostAtEnd(found, this.lines) + (whole === 0 ? this.lost : 0);
    if (found.tail?.isRecord === true) this.lost = 0;
    this.take(found.records);
  }

  /** Steps over what segments have as well, byte for byte: its records are known, and each was checked there. */
  private skipKnown(fd: number): void {
    for (const { bytes, records } of this.options.segments ?? []) {
      if (bytes === null || !hasBytes(fd, this.offset, bytes)) continue;
      if (!records.every((r) => r.session === this.options.session)) continue;
      this.offset += bytes.length;
      this.lines += records.length;
      this.mark = Buffer.from(bytes.subarray(-MARK_BYTES));
    }
  }

  private reload(inode: number | null): void {
    this.inode = inode;
    this.offset = 0;
    this.lines = 0;
    this.mark = Buffer.alloc(0);
    this.sequence = 0;
    this.lost = 0;
    this.last = new Map();
    this.records = [];
    this.state = INITIAL;
    this.damaged = [];
    this.tail = null;
    this.take(this.options.known, MANY);
  }

  /** What is later than all that is known goes behind it; else the order, and the state, are made anew. */
  private take(records: readonly LogRecord[], many = Infinity): void {
    const { clone } = this.options;
    let before = this.records.at(-1);
    let isBehind = true;
    for (const r of records) {
      if (r.clone === clone && r.sequence > this.sequence && r.sequence < many) this.sequence = r.sequence;
      const last = this.last.get(r.clone) ?? 0;
      isBehind &&= r.sequence > last && (before === undefined || inOrder(before, r) < 0);
      if (r.sequence > last) this.last.set(r.clone, r.sequence);
      before = r;
    }
    if (isBehind) {
      for (const r of records) this.records.push(r);
      this.state = stateAfter(records, this.state);
    } else {
      this.records = mergeRecords([this.records, records]);
      this.state = stateAfter(this.records);
    }
  }

  private open(flags: 'r' | 'a+'): number | null {
    try {
      return openSync(this.file, flags, 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }
}

/** How many lines in a row are damaged, up to the last one. */
function lostAtEnd({ damaged }: ScannedLog, lastLine: number): number {
  let lost = 0;
  while (damaged.at(-1 - lost)?.line === lastLine - lost) lost++;
  return lost;
}

function asProblem(error: unknown, what: 'read' | 'write'): unknown {
  if (error instanceof SessionError || !(error instanceof Error) || !('code' in error)) return error;
  return new FileProblemError(`cannot ${what} the session's log: ${error.message}`);
}
