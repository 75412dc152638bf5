import type { AppliedRecord } from '../session/event-log.ts';
import { NotRunningError, UnknownRefError } from '../session/errors.ts';
import { isFinal, type StateName } from '../session/lifecycle.ts';
import { lastIteration } from '../session/progress.ts';
import { type Catalog, readCatalog, type StoredSnapshot } from '../store/sessions.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import { type AliveView, isAlive } from './kill.ts';
import { save, type SavedSession } from './save.ts';
import { appliedOf, logWarnings, openLog, record, type SessionLog } from './session-log.ts';
import { snapshotState } from './snapshot-state.ts';
import { openWorkspace, requireEnabled } from './workspace.ts';

/** A snapshot that the session's log names, as a point to come back to. */
export interface Checkpoint {
  /** Counted from 1, the oldest first; it never changes. */
  number: number;
  /** ISO 8601 UTC. */
  at: string;
  iteration: number;
  state: StateName;
  /** The session could go on from there: its state was not final. */
  resumable: boolean;
  /** `<name>/<id>` */
  snapshot: string;
  message: string;
  /** Where it was taken by a rollback: the snapshot that the rollback went to. */
  rollbackTo: string | null;
  /** The snapshot is in this clone. */
  stored: StoredSnapshot | null;
}

export interface CheckpointList {
  log: SessionLog;
  checkpoints: Checkpoint[];
}

/** The checkpoints of a session, the oldest first. Reads only. */
export async function listCheckpoints(word: string | null): Promise<CheckpointList> {
  const ws = await openWorkspace();
  const log = await openLog(ws, word);
  return { log, checkpoints: checkpointsOf(log, await readCatalog(ws.repo.git)) };
}

export function checkpointsOf(log: SessionLog, catalog: Catalog): Checkpoint[] {
  return appliedOf(log)
    .filter(isCheckpoint)
    .map(({ at, event: { data } }, i) => ({
      ...{ number: i + 1, at, iteration: data.iteration, state: data.state, resumable: data.resumable },
      ...{ snapshot: data.snapshot, message: data.message, rollbackTo: data.rollbackTo ?? null },
      stored: storedOf(catalog, log.name, data.snapshot),
    }));
}

type CheckpointRecord = AppliedRecord & { event: { type: 'checkpoint-saved' } };

function isCheckpoint(r: AppliedRecord): r is CheckpointRecord {
  return r.applied && r.event.type === 'checkpoint-saved';
}

/** By its id: the name in front of it may have changed since. */
function storedOf({ snapshots }: Catalog, name: string, label: string): StoredSnapshot | null {
  const id = label.slice(label.lastIndexOf('/') + 1);
  const found = snapshots.filter((s) => s.id === id && (s.name === name || `${s.name}/${s.id}` === label));
  return found.find((s) => s.remote === null) ?? found[0] ?? null;
}

export interface NewCheckpoint {
  log: SessionLog;
  saved: SavedSession;
  checkpoint: Checkpoint;
  warnings: string[];
}

/** Saves the live session, and writes down in its log that this is a point to come back to. */
export async function checkpoint(word: string | null, message: string | null): Promise<NewCheckpoint> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const log = await openLog(ws, word);
  const { saved, warnings } = await saveNow(log, requireAlive(log), message);
  const catalog = await readCatalog(ws.repo.git);
  await recordCheckpoint(log, saved, message ?? '', null);
  const made = checkpointsOf(log, catalog).findLast((c) => c.snapshot === `${saved.name}/${saved.id}`)!;
  return { log, saved, checkpoint: made, warnings: [...logWarnings(log), ...warnings] };
}

/** There is something to save: the session's tmux is there. */
export function requireAlive({ view, name }: SessionLog): AliveView {
  if (view !== null && isAlive(view)) return view;
  throw new NotRunningError(`session '${name}' is not alive: there is nothing to save`, [
    `bring it back first: git session attach ${name}`,
  ]);
}

/** One snapshot of the session as it is now, with the state that its log gives. */
export async function saveNow(
  { ws, name, journal }: SessionLog,
  view: AliveView,
  message: string | null,
): Promise<{ saved: SavedSession; warnings: string[] }> {
  const options = {
    ...{ name, target: view.tmuxId, all: false, message, work: true, scrollback: 0 },
    ...{ crqs: [], detectCrqs: true, env: [], state: snapshotState(journal.state) },
  };
  const { saved, warnings } = await save(options, ws);
  return { saved: saved[0]!, warnings };
}

/** The session may have gone on since the snapshot: what counts is the state that the event finds. */
export function recordCheckpoint(
  log: SessionLog,
  { name, id }: SavedSession,
  message: string,
  rollbackTo: string | null,
): Promise<AppliedRecord[]> {
  return record(log, (state) => [
    {
      type: 'checkpoint-saved',
      data: {
        ...{ snapshot: `${name}/${id}`, state: state.name, resumable: !isFinal(state.name) },
        ...{ iteration: iterationOf(log.journal), message: cut(message) },
        ...(rollbackTo === null ? {} : { rollbackTo }),
      },
    },
  ]);
}

/** Final states have no iteration of their own. */
function iterationOf({ records, state }: SessionLog['journal']): number {
  return 'iteration' in state ? state.iteration : lastIteration(records);
}

/** The log takes no longer one; the snapshot has it whole. */
function cut(message: string): string {
  return message.length <= 4096 ? message : `${message.slice(0, 4095).toWellFormed()}…`;
}

/**
 * The snapshot that a rollback goes to: a number of the list, a snapshot of the session, or (null) the newest checkpoint
 * that the session can go on from and that no rollback has taken.
 */
export function targetOf(log: SessionLog, catalog: Catalog, to: string | null): StoredSnapshot {
  const all = checkpointsOf(log, catalog);
  const see = `see which there are: git session checkpoint --list ${log.name}`;
  if (to !== null && !/^\d{1,6}$/u.test(to)) return resolveSnapshot(catalog, to);
  const found =
    to === null
      ? all.findLast((c) => c.resumable && c.rollbackTo === null && c.stored !== null)
      : all[Number(to) - 1];
  if (found === undefined) {
    if (to !== null) throw new UnknownRefError(`session '${log.name}' has no checkpoint ${to}`, [see]);
    throw new UnknownRefError(`session '${log.name}' has no checkpoint to go back to`, [
      ...(all.length > 0 ? [see] : []),
      `make one: git session checkpoint ${log.name}`,
      `or name a snapshot: git session rollback ${log.name} --to <snapshot>`,
    ]);
  }
  if (found.stored === null) {
    throw new UnknownRefError(
      `the snapshot of checkpoint ${found.number}, ${found.snapshot}, is not in this clone`,
      ['where another clone has it: git session fetch', see],
    );
  }
  return found.stored;
}
