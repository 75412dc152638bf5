import { isEventType } from '../session/event-schema.ts';
import type { Text } from '../session/text.ts';
import { type Allowed, commandPart, type Part, textPart } from './parts.ts';

/** Texts of a line of a log: of a record, of a link or a deletion, or of what is neither. */
export function lineParts(line: string, allow: Allowed): Part[] {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return [textPart(line, 'the log', allow)];
  }
  return inValue(value, placeOf(value), '', allow);
}

/** The lines of a segment, or a journal. */
export function linesOf(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '');
}

/** It holds records of a session's log, and not only a link or a deletion. */
export function isLog(bytes: Buffer): boolean {
  return bytes.includes(',"session":"');
}

function placeOf(value: unknown): string {
  const { sequence, session } = (value ?? {}) as { sequence?: unknown; session?: unknown };
  return typeof session === 'string' && Number.isSafeInteger(sequence)
    ? `event ${String(sequence)} of the log`
    : 'a link to a CRQ in the log';
}

/** Of what every record has, most can be nothing but what it is: so much need not be looked at. */
const PLAIN = /^(?:[0-9a-f]{8}(?:(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?|\d{4}-\d\d-\d\dT[\d:.]{8,12}Z)$/u;

/** Keys below which a command line stands. */
const COMMANDS = new Set(['command', 'commandsRun', 'argv']);

function inValue(value: unknown, where: string, key: string, allow: Allowed): Part[] {
  if (typeof value === 'string') {
    const make: (text: Text, where: string, allow: Allowed) => Part = COMMANDS.has(key)
      ? commandPart
      : textPart;
    const plain = value.length < 6 || PLAIN.test(value) || (key === 'type' && isEventType(value));
    return plain ? [] : [make(value, where, allow)];
  }
  if (Array.isArray(value)) return value.flatMap((inner) => inValue(inner, where, key, allow));
  if (typeof value !== 'object' || value === null) return [];
  // A name can hold one as well as a value can.
  return Object.entries(value).flatMap(([name, inner]) => [
    ...(name.length < 12 ? [] : [textPart(name, where, allow)]),
    ...inValue(inner, where, name, allow),
  ]);
}
