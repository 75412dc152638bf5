import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { SessionError, SessionExistsError } from '../session/errors.ts';
import { shellWord } from '../session/command-line.ts';
import { nameFromTmux } from '../session/names.ts';
import { displayText, equalText, fromText, toText } from '../session/text.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { readCatalog, readSnapshots, type StoredSnapshot } from '../store/sessions.ts';
import { quote } from '../tmux/syntax.ts';
import { startShell } from './launch.ts';
import type { LiveView } from './live.ts';
import { loadStored, tmuxNameOf } from './load.ts';
import { restore } from './restore.ts';
import type { Workspace } from './workspace.ts';

export interface Revived {
  /** `$1` */
  tmuxId: string;
  /** What a person should know of how it came back. */
  notes: string[];
}

/**
 * Brings back the tmux session of a record that has none any more: from its newest local snapshot, else with a shell in
 * its directory. The worktree is left as it is. Nobody is asked: commands of the snapshot start where they may anyway.
 * What a `run` has run is not run again.
 */
export async function revive(ws: Workspace, view: LiveView): Promise<Revived> {
  const { stored } = view;
  if (stored === null) throw new TypeError('a session without a record cannot be revived');
  const notes: string[] = [];
  const records = new SessionRecords(ws.repo);
  if (stored.record.kind === 'run') records.markRevived(stored);
  const snapshot = await newestSnapshot(ws, stored);
  const tmuxId =
    (snapshot === null ? null : await fromSnapshot(ws, stored, snapshot, notes)) ??
    (await withShell(ws, stored, notes));
  records.unmarkEnded(stored);
  return { tmuxId, notes };
}

/** The newest local snapshot of this session, which may be saved under another name than it has now. */
async function newestSnapshot(ws: Workspace, { record }: StoredRecord): Promise<StoredSnapshot | null> {
  const { snapshots } = await readCatalog(ws.repo.git);
  const newest = new Map(snapshots.filter((s) => s.remote === null).map((s) => [s.name, s]));
  const own = newest.get(nameFromTmux(Buffer.from(record.name)));
  for (const some of [own === undefined ? [] : [own], [...newest.values()].filter((s) => s !== own)]) {
    const read = await readSnapshots(ws.repo.git, some);
    const found = read.filter((r) => 'snapshot' in r && r.snapshot.session.id === record.id);
    if (found.length > 0) return found.map((r) => r.stored).toSorted((a, b) => (a.id < b.id ? 1 : -1))[0]!;
  }
  return null;
}

/** Null where the snapshot can't be restored; the notes say why. */
async function fromSnapshot(
  ws: Workspace,
  { record }: StoredRecord,
  snapshot: StoredSnapshot,
  notes: string[],
): Promise<string | null> {
  const label = `${snapshot.name}/${snapshot.id}`;
  try {
    const loaded = await loadStored(ws, await readCatalog(ws.repo.git), snapshot);
    const name = toText(Buffer.from(record.name));
    const as = equalText(name, tmuxNameOf(loaded)) ? null : record.name;
    const options = { as, window: null, git: false, autostash: false, worktree: null };
    const run = record.kind === 'run' ? false : null;
    const result = await restore(ws, loaded, { ...options, run });
    const target = quote(`${result.tmuxId}:`);
    const values = [
      ['@git-session-id', record.id],
      ['@git-session-identifier', record.identifier],
    ] as const;
    const lines = values.map(([option, value]) => `set-option -t ${target} ${option} ${quote(value)}\n`);
    await ws.tmux.ok(['source-file', '-'], lines.join(''));
    notes.push(`restored '${record.name}' from ${label}`, ...result.notes, ...result.warnings);
    if (result.refused !== null)
      notes.push(result.refused.message, `see them: git session show ${shellWord(label)}`);
    return result.tmuxId;
  } catch (error) {
    if (!(error instanceof SessionError) || error instanceof SessionExistsError) throw error;
    notes.push(`${label} can't be restored: ${error.message}`);
    return null;
  }
}

async function withShell(ws: Workspace, stored: StoredRecord, notes: string[]): Promise<string> {
  const { record } = stored;
  const cwd = [fromText(record.cwd), ws.repo.workTree, homedir()].find(isDirectory) ?? '/';
  const place = toText(Buffer.from(cwd));
  if (!equalText(place, record.cwd)) {
    notes.push(`${displayText(record.cwd)} is gone: its shell is in ${displayText(place)}`);
  }
  const made = await startShell(ws, { ...stored, record: { ...record, cwd: place } });
  if (made === null) {
    throw new SessionExistsError(`another tmux session is called '${record.name}'`, [
      "see its id: tmux list-sessions -F '#{session_id} #{session_name}'",
      "and give it another name: tmux rename-session -t '<id>' <name>",
    ]);
  }
  notes.push(`made the tmux session '${record.name}' anew`);
  return made.tmuxId;
}

function isDirectory(place: string | Buffer | null): place is string | Buffer {
  try {
    return place !== null && statSync(place).isDirectory();
  } catch {
    return false;
  }
}
