import { UnknownRefError } from '../session/errors.ts';
import { isSessionName } from '../session/names.ts';
import { isGlob } from '../session/live.ts';
import { setting } from '../session/settings.ts';
import { readCatalog } from '../store/sessions.ts';
import type { LiveView, LiveWorld } from './live.ts';
import { loadStored } from './load.ts';
import { restore } from './restore.ts';
import { revive, type Revived } from './revive.ts';
import { create } from './run.ts';
import type { Workspace } from './workspace.ts';

/** All that can be attached to: what lives, what has a record, and the sessions that are saved only. */
export async function attachable(ws: Workspace, { views }: LiveWorld): Promise<LiveView[]> {
  const known = new Set(views.flatMap((v) => v.names));
  const { snapshots } = await readCatalog(ws.repo.git);
  const saved = new Set(snapshots.filter((s) => s.remote === null && !known.has(s.name)).map((s) => s.name));
  return [...views, ...[...saved].map(savedView)];
}

/** A session of which there are snapshots, and nothing else. */
function savedView(name: string): LiveView {
  return {
    ...{ id: null, name, names: [name], stored: null, tmux: null, tmuxId: null },
    ...{ current: false, job: null, log: null, judgement: null },
  };
}

/** Whether a session of that name may be made because somebody wants to go there. */
export function mayCreate(ws: Workspace, name: string): boolean {
  const fits = isSessionName(name) && !name.includes('.') && !isGlob(name);
  return fits && setting(ws.config, 'autoCreateSession', process.env);
}

/** A session of a shell, as `git session create <name>` makes it. Gives tmux's id. */
export async function createFor(name: string): Promise<{ tmuxId: string; id: string }> {
  const { tmuxId, stored } = await create({
    ...{ name, context: 'session', identifier: null, argv: [], cwd: null, worktree: null, create: false },
    ...{ metadata: {}, ai: false, attach: false },
  });
  return { tmuxId, id: stored.record.id };
}

/** Brings back a session that tmux has no more, or of which there are snapshots only. The worktree is left as it is. */
export async function bringBack(ws: Workspace, view: LiveView): Promise<Revived> {
  if (view.stored !== null) return revive(ws, view);
  const catalog = await readCatalog(ws.repo.git);
  const newest = catalog.snapshots.findLast((s) => s.remote === null && s.name === view.name);
  if (newest === undefined) throw new UnknownRefError(`no session '${view.name}'`);
  const loaded = await loadStored(ws, catalog, newest);
  const options = { as: null, window: null, git: false, autostash: false, worktree: null, run: null };
  const { tmuxId, notes, warnings, refused } = await restore(ws, loaded, options);
  const why = refused === null ? [] : [refused.message, `see them: git session show ${view.name}`];
  return {
    tmuxId,
    notes: [`restored '${view.name}' from ${view.name}/${newest.id}`, ...notes, ...warnings, ...why],
  };
}
