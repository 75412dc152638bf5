import * as v from 'valibot';
import { type Snapshot, SnapshotSchema } from '../../src/session/schema.ts';

/** What moves a cursor, asks a terminal, hides, reorders or takes no room: no NUL, which no field can hold. */
export const HOSTILE = [
  ...[
    'x\u001B]0;owned\u0007',
    '\u001B[6n',
    '\u001B[8m',
    '\r',
    '\b',
    '\n',
    '\t',
    '\u007F',
    '\u009B31m',
    '\u0085',
  ],
  ...['\u202E', '\u2066', '\u200E', '\u061C', '\u200B', '\u200C', '\u200D', '\u2060', '\uFEFF'],
  ...['\u{E0041}', '\u00AD', '\uFE0F', '\u2028', '\u3164\u0301', '\u034F'],
].join('');

/** The same kinds as bytes that are not UTF-8: an overlong escape, and C1 controls as one byte each. */
const HOSTILE_BYTES = Buffer.from([
  0xc0, 0x9b, 0x9b, 0x33, 0x31, 0x6d, 0xff, 0x1b, 0x5b, 0x36, 0x6e, 0xe2, 0x80,
]);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/**
 * A copy with something hostile in each field that may hold it, by the schema: what is behind it can be no more hostile
 * in a snapshot that is read at all. `bytes`: as bytes that are no text, where a field may hold those. `except` keeps
 * fields as they are.
 */
export function hostileEverywhere(
  good: Snapshot,
  { bytes = false, except = [] }: { bytes?: boolean; except?: readonly string[] } = {},
): Snapshot {
  const copy = structuredClone(good) as unknown as Json;
  const isValid = () => v.is(SnapshotSchema, copy);
  for (const { holder, key, path } of placesOf(copy)) {
    if (except.some((e) => path.endsWith(e))) continue;
    const before = holder[key]!;
    const prefix = typeof before === 'string' && before.startsWith('/') ? '/no/' : '';
    const tries: Json[] = [`${prefix}${HOSTILE}`];
    if (bytes) {
      tries.unshift({ base64: Buffer.concat([Buffer.from(prefix), HOSTILE_BYTES]).toString('base64') });
    }
    for (const value of tries) {
      holder[key] = value;
      if (isValid()) break;
      holder[key] = before;
    }
  }
  return copy as unknown as Snapshot;
}

/** One snapshot for each kind of field that may not hold it, with something hostile in that field. */
export function hostileWhereRefused(good: Snapshot): Snapshot[] {
  const kinds = new Map(
    placesOf(structuredClone(good) as unknown as Json).map(({ path }) => [
      path.replaceAll(/\d+/gu, 'n'),
      path,
    ]),
  );
  return [...kinds.values()].flatMap((path) => {
    const copy = structuredClone(good) as unknown as Json;
    const place = placesOf(copy).find((p) => p.path === path)!;
    place.holder[place.key] = HOSTILE;
    return v.is(SnapshotSchema, copy) ? [] : [copy as unknown as Snapshot];
  });
}

interface Place {
  holder: Record<string, Json>;
  key: string;
  path: string;
}

function placesOf(value: Json, path = ''): Place[] {
  if (value === null || typeof value !== 'object') return [];
  const holder = value as Record<string, Json>;
  return Object.keys(holder).flatMap((key) => {
    const at = `${path}.${key}`;
    return typeof holder[key] === 'string' ? [{ holder, key, path: at }] : placesOf(holder[key]!, at);
  });
}
