import { type AppliedRecord, fold, type LogRecord } from './event-log.ts';
import { parseEvent } from './event-schema.ts';
import { UsageError } from './errors.ts';
import type { SessionConfig, SessionEvent, SessionState, StateName } from './lifecycle.ts';

/** What is known of a session before its first event. */
export interface SessionHeader {
  /** UUID. */
  id: string;
  name: string;
  /** Null where nobody has said so: for sessions that were only fetched, and have not told. */
  config: SessionConfig | null;
  /** ISO 8601 UTC; null for a session of another clone that has no event. */
  createdAt: string | null;
}

export interface TimestampedEvent {
  /** ISO 8601 UTC. */
  timestamp: string;
  event: SessionEvent;
  /** False for one that came too late: of two clones that both end a session, one does. */
  applied: boolean;
}

export interface SessionCheckpoint {
  iteration: number;
  /** ISO 8601 UTC. */
  timestamp: string;
  /** The state at that moment. */
  state: StateName;
  /** Id of the snapshot that was saved with it; null for a place in the log and nothing else. */
  snapshot: string | null;
  message: string;
  /** The session can go on from here. */
  resumable: boolean;
  /** Where it was saved by a rollback: the snapshot that the rollback went to. */
  rollbackTo: string | null;
}

/** All that is kept of a session. The state and the checkpoints are what the events say. */
export interface PersistedSession {
  id: string;
  name: string;
  config: SessionConfig | null;
  state: SessionState;
  events: TimestampedEvent[];
  checkpoints: SessionCheckpoint[];
  createdAt: string | null;
}

export function persisted(header: SessionHeader, records: readonly LogRecord[]): PersistedSession {
  const { state, applied } = fold(records);
  return {
    ...{ id: header.id, name: header.name, config: configOf(header, applied), state },
    events: applied.map(({ at, event, applied }) => ({ timestamp: at, event, applied })),
    checkpoints: checkpointsOf(applied),
    createdAt: header.createdAt,
  };
}

/** The one that it was started with, else the one that it was made with. */
export function configOf(header: SessionHeader, records: readonly AppliedRecord[]): SessionConfig | null {
  for (const { event, applied } of records) {
    if (applied && event.type === 'started' && event.data.config !== undefined) return event.data.config;
  }
  return header.config;
}

export function checkpointsOf(records: readonly AppliedRecord[]): SessionCheckpoint[] {
  return records.flatMap(({ at, event, applied }) => {
    if (!applied || event.type !== 'checkpoint-saved') return [];
    const { snapshot, rollbackTo = null, ...rest } = event.data;
    return [{ ...rest, snapshot: snapshot === '' ? null : snapshot, rollbackTo, timestamp: at }];
  });
}

const DEFAULTS: Omit<SessionConfig, 'projectPath'> = {
  ...{ workflow: null, mode: 'direct', worktree: null, maxIterations: null, focus: null },
  ...{ failFast: false, autoMerge: false, collectMetrics: false, verbose: false },
};

/** A whole configuration of what a program gives. Throws UsageError where something of it is not of its type. */
export function sessionConfig(given: Partial<SessionConfig>, projectPath: string): SessionConfig {
  const whole = { projectPath, ...DEFAULTS, ...withoutUndefined(given) };
  const unknown = Object.keys(whole).find((key) => key !== 'projectPath' && !(key in DEFAULTS));
  if (unknown !== undefined) throw new UsageError(`config: there is no '${unknown}'`);
  const event = parseEvent('started', { config: whole });
  if (event?.type !== 'started' || event.data.config === undefined) {
    throw new UsageError("config: a value is not of its type, or too long: see 'SessionConfig'");
  }
  const { config } = event.data;
  if (config.mode === 'worktree' && config.worktree === null) {
    throw new UsageError("config: mode 'worktree' needs the name of one: worktree");
  }
  return config;
}

function withoutUndefined(given: Partial<SessionConfig>): Partial<SessionConfig> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
