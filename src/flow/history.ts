import { AmbiguousRefError, UnknownRefError } from '../session/errors.ts';
import { matchSessions, type SessionRecord } from '../session/live.ts';
import { idTime } from '../session/names.ts';
import type { Crq } from '../session/schema.ts';
import type { EventRecord } from '../store/events.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import {
  type Catalog,
  readCatalog,
  readSnapshots,
  type ReadSnapshot,
  type StoredSnapshot,
} from '../store/sessions.ts';
import { crqsOf } from '../store/crq-links.ts';
import { type LoggedCommand, loggedCommands, outputFiles } from './command-log.ts';
import { printedLines } from './history-read.ts';
import { groups } from './listing.ts';
import { openWorkspace } from './workspace.ts';

export type HistoryEntry =
  | {
      kind: 'snapshot';
      read: ReadSnapshot;
      /** `work~2`, behind the remote's name where it is not ours. */
      form: string;
      crqs: Crq[];
    }
  | { kind: 'event'; name: string; remote: string | null; record: EventRecord }
  | {
      kind: 'command';
      session: Pick<SessionRecord, 'id' | 'name'>;
      command: LoggedCommand;
      /** All that it printed, where that was asked for and is kept. */
      output: string[] | null;
    };

/**
 * The snapshots of a session, or of all, newest first, and between them what happened to them. A
 * reference to an older snapshot begins there. For one session also the commands that were started in it.
 */
export async function history(
  ref: string | null,
  { count, full = false }: { count: number | null; full?: boolean },
): Promise<HistoryEntry[]> {
  const ws = await openWorkspace();
  const catalog = await readCatalog(ws.repo.git);
  const forms = shortForms(catalog);
  const { snapshots, events, commands } = select(catalog, ref, () => new SessionRecords(ws.repo).list());
  // The count is of snapshots and commands together.
  const dated = [
    ...snapshots.map((snapshot) => ({ time: timeOfId(snapshot), id: snapshot.id, snapshot, command: null })),
    ...commands.map((command) => ({
      time: timeOf(command),
      id: command.command.id,
      snapshot: null,
      command,
    })),
  ].toSorted((x, y) => y.time - x.time || (x.id < y.id ? 1 : -1));
  const cut = count === null ? dated : dated.slice(0, count);
  const shown = cut.flatMap((d) => d.snapshot ?? []);
  const read = await readSnapshots(ws.repo.git, shown);
  const entries = read.map((r): { time: number; entry: HistoryEntry } => ({
    time: timeOfId(r.stored),
    entry: {
      kind: 'snapshot',
      read: r,
      form: forms.get(r.stored) ?? r.stored.oid,
      crqs: 'snapshot' in r ? crqsOf(catalog, r.stored, r.snapshot) : [],
    },
  }));
  for (const { command, time } of cut) {
    if (command === null) continue;
    const { stored, ...entry } = command;
    const output = full ? printedLines(outputFiles(stored, entry.command)) : null;
    entries.push({ time, entry: { ...entry, output } });
  }
  // With a limit, what is older than the last one shown belongs to the part that is not shown.
  const oldest = cut.length < dated.length ? (cut.at(-1)?.time ?? Infinity) : -Infinity;
  for (const { name, remote, record } of events) {
    if (record.sequence < oldest) continue;
    entries.push({ time: record.sequence, entry: { kind: 'event', name, remote, record } });
  }
  return entries.toSorted((a, b) => b.time - a.time).map((e) => e.entry);
}

type CommandEntry = Omit<Extract<HistoryEntry, { kind: 'command' }>, 'output'> & { stored: StoredRecord };

function timeOf({ command }: CommandEntry): number {
  return Date.parse(command.at) || 0;
}

function candidatesOf(records: StoredRecord[]) {
  return records.map((stored) => {
    const { id, name, identifier } = stored.record;
    return { stored, id, tmuxId: null, names: [name, identifier] };
  });
}

/** The commands of the records that this word means: all that are called exactly so, else one. */
function commandsOf(records: StoredRecord[], word: string): CommandEntry[] {
  const found = matchSessions(candidatesOf(records), word);
  const names = [...new Set(found.map(({ stored }) => stored.record.name))];
  if (names.length > 1) {
    throw new AmbiguousRefError(
      `'${word}' is ambiguous: ${names.length} sessions match`,
      names.slice(0, 20).map((name) => `git session log ${name}`),
      { candidates: names },
    );
  }
  return found.flatMap(({ stored }) =>
    loggedCommands(stored).map((command) => ({
      ...{ kind: 'command' as const, session: stored.record, command, stored },
    })),
  );
}

function timeOfId({ id }: StoredSnapshot): number {
  return idTime(id) ?? 0;
}

/** `work`, `work~1`, `origin/work~2` for every snapshot that has such a form. */
export function shortForms(catalog: Catalog): Map<StoredSnapshot, string> {
  const forms = new Map<StoredSnapshot, string>();
  for (const group of groups(catalog)) {
    group.forEach((s, i) => {
      const back = group.length - 1 - i;
      const name = s.remote === null ? s.name : `${s.remote}/${s.name}`;
      forms.set(s, back === 0 ? name : `${name}~${back}`);
    });
  }
  return forms;
}

type Selected = Pick<Catalog, 'snapshots' | 'events'> & { commands: CommandEntry[] };

function select(catalog: Catalog, ref: string | null, readRecords: () => StoredRecord[]): Selected {
  if (ref === null) return { ...catalog, commands: [] };
  const label = (s: { name: string; remote: string | null }) =>
    s.remote === null ? s.name : `${s.remote}/${s.name}`;
  const snapshots = catalog.snapshots.filter((s) => label(s) === ref);
  const events = catalog.events.filter((e) => label(e) === ref);
  const records = readRecords();
  const called = (name: string) => records.filter((r) => r.record.name === name || r.record.id === name);
  // A session that was deleted has a past still, and one that was never saved has its commands.
  if (snapshots.length + events.length > 0 || called(ref).length > 0) {
    return { snapshots, events, commands: commandsOf(called(ref), ref) };
  }
  let from: StoredSnapshot;
  try {
    from = resolveSnapshot(catalog, ref);
  } catch (error) {
    if (!(error instanceof UnknownRefError)) throw error;
    const isKnown = matchSessions(candidatesOf(records), ref).length > 0;
    if (!isKnown) throw error;
    return { snapshots: [], events: [], commands: commandsOf(records, ref) };
  }
  const start = timeOfId(from);
  const before = catalog.snapshots.filter((s) => label(s) === label(from) && s.id <= from.id);
  const commands = commandsOf(called(label(from)), label(from));
  return {
    snapshots: before,
    events: catalog.events.filter((e) => label(e) === label(from) && e.record.sequence <= start),
    commands: commands.filter((c) => timeOf(c) <= start),
  };
}
