import { readFileSync, watch } from 'node:fs';
import path from 'node:path';
import type { JobStatus } from '../session/live.ts';
import { processStartTime } from './identity.ts';

/**
 * A job is a command that a shell script of ours runs, with a directory in which the script writes down how it went:
 *
 *   start         the script
 *   status        `key=value` lines, replaced whole: at the start, and at the end with the exit status
 *   output.log    what the terminal showed, as it came; in two pieces, so that it can't grow without bounds
 *   output.0.log  the piece before
 *
 * tmux alone can't be trusted with the exit status: builds with utempter lose it (tmux.md 7.2), and it goes away
 * with the server. The script outlives a killed server for the moment it takes to write the file.
 */
export interface JobScript {
  /** Where the files are; already quoted for sh, as everything here. */
  directory: string;
  /** The command, as a line for sh. */
  command: string;
  /** Lines that run after the command's end, when its status is written. */
  after: string[];
}

/** Blocks of at most 4 KiB in each of the two pieces of the raw output: 16 MiB. */
const PIECE_BLOCKS = 4096;

/**
 * The script. A signal from the terminal must end the command and not the script; a hangup is remembered, and written
 * down when the command has ended. `/proc/<pid>/stat` tells this process from a later one with its pid.
 */
export function jobScript({ directory, command, after }: JobScript): string {
  return [
    '#!/bin/sh',
    `d=${directory}`,
    'umask 077',
    'now() { date +%s.%N; }',
    'w() {',
    '  s=; { read -r s </proc/$$/stat; } 2>/dev/null',
    '  printf \'state=%s\\ncode=%s\\nstart=%s\\nend=%s\\npid=%s\\nstat=%s\\n\' "$1" "$2" "$b" "$3" "$$" "$s" >"$d/status.tmp" &&',
    '    mv -f -- "$d/status.tmp" "$d/status"',
    '}',
    'b=$(now); h=',
    "trap 'h=1' HUP; trap : INT QUIT TERM",
    "w running '' ''",
    command,
    'r=$?',
    'if [ -n "$h" ]; then w hangup "$r" "$(now)"; else w exited "$r" "$(now)"; fi',
    ...after,
    'exit "$r"',
    '',
  ].join('\n');
}

/**
 * For `pipe-pane`: keeps the last one or two pieces of what it reads. dd writes each block when it has read it, so
 * nothing waits in a buffer while tmux or the machine dies; `10+4086 records in` is also a sum.
 */
export function outputScript(directory: string): string {
  return [
    `d=${directory}`,
    'umask 077',
    `while r=$(LC_ALL=C dd bs=4096 count=${PIECE_BLOCKS} 2>&1 >"$d/output.log") && [ "$((\${r%%records*}))" -ge ${PIECE_BLOCKS} ]`,
    'do mv -f -- "$d/output.log" "$d/output.0.log"',
    'done',
  ].join('; ');
}

/** What the script wrote last; null where it has not begun, or where the file is none of its own. */
export function readJob(directory: string): JobStatus | null {
  let text: string;
  try {
    text = readFileSync(path.join(directory, 'status'), 'latin1');
  } catch {
    return null;
  }
  return parseJob(text);
}

export function parseJob(text: string): JobStatus | null {
  const values = new Map(
    text.split('\n').map((line): [string, string] => {
      const at = line.indexOf('=');
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
  const state = values.get('state');
  if (state !== 'running' && state !== 'exited' && state !== 'hangup') return null;
  // Behind the name, which is in parentheses and may hold anything: the 20th field from there.
  const stat = (values.get('stat') ?? '').split(') ').at(-1)?.split(' ') ?? [];
  return {
    state,
    exitCode: integer(values.get('code')),
    start: seconds(values.get('start')),
    end: seconds(values.get('end')),
    pid: integer(values.get('pid')),
    startTime: integer(stat[19]),
  };
}

function integer(text = ''): number | null {
  return /^\d{1,15}$/u.test(text) ? Number(text) : null;
}

/** `date +%s.%N` where %N is not known leaves it as it is. */
function seconds(text = ''): number | null {
  const m = /^(\d{1,12})(?:\.(\d{1,9}))?/u.exec(text);
  return m === null ? null : Number(`${m[1]}.${m[2] ?? '0'}`);
}

/** Whether the process that wrote `running` is still there. */
export function jobRuns(job: JobStatus | null): boolean {
  if (job === null || job.state !== 'running' || job.pid === null) return false;
  const started = processStartTime(job.pid);
  return started !== null && (job.startTime === null || job.startTime === started);
}

/**
 * Waits until `done` gives something else than null, looking whenever a file in the directory changes, and every
 * `everyMs` beside (a file system without notifications, a process that is gone without a trace). Null at `signal`.
 */
export async function waitInDirectory<T>(
  directory: string,
  done: () => T | null,
  { everyMs = 250, signal }: { everyMs?: number; signal?: AbortSignal } = {},
): Promise<T | null> {
  const first = done();
  if (first !== null) return first;
  if (signal?.aborted === true) return null;
  return new Promise((resolve, reject) => {
    const watcher = openWatcher(directory, look);
    const timer = setInterval(look, everyMs);
    signal?.addEventListener('abort', aborted, { once: true });
    look();

    function look(): void {
      try {
        const found = done();
        if (found !== null) finish(() => resolve(found));
      } catch (error) {
        finish(() => reject(error));
      }
    }
    function aborted(): void {
      finish(() => resolve(null));
    }
    function finish(settle: () => void): void {
      watcher?.close();
      clearInterval(timer);
      signal?.removeEventListener('abort', aborted);
      settle();
    }
  });
}

function openWatcher(directory: string, look: () => void): ReturnType<typeof watch> | null {
  try {
    const watcher = watch(directory, look);
    // Out of watches, or the directory went: the timer goes on looking.
    watcher.on('error', () => undefined);
    return watcher;
  } catch {
    return null;
  }
}
