import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { FileProblemError, SessionError } from '../session/errors.ts';
import { sessionRef } from '../session/names.ts';
import { updateRefs } from '../git/refs.ts';
import { cloneId } from '../store/clone.ts';
import { Headers } from '../store/headers.ts';
import { journalDirectory } from '../store/journal.ts';
import { readLogSegments, writeLogSegments } from '../store/log-segments.ts';
import { readCatalog } from '../store/sessions.ts';
import { openLogNamed, record } from './session-log.ts';
import type { Workspace } from './workspace.ts';

export interface ForgottenLog {
  /** What tells other clones of the deletion; null where nobody can have got the log. */
  tombstone: string | null;
  /** The refs that went. */
  refs: string[];
}

/**
 * Takes away what this clone has written of a session that is deleted: its journal, and its segments. Where the
 * repository has a remote, somebody may have them: there one segment stays that says that the session is gone. What other
 * clones have written is theirs.
 */
export async function forgetLog(ws: Workspace, id: string, name: string): Promise<ForgottenLog> {
  const log = await openLogNamed(ws, id, name);
  new Headers(ws.repo).remove(id);
  if (log.journal.records.length === 0) {
    removeJournal(ws, id);
    return { tombstone: null, refs: [] };
  }
  const [deleted] = await record(log, [{ type: 'deleted', data: {} }]);
  const clone = cloneId(ws.repo);
  const own = (await readLogSegments(ws.repo.git, new Set([name]))).filter(
    (s) =>
      s.remote === null && s.damaged === 0 && s.records.every((r) => r.session === id && r.clone === clone),
  );
  let tombstone: string | null = null;
  if (ws.config.remotes().length > 0) {
    const catalog = await readCatalog(ws.repo.git);
    const [made] = await writeLogSegments(ws.repo, name, catalog.newestId(name), [deleted!]);
    tombstone = sessionRef(name, made!, 'events');
  }
  await updateRefs(
    ws.repo.git,
    own.map(({ ref, oid }) => ({ kind: 'delete', ref, old: oid })),
  );
  removeJournal(ws, id);
  return { tombstone, refs: own.map((s) => s.ref) };
}

/** As `forgetLog`, of several; what can't be taken away is a warning. */
export async function forgetLogs(
  ws: Workspace,
  sessions: ReadonlyMap<string, string>,
  warnings: string[],
): Promise<ForgottenLog[]> {
  const forgotten: ForgottenLog[] = [];
  for (const [id, name] of sessions) {
    try {
      forgotten.push(await forgetLog(ws, id, name));
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      warnings.push(`deleted, but the log of '${name}' stays: ${error.message}`);
    }
  }
  return forgotten;
}

function removeJournal({ repo }: Workspace, id: string): void {
  const directory = journalDirectory(repo.commonDir);
  try {
    // With what was cut off, and what a repair has kept. A lock is its owner's.
    const files = readdirSync(directory).filter((f) => f.startsWith(`${id}.`) && !f.includes('.lock'));
    for (const file of files) rmSync(path.join(directory, file), { force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new FileProblemError(`cannot remove the session's log: ${(error as Error).message}`);
  }
}
