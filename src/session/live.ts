import type { SessionConfig, StateName } from './lifecycle.ts';
import { isSessionName } from './names.ts';
import { displayText, type Text } from './text.ts';

/** What is known of a live session beside what tmux tells. It lies in the repository and outlives tmux. */
export interface SessionRecord {
  version: 1;
  /** UUID; the tmux session carries it as `@git-session-id`. */
  id: string;
  name: string;
  /** `run`: ends with its command; `create`: holds shells; `adopt`: a tmux session that was there before. */
  kind: 'run' | 'create' | 'adopt';
  context: string;
  /** As it was given, also where a name can't hold it. */
  identifier: string;
  /** What `run` started: one word is a line for a shell; null for the user's shell. */
  argv: Text[] | null;
  /** Physical path on this machine. */
  cwd: Text;
  worktree: Text | null;
  branch: string | null;
  /** ISO 8601 UTC. */
  createdAt: string;
  metadata: Record<string, string>;
  historyLimit: number;
  /** For an assistant: free, and never read by us. */
  ai: boolean;
  /** What `create` was told of the session's life; not in older records. */
  config?: SessionConfig | undefined;
}

/** What the wrapper around a command has written down. Times are seconds since 1970. */
export interface JobStatus {
  /** `hangup`: the terminal went away (tmux ended, or the session was killed) while it ran. */
  state: 'running' | 'exited' | 'hangup';
  exitCode: number | null;
  start: number | null;
  end: number | null;
  pid: number | null;
  /** When that process started, in the unit of the system; tells it from a later one with its pid. */
  startTime: number | null;
  /** The process group of it and the command. */
  group: number | null;
}

/** How a person ended a session. */
export interface Ended {
  at: string;
  how: 'killed';
}

/** What a log has as the error of a session that a person has ended. */
export const KILLED = 'killed';

export const LIVE_STATUSES = [
  ...(['created', 'running', 'detached', 'paused', 'completed', 'failed', 'terminated'] as const),
];
export type LiveStatus = (typeof LIVE_STATUSES)[number];

/** What a session's own log says of its state, without all that only the whole log tells. */
export interface LoggedState {
  name: StateName;
  /** Why it paused or failed. */
  text: string | null;
  /** ISO 8601 UTC: since when; null for `created`. */
  at: string | null;
}

export interface LiveFacts {
  kind: SessionRecord['kind'];
  /** The tmux session is there. */
  alive: boolean;
  attachedClients: number;
  /** A client has been attached at some time. */
  wasAttached: boolean;
  job: JobStatus | null;
  /** The job says that it runs, and its process does. */
  jobRuns: boolean;
  ended: Ended | null;
  /** Null where it has no log; absent where nobody looked. */
  log?: LoggedState | null;
  /** A run's tmux session was brought back: what is in it now is not what the job tells of. */
  revived?: boolean;
}

export interface Judgement {
  status: LiveStatus;
  exitCode: number | null;
  /** Why it failed, where its exit code does not tell. */
  reason: string | null;
}

/** The status that people see. The exit status of a run's command decides; tmux may have gone meanwhile. */
export function judge(facts: LiveFacts): Judgement {
  const { kind, alive, ended } = facts;
  const revived = alive && facts.revived === true;
  // How the command of a run that was brought back went is in its log.
  const job = revived ? null : facts.job;
  const at = (status: LiveStatus, reason: string | null = null): Judgement => ({
    ...{ status, reason, exitCode: job?.exitCode ?? null },
  });
  if (job?.state === 'exited') return at(job.exitCode === 0 ? 'completed' : 'failed');
  const said = kind === 'run' ? null : endSaid(facts);
  if (said !== null) return at(said, said === 'failed' ? facts.log!.text : null);
  if (ended !== null && !alive) return at('terminated');
  if (kind === 'run' && !revived) {
    if (job === null) return alive ? at('running') : at('failed', 'it was never started');
    if (job.state === 'hangup') return at('failed', 'lost: its tmux session went away while it ran');
    if (!facts.jobRuns) return at('failed', 'lost: its process is gone and left no exit status');
    if (!alive) return at('running', 'its tmux session went away, and its process still runs');
  } else if (!alive) return at('terminated', 'its tmux session went away');
  if (facts.log?.name === 'paused') return at('paused', facts.log.text);
  // Without a log nobody has started it; what was adopted was there before.
  const isNew = facts.log === null || facts.log?.name === 'created';
  if (kind === 'create' && isNew) return at('created');
  return at(facts.attachedClients === 0 && facts.wasAttached ? 'detached' : 'running');
}

/**
 * The end that somebody has noted, of a session that no command decides. One that was killed may live again, and has its
 * own word where it does not.
 */
function endSaid({ log }: Pick<LiveFacts, 'log'>): 'completed' | 'failed' | null {
  if (log?.name === 'completed') return 'completed';
  return log?.name === 'failed' && log.text !== KILLED ? 'failed' : null;
}

/** It is not to come back by itself: its command has ended, or somebody has ended it. tmux may just have gone away. */
export function endedForGood(facts: Pick<LiveFacts, 'kind' | 'job' | 'ended' | 'log'>): boolean {
  const { kind, job, ended } = facts;
  if (ended !== null) return true;
  return kind === 'run' ? job?.state === 'exited' : endSaid(facts) !== null;
}

/** Its command is over: a tmux session with its id would be judged by that, whatever runs in it now. */
export function commandIsOver({ kind, job, jobRuns }: Pick<LiveFacts, 'kind' | 'job' | 'jobRuns'>): boolean {
  return kind === 'run' && job !== null && !jobRuns;
}

/** `<prefix>-<context>-<identifier>-<YYYYMMDDHHMMSS>` in UTC, all of it fit for tmux, git and file names. */
export function runName(prefix: string, context: string, identifier: string, at: Date): string {
  const time = at.toISOString().replace(/\D/gu, '').slice(0, 14);
  const head = slug(prefix, 20);
  const fixed = [head, slug(context, 30)].filter((part) => part !== '');
  // A name has at most 100 characters.
  const name = [...fixed, slug(identifier, 40) || 'session', time].join('-');
  return isSessionName(name) ? name : `gs-${name}`;
}

/** What the window of a run is called: its program, also behind variables that a line for a shell sets first. */
export function windowName({ argv, identifier }: Pick<SessionRecord, 'argv' | 'identifier'>): string {
  const [first, ...rest] = (argv ?? []).map(displayText);
  const line = (first ?? '').replace(/^[({!\s]*(?:[A-Za-z_]\w*=\S*\s+)*/u, '');
  const word = rest.length > 0 ? first! : (line.split(/\s/u)[0] ?? '');
  const program = word
    .split('/')
    .at(-1)!
    .replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}+]+$/gu, '');
  return [...(program || identifier)].slice(0, 30).join('');
}

/** Letters, digits, `_` and `-`: what tmux leaves as it is. */
export function slug(text: string, length: number): string {
  return text
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9_]+/gu, '-')
    .slice(0, length)
    .replace(/^-+|-+$/gu, '');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u;

export function isSessionId(text: string): boolean {
  return UUID.test(text);
}

/** What a session can be called by. */
export interface Candidate {
  id: string | null;
  /** tmux's id, where it is alive. */
  tmuxId: string | null;
  names: readonly string[];
}

/**
 * The sessions that a word on the command line means (design.md section 9): one that is called exactly so;
 * else, with `*` or `?` in it, all that the pattern covers; else all that have it somewhere in a name. Ids count
 * as exact, also their first characters (four or more).
 */
export function matchSessions<T extends Candidate>(all: readonly T[], pattern: string): T[] {
  // A variable that was never set is in every name: `kill "$name"` would end the only session (attack A14).
  if (pattern === '') return [];
  const exact = all.filter((c) => c.id === pattern || c.tmuxId === pattern || c.names[0] === pattern);
  if (exact.length > 0) return exact;
  const named = all.filter((c) => c.names.includes(pattern));
  if (named.length > 0) return named;
  if (/^[0-9a-f-]{4,36}$/u.test(pattern)) {
    const byId = all.filter((c) => c.id?.startsWith(pattern) === true);
    if (byId.length > 0) return byId;
  }
  if (/[*?]/u.test(pattern)) {
    const covers = globMatcher(pattern);
    return all.filter((c) => c.names.some(covers));
  }
  return all.filter((c) => c.names.some((n) => n.includes(pattern)));
}

export function isGlob(pattern: string): boolean {
  return /[*?]/u.test(pattern);
}

export function globMatcher(pattern: string): (name: string) => boolean {
  const source = pattern.replace(/[\\^$.*+?()[\]{}|/]/gu, (c) =>
    c === '*' ? '.*' : c === '?' ? '.' : `\\${c}`,
  );
  const expression = new RegExp(`^${source}$`, 'su');
  return (name) => expression.test(name);
}
