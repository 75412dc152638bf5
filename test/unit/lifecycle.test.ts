import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { fold, type LogRecord } from '../../src/session/event-log.ts';
import { parseEvent } from '../../src/session/event-schema.ts';
import {
  allowedEvents,
  EVENTS,
  type EventData,
  type EventType,
  INITIAL,
  isFinal,
  type SessionEvent,
  type SessionState,
  type StateName,
  STATES,
  transition,
  TRANSITIONS,
} from '../../src/session/lifecycle.ts';
import { refusedEvent } from '../../src/session/refused-event.ts';

const summary = { iterations: 1, filesChanged: 2, commits: 3, commands: 4, successRate: 0.5, durationMs: 6 };
const changes = { filesModified: ['a'], linesAdded: 1, linesRemoved: 2, commandsRun: [], gitCommits: [] };

const BEFORE: Record<StateName, SessionState> = {
  created: { name: 'created' },
  running: { name: 'running', iteration: 3 },
  paused: { name: 'paused', reason: 'lunch', iteration: 3 },
  completed: { name: 'completed', summary },
  failed: { name: 'failed', error: 'broken' },
};

const DATA: EventData = {
  started: {},
  'iteration-started': { number: 4 },
  'iteration-completed': { number: 4, changes },
  'analysis-completed': { results: { any: [1] } },
  'command-executed': { command: 'false', success: false, exitCode: 1, durationMs: 10 },
  paused: { reason: 'night' },
  resumed: {},
  completed: { summary },
  failed: { error: 'worse' },
  'checkpoint-saved': { snapshot: 'a/b', iteration: 3, state: 'running', resumable: true, message: '' },
  deleted: {},
};

function event(type: EventType): SessionEvent {
  return { type, data: DATA[type] } as SessionEvent;
}

const same = 'same';
/** Written down a second time, by hand, from requirements L2 to L6: what is not here is refused. */
const EXPECTED: Record<StateName, Partial<Record<EventType, SessionState | typeof same>>> = {
  created: {
    started: { name: 'running', iteration: 0 },
    failed: { name: 'failed', error: 'worse' },
    'command-executed': same,
    'checkpoint-saved': same,
    deleted: same,
  },
  running: {
    'iteration-started': { name: 'running', iteration: 4 },
    'iteration-completed': same,
    'analysis-completed': same,
    'command-executed': same,
    paused: { name: 'paused', reason: 'night', iteration: 3 },
    completed: { name: 'completed', summary },
    failed: { name: 'failed', error: 'worse' },
    'checkpoint-saved': same,
    deleted: same,
  },
  paused: {
    'analysis-completed': same,
    'command-executed': same,
    resumed: { name: 'running', iteration: 3 },
    completed: { name: 'completed', summary },
    failed: { name: 'failed', error: 'worse' },
    'checkpoint-saved': same,
    deleted: same,
  },
  completed: { 'checkpoint-saved': same, deleted: same },
  failed: { 'checkpoint-saved': same, deleted: same },
};

const PAIRS = STATES.flatMap((from) => EVENTS.map((type) => ({ from, type, to: EXPECTED[from][type] })));

describe('L3 L4 L5 the state machine, all pairs of a state and an event', () => {
  it('are 5 states by 11 events', () => {
    expect(PAIRS.length).toBe(55);
    expect(PAIRS.filter(({ to }) => to !== undefined).length).toBe(25);
  });

  it.each(PAIRS.filter(({ to }) => to === undefined))('$from refuses $type', ({ from, type }) => {
    expect(transition(BEFORE[from], event(type))).toBeNull();
    expect(TRANSITIONS[from][type]).toBeUndefined();
    expect(allowedEvents(from)).not.toContain(type);
  });

  it.each(PAIRS.filter(({ to }) => to !== undefined))('$from takes $type', ({ from, type, to }) => {
    const after = transition(BEFORE[from], event(type));
    expect(after).toEqual(to === same ? BEFORE[from] : to);
    // The table says where it leads, and the function goes there.
    expect(TRANSITIONS[from][type]).toBe(after!.name);
    expect(allowedEvents(from)).toContain(type);
  });

  it.each(STATES)('a refused event leaves %s as it is', (from) => {
    const before = structuredClone(BEFORE[from]);
    for (const type of EVENTS) transition(before, event(type));
    expect(before).toEqual(BEFORE[from]);
  });
});

describe('the rules behind the table', () => {
  it('L2 a session begins in created', () => {
    expect(INITIAL).toEqual({ name: 'created' });
    expect(fold([])).toEqual({ state: INITIAL, applied: [] });
  });

  it('L3 running is entered from created and paused only', () => {
    const from = PAIRS.filter(
      ({ from, type }) => TRANSITIONS[from][type] === 'running' && from !== 'running',
    );
    expect(from.map(({ from, type }) => `${from} ${type}`)).toEqual(['created started', 'paused resumed']);
  });

  it('L4 nothing leads out of completed and failed', () => {
    expect(STATES.filter(isFinal)).toEqual(['completed', 'failed']);
    for (const name of ['completed', 'failed'] as const) {
      expect(Object.values(TRANSITIONS[name]).every((to) => to === name)).toBe(true);
    }
  });

  it('L5 as many events as steps: an event that is refused takes no step', () => {
    const types: EventType[] = ['started', 'iteration-started', 'started', 'completed', 'failed', 'paused'];
    const records = types.map((type, i): LogRecord => ({
      ...{ version: 1, session: 's', clone: 'c', sequence: i + 1, clock: i + 1, at: '', event: event(type) },
    }));
    const { state, applied } = fold(records);
    expect(applied.map((r) => r.applied)).toEqual([true, true, false, true, false, false]);
    expect(state).toEqual({ name: 'completed', summary });
  });

  it('L6 each event has the data that is promised, and no other passes', () => {
    for (const type of EVENTS) {
      expect(parseEvent(type, DATA[type])).toEqual(event(type));
      expect(parseEvent(type, null)).toBeNull();
    }
    expect(parseEvent('begun', {})).toBeNull();
    expect(parseEvent('paused', { reason: 5 })).toBeNull();
    expect(parseEvent('iteration-started', { number: -1 })).toBeNull();
  });
});

describe('L14 the state machine knows nobody who runs a session', () => {
  const root = path.resolve(import.meta.dirname, '../../src');

  /** All files that a file imports, also lazily, and what these import. */
  function reached(file: string, found = new Map<string, string[]>()): Map<string, string[]> {
    if (found.has(file)) return found;
    const text = readFileSync(file, 'utf8');
    const named = Array.from(
      text.matchAll(/(?:\bfrom|\bimport\(?|\brequire\()\s*['"]([^'"]+)['"]/gu),
      (m) => m[1]!,
    );
    found.set(file, named);
    for (const name of named.filter((n) => n.startsWith('.'))) {
      reached(path.resolve(path.dirname(file), name), found);
    }
    return found;
  }

  it.each(['lifecycle.ts', 'progress.ts', 'event-log.ts', 'event-schema.ts', 'state-diagram.ts'])(
    'src/session/%s reaches no tmux, git, command line or process',
    (name) => {
      const found = reached(path.join(root, 'session', name));
      expect([...found.keys()].every((file) => existsSync(file))).toBe(true);
      const outside = [...found.keys()].filter((file) => path.dirname(file) !== path.join(root, 'session'));
      expect(outside).toEqual([]);
      const packages = new Set([...found.values()].flat().filter((n) => !n.startsWith('.')));
      const pure = ['node:crypto', 'json-canonicalize', 'valibot'];
      expect([...packages].filter((n) => !pure.includes(n))).toEqual([]);
    },
  );
});

describe('L3 V7: a refused event says what to type', () => {
  it.each([
    ['created', 'git session start'],
    ['running', 'git session pause'],
    ['paused', 'git session resume'],
    ['completed', 'git session create'],
    ['failed', 'git session create'],
  ] as const)('%s: %s', (state, hint) => {
    const error = refusedEvent("bob's", state, 'iteration-started');
    expect([error.code, error.exit]).toEqual(['invalid-transition', 1]);
    expect(error.hints.join('\n')).toContain(hint);
    expect(error.data).toMatchObject({ state, event: 'iteration-started', allowed: allowedEvents(state) });
    if (state === 'paused') expect(error.hints).toEqual(["go on with it: git session resume 'bob'\\''s'"]);
  });
});
