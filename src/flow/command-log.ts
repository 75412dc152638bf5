import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { FileProblemError } from '../session/errors.ts';
import type { JobStatus } from '../session/live.ts';
import { TextSchema } from '../session/schema.ts';
import type { Text } from '../session/text.ts';
import { jobRuns, readJob } from '../process/job.ts';
import { type StoredRecord, writeWhole } from '../store/records.ts';

/** A command that `run` or `exec` started in a session, as its log tells it. */
export interface LoggedCommand {
  /** Tells it from others that began in the same millisecond. */
  id: string;
  /** ISO 8601 UTC. */
  at: string;
  argv: Text[];
  /** `lost`: its terminal went away while it ran, or its process left no exit status. */
  state: 'running' | 'exited' | 'timed-out' | 'lost';
  exitCode: number | null;
  durationMs: number | null;
  /** The first line that it printed; '' where it printed none. */
  preview: string;
  /** It printed more than that. */
  more: boolean;
}

const ArgvSchema = v.object({
  version: v.literal(1),
  at: v.string(),
  argv: v.array(TextSchema),
  cwd: TextSchema,
});
const LoggedSchema = v.object({
  id: v.string(),
  at: v.string(),
  argv: v.array(TextSchema),
  state: v.picklist(['running', 'exited', 'timed-out', 'lost']),
  exitCode: v.nullable(v.number()),
  durationMs: v.nullable(v.number()),
  preview: v.string(),
  // Not in older lines.
  more: v.optional(v.boolean(), false),
});

/** So many commands of a session keep their output; of older ones the log keeps a line. */
const KEPT = 100;
const PREVIEW_BYTES = 400;
const JOB = /^\d{8}T\d{9}Z-[0-9a-f]{8}$/u;

function placeOf(stored: StoredRecord): string {
  return path.join(stored.directory, 'exec');
}

/** Makes the directory of a new command: `<record>/exec/<time>-<random>/`. Its output files are there from the start. */
export function newJob(stored: StoredRecord, argv: readonly Text[], cwd: Text): string {
  const at = new Date();
  const time = at.toISOString().replace(/[-:.]/gu, '');
  const directory = path.join(placeOf(stored), `${time}-${randomBytes(4).toString('hex')}`);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeWhole(
      path.join(directory, 'argv.json'),
      `${JSON.stringify({ version: 1, at: at.toISOString(), argv, cwd })}\n`,
    );
    for (const name of ['stdout', 'stderr']) writeFileSync(path.join(directory, name), '', { mode: 0o600 });
    // Somebody works in the session now.
    utimesSync(stored.directory, at, at);
  } catch (error) {
    throw new FileProblemError(`cannot write the session's command log: ${(error as Error).message}`);
  }
  return directory;
}

/** All commands of a session, the oldest first; what `run` started is the first of them. */
export function loggedCommands(stored: StoredRecord): LoggedCommand[] {
  const older = readOlder(stored);
  const known = new Set(older.map((c) => c.id));
  const jobs = jobNames(stored)
    .filter((name) => !known.has(name))
    .flatMap((name) => readCommand(path.join(placeOf(stored), name)) ?? []);
  return [...runCommand(stored), ...older, ...jobs];
}

function runCommand({ record, directory }: StoredRecord): LoggedCommand[] {
  if (record.kind !== 'run' || record.argv === null) return [];
  const job = readJob(directory);
  return [
    {
      ...{ id: record.id, at: record.createdAt, argv: record.argv, ...outcome(job, false) },
      ...previewOf(directory, ['output.0.log', 'output.log']),
    },
  ];
}

function readCommand(directory: string): LoggedCommand | null {
  const parsed = v.safeParse(ArgvSchema, readJson(path.join(directory, 'argv.json')));
  if (!parsed.success) return null;
  const { at, argv } = parsed.output;
  return {
    ...{ id: path.basename(directory), at, argv, ...outcome(readJob(directory), timedOut(directory)) },
    ...previewOf(directory, ['stdout', 'stderr']),
  };
}

/** Where the output of a command is, of those that are kept: of the first that has something, then of the others. */
export function outputFiles({ record, directory }: StoredRecord, { id }: LoggedCommand): string[] {
  return id === record.id
    ? ['output.0.log', 'output.log'].map((name) => path.join(directory, name))
    : ['stdout', 'stderr'].map((name) => path.join(directory, 'exec', id, name));
}

function previewOf(directory: string, names: readonly string[]): Pick<LoggedCommand, 'preview' | 'more'> {
  const pieces = names.map((name) => firstLine(path.join(directory, name)));
  const first = pieces.findIndex((p) => p.line !== '');
  const more = first >= 0 && (pieces[first]!.more || pieces.slice(first + 1).some((p) => p.line !== ''));
  return { preview: pieces[first]?.line ?? '', more };
}

function outcome(
  job: JobStatus | null,
  late: boolean,
): Pick<LoggedCommand, 'state' | 'exitCode' | 'durationMs'> {
  const durationMs = job === null ? null : durationOf(job);
  if (job?.state === 'exited') {
    return { state: late ? 'timed-out' : 'exited', exitCode: job.exitCode, durationMs };
  }
  return { state: jobRuns(job) ? 'running' : 'lost', exitCode: null, durationMs };
}

export function durationOf({ start, end }: JobStatus): number | null {
  return start === null || end === null ? null : Math.max(0, Math.round((end - start) * 1000));
}

/** Why a command is ended by force is noted before it is. */
export function noteStop(directory: string, why: 'timeout' | 'signal'): void {
  writeFileSync(path.join(directory, 'stop'), `${why}\n`, { mode: 0o600 });
}

function timedOut(directory: string): boolean {
  try {
    return readFileSync(path.join(directory, 'stop'), 'latin1') === 'timeout\n';
  } catch {
    return false;
  }
}

/** The first line with something in it, without what only a terminal understands. */
function firstLine(file: string): { line: string; more: boolean } {
  const bytes = Buffer.alloc(PREVIEW_BYTES);
  let length: number;
  try {
    const fd = openSync(file, 'r');
    try {
      length = readSync(fd, bytes, 0, PREVIEW_BYTES, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return { line: '', more: false };
  }
  // A cut character at the end is no character.
  const text = bytes.subarray(0, length).toString('utf8').replace(/�+$/u, '');
  const plain = text.replace(
    /\u001B(?:[PX^_][^\u0007\u001B]*(?:\u0007|\u001B\\|\u001B?$)|\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001B]*(?:\u0007|\u001B\\)|[@-Z\\-_])/gu,
    '',
  );
  const [line = '', ...others] = plain.split(/[\r\n]+/u).filter((l) => l.trim() !== '');
  const shown = [...line].slice(0, 100).join('');
  return { line: shown, more: others.length > 0 || shown !== line || length === PREVIEW_BYTES };
}

function jobNames(stored: StoredRecord): string[] {
  try {
    return readdirSync(placeOf(stored))
      .filter((name) => JOB.test(name))
      .toSorted();
  } catch {
    return [];
  }
}

function readOlder(stored: StoredRecord): LoggedCommand[] {
  let text: string;
  try {
    text = readFileSync(path.join(placeOf(stored), 'older.jsonl'), 'utf8');
  } catch {
    return [];
  }
  const read = text.split('\n').flatMap((line) => {
    const parsed = v.safeParse(LoggedSchema, line === '' ? null : parse(line));
    return parsed.success ? [parsed.output] : [];
  });
  return [...new Map(read.map((c) => [c.id, c])).values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * Takes away the output of all but the last commands, and keeps a line of each. A directory is moved away before it is
 * taken apart, so that of two who do this at once only one does; the line is written first, so that none is lost.
 */
export function pruneCommands(stored: StoredRecord): void {
  const place = placeOf(stored);
  const names = jobNames(stored).slice(0, -KEPT);
  if (names.length === 0) return;
  // What one that was killed has left.
  for (const name of readdirSync(place)) {
    if (name.endsWith('.old')) rmSync(path.join(place, name), { recursive: true, force: true });
  }
  for (const name of names) {
    const directory = path.join(place, name);
    const command = readCommand(directory);
    if (command?.state === 'running') continue;
    try {
      if (command !== null)
        appendFileSync(path.join(place, 'older.jsonl'), `${JSON.stringify(command)}\n`, { mode: 0o600 });
      renameSync(directory, `${directory}.old`);
      rmSync(`${directory}.old`, { recursive: true, force: true });
    } catch {
      // Another one does it, or the disk is full: the next command tries again.
    }
  }
}

function readJson(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
