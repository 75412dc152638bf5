import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Person, person, processExists, waitFor } from '../support/harness.ts';

interface Told {
  session: string;
  name: string;
  clone: string;
  sequence: number;
  clock: number;
  at: string;
  type: string;
  data: Record<string, unknown>;
  state: { name: string; reason: string | null; error: string | null };
}

/** A session that runs, and then the observer: a script for sh, which finds the test's directory in $D. */
async function scene(script: string): Promise<{ ann: Person; repo: string; seen: string; id: string }> {
  const ann = person();
  const repo = await ann.repo();
  const made = JSON.parse(await ann.ok(repo, 'create', '--json', 'work')) as { id: string };
  const file = path.join(ann.dir, 'observer.sh');
  writeFileSync(file, `D='${ann.dir}'\n${script}\n`);
  await ann.git(repo, 'config', 'session.onEvent', `sh '${file}' "first word"`);
  return { ann, repo, seen: path.join(ann.dir, 'seen'), id: made.id };
}

const lines = (file: string) =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Told)
    : [];

/** An observer that stays until it is told to go: what returns before it waited for nothing. */
const STAYS = 'echo $$ >"$D/pid.tmp"; mv "$D/pid.tmp" "$D/pid"; sleep 300';

async function stayingPid(ann: Person): Promise<number> {
  const file = path.join(ann.dir, 'pid');
  await waitFor(() => existsSync(file), 'the observer to start');
  const pid = Number(readFileSync(file, 'utf8'));
  onTestFinished(() => {
    // With its group: the sleep is in it.
    process.kill(-pid, 'SIGKILL');
  });
  return pid;
}

describe('E3 session.onEvent', () => {
  test('gets each event as a line of JSON on stdin, with id and name in its environment', async () => {
    const { ann, repo, seen, id } = await scene(
      'cat >"$D/part"; echo "$1 $GIT_SESSION_ID $GIT_SESSION_NAME" >"$D/env"; mv "$D/part" "$D/seen"',
    );
    await ann.ok(repo, 'pause', '-m', 'to eat "\u202E', 'work');
    await waitFor(() => existsSync(seen), 'the observer');
    const [told, ...others] = lines(seen);
    expect(others).toEqual([]);
    expect(told).toMatchObject({ session: id, name: 'work', sequence: 2, type: 'paused' });
    expect(told!.data).toEqual({ reason: 'to eat "\u202E' });
    expect(told!.state).toMatchObject({ name: 'paused', reason: 'to eat "\u202E' });
    expect(told!.clone).toMatch(/^[0-9a-f-]{36}$/u);
    expect(new Date(told!.at).toISOString()).toBe(told!.at);
    expect(told!.clock).toBeGreaterThan(0);
    await waitFor(() => readFileSync(path.join(ann.dir, 'env'), 'utf8') !== '', 'its environment');
    expect(readFileSync(path.join(ann.dir, 'env'), 'utf8')).toBe(`first word ${id} work\n`);
  });

  test('E2 the events of one command go to one process, in their order', async () => {
    const { ann, repo, seen } = await scene('cat >"$D/part.$$"; mv "$D/part.$$" "$D/seen"');
    await ann.git(repo, 'config', '--unset', 'session.onEvent');
    await ann.ok(repo, 'create', '--fail-fast', 'strict');
    await ann.git(repo, 'config', 'session.onEvent', `sh ${path.join(ann.dir, 'observer.sh')}`);
    expect((await ann.gs(repo, 'exec', 'strict', 'exit 4')).code).toBe(4);
    await waitFor(() => existsSync(seen), 'the observer');
    expect(lines(seen).map(({ type, state }) => [type, state.name])).toEqual([
      ['command-executed', 'running'],
      ['failed', 'failed'],
    ]);
  });

  test('E2 one that sleeps delays nothing, and outlives the command', async () => {
    const { ann, repo } = await scene(STAYS);
    await ann.ok(repo, 'pause', '-m', 'x', 'work');
    const pid = await stayingPid(ann);
    expect(processExists(pid)).toBe(true);
    expect(await ann.ok(repo, 'state', 'work')).toBe('paused: x\n');
  });

  test.each([
    ['fails', 'exit 9'],
    ['is killed', 'kill -9 $$'],
    ['closes its stdin', 'exec <&-; exit 0'],
    ['reads a part and ends', 'read line; exit 1'],
    ['reads nothing', 'true'],
  ])('E2 one that %s changes nothing', async (_, end) => {
    const { ann, repo, seen } = await scene(`trap 'echo "{}" >"$D/seen"' EXIT; echo "{}" >"$D/seen"; ${end}`);
    // More than a pipe holds.
    const data = JSON.stringify({ results: 'x'.repeat(100_000) });
    const result = await ann.gs(repo, 'event', 'work', 'analysis-completed', '--data', data);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    await waitFor(() => existsSync(seen), 'the observer');
    expect(await ann.ok(repo, 'state', 'work')).toBe('running\n');
  });

  test('one that does not exist is a warning, and the event is there', async () => {
    const { ann, repo } = await scene('');
    await ann.git(repo, 'config', 'session.onEvent', '/nowhere/observer --x');
    const result = await ann.gs(repo, 'pause', '-m', 'x', 'work');
    expect(result.code).toBe(0);
    expect(result.stderr).toContain("warning: session.onEvent: '/nowhere/observer --x' can't be started");
    await ann.git(repo, 'config', 'session.onEvent', "sh 'open");
    const other = await ann.gs(repo, 'resume', 'work');
    expect(other.code).toBe(0);
    expect(other.stderr).toMatch(/^warning: session\.onEvent is not a command/mu);
    expect(await ann.ok(repo, 'state', 'work')).toBe('running\n');
  });

  test('an event that is refused is told to nobody', async () => {
    const { ann, repo, seen } = await scene('cat >>"$D/seen"');
    expect((await ann.gs(repo, 'resume', 'work')).code).toBe(1);
    await ann.ok(repo, 'pause', '-m', 'x', 'work');
    await waitFor(() => lines(seen).length > 0, 'the observer');
    expect(lines(seen).map((told) => told.type)).toEqual(['paused']);
  });

  test('L9 E1 create, exec, kill are told; nothing of a snapshot or of files in the worktree sets it', async () => {
    const { ann, repo, seen } = await scene('cat >>"$D/seen"');
    writeFileSync(path.join(repo, '.gitconfig'), '[session]\n\tonEvent = touch /tmp/never\n');
    await ann.ok(repo, 'create', 'other');
    const types = () => lines(seen).map(({ name, type }) => `${name} ${type}`);
    await waitFor(() => types().includes('other started'), 'the start');
    await ann.ok(repo, 'exec', 'other', 'true');
    await waitFor(() => types().includes('other command-executed'), 'the command');
    await ann.ok(repo, 'kill', 'other');
    await waitFor(() => types().includes('other failed'), 'the end');
    expect(types()).toEqual(['other started', 'other command-executed', 'other failed']);
  });
});
