import { crc32 } from './checksum.ts';
import { canonicalJson } from './codec.ts';
import { MAX_LINE, parseEvent } from './event-schema.ts';
import { INITIAL, type SessionEvent, type SessionState, transition } from './lifecycle.ts';

/** One record of a session's log. `clone` and `sequence` tell it from all others of the session. */
export interface LogRecord {
  version: 1;
  /** UUID of the session: a name may change, and come again. */
  session: string;
  /** The clone that wrote it. */
  clone: string;
  /** 1 for the clone's first record of the session; each time one more. */
  sequence: number;
  /** Hybrid logical clock, in milliseconds since 1970: later than that of every record that the writer knew. */
  clock: number;
  /** ISO 8601 UTC, by the writer's clock: shown, and never used to put records in order. */
  at: string;
  event: SessionEvent;
}

/** A record is never longer than this many bytes, its line end included. */
export const MAX_RECORD_BYTES = 512 * 1024;
/**
 * The last moment of the year 9999. A record that claims a later clock is refused on reading: each record after it has to
 * come later still, and numbers end. One that claims just this one makes all that follow claim it too: their order
 * between clones is lost then, and nothing else.
 */
export const MAX_CLOCK = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const ID = /^[\w-]{1,64}$/u;
const AT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/u;
/** `,"sum":"` and eight digits and `"}`. */
const SUM_LENGTH = 18;
/** Lines of so many bytes together are parsed at once: half the time, until one of them is damaged. */
const BATCH_BYTES = 256 * 1024;
const BRACE = Buffer.from('}');

/** What may name a session or a clone in a log, and a file. */
export function isLogId(text: string): boolean {
  return ID.test(text);
}

/** A line of canonical JSON, whose last key is a checksum over the rest. */
export function encodeRecord({ version, session, clone, sequence, clock, at, event }: LogRecord): string {
  const head = `{"at":${JSON.stringify(at)},"clock":${clock},"clone":${JSON.stringify(clone)}`;
  const foot = `"session":${JSON.stringify(session)},"type":"${event.type}","version":${version}`;
  const body = `${head},"data":${canonicalJson(event.data)},"sequence":${sequence},${foot}`;
  const bytes = Buffer.from(body);
  return `${body},"sum":"${sumText(checksum(bytes, 0, bytes.length))}"}\n`;
}

/** Null where the line, without its line end, is no whole record. */
export function decodeRecord(line: string): LogRecord | null {
  const bytes = Buffer.from(line);
  return decodeLine(bytes, 0, bytes.length);
}

function decodeLine(bytes: Buffer, from: number, to: number): LogRecord | null {
  const sum = sumOf(bytes, from, to);
  if (sum === null || bytes.toString('latin1', to - SUM_LENGTH, to) !== `,"sum":"${sum}"}`) return null;
  try {
    return recordOf(JSON.parse(bytes.toString('utf8', from, to)));
  } catch {
    return null;
  }
}

/** The checksum that a line should have; null where it is no object with one at its end. */
function sumOf(bytes: Buffer, from: number, to: number): string | null {
  const end = to - SUM_LENGTH;
  if (end <= from || to - from >= MAX_RECORD_BYTES) return null;
  if (bytes[from] !== 0x7b || bytes[end] !== 0x2c || bytes[to - 1] !== 0x7d) return null;
  return sumText(checksum(bytes, from, end));
}

function recordOf(value: unknown): LogRecord | null {
  if (typeof value !== 'object' || value === null) return null;
  const { version, session, clone, sequence, clock, at, type, data } = value as Record<string, unknown>;
  if (version !== 1 || typeof at !== 'string' || !AT.test(at)) return null;
  if (typeof session !== 'string' || typeof clone !== 'string' || !isLogId(session) || !isLogId(clone))
    return null;
  if (!isCount(sequence) || !isCount(clock) || clock > MAX_CLOCK) return null;
  const event = parseEvent(type, data);
  return event === null ? null : { version, session, clone, sequence, clock, at, event };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Over the line as it would be without the checksum. */
function checksum(bytes: Uint8Array, from: number, to: number): number {
  return crc32(BRACE, 0, 1, crc32(bytes, from, to));
}

function sumText(sum: number): string {
  return sum.toString(16).padStart(8, '0');
}

/** A stretch of a log that holds no record: from `offset`, so many bytes. `line` counts from 1. */
export interface Damage {
  line: number;
  offset: number;
  length: number;
}

export interface ScannedLog {
  records: LogRecord[];
  damaged: Damage[];
  /** Bytes behind the last line end. A whole record counts as one; what it is not was never acknowledged. */
  tail: { offset: number; length: number; isRecord: boolean } | null;
}

/**
 * Reads a journal, whatever its bytes are. `offset` and `line` say where these bytes begin. With `session`, a record of
 * another one counts as damage: it is in the wrong file.
 */
export function scanLog(bytes: Uint8Array, offset = 0, line = 1, session: string | null = null): ScannedLog {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: LogRecord[] = [];
  const damaged: Damage[] = [];
  let at = 0;
  for (let end = endOfBatch(buffer, at); end > at; end = endOfBatch(buffer, at)) {
    const batch = decodeBatch(buffer, at, end);
    if (batch !== null && batch.every((record) => isOf(record, session))) {
      for (const record of batch) records.push(record);
      line += batch.length;
      at = end;
    }
    for (; at < end; line++) {
      const lineEnd = buffer.indexOf(10, at);
      const record = decodeLine(buffer, at, lineEnd);
      if (record !== null && isOf(record, session)) records.push(record);
      else damaged.push({ line, offset: offset + at, length: lineEnd + 1 - at });
      at = lineEnd + 1;
    }
  }
  if (at === buffer.length) return { records, damaged, tail: null };
  const last = decodeLine(buffer, at, buffer.length);
  const isRecord = last !== null && isOf(last, session);
  if (isRecord) records.push(last);
  return { records, damaged, tail: { offset: offset + at, length: buffer.length - at, isRecord } };
}

function isOf(record: LogRecord, session: string | null): boolean {
  return session === null || record.session === session;
}

/** Behind the last line end of the next batch, or that of the next line where it is longer; `at` where there is none. */
function endOfBatch(bytes: Buffer, at: number): number {
  if (at >= bytes.length) return at;
  const end = bytes.lastIndexOf(10, Math.min(bytes.length, at + BATCH_BYTES) - 1);
  return end >= at ? end + 1 : Math.max(at, bytes.indexOf(10, at) + 1);
}

/**
 * The line of a command as `encodeRecord` writes it: nearly all lines of a long log are such. It needs neither JSON.parse
 * nor the schema, which take most of the time of reading. Every other line is left to those, and so is one with what JSON
 * escapes, or with what is no ASCII: a character is a byte here. A test holds the two to the same answers.
 */
const EXECUTED =
  /\{"at":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","clock":([1-9]\d{0,14}),"clone":"([\w-]{1,64})","data":\{"command":"([ !#-[\]-~]*)","durationMs":(0|[1-9]\d{0,14}|null),"exitCode":(0|-?[1-9]\d{0,14}|null),"success":(true|false)\},"sequence":([1-9]\d{0,14}),"session":"([\w-]{1,64})","type":"command-executed","version":1,"sum":"([\da-f]{8})"\}\n/y;

/** The records of whole lines; null where not every line is one. */
function decodeBatch(bytes: Buffer, from: number, to: number): LogRecord[] | null {
  const text = bytes.toString('latin1', from, to);
  const records: LogRecord[] = [];
  let others = from;
  for (let at = 0; at < text.length;) {
    EXECUTED.lastIndex = at;
    const found = EXECUTED.exec(text);
    if (found === null) {
      at = text.indexOf('\n', at) + 1;
      continue;
    }
    if (!parseLines(bytes, others, from + at, records)) return null;
    const end = EXECUTED.lastIndex;
    const record = executedOf(found, records.at(-1));
    const sum = checksum(bytes, from + at, from + end - 1 - SUM_LENGTH);
    if (record === null || Number.parseInt(found[10]!, 16) !== sum) return null;
    records.push(record);
    at = end;
    others = from + at;
  }
  return parseLines(bytes, others, to, records) ? records : null;
}

/** By what `EXECUTED` has found. The ids are those of the line before, where they are the same: as strings, once. */
function executedOf(found: RegExpExecArray, before: LogRecord | undefined): LogRecord | null {
  const [, at, clockText, cloneText, command, duration, exit, success, sequence, sessionText] = found;
  const clock = Number(clockText);
  if (clock > MAX_CLOCK || command!.length > MAX_LINE) return null;
  const durationMs = duration === 'null' ? null : Number(duration);
  const exitCode = exit === 'null' ? null : Number(exit);
  const data = { command: command!, durationMs, exitCode, success: success === 'true' };
  const clone = cloneText === before?.clone ? before!.clone : cloneText!;
  const session = sessionText === before?.session ? before!.session : sessionText!;
  const event = { type: 'command-executed' as const, data };
  return { version: 1, session, clone, sequence: Number(sequence), clock, at: at!, event };
}

/** Adds the records of whole lines, parsed as one list; false where not every line is one. */
function parseLines(bytes: Buffer, from: number, to: number, records: LogRecord[]): boolean {
  if (from === to) return true;
  try {
    const text = bytes.toString('utf8', from, to - 1);
    const lines = text.split('\n');
    const values = JSON.parse(`[${lines.join(',')}]`) as unknown[];
    if (values.length !== lines.length) return false;
    const isAscii = text.length === to - 1 - from;
    let at = from;
    // Not by an iterator, nor by map: this runs once, before anything is optimized.
    for (let i = 0; i < lines.length; i++) {
      const end = at + (isAscii ? lines[i]!.length : Buffer.byteLength(lines[i]!));
      const record = recordOf(values[i]);
      if (record === null || (values[i] as { sum?: unknown }).sum !== sumOf(bytes, at, end)) return false;
      records.push(record);
      at = end + 1;
    }
    // Where bytes are no UTF-8, the places of the lines are wrong.
    return at === to;
  } catch {
    return false;
  }
}

/** The records of all sources in causal order, each once. */
export function mergeRecords(sources: readonly (readonly LogRecord[])[]): LogRecord[] {
  const given = sources.flat();
  if (isMerged(given)) return given;
  const all = new Map<string, LogRecord>();
  for (const record of given) {
    const key = `${record.clone} ${record.sequence}`;
    const known = all.get(key);
    // Two that claim one place (a copied clone that was not noticed, or a forgery): the same one in every clone.
    if (known === undefined || (!isSame(record, known) && encodeRecord(record) < encodeRecord(known))) {
      all.set(key, record);
    }
  }
  return [...all.values()].toSorted(inOrder);
}

/** True where there is nothing to merge: the usual log has one writer. */
function isMerged(records: readonly LogRecord[]): boolean {
  const last = new Map<string, number>();
  return records.every((record, i) => {
    if (record.sequence <= (last.get(record.clone) ?? 0)) return false;
    last.set(record.clone, record.sequence);
    return i === 0 || inOrder(records[i - 1]!, record) < 0;
  });
}

/** As `encodeRecord` would tell, for one eighth of its time; data of the same writer has its keys in the same order. */
function isSame(a: LogRecord, b: LogRecord): boolean {
  if (a === b) return true;
  if (a.clock !== b.clock || a.at !== b.at || a.session !== b.session) return false;
  return JSON.stringify(a.event) === JSON.stringify(b.event);
}

export function inOrder(a: LogRecord, b: LogRecord): number {
  if (a.clock !== b.clock) return a.clock - b.clock;
  if (a.clone !== b.clone) return a.clone < b.clone ? -1 : 1;
  return a.sequence - b.sequence;
}

/** Numbers that a clone has used, and of which no record is left: `from` to `to`, both of them missing. */
export interface Gap {
  clone: string;
  from: number;
  to: number;
}

export function missingRecords(records: readonly LogRecord[]): Gap[] {
  if (areAllThere(records)) return [];
  const gaps: Gap[] = [];
  const last = new Map<string, number>();
  for (const { clone, sequence } of records.toSorted((x, y) => x.sequence - y.sequence)) {
    const before = last.get(clone) ?? 0;
    if (sequence > before + 1) gaps.push({ clone, from: before + 1, to: sequence - 1 });
    last.set(clone, sequence);
  }
  return gaps;
}

/** True where each clone's numbers come one after the other, as they nearly always do: nothing is to be sorted. */
function areAllThere(records: readonly LogRecord[]): boolean {
  const lasts = new Map<string, number>();
  let writer = '';
  let last = 0;
  for (const { clone, sequence } of records) {
    if (clone !== writer) {
      lasts.set(writer, last);
      writer = clone;
      last = lasts.get(clone) ?? 0;
    }
    if (sequence !== ++last) return false;
  }
  return true;
}

/** A record with what it did: of two clones that both end a session, the event of one comes too late. */
export interface AppliedRecord extends LogRecord {
  applied: boolean;
}

/** The state that records in order lead to. Total: an event that a state does not take changes nothing. */
export function fold(
  records: readonly LogRecord[],
  from: SessionState = INITIAL,
): { state: SessionState; applied: AppliedRecord[] } {
  let state = from;
  const applied = records.map(({ version, session, clone, sequence, clock, at, event }): AppliedRecord => {
    const next = transition(state, event);
    state = next ?? state;
    // Key by key: spreading ten thousand records takes ten times as long.
    return { version, session, clone, sequence, clock, at, event, applied: next !== null };
  });
  return { state, applied };
}

/** As `fold`, where only the state is asked for. */
export function stateAfter(records: readonly LogRecord[], from: SessionState = INITIAL): SessionState {
  let state = from;
  for (const { event } of records) state = transition(state, event) ?? state;
  return state;
}

/**
 * The clock of the next record: later than all that are known, and the time where that is later still. See `MAX_CLOCK`.
 */
export function nextClock(nowMs: number, newest: number): number {
  return Math.min(Math.max(nowMs, newest + 1), MAX_CLOCK);
}
