import { readdirSync } from 'node:fs';
import { SessionError } from '../session/errors.ts';
import type { LogRecord } from '../session/event-log.ts';
import { isSessionId } from '../session/live.ts';
import { isSessionName } from '../session/names.ts';
import { cloneId } from '../store/clone.ts';
import { Headers } from '../store/headers.ts';
import { Journal, journalDirectory } from '../store/journal.ts';
import {
  type LogSegment,
  readLogSegments,
  recordsOf,
  unflushed,
  writeLogSegments,
} from '../store/log-segments.ts';
import { SessionRecords } from '../store/records.ts';
import { type Catalog, readCatalog, readSnapshots } from '../store/sessions.ts';
import { refName } from './session-log.ts';
import { eachOf } from './workers.ts';
import type { Workspace } from './workspace.ts';

export interface Flushed {
  id: string;
  name: string;
  /** Records that went into git. */
  records: number;
}

/** Sessions that have a journal in this clone. */
export function journalIds(ws: Workspace): string[] {
  try {
    return readdirSync(journalDirectory(ws.repo.commonDir))
      .filter((file) => file.endsWith('.jsonl'))
      .map((file) => file.slice(0, -'.jsonl'.length))
      .filter(isSessionId)
      .toSorted();
  } catch {
    return [];
  }
}

/**
 * Puts what the journals of this clone have, and git does not, into segments: of all sessions, or of these. One that
 * can't be flushed keeps no other from it; what it says is a warning. git is asked once for all that is there.
 */
export async function flushAll(
  ws: Workspace,
  ids: readonly string[] = journalIds(ws),
): Promise<{ flushed: Flushed[]; warnings: string[] }> {
  const flushed: Flushed[] = [];
  const warnings: string[] = [];
  if (ids.length === 0) return { flushed, warnings };
  const [catalog, segments] = await Promise.all([readCatalog(ws.repo.git), readLogSegments(ws.repo.git)]);
  const names = new Names(ws, catalog, segments);
  const one = async (id: string) => {
    try {
      const clone = cloneId(ws.repo);
      const records = unflushed(journalOf(ws, id, clone, segments).records, segments, clone);
      if (records.length === 0) return;
      const name = await names.of(id, records);
      await writeLogSegments(ws.repo, name, catalog.newestId(name), records);
      flushed.push({ id, name, records: records.length });
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      warnings.push(`the log of session ${id.slice(0, 8)} is not in git yet: ${error.message}`);
    }
  };
  await eachOf(ids, one);
  return { flushed: flushed.toSorted((a, b) => (a.name < b.name ? -1 : 1)), warnings };
}

function journalOf(ws: Workspace, id: string, clone: string, segments: readonly LogSegment[]): Journal {
  return new Journal({
    ...{ directory: journalDirectory(ws.repo.commonDir), session: id, name: id.slice(0, 8) },
    ...{ clone, durable: false, known: recordsOf(segments, id), segments },
  });
}

/** Below which name a session's refs are: as its record, its other segments, its snapshots or its log have it. */
class Names {
  private readonly ws: Workspace;
  private readonly catalog: Catalog;
  private readonly segments: readonly LogSegment[];
  private saved: Promise<Map<string, string>> | null = null;

  constructor(ws: Workspace, catalog: Catalog, segments: readonly LogSegment[]) {
    this.ws = ws;
    this.catalog = catalog;
    this.segments = segments;
  }

  async of(id: string, records: readonly LogRecord[]): Promise<string> {
    const stored = new SessionRecords(this.ws.repo).read(id);
    if (stored !== null) return refName(stored.record.name);
    const header = new Headers(this.ws.repo).read(id);
    if (header !== null) return header.name;
    const own = this.segments.findLast((s) => s.remote === null && s.records.some((r) => r.session === id));
    if (own !== undefined) return own.name;
    this.saved ??= savedNames(this.ws, this.catalog);
    const saved = (await this.saved).get(id);
    if (saved !== undefined) return saved;
    const told = records.flatMap((r) => (r.event.type === 'started' ? (r.event.data.name ?? []) : []))[0];
    return told !== undefined && isSessionName(told) ? told : `session-${id.slice(0, 8)}`;
  }
}

async function savedNames(ws: Workspace, { snapshots }: Catalog): Promise<Map<string, string>> {
  // The last one of each name is its newest; local ones come first, and count most.
  const newest = new Map(snapshots.map((s) => [`${s.remote ?? ''}\0${s.name}`, s]));
  const read = await readSnapshots(ws.repo.git, [...newest.values()].toReversed());
  return new Map(read.flatMap((r) => ('snapshot' in r ? [[r.snapshot.session.id, r.stored.name]] : [])));
}
