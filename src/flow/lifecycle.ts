import { SessionError, UsageError } from '../session/errors.ts';
import { eventFromJson } from '../session/event-json.ts';
import type { AppliedRecord } from '../session/event-log.ts';
import { isEventType, parseEvent } from '../session/event-schema.ts';
import {
  EVENTS,
  type EventData,
  type EventType,
  isFinal,
  type SessionConfig,
  type SessionEvent,
  type SessionState,
} from '../session/lifecycle.ts';
import { configOf, summaryOf } from '../session/progress.ts';
import { displayText } from '../session/text.ts';
import { autoMerge, type MergeOutcome } from './auto-merge.ts';
import { requireIteration } from './iteration-limit.ts';
import { startedEvent, defaultConfig } from './record-start.ts';
import { redactEvent, withoutSecrets } from './redact-event.ts';
import {
  flush,
  logWarnings,
  openLog,
  progressOfLog,
  readLog,
  reconcile,
  record,
  type SessionLog,
} from './session-log.ts';
import { openWorkspace, requireEnabled } from './workspace.ts';

/** What a command has written into a session's log, and the state after it. */
export interface Change {
  log: SessionLog;
  state: SessionState;
  records: AppliedRecord[];
  warnings: string[];
}

/** The log of a session for a command that writes to it, up to date with what has happened to the session. */
export async function openToWrite(word: string | null): Promise<SessionLog> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const log = await openLog(ws, word);
  await reconcile(log);
  return log;
}

/**
 * Appends events, which are made under the log's lock, and lets the status line follow. What ends a session puts its log
 * into git; where that fails, the events are in the journal, and it is a warning.
 */
export async function change(log: SessionLog, make: () => SessionEvent[]): Promise<Change> {
  const records = await record(log, make);
  const { state } = log.journal;
  const warnings = logWarnings(log);
  if (isFinal(state.name)) {
    try {
      await flush(log);
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      warnings.push(`the log is not in git yet: ${error.message}`);
    }
  }
  await showState(log, state);
  return { log, state, records, warnings };
}

/** For the status line. Nobody has to be there to see it. */
async function showState({ ws, view }: SessionLog, state: SessionState): Promise<void> {
  if (view?.tmux == null || view.stored === null) return;
  await ws.tmux.run(['set-option', '-t', `${view.tmux.id}:`, '@git-session-state', state.name]);
}

export async function startSession(word: string | null): Promise<Change> {
  const log = await openToWrite(word);
  return change(log, () => [startOf(log)]);
}

function startOf(log: SessionLog): SessionEvent {
  const stored = log.view?.stored;
  return stored == null
    ? event('started', {
        config: defaultConfig(log.ws.repo.workTree ?? log.ws.repo.commonDir),
        name: log.name,
      })
    : startedEvent(stored);
}

export async function pauseSession(word: string | null, reason: string): Promise<Change> {
  const paused = event('paused', { reason: withoutSecrets(reason) });
  return change(await openToWrite(word), () => [paused]);
}

export async function resumeSession(word: string | null): Promise<Change> {
  return change(await openToWrite(word), () => [event('resumed', {})]);
}

export async function failSession(word: string | null, error: string): Promise<Change> {
  const failed = event('failed', { error: withoutSecrets(error) });
  return change(await openToWrite(word), () => [failed]);
}

export interface Completed extends Change {
  summary: EventData['completed']['summary'];
  merge: MergeOutcome | null;
}

export async function completeSession(word: string | null): Promise<Completed> {
  const log = await openToWrite(word);
  const changed = await change(log, () => [endOf(log)]);
  const { config } = progressOfLog(log);
  const last = changed.records.at(-1)!.event as { data: EventData['completed'] };
  return { ...changed, summary: last.data.summary, merge: await autoMerge(log, config) };
}

function endOf(log: SessionLog): SessionEvent {
  return event('completed', { summary: summaryOf(progressOfLog(log)) });
}

/**
 * Any event, with data as a program gives it. What the session itself knows need not be given: the options of `started`,
 * and the summary of `completed`.
 */
export async function recordEvent(word: string, type: string, json: string | null): Promise<Change> {
  if (!isEventType(type)) {
    throw new UsageError(`unknown event '${type}'`, [`it is one of: ${EVENTS.join(', ')}`]);
  }
  const given = json === null ? null : fromJson(type, json);
  const log = await openToWrite(word);
  return change(log, () => {
    const made = given ?? ownEvent(log, type);
    if (made.type === 'iteration-started') requireIteration(log, made.data.number);
    const { config } = progressOfLog(log);
    // As where `exec` has executed it.
    const ends = made.type === 'command-executed' && !made.data.success && config?.failFast === true;
    return ends && log.journal.state.name === 'running'
      ? [made, event('failed', { error: `command failed: ${made.data.command}`.slice(0, LONGEST) })]
      : [made];
  });
}

/** Characters of a text in an event. */
const LONGEST = 4096;

function ownEvent(log: SessionLog, type: EventType): SessionEvent {
  if (type === 'started') return startOf(log);
  if (type === 'completed') return endOf(log);
  const made = parseEvent(type, {});
  if (made !== null) return made;
  throw new UsageError(`'${type}' needs data`, [`git session event ${log.name} ${type} --data '{...}'`]);
}

function fromJson(type: EventType, json: string): SessionEvent {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new UsageError(`--data is no JSON: ${(error as Error).message}`);
  }
  const made = fromValue(type, value);
  if (made !== null) return redactEvent(made);
  throw new UsageError(`--data is not what '${type}' carries`, ['see: man git-session, EVENTS']);
}

function fromValue(type: EventType, value: unknown): SessionEvent | null {
  try {
    return eventFromJson(type, value);
  } catch (error) {
    // Of a depth that nothing of ours has.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** An event with what a person has typed; a log takes no text without end. */
function event<T extends EventType>(type: T, data: EventData[T]): SessionEvent {
  const made = parseEvent(type, data);
  if (made === null) throw new UsageError(`the text is too long: at most ${LONGEST} characters`);
  return made;
}

export interface StateView {
  log: SessionLog;
  state: SessionState;
  config: SessionConfig | null;
  warnings: string[];
}

/** The state as the log has it now, with what has happened since somebody looked. Takes no lock where nothing has. */
export async function readState(word: string | null): Promise<StateView> {
  const { log, warnings } = await readLog(await openWorkspace(), word);
  const stored = log.view?.stored ?? null;
  const config =
    configOf(log.journal.records) ??
    (stored === null ? null : (stored.record.config ?? defaultConfig(displayText(stored.record.cwd))));
  return { log, state: log.journal.state, config, warnings };
}
