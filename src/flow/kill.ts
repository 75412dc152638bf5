import { FileProblemError, SessionError } from '../session/errors.ts';
import { endGroups, groupOf, leaderOf } from '../process/end.ts';
import { jobRuns } from '../process/job.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { quote } from '../tmux/syntax.ts';
import { type PaneRow, readWindows, runScript, type WindowRow } from '../tmux/windows.ts';
import { saveHistories } from './history-capture.ts';
import { noteKilled } from './log-end.ts';
import { askTmux, type LiveView, type LiveWorld, readLiveWorld } from './live.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

/** A session that tmux has. */
export type AliveView = LiveView & { tmux: NonNullable<LiveView['tmux']>; tmuxId: string };

export function isAlive(view: LiveView): view is AliveView {
  return view.tmux !== null && view.tmuxId !== null;
}

/** For what ends or detaches: as `openLive`, but `session.enabled=false` keeps nobody from that. */
export async function openToEnd(): Promise<{ ws: Workspace; world: LiveWorld }> {
  const ws = await openWorkspace();
  const world = await readLiveWorld(ws.repo, ws.tmux);
  if (world.problem !== null) throw world.problem;
  return { ws, world };
}

export interface KillResult {
  killed: AliveView[];
  /** Those that tmux still has. */
  failed: { view: AliveView; message: string }[];
  warnings: string[];
}

/**
 * Ends sessions: says so in their records first, saves their histories, ends them in tmux, and waits until their
 * processes are gone. The number of tmux calls does not depend on how many they are. A person may have thought for long
 * since the sessions were looked at: those that are not the same any more are left alone.
 */
export async function killSessions(ws: Workspace, looked: readonly AliveView[]): Promise<KillResult> {
  if (looked.length === 0) return { killed: [], failed: [], warnings: [] };
  const records = new SessionRecords(ws.repo);
  const { windows, panes } = await readWindows(ws.tmux);
  // After the windows: where the server is the same now, it was when it told them.
  const views = await stillThere(ws, looked);
  const warnings = looked.filter((v) => !views.includes(v)).map((v) => `'${v.name}' has ended meanwhile`);
  const unmarked = views.flatMap(({ stored }) => (stored === null || stored.ended !== null ? [] : [stored]));
  const marked = unmarked.filter((stored) => markEnded(records, stored, warnings));
  warnings.push(...(await saveHistories(ws, views, panes)));
  const leaders = endingPanes(views, panes).map(({ pid }) => leaderOf(pid));
  // Where this terminal is a session's that ends, the rest is done without it.
  const ignore = () => undefined;
  process.on('SIGHUP', ignore);
  try {
    const said = await runScript(ws.tmux, killScript(views, windows));
    const stays = await stillThere(ws, views);
    for (const { stored } of stays)
      if (stored !== null && marked.includes(stored)) orWarning(warnings, () => records.unmarkEnded(stored));
    const killed = views.filter((v) => !stays.includes(v));
    const left = await endGroups(stays.length === 0 ? leaders : leadersOf(killed, panes));
    for (const pid of left) warnings.push(`process ${pid} did not end`);
    warnings.push(...(await noteKilled(ws, killed)));
    const message = said[0] ?? 'tmux did not end it';
    return { killed, failed: stays.map((view) => ({ view, message })), warnings };
  } finally {
    process.off('SIGHUP', ignore);
  }
}

/** What can't be written down keeps nobody from ending a session. */
function orWarning(warnings: string[], write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (!(error instanceof FileProblemError)) throw error;
    warnings.push(error.message);
    return false;
  }
}

function markEnded(records: SessionRecords, stored: StoredRecord, warnings: string[]): boolean {
  return orWarning(warnings, () =>
    records.markEnded(stored, { at: new Date().toISOString(), how: 'killed' }),
  );
}

/** A run whose tmux session went away, and whose process did not. */
export function isOrphan(view: LiveView): boolean {
  return view.tmux === null && view.judgement?.status === 'running' && orphanGroup(view) !== null;
}

/**
 * The process group to end; null where nothing runs, or where the job's file names another group than the one its
 * process is in: such a file is none of ours.
 */
function orphanGroup({ job }: LiveView): number | null {
  if (job?.pid == null || !jobRuns(job)) return null;
  const group = groupOf(job.pid);
  return group !== null && group === job.group ? group : null;
}

/** Ends what tmux no longer can. Gives warnings. */
export async function endOrphans(ws: Workspace, views: readonly LiveView[]): Promise<string[]> {
  const records = new SessionRecords(ws.repo);
  const warnings: string[] = [];
  const leaders = views.flatMap((view) => {
    const group = orphanGroup(view);
    if (view.stored === null || group === null) return [];
    markEnded(records, view.stored, warnings);
    // The shell that led it has gone with the terminal.
    return [{ pid: group, startTime: null }];
  });
  const left = await endGroups(leaders);
  warnings.push(...(await noteKilled(ws, views)));
  return [...warnings, ...left.map((pid) => `process ${pid} did not end`)];
}

/** A window that another session shows too stays there, with all that runs in it. */
function endingPanes(views: readonly AliveView[], panes: readonly PaneRow[]): PaneRow[] {
  const ids = new Set(views.map((v) => v.tmuxId));
  const shared = new Set(panes.filter((p) => !ids.has(p.sessionId)).map((p) => p.windowId));
  return panes.filter((p) => ids.has(p.sessionId) && !shared.has(p.windowId) && !p.dead && p.pid > 0);
}

function leadersOf(views: readonly AliveView[], panes: readonly PaneRow[]) {
  return endingPanes(views, panes).map(({ pid }) => leaderOf(pid));
}

/**
 * tmux 3.4 goes down with all its sessions where one with a zoomed window is killed (tmux.md 3.9). Our own session
 * comes last: we may not see what follows.
 */
function killScript(views: readonly AliveView[], windows: readonly WindowRow[]): string[] {
  const ids = new Set(views.map((v) => v.tmuxId));
  const zoomed = new Set(windows.filter((w) => w.zoomed && ids.has(w.sessionId)).map((w) => w.id));
  const order = views.toSorted((a, b) => Number(a.current) - Number(b.current));
  return [
    ...order.flatMap((view) => {
      const own = windows.filter((w) => w.sessionId === view.tmuxId && zoomed.delete(w.id));
      return own.map(({ id }) => ifSame(view, `resize-pane -Z -t ${quote(id)}`));
    }),
    ...order.map((view) => ifSame(view, `kill-session -t ${quote(view.tmuxId)}`)),
  ];
}

/** The command, for a server and a session that are still those that were looked at: ids begin anew with a server. */
function ifSame({ tmux, tmuxId }: AliveView, command: string): string {
  const same = `#{==:#{pid} #{session_id} #{session_created},${tmux.serverPid} ${tmuxId} ${tmux.createdAt}}`;
  return `if-shell -F -t ${quote(`${tmuxId}:`)} ${quote(same)} ${quote(command)}`;
}

/** Those that tmux has, as they were looked at. */
async function stillThere(ws: Workspace, views: readonly AliveView[]): Promise<AliveView[]> {
  let { server, problem } = await askTmux(ws.tmux);
  // A server that ends with its last session may be met while it does so, and then says nothing.
  if (problem?.code === 'tmux-failed') ({ server, problem } = await askTmux(ws.tmux));
  if (problem instanceof SessionError && problem.code !== 'server-gone') throw problem;
  const now = new Set(server?.sessions.map(identity));
  return views.filter((v) => now.has(identity(v.tmux)));
}

function identity({ id, serverPid, createdAt }: AliveView['tmux']): string {
  return `${serverPid} ${id} ${createdAt}`;
}
