import { UsageError } from '../session/errors.ts';
import { mergeNotes } from '../git/notes.ts';
import {
  defaultRemote,
  fetchRefs,
  fetchRefspecs,
  remoteNames,
  remoteNotes,
  requireRemote,
} from '../store/remotes.ts';
import { CRQ_NOTES, readCatalog, type StoredSnapshot } from '../store/sessions.ts';
import { identity, openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

export interface FetchOptions {
  remote: string | undefined;
  all: boolean;
  prune: boolean;
}

export interface FetchResult {
  remote: string;
  /** `<remote>/<name>/<id>`, as restore takes it. */
  fetched: string[];
  /** Snapshots that the remote does not have any more: deleted there, or pruned here. */
  gone: string[];
  /** The CRQ notes brought something new. */
  notes: boolean;
  said: string[];
}

export async function remotesToFetch(options: FetchOptions): Promise<{ ws: Workspace; remotes: string[] }> {
  if (options.all && options.remote !== undefined) throw new UsageError('--all takes no remote');
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  if (options.all) {
    const remotes = remoteNames(ws.config);
    return {
      ws,
      remotes: remotes.length > 0 ? remotes : [await defaultRemote(ws.repo.git, ws.config, 'fetch')],
    };
  }
  const { remote } = options;
  if (remote !== undefined) return { ws, remotes: [requireRemote(ws.config, remote)] };
  return { ws, remotes: [await defaultRemote(ws.repo.git, ws.config, 'fetch')] };
}

/** Fetches one remote's sessions into its own place, and joins its CRQ notes into ours. */
export async function fetchFrom(ws: Workspace, remote: string, prune: boolean): Promise<FetchResult> {
  const { git } = ws.repo;
  const before = await readCatalog(git);
  const { sessions, notes } = fetchRefspecs(remote);
  const said = await fetchRefs(git, remote, [sessions, notes], prune);
  const merged = await mergeRemoteNotes(ws, remote);
  const after = await readCatalog(git);
  // What this clone has itself came back from its own push, and is no news.
  const known = new Set(
    before.snapshots.filter((s) => s.remote === null || s.remote === remote).map(labelOf),
  );
  const now = new Set(after.snapshots.filter((s) => s.remote === remote).map(labelOf));
  const shown = (s: StoredSnapshot) => `${remote}/${labelOf(s)}`;
  return {
    ...{ remote, said, notes: merged },
    fetched: after.snapshots.filter((s) => s.remote === remote && !known.has(labelOf(s))).map(shown),
    gone: before.snapshots.filter((s) => s.remote === remote && !now.has(labelOf(s))).map(shown),
  };
}

export function mergeRemoteNotes(ws: Workspace, remote: string): Promise<boolean> {
  return mergeNotes(ws.repo.git, CRQ_NOTES, remoteNotes(remote), identity(ws.config));
}

function labelOf({ name, id }: StoredSnapshot): string {
  return `${name}/${id}`;
}
