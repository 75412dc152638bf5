import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Person, person, processExists, waitFor } from '../support/harness.ts';

const LINES = Array.from({ length: 300 }, (_, i) => String(i + 1));

/** Programs that the run's script calls: each call is a moment at which the server can die. */
const CALLED = ['date', 'mv', 'tail', 'grep', 'sleep', 'tmux', 'awk', 'rm', 'seq'];

/** Puts them before the real ones; the call with this number kills the server of tmux first. */
async function trap(ann: Person, call: number, server: string): Promise<Record<string, string>> {
  const shims = path.join(ann.dir, 'shims');
  mkdirSync(shims);
  for (const name of CALLED) {
    const file = path.join(shims, name);
    // tmux gives its own PATH on to what it starts: this one has to stay.
    const real = (await ann.run('sh', ['-c', `command -v ${name}`])).stdout.trim();
    const script = [
      '#!/bin/sh',
      // Only what runs in the session counts.
      `if [ -n "$GIT_SESSION_ID" ]; then`,
      `  printf x >>'${ann.dir}/calls'`,
      `  if [ "$(wc -c <'${ann.dir}/calls')" -ge ${call} ] && mkdir '${ann.dir}/once' 2>/dev/null; then kill -9 ${server}; fi`,
      'fi',
      `exec ${real} "$@"`,
      '',
    ];
    writeFileSync(file, script.join('\n'));
    chmodSync(file, 0o755);
  }
  return { PATH: `${shims}:${ann.env['PATH']}` };
}

interface Moment {
  state: string;
  lines: string[];
  listed: boolean;
}

/** A short run whose server is killed at the call with this number, and what is known of it afterwards. */
async function runAndKill(call: number): Promise<Moment | null> {
  const ann = person(`p${call}`);
  const repo = await ann.repo();
  await ann.tmux('new-session', '-d', '-s', 'mine');
  const server = await ann.tmux('display-message', '-p', '#{pid}');
  const env = await trap(ann, call, server);
  await ann.gsWith({ cwd: repo, env }, 'run', '--wait', '--id', 'short', '--', 'seq', '300');
  // It may have ended before there were so many calls.
  if (processExists(Number(server))) {
    await ann.run('sh', ['-c', `mkdir once 2>/dev/null && kill -9 ${server}`], { cwd: ann.dir });
    await waitFor(() => !processExists(Number(server)), 'the server to die');
  }
  const records = path.join(repo, '.git/git-session/live');
  const [id] = existsSync(records) ? readdirSync(records) : [];
  // Killed before its script had begun: nobody was told that it runs.
  if (id === undefined) return null;
  const status = () => readFileSync(path.join(records, id, 'status'), 'utf8');
  await waitFor(() => !status().startsWith('state=running\n') || !isAlive(status()), 'the script to end');
  const result = await ann.gs(repo, 'history', '--json', 'short');
  const found = JSON.parse(result.stdout) as { lines?: string[]; error?: { message: string } };
  return {
    state: /^state=(\w+)/u.exec(status())![1]!,
    lines: found.lines ?? [],
    listed: result.code === 0 || found.error!.message.includes('nothing is kept'),
  };
}

function isAlive(status: string): boolean {
  return processExists(Number(/^pid=(\d+)$/mu.exec(status)?.[1]));
}

test(
  'Y7 a run that has ended is listed with its whole output, whenever the server is killed',
  { timeout: 600_000 },
  async () => {
    const moments: (Moment | null)[] = [];
    // HISTORY_KILLS=1 tries every call.
    const step = Number(process.env['HISTORY_KILLS'] ?? 2);
    const calls = Array.from({ length: Math.ceil(30 / step) }, (_, i) => 1 + i * step);
    // Most of the time each of them waits.
    for (let i = 0; i < calls.length; i += 5) {
      moments.push(...(await Promise.all(calls.slice(i, i + 5).map(runAndKill))));
    }
    const found = moments.filter((m) => m !== null);
    expect(found.filter((m) => !m.listed)).toEqual([]);
    const exited = found.filter((m) => m.state === 'exited');
    expect(exited.length).toBeGreaterThan(1);
    expect(exited.filter((m) => m.lines.join() !== LINES.join())).toEqual([]);
    // Some were met while they ran.
    expect(found.length).toBeGreaterThan(exited.length);
  },
);

// Less than the time for which a script that is slow to begin is waited for.
test('O5 a run whose server dies before it begins says so at once', { timeout: 15_000 }, async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.tmux('new-session', '-d', '-s', 'mine');
  const env = await trap(ann, 1, await ann.tmux('display-message', '-p', '#{pid}'));
  const { code, stdout, stderr } = await ann.gsWith({ cwd: repo, env }, 'run', '--', 'seq', '300');
  expect([code, stdout]).toEqual([128, '']);
  expect(stderr).toMatch(/^fatal: (?:tmux did not start the command|the tmux server went away)\n/u);
  expect(readdirSync(path.join(repo, '.git/git-session/live'))).toEqual([]);
});

test('Y7 output that tmux has not read when it dies is none of a finished command', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.tmux('new-session', '-d', '-s', 'mine');
  const server = await ann.tmux('display-message', '-p', '#{pid}');
  await ann.ok(
    repo,
    'run',
    '--id',
    'lost',
    `echo one; until grep -q one .git/git-session/live/*/output.log; do :; done; kill -STOP ${server}; echo two; touch done`,
  );
  await waitFor(() => existsSync(path.join(repo, 'done')), 'the command');
  const records = path.join(repo, '.git/git-session/live');
  const status = () => readFileSync(path.join(records, readdirSync(records)[0]!, 'status'), 'utf8');
  // The script waits for tmux, which is stopped.
  const before = status();
  process.kill(Number(server), 'SIGKILL');
  await waitFor(() => !status().startsWith('state=running\n'), 'the end');
  expect(before).toMatch(/^state=running\n/u);
  expect(status()).toMatch(/^state=hangup\ncode=0\n/u);
  expect((await ann.gs(repo, 'history', 'lost')).stdout).toBe('one\n');
});
