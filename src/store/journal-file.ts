import { closeSync, fdatasyncSync, fsyncSync, mkdirSync, openSync, readSync } from 'node:fs';
import path from 'node:path';
import { LimitError } from '../session/errors.ts';
import { decodeRecord, encodeRecord, type LogRecord, MAX_RECORD_BYTES } from '../session/event-log.ts';

/** So many bytes are compared at once. */
const PIECE_BYTES = 64 * 1024;

export interface Line {
  record: LogRecord;
  text: string;
}

/** Piece by piece: memory that is used again costs less than what is new. */
export function hasBytes(fd: number, at: number, bytes: Buffer): boolean {
  const piece = Buffer.allocUnsafe(Math.min(bytes.length, PIECE_BYTES));
  for (let done = 0; done < bytes.length;) {
    const got = readSync(fd, piece, 0, Math.min(piece.length, bytes.length - done), at + done);
    if (got === 0 || !piece.subarray(0, got).equals(bytes.subarray(done, done + got))) return false;
    done += got;
  }
  return true;
}

/** All that is there: one call need not give all that it is asked for. */
export function bytesOf(fd: number, from: number, to: number): Buffer {
  const bytes = Buffer.allocUnsafe(Math.max(0, to - from));
  let length = 0;
  while (length < bytes.length) {
    const got = readSync(fd, bytes, length, bytes.length - length, from + length);
    if (got === 0) break;
    length += got;
  }
  return bytes.subarray(0, length);
}

/** Not with `recursive`: Node then says ENOENT where the file system is read-only. */
export function makeFolder(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || path.dirname(directory) === directory) throw error;
    makeFolder(path.dirname(directory));
    mkdirSync(directory, { mode: 0o700 });
  }
}

/** Onto the disk. The name of a new file is in its directory, and that of a new directory in the one above: `made` names it. */
export function syncJournal(fd: number, made: string | null): void {
  fdatasyncSync(fd);
  if (made === null) return;
  for (const folder of [made, path.dirname(made), path.dirname(path.dirname(made))]) {
    const opened = openSync(folder, 'r');
    try {
      fsyncSync(opened);
    } finally {
      closeSync(opened);
    }
  }
}

/** What can't be read back is not written. The record is what was read back: the caller may change what it gave. */
export function lineOf(given: LogRecord): Line {
  const text = encoded(given);
  if (Buffer.byteLength(text) > MAX_RECORD_BYTES) {
    throw new LimitError(`an event is too large: at most ${MAX_RECORD_BYTES} bytes`);
  }
  const record = decodeRecord(text.slice(0, -1));
  if (record !== null) return { record, text };
  throw new LimitError(`an event of type '${given.event.type}' says what can't be recorded`, [
    'its data is of another type, or too long, or too deep',
  ]);
}

/** Empty where it has no JSON: it refers to itself, or is far too deep. */
function encoded(given: LogRecord): string {
  try {
    return encodeRecord(given);
  } catch {
    return '';
  }
}
