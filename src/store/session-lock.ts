import { randomUUID } from 'node:crypto';
import { readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileProblemError, SessionLockedError } from '../session/errors.ts';
import { currentOwner, ownerState, type ProcessOwner } from '../process/identity.ts';

/** How long one waits for a living owner. An append takes less than a millisecond, and so do most of a clone's. */
const PATIENCE_MS = 10_000;
export const MAX_POLL_MS = 40;

interface Held {
  owner: ProcessOwner;
  nonce: string;
  /** ISO 8601 UTC. */
  since: string;
}

export interface Lock {
  /** Gives it back; a second time does nothing. */
  release(): void;
  /** True where somebody has begun to wait for it since this was asked last. */
  isWanted(): boolean;
  /** Its last owner was dead: what that one was about may be half done. */
  stolenFrom: ProcessOwner | null;
}

/**
 * A lock of one writer, as a symbolic link that leads nowhere and whose target says who holds it: made by one system
 * call, it is never seen empty, and there is no file to remove where its maker is killed. An owner that is certainly
 * dead (pid, start time and boot are compared) loses it. Throws SessionLockedError after ten seconds, FileProblemError
 * where the directory can't be written to.
 */
export async function lockSession(file: string, what: string, patienceMs = PATIENCE_MS): Promise<Lock> {
  const held: Held = { owner: currentOwner(), nonce: randomUUID(), since: new Date().toISOString() };
  const until = performance.now() + patienceMs;
  const bell = `${file}.wanted`;
  let stolenFrom: ProcessOwner | null = null;
  for (let pause = 1; ; pause = Math.min(MAX_POLL_MS, pause * 1.5)) {
    if (place(file, held)) {
      // Who else waits rings again.
      if (pause > 1) remove(bell);
      if (stolenFrom !== null) tidy(file);
      return { release: kept(file), isWanted: () => remove(bell), stolenFrom };
    }
    const other = read(file);
    if (other === null) continue;
    if (ownerState(other.owner) === 'dead' && takeAway(file, other)) {
      stolenFrom = other.owner;
      continue;
    }
    if (performance.now() > until) throw isLocked(what, other, file);
    place(bell, held);
    await sleep(Math.random() * pause);
  }
}

/** True while somebody who is not certainly dead holds it. */
export function isHeld(file: string): boolean {
  try {
    const held = read(file);
    return held !== null && ownerState(held.owner) !== 'dead';
  } catch {
    return false;
  }
}

/** What those left who were killed while they took a lock away. */
function tidy(file: string): void {
  const directory = path.dirname(file);
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(`${path.basename(file)}.`) || name.endsWith('.wanted')) continue;
    const right = path.join(directory, name);
    const other = read(right);
    if (other !== null && ownerState(other.owner) === 'dead') takeAway(right, other);
  }
}

/**
 * Removes the lock of a dead owner. Only who holds the lock that is named after it may, so that of two who saw the same
 * dead owner the slower one does not remove the lock of the faster one. That lock can be left behind as well.
 */
function takeAway(file: string, dead: Held): boolean {
  const right = `${file}.${dead.nonce}`;
  const mine: Held = { owner: currentOwner(), nonce: randomUUID(), since: new Date().toISOString() };
  if (!place(right, mine)) {
    const other = read(right);
    if (other !== null && ownerState(other.owner) === 'dead') takeAway(right, other);
    return false;
  }
  try {
    if (read(file)?.nonce !== dead.nonce) return false;
    remove(file);
    return true;
  } finally {
    remove(right);
  }
}

/** False where somebody holds it. */
function place(file: string, held: Held): boolean {
  try {
    symlinkSync(JSON.stringify(held), file);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw new FileProblemError(`cannot lock the session's log: ${message}`);
  }
}

/** Null where it was given back meanwhile. */
function read(file: string): Held | null {
  let text: string;
  try {
    text = readlinkSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw new FileProblemError(`'${file}' is no lock of ours: ${message}`, [
      `look at it, and move it away: ${file}`,
    ]);
  }
  try {
    const { owner, nonce, since } = JSON.parse(text) as Held;
    if (Number.isSafeInteger(owner.pid) && /^[0-9a-f-]{36}$/u.test(nonce)) return { owner, nonce, since };
  } catch {
    // As below.
  }
  throw new FileProblemError(`'${file}' is no lock of ours`, [`look at it, and move it away: ${file}`]);
}

function isLocked(what: string, { owner, since }: Held, file: string): SessionLockedError {
  const where = ownerState(owner) === 'unknown' ? ` on ${owner.host}` : '';
  return new SessionLockedError(
    `${what} is being written by another process (pid ${owner.pid}${where}, since ${since})`,
    where === '' ? ['try again when it has ended'] : ['where it is gone for certain, remove its lock:', file],
  );
}

/** False where it was not there. */
function remove(file: string): boolean {
  try {
    unlinkSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}

const ours = new Set<() => void>();

/** Gives a lock back, once; by itself where the process ends meanwhile: an append is answered before its lock is. */
function kept(file: string): () => void {
  if (ours.size === 0) process.on('exit', giveBack);
  const release = () => {
    if (!ours.delete(release)) return;
    if (ours.size === 0) process.off('exit', giveBack);
    remove(file);
  };
  ours.add(release);
  return release;
}

function giveBack(): void {
  for (const release of ours) {
    try {
      release();
    } catch {
      // It is free with the end of this process.
    }
  }
}
