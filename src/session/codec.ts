import * as v from 'valibot';
import { canonicalize } from 'json-canonicalize';
import { DamagedSnapshotError, SnapshotTooLargeError, UnsupportedVersionError } from './errors.ts';
import { FORMAT_VERSION, MAX_DEPTH, MAX_SNAPSHOT_BYTES, type Snapshot, SnapshotSchema } from './schema.ts';

/**
 * The canonical JSON (RFC 8785) of a value that consists of plain data only. The library accepts
 * lone surrogates and sparse arrays; callers pass values that a schema has checked.
 */
export function canonicalJson(value: unknown): string {
  return canonicalize(value);
}

/** The bytes of a snapshot's blob. Throws where the snapshot is against the schema or over the size limit. */
export function encodeSnapshot(snapshot: Snapshot): Buffer {
  const result = v.safeParse(SnapshotSchema, snapshot);
  if (!result.success) throw new DamagedSnapshotError(`snapshot is not valid: ${where(result.issues)}`);
  const bytes = Buffer.from(canonicalJson(result.output), 'utf8');
  if (bytes.length > MAX_SNAPSHOT_BYTES) {
    throw new SnapshotTooLargeError(
      `snapshot has ${bytes.length} bytes, more than the limit of ${MAX_SNAPSHOT_BYTES}`,
      ['close panes with very long command lines, or save the sessions one by one'],
    );
  }
  return bytes;
}

/**
 * Reads untrusted bytes as a snapshot. The order matters: size, encoding and depth are checked before
 * parsing, the version before the schema, and at last that the bytes are their own canonical form,
 * which catches duplicate keys, numbers that JSON can't hold, and keys that the schema dropped.
 */
export function decodeSnapshot(bytes: Uint8Array, what = 'snapshot'): Snapshot {
  const { value, text } = parseText(bytes, what);
  checkVersion(value, what);
  const result = v.safeParse(SnapshotSchema, value);
  if (!result.success) throw damaged(what, where(result.issues));
  if (!isCanonical(value, text) || !sameSize(value, result.output)) throw damaged(what, 'not canonical JSON');
  return result.output;
}

/**
 * True where `text` is the canonical form of what was parsed from it. For values of the schema (whole
 * numbers, no keys that look like array indexes) RFC 8785 is what JSON.stringify writes, with sorted
 * keys; the parser keeps the order of the text. Five times as fast as building the canonical form anew.
 */
function isCanonical(value: unknown, text: string): boolean {
  return JSON.stringify(value) === text && hasSortedKeys(value);
}

function hasSortedKeys(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(hasSortedKeys);
  let last: string | null = null;
  for (const [key, inner] of Object.entries(value)) {
    if (last !== null && key <= last) return false;
    last = key;
    if (!hasSortedKeys(inner)) return false;
  }
  return true;
}

/** The schema library leaves out names that JavaScript treats as something else (`__proto__`). */
function sameSize(value: unknown, output: Snapshot): boolean {
  return Object.keys((value as Snapshot).env).length === Object.keys(output.env).length;
}

/** Checks a value from a readable form (YAML), where the bytes need not be canonical. */
export function snapshotFromValue(value: unknown, what = 'snapshot'): Snapshot {
  checkVersion(value, what);
  const result = v.safeParse(SnapshotSchema, value);
  if (!result.success) throw damaged(what, where(result.issues));
  return decodeSnapshot(Buffer.from(canonicalJson(result.output), 'utf8'), what);
}

/** JSON from untrusted bytes: bounded size and depth, strict UTF-8, no byte order mark. */
export function parseUntrusted(bytes: Uint8Array, what: string): unknown {
  return parseText(bytes, what).value;
}

function parseText(bytes: Uint8Array, what: string): { value: unknown; text: string } {
  if (bytes.length > MAX_SNAPSHOT_BYTES) throw tooLarge(what, bytes.length);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw damaged(what, 'not UTF-8');
  }
  if (exceedsDepth(bytes, MAX_DEPTH)) throw damaged(what, `nested deeper than ${MAX_DEPTH}`);
  try {
    return { value: JSON.parse(text) as unknown, text };
  } catch {
    throw damaged(what, 'not JSON');
  }
}

export function tooLarge(what: string, size: number): SnapshotTooLargeError {
  return new SnapshotTooLargeError(
    `${what} has ${size} bytes, more than the limit of ${MAX_SNAPSHOT_BYTES}`,
    ['it was not made by git-session; delete it or ask who made it'],
  );
}

function damaged(what: string, why: string): DamagedSnapshotError {
  return new DamagedSnapshotError(`${what} is damaged: ${why}`, [
    'an older snapshot may be whole: git session log',
  ]);
}

function checkVersion(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw damaged(what, 'not a JSON object');
  const { format, version } = value as { format?: unknown; version?: unknown };
  if (format !== 'git-session/snapshot') throw damaged(what, 'not a git-session snapshot');
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1)
    throw damaged(what, 'no format version');
  if (version > FORMAT_VERSION) {
    throw new UnsupportedVersionError(
      `${what} uses format ${version}; this git-session reads up to ${FORMAT_VERSION}`,
      ['install a newer git-session: npm install -g git-session'],
      { version, supported: FORMAT_VERSION },
    );
  }
}

/** Bytes are scanned outside strings only; no recursion, so depth can't exhaust the stack. */
function exceedsDepth(bytes: Uint8Array, limit: number): boolean {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i];
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x5b || c === 0x7b) {
      if (++depth > limit) return true;
    } else if (c === 0x5d || c === 0x7d) depth--;
  }
  return false;
}

/** Where the first problem lies. The library's own messages echo the value, which may be a secret. */
function where(issues: readonly v.BaseIssue<unknown>[]): string {
  const issue = issues[0];
  if (issue === undefined) return 'unknown problem';
  const path = v.getDotPath(issue);
  if (issue.type === 'strict_object') {
    return issue.expected === 'never'
      ? `unknown field in ${path ?? 'the object'}`
      : `missing field ${path ?? ''}`;
  }
  return `bad value at ${path ?? 'the top level'}`;
}
