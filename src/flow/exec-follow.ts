import { closeSync, type FSWatcher, fstatSync, openSync, readSync, watch, write } from 'node:fs';
import path from 'node:path';
import type { JobStatus } from '../session/live.ts';
import { isRunning } from '../process/identity.ts';
import { collectorsOf, jobRuns, readJob } from '../process/job.ts';
import { readStat } from '../process/procfs.ts';

/** How a command ended. `never`: tmux has taken it and did not run it; `lost`: it left no exit status. */
export type Ending = { how: 'exited'; code: number; job: JobStatus } | { how: 'hangup' | 'lost' | 'never' };

/** What is followed, and who is to be told what. */
export interface Followed {
  directory: string;
  panePid: number;
  serverPid: number;
  /** Print the output as it comes. */
  copy: boolean;
  /** Its window, its session or the server went away: the script waits for the command still, which nobody ends. */
  hungUp: () => void;
}

const LOOK_EVERY = 100;
/**
 * Milliseconds without a new byte after which the output counts as complete where a process that the command has left
 * behind could still write. Without one the pipes end, and nobody waits.
 */
const QUIET = 500;
/** Milliseconds for what it has left behind and what is never quiet: the command has ended, and so do we. */
const LATEST = 2000;
const PIECE = 64 * 1024;

/** Follows one command: copies its output as it grows, and tells how it ended when all of it is copied. */
export class Follower {
  private readonly directory: string;
  private readonly what: Followed;
  private readonly files: { fd: number; to: number | null; offset: number }[];
  private ending: Ending | null = null;
  private grownAt = Date.now();
  private endedAt = Infinity;
  private size = 0;
  private waiters: (() => void)[] = [];
  private closed = false;
  private isHungUp = false;

  constructor(what: Followed) {
    this.what = what;
    this.directory = what.directory;
    this.files = ['stdout', 'stderr'].map((name, i) => ({
      ...{ fd: openSync(path.join(what.directory, name), 'r'), offset: 0 },
      to: what.copy ? i + 1 : null,
    }));
  }

  /** Rejects where our own output can't be written; the command goes on then. */
  async run(): Promise<Ending> {
    let watcher: FSWatcher | null = null;
    try {
      watcher = watch(this.directory, () => this.wake());
      watcher.on('error', () => undefined);
    } catch {
      // Out of watches: the timer goes on looking.
    }
    const timer = setInterval(() => {
      this.look(true);
      this.wake();
    }, LOOK_EVERY);
    try {
      await Promise.all(this.files.map((file) => this.copy(file)));
      return this.isHungUp ? { how: 'hangup' } : this.ending!;
    } finally {
      watcher?.close();
      clearInterval(timer);
      this.closed = true;
      for (const { fd } of this.files) closeSync(fd);
    }
  }

  private async copy(file: { fd: number; to: number | null; offset: number }): Promise<void> {
    const bytes = Buffer.allocUnsafe(PIECE);
    for (;;) {
      // Asked before the last look into the file: what came until then is in it.
      const complete = this.isComplete();
      // What comes meanwhile is for the next look: a writer can be faster than we are, without end.
      const { size } = fstatSync(file.fd);
      while (file.to !== null && !this.closed && file.offset < size) {
        const got = readSync(file.fd, bytes, 0, Math.min(PIECE, size - file.offset), file.offset);
        if (got === 0) break;
        file.offset += got;
        await writeAll(file.to, bytes.subarray(0, got));
      }
      if (complete) return;
      await new Promise<void>((resolve) => this.waiters.push(resolve));
    }
  }

  private wake(): void {
    const waiting = this.waiters;
    this.waiters = [];
    for (const resolve of waiting) resolve();
  }

  /** Whether the process still runs is asked by the timer only: on some systems that costs a process. */
  private look(processes: boolean): void {
    if (this.ending !== null) return;
    this.ending = endingOf(readJob(this.directory));
    if (this.ending !== null || !processes) return;
    const job = readJob(this.directory);
    if (job === null ? isRunning(this.what.panePid) : jobRuns(job)) {
      if (this.isHungUp || hasTerminal(this.what)) return;
      this.isHungUp = true;
      this.what.hungUp();
      return;
    }
    // It may have written its end between the two looks.
    this.ending = endingOf(readJob(this.directory)) ?? { how: job === null ? 'never' : 'lost' };
  }

  private isComplete(): boolean {
    this.look(false);
    const size = this.files.reduce((sum, { fd }) => sum + fstatSync(fd).size, 0);
    if (size !== this.size) {
      this.size = size;
      this.grownAt = Date.now();
    }
    const now = Date.now();
    if (this.ending === null) {
      this.grownAt = now;
      return false;
    }
    this.endedAt = Math.min(this.endedAt, now);
    const isLate = now - this.grownAt > QUIET || now - this.endedAt > LATEST;
    return isLate || !collectorsOf(this.directory).some(isRunning);
  }
}

/** The kernel takes the terminal away from its processes where that ends; elsewhere only the server can be asked for. */
function hasTerminal({ panePid, serverPid }: Followed): boolean {
  if (process.platform !== 'linux') return isRunning(serverPid);
  const stat = readStat(panePid);
  return stat === null || stat.tty !== 0;
}

function endingOf(job: JobStatus | null): Ending | null {
  if (job === null || job.state === 'running') return null;
  return job.state === 'exited' ? { how: 'exited', code: job.exitCode ?? 1, job } : { how: 'hangup' };
}

/** Our stdout and stderr may be pipes that somebody has set to non-blocking. */
async function writeAll(fd: number, bytes: Buffer): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) {
    const from = rest;
    const written = await new Promise<number>((resolve, reject) => {
      write(fd, from, (error, n) => {
        if (error === null) resolve(n);
        else if (error.code === 'EAGAIN') setTimeout(() => resolve(0), 5);
        else reject(error);
      });
    });
    rest = rest.subarray(written);
  }
}
