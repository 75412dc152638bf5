import { parseSessionRef } from '../session/names.ts';
import { objectInfos, readObjects } from '../git/objects.ts';
import type { Ref } from '../git/refs.ts';
import { MAX_SEGMENT_BYTES } from '../store/events.ts';
import { findSecrets } from '../store/findings.ts';
import { isLog, lineParts, linesOf } from '../store/log-parts.ts';
import { type Allowed, inspect, textPart } from '../store/parts.ts';
import { remoteNotes } from '../store/remotes.ts';
import { readScanned, writeScanned } from '../store/scan-cache.ts';
import { CRQ_NOTES, type StoredSnapshot } from '../store/sessions.ts';
import type { Workspace } from './workspace.ts';

/** What was looked at for secrets, and what there is to be said of it. */
export interface Look {
  kind: 'snapshot' | 'log' | 'notes';
  /** Of the session; '' for notes. */
  name: string;
  remote: string | null;
  /** The snapshot's; null for others. */
  id: string | null;
  /** `<rule> in <where>`, each once; never the secret itself. */
  found: string[];
  /** What was too large to be looked at, or is not there. */
  unseen: string[];
  unreadable: string | null;
}

export interface Log {
  name: string;
  remote: string | null;
  /** Lines, each once. */
  lines: Set<string>;
}

/** Snapshots with a finding, or of which something could not be looked at. */
export async function lookAtSnapshots(
  ws: Workspace,
  snapshots: StoredSnapshot[],
  allow: Allowed,
): Promise<Look[]> {
  const reports = await findSecrets(ws.repo.git, snapshots, allow);
  return reports.map(({ stored, ...rest }) => ({
    ...{ kind: 'snapshot', name: stored.name, remote: stored.remote, id: stored.id },
    ...rest,
  }));
}

/** Logs with a finding. */
export async function lookAtLogs(logs: readonly Log[], allow: Allowed): Promise<Look[]> {
  const parts = logs.map(({ lines }) => [...lines].flatMap((line) => lineParts(line, allow)));
  const found = await inspect(parts.flat(), allow);
  return logs.flatMap(({ name, remote }, i) => {
    const said = new Set(parts[i]!.flatMap((part) => found.get(part) ?? []));
    if (said.size === 0) return [];
    return [{ kind: 'log', name, remote, id: null, found: [...said], unseen: [], unreadable: null }];
  });
}

/** The notes on CRQs, with all of their history that the remote is not known to have: that goes along. */
export async function lookAtNotes(ws: Workspace, remote: string | null, allow: Allowed): Promise<Look[]> {
  const { git } = ws.repo;
  const theirs =
    remote === null ? null : await git.line(['rev-parse', '-q', '--verify', remoteNotes(remote)]);
  const args = ['rev-list', '--objects', CRQ_NOTES, ...(theirs === null ? [] : ['--not', theirs])];
  const listed = (await git.ok(args)).toString('utf8').split('\n');
  const named = listed.flatMap((line) => {
    const [oid = '', path = ''] = line.split(' ');
    return path === '' ? [] : [{ oid, where: `the note on ${path.replaceAll('/', '').slice(0, 12)}` }];
  });
  const infos = await objectInfos(
    git,
    named.map(({ oid }) => oid),
  );
  const blobs = named.filter((_, i) => infos[i]?.type === 'blob');
  const small = blobs.filter(({ oid }) => infos.some((o) => o?.oid === oid && o.size <= MAX_SEGMENT_BYTES));
  const contents = await readObjects(
    git,
    small.map(({ oid }) => oid),
  );
  const parts = small.flatMap(({ where }, i) =>
    contents[i] == null ? [] : [textPart(contents[i].toString('utf8'), where, allow)],
  );
  const found = await inspect(parts, allow);
  const said = new Set(parts.flatMap((part) => found.get(part) ?? []));
  const unseen = blobs.filter((blob) => !small.includes(blob)).map(({ where }) => where);
  if (said.size + unseen.length === 0) return [];
  return [{ kind: 'notes', name: '', remote: null, id: null, found: [...said], unseen, unreadable: null }];
}

export interface ToPush {
  remote: string;
  snapshots: StoredSnapshot[];
  /** Refs of events: logs, links, deletions. */
  events: Ref[];
  /** The commit of the notes; null where there are none, or the remote has it. */
  notes: string | null;
}

export interface HeldBack {
  looks: Look[];
  /** Refs of events that stay here. */
  events: Set<string>;
}

/** Looks at what a push would send, but for what an earlier one has looked at. */
export async function lookBeforePush(ws: Workspace, what: ToPush, allow: Allowed): Promise<HeldBack> {
  const known = readScanned(ws.repo.commonDir);
  const keyOf = ({ oid, context }: StoredSnapshot) => `${oid} ${context ?? ''}`;
  const snapshots = what.snapshots.filter((s) => !known.has(keyOf(s)));
  const segments = what.events.filter(({ oid, size }) => !known.has(oid) && size <= MAX_SEGMENT_BYTES);
  const notes = what.notes !== null && !known.has(what.notes);
  if (snapshots.length + segments.length === 0 && !notes) return { looks: [], events: new Set() };
  const looks = await lookAtSnapshots(ws, snapshots, allow);
  const bytes = await readObjects(
    ws.repo.git,
    segments.map(({ oid }) => oid),
  );
  const logs = segments.map(({ name }, i) => ({
    name,
    remote: null,
    lines: new Set(linesOf(bytes[i] ?? Buffer.alloc(0))),
  }));
  // By ref, to tell which is clean; people are told of the whole log.
  const dirty = await lookAtLogs(logs, allow);
  const events = new Set(dirty.map(({ name }) => name));
  looks.push(...byLog(dirty));
  for (const ref of await rest(ws, what.events, events)) events.add(ref);
  if (notes) looks.push(...(await lookAtNotes(ws, what.remote, allow)));
  if (allow.size === 0) {
    const bad = new Set(looks.map(({ name, id }) => `${name}/${id}`));
    const clean = [
      ...snapshots.filter((s) => !bad.has(`${s.name}/${s.id}`)).map(keyOf),
      ...segments.filter(({ name }) => !dirty.some((d) => d.name === name)).map(({ oid }) => oid),
      ...(notes && !looks.some(({ kind }) => kind === 'notes') ? [what.notes!] : []),
    ];
    if (clean.length > 0) writeScanned(ws.repo.commonDir, new Set([...known, ...clean]));
  }
  return { looks, events };
}

function byLog(dirty: readonly Look[]): Look[] {
  const found = new Map<string, Set<string>>();
  for (const { name: ref, found: said } of dirty) {
    const name = parseSessionRef(ref)?.name ?? ref;
    found.set(name, new Set([...(found.get(name) ?? []), ...said]));
  }
  return Array.from(found, ([name, said]) => ({
    ...{ kind: 'log' as const, name, remote: null, id: null },
    ...{ found: [...said], unseen: [], unreadable: null },
  }));
}

/** What comes later in a log that is held back stays too: without its beginning others would call it damaged. */
async function rest(ws: Workspace, events: readonly Ref[], held: ReadonlySet<string>): Promise<string[]> {
  const partsOf = (ref: string) => parseSessionRef(ref)!;
  const first = new Map<string, string>();
  for (const ref of held) {
    const { name, id } = partsOf(ref);
    if (!first.has(name) || id < first.get(name)!) first.set(name, id);
  }
  const later = events.filter((ref) => {
    const { name, id } = partsOf(ref.name);
    return first.has(name) && id > first.get(name)!;
  });
  const bytes = await readObjects(
    ws.repo.git,
    later.map(({ oid }) => oid),
  );
  return later.flatMap((ref, i) => (bytes[i] != null && isLog(bytes[i]) ? [ref.name] : []));
}
