import type { SessionConfig } from './lifecycle.ts';
import { LIVE_STATUSES, type SessionRecord } from './live.ts';
import type { Crq } from './schema.ts';
import type { SessionError } from './errors.ts';

/** In the order of a session's life; the last three are what can't be read as a session of ours. */
export const LIST_STATUSES = [
  ...LIVE_STATUSES,
  ...(['saved', 'unmanaged', 'damaged', 'newer-format', 'foreign'] as const),
];
export type ListStatus = (typeof LIST_STATUSES)[number];

export const SORT_KEYS = ['duration', 'task', 'context', 'status', 'started'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** One line of the list: a session that lives or lived in tmux, one that is saved, or one that is both. */
export interface Listed {
  status: ListStatus;
  /** Why it failed, where its exit code does not tell. */
  reason: string | null;
  exitCode: number | null;
  /** It is in tmux, or its command runs. */
  alive: boolean;
  /** The session that shows the terminal we run in. */
  current: boolean;
  id: string | null;
  /** What a command takes for it, and no other session of this list. */
  label: string;
  /** What it can be called by, the full name first. */
  names: readonly string[];
  /** Of the saved session, else of the live one; null for a ref that is none of ours. */
  name: string | null;
  /** The tmux session's. */
  sessionName: string | null;
  context: string;
  identifier: string | null;
  kind: SessionRecord['kind'] | null;
  workingDir: string | null;
  worktree: string | null;
  command: string | null;
  argv: SessionRecord['argv'];
  pid: number | null;
  /** Times are ISO 8601. */
  createdAt: string | null;
  startedAt: string | null;
  endedAt: string | null;
  lastAccessedAt: string | null;
  lastAttachedAt: string | null;
  attachedClients: number;
  /** What agents in its panes are doing. */
  agents: readonly string[];
  ai: boolean;
  /** Options of its life, where it was made with some. */
  config?: SessionConfig | undefined;
  historySize: number | null;
  metadata: Record<string, string>;
  branch: string | null;
  windows: number | null;
  panes: number | null;
  crqs: readonly Crq[];
  saved: SavedFacts | null;
  error: SessionError | null;
}

/** Of the newest snapshot, or of the newest one with the CRQ asked for. */
export interface SavedFacts {
  /** What to give to other commands. */
  snapshot: string;
  ref: string;
  oid: string;
  remote: string | null;
  contextCommit: string | null;
  /** How many snapshots the session has. */
  snapshots: number;
  /** What can't be read has a time in its id still. */
  savedAt: string | null;
  savedBy: { name: string; email: string } | null;
  host: string | null;
  head: string | null;
  message: string | null;
}

/** Milliseconds that it runs, or ran; null where that is not known, and for what is saved only. */
export function runTime(row: Listed, now: number): number | null {
  if (row.startedAt === null || (!row.alive && row.endedAt === null)) return null;
  const end = row.endedAt === null ? now : Date.parse(row.endedAt);
  const passed = end - Date.parse(row.startedAt);
  return Number.isNaN(passed) ? null : Math.max(0, passed);
}

/** Those that live first, then those that have ended, then those that are saved; the newest of each first. */
export function sortListed(rows: readonly Listed[], key: SortKey | null, now: number): Listed[] {
  const usual = rows.toSorted((a, b) => groupOf(a) - groupOf(b) || compare(timeOf(b), timeOf(a)));
  if (key === null) return usual;
  return usual.toSorted((a, b) => byKey(key, now)(a, b));
}

function byKey(key: SortKey, now: number): (a: Listed, b: Listed) => number {
  switch (key) {
    case 'duration':
      return (a, b) => compare(runTime(b, now) ?? -1, runTime(a, now) ?? -1);
    case 'task':
      return (a, b) => compare(a.label, b.label);
    case 'context':
      return (a, b) => compare(a.context, b.context);
    case 'status':
      return (a, b) => LIST_STATUSES.indexOf(a.status) - LIST_STATUSES.indexOf(b.status);
    case 'started':
      return (a, b) => compare(b.startedAt ?? '', a.startedAt ?? '');
  }
}

function groupOf(row: Listed): number {
  if (row.alive) return row.status === 'unmanaged' ? 1 : 0;
  return row.kind === null ? 3 : 2;
}

function timeOf(row: Listed): string {
  const time = row.alive ? row.startedAt : (row.endedAt ?? row.saved?.savedAt ?? row.startedAt);
  return time ?? '';
}

function compare<T extends string | number>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Gives each row the shortest word that means it alone: what it was given as its identifier, else its full name.
 * `words` are a row's, the best first; the last one is taken where others are called so too.
 */
export function distinctLabels(words: readonly (readonly string[])[]): string[] {
  const uses = new Map<string, number>();
  for (const own of words) for (const word of new Set(own)) uses.set(word, (uses.get(word) ?? 0) + 1);
  return words.map((own) => own.find((word) => uses.get(word) === 1) ?? own.at(-1) ?? '');
}

/** The parts of a name that `run` gives, `gs-<context>-<identifier>-<time>`; of another one, the name itself. */
export function partsOfName(name: string | null): { context: string; identifier: string | null } {
  const m = /^gs-([^-]+)-(.+)-\d{14}$/u.exec(name ?? '');
  return m === null ? { context: 'session', identifier: name } : { context: m[1]!, identifier: m[2]! };
}
