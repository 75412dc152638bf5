import { readForegrounds, type Foreground, type ReadyTarget } from './foreground.ts';
import type { ShellKind } from './shell-kind.ts';
import { readCanonical } from './termios.ts';

export type { ReadyTarget } from './foreground.ts';

/** A shell that reads its next line from the pane's terminal. */
export interface ReadyShell {
  pid: number;
  kind: ShellKind;
}

export interface NotReady<T> {
  pane: T;
  /** `gone`: the pane's process ended while we waited. */
  reason: 'timeout' | 'gone' | 'aborted';
}

export interface WaitOptions<T> {
  /** For each pane from the moment it is waited for, in milliseconds. */
  timeoutMs: number;
  signal?: AbortSignal;
  /**
   * Called once for each pane as it becomes ready. What it returns is waited for next, with a new timeout: for nested
   * shells, the same pane with `previousShell`. An exception ends the wait and is passed on.
   */
  onReady: (pane: T, shell: ReadyShell) => T | undefined;
  probe?: Probe;
}

/** What the wait asks of the system; replaced in tests. */
export interface Probe {
  foregrounds: (panes: readonly ReadyTarget[]) => Promise<ReadonlyMap<string, Foreground>>;
  /** By tty: true in canonical mode. */
  canonical: (ttys: readonly string[]) => Promise<ReadonlyMap<string, boolean>>;
  /** Milliseconds on a monotonic clock. */
  now: () => number;
  sleep: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** First and longest pause between two looks, in milliseconds. A pane that becomes ready makes it short again. */
const FIRST_PAUSE = 5;
const LONGEST_PAUSE = 50;

const system: Probe = {
  foregrounds: readForegrounds,
  canonical: readCanonical,
  now: () => performance.now(),
  sleep,
};

/**
 * Of the given panes, those whose shell can be typed into now, by pane id: a sleeping interactive shell leads the
 * terminal, and a line editor has taken the terminal out of canonical mode. dash has no line editor: there the shell
 * must sleep in the terminal's read. A `read` in a start-up file can't be told from a prompt.
 */
export async function readyShells(
  panes: readonly ReadyTarget[],
  probe: Probe = system,
): Promise<Map<string, ReadyShell>> {
  return (await look(panes, probe)).ready;
}

/** Waits until each pane's shell is ready and returns those that never were. See `readyShells`. */
export async function waitReady<T extends ReadyTarget>(
  panes: readonly T[],
  { timeoutMs, signal, onReady, probe = system }: WaitOptions<T>,
): Promise<NotReady<T>[]> {
  const failed: NotReady<T>[] = [];
  let waiting = panes.map((pane) => ({ pane, deadline: probe.now() + timeoutMs }));
  for (let pause = FIRST_PAUSE; waiting.length > 0;) {
    if (signal?.aborted)
      return [...failed, ...waiting.map(({ pane }) => ({ pane, reason: 'aborted' as const }))];
    const { ready, gone } = await look(
      waiting.map(({ pane }) => pane),
      probe,
    );
    const next: typeof waiting = [];
    for (const entry of waiting) {
      const { pane, deadline } = entry;
      const shell = ready.get(pane.paneId);
      const again = shell && !signal?.aborted ? onReady(pane, shell) : undefined;
      if (again) next.push({ pane: again, deadline: probe.now() + timeoutMs });
      if (shell) continue;
      if (gone.has(pane.paneId)) failed.push({ pane, reason: 'gone' });
      else if (probe.now() >= deadline) failed.push({ pane, reason: 'timeout' });
      else next.push(entry);
    }
    waiting = next;
    if (waiting.length === 0) break;
    pause = ready.size > 0 ? FIRST_PAUSE : Math.min(pause * 1.5, LONGEST_PAUSE);
    await probe.sleep(pause, signal);
  }
  return failed;
}

async function look(
  panes: readonly ReadyTarget[],
  probe: Probe,
): Promise<{ ready: Map<string, ReadyShell>; gone: Set<string> }> {
  const before = await probe.foregrounds(panes);
  const ready = new Map<string, ReadyShell>();
  const gone = new Set<string>();
  const undecided: ReadyTarget[] = [];
  for (const pane of panes) {
    const found = before.get(pane.paneId);
    if (found?.state === 'gone') gone.add(pane.paneId);
    if (found?.state !== 'shell') continue;
    if (found.ready) ready.set(pane.paneId, { pid: found.pid, kind: found.kind });
    else undecided.push(pane);
  }
  if (undecided.length === 0) return { ready, gone };
  const canonical = await probe.canonical(undecided.map((pane) => pane.tty));
  const raw = undecided.filter((pane) => canonical.get(pane.tty) === false);
  // A program that the shell has started meanwhile may be what left canonical mode.
  const after = await probe.foregrounds(raw);
  for (const { paneId } of raw) {
    const [was, is] = [before.get(paneId), after.get(paneId)];
    if (was?.state !== 'shell' || is?.state !== 'shell' || was.pid !== is.pid) continue;
    ready.set(paneId, { pid: is.pid, kind: is.kind });
  }
  return { ready, gone };
}

async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
