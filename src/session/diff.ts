import { canonicalJson } from './codec.ts';
import { crqKey } from './crq.ts';
import type { Snapshot } from './schema.ts';

/** One thing in which two snapshots differ. */
export interface Difference {
  /** As in `tmux.windows[2].panes[0].command`: windows and panes by their index, CRQs by id, `env` by name. */
  path: string;
  kind: 'added' | 'removed' | 'changed';
  /** null where there was nothing. */
  from: unknown;
  to: unknown;
}

/**
 * What says when, by whom or by which process something was found, or what moves by itself, and nothing
 * about what a restore brings back. Left out of a comparison, unless asked for. `*` is any index or name.
 */
export const VOLATILE: readonly (readonly [path: string, why: string])[] = [
  ['session.id', 'a fetched session and a session of that name that was made here have different ones'],
  ['session.name', 'the same session under another name'],
  ['previous', 'differs between any two snapshots'],
  ['savedAt', 'differs between any two snapshots'],
  ['message', 'says what the snapshot is for'],
  ['host.tool', 'version of git-session'],
  ['redactions', 'also names processes; what was redacted shows in the fields themselves'],
  ['tmux.sessions[*].createdAt', 'a time'],
  ['tmux.sessions[*].lastAttachedAt', 'a time'],
  ['tmux.sessions[*].attachedClients', 'people come and go'],
  ['tmux.windows[*].panes[*].processes', 'process ids'],
  ['tmux.windows[*].panes[*].alternate', 'follows from the command'],
  ['tmux.windows[*].panes[*].agent.argv', 'follows from the command'],
  [
    'tmux.windows[*].panes[*].agent.evidence',
    'where the id was found; a resumed agent tells it by its arguments',
  ],
  ['tmux.windows[*].panes[*].agent.confidence', 'as the evidence'],
  ['tmux.windows[*].panes[*].historyLines', 'grows with any output'],
  ['tmux.windows[*].panes[*].scrollback', 'changes with any output'],
  ['git.work', 'an id that holds a time; the trees of the commit are compared instead'],
];

const VOLATILE_PATHS = new Set(VOLATILE.map(([path]) => path));

/** Compared as one value: half of an argument vector means nothing. */
const WHOLE = new Set([
  'start',
  'relaunch',
  'cwd',
  'path',
  'geometry',
  'dead',
  'state',
  'scrollback',
  'changes',
]);

export interface DiffOptions {
  /** Compare what is volatile too. */
  volatile?: boolean;
  /**
   * The trees of the two worktree commits, in any form that is equal where they are; null where a
   * snapshot has none. Absent where they can't be read: then only having one or not counts.
   */
  work?: { from: string | null; to: string | null };
}

/** In what `b` differs from `a`, in the order of the format. Pure. */
export function diffSnapshots(a: Snapshot, b: Snapshot, options: DiffOptions = {}): Difference[] {
  const all = options.volatile === true;
  const found: Difference[] = [];
  compare('', '', toTree(a), toTree(b), (path, pattern, from, to) => {
    if (!all && (VOLATILE_PATHS.has(pattern) || renamedByItself(path, a, b) || noneWasLast(path, a, b)))
      return;
    const kind = from === undefined ? 'added' : to === undefined ? 'removed' : 'changed';
    found.push({ path, kind, from: from ?? null, to: to ?? null });
  });
  if (!all && worksDiffer(a, b, options)) {
    found.push({ path: 'git.work', kind: 'changed', from: a.git.work, to: b.git.work });
  }
  return found;
}

/** What can be told apart without the objects is whether there is uncommitted work at all. */
function worksDiffer(a: Snapshot, b: Snapshot, { work }: DiffOptions): boolean {
  if (work !== undefined) return work.from !== work.to;
  return (a.git.work === null) !== (b.git.work === null);
}

/** With automatic-rename a window's name follows its command, at any moment. */
function renamedByItself(path: string, a: Snapshot, b: Snapshot): boolean {
  const index = /^tmux\.windows\[(\d+)\]\.name$/u.exec(path)?.[1];
  if (index === undefined) return false;
  return [a, b].every((s) => s.tmux.windows.some((w) => w.index === Number(index) && w.automaticRename));
}

/** Where no pane or window was active before, a restore can't bring that back: tmux always knows one. */
function noneWasLast(path: string, a: Snapshot, b: Snapshot): boolean {
  if (path.endsWith('.lastWindow'))
    return [a, b].some((s) => s.tmux.sessions.some((m) => m.lastWindow === null));
  const field = /^tmux\.windows\[(\d+)\](?:\.panes\[\d+\])?\.last$/u.exec(path);
  if (field === null) return false;
  const isPane = path.includes('.panes[');
  return [a, b].some(({ tmux }) => {
    const window = tmux.windows.find((w) => w.index === Number(field[1]));
    return (isPane ? window?.panes : tmux.windows)?.every((member) => !member.last) === true;
  });
}

/** The snapshot with its lists keyed by what identifies their members. */
function toTree({ tmux, crqs, ...rest }: Snapshot): Record<string, unknown> {
  return {
    ...rest,
    crqs: keyed(crqs, (c) => crqKey(c.id)),
    git: { ...rest.git, remotes: keyed(rest.git.remotes, (r) => r.name) },
    tmux: {
      sessions: new Map(tmux.sessions.map((s, i) => [String(i), s])),
      windows: keyed(
        tmux.windows.map((w) => ({ ...w, panes: keyed(w.panes, (p) => String(p.index)) })),
        (w) => String(w.index),
      ),
    },
  };
}

/** A forged snapshot may hold a key twice: none of the members gets lost. */
function keyed<T>(members: readonly T[], keyOf: (member: T) => string): Map<string, T> {
  const map = new Map<string, T>();
  for (const member of members) {
    const key = keyOf(member);
    let free = key;
    for (let n = 2; map.has(free); n++) free = `${key}#${n}`;
    map.set(free, member);
  }
  return map;
}

type Report = (path: string, pattern: string, from: unknown, to: unknown) => void;

function compare(path: string, pattern: string, from: unknown, to: unknown, report: Report): void {
  const [a, b] = [from, to].map((v) => (v instanceof Map ? (v as Map<string, unknown>) : null));
  if (a != null && b != null) {
    for (const key of [...a.keys(), ...[...b.keys()].filter((k) => !a.has(k))]) {
      compare(`${path}[${key}]`, `${pattern}[*]`, a.get(key), b.get(key), report);
    }
    return;
  }
  const field = /[^.\]]*$/u.exec(path)?.[0] ?? '';
  if (isObject(from) && isObject(to) && !WHOLE.has(field) && !isBytes(from) && !isBytes(to)) {
    for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
      const step = (prefix: string, name: string) => (prefix === '' ? name : `${prefix}.${name}`);
      const inEnv = pattern === 'env';
      const [f, t] = [from, to].map((side) => (Object.hasOwn(side, key) ? side[key] : undefined));
      compare(step(path, key), inEnv ? 'env.*' : step(pattern, key), f, t, report);
    }
    return;
  }
  if (!same(from, to)) report(path, pattern, plain(from), plain(to));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map);
}

/** Bytes that are not UTF-8 (`Text`). */
function isBytes(value: Record<string, unknown>): boolean {
  return Object.hasOwn(value, 'base64');
}

function same(a: unknown, b: unknown): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonicalJson(plain(a)) === canonicalJson(plain(b));
}

/** Without our maps: a window that is gone is reported as it was stored. */
function plain(value: unknown): unknown {
  if (value instanceof Map) return [...(value as Map<string, unknown>).values()].map(plain);
  if (Array.isArray(value)) return value.map(plain);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, plain(v)]));
}
