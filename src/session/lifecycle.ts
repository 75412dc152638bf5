/**
 * The life of a session as one table. The state is what the events so far make of `created`; nothing else holds it.
 * No code here knows who runs a session, or where its events are kept.
 */
export const STATES = ['created', 'running', 'paused', 'completed', 'failed'] as const;
export type StateName = (typeof STATES)[number];

export const EVENTS = [
  'started',
  'iteration-started',
  'iteration-completed',
  'analysis-completed',
  'command-executed',
  'paused',
  'resumed',
  'completed',
  'failed',
  'checkpoint-saved',
  'deleted',
] as const;
export type EventType = (typeof EVENTS)[number];

/** Computed from git and from the commands that were executed, between the start and the end of an iteration. */
export interface IterationChanges {
  /** Paths from the top of the worktree; bytes that are not UTF-8 are shown escaped. */
  filesModified: string[];
  linesAdded: number;
  linesRemoved: number;
  commandsRun: string[];
  /** Full ids, the oldest first. */
  gitCommits: string[];
}

/** What a session has come to, when it is completed. */
export interface SessionSummary {
  iterations: number;
  filesChanged: number;
  commits: number;
  commands: number;
  /** Of the commands, those with exit code 0; 1 where there were none. */
  successRate: number;
  /** Milliseconds in which it ran. */
  durationMs: number;
}

export interface SessionConfig {
  /** The directory that it works in. */
  projectPath: string;
  /** A file that says what is to be done; its name only, we read none. */
  workflow: string | null;
  mode: 'direct' | 'worktree';
  /** Name of the worktree where the mode is that. */
  worktree: string | null;
  maxIterations: number | null;
  focus: string | null;
  failFast: boolean;
  autoMerge: boolean;
  collectMetrics: boolean;
  verbose: boolean;
}

/** What each event carries. */
export interface EventData {
  started: { config?: SessionConfig; name?: string; parent?: string };
  /** `head`: the commit; `base`: a commit of the tracked files as they are, where they differ from it. */
  'iteration-started': { number: number; head?: string | null; base?: string | null };
  'iteration-completed': { number: number; changes: IterationChanges };
  'analysis-completed': { results: unknown };
  'command-executed': {
    command: string;
    success: boolean;
    exitCode: number | null;
    durationMs: number | null;
  };
  paused: { reason: string };
  resumed: Record<string, never>;
  completed: { summary: SessionSummary };
  failed: { error: string };
  'checkpoint-saved': {
    snapshot: string;
    iteration: number;
    state: StateName;
    resumable: boolean;
    message: string;
    /** The snapshot that a rollback went to; this one was taken before it. */
    rollbackTo?: string;
  };
  deleted: Record<string, never>;
}

export type SessionEvent = { [T in EventType]: { type: T; data: EventData[T] } }[EventType];

export type SessionState =
  | { name: 'created' }
  /** `iteration` is 0 before the first one. */
  | { name: 'running'; iteration: number }
  | { name: 'paused'; reason: string; iteration: number }
  | { name: 'completed'; summary: SessionSummary }
  | { name: 'failed'; error: string };

/** Where each event leads from each state; what is not here is refused. `completed` and `failed` are final. */
export const TRANSITIONS: Readonly<Record<StateName, Readonly<Partial<Record<EventType, StateName>>>>> = {
  created: {
    started: 'running',
    'command-executed': 'created',
    failed: 'failed',
    'checkpoint-saved': 'created',
    deleted: 'created',
  },
  running: {
    'iteration-started': 'running',
    'iteration-completed': 'running',
    'analysis-completed': 'running',
    'command-executed': 'running',
    paused: 'paused',
    completed: 'completed',
    failed: 'failed',
    'checkpoint-saved': 'running',
    deleted: 'running',
  },
  paused: {
    'analysis-completed': 'paused',
    'command-executed': 'paused',
    resumed: 'running',
    completed: 'completed',
    failed: 'failed',
    'checkpoint-saved': 'paused',
    deleted: 'paused',
  },
  completed: { 'checkpoint-saved': 'completed', deleted: 'completed' },
  failed: { 'checkpoint-saved': 'failed', deleted: 'failed' },
};

export const INITIAL: SessionState = { name: 'created' };

export function isFinal(name: StateName): boolean {
  return name === 'completed' || name === 'failed';
}

/** The state after an event; null where the event is not allowed in this state. */
export function transition(state: SessionState, event: SessionEvent): SessionState | null {
  const to = TRANSITIONS[state.name][event.type];
  if (to === undefined) return null;
  const iteration = 'iteration' in state ? state.iteration : 0;
  switch (event.type) {
    case 'started':
    case 'resumed':
      return { name: 'running', iteration };
    case 'iteration-started':
      return { name: 'running', iteration: event.data.number };
    case 'paused':
      return { name: 'paused', reason: event.data.reason, iteration };
    case 'completed':
      return { name: 'completed', summary: event.data.summary };
    case 'failed':
      return { name: 'failed', error: event.data.error };
    case 'iteration-completed':
    case 'analysis-completed':
    case 'command-executed':
    case 'checkpoint-saved':
    case 'deleted':
      return state;
  }
}

/** The events that a state takes, in the order of the table's columns. */
export function allowedEvents(name: StateName): EventType[] {
  return EVENTS.filter((type) => TRANSITIONS[name][type] !== undefined);
}
