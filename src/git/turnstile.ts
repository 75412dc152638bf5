import { mkdir, open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Git } from './git.ts';

/** A turn takes some tens of milliseconds; one that is this old belongs to a process that died. */
const ABANDONED_MS = 10_000;
const LONGEST_WAIT_MS = 60_000;
const MAX_POLL_MS = 250;

/**
 * One at a time, as far as possible: a queue for those that lost a race, not a lock. What runs inside is
 * safe without it (compare-and-swap), so a turn that can't be had in time, or was left behind by a
 * killed process, holds nobody up for good. Without it, 50 processes lost up to 12 races each (measured,
 * 2 processors); every one that fast-import loses leaves a pack behind, and many packs slow all of git.
 */
export async function inTurn<T>(git: Git, name: string, action: () => Promise<T>): Promise<T> {
  const file = await take(git, name);
  try {
    return await action();
  } finally {
    if (file !== null) await rm(file, { force: true });
  }
}

/** The file that says that it is our turn, or null where we go without. */
async function take(git: Git, name: string): Promise<string | null> {
  const common = await git.line(['rev-parse', '--path-format=absolute', '--git-common-dir']);
  if (common === null) return null;
  const file = path.join(common, 'git-session', `${name}.turn`);
  const until = performance.now() + LONGEST_WAIT_MS;
  await mkdir(path.dirname(file), { recursive: true }).catch(() => undefined);
  // Slower with time: 50 that look at it often take the processor from the one whose turn it is.
  for (let pause = 20; performance.now() < until; pause = Math.min(MAX_POLL_MS, pause * 1.3)) {
    try {
      await (await open(file, 'wx', 0o600)).close();
      return file;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return null;
    }
    if (await isAbandoned(file)) await rm(file, { force: true });
    else await sleep(Math.random() * pause);
  }
  return null;
}

async function isAbandoned(file: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(file)).mtimeMs > ABANDONED_MS;
  } catch {
    // Released meanwhile.
    return false;
  }
}
