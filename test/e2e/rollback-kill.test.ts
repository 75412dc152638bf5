import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { type Person, person, PROGRAM, waitFor } from '../support/harness.ts';

const ROUNDS = Number(process.env['ROLLBACK_KILLS'] ?? 8);

/** Ends with its process group, git and tmux clients included: nothing tidies up. */
async function killedAfter(ann: Person, repo: string, ms: number): Promise<boolean> {
  const child = spawn(PROGRAM, ['rollback', '--to', '1', 'work'], {
    ...{ cwd: repo, env: ann.env, stdio: 'ignore', detached: true },
  });
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.on('exit', (_, signal) => resolve(signal)),
  );
  const timer = setTimeout(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It was faster.
    }
  }, ms);
  const signal = await ended;
  clearTimeout(timer);
  return signal !== null;
}

interface Entry {
  id: string;
  message: string | null;
}

it(
  'V3 V4 a rollback that is killed anywhere leaves one session, and nothing is lost',
  { timeout: 600_000 },
  async () => {
    const ann = person();
    const repo = await ann.repo();
    const at = (name: string) => path.join(repo, name);
    await ann.ok(repo, 'create', '--name', 'work', '--no-attach');
    const id = await ann.tmux('show-options', '-qv', '-t', '=work:', '@git-session-id');
    writeFileSync(at('file.txt'), 'then\n');
    writeFileSync(at('then.txt'), 'then\n');
    await ann.ok(repo, 'checkpoint', 'work');
    const start = Date.now();
    await ann.ok(repo, 'rollback', '--to', '1', 'work');
    const whole = Date.now() - start;
    let killed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // What is there is new each time.
      const now = `now ${round}\n`;
      writeFileSync(at('file.txt'), now);
      writeFileSync(at('now.txt'), now);
      const known = new Set(
        (JSON.parse(await ann.ok(repo, 'log', '--json', 'work')) as Entry[]).map((e) => e.id),
      );
      if (await killedAfter(ann, repo, ((round + 0.5) / ROUNDS) * whole * 1.2)) killed++;
      // The connection of the dead one to tmux ends.
      const names = async () => (await ann.tmux('list-sessions', '-F', '#{session_name}')).split('\n');
      await waitFor(
        async () => !(await names()).some((n) => n.startsWith('git-session-anchor')),
        'the anchor to go',
      );
      expect((await names()).filter((n) => !n.startsWith('git-session-'))).toEqual(['work']);
      expect(await ann.tmux('show-options', '-qv', '-t', '=work:', '@git-session-id')).toBe(id);
      const fresh = (JSON.parse(await ann.ok(repo, 'log', '--json', 'work')) as Entry[]).filter(
        (e) => !known.has(e.id),
      );
      const taken = fresh.find((e) => e.message?.startsWith('before rollback') === true);
      // A killed git may leave its lock, which only a person may remove.
      const lock = path.join(repo, '.git/index.lock');
      if (existsSync(lock)) await ann.run('rm', [lock]);
      if (taken !== undefined) {
        // Also what is half done is saved by this, and the way back is open.
        await ann.ok(repo, 'rollback', '--to', `work/${taken.id}`, 'work');
        expect(await names()).toEqual(['work']);
      }
      expect(readFileSync(at('file.txt'), 'utf8')).toBe(now);
      expect(readFileSync(at('now.txt'), 'utf8')).toBe(now);
    }
    expect(killed).toBeGreaterThan(0);
    const left = await ann.gs(repo, 'fsck');
    expect([left.code, left.stdout]).toEqual([0, '']);
  },
);
