import { readdirSync } from 'node:fs';
import { processStartTime } from './identity.ts';
import { readStat } from './procfs.ts';
import { listProcesses } from './ps.ts';

/** The first process of a terminal: it leads a process group of its own id. */
export interface Leader {
  pid: number;
  /** Tells it from a later process with its pid; null where it was gone already. */
  startTime: number | null;
}

export function leaderOf(pid: number): Leader {
  return { pid, startTime: processStartTime(pid) };
}

/** Milliseconds after which a group that a hangup did not end is asked to end, and then made to. */
const TERM_AFTER = 2000;
const KILL_AFTER = 5000;
/** Nothing outlives a SIGKILL for long but what hangs in the kernel. */
const GIVE_UP_AFTER = 10_000;
const LOOK_EVERY = 20;

/** Waits until nothing is left of the groups, whose terminals went away. Gives the ids of those that stay. */
export async function endGroups(leaders: readonly Leader[]): Promise<number[]> {
  const start = Date.now();
  let left = remaining(leaders);
  let sent: NodeJS.Signals | null = null;
  while (left.length > 0 && Date.now() - start < GIVE_UP_AFTER) {
    const after = Date.now() - start;
    const due: NodeJS.Signals | null =
      after >= KILL_AFTER ? 'SIGKILL' : after >= TERM_AFTER ? 'SIGTERM' : null;
    if (due !== null && due !== sent) {
      for (const { pid } of left) signal(pid, due);
      sent = due;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY));
    left = remaining(left);
  }
  return left.map(({ pid }) => pid);
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch {
    // It has ended meanwhile, or is another user's: then it is told as one that stays.
  }
}

/** Those with a living process. The kernel gives no new process the id of a group that has members. */
function remaining(leaders: readonly Leader[]): Leader[] {
  const there = leaders.filter(({ pid }) => {
    // No group: 0 is our own, and 1 every process of the user.
    if (!Number.isSafeInteger(pid) || pid <= 1) return false;
    try {
      process.kill(-pid, 0);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  });
  const unsure: Leader[] = [];
  const alive = there.filter((leader) => {
    const now = processStartTime(leader.pid);
    if (now === null) unsure.push(leader);
    return now !== null && (leader.startTime === null || now === leader.startTime);
  });
  if (unsure.length === 0) return alive;
  // The leader has ended: a group of zombies, or one with other members.
  const groups = livingGroups();
  return [...alive, ...unsure.filter(({ pid }) => groups.has(pid))];
}

/** The process group that a living process is in. */
export function groupOf(pid: number): number | null {
  if (process.platform === 'linux') return readStat(pid)?.pgrp ?? null;
  return listProcesses().find((p) => p.pid === pid)?.pgrp ?? null;
}

function livingGroups(): Set<number> {
  if (process.platform !== 'linux') {
    return new Set(listProcesses().flatMap((p) => (p.state === 'Z' ? [] : [p.pgrp])));
  }
  const pids = readdirSync('/proc').filter((name) => /^\d+$/u.test(name));
  return new Set(
    pids.flatMap((pid) => {
      const stat = readStat(Number(pid));
      return stat === null || stat.state === 'Z' || stat.state === 'X' ? [] : [stat.pgrp];
    }),
  );
}
