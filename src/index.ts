/**
 * The library: drives sessions and their events, makes live ones, reads those of a repository with or without a git
 * program, and checks snapshots. docs/api.md describes it.
 *
 * @example
 * const sessions = await openSessions({ dir: '.', git: false });
 * for (const s of await sessions.list()) console.log(s.name, s.id);
 *
 * @example
 * const sessions = await openSessions({ dir: '.' });
 * const { id, name } = await sessions.createSession({ argv: ['npm', 'test'], identifier: 'tests' });
 *
 * @example
 * const manager = new SessionManager({ storage: new FileStorage({ basePath: 'sessions' }) });
 * const { id } = await manager.createSession({ name: 'import' });
 */
import { realpathSync } from 'node:fs';
import type { CreatedSession, CreateOptions } from './flow/create-session.ts';
import type { Workspace } from './flow/workspace.ts';
import { nativeReader, type Reader } from './git/reader.ts';
import { GitRefStorage } from './library/git-ref-storage.ts';
import type { ObserverFunction, SessionObserver } from './library/observers.ts';
import {
  type CheckpointOptions,
  type EventsOptions,
  type NewSession,
  type SessionInfo,
  SessionManager,
} from './library/session-manager.ts';
import { unknownSession } from './library/unknown-session.ts';
import type { Verification } from './library/verify.ts';
import { DamagedSnapshotError, GitMissingError, NotARepositoryError } from './session/errors.ts';
import { type AppliedRecord, fold } from './session/event-log.ts';
import type { SessionEvent, SessionState, SessionSummary } from './session/lifecycle.ts';
import { isSessionId } from './session/live.ts';
import type { PersistedSession, SessionCheckpoint } from './session/persisted.ts';
import type { Progress } from './session/progress.ts';
import type { Snapshot } from './session/schema.ts';
import { resolveSnapshot } from './store/resolve.ts';
import { readCatalog, readSnapshots, type StoredSnapshot } from './store/sessions.ts';

export interface OpenOptions {
  /** A directory of the repository; with `git: false` its top. */
  dir: string;
  /** false: read by isomorphic-git, for programs that have no git. Default true. */
  git?: boolean;
}

/** A session that a program drives by itself. */
export interface DrivenSession extends NewSession {
  tmux: false;
}

/**
 * The sessions of a repository. A `session` is an id, or a name, which means the newest one of that name. With
 * `git: false` what writes rejects with GitMissingError.
 */
export interface Sessions {
  /** All snapshots but deleted ones, by session and age. Throws what reading the refs throws. */
  list(): Promise<StoredSnapshot[]>;
  /** One snapshot by any form of reference. Throws UnknownRefError, AmbiguousRefError, DamagedSnapshotError and others. */
  show(ref: string): Promise<Snapshot>;
  /** Reads all snapshots and all logs whole, and names what is damaged. */
  verify(): Promise<Verification>;

  /** Makes a session in the state `created`, of which tmux knows nothing. */
  createSession(options: DrivenSession): Promise<SessionInfo>;
  /**
   * Makes a live session in this repository, wherever the program itself is; with a command as `git session run` does,
   * else as `git session create`. It is there, and its command has started, when this is done. Throws what the commands
   * throw: UsageError, InvalidNameError, SessionExistsError, ProgramMissingError, FileProblemError, DisabledError, those of
   * tmux and others.
   */
  createSession(options?: CreateOptions): Promise<CreatedSession>;
  /** Records that work begins. */
  startSession(session: string): Promise<void>;
  /** Ends a session well, and gives what it has come to. Its tmux session, if it has one, stays. */
  completeSession(session: string): Promise<SessionSummary>;
  /** Records an event. It is kept when this resolves. Rejects with InvalidTransitionError where the state does not take it. */
  recordEvent(session: string, event: SessionEvent): Promise<AppliedRecord>;
  getState(session: string): Promise<SessionState>;
  getProgress(session: string): Promise<Progress>;
  /** Those that have not ended: created, running or paused. The oldest first. */
  listActiveSessions(): Promise<SessionInfo[]>;
  /** Notes the place where the session is now. One that lives in tmux is saved as well, as by `git session checkpoint`. */
  saveCheckpoint(session: string, options?: CheckpointOptions): Promise<SessionCheckpoint>;
  /** Gives the session, for a program that goes on with it; where its tmux session is gone, that comes back first. */
  restoreSession(session: string): Promise<PersistedSession>;
  /** All that is kept of a session; null where there is none. */
  getSession(session: string): Promise<PersistedSession | null>;

  /** Tells an observer of all events that this program records. Gives what ends it. */
  subscribe(observer: SessionObserver | ObserverFunction): () => void;
  /** Resolves when the observers have dealt with all that was recorded before. */
  observed(): Promise<void>;
  /** The events of a session, whoever has recorded them; with `follow` also those to come. */
  events(session: string, options?: EventsOptions): AsyncGenerator<AppliedRecord, void, undefined>;
  /** Puts what was recorded into a ref, so that a push takes it along. Gives how many events went there. */
  flush(session: string): Promise<number>;
}

/** One for each repository's directory and way to read it. */
const opened = new Map<string, Promise<Sessions>>();

/**
 * The sessions of a repository. The same directory, by whatever name, gives the same object throughout the process.
 * Throws NotARepositoryError and others. What the environment says of a repository (GIT_DIR) does not count.
 */
export async function openSessions(options: OpenOptions): Promise<Sessions> {
  const dir = physical(options.dir);
  const git = options.git !== false;
  const key = `${git ? 'git' : 'no git'} ${dir}`;
  const known = opened.get(key);
  if (known !== undefined) return known;
  const opening = git ? openWithGit(dir) : openWithoutGit(dir);
  opened.set(key, opening);
  // The next call may find what this one did not.
  opening.catch(() => opened.delete(key));
  return opening;
}

function physical(dir: string): string {
  try {
    return realpathSync.native(dir);
  } catch (error) {
    throw new NotARepositoryError(`'${dir}' is not a git repository`, [], undefined, error);
  }
}

async function openWithGit(dir: string): Promise<Sessions> {
  const { openWorkspace } = await import('./flow/workspace.ts');
  const ws = await openWorkspace(dir);
  const { observe } = await import('./flow/observers.ts');
  const { settle } = await import('./flow/live-library.ts');
  const storage = GitRefStorage.of(ws.repo, ws.config, {
    appended: (session, records, before) => observe(ws.config, session, records, before),
    // Where it can't be written, what is known is read all the same.
    settle: async (id) => sessions.announce(await settle(ws, id).catch(() => [])),
  });
  const sessions = new RepositorySessions(dir, () => nativeReader(ws.repo.git), storage, ws);
  return sessions;
}

async function openWithoutGit(dir: string): Promise<Sessions> {
  const { isomorphicReader } = await import('./git/isomorphic.ts');
  // A reader for each look: it holds the packs that it has read, and this lives as long as the process.
  const reader = () => isomorphicReader(dir);
  return new RepositorySessions(dir, reader, await GitRefStorage.open({ dir, git: false }), null);
}

class RepositorySessions implements Sessions {
  private readonly dir: string;
  private readonly reader: () => Reader;
  private readonly storage: GitRefStorage;
  /** Null without git. */
  private readonly ws: Workspace | null;
  private readonly manager: SessionManager;

  constructor(dir: string, reader: () => Reader, storage: GitRefStorage, ws: Workspace | null) {
    this.dir = dir;
    this.reader = reader;
    this.storage = storage;
    this.ws = ws;
    this.manager = new SessionManager({ storage, projectPath: ws?.repo.workTree ?? dir });
  }

  async list(): Promise<StoredSnapshot[]> {
    return (await readCatalog(this.reader())).snapshots;
  }

  async show(ref: string): Promise<Snapshot> {
    const reader = this.reader();
    const stored = resolveSnapshot(await readCatalog(reader), ref);
    const [read] = await readSnapshots(reader, [stored]);
    if (read === undefined) throw new DamagedSnapshotError(`'${ref}' can't be read`);
    if ('error' in read) throw read.error;
    return read.snapshot;
  }

  verify(): Promise<Verification> {
    return this.storage.verify();
  }

  createSession(options: DrivenSession): Promise<SessionInfo>;
  createSession(options?: CreateOptions): Promise<CreatedSession>;
  async createSession(options: DrivenSession | CreateOptions = {}): Promise<SessionInfo | CreatedSession> {
    if ('tmux' in options && !options.tmux) {
      const { tmux: _, ...session } = options;
      return this.manager.createSession(session);
    }
    if (this.ws === null) {
      throw new GitMissingError('a session is made with git, and these were opened with git: false', [
        'openSessions({ dir })',
      ]);
    }
    const { createSession } = await import('./flow/create-session.ts');
    const made = await createSession(physical(this.dir), options);
    this.announce(fold((await this.storage.recorded(made.id))?.records ?? []).applied);
    return made;
  }

  announce(records: readonly AppliedRecord[]): void {
    this.manager.announce(records);
  }

  async startSession(session: string): Promise<void> {
    await this.manager.startSession(await this.idOf(session));
  }

  async completeSession(session: string): Promise<SessionSummary> {
    return this.manager.completeSession(await this.idOf(session));
  }

  async recordEvent(session: string, event: SessionEvent): Promise<AppliedRecord> {
    return this.manager.recordEvent(await this.idOf(session), event);
  }

  async getState(session: string): Promise<SessionState> {
    return this.manager.getState(await this.idOf(session));
  }

  async getProgress(session: string): Promise<Progress> {
    return this.manager.getProgress(await this.idOf(session));
  }

  listActiveSessions(): Promise<SessionInfo[]> {
    return this.manager.listActiveSessions();
  }

  async saveCheckpoint(session: string, options: CheckpointOptions = {}): Promise<SessionCheckpoint> {
    const id = await this.idOf(session);
    if (options.snapshot !== undefined || this.ws === null || !this.storage.isLive(id)) {
      return this.manager.saveCheckpoint(id, options);
    }
    const { saveLive } = await import('./flow/live-library.ts');
    const snapshot = (await saveLive(this.ws, id, options.message ?? '')) ?? undefined;
    return this.manager.saveCheckpoint(id, { ...options, snapshot });
  }

  async restoreSession(session: string): Promise<PersistedSession> {
    const id = await this.idOf(session);
    if (this.ws !== null && this.storage.isLive(id)) {
      const { bringBack } = await import('./flow/live-library.ts');
      await bringBack(this.ws, id);
    }
    return this.manager.restoreSession(id);
  }

  async getSession(session: string): Promise<PersistedSession | null> {
    const id = isSessionId(session) ? session : await this.storage.find(session);
    return id === null ? null : this.manager.getSession(id);
  }

  subscribe(observer: SessionObserver | ObserverFunction): () => void {
    return this.manager.subscribe(observer);
  }

  observed(): Promise<void> {
    return this.manager.observed();
  }

  async *events(session: string, options?: EventsOptions): AsyncGenerator<AppliedRecord, void, undefined> {
    yield* this.manager.events(await this.idOf(session), options);
  }

  async flush(session: string): Promise<number> {
    return this.storage.flush(await this.idOf(session));
  }

  private async idOf(session: string): Promise<string> {
    const id = isSessionId(session) ? session : await this.storage.find(session);
    if (id === null) throw unknownSession(session);
    return id;
  }
}

export type { CreatedSession, CreateOptions } from './flow/create-session.ts';
export { FileStorage, type FileStorageOptions } from './library/file-storage.ts';
export { GitRefStorage, type GitRefStorageOptions } from './library/git-ref-storage.ts';
export { MemoryStorage } from './library/memory-storage.ts';
export type { ObserverFailure, ObserverFunction, SessionObserver } from './library/observers.ts';
export {
  type CheckpointOptions,
  type EventsOptions,
  type ManagerOptions,
  type NewSession,
  type SessionInfo,
  SessionManager,
} from './library/session-manager.ts';
export type { SessionStorage, StoredSession, WantedEvents } from './library/storage.ts';
export type { Problem, Verification } from './library/verify.ts';
export { decodeSnapshot, encodeSnapshot } from './session/codec.ts';
export * from './session/errors.ts';
export type { AppliedRecord as RecordedEvent } from './session/event-log.ts';
export {
  type EventData,
  type EventType,
  EVENTS,
  type IterationChanges,
  type SessionConfig,
  type SessionEvent,
  type SessionState,
  type SessionSummary,
  type StateName,
  STATES,
  TRANSITIONS,
} from './session/lifecycle.ts';
export type {
  PersistedSession,
  SessionCheckpoint,
  SessionHeader,
  TimestampedEvent,
} from './session/persisted.ts';
export type { ExecutedCommand, Iteration, Progress as SessionProgress } from './session/progress.ts';
export type { Crq, GitFacts, Snapshot, State, TmuxPane, TmuxSession, TmuxWindow } from './session/schema.ts';
export type { Text } from './session/text.ts';
export type { StoredSnapshot } from './store/sessions.ts';
export { VERSION } from './version.ts';
