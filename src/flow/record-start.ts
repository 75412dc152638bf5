import { SessionError } from '../session/errors.ts';
import { parseEvent } from '../session/event-schema.ts';
import { INITIAL, type SessionConfig, type SessionEvent } from '../session/lifecycle.ts';
import { setting } from '../session/settings.ts';
import { displayText } from '../session/text.ts';
import { cloneId } from '../store/clone.ts';
import { Journal, journalDirectory } from '../store/journal.ts';
import { writeLogSegments } from '../store/log-segments.ts';
import type { StoredRecord } from '../store/records.ts';
import type { Catalog } from '../store/sessions.ts';
import { observe } from './observers.ts';
import { warnings } from './warnings.ts';
import type { Workspace } from './workspace.ts';

/** What a session starts with that was told nothing of its life. */
export function defaultConfig(projectPath: string): SessionConfig {
  return {
    ...{ projectPath, workflow: null, mode: 'direct', worktree: null, maxIterations: null, focus: null },
    ...{ failFast: false, autoMerge: false, collectMetrics: false, verbose: false },
  };
}

/** The event by which a session starts, with what is known of it. */
export function startedEvent({ record }: StoredRecord): SessionEvent {
  const config = record.config ?? defaultConfig(displayText(record.cwd));
  const data = { config, name: record.name };
  // A path may be longer than a log takes.
  return parseEvent('started', data) ?? { type: 'started', data: {} };
}

/**
 * Begins the log of a session that was just made: it is in the journal, and in git. The session is there already: where
 * its log can't be written, that is a warning. `asked`: what git has, as it was before.
 */
export async function recordStart(
  ws: Workspace,
  stored: StoredRecord,
  asked: Promise<Catalog>,
): Promise<void> {
  const { id, name } = stored.record;
  try {
    const journal = new Journal({
      ...{ directory: journalDirectory(ws.repo.commonDir), session: id, name, known: [] },
      ...{ clone: cloneId(ws.repo), durable: setting(ws.config, 'fsync') === 'always' },
    });
    const [catalog, appended] = await Promise.all([
      asked,
      journal.append((state) => (state.name === 'created' ? [startedEvent(stored)] : [])),
    ]);
    observe(ws.config, { id, name }, appended, INITIAL);
    await writeLogSegments(ws.repo, name, catalog.newestId(name), journal.records);
  } catch (error) {
    const isSystem = error instanceof Error && 'code' in error && typeof error.code === 'string';
    if (!(error instanceof SessionError) && !isSystem) throw error;
    warnings.tell(`the start is not in the session's log: ${error.message}`);
  }
}
