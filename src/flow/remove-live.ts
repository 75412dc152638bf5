import { ClientsAttachedError, StillRunningError } from '../session/errors.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { readWindows } from '../tmux/windows.ts';
import { removeHistory } from './history-capture.ts';
import { type AliveView, isAlive, killSessions } from './kill.ts';
import { type LiveView, readLiveWorld, savedIds } from './live.ts';
import { sameName } from './same-name.ts';
import type { Workspace } from './workspace.ts';

export interface RemovedRecord {
  id: string;
  name: string;
  /** The file of its history that was removed. */
  history: string | null;
}

/** What of live sessions goes with a deletion. */
export interface LiveRemoval {
  records: StoredRecord[];
  /** Panes of commands that have ended are all that tmux still has of these. */
  remains: AliveView[];
  /** The words that mean such a session. */
  refs: Set<string>;
  warnings: string[];
}

interface Removal {
  isSaved: (ref: string) => boolean;
  /** Ids of the sessions that are saved by this name. */
  savedIds: (ref: string) => Promise<Set<string>>;
  /** Also where terminals show the session. */
  force: boolean;
}

/** Throws where a session that is used would lose something, before anything is deleted. */
export async function planLiveRemoval(
  ws: Workspace,
  refs: readonly string[],
  { savedIds: ids, isSaved, force }: Removal,
): Promise<LiveRemoval> {
  const found: LiveRemoval = { records: [], remains: [], refs: new Set(), warnings: [] };
  const { views } = await readLiveWorld(ws.repo, ws.tmux);
  for (const ref of new Set(refs)) {
    const called = views.filter((v) => v.id === ref || v.name === ref || v.stored?.record.name === ref);
    const named = await meant(ref, called, isSaved(ref) ? () => ids(ref) : null);
    const others = called.filter((v) => v.stored !== null && v.tmux === null && !named.includes(v));
    for (const { id } of others) {
      found.warnings.push(`another session called '${ref}' has ended and stays: git session delete ${id}`);
    }
    if (!force) await refuseAttached(ws, named.filter(isAlive));
    for (const view of named) {
      if (view.stored === null) continue;
      if (await isRunning(ws, view)) {
        if (!isSaved(ref)) throw stillRuns(view);
        found.warnings.push(`'${view.name}' still runs: its record stays`);
        continue;
      }
      found.refs.add(ref);
      found.records.push(view.stored);
      if (isAlive(view)) found.remains.push(view);
    }
  }
  return found;
}

/** Of several that are called so those that live, else the one whose snapshots go, else the only one. */
async function meant(
  ref: string,
  called: readonly LiveView[],
  ids: (() => Promise<Set<string>>) | null,
): Promise<LiveView[]> {
  const alive = called.filter((v) => v.tmux !== null);
  const ended = called.filter((v) => v.tmux === null);
  if (alive.length > 0) return alive;
  if (ended.length < 2) return ended;
  const saved = ids === null ? new Set<string>() : await ids();
  const own = ended.filter((v) => saved.has(v.id!));
  if (own.length > 0) return own;
  throw sameName(ref, ended, 'git session delete <id>');
}

async function refuseAttached(ws: Workspace, views: AliveView[]): Promise<void> {
  const attached = views.filter((v) => v.tmux.attachedClients > 0);
  if (attached.length === 0) return;
  const marked = attached.some((v) => v.stored === null && v.id !== null);
  const ids = marked ? await savedIds(ws) : new Set<string>();
  // Of a session that another repository's command made, nothing is deleted here.
  const own = attached.filter((v) => v.stored !== null || v.id === null || ids.has(v.id));
  const [first] = own;
  if (first === undefined) return;
  const names = own.map((v) => v.name);
  throw new ClientsAttachedError(
    `a terminal shows '${first.name}'`,
    [`detach it: git session detach ${first.name}`, 'or delete all the same: --force'],
    { sessions: names },
  );
}

function stillRuns({ name }: LiveView): StillRunningError {
  return new StillRunningError(`'${name}' runs`, [`end it first: git session kill ${name}`]);
}

/** Something lives in it: the command, or a pane beside one that has ended. */
async function isRunning(ws: Workspace, view: LiveView): Promise<boolean> {
  const over = ['completed', 'failed', 'terminated'].includes(view.judgement?.status ?? '');
  if (!over || view.tmux === null) return !over;
  const { panes } = await readWindows(ws.tmux);
  return panes.some((p) => p.sessionId === view.tmuxId && !p.dead);
}

export async function removeLive(ws: Workspace, { records, remains }: LiveRemoval): Promise<RemovedRecord[]> {
  if (remains.length > 0) await killSessions(ws, remains);
  const stored = new SessionRecords(ws.repo);
  return records.map(({ record }) => {
    const history = removeHistory(ws.config, record);
    stored.remove(record.id);
    return { id: record.id, name: record.name, history };
  });
}
