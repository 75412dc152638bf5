import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { LoggedState } from '../session/live.ts';
import { decodeRecord, type LogRecord, MAX_RECORD_BYTES } from '../session/event-log.ts';
import { journalFile } from './journal.ts';

/** How a line ends that tells the state. */
const TELLS =
  /,"type":"(?:started|resumed|iteration-started|iteration-completed|paused|completed|failed)","[^}]*\}$/u;
const END_LENGTH = 96;

/** Most logs are shorter, and in most others the last state is nearer to the end. */
const FIRST_LOOK = 16 * 1024;

/**
 * The state that a session's own journal leads to, for a list of many: read from its end, until a record says it. What
 * other clones have written is not looked at. Null where there is no journal.
 */
export function journalState(directory: string, session: string): LoggedState | null {
  let fd: number;
  try {
    fd = openSync(journalFile(directory, session), 'r');
  } catch {
    return null;
  }
  try {
    const { size } = fstatSync(fd);
    for (let length = Math.min(size, FIRST_LOOK); ; length = Math.min(size, length * 16)) {
      const found = stateIn(bytesAt(fd, size - length, length), session, length === size);
      if (found !== null || length === size) return found ?? { name: 'created', text: null, at: null };
    }
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
}

function bytesAt(fd: number, offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
}

/** By the last record in these bytes that tells it. `whole`: the first line is not cut. */
function stateIn(bytes: Buffer, session: string, whole: boolean): LoggedState | null {
  for (let end = bytes.length; end > 0;) {
    const before = bytes.lastIndexOf(10, end - 1);
    if (before < 0 && !whole) return null;
    const length = end - before - 1;
    // Most records are of commands: checking these would take the time.
    if (!TELLS.test(bytes.toString('latin1', Math.max(before + 1, end - END_LENGTH), end))) {
      end = before;
      continue;
    }
    const record =
      length === 0 || length > MAX_RECORD_BYTES
        ? null
        : decodeRecord(bytes.toString('utf8', before + 1, end));
    const state = record?.session === session ? stateAfter(record) : null;
    if (state !== null) return state;
    end = before;
  }
  return null;
}

/** A record is in the journal only where the state took it; of many the state after them does not depend on what was before. */
function stateAfter({ event, at }: LogRecord): LoggedState | null {
  switch (event.type) {
    case 'started':
    case 'resumed':
    case 'iteration-started':
    case 'iteration-completed':
      return { name: 'running', text: null, at };
    case 'paused':
      return { name: 'paused', text: event.data.reason, at };
    case 'completed':
      return { name: 'completed', text: null, at };
    case 'failed':
      return { name: 'failed', text: event.data.error, at };
    case 'analysis-completed':
    case 'command-executed':
    case 'checkpoint-saved':
    case 'deleted':
      return null;
  }
}
