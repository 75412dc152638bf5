import { createHash } from 'node:crypto';
import { InvalidNameError } from './errors.ts';

const RESERVED = new Set(['snapshot', 'context', 'events']);
const ID = /^\d{8}T\d{9}Z-[0-9a-f]{8}$/u;
const COMPONENT = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/u;

/** A snapshot's id: `YYYYMMDDTHHMMSSmmmZ-<8 hex>`, with a time that the calendar has. */
export function isSnapshotId(text: string): boolean {
  return ID.test(text) && idTime(text) !== null;
}

/** Why `name` can't name a session (design.md section 2), or null where it can. */
export function nameProblem(name: string): string | null {
  if (name.length === 0) return 'it is empty';
  if (name.length > 100) return 'it is longer than 100 characters';
  for (const part of name.split('/')) {
    if (part === '') return 'it has an empty component';
    if (RESERVED.has(part)) return `'${part}' is a reserved word`;
    if (/^\d{8}T\d{9}Z/u.test(part)) return `'${part}' looks like a snapshot id`;
    if (part.startsWith('-') || part.startsWith('.')) return `a component starts with '${part[0]}'`;
    if (!COMPONENT.test(part)) return "only letters, digits, '.', '_', '-' and '/' are allowed";
    if (part.includes('..') || part.endsWith('.') || part.endsWith('.lock'))
      return `git does not allow '${part}' in a ref`;
  }
  return null;
}

export function isSessionName(name: string): boolean {
  return nameProblem(name) === null;
}

export function checkName(name: string): string {
  const problem = nameProblem(name);
  if (problem !== null) {
    // What there was to say is said; a name that would do says more.
    const near = nameFromTmux(Buffer.from(name.replaceAll('/', '-')));
    throw new InvalidNameError(`'${name}' is not a valid session name: ${problem}`, [
      /^session-[0-9a-f]{8}$/u.test(near)
        ? "use letters, digits, '.', '_', '-', and '/' between components"
        : `for example: ${near}`,
    ]);
  }
  return name;
}

/**
 * The session name for a tmux session name: the same where it is valid, else the nearest valid one.
 * Two tmux names can give one session name; `distinct` then adds a hash of the raw bytes.
 */
export function nameFromTmux(raw: Buffer, distinct = false): string {
  const text = raw.toString('utf8');
  if (!distinct && isSessionName(text)) return text;
  const slug = text
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9._-]+/gu, '-')
    .replace(/\.{2,}/gu, '.')
    .replace(/^[-.]+|[-.]+$/gu, '')
    .slice(0, 80);
  const hash = createHash('sha256').update(raw).digest('hex').slice(0, 8);
  if (slug === '') return `session-${hash}`;
  const candidate = distinct ? `${slug}-${hash}` : slug;
  return isSessionName(candidate) ? candidate : `session-${hash}`;
}

/** The id's time part: milliseconds since 1970, as in `YYYYMMDDTHHMMSSmmmZ`. */
export function formatIdTime(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:.]/gu, '');
}

/** Milliseconds since 1970 of an id, or null where the text is no id. */
export function idTime(id: string): number | null {
  const m = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z/u.exec(id);
  if (m === null) return null;
  const ms = Date.parse(`${m[1]}-${m[2]}-${m[3]}T${m[4]}:${m[5]}:${m[6]}.${m[7]}Z`);
  return Number.isNaN(ms) ? null : ms;
}

/** The last moment that an id has digits for. */
const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/**
 * The time for a new id: a hybrid logical clock. Never earlier than the newest id known, so that ids
 * sort in causal order also when the wall clock went back. Somebody's id from the end of the calendar
 * must not lead to ids that are none: order is lost then, and nothing else.
 */
export function nextIdTime(nowMs: number, newest: string | null): number {
  const last = newest === null ? null : idTime(newest);
  return last === null || nowMs > last ? nowMs : Math.min(last + 1, LAST_TIME);
}

export function makeId(ms: number, oid: string): string {
  return `${formatIdTime(ms)}-${oid.slice(0, 8)}`;
}

/** Short form of an id for people: to the second, without the hash. */
export function compareIds(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export type SessionRefKind = 'snapshot' | 'context' | 'events';
export interface SessionRef {
  /** null: a local ref under refs/sessions; else the remote under refs/remote-sessions. */
  remote: string | null;
  name: string;
  id: string;
  kind: SessionRefKind;
}

export const SESSIONS = 'refs/sessions/';
export const REMOTE_SESSIONS = 'refs/remote-sessions/';

/** Reads a full ref name; null for a foreign one, outside the grammar of design.md section 2. */
export function parseSessionRef(ref: string): SessionRef | null {
  let remote: string | null = null;
  let rest: string;
  if (ref.startsWith(SESSIONS)) rest = ref.slice(SESSIONS.length);
  else if (ref.startsWith(REMOTE_SESSIONS)) {
    const after = ref.slice(REMOTE_SESSIONS.length);
    const slash = after.indexOf('/');
    if (slash <= 0) return null;
    remote = after.slice(0, slash);
    rest = after.slice(slash + 1);
  } else return null;
  const parts = rest.split('/');
  const kind = parts.pop();
  const id = parts.pop();
  const name = parts.join('/');
  if (kind !== 'snapshot' && kind !== 'context' && kind !== 'events') return null;
  if (id === undefined || !isSnapshotId(id) || !isSessionName(name)) return null;
  return { remote, name, id, kind };
}

export function sessionRef(name: string, id: string, kind: SessionRefKind): string {
  return `${SESSIONS}${name}/${id}/${kind}`;
}
