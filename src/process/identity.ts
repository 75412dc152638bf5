import { spawnSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { readStat } from './procfs.ts';

/** Identifies one run of one process, for locks and temporary files that must outlive a pid's reuse. */
export interface ProcessOwner {
  pid: number;
  /** Clock ticks since boot (Linux), seconds since 1970 (macOS). */
  startTime: number;
  /** Boot, and on Linux the namespace in which the pid counts: `<uuid> pid:[<inode>]`. */
  bootId: string;
  host: string;
}

/** When a process started, in the unit of `ProcessOwner`; null where it is gone or a zombie. */
export function processStartTime(pid: number): number | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  if (process.platform === 'linux') {
    const stat = readStat(pid);
    return stat && stat.state !== 'Z' && stat.state !== 'X' ? stat.startTime : null;
  }
  const row = run('ps', ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)]);
  const [, state, started] = /^\s*(\S+)\s+(.+)$/u.exec(row) ?? [];
  if (started === undefined || state?.startsWith('Z')) return null;
  return Math.floor(Date.parse(started) / 1000);
}

/**
 * True while a process with this pid exists on this machine, whoever owns it; a zombie does not count. A reused pid
 * looks alive, and one of another pid namespace dead: use `ownerState` where that matters.
 */
export function isRunning(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return process.platform !== 'linux' || readStat(pid)?.state !== 'Z';
}

let boot: string | undefined;

/** The current boot of this machine; '' where the system does not tell. */
export function bootId(): string {
  boot ??= process.platform === 'linux' ? linuxBoot() : run('sysctl', ['-n', 'kern.bootsessionuuid']);
  return boot;
}

/** This process; throws where its own start time can't be read. */
export function currentOwner(): ProcessOwner {
  const startTime = processStartTime(process.pid);
  if (startTime === null) throw new Error(`no start time for our own pid ${process.pid}`);
  return { pid: process.pid, startTime, bootId: bootId(), host: hostname() };
}

/** `unknown` for an owner on another host or in another pid namespace: its pid says nothing here. */
export function ownerState(owner: ProcessOwner): 'alive' | 'dead' | 'unknown' {
  if (owner.host !== hostname()) return 'unknown';
  const [theirs, ours] = [owner.bootId.split(' '), bootId().split(' ')];
  if (theirs[0] === '' || ours[0] === '') return 'unknown';
  if (theirs[0] !== ours[0]) return 'dead';
  if (theirs[1] !== ours[1]) return 'unknown';
  return processStartTime(owner.pid) === owner.startTime ? 'alive' : 'dead';
}

/** False only where the owner is certainly gone: what `isAlive` holds on to must not be taken away. */
export function isAlive(owner: ProcessOwner): boolean {
  return ownerState(owner) !== 'dead';
}

function linuxBoot(): string {
  try {
    const uuid = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${uuid} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

function run(program: string, args: readonly string[]): string {
  const env = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin', LC_ALL: 'C' };
  const child = spawnSync(program, args, { env, encoding: 'latin1', timeout: 5000 });
  return child.status === 0 ? child.stdout.trim() : '';
}
