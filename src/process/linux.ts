import { existsSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import type { ProcessInfo } from '../session/relaunch.ts';
import { displayText, toText } from '../session/text.ts';
import { isGone, parseCmdline, readProc, readStat, type Stat } from './procfs.ts';

export interface Cwd {
  path: Buffer;
  /** The directory has been removed; `path` is where it was. */
  deleted: boolean;
}

/**
 * The processes under each pane's first process, that one first, then its descendants; with them the leader of the
 * terminal's foreground group where it has been orphaned. A pane whose process is gone has an empty list. Processes
 * that end meanwhile are left out. Cost is proportional to the trees, not to the machine, where the kernel has
 * `children` files (CONFIG_PROC_CHILDREN); `scan` forces the fallback, one pass over all of /proc.
 */
export function readProcessTrees(
  panePids: readonly number[],
  { scan = !hasChildrenFiles() }: { scan?: boolean } = {},
): Map<number, ProcessInfo[]> {
  const childrenOf = scan ? scanChildren() : readChildren;
  return new Map(panePids.map((pid) => [pid, readTree(pid, childrenOf)]));
}

/** Physical working directory of a process, as bytes; null where it is gone or not ours to see. */
export function readCwd(pid: number): Cwd | null {
  const link = `/proc/${pid}/cwd`;
  try {
    const path = readlinkSync(link, { encoding: 'buffer' });
    const suffix = Buffer.from(' (deleted)');
    if (!path.subarray(-suffix.length).equals(suffix) || isSameFile(path, link)) {
      return { path, deleted: false };
    }
    return { path: path.subarray(0, -suffix.length), deleted: true };
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** Path of the executable, without the kernel's mark for a replaced one; null where it can't be read. */
export function readExe(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/u, '');
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

/** One process with its exact argument vector; null where it is gone. A process without arguments shows `[name]`. */
export function readProcess(pid: number): ProcessInfo | null {
  const stat = readStat(pid);
  return stat && describe(stat);
}

function describe(stat: Stat): ProcessInfo | null {
  const { pid, ppid, pgrp, tpgid, tty, state, startTime, image } = stat;
  const cmdline = readProc(`/proc/${pid}/cmdline`);
  if (!cmdline) return null;
  const argv = parseCmdline(cmdline);
  const info: ProcessInfo = { pid, ppid, pgrp, tpgid, tty, state, argv, startTime };
  if (image !== undefined) info.image = image;
  if (argv.length === 0) {
    info.argv = [toText(Buffer.concat([Buffer.from('['), stat.comm, Buffer.from(']')]))];
    info.argvExact = false;
  } else if (mayBeTitle(info)) {
    const exe = readExe(pid);
    if (exe !== null) info.exe = exe;
  }
  return info;
}

/** Only where argv looks overwritten by a process title does the executable settle anything. */
function mayBeTitle({ argv }: ProcessInfo): boolean {
  return (
    argv.slice(1).every((word) => word === '') && (argv.length > 2 || /\s/u.test(displayText(argv[0] ?? '')))
  );
}

function readTree(panePid: number, childrenOf: (stat: Stat) => readonly number[]): ProcessInfo[] {
  const tree = new Map<number, ProcessInfo>();
  const queue = [panePid];
  // The queue grows while it is walked.
  for (const pid of queue) {
    if (tree.has(pid)) continue;
    const stat = readStat(pid);
    const info = stat && describe(stat);
    if (!info) continue;
    tree.set(pid, info);
    queue.push(...childrenOf(stat));
  }
  const tpgid = tree.get(panePid)?.tpgid ?? -1;
  if (tpgid > 0 && !tree.has(tpgid)) {
    const leader = readProcess(tpgid);
    if (leader?.tpgid === tpgid && leader.pgrp === tpgid) tree.set(tpgid, leader);
  }
  return [...tree.values()];
}

function hasChildrenFiles(): boolean {
  return existsSync(`/proc/${process.pid}/task/${process.pid}/children`);
}

/** Every thread has its own list: a Go or Java program's children hang under the thread that made them. */
function readChildren({ pid, threads }: Stat): number[] {
  const tids = threads > 1 ? listNumbers(`/proc/${pid}/task`) : [pid];
  return tids.flatMap((tid) => {
    const bytes = readProc(`/proc/${pid}/task/${tid}/children`);
    return bytes ? (bytes.toString('latin1').match(/\d+/gu) ?? []).map(Number) : [];
  });
}

function scanChildren(): (stat: Stat) => readonly number[] {
  const byParent = new Map<number, number[]>();
  for (const pid of listNumbers('/proc')) {
    const stat = readStat(pid);
    if (!stat) continue;
    const siblings = byParent.get(stat.ppid);
    if (siblings) siblings.push(pid);
    else byParent.set(stat.ppid, [pid]);
  }
  return ({ pid }) => byParent.get(pid) ?? [];
}

function listNumbers(directory: string): number[] {
  try {
    return readdirSync(directory)
      .filter((name) => /^\d+$/u.test(name))
      .map(Number);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

function isSameFile(path: Buffer, link: string): boolean {
  const literal = statSync(path, { throwIfNoEntry: false });
  const real = statSync(link, { throwIfNoEntry: false });
  return literal !== undefined && literal.dev === real?.dev && literal.ino === real.ino;
}
