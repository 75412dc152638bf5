import { closeSync, openSync, readSync } from 'node:fs';
import { toText, type Text } from '../session/text.ts';

/** The fields of `/proc/<pid>/stat` that we use (proc(5)). */
export interface Stat {
  pid: number;
  comm: Buffer;
  state: string;
  ppid: number;
  pgrp: number;
  /** Device number, 0 without a terminal; encoded as `stat.rdev`. */
  tty: number;
  /** -1 without a terminal. */
  tpgid: number;
  threads: number;
  /** Clock ticks since boot. */
  startTime: number;
  /** Stack and argument addresses chosen at exec; undefined where the kernel hides them (another user's process). */
  image?: string;
}

/** Parses `/proc/<pid>/stat`; null where it is no such line. The name may hold `)`, blanks and any bytes. */
export function parseStat(bytes: Buffer): Stat | null {
  const open = bytes.indexOf('(');
  const close = bytes.lastIndexOf(')');
  if (open < 1 || close < open) return null;
  const pid = Number(bytes.toString('latin1', 0, open));
  const fields = bytes
    .toString('latin1', close + 2)
    .trimEnd()
    .split(' ');
  const number = (index: number): number => Number(fields[index] ?? Number.NaN);
  const stat: Stat = {
    pid,
    comm: Buffer.from(bytes.subarray(open + 1, close)),
    state: fields[0] ?? '',
    ppid: number(1),
    pgrp: number(2),
    tty: number(4),
    tpgid: number(5),
    threads: number(17),
    startTime: number(19),
  };
  const { state, comm: _comm, ...numbers } = stat;
  if (!/^[A-Za-z]$/u.test(state) || !Object.values(numbers).every((n) => Number.isSafeInteger(n)))
    return null;
  const [stack, args] = [fields[25], fields[45]];
  if (stack && args && stack !== '0' && args !== '0') stat.image = `${stack}:${args}`;
  return stat;
}

/** Splits `/proc/<pid>/cmdline`. Empty arguments are kept; an empty file (zombie, kernel thread) gives []. */
export function parseCmdline(bytes: Buffer): Text[] {
  const argv: Text[] = [];
  let from = 0;
  while (from < bytes.length) {
    const nul = bytes.indexOf(0, from);
    const to = nul < 0 ? bytes.length : nul;
    argv.push(toText(bytes.subarray(from, to)));
    from = to + 1;
  }
  return argv;
}

/** Below this many bytes one read gives the whole file; the kernel cuts longer ones at the ends of its pages. */
const WHOLE = 2048;
let scratch = Buffer.allocUnsafe(16 * 1024);

/** The whole of a file under /proc, or null where the process is gone or closed to us. Other errors are thrown. */
export function readProc(path: string): Buffer | null {
  let fd: number | undefined;
  try {
    fd = openSync(path, 'r');
    let length = 0;
    for (;;) {
      const got = readSync(fd, scratch, length, scratch.length - length, null);
      length += got;
      if (got === 0 || length < WHOLE) return Buffer.from(scratch.subarray(0, length));
      if (length === scratch.length) scratch = Buffer.concat([scratch], scratch.length * 2);
    }
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** True for the errors of a process that has ended, or that belongs to someone else. */
export function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM' || code === 'ENOTDIR';
}

export function readStat(pid: number): Stat | null {
  const bytes = readProc(`/proc/${pid}/stat`);
  return bytes && parseStat(bytes);
}
