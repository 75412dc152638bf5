import path from 'node:path';
import { SessionError } from '../session/errors.ts';
import type { AppliedRecord } from '../session/event-log.ts';
import { readJob, waitInDirectory } from '../process/job.ts';
import { journalDirectory } from '../store/journal.ts';
import { appliedOf, reconcile, type SessionLog } from './session-log.ts';

/** Milliseconds between two looks where the system does not say that something was written. */
const LOOK_EVERY = 500;

/**
 * Gives the records of a log as they come, without a lock, until nobody wants more. The end of a run's command is noted
 * when it is seen. Damage that is met on the way is left out here, and told by whoever reads the log next.
 */
export async function followLog(
  log: SessionLog,
  show: (records: AppliedRecord[]) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { journal, ws } = log;
  const seen = new Set(journal.records.map(keyOf));
  let last = lastOf(journal.records);
  const look = (): null => {
    journal.read();
    if (journal.records.length !== seen.size || lastOf(journal.records) !== last) {
      last = lastOf(journal.records);
      const fresh = appliedOf(log).filter((r) => !seen.has(keyOf(r)));
      for (const record of fresh) seen.add(keyOf(record));
      if (fresh.length > 0) show(fresh);
    }
    noteEnd(log);
    return null;
  };
  // The journal need not be there yet, and its directory need not.
  const directory = journalDirectory(ws.repo.commonDir);
  await waitInDirectory(path.resolve(directory), look, {
    everyMs: LOOK_EVERY,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** In the background: it comes back as a record. */
function noteEnd(log: SessionLog): void {
  const { view } = log;
  if (view?.stored == null || view.stored.record.kind !== 'run' || view.job?.state !== 'running') return;
  view.job = readJob(view.stored.directory);
  if (view.job?.state !== 'exited') return;
  reconcile(log).catch((error: unknown) => {
    if (!(error instanceof SessionError)) throw error;
  });
}

function lastOf(records: SessionLog['journal']['records']): string {
  const last = records.at(-1);
  return last === undefined ? '' : keyOf(last);
}

function keyOf({ clone, sequence }: { clone: string; sequence: number }): string {
  return `${clone} ${sequence}`;
}
