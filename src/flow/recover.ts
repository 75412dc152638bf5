import { SessionError } from '../session/errors.ts';
import { processStartTime } from '../process/identity.ts';
import { cutTail, findDeadLocks, findJournals, removeDeadLock } from '../store/journal-repair.ts';
import { journalDirectory } from '../store/journal.ts';
import { ControlClient } from '../tmux/control.ts';
import { readLiveWorld } from './live.ts';
import { logWarnings, openLogOf, reconcile } from './session-log.ts';
import { removeUnfinished } from './unfinished.ts';
import { openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

/** One thing that was put right. */
export interface Recovered {
  code: 'tail-cut' | 'lock-removed' | 'ended' | 'unfinished-removed';
  /** Name of the session, or what there is in its place. */
  session: string;
  message: string;
}

/**
 * Puts right what killed processes and a lost tmux have left. No command needs it: each does its own part of this when it
 * meets it. On a healthy repository it does nothing.
 */
export async function recover(): Promise<{ done: Recovered[]; warnings: string[] }> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const done: Recovered[] = [];
  const warnings: string[] = [];
  const attempt = async (what: string, action: () => Promise<void>) => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      warnings.push(`${what}: ${error.message}`);
    }
  };
  const world = await readLiveWorld(ws.repo, ws.tmux);
  if (world.problem !== null) warnings.push(world.problem.message);
  const names = new Map(world.views.map((v) => [v.id, v.name]));
  const directory = journalDirectory(ws.repo.commonDir);
  for (const lock of findDeadLocks(directory)) {
    await attempt(lock.file, async () => {
      await removeDeadLock(lock);
      const message = `removed the lock of process ${lock.pid}, which is gone`;
      done.push({ code: 'lock-removed', session: lock.file, message });
    });
  }
  for (const { session, file, scanned } of findJournals(directory)) {
    if (scanned.tail === null || scanned.tail.isRecord) continue;
    const name = names.get(session) ?? session;
    await attempt(name, async () => {
      const bytes = await cutTail(file, name);
      const message = `cut off ${bytes} bytes of an unfinished record`;
      if (bytes > 0) done.push({ code: 'tail-cut', session: name, message });
    });
  }
  for (const view of world.views) {
    const { stored } = view;
    if (stored === null) continue;
    await attempt(view.name, async () => {
      const log = await openLogOf(ws, stored, view);
      for (const { event } of await reconcile(log)) {
        const message =
          event.type === 'failed' ? `it has failed: ${event.data.error}` : `it is ${event.type}`;
        done.push({ code: 'ended', session: log.name, message });
      }
      warnings.push(...logWarnings(log));
    });
  }
  if (world.server?.sessions.some(isAbandoned) === true) {
    await attempt('tmux', () => removeAbandoned(ws, done));
  }
  return { done, warnings };
}

/** Built by a restore that is gone. */
function isAbandoned({ building }: { building: string }): boolean {
  const pid = Number(building.split(' ')[0]);
  return building !== '' && processStartTime(pid) === null;
}

async function removeAbandoned(ws: Workspace, done: Recovered[]): Promise<void> {
  const client = await ControlClient.open(ws.tmux);
  try {
    const count = await removeUnfinished(client);
    const message = `removed ${count} unfinished tmux ${count === 1 ? 'session' : 'sessions'} of a killed restore`;
    if (count > 0) done.push({ code: 'unfinished-removed', session: 'tmux', message });
  } finally {
    await client.close();
  }
}
