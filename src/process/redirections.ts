import { readlinkSync, statSync, type Stats } from 'node:fs';
import type { Redirection } from '../session/command-line.ts';
import { toText } from '../session/text.ts';
import { isGone, readProc, readStat } from './procfs.ts';

const O_ACCMODE = 0o3;
const O_RDONLY = 0;
const O_WRONLY = 0o1;
const O_APPEND = 0o2000;
/** Major 5, minor 0: `/dev/tty`, whichever terminal that is for the process. */
const DEV_TTY = 0x500;

/**
 * Where descriptors 0 to 2 of a process lead (Linux), one entry each; null where they can't be read (gone, or another
 * user's). Whether a file was truncated when it was opened is not kept by the kernel: `write` stands for `>`.
 * `tty` is the device number of the process's terminal, where it is known already.
 */
export function readRedirections(pid: number, tty = readStat(pid)?.tty): Redirection[] | null {
  if (tty === undefined) return null;
  try {
    return ([0, 1, 2] as const).map((fd) => readOne(pid, fd, tty));
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function readOne(pid: number, fd: 0 | 1 | 2, tty: number): Redirection {
  const link = `/proc/${pid}/fd/${fd}`;
  const file = statSync(link, { throwIfNoEntry: false });
  // The directory was readable and this entry is not there: closed. A process that is gone has no directory either.
  if (!file) {
    if (readStat(pid)) return { fd, kind: 'closed' };
    throw Object.assign(new Error(`process ${pid} is gone`), { code: 'ESRCH' });
  }
  if (file.isCharacterDevice() && (file.rdev === tty || file.rdev === DEV_TTY))
    return { fd, kind: 'terminal' };
  const target = readlinkSync(link, { encoding: 'buffer' });
  const text = target.toString('latin1');
  if (/^pipe:\[\d+\]$/u.test(text)) return { fd, kind: 'pipe', pipe: text };
  if (!text.startsWith('/') || file.isSocket()) return { fd, kind: 'other' };
  return { fd, kind: 'file', ...named(target, file), ...flags(pid, fd) };
}

function named(target: Buffer, file: Stats): Pick<Redirection, 'path' | 'deleted'> {
  const suffix = Buffer.from(' (deleted)');
  const now = statSync(target, { throwIfNoEntry: false });
  if (now?.dev === file.dev && now.ino === file.ino) return { path: toText(target) };
  const path = target.subarray(-suffix.length).equals(suffix) ? target.subarray(0, -suffix.length) : target;
  return { path: toText(path), deleted: true };
}

function flags(pid: number, fd: number): Pick<Redirection, 'mode' | 'position'> {
  const info = readProc(`/proc/${pid}/fdinfo/${fd}`)?.toString('latin1') ?? '';
  const bits = /^flags:\s*([0-7]+)$/mu.exec(info)?.[1];
  const position = /^pos:\s*(\d+)$/mu.exec(info)?.[1];
  if (bits === undefined || position === undefined) return {};
  return { mode: modeOf(Number.parseInt(bits, 8)), position: Number(position) };
}

function modeOf(bits: number): NonNullable<Redirection['mode']> {
  const access = bits & O_ACCMODE;
  if (access === O_RDONLY) return 'read';
  if (access !== O_WRONLY) return 'read-write';
  return (bits & O_APPEND) === 0 ? 'write' : 'append';
}
