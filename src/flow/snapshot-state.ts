import { existsSync } from 'node:fs';
import type { Snapshot } from '../session/schema.ts';
import { SessionError } from '../session/errors.ts';
import type { SessionState } from '../session/lifecycle.ts';
import { KILLED } from '../session/live.ts';
import { lastIteration } from '../session/progress.ts';
import { Journal, journalDirectory, journalFile } from '../store/journal.ts';
import type { Repository } from '../git/repository.ts';

/** A log's state as a snapshot says it. */
export function snapshotState(state: SessionState): Snapshot['state'] {
  switch (state.name) {
    case 'created':
      return { name: 'created' };
    case 'running':
      return { name: 'running', iteration: state.iteration };
    case 'paused':
      return { name: 'paused', reason: state.reason };
    case 'completed':
      return { name: 'completed', summary: JSON.stringify(state.summary) };
    case 'failed':
      return { name: 'failed', error: state.error };
  }
}

/**
 * The state of a session that tmux has now, by its journal in this clone. Without a journal it runs, and so it does where it
 * was killed, for it lives again. What is wrong with the journal is a warning: it must stop no save.
 */
export function loggedState(
  repo: Repository,
  id: string,
  name: string,
  warnings: string[],
): Snapshot['state'] {
  const directory = journalDirectory(repo.commonDir);
  if (!existsSync(journalFile(directory, id))) return { name: 'running', iteration: 0 };
  try {
    const { state, records } = new Journal({
      ...{ directory, session: id, name, clone: '', durable: false, known: [] },
    });
    if (state.name !== 'failed' || state.error !== KILLED) return snapshotState(state);
    return { name: 'running', iteration: lastIteration(records) };
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    warnings.push(`the log of session '${name}' can't be read: ${error.message}`);
    return { name: 'running', iteration: 0 };
  }
}
