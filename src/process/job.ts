import { readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { JobStatus } from '../session/live.ts';
import { processStartTime } from './identity.ts';

/**
 * A job is a command that a shell script of ours runs, with a directory in which the script writes down how it went:
 *
 *   start         the script
 *   status        `key=value` lines, replaced whole: at the start, and at the end with the exit status
 *   reserve       room for the last of them, for a disk that is full by then
 *   output.log    what the terminal showed, as it came; in two pieces, so that it can't grow without bounds
 *   output.0.log  the piece before
 *
 * Where the output is caught instead (`captured`), beside them:
 *
 *   stdout, stderr  what the command wrote, each to its own
 *   collectors      the pids of the two programs that write these
 *   stop            somebody ends the command by force: what it leaves behind is ended with it
 *
 * tmux alone can't be trusted with the exit status: builds with utempter lose it (tmux.md 7.2), and it goes away
 * with the server. The script outlives a killed server for the moment it takes to write the file.
 */
export interface JobScript {
  /** Where the files are; already quoted for sh, as everything here. */
  directory: string;
  /** The command, as a line for sh. */
  command: string;
  /** Its output goes to `outputScript`, which must have read all of it before the end is written down. */
  piped?: boolean;
  /** Lines that run after the command's end, when its status is written. */
  after: string[];
  /** Where its output goes to files and not to the terminal: what it reads, nothing or a FIFO `stdin`. */
  captured?: 'nothing' | 'stdin';
}

/** One dd reads so many blocks of at most 4 KiB, and a piece that is larger than this is full: 12 MiB at most. */
const PIECE_BLOCKS = 1024;
const PIECE_BYTES = 8 * 1024 * 1024;

/**
 * The script. A signal from the terminal must end the command and not the script; a hangup is remembered, and written
 * down when the command has ended. `/proc/<pid>/stat` tells this process from a later one with its pid.
 */
export function jobScript({ directory, command, piped = false, after, captured }: JobScript): string {
  return [
    '#!/bin/sh',
    // A terminal that goes away tells the first shell only, and all the others when that one is gone: it has nothing to
    // lose. One that has something to write down, as the second, must not be the first, or the command would stay.
    'if [ -z "${1-}" ]; then trap : INT QUIT TERM PIPE; /bin/sh "$0" "$$"; exit "$?"; fi',
    `d=${directory}`,
    'u=$(umask); umask 077',
    'now() { date +%s.%N; }',
    'w() {',
    '  s=; { read -r s </proc/$$/stat; } 2>/dev/null ||',
    // No /proc: the time as `processStartTime` asks for it, in the same environment.
    '    s=$(env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin LC_ALL=C ps -o lstart= -p "$$" 2>/dev/null)',
    '  t=$(printf \'state=%s\\ncode=%s\\nstart=%s\\nend=%s\\npid=%s\\ngroup=%s\\nstat=%s\' "$1" "$2" "$b" "$3" "$$" "$g" "$s")',
    '  { printf \'%s\\n\' "$t" >"$d/status.tmp" && mv -f -- "$d/status.tmp" "$d/status"; } 2>/dev/null ||',
    // The disk is full: what is written over needs no new room.
    '    { printf \'%s\\n\' "$t" 1<>"$d/reserve" && mv -f -- "$d/reserve" "$d/status"; } 2>/dev/null',
    '}',
    '{ printf \'%1000s\\n\' "" >"$d/reserve"; } 2>/dev/null',
    'g=$1; b=$(now); h=',
    "trap 'h=1' HUP; trap : INT QUIT TERM PIPE",
    ...(captured === undefined ? [] : captureLines(captured)),
    "w running '' ''",
    'umask "$u"',
    // By exec no word of the command is a builtin of this shell, as `echo` would be.
    `( exec ${command}${captured === undefined ? '' : ' >&3 2>&4 3>&- 4>&-'} )`,
    'r=$?; z=$(now)',
    ...(captured === undefined ? [] : ['exec 3>&- 4>&-']),
    'umask 077',
    ...(piped ? SETTLE : []),
    'if [ -n "$h" ]; then w hangup "$r" "$z"; else w exited "$r" "$z"; fi',
    'rm -f -- "$d/reserve"',
    ...after,
    ...(captured === undefined ? [] : ['if [ -e "$d/stop" ]; then kill -KILL 0; fi']),
    'exit "$r"',
    '',
  ].join('\n');
}

/**
 * The output goes through pipes to two programs that write the files: in a file itself, a command that opens
 * /dev/stderr anew would cut off what is there. They are in process groups of their own, so that a signal for the
 * command leaves them: they end when the last one who could write has. The FIFO for the input is opened for both at
 * first, or this would wait for somebody who may be gone.
 */
function captureLines(input: 'nothing' | 'stdin'): string[] {
  return [
    input === 'nothing'
      ? 'exec </dev/null'
      : 'exec 3<>"$d/stdin"; exec <"$d/stdin" 3>&-; rm -f -- "$d/stdin"',
    'mkfifo "$d/1" "$d/2" || exit 1',
    'set -m 2>/dev/null',
    'cat <"$d/1" >>"$d/stdout" 2>/dev/null & c=$!',
    'cat <"$d/2" >>"$d/stderr" 2>/dev/null & c="$c $!"',
    'set +m',
    'exec 3>"$d/1" 4>"$d/2"; rm -f -- "$d/1" "$d/2"',
    `printf '%s\\n' "$c" >"$d/collectors"`,
  ];
}

/**
 * Waits until the log has all that the command printed: what tmux has not read yet is lost with its server, and then a
 * finished command would have no output. A string that terminals pass over in silence is sent behind the output, and
 * looked for in the log. A hangup, or some seconds without it (the user has stopped the pipe), end the wait. A terminal
 * that is stopped by Ctrl-S would block: that is why it is sent in the background.
 */
const SETTLE = [
  String.raw`m="gs-$$-end"; printf '\033X%s\033\\' "$m" &`,
  'n=0',
  'while [ -z "$h" ] && [ "$n" -lt 300 ] &&',
  '  ! { tail -c 4096 "$d/output.0.log"; tail -c 4096 "$d/output.log"; } 2>/dev/null | LC_ALL=C grep -q "$m"',
  'do n=$((n+1)); sleep 0.01 2>/dev/null || sleep 1',
  'done',
];

/**
 * For `pipe-pane`: keeps the last one or two pieces of what it reads. dd writes each block when it has read it, so
 * nothing waits in a buffer while tmux or the machine dies; `10+1014 records in` is also a sum. Warnings of dd, of a
 * read that was short, stand before it.
 */
export function outputScript(directory: string): string {
  return [
    `d=${directory}`,
    'umask 077',
    `while r=$(LC_ALL=C dd bs=4096 count=${PIECE_BLOCKS} 2>&1 >>"$d/output.log") && r=\${r%%" records in"*} && [ "$((\${r##*[!0-9+]}))" -ge ${PIECE_BLOCKS} ]`,
    `do [ "$(($(wc -c <"$d/output.log")))" -lt ${PIECE_BYTES} ] || mv -f -- "$d/output.log" "$d/output.0.log"`,
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
  const [pid, group] = [integer(values.get('pid')), integer(values.get('group'))];
  // Where a signal goes to, 0 means our own group, and 1 every process.
  if ((pid !== null && pid <= 1) || (group !== null && group <= 1)) return null;
  return {
    state,
    exitCode: integer(values.get('code')),
    start: seconds(values.get('start')),
    end: seconds(values.get('end')),
    ...{ pid, group, startTime: startTimeOf(values.get('stat')) },
  };
}

/** From a line of `/proc/<pid>/stat`, or from the date that ps gives. */
function startTimeOf(stat = ''): number | null {
  // Behind the name, which is in parentheses and may hold anything: the 20th field from there.
  const fields = stat.split(') ');
  if (fields.length > 1) return integer(fields.at(-1)?.split(' ')[19]);
  const date = /^\s*\w{3}\s+\w{3}\s+\d{1,2}\s+\d\d:\d\d:\d\d\s+\d{4}\s*$/u.test(stat)
    ? Date.parse(stat)
    : NaN;
  return Number.isNaN(date) ? null : Math.floor(date / 1000);
}

function integer(text = ''): number | null {
  return /^\d{1,15}$/u.test(text) ? Number(text) : null;
}

/** `date +%s.%N` where %N is not known leaves it as it is. */
function seconds(text = ''): number | null {
  const m = /^(\d{1,12})(?:\.(\d{1,9}))?/u.exec(text);
  return m === null ? null : Number(`${m[1]}.${m[2] ?? '0'}`);
}

/** The pids of the programs that write down the output of a job; none where it has not begun. */
export function collectorsOf(directory: string): number[] {
  try {
    const text = readFileSync(path.join(directory, 'collectors'), 'latin1');
    return text.trim().split(' ').map(Number);
  } catch {
    return [];
  }
}

/** Sends a signal to the job's command and to all that it has started. False where it does not run. */
export function signalJob(job: JobStatus | null, signal: NodeJS.Signals): boolean {
  if (job?.pid == null || !jobRuns(job)) return false;
  try {
    process.kill(-(job.group ?? job.pid), signal);
    return true;
  } catch {
    return false;
  }
}

/** Writes the end of a job whose script was killed with its command and can't. */
export function writeKilled(directory: string, job: JobStatus): void {
  const file = path.join(directory, 'status');
  const times = `start=${job.start ?? ''}\nend=${Date.now() / 1000}\npid=${job.pid ?? ''}\nstat=\n`;
  writeFileSync(`${file}.killed`, `state=exited\ncode=137\n${times}`, { mode: 0o600 });
  renameSync(`${file}.killed`, file);
  rmSync(`${file}.tmp`, { force: true });
}

/** Whether the process that wrote `running` is still there. Its pid alone may be anybody's by now. */
export function jobRuns(job: JobStatus | null): boolean {
  if (job === null || job.state !== 'running' || job.pid === null || job.startTime === null) return false;
  return processStartTime(job.pid) === job.startTime;
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
