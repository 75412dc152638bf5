import { SessionError } from '../session/errors.ts';
import { quoteCommand } from '../session/command-line.ts';
import { isFinal, type SessionEvent, TRANSITIONS } from '../session/lifecycle.ts';
import { KILLED } from '../session/live.ts';
import { displayText, type Text } from '../session/text.ts';
import { readJob } from '../process/job.ts';
import { readLogSegments } from '../store/log-segments.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { redactArgv, redactCommand } from '../trust/redact.ts';
import { flushAll } from './flush.ts';
import { isRevived, type LiveView } from './live.ts';
import { flush, openLogOf, progressOfLog, reconcile, record } from './session-log.ts';
import { eachOf } from './workers.ts';
import type { Workspace } from './workspace.ts';

export interface CommandEnd {
  argv: readonly Text[];
  /** Null where it left none. */
  exitCode: number | null;
  durationMs: number | null;
  timedOut: boolean;
}

/** Characters of a text in an event. */
const LONGEST = 4096;

/**
 * Notes in a session's log that a command was executed in it; with `failFast`, the first one that fails ends a session
 * that runs. The command has ended already: gives why it could not be noted, and throws nothing of that.
 */
export async function noteCommand(
  ws: Workspace,
  stored: StoredRecord,
  end: CommandEnd,
): Promise<string | null> {
  const { exitCode, durationMs } = end;
  const success = exitCode === 0 && !end.timedOut;
  // The log is shared by a push: what looks like a secret stays here.
  const command = short(commandLine(end.argv));
  const executed: SessionEvent = {
    type: 'command-executed',
    data: { command, success, exitCode, durationMs },
  };
  const failed: SessionEvent = {
    type: 'failed',
    data: { error: short(`command failed: ${command}`) },
  };
  return orReason(`the command is not in the log of '${stored.record.name}'`, async () => {
    const log = await openLogOf(ws, stored);
    const failFast = progressOfLog(log).config?.failFast === true;
    await record(log, ({ name }) => {
      if (TRANSITIONS[name]['command-executed'] === undefined) return [];
      return failFast && !success && name === 'running' ? [executed, failed] : [executed];
    });
    if (isFinal(log.journal.state.name)) await flush(log);
  });
}

/** At most as long as a log takes, and no half of a character at its end. */
function short(text: string): string {
  return text.slice(0, LONGEST).toWellFormed();
}

function commandLine(argv: readonly Text[]): string {
  if (argv.length === 1) return displayText(redactCommand(argv[0]!).text);
  return displayText(quoteCommand(redactArgv(argv).argv));
}

/**
 * Notes in their logs that these sessions were ended by a person, and puts the logs into git. Of a run whose command was
 * faster, its exit code is the end. Gives warnings.
 */
export async function noteKilled(ws: Workspace, views: readonly LiveView[]): Promise<string[]> {
  const records = new SessionRecords(ws.repo);
  const known = views.flatMap((view) => (view.stored === null ? [] : [{ view, stored: view.stored }]));
  if (known.length === 0) return [];
  // One look for all of them. Where it fails, each says why.
  const segments = known.length === 1 ? null : await readLogSegments(ws.repo.git).catch(() => null);
  const problems = await eachOf(known, ({ view, stored: { record: known } }) =>
    orReason(`its end is not in the log of '${known.name}'`, async () => {
      const stored = records.read(known.id) ?? view.stored!;
      const job = known.kind === 'run' && !isRevived(view) ? readJob(stored.directory) : null;
      const log = await openLogOf(ws, stored, { ...view, stored, job }, segments);
      await reconcile(log);
      await record(log, (state) =>
        isFinal(state.name) ? [] : [{ type: 'failed', data: { error: KILLED } }],
      );
    }),
  );
  const warnings = problems.filter((problem) => problem !== null);
  try {
    const ids = known.map(({ stored }) => stored.record.id);
    return [...warnings, ...(await flushAll(ws, ids)).warnings];
  } catch (error) {
    return [...warnings, reasonOf('logs are not in git yet', error)];
  }
}

async function orReason(what: string, action: () => Promise<void>): Promise<string | null> {
  try {
    await action();
    return null;
  } catch (error) {
    return reasonOf(what, error);
  }
}

/** Of what the user, or the system, can mend; anything else is a fault in here. */
function reasonOf(what: string, error: unknown): string {
  const isSystem = error instanceof Error && 'code' in error && typeof error.code === 'string';
  if (!(error instanceof SessionError) && !isSystem) throw error;
  return `${what}: ${(error as Error).message}`;
}
