import type { LogRecord } from './event-log.ts';
import {
  type EventData,
  INITIAL,
  type IterationChanges,
  type SessionConfig,
  type SessionState,
  type SessionSummary,
  transition,
} from './lifecycle.ts';

export interface ExecutedCommand {
  command: string;
  success: boolean;
  exitCode: number | null;
  /** Null where nobody could measure it. */
  durationMs: number | null;
  /** ISO 8601 UTC. */
  at: string;
}

export interface Iteration {
  number: number;
  /** Null while it goes on. */
  changes: IterationChanges | null;
}

/** How far a session has come: all of it from its events. */
export interface Progress {
  state: SessionState;
  config: SessionConfig | null;
  iterations: Iteration[];
  iterationsCompleted: number;
  /** As many as there may be; null where nobody has said so. */
  totalIterations: number | null;
  /** Each once, in the order of the alphabet. */
  filesChanged: string[];
  commits: string[];
  commandsExecuted: ExecutedCommand[];
  /** Milliseconds in which it ran: from its events, so that it goes on where another process goes on. */
  durationMs: number;
  /** What it is about now, in words; null where it is about nothing. */
  currentPhase: string | null;
}

/**
 * By records in order, from the first one on: an event that the state does not take counts for nothing. `nowMs`:
 * milliseconds since 1970, for the duration of a session that still runs.
 */
export function progressOf(records: readonly LogRecord[], nowMs: number): Progress {
  let state: SessionState = INITIAL;
  let config: SessionConfig | null = null;
  let durationMs = 0;
  let runningSince: number | null = null;
  const iterations: Iteration[] = [];
  const files = new Set<string>();
  const commits = new Set<string>();
  const commandsExecuted: ExecutedCommand[] = [];
  for (const { event, at, clock } of records) {
    const next = transition(state, event);
    if (next === null) continue;
    state = next;
    // Of the log's clock: it never goes back.
    if (state.name === 'running') runningSince ??= clock;
    else if (runningSince !== null) {
      durationMs += Math.max(0, clock - runningSince);
      runningSince = null;
    }
    if (event.type === 'started') config = event.data.config ?? config;
    else if (event.type === 'iteration-started')
      iterations.push({ number: event.data.number, changes: null });
    else if (event.type === 'command-executed') commandsExecuted.push(executed(event.data, at));
    else if (event.type === 'iteration-completed') {
      const { number, changes } = event.data;
      const open = iterations.findLast((i) => i.number === number && i.changes === null);
      if (open === undefined) iterations.push({ number, changes });
      else open.changes = changes;
      for (const file of changes.filesModified) files.add(file);
      for (const commit of changes.gitCommits) commits.add(commit);
    }
  }
  if (runningSince !== null) durationMs += Math.max(0, nowMs - runningSince);
  return {
    ...{ state, config, iterations, commandsExecuted, durationMs },
    iterationsCompleted: iterations.filter((i) => i.changes !== null).length,
    totalIterations: config?.maxIterations ?? null,
    filesChanged: [...files].toSorted(),
    commits: [...commits],
    currentPhase: phaseOf(state, iterations.at(-1)),
  };
}

/** The options that it was started with, as `progressOf` has them; null where nobody has said so. */
export function configOf(records: readonly LogRecord[]): SessionConfig | null {
  let state: SessionState = INITIAL;
  let config: SessionConfig | null = null;
  for (const { event } of records) {
    const next = transition(state, event);
    if (next !== null && event.type === 'started') config = event.data.config ?? config;
    state = next ?? state;
  }
  return config;
}

/** Key by key: spreading ten thousand of them takes ten times as long. */
function executed(
  { command, success, exitCode, durationMs }: EventData['command-executed'],
  at: string,
): ExecutedCommand {
  return { command, success, exitCode, durationMs, at };
}

function phaseOf(state: SessionState, last: Iteration | undefined): string | null {
  if (state.name === 'paused') return `paused: ${state.reason}`;
  if (state.name !== 'running' || last === undefined) return null;
  return last.changes === null ? `iteration ${last.number}` : `after iteration ${last.number}`;
}

/** What a session has come to, for its end. */
export function summaryOf(progress: Progress): SessionSummary {
  const { commandsExecuted: commands, filesChanged, commits, iterationsCompleted, durationMs } = progress;
  const good = commands.filter((c) => c.success).length;
  return {
    ...{ iterations: iterationsCompleted, filesChanged: filesChanged.length, commits: commits.length },
    ...{ commands: commands.length, durationMs },
    successRate: commands.length === 0 ? 1 : good / commands.length,
  };
}

/** Of the iteration that began last; 0 before the first. */
export function lastIteration(records: readonly LogRecord[]): number {
  const started = records.findLast(({ event }) => event.type === 'iteration-started');
  return started?.event.type === 'iteration-started' ? started.event.data.number : 0;
}
