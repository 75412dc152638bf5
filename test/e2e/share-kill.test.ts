import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Person } from '../support/harness.ts';
import { refs, save, world } from '../support/two-clones.ts';

const KILLS = 12;

/** Starts `git session` in a process group of its own and kills all of it after so many milliseconds. */
async function killed(who: Person, cwd: string, args: string[], after: number): Promise<boolean> {
  const child = spawn('git', ['session', ...args], { cwd, env: who.env, stdio: 'ignore', detached: true });
  const ended = new Promise<boolean>((resolve) => {
    child.on('close', (_, signal) => resolve(signal === 'SIGKILL'));
  });
  await delay(after);
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // It was faster.
  }
  return ended;
}

/** A git that is killed may leave a lock, which git never removes by itself (faults F14). */
function unlock(gitDir: string): void {
  for (const file of readdirSync(gitDir, { recursive: true, encoding: 'utf8' })) {
    if (file.endsWith('.lock')) rmSync(path.join(gitDir, file));
  }
}

/** A commit with bytes that can't be compressed, so that there is something to transfer. */
async function heavy(who: Person, repo: string): Promise<void> {
  writeFileSync(path.join(repo, 'big.bin'), randomBytes(12_000_000));
  await who.git(repo, 'add', '.');
  await who.git(repo, 'commit', '-qm', 'big');
}

/** Milliseconds that one whole run takes, for kills at every point of it. */
async function timed(action: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await action();
  return performance.now() - started;
}

test('F5 kill -9 during push: the remote has whole sessions or none, the clone is as it was, a retry works', async () => {
  const { ann, origin, a } = await world();
  await save(ann, a, 1, 'first');
  const time = await timed(() => ann.ok(a, 'push'));
  await heavy(ann, a);
  let kills = 0;
  for (let i = 0; i < KILLS; i++) {
    await save(ann, a, 10 + i);
    const before = await ann.git(a, 'for-each-ref');
    if (await killed(ann, a, ['push'], (time * 1.3 * (i + 1)) / KILLS)) kills++;
    await ann.git(origin, 'fsck', '--connectivity-only');
    expect(await ann.git(a, 'for-each-ref')).toBe(before);
  }
  expect(kills).toBeGreaterThan(0);
  unlock(origin);
  await ann.ok(a, 'push');
  expect(await refs(ann, origin)).toEqual(await refs(ann, a));
});

test('F6 kill -9 during fetch: own sessions are untouched, no copy is half, a retry works', async () => {
  const { ann, bob, origin, a, b } = await world();
  await save(ann, a, 1);
  await ann.ok(a, 'push');
  await save(bob, b, 2, 'own');
  const time = await timed(() => bob.ok(b, 'fetch'));
  await heavy(ann, a);
  let kills = 0;
  for (let i = 0; i < KILLS; i++) {
    await save(ann, a, 10 + i);
    await ann.ok(a, 'link', 'work', `CRQ-${i}`);
    await ann.ok(a, 'push');
    const before = await refs(bob, b);
    if (await killed(bob, b, ['fetch'], (time * 1.3 * (i + 1)) / KILLS)) kills++;
    await bob.git(b, 'fsck', '--connectivity-only');
    expect(await refs(bob, b)).toEqual(before);
  }
  expect(kills).toBeGreaterThan(0);
  unlock(path.join(b, '.git'));
  await bob.ok(b, 'fetch');
  const copies = (await refs(bob, b, 'refs/remote-sessions')).map((r) =>
    r.replace('refs/remote-sessions/origin', 'refs/sessions'),
  );
  expect(copies).toEqual(await refs(ann, origin));
});
