import type { AppliedRecord } from '../session/event-log.ts';
import { endedForGood } from '../session/live.ts';
import { saveNow } from './checkpoint.ts';
import { isAlive } from './kill.ts';
import { type LiveView, readLiveWorld } from './live.ts';
import { revive } from './revive.ts';
import { openLogOf, reconcile } from './session-log.ts';
import type { Workspace } from './workspace.ts';

/** What the library does with a session that lives in tmux, or has lived there, beside its log. */
async function viewOf(ws: Workspace, id: string): Promise<LiveView | null> {
  const { views } = await readLiveWorld(ws.repo, ws.tmux);
  return views.find((view) => view.id === id && view.stored !== null) ?? null;
}

/** Writes down how it has ended, where it has and nobody has looked yet. Gives what is new. */
export async function settle(ws: Workspace, id: string): Promise<AppliedRecord[]> {
  const view = await viewOf(ws, id);
  return view?.stored == null ? [] : reconcile(await openLogOf(ws, view.stored, view));
}

/** Saves what tmux has of it now, and gives the snapshot's name; null where tmux has nothing. */
export async function saveLive(ws: Workspace, id: string, message: string): Promise<string | null> {
  const view = await viewOf(ws, id);
  if (view?.stored == null || !isAlive(view)) return null;
  const log = await openLogOf(ws, view.stored, view);
  const { saved } = await saveNow(log, view, message === '' ? null : message);
  return `${saved.name}/${saved.id}`;
}

/** Brings its tmux session back, where that is gone and it has not ended. */
export async function bringBack(ws: Workspace, id: string): Promise<void> {
  const view = await viewOf(ws, id);
  if (view?.stored == null || view.tmux !== null) return;
  const { stored, job, log } = view;
  if (!endedForGood({ kind: stored.record.kind, job, ended: stored.ended, log })) await revive(ws, view);
}
