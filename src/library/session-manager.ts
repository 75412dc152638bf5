import { randomUUID } from 'node:crypto';
import { IterationLimitError, UsageError } from '../session/errors.ts';
import { type AppliedRecord, fold, type LogRecord } from '../session/event-log.ts';
import { parseEvent } from '../session/event-schema.ts';
import {
  isFinal,
  type SessionConfig,
  type SessionEvent,
  type SessionState,
  type SessionSummary,
} from '../session/lifecycle.ts';
import { checkName } from '../session/names.ts';
import {
  checkpointsOf,
  configOf,
  persisted,
  type PersistedSession,
  type SessionHeader,
  type SessionCheckpoint,
  sessionConfig,
} from '../session/persisted.ts';
import { type Progress, progressOf, summaryOf } from '../session/progress.ts';
import { counted } from '../session/words.ts';
import { follow } from './follow.ts';
import { MemoryStorage } from './memory-storage.ts';
import { type ObserverFailure, type ObserverFunction, Observers, type SessionObserver } from './observers.ts';
import type { SessionStorage, StoredSession, WantedEvents } from './storage.ts';
import { unknownSession } from './unknown-session.ts';

export interface ManagerOptions {
  /** Where sessions are kept. Default: in memory. */
  storage?: SessionStorage | undefined;
  /** Gets what observers throw. Default: a warning of the process. */
  onObserverError?: ObserverFailure | undefined;
  /** What `projectPath` of a configuration is where nobody says so. Default: the current directory. */
  projectPath?: string | undefined;
}

export interface NewSession {
  /** As that of a session in git. Default: made of the id. Several sessions may have one. */
  name?: string | undefined;
  /** What is missing has its default: nothing is limited, nothing is switched on. */
  config?: Partial<SessionConfig> | undefined;
}

export interface SessionInfo {
  /** UUID. */
  id: string;
  name: string;
  state: SessionState;
  config: SessionConfig | null;
  /** ISO 8601 UTC. */
  createdAt: string | null;
}

export interface CheckpointOptions {
  message?: string | undefined;
  /** Id of a snapshot that was saved with it. */
  snapshot?: string | undefined;
}

export interface EventsOptions {
  /** Goes on with what is recorded later, until the session has ended. */
  follow?: boolean | undefined;
  /** Ends it. */
  signal?: AbortSignal | undefined;
}

type Made = Pick<SessionHeader, 'name' | 'config'>;

const MOST_KNOWN = 1000;

/**
 * Drives sessions: their states, their events, their checkpoints. It starts nothing and needs no tmux. A session is what
 * its events say; several managers, also in several processes, may work on the sessions of one storage.
 *
 * Where an id is not known, the promises reject with UnknownRefError; where an event does not fit the state, with
 * InvalidTransitionError, and nothing is recorded.
 */
export class SessionManager {
  readonly storage: SessionStorage;
  private readonly observers: Observers;
  private readonly projectPath: string | undefined;
  private readonly knownSessions = new Map<string, Made>();

  constructor({ storage = new MemoryStorage(), onObserverError, projectPath }: ManagerOptions = {}) {
    this.storage = storage;
    this.observers = new Observers(onObserverError);
    this.projectPath = projectPath;
  }

  /** Makes a session in the state `created`. Rejects with InvalidNameError, UsageError and what the storage rejects with. */
  async createSession({ name, config = {} }: NewSession = {}): Promise<SessionInfo> {
    const id = randomUUID();
    const header = {
      id,
      name: checkName(name ?? `session-${id.slice(0, 8)}`),
      config: sessionConfig(config, this.projectPath ?? process.cwd()),
      createdAt: new Date().toISOString(),
    };
    await this.storage.create(header);
    return { ...header, state: { name: 'created' } };
  }

  async startSession(id: string): Promise<void> {
    const { name, config } = await this.require(id);
    await this.append(id, [{ type: 'started', data: config === null ? { name } : { config, name } }]);
  }

  /** Ends a session well, and gives what it has come to. */
  async completeSession(id: string): Promise<SessionSummary> {
    let summary: SessionSummary | null = null;
    await this.append(id, (_, records) => {
      summary = summaryOf(progressOf(fold(records()).applied, Date.now()));
      return [{ type: 'completed', data: { summary } }];
    });
    return summary!;
  }

  /**
   * Records an event, and gives it with its time and number. It is kept when this resolves. An iteration behind the last
   * one that the configuration allows is refused with IterationLimitError; with `failFast`, a command that has failed
   * fails a running session.
   */
  async recordEvent(id: string, event: SessionEvent): Promise<AppliedRecord> {
    const checked = checkedEvent(event);
    const made = dependsOnConfig(checked) ? await this.made(id) : null;
    const [record] = await this.append(
      id,
      made === null ? [checked] : (state, records) => asConfigured(made, checked, state, records()),
    );
    return record!;
  }

  async getState(id: string): Promise<SessionState> {
    return (await this.require(id)).state;
  }

  async getProgress(id: string): Promise<Progress> {
    const stored = await this.require(id);
    const { applied } = fold(stored.records);
    const progress = progressOf(applied, Date.now());
    const config = configOf(stored, applied);
    return { ...progress, config, totalIterations: config?.maxIterations ?? null };
  }

  /** Those that have not ended: created, running or paused. The oldest first. */
  async listActiveSessions(): Promise<SessionInfo[]> {
    const all = await this.all();
    return all
      .filter(({ state }) => !isFinal(state.name))
      .map((stored) => infoOf(stored))
      .toSorted((a, b) => ((a.createdAt ?? '') < (b.createdAt ?? '') ? -1 : 1));
  }

  /** Notes the place where the session is now. */
  async saveCheckpoint(id: string, options: CheckpointOptions = {}): Promise<SessionCheckpoint> {
    const { message = '', snapshot = '' } = options;
    const records = await this.append(id, (state, known) => {
      const iteration = 'iteration' in state ? state.iteration : lastIteration(known());
      const data = { snapshot, iteration, state: state.name, resumable: !isFinal(state.name), message };
      return [checkedEvent({ type: 'checkpoint-saved', data })];
    });
    return checkpointsOf(records)[0]!;
  }

  /** The session as its storage has it, for a program that goes on where another one was stopped. */
  async restoreSession(id: string): Promise<PersistedSession> {
    const stored = await this.require(id);
    return persisted(stored, stored.records);
  }

  /** As `restoreSession`; null where there is no such session. */
  async getSession(id: string): Promise<PersistedSession | null> {
    const stored = await this.storage.load(id);
    return stored === null ? null : persisted(stored, stored.records);
  }

  /**
   * Tells an observer of all events that are recorded through this manager from now on, in their order. It is never
   * waited for, and what it throws harms nobody else. Gives what ends it.
   */
  subscribe(observer: SessionObserver | ObserverFunction): () => void {
    return this.observers.add(observer);
  }

  /** Resolves when the observers have dealt with all that was recorded before. */
  observed(): Promise<void> {
    return this.observers.idle();
  }

  /** The events of a session, whoever has recorded them, each once. */
  async *events(id: string, options: EventsOptions = {}): AsyncGenerator<AppliedRecord, void, undefined> {
    yield* follow(this.storage, id, options);
  }

  /** Tells the observers of what was recorded by other means than this manager. */
  announce(records: readonly AppliedRecord[]): void {
    if (records.length > 0) this.observers.notify(records);
  }

  private async append(id: string, events: WantedEvents): Promise<AppliedRecord[]> {
    const records = await this.storage.append(id, events);
    this.announce(records);
    try {
      await this.storage.publish?.(id, records);
    } catch (error) {
      // The events are kept. They go where others look for them with the next ones.
      process.emitWarning(`session ${id}: ${(error as Error).message}`, { code: 'GIT_SESSION_PUBLISH' });
    }
    return records;
  }

  /** What a session was made with; that does not change. */
  private async made(id: string): Promise<Made> {
    const known = this.knownSessions.get(id);
    if (known !== undefined) return known;
    const { name, config } = await this.require(id);
    if (this.knownSessions.size >= MOST_KNOWN) this.knownSessions.clear();
    this.knownSessions.set(id, { name, config });
    return { name, config };
  }

  private async require(id: string): Promise<StoredSession> {
    const stored = await this.storage.load(id);
    if (stored === null) throw unknownSession(id);
    return stored;
  }

  private async all(): Promise<StoredSession[]> {
    const { storage } = this;
    if (storage.loadAll !== undefined) return storage.loadAll();
    const all = await Promise.all((await storage.list()).map((id) => storage.load(id)));
    return all.filter((stored) => stored !== null);
  }
}

function infoOf(stored: StoredSession): SessionInfo {
  const { id, name, state, createdAt, records } = stored;
  return { id, name, state, config: configOf(stored, fold(records).applied), createdAt };
}

/** Programs need not be written in TypeScript: what is not of its type would be damage to everybody who reads it. */
function checkedEvent(event: SessionEvent): SessionEvent {
  const { type, data } = event as { type: unknown; data: unknown };
  const parsed = parseEvent(type, type === 'analysis-completed' ? plain(data) : data);
  if (parsed !== null) return parsed;
  throw new UsageError(
    `this is no event, or its data are not those of '${String(type)}': see 'SessionEvent'`,
  );
}

/** Results are anybody's: as JSON has them, so that they are the same when they are read again. */
function plain(data: unknown): unknown {
  try {
    const { results = null } = data as { results?: unknown };
    return { results: JSON.parse(JSON.stringify(results) ?? 'null') as unknown };
  } catch {
    return null;
  }
}

function dependsOnConfig({ type, data }: SessionEvent): boolean {
  return type === 'iteration-started' || (type === 'command-executed' && !data.success);
}

function asConfigured(
  made: Made,
  event: SessionEvent,
  state: SessionState,
  records: readonly LogRecord[],
): SessionEvent[] {
  // Mostly the first of all: the whole log is not looked through.
  const started = records.find((record) => record.event.type === 'started')?.event;
  const config = (started?.type === 'started' ? started.data.config : undefined) ?? made.config;
  const { maxIterations = null, failFast = false } = config ?? {};
  if (event.type === 'iteration-started' && maxIterations !== null && event.data.number > maxIterations) {
    throw new IterationLimitError(
      `session '${made.name}' may have ${counted(maxIterations, 'iteration')}, and not ${event.data.number}`,
      ['complete it'],
      { iteration: event.data.number, max_iterations: maxIterations },
    );
  }
  if (event.type !== 'command-executed' || !failFast || state.name !== 'running') return [event];
  // A text in an event has at most 4096 characters.
  const error = `command failed: ${event.data.command}`.slice(0, 4096);
  return [event, { type: 'failed', data: { error } }];
}

function lastIteration(records: readonly LogRecord[]): number {
  const last = records.findLast(({ event }) => event.type === 'iteration-started')?.event;
  return last?.type === 'iteration-started' ? last.data.number : 0;
}
