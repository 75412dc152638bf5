import { setMaxListeners } from 'node:events';
import { SessionError, SessionFailedError } from '../session/errors.ts';
import { isGlob, type LiveStatus } from '../session/live.ts';
import { type LiveView, openLive, readLiveWorld } from './live.ts';
import { matching, noSession, oneSession } from './one-session.ts';
import { noStatus, waitForEnd, wentAway } from './run.ts';
import type { Workspace } from './workspace.ts';

export interface Waited {
  id: string | null;
  name: string;
  kind: 'run' | 'create' | 'adopt' | null;
  /** `running` where the time was up before. */
  status: LiveStatus;
  exitCode: number | null;
  /** Why there is no exit code, where there should be one. */
  error: SessionError | null;
}

/** Milliseconds between two looks at tmux; one look is for all sessions that are waited for. */
const LOOK_EVERY = 500;

/** Waits until all these sessions have ended: the command of a `run`, the tmux session of others. */
export async function waitForSessions(
  words: readonly string[],
  timeoutMs: number | null,
): Promise<{ waited: Waited[]; timedOut: boolean }> {
  const { ws, world } = await openLive();
  const views = new Set<LiveView>();
  for (const word of words) {
    const found = isGlob(word) ? await matching(ws, world, word) : [await oneSession(ws, world, word)];
    for (const view of found) {
      if (view === null) throw noSession(word);
      views.add(view);
    }
    if (found.length === 0) throw noSession(word);
  }
  const stop = new AbortController();
  // Each session that is waited for listens.
  setMaxListeners(0, stop.signal);
  const timer =
    timeoutMs === null ? undefined : setTimeout(() => stop.abort(), Math.min(timeoutMs, 2 ** 31 - 1));
  const looks = new Looks(ws, stop.signal);
  try {
    const waited = await Promise.all([...views].map((view) => waitFor(view, looks, stop.signal)));
    return { waited, timedOut: waited.some((w) => isGoing(w.status)) };
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

function isGoing(status: LiveStatus): boolean {
  return !['completed', 'failed', 'terminated'].includes(status);
}

async function waitFor(view: LiveView, looks: Looks, signal: AbortSignal): Promise<Waited> {
  const { id, name, stored, judgement } = view;
  const kind = stored?.record.kind ?? null;
  const at = (
    status: LiveStatus,
    exitCode: number | null = null,
    error: SessionError | null = null,
  ): Waited => ({
    ...{ id, name, kind, status, exitCode, error },
  });
  if (judgement !== null && !isGoing(judgement.status)) {
    const error = problemOf(view);
    return at(judgement.status, error === null ? judgement.exitCode : null, error);
  }
  if (kind !== 'run') return at((await looks.untilGone(view)) ? 'terminated' : 'running');
  try {
    const job = await waitForEnd(stored!, signal);
    if (job === null) return at('running');
    if (job.state === 'hangup') return at('failed', null, wentAway(stored!));
    return at(job.state === 'exited' && job.exitCode === 0 ? 'completed' : 'failed', job.exitCode);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return at('failed', null, error);
  }
}

/** Why there is no exit code of the command of a run that has ended. */
function problemOf({ name, stored, job }: LiveView): SessionError | null {
  if (stored === null || stored.record.kind !== 'run' || job?.state === 'exited') return null;
  if (job === null) return new SessionFailedError(`the command of '${name}' was never started`);
  return job.state === 'hangup' ? wentAway(stored) : noStatus(stored, job);
}

/** Looks at tmux from time to time, once for all who want to know. */
class Looks {
  private readonly ws: Workspace;
  private readonly signal: AbortSignal;
  private next: Promise<LiveView[]> | null = null;

  constructor(ws: Workspace, signal: AbortSignal) {
    this.ws = ws;
    this.signal = signal;
  }

  /** False where the time was up before. A session that was made anew under its name or id is another one. */
  async untilGone({ tmux }: LiveView): Promise<boolean> {
    while (!this.signal.aborted) {
      this.next ??= this.look();
      const views = await this.next;
      if (!views.some((v) => v.tmux?.id === tmux!.id && v.tmux.createdAt === tmux!.createdAt)) return true;
    }
    return false;
  }

  private async look(): Promise<LiveView[]> {
    await new Promise<void>((resolve) => {
      const { signal } = this;
      const timer = setTimeout(done, LOOK_EVERY);
      signal.addEventListener('abort', done);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
    });
    const { views, problem } = await readLiveWorld(this.ws.repo, this.ws.tmux);
    this.next = null;
    // A server that ends may be met while it does so.
    if (problem !== null && problem.code !== 'server-gone') throw problem;
    return views;
  }
}
