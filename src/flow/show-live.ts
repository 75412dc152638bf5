import { noteAccess } from '../store/accessed.ts';
import { type LiveView, readLiveWorld } from './live.ts';
import { openWorkspace } from './workspace.ts';

/** A session that has a record and is called exactly so, also where nothing of it was ever saved. */
export async function inspectLive(name: string): Promise<{ view: LiveView; accessedAt: Date | null } | null> {
  const ws = await openWorkspace();
  const { views } = await readLiveWorld(ws.repo, ws.tmux);
  const known = views.filter((v) => v.stored !== null);
  const view =
    known.find((v) => v.name === name || v.id === name) ??
    known.findLast((v) => v.names.includes(name) || (name.length >= 4 && v.id?.startsWith(name) === true));
  if (view === undefined) return null;
  return { view, accessedAt: view.id === null ? null : noteAccess(ws.repo, view.id) };
}
