import { SessionError } from '../session/errors.ts';
import { endGroups, leaderOf } from '../process/end.ts';
import { SessionRecords } from '../store/records.ts';
import { quote } from '../tmux/syntax.ts';
import { type PaneRow, readWindows, runScript, type WindowRow } from '../tmux/windows.ts';
import { saveHistories } from './history-capture.ts';
import { askTmux, type LiveView } from './live.ts';
import type { Workspace } from './workspace.ts';

/** A session that tmux has. */
export type AliveView = LiveView & { tmux: NonNullable<LiveView['tmux']>; tmuxId: string };

export function isAlive(view: LiveView): view is AliveView {
  return view.tmux !== null && view.tmuxId !== null;
}

export interface KillResult {
  killed: AliveView[];
  /** Those that tmux still has. */
  failed: { view: AliveView; message: string }[];
  warnings: string[];
}

/**
 * Ends sessions: says so in their records first, saves their histories, ends them in tmux, and waits until their
 * processes are gone. The number of tmux calls does not depend on how many they are.
 */
export async function killSessions(ws: Workspace, views: readonly AliveView[]): Promise<KillResult> {
  const records = new SessionRecords(ws.repo);
  const { windows, panes } = await readWindows(ws.tmux);
  const marked = views.flatMap(({ stored }) => (stored === null || stored.ended !== null ? [] : [stored]));
  for (const stored of marked) records.markEnded(stored, { at: new Date().toISOString(), how: 'killed' });
  const warnings = await saveHistories(ws, views, panes);
  const leaders = endingPanes(views, panes).map(({ pid }) => leaderOf(pid));
  // Where this terminal is a session's that ends, the rest is done without it.
  const ignore = () => undefined;
  process.on('SIGHUP', ignore);
  try {
    const said = await runScript(ws.tmux, killScript(views, windows));
    const stays = await stillThere(ws, views);
    for (const { stored } of stays)
      if (stored !== null && marked.includes(stored)) records.unmarkEnded(stored);
    const killed = views.filter((v) => !stays.includes(v));
    const left = await endGroups(stays.length === 0 ? leaders : leadersOf(killed, panes));
    for (const pid of left) warnings.push(`process ${pid} did not end`);
    const message = said[0] ?? 'tmux did not end it';
    return { killed, failed: stays.map((view) => ({ view, message })), warnings };
  } finally {
    process.off('SIGHUP', ignore);
  }
}

/** A run whose tmux session went away, and whose process did not. */
export function isOrphan(view: LiveView): boolean {
  return view.tmux === null && view.judgement?.status === 'running' && view.job?.pid != null;
}

/** Ends what tmux no longer can. Gives warnings. */
export async function endOrphans(ws: Workspace, views: readonly LiveView[]): Promise<string[]> {
  const records = new SessionRecords(ws.repo);
  const leaders = views.flatMap(({ stored, job }) => {
    if (stored === null || job?.pid == null) return [];
    records.markEnded(stored, { at: new Date().toISOString(), how: 'killed' });
    // The shell that led it has gone with the terminal.
    return [{ pid: job.group ?? job.pid, startTime: null }];
  });
  const left = await endGroups(leaders);
  return left.map((pid) => `process ${pid} did not end`);
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
    ...[...zoomed].map((id) => `resize-pane -Z -t ${quote(id)}`),
    ...order.map(({ tmuxId }) => `kill-session -t ${quote(tmuxId)}`),
  ];
}

async function stillThere(ws: Workspace, views: readonly AliveView[]): Promise<AliveView[]> {
  const { server, problem } = await askTmux(ws.tmux);
  // A server that ends with its last session may be met while it does so.
  if (problem instanceof SessionError && problem.code !== 'server-gone') throw problem;
  const ids = new Set(server?.sessions.map((s) => s.id));
  return views.filter((v) => server?.pid !== undefined && ids.has(v.tmuxId));
}
