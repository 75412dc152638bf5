import * as fc from 'fast-check';
import { encodeRecord, type LogRecord } from '../../src/session/event-log.ts';
import type { EventData, EventType, SessionEvent } from '../../src/session/lifecycle.ts';

export const SESSION = '11111111-1111-4111-8111-111111111111';
export const OTHER_SESSION = '22222222-2222-4222-8222-222222222222';
export const STARTED: SessionEvent = { type: 'started', data: {} };

export function executed(command: string): SessionEvent {
  return { type: 'command-executed', data: { command, success: true, exitCode: 0, durationMs: 12 } };
}

/** A record of clone `a`, by its number. */
export function record(sequence: number, change: Partial<LogRecord> = {}): LogRecord {
  return {
    ...{ version: 1, session: SESSION, clone: 'a', sequence, clock: 1_795_000_000_000 + sequence },
    at: new Date(1_795_000_000_000 + (sequence % 1e9)).toISOString(),
    event: sequence === 1 ? STARTED : executed(`echo ${sequence}`),
    ...change,
  };
}

export function logOf(records: readonly LogRecord[]): Buffer {
  return Buffer.from(records.map((r) => encodeRecord(r)).join(''));
}

const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const line = fc.string({ unit: 'binary', maxLength: 200 });
const lines = fc.array(line, { maxLength: 4 });
const optional = { noNullPrototype: true };
const config = fc.record(
  {
    ...{ projectPath: line, workflow: fc.option(line), mode: fc.constantFrom('direct', 'worktree') },
    ...{ worktree: fc.option(line), maxIterations: fc.option(count), focus: fc.option(line) },
    ...{
      failFast: fc.boolean(),
      autoMerge: fc.boolean(),
      collectMetrics: fc.boolean(),
      verbose: fc.boolean(),
    },
  } as const,
  optional,
);

/** The data of each event, as the types have it. */
const data: { [T in EventType]: fc.Arbitrary<EventData[T]> } = {
  started: fc.record({ config, name: line, parent: line }, { ...optional, requiredKeys: [] }),
  'iteration-started': fc.record(
    { number: count, head: fc.option(line) },
    { ...optional, requiredKeys: ['number'] },
  ),
  'iteration-completed': fc.record(
    {
      number: count,
      changes: fc.record(
        {
          ...{ filesModified: lines, linesAdded: count, linesRemoved: count },
          ...{ commandsRun: lines, gitCommits: lines },
        },
        optional,
      ),
    },
    optional,
  ),
  'analysis-completed': fc.record(
    {
      results: fc
        .jsonValue({ maxDepth: 5, noUnicodeString: false })
        .map((v) => JSON.parse(JSON.stringify(v)) as unknown),
    },
    optional,
  ),
  'command-executed': fc.record(
    {
      ...{ command: line, success: fc.boolean(), durationMs: fc.option(count) },
      exitCode: fc.option(fc.maxSafeInteger().map((n) => n + 0)),
    },
    optional,
  ),
  paused: fc.record({ reason: line }, optional),
  resumed: fc.constant({}),
  completed: fc.record(
    {
      summary: fc.record(
        {
          ...{ iterations: count, filesChanged: count, commits: count, commands: count, durationMs: count },
          successRate: fc.double({ min: 0, max: 1, noNaN: true }).map((n) => n + 0),
        },
        optional,
      ),
    },
    optional,
  ),
  failed: fc.record({ error: line }, optional),
  'checkpoint-saved': fc.record(
    {
      ...{ snapshot: line, iteration: count, resumable: fc.boolean(), message: line },
      state: fc.constantFrom('created', 'running', 'paused', 'completed', 'failed'),
    } as const,
    optional,
  ),
  deleted: fc.constant({}),
};

export const anyEvent: fc.Arbitrary<SessionEvent> = fc.oneof(
  ...Object.entries(data).map(([type, arbitrary]) =>
    (arbitrary as fc.Arbitrary<object>).map((d) => ({ type, data: d }) as SessionEvent),
  ),
);

export const anyRecord: fc.Arbitrary<LogRecord> = fc.record(
  {
    version: fc.constant(1 as const),
    session: fc.uuid(),
    clone: fc.uuid(),
    sequence: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    clock: fc.integer({ min: 1, max: Date.UTC(9999, 11, 31) }),
    at: fc
      .date({ min: new Date(0), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
      .map((d) => d.toISOString()),
    event: anyEvent,
  },
  optional,
);
