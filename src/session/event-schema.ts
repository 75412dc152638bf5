import * as v from 'valibot';
import {
  type EventData,
  type EventType,
  EVENTS,
  type IterationChanges,
  type SessionEvent,
  STATES,
} from './lifecycle.ts';

/** What is longer is cut by who writes it: a path has at most 4096 bytes on Linux. */
export const MAX_LINE = 4096;
export const MAX_LINES = 10_000;

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Line = v.pipe(v.string(), v.maxLength(MAX_LINE));
const Lines = v.pipe(v.array(Line), v.maxLength(MAX_LINES));

export const ConfigSchema = v.object({
  projectPath: Line,
  workflow: v.nullable(Line),
  mode: v.picklist(['direct', 'worktree']),
  worktree: v.nullable(Line),
  maxIterations: v.nullable(Count),
  focus: v.nullable(Line),
  failFast: v.boolean(),
  autoMerge: v.boolean(),
  collectMetrics: v.boolean(),
  verbose: v.boolean(),
});

const SummarySchema = v.object({
  iterations: Count,
  filesChanged: Count,
  commits: Count,
  commands: Count,
  successRate: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  durationMs: Count,
});

const ChangesSchema = v.object({
  filesModified: Lines,
  linesAdded: Count,
  linesRemoved: Count,
  commandsRun: Lines,
  gitCommits: Lines,
});

/** Deeper than this is no result, but an attempt on whoever writes or compares it: those call themselves for each level. */
const MAX_DEPTH = 32;

function isShallow(value: unknown, depth = 0): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return true;
  return depth < MAX_DEPTH && Object.values(value).every((inner) => isShallow(inner, depth + 1));
}

/** What each event may carry. Other keys are left out: a later version may have more. */
const DATA = {
  started: v.object({
    config: v.optional(ConfigSchema),
    name: v.optional(Line),
    parent: v.optional(Line),
  }),
  'iteration-started': v.object({
    number: Count,
    head: v.optional(v.nullable(Line)),
    base: v.optional(v.nullable(Line)),
  }),
  'iteration-completed': v.object({ number: Count, changes: ChangesSchema }),
  'analysis-completed': v.object({
    results: v.pipe(v.unknown(), v.check(isShallow, 'too deep, or a number that JSON has not')),
  }),
  'command-executed': v.object({
    command: Line,
    success: v.boolean(),
    exitCode: v.nullable(v.pipe(v.number(), v.safeInteger())),
    durationMs: v.nullable(Count),
  }),
  paused: v.object({ reason: Line }),
  resumed: v.object({}),
  completed: v.object({ summary: SummarySchema }),
  failed: v.object({ error: Line }),
  'checkpoint-saved': v.object({
    snapshot: Line,
    iteration: Count,
    state: v.picklist(STATES),
    resumable: v.boolean(),
    message: Line,
    rollbackTo: v.optional(Line),
  }),
  deleted: v.object({}),
} satisfies Record<EventType, v.GenericSchema>;

export function isEventType(type: unknown): type is EventType {
  return (EVENTS as readonly unknown[]).includes(type);
}

/**
 * An event from data that nobody has checked; null where it is none. The data may be the very object that was given.
 */
export function parseEvent(type: unknown, data: unknown): SessionEvent | null {
  if (!isEventType(type)) return null;
  if (isUsual(type, data)) return { type, data } as SessionEvent;
  const parsed = v.safeParse(DATA[type], data);
  return parsed.success ? ({ type, data: parsed.output } as SessionEvent) : null;
}

/**
 * True for data of the frequent events as every writer makes it, with no other keys: it needs no schema then, which takes
 * most of the time of reading a log. What is unusual is left to the schema. A test holds the two to the same answers.
 */
function isUsual(type: EventType, data: unknown): boolean {
  if (typeof data !== 'object' || data === null) return false;
  if (type === 'command-executed') return isExecuted(data);
  if (type === 'iteration-started') return isIteration(data);
  return type === 'iteration-completed' && isChanged(data);
}

type Unknown<T extends EventType> = { [K in keyof EventData[T]]?: unknown };

function isExecuted(data: Unknown<'command-executed'>): boolean {
  const { command, success, exitCode, durationMs } = data;
  if (!isLine(command) || typeof success !== 'boolean' || !hasKeys(data, 4)) return false;
  return isCount(exitCode) && isCount(durationMs);
}

function isIteration(data: Unknown<'iteration-started'>): boolean {
  return (
    isCount(data.number) &&
    (data.head === undefined ? hasKeys(data, 1) : isLine(data.head) && hasKeys(data, 2))
  );
}

function isChanged(data: Unknown<'iteration-completed'>): boolean {
  const { number, changes } = data;
  if (!isCount(number) || typeof changes !== 'object' || changes === null || !hasKeys(data, 2)) return false;
  const { filesModified, linesAdded, linesRemoved, commandsRun, gitCommits } = changes as Partial<
    Record<keyof IterationChanges, unknown>
  >;
  if (!isCount(linesAdded) || !isCount(linesRemoved) || !hasKeys(changes, 5)) return false;
  return isLines(filesModified) && isLines(commandsRun) && isLines(gitCommits);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isLine(value: unknown): boolean {
  return typeof value === 'string' && value.length <= MAX_LINE;
}

function isLines(value: unknown): boolean {
  return Array.isArray(value) && value.length <= MAX_LINES && value.every(isLine);
}

/** Exactly so many, all of them its own. */
function hasKeys(value: object, count: number): boolean {
  let found = 0;
  for (const key in value) if (Object.hasOwn(value, key)) found++;
  return found === count;
}
