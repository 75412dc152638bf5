import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventDataJson, stateJson } from '../session/event-json.ts';
import type { AppliedRecord } from '../session/event-log.ts';
import { type SessionState, transition } from '../session/lifecycle.ts';
import { type SettingSource, setting } from '../session/settings.ts';
import { splitWords } from '../tmux/syntax.ts';
import { warnings } from './warnings.ts';

/** What the program of `session.onEvent` is told of a session. */
export interface Observed {
  id: string;
  name: string;
}

/** An observer that takes longer than this keeps later events no more. */
const PATIENCE_MS = 30_000;

interface Queue {
  command: string;
  session: Observed;
  lines: string[];
  /** One process at a time, so that it gets the events of this process in their order. */
  busy: boolean;
}

const queues = new Map<string, Queue>();

/**
 * Tells the program of `session.onEvent`, which is of the user's configuration and never of a snapshot, what was
 * appended to a session's log: one line of JSON for each event, in their order. It runs on its own: its input is a file
 * without a name, so that nobody waits for it to read, and nobody sees how it ends. `before` is the state that the
 * first of these events found.
 */
export function observe(
  config: SettingSource,
  session: Observed,
  records: readonly AppliedRecord[],
  before: SessionState,
): void {
  const command = records.length === 0 ? null : commandOf(config);
  if (command === null) return;
  const key = `${session.id} ${session.name} ${command}`;
  const queue = queues.get(key) ?? { command, session, lines: [], busy: false };
  queues.set(key, queue);
  let state = before;
  for (const { clone, sequence, clock, at, event } of records) {
    state = transition(state, event) ?? state;
    const told = {
      ...{ session: session.id, name: session.name, clone, sequence, clock, at },
      ...{ type: event.type, data: eventDataJson(event), state: stateJson(state) },
    };
    queue.lines.push(`${JSON.stringify(told)}\n`);
  }
  if (queue.busy) watchEnd();
  else next(key, queue);
}

/** A setting that can't be used stops no command that has done its work. */
function commandOf(config: SettingSource): string | null {
  try {
    return setting(config, 'onEvent');
  } catch (error) {
    warnings.tell((error as Error).message);
    return null;
  }
}

function next(key: string, queue: Queue): void {
  if (queue.lines.length === 0) {
    queues.delete(key);
    return;
  }
  queue.busy = true;
  let over = false;
  const goOn = () => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    queue.busy = false;
    next(key, queue);
  };
  const timer = setTimeout(goOn, PATIENCE_MS).unref();
  start(queue, goOn);
}

function start(queue: Queue, ended: () => void): void {
  const { command, session } = queue;
  const lines = queue.lines.splice(0);
  const fail = (error: Error) => {
    warnings.tell(`session.onEvent: '${command}' can't be started: ${error.message}`);
    ended();
  };
  let input: number | null = null;
  try {
    input = nameless(lines.join(''));
    const [program = '', ...args] = splitWords(command) ?? [];
    const child = spawn(program, args, {
      detached: true,
      stdio: [input, 'ignore', 'ignore'],
      env: { ...process.env, GIT_SESSION_ID: session.id, GIT_SESSION_NAME: session.name },
    });
    child.on('error', fail).on('exit', ended);
    child.unref();
  } catch (error) {
    fail(error as Error);
  } finally {
    if (input !== null) closeSync(input);
  }
}

/** Written at its own place, so that who gets the descriptor reads from the beginning. */
function nameless(text: string): number {
  const file = path.join(tmpdir(), `gs-event-${randomUUID()}`);
  const fd = openSync(file, 'wx+', 0o600);
  unlinkSync(file);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, at);
  return fd;
}

let watching = false;

/** What still waits when this process ends is told without waiting. */
function watchEnd(): void {
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const queue of queues.values()) if (queue.lines.length > 0) start(queue, () => undefined);
  });
}
