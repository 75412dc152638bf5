import { describe, expect, it } from 'vitest';
import { fold, type LogRecord } from '../../src/session/event-log.ts';
import type { SessionConfig, SessionEvent } from '../../src/session/lifecycle.ts';
import { configOf, progressOf, summaryOf } from '../../src/session/progress.ts';

const T0 = Date.parse('2026-11-21T10:00:00.000Z');
const MINUTE = 60_000;

const config: SessionConfig = {
  ...{ projectPath: '/src', workflow: null, mode: 'direct', worktree: null, maxIterations: 5, focus: null },
  ...{ failFast: false, autoMerge: false, collectMetrics: false, verbose: false },
};
const started: SessionEvent = { type: 'started', data: { config } };
const resumed: SessionEvent = { type: 'resumed', data: {} };
const paused: SessionEvent = { type: 'paused', data: { reason: 'lunch' } };

function begin(number: number): SessionEvent {
  return { type: 'iteration-started', data: { number } };
}

function end(number: number, files: string[], commits: string[] = []): SessionEvent {
  const changes = {
    filesModified: files,
    linesAdded: 3,
    linesRemoved: 1,
    commandsRun: [],
    gitCommits: commits,
  };
  return { type: 'iteration-completed', data: { number, changes } };
}

function command(text: string, exitCode: number, durationMs: number | null): SessionEvent {
  return { type: 'command-executed', data: { command: text, success: exitCode === 0, exitCode, durationMs } };
}

/** Events with the minute in which they happened; by other clones, other processes, whatever. */
function log(...events: [minute: number, event: SessionEvent][]) {
  const records = events.map(([minute, event], i): LogRecord => {
    const clock = T0 + minute * MINUTE;
    const at = new Date(clock).toISOString();
    return { version: 1, session: 's', clone: 'c', sequence: i + 1, clock, at, event };
  });
  return fold(records).applied;
}

const at = (minute: number) => T0 + minute * MINUTE;

describe('the progress of a session', () => {
  it('its options are those of the start that counted', () => {
    const again: SessionEvent = { type: 'started', data: { config: { ...config, maxIterations: 9 } } };
    for (const records of [[], log([0, paused], [1, started], [2, again]), log([0, started], [1, paused])]) {
      expect(configOf(records)).toEqual(records.length === 0 ? null : config);
      expect(configOf(records)).toEqual(progressOf(records, at(3)).config);
    }
  });

  it('P1 has the state, the iterations, the files, the commands, the duration and the phase', () => {
    const records = log(
      [0, started],
      [1, begin(1)],
      [2, command('make', 0, 1500)],
      [3, command('make test', 2, null)],
      [4, end(1, ['b.ts', 'a.ts'], ['c1'])],
      [5, begin(2)],
      [6, end(2, ['a.ts', 'c.ts'], ['c2', 'c3'])],
      [7, begin(3)],
    );
    const progress = progressOf(records, at(10));
    expect(progress).toMatchObject({
      state: { name: 'running', iteration: 3 },
      config,
      iterationsCompleted: 2,
      totalIterations: 5,
      filesChanged: ['a.ts', 'b.ts', 'c.ts'],
      commits: ['c1', 'c2', 'c3'],
      durationMs: 10 * MINUTE,
      currentPhase: 'iteration 3',
    });
    expect(progress.iterations.map((i) => [i.number, i.changes?.filesModified ?? null])).toEqual([
      [1, ['b.ts', 'a.ts']],
      [2, ['a.ts', 'c.ts']],
      [3, null],
    ]);
    expect(progress.commandsExecuted).toEqual([
      { command: 'make', success: true, exitCode: 0, durationMs: 1500, at: '2026-11-21T10:02:00.000Z' },
      { command: 'make test', success: false, exitCode: 2, durationMs: null, at: '2026-11-21T10:03:00.000Z' },
    ]);
  });

  it('P1 of a session without events is nothing at all', () => {
    expect(progressOf([], at(5))).toEqual({
      ...{ state: { name: 'created' }, config: null, iterations: [], iterationsCompleted: 0 },
      ...{ totalIterations: null, filesChanged: [], commits: [], commandsExecuted: [] },
      ...{ durationMs: 0, currentPhase: null },
    });
  });

  it('P1 says the phase in words', () => {
    const phase = (...events: [number, SessionEvent][]) => progressOf(log(...events), at(9)).currentPhase;
    expect(phase([0, started])).toBeNull();
    expect(phase([0, started], [1, begin(1)])).toBe('iteration 1');
    expect(phase([0, started], [1, begin(1)], [2, end(1, [])])).toBe('after iteration 1');
    expect(phase([0, started], [1, paused])).toBe('paused: lunch');
    expect(phase([0, started], [1, { type: 'failed', data: { error: 'x' } }])).toBeNull();
  });

  it('P1 counts an event that came too late not at all', () => {
    const records = log(
      [0, started],
      [2, { type: 'failed', data: { error: 'x' } }],
      [3, begin(1)],
      [4, end(1, ['a'])],
      [5, command('make', 0, 1)],
      [6, started],
    );
    expect(progressOf(records, at(60))).toMatchObject({
      ...{ iterations: [], filesChanged: [], commandsExecuted: [], durationMs: 2 * MINUTE },
      state: { name: 'failed', error: 'x' },
    });
  });

  it('P1 takes an end without a beginning as an iteration of its own', () => {
    const { iterations, iterationsCompleted } = progressOf(log([0, started], [1, end(7, ['a'])]), at(2));
    expect(iterations.map((i) => i.number)).toEqual([7]);
    expect(iterationsCompleted).toBe(1);
  });

  it('P12 the duration is that of the events, whichever process looks, and pauses do not count', () => {
    const records = log([0, started], [10, paused], [70, resumed], [75, paused], [80, resumed]);
    expect(progressOf(records.slice(0, 1), at(4)).durationMs).toBe(4 * MINUTE);
    expect(progressOf(records.slice(0, 2), at(500)).durationMs).toBe(10 * MINUTE);
    expect(progressOf(records, at(81)).durationMs).toBe(16 * MINUTE);
    // Read again from bytes by another process, days later: it goes on, and never begins anew.
    const again = fold(JSON.parse(JSON.stringify(records)) as LogRecord[]).applied;
    expect(progressOf(again, at(81)).durationMs).toBe(16 * MINUTE);
    expect(progressOf(again, at(5000)).durationMs).toBe((15 + 4920) * MINUTE);
  });

  it('P12 the duration of what has ended stays, and a clock that is behind takes nothing away', () => {
    const done: SessionEvent = {
      type: 'completed',
      data: { summary: summaryOf(progressOf(log([0, started]), at(3))) },
    };
    const records = log([0, started], [3, done]);
    expect(progressOf(records, at(3)).durationMs).toBe(3 * MINUTE);
    expect(progressOf(records, at(9000)).durationMs).toBe(3 * MINUTE);
    expect(progressOf(log([5, started]), at(1)).durationMs).toBe(0);
  });
});

describe('the summary', () => {
  it('P5 has iterations, files, commits, commands, the share of successes, and the duration', () => {
    const records = log(
      [0, started],
      [1, begin(1)],
      [2, end(1, ['a', 'b'], ['c1', 'c2'])],
      [3, begin(2)],
      [3, command('make', 0, 1)],
      [4, command('make', 0, 1)],
      [5, command('make', 1, 1)],
      [6, command('make', 0, 1)],
    );
    expect(summaryOf(progressOf(records, at(8)))).toEqual({
      ...{ iterations: 1, filesChanged: 2, commits: 2, commands: 4, successRate: 0.75 },
      durationMs: 8 * MINUTE,
    });
  });

  it('P5 without a command nothing has failed', () => {
    expect(summaryOf(progressOf([], at(0)))).toEqual({
      ...{ iterations: 0, filesChanged: 0, commits: 0, commands: 0, successRate: 1, durationMs: 0 },
    });
  });
});
