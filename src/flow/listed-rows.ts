import { quoteCommand } from '../session/command-line.ts';
import { type SessionError } from '../session/errors.ts';
import {
  type Listed,
  type ListStatus,
  distinctLabels,
  partsOfName,
  type SavedFacts,
} from '../session/listed.ts';
import { judge, type Judgement } from '../session/live.ts';
import { compareIds, idTime, nameFromTmux } from '../session/names.ts';
import { fromSnapshotPath, type Places } from '../session/paths.ts';
import type { Crq } from '../session/schema.ts';
import type { SnapshotSummary } from '../session/summary.ts';
import { displayText, fromText } from '../session/text.ts';
import { address } from '../store/resolve.ts';
import type { StoredSnapshot } from '../store/sessions.ts';
import type { ReadSummary } from '../store/summaries.ts';
import { isRevived, type LiveView } from './live.ts';

/** A saved session, told by one of its snapshots. */
export interface SavedSession {
  read: ReadSummary;
  crqs: Crq[];
  /** How many snapshots it has. */
  snapshots: number;
}

/** One session: alive or not, saved or not, but one of both at least. */
interface Joined {
  view: LiveView | null;
  saved: SavedSession | null;
}

/** One row for each session, by what tmux, the records and the snapshots say of it. In no order. */
export function joinSessions(
  views: readonly LiveView[],
  saved: readonly SavedSession[],
  places: Places,
): Listed[] {
  const left = new Set(saved);
  const joined = views.map((view): Joined => {
    const isOf = belongsTo(view);
    const found = [...left].filter((s) => isOf(s.read));
    const own = found.toSorted((a, b) => nearness(view, b) - nearness(view, a) || newer(a, b))[0] ?? null;
    if (own !== null) left.delete(own);
    return { view, saved: own };
  });
  for (const s of left) joined.push({ view: null, saved: s });
  const labels = distinctLabels(joined.map(wordsFor));
  return joined.map((session, i) => rowOf(session, labels[i]!, places));
}

/**
 * A tmux session that was saved, restored or made by us knows whose it is; another one belongs to the local session
 * that a save of it would go to.
 */
function belongsTo(view: LiveView): (read: ReadSummary) => boolean {
  const id = view.stored?.record.id ?? view.tmux?.boundId ?? '';
  const name = view.tmux === null ? null : nameFromTmux(view.tmux.name);
  return (read) =>
    id !== '' && 'summary' in read
      ? id === read.summary.sessionId
      : read.stored.remote === null && read.stored.name === name;
}

/** A session can be saved by several names, and be here and at a remote: it is the one here that it was last saved as. */
function nearness(view: LiveView, { read }: SavedSession): number {
  const isNamed = read.stored.name === view.tmux?.shown.name;
  return (read.stored.remote === null ? 2 : 0) + (isNamed ? 1 : 0);
}

function newer(a: SavedSession, b: SavedSession): number {
  return compareIds(b.read.stored.id, a.read.stored.id);
}

/** What a person can type to attach to it, or to restore it, the best word first. */
function wordsFor({ view, saved }: Joined): string[] {
  if (saved !== null && (view === null || view.tmux === null)) return [labelOf(saved.read.stored)];
  const identifier = view?.stored?.record.identifier;
  return identifier === undefined ? [view!.name] : [identifier, view!.name];
}

export function labelOf({ remote, name }: StoredSnapshot): string {
  return remote === null ? name : `${remote}/${name}`;
}

function rowOf({ view, saved }: Joined, label: string, places: Places): Listed {
  const summary = saved !== null && 'summary' in saved.read ? saved.read.summary : null;
  const error = saved !== null && 'error' in saved.read ? saved.read.error : null;
  const record = view?.stored?.record ?? null;
  const tmux = view?.tmux ?? null;
  const name = saved?.read.stored.name ?? record?.name ?? view?.name ?? null;
  const judged = view === null ? null : judgementOf(view, saved !== null);
  const status = error === null ? (judged?.status ?? 'saved') : problemStatus(error);
  return {
    ...{ status, reason: judged?.reason ?? null, exitCode: judged?.exitCode ?? null, error, label, name },
    alive: tmux !== null ? !isOver(status) : status === 'running',
    current: view?.current ?? false,
    id: record?.id ?? summary?.sessionId ?? view?.id ?? null,
    names: [...new Set([...(saved === null ? [] : [labelOf(saved.read.stored)]), ...(view?.names ?? [])])],
    sessionName: view?.name ?? summary?.tmuxName ?? null,
    ...(record === null ? partsOfName(name) : { context: record.context, identifier: record.identifier }),
    ...{ kind: record?.kind ?? null, argv: record?.argv ?? null, ai: record?.ai ?? false },
    config: record?.config,
    ...{ metadata: record?.metadata ?? {}, agents: tmux?.agentStates ?? [] },
    // Most tables do not show it.
    get workingDir() {
      return directoryOf(view, summary, places);
    },
    worktree: record?.worktree == null ? null : displayText(record.worktree),
    command: commandOf(view, summary),
    pid: isOver(status) ? null : (view?.job?.pid ?? tmux?.pane.pid ?? null),
    ...timesOf(view, summary, status),
    attachedClients: tmux?.attachedClients ?? 0,
    historySize: tmux?.pane.historyLines ?? summary?.historyLines ?? null,
    branch: summary?.branch ?? record?.branch ?? null,
    windows: summary?.windows ?? tmux?.windows ?? null,
    panes: summary?.panes ?? null,
    crqs: saved?.crqs ?? [],
    saved: saved === null ? null : savedFacts(saved, summary),
  };
}

function judgementOf(view: LiveView, isSaved: boolean): Omit<Judgement, 'status'> & { status: ListStatus } {
  if (view.judgement !== null) return view.judgement;
  if (!isSaved) return { status: 'unmanaged', exitCode: null, reason: null };
  return judge({
    ...{ kind: 'adopt', alive: true, job: null, jobRuns: false, ended: null },
    attachedClients: view.tmux?.attachedClients ?? 0,
    wasAttached: (view.tmux?.lastAttachedAt ?? null) !== null,
  });
}

function problemStatus(error: SessionError): ListStatus {
  return error.code === 'unsupported-version' ? 'newer-format' : 'damaged';
}

function isOver(status: ListStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'terminated';
}

/** Where it works, as a path of this machine; null in a bare repository. */
function directoryOf(view: LiveView | null, summary: SnapshotSummary | null, places: Places): string | null {
  if (view?.stored != null) return displayText(view.stored.record.cwd);
  if (view?.tmux != null) return view.tmux.path.toString('utf8') || null;
  if (summary === null) return null;
  const mapped = fromSnapshotPath(summary.path, places);
  return mapped === null ? fromText(summary.path.path).toString('utf8') || null : mapped.toString('utf8');
}

/** What was given to `run`, else what its main pane runs. tmux knows only the program's name of that. */
function commandOf(view: LiveView | null, summary: SnapshotSummary | null): string | null {
  const argv = view === null || isRevived(view) ? null : (view.stored?.record.argv ?? null);
  if (argv !== null) return argv.length === 1 ? displayText(argv[0]!) : displayText(quoteCommand(argv));
  const program = view?.tmux?.pane.command.toString('utf8') ?? null;
  return program === null || program === summary?.program ? (summary?.command ?? program) : program;
}

function timesOf(view: LiveView | null, summary: SnapshotSummary | null, status: ListStatus) {
  const { stored = null, tmux = null, job = null } = view ?? {};
  const record = stored?.record ?? null;
  const born = tmux === null ? (record === null ? summary?.createdAt : null) : tmux.createdAt;
  const attached = tmux === null ? summary?.lastAttachedAt : tmux.lastAttachedAt;
  return {
    createdAt: record?.createdAt ?? iso(born),
    startedAt:
      iso(job?.start) ??
      (record?.kind === 'run' && !isRevived(view!)
        ? record.createdAt
        : (iso(born) ?? record?.createdAt ?? null)),
    endedAt: isOver(status) ? (iso(job?.end) ?? endSaid(view) ?? stored?.ended?.at ?? null) : null,
    lastAccessedAt: stored === null ? iso(tmux?.activityAt) : new Date(stored.accessedMs).toISOString(),
    lastAttachedAt: iso(attached),
  };
}

/** When somebody noted the end in the session's log. */
function endSaid(view: LiveView | null): string | null {
  const log = view?.log ?? null;
  return log?.name === 'completed' || log?.name === 'failed' ? log.at : null;
}

/** Seconds since 1970 as ISO 8601. */
function iso(seconds: number | null | undefined): string | null {
  return seconds == null ? null : new Date(seconds * 1000).toISOString();
}

function savedFacts({ read, snapshots }: SavedSession, summary: SnapshotSummary | null): SavedFacts {
  const { stored } = read;
  return {
    ...{ snapshot: address(stored), ref: stored.ref, oid: stored.oid, remote: stored.remote, snapshots },
    contextCommit: stored.context,
    savedAt: summary?.savedAt ?? timeOf(stored.id),
    ...{ savedBy: summary?.savedBy ?? null, host: summary?.host ?? null },
    ...{ head: summary?.head ?? null, message: summary?.message ?? null },
  };
}

export function timeOf(id: string): string | null {
  const ms = idTime(id);
  return ms === null ? null : new Date(ms).toISOString();
}

/** A ref below ours that we never make. Its name means nothing to us: the object id addresses it. */
export function foreignRow(ref: { name: string; oid: string }): Listed {
  const label = ref.name.replace(/^refs\/(?:remote-)?sessions\//u, '').replace(/\/snapshot$/u, '');
  const nothing = {
    ...{
      reason: null,
      exitCode: null,
      id: null,
      name: null,
      sessionName: null,
      identifier: null,
      kind: null,
    },
    ...{ workingDir: null, worktree: null, command: null, argv: null, pid: null, createdAt: null },
    ...{ startedAt: null, endedAt: null, lastAccessedAt: null, lastAttachedAt: null, historySize: null },
    ...{ branch: null, windows: null, panes: null, error: null },
  };
  const saved = { snapshot: ref.oid, ref: ref.name, oid: ref.oid, remote: null, contextCommit: null };
  return {
    ...{ ...nothing, status: 'foreign', label, names: [label], context: 'session' },
    ...{ alive: false, current: false, attachedClients: 0, agents: [], ai: false, metadata: {}, crqs: [] },
    saved: { ...saved, snapshots: 1, savedAt: null, savedBy: null, host: null, head: null, message: null },
  };
}
