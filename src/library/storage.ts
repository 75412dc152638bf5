import type { AppliedRecord, LogRecord } from '../session/event-log.ts';
import type { SessionEvent, SessionState } from '../session/lifecycle.ts';
import type { SessionHeader } from '../session/persisted.ts';

/**
 * Events to append; a function gets the state and the records that they find, and nobody writes until it has answered.
 */
export type WantedEvents =
  | readonly SessionEvent[]
  | ((state: SessionState, records: () => readonly LogRecord[]) => readonly SessionEvent[]);

/** A session as a storage holds it: its log, from which everything else follows. */
export interface StoredSession extends SessionHeader {
  state: SessionState;
  /** In causal order. */
  records: readonly LogRecord[];
  /** Stretches of the log that can't be read. They hide no other record. */
  damaged: number;
}

/**
 * Where sessions are kept. A session is a log that is only ever appended to, so there is no `save` of a whole one: two
 * programs that save would undo what the other one did.
 */
export interface SessionStorage {
  /** Makes a session without an event. Rejects with SessionExistsError where its id is taken. */
  create(header: SessionHeader): Promise<void>;
  /**
   * Appends events, all or none of a call, and resolves when they are kept. Rejects with InvalidTransitionError where the
   * state does not take one, with UnknownRefError where there is no such session, and with what the function throws.
   */
  append(id: string, events: WantedEvents): Promise<AppliedRecord[]>;
  /** Null where there is none. */
  load(id: string): Promise<StoredSession | null>;
  /** Ids of all sessions. */
  list(): Promise<string[]>;
  /** All sessions, where that is faster than one by one. */
  loadAll?(): Promise<StoredSession[]>;
  /** False where there was none. */
  delete(id: string): Promise<boolean>;
  /** Behind each append, once the observers have been told: puts what others read elsewhere where they look for it. */
  publish?(id: string, records: readonly AppliedRecord[]): Promise<void>;
  /** Resolves when the session may have more events than at the call, or when the signal says so. */
  changed?(id: string, signal: AbortSignal): Promise<void>;
}
