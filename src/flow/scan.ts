import { readFileSync, statSync } from 'node:fs';
import { parseSessionRef, SESSIONS } from '../session/names.ts';
import { readObjects } from '../git/objects.ts';
import { listRefs } from '../git/refs.ts';
import { MAX_SEGMENT_BYTES } from '../store/events.ts';
import { Headers } from '../store/headers.ts';
import { journalDirectory, journalFile } from '../store/journal.ts';
import { linesOf } from '../store/log-parts.ts';
import { SessionRecords } from '../store/records.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import { type Catalog, readCatalog, type StoredSnapshot } from '../store/sessions.ts';
import { journalIds } from './flush.ts';
import { type Log, type Look, lookAtLogs, lookAtNotes, lookAtSnapshots } from './look.ts';
import { refName } from './session-log.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

export interface ScanResult {
  /** How many there were to look at. */
  snapshots: number;
  logs: number;
  looks: Look[];
}

/** Looks for what looks like a secret in what this clone has and a push would send. Changes nothing. */
export async function scan(refs: readonly string[], allow: ReadonlySet<string>): Promise<ScanResult> {
  const ws = await openWorkspace();
  const catalog = await readCatalog(ws.repo.git);
  const all = await readLogs(ws);
  const { snapshots, logs } =
    refs.length === 0
      ? { snapshots: catalog.snapshots.filter((s) => s.remote === null), logs: all }
      : select(catalog, all, refs);
  const notes = refs.length === 0 && catalog.notes !== null;
  const looks = [
    ...(await lookAtSnapshots(ws, snapshots, allow)),
    ...(await lookAtLogs(logs, allow)),
    ...(notes ? await lookAtNotes(ws, null, allow) : []),
  ];
  return { snapshots: snapshots.length, logs: logs.length, looks };
}

/** A session's name means all its snapshots and its log; everything else means one snapshot. */
function select(
  catalog: Catalog,
  all: readonly Log[],
  refs: readonly string[],
): { snapshots: StoredSnapshot[]; logs: Log[] } {
  const snapshots = new Set<StoredSnapshot>();
  const logs = new Set<Log>();
  for (const ref of refs) {
    const own = catalog.snapshots.filter((s) => s.remote === null && s.name === ref);
    const log = all.filter(({ name }) => name === ref);
    for (const one of own) snapshots.add(one);
    for (const one of log) logs.add(one);
    if (own.length + log.length > 0) continue;
    snapshots.add(resolveSnapshot(catalog, ref));
  }
  return { snapshots: [...snapshots], logs: [...logs] };
}

/** The logs of this clone: what is in git, and what is only in journals yet. */
async function readLogs(ws: Workspace): Promise<Log[]> {
  const refs = (await listRefs(ws.repo.git, [SESSIONS.slice(0, -1)])).flatMap((ref) => {
    const parsed = ref.symbolic ? null : parseSessionRef(ref.name);
    const fits = ref.type === 'blob' && ref.size <= MAX_SEGMENT_BYTES;
    return parsed?.kind === 'events' && fits ? [{ oid: ref.oid, name: parsed.name }] : [];
  });
  const blobs = await readObjects(
    ws.repo.git,
    refs.map(({ oid }) => oid),
  );
  const logs = new Map<string, Set<string>>();
  const add = (name: string, lines: readonly string[]) => {
    const known = logs.get(name) ?? new Set();
    for (const line of lines) known.add(line);
    logs.set(name, known);
  };
  refs.forEach(({ name }, i) => add(name, linesOf(blobs[i] ?? Buffer.alloc(0))));
  for (const id of journalIds(ws)) {
    const lines = journalLines(ws, id);
    const isKnown = (known: ReadonlySet<string>) => lines.some((line) => known.has(line));
    const inGit = [...logs].find(([, known]) => isKnown(known))?.[0];
    add(inGit ?? nameOf(ws, id), lines);
  }
  return Array.from(logs, ([name, lines]) => ({ name, remote: null, lines }));
}

function nameOf({ repo }: Workspace, id: string): string {
  const stored = new SessionRecords(repo).read(id);
  if (stored !== null) return refName(stored.record.name);
  return new Headers(repo).read(id)?.name ?? `session-${id.slice(0, 8)}`;
}

const MAX_JOURNAL_BYTES = 256 * 1024 * 1024;

function journalLines({ repo }: Workspace, id: string): string[] {
  const file = journalFile(journalDirectory(repo.commonDir), id);
  try {
    return statSync(file).size > MAX_JOURNAL_BYTES ? [] : linesOf(readFileSync(file));
  } catch {
    // Gone since it was listed, or not ours to read: then it is in nobody's push either.
    return [];
  }
}
