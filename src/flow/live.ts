import { SessionError, NoServerError } from '../session/errors.ts';
import {
  type Candidate,
  type JobStatus,
  judge,
  type Judgement,
  isSessionId,
  type LoggedState,
} from '../session/live.ts';
import type { Repository } from '../git/repository.ts';
import { jobRuns, readJob } from '../process/job.ts';
import { journalDirectory } from '../store/journal.ts';
import { journalState } from '../store/journal-state.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { readCatalog, readSnapshots } from '../store/sessions.ts';
import { listSessions, type LiveSession, type Server } from '../tmux/capture.ts';
import type { Tmux } from '../tmux/tmux.ts';
import { openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

/** A session that lives or lived in tmux here: what its record says, and what tmux says of it now. */
export interface LiveView extends Candidate {
  /** Null for a tmux session that nobody saved, restored or made by us. */
  id: string | null;
  /** What people call it: the tmux session's name now, else the name in its record. */
  name: string;
  names: readonly [string, ...string[]];
  stored: StoredRecord | null;
  tmux: LiveSession | null;
  tmuxId: string | null;
  /** The session that shows the terminal we run in. */
  current: boolean;
  /** Of what runs now: null for a run whose tmux session was brought back. */
  job: JobStatus | null;
  /** What its journal in this clone says; null where there is none, or where nobody looked. */
  log: LoggedState | null;
  /** Null for a tmux session without a record of ours. */
  judgement: Judgement | null;
}

export interface LiveWorld {
  views: LiveView[];
  /** Null where none runs, or where tmux could not be asked. */
  server: Server | null;
  /** Why tmux could not be asked. That no server runs is no problem. */
  problem: SessionError | null;
}

/**
 * All sessions of tmux, and all that this repository has a record of. One tmux call. Without `journals` their logs are not
 * looked at, and the judgement is without them: for who only wants to know which session is meant.
 */
export async function readLiveWorld(
  repo: Repository,
  tmux: Tmux,
  asked: Promise<Server> = listSessions(tmux),
  journals: string | null = journalDirectory(repo.commonDir),
): Promise<LiveWorld> {
  const records = new SessionRecords(repo).list();
  const { server, problem } = await askTmux(tmux, asked);
  return { ...{ server, problem }, views: join(records, server, journals) };
}

/** The workspace with its sessions, for a command that is of no use where tmux can't be asked. */
export async function openLive(): Promise<{ ws: Workspace; world: LiveWorld }> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const world = await readLiveWorld(ws.repo, ws.tmux);
  if (world.problem !== null) throw world.problem;
  return { ws, world };
}

/**
 * The sessions that are this repository's: with a record of it, or bound to a session of its snapshots. Others on the
 * same tmux server are the user's too, and no pattern may reach them.
 */
export async function ownViews(ws: Workspace, views: readonly LiveView[]): Promise<LiveView[]> {
  if (views.every((v) => v.stored !== null || v.id === null)) return views.filter((v) => v.stored !== null);
  const ids = await savedIds(ws);
  return views.filter((v) => v.stored !== null || (v.id !== null && ids.has(v.id)));
}

/** Ids of the sessions that have snapshots in this clone. */
export async function savedIds(ws: Workspace): Promise<Set<string>> {
  const { snapshots } = await readCatalog(ws.repo.git);
  // The last one of each name is its newest; the id stays over all of them.
  const newest = new Map(snapshots.map((s) => [`${s.remote ?? ''}\0${s.name}`, s]));
  const read = await readSnapshots(ws.repo.git, [...newest.values()]);
  return new Set(read.flatMap((r) => ('snapshot' in r ? [r.snapshot.session.id] : [])));
}

export async function askTmux(
  tmux: Tmux,
  asked: Promise<Server> = listSessions(tmux),
): Promise<Omit<LiveWorld, 'views'>> {
  try {
    return { server: await asked, problem: null };
  } catch (error) {
    if (error instanceof NoServerError) return { server: null, problem: null };
    if (error instanceof SessionError) return { server: null, problem: error };
    throw error;
  }
}

function join(records: StoredRecord[], server: Server | null, journals: string | null): LiveView[] {
  const byId = new Map(records.map((stored) => [stored.record.id, stored]));
  const views: LiveView[] = [];
  for (const session of server?.sessions ?? []) {
    if (isTransient(session)) continue;
    const stored = byId.get(session.boundId) ?? null;
    // Two tmux sessions with one id (a copied one): the record is of the first.
    if (stored !== null) byId.delete(session.boundId);
    views.push(viewOf(stored, session, session.id === server?.current, journals));
  }
  for (const stored of byId.values()) views.push(viewOf(stored, null, false, journals));
  return views;
}

/** What tmux has, where no repository knows more of it. */
export function viewsOf(server: Server): LiveView[] {
  return join([], server, '');
}

/** Its tmux session was brought back: what its record says was started is not what is in there. */
export function isRevived({ stored, tmux }: LiveView): boolean {
  return stored?.revived === true && tmux !== null;
}

/** Sessions that are ours for the moment: restores under way, and their anchors. */
export function isTransient(s: LiveSession): boolean {
  return s.building !== '' || s.name.toString('latin1').startsWith('git-session-anchor-');
}

function viewOf(
  stored: StoredRecord | null,
  tmux: LiveSession | null,
  current: boolean,
  journals: string | null,
): LiveView {
  const record = stored?.record ?? null;
  const revived = stored?.revived === true && tmux !== null;
  const job = stored === null || record?.kind !== 'run' || revived ? null : readJob(stored.directory);
  const log = record === null || journals === null ? null : journalState(journals, record.id);
  const name = tmux?.name.toString('utf8') ?? record?.name ?? '';
  const others = record === null ? [] : [record.name, record.identifier];
  return {
    ...{ name, stored, tmux, current, job, log },
    id: record?.id ?? (tmux !== null && isSessionId(tmux.boundId) ? tmux.boundId : null),
    names: [name, ...others.filter((other, i) => other !== name && others.indexOf(other) === i)],
    tmuxId: tmux?.id ?? null,
    judgement:
      record === null
        ? null
        : judge({
            ...{ kind: record.kind, job, ended: stored?.ended ?? null, revived },
            ...(journals === null ? {} : { log }),
            alive: tmux !== null,
            attachedClients: tmux?.attachedClients ?? 0,
            wasAttached: (tmux?.lastAttachedAt ?? null) !== null,
            jobRuns: jobRuns(job),
          }),
  };
}
