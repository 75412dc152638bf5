import { noteAccess } from '../store/accessed.ts';
import type { AiContext } from './ai-context.ts';
import { type LiveView, type LiveWorld, readLiveWorld } from './live.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

export interface InspectedLive {
  view: LiveView;
  ai: AiContext | null;
  accessedAt: Date | null;
}

/** A session that has a record and is called exactly so, also where nothing of it was ever saved. */
export async function inspectLive(name: string): Promise<InspectedLive | null> {
  const ws = await openWorkspace();
  const world = await readLiveWorld(ws.repo, ws.tmux);
  const known = world.views.filter((v) => v.stored !== null);
  const view =
    known.find((v) => v.name === name || v.id === name) ??
    known.findLast((v) => v.names.includes(name) || (name.length >= 4 && v.id?.startsWith(name) === true));
  if (view === undefined) return null;
  return {
    ...{ view, ai: await aiContextOf(ws, world, view, []) },
    accessedAt: view.id === null ? null : noteAccess(ws.repo, view.id),
  };
}

/** Null for a session that was not made for an assistant: then none of what tells it is loaded. */
export async function aiContextOf(
  ws: Workspace,
  world: LiveWorld,
  view: LiveView,
  linked: readonly string[],
): Promise<AiContext | null> {
  const { stored } = view;
  if (stored?.record.ai !== true) return null;
  const { aiContext } = await import('./ai-context.ts');
  return aiContext(ws, world, { ...view, stored }, linked);
}
