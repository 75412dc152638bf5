import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Person, person, processExists, PROGRAM, waitFor } from '../support/harness.ts';
import { shellTerminal, terminal } from '../support/terminal.ts';

const sessions = async (ann: Person) =>
  (await ann.tmux('list-sessions', '-F', '#{session_name}')).split('\n').toSorted();

const historyOf = (ann: Person) => path.join(ann.home, '.local/share/git-session/history');

async function histories(ann: Person): Promise<string[]> {
  return existsSync(historyOf(ann))
    ? readdirSync(historyOf(ann))
        .filter((f) => f.endsWith('.txt'))
        .map((f) => readFileSync(path.join(historyOf(ann), f), 'utf8'))
    : [];
}

async function panePid(ann: Person, name: string): Promise<number> {
  return Number(await ann.tmux('display-message', '-p', '-t', `=${name}:`, '#{pane_pid}'));
}

function recordOf(repo: string, id: string, file: string): string {
  return path.join(repo, '.git/git-session/live', id, file);
}

const create = async (ann: Person, repo: string, name: string) =>
  JSON.parse(await ann.ok(repo, 'create', '--json', name)) as { id: string; pid: number };

/** A terminal that shows a session. */
async function attached(ann: Person, repo: string, name: string) {
  const term = shellTerminal(ann, repo, 'tmux', ['-S', ann.socket, 'attach', '-t', `=${name}`]);
  await waitFor(
    async () => (await ann.tmux('display-message', '-p', '-t', `=${name}:`, '#{session_attached}')) === '1',
    'the terminal to be attached',
  );
  return term;
}

test('O4 C20 C11 kill takes the exact name and leaves the neighbor whose name begins with it', async () => {
  const ann = person();
  const repo = await ann.repo();
  const auth = await create(ann, repo, 'auth');
  await create(ann, repo, 'auth-2');
  await ann.tmux('send-keys', '-t', '=auth:', 'echo one-""two', 'Enter');
  await waitFor(async () => (await ann.screen('=auth:')).includes('one-two'), 'the line');
  const done = await ann.gs(repo, 'kill', 'auth');
  expect([done.code, done.stdout, done.stderr]).toEqual([0, 'Killed auth\n', '']);
  expect(await sessions(ann)).toEqual(['auth-2']);
  expect(processExists(auth.pid)).toBe(false);
  expect(JSON.parse(readFileSync(recordOf(repo, auth.id, 'ended.json'), 'utf8')).how).toBe('killed');
  expect((await histories(ann)).join('')).toContain('one-two');
  // Once more: its record is there, and nothing to end.
  const again = await ann.gs(repo, 'kill', auth.id);
  expect([again.code, again.stderr.split('\n')[0]]).toEqual([1, "error: 'auth' is not running"]);
  // By a part that only one has.
  expect((await ann.gs(repo, 'kill', 'h-2')).stdout).toBe('Killed auth-2\n');
  expect(await ann.tmuxAlive()).toBe(false);
});

test('C21 several matches are named and nothing is ended without a terminal', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'api-one');
  await create(ann, repo, 'api-two');
  const result = await ann.gs(repo, 'kill', '--json', 'api');
  expect(result.code).toBe(1);
  const { error } = JSON.parse(result.stdout);
  expect(error).toMatchObject({ code: 'ambiguous', data: { candidates: ['api-one', 'api-two'] } });
  expect((await ann.gs(repo, 'kill')).code).toBe(129);
  expect((await ann.gs(repo, 'kill', '-i', 'api-one')).code).toBe(129);
  const unknown = await ann.gs(repo, 'kill', 'api-onx');
  expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining("did you mean 'api-one'?")]);
  expect(await sessions(ann)).toEqual(['api-one', 'api-two']);
});

test('C22 kill --all and a glob want a yes, and reach no session that is not of this repository', async () => {
  const ann = person();
  const repo = await ann.repo();
  const other = await ann.repo('other');
  await create(ann, repo, 'one');
  await create(ann, repo, 'two');
  await create(ann, other, 'three');
  await ann.tmux('new-session', '-d', '-s', 'own');
  for (const args of [['--all'], ['*'], ['*o*', 'on*']]) {
    const refused = await ann.gs(repo, 'kill', ...args);
    expect([args, refused.code]).toEqual([args, 1]);
    expect(refused.stderr).toMatch(
      /^error: this would end 2 sessions: (?:one, two|two, one)\nhint: to do it: --yes\n$/u,
    );
  }
  expect(await sessions(ann)).toEqual(['one', 'own', 'three', 'two']);
  expect((await ann.gs(repo, 'kill', 'ow')).code).toBe(1);
  const done = await ann.gs(repo, 'kill', '--all', '--yes', '--json');
  expect(JSON.parse(done.stdout).killed).toMatchObject([{ name: 'one' }, { name: 'two' }]);
  expect(await sessions(ann)).toEqual(['own', 'three']);
  expect((await ann.gs(repo, 'kill', '--all', '--yes')).code).toBe(1);
  // By its exact name everything can be ended.
  expect((await ann.gs(repo, 'kill', 'own')).stdout).toBe('Killed own\n');
});

test('C23 kill --completed and --failed take those and no other', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'run', '--wait', '--id', 'good', 'echo fine');
  await ann.gs(repo, 'run', '--wait', '--id', 'bad', 'exit 3');
  await ann.ok(repo, 'run', '--id', 'long', 'sleep 1000');
  expect(await sessions(ann)).toHaveLength(3);
  expect((await ann.gs(repo, 'kill', '--completed')).stdout).toMatch(/^Killed gs-run-good-\d+\n$/u);
  expect((await ann.gs(repo, 'kill', '--completed', '--failed')).stdout).toMatch(
    /^Killed gs-run-bad-\d+\n$/u,
  );
  expect((await sessions(ann)).join('\n')).toMatch(/^gs-run-long-\d+$/u);
  expect((await ann.gs(repo, 'kill', '--failed')).code).toBe(1);
  expect((await histories(ann)).toSorted()).toEqual(['', 'fine\n']);
});

test('M9 a run that ignores the hangup is ended too, with its children', async () => {
  const ann = person();
  const repo = await ann.repo();
  const started = JSON.parse(
    await ann.ok(
      repo,
      'run',
      '--json',
      '--id',
      'deaf',
      `sh -c "trap '' HUP TERM; sleep 1000 & sleep 1000 & wait"`,
    ),
  ) as { id: string; pid: number };
  const children = async () =>
    (await ann.run('ps', ['-A', '-o', 'pid=,pgid='])).stdout
      .split('\n')
      .map((line) => line.trim().split(/\s+/u).map(Number))
      .filter(([, pgid]) => pgid === started.pid)
      .map(([pid]) => pid!);
  await waitFor(async () => (await children()).length >= 4, 'the command to run');
  const before = await children();
  expect((await ann.gs(repo, 'kill', 'deaf')).code).toBe(0);
  expect(before.filter((pid) => processExists(pid))).toEqual([]);
  expect(existsSync(recordOf(repo, started.id, 'ended.json'))).toBe(true);
});

test('sixty sessions, and a zoomed window: few tmux calls, and the server lives on', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'keep');
  const record = JSON.parse(
    readFileSync(recordOf(repo, (await create(ann, repo, 'many-0')).id, 'record.json'), 'utf8'),
  ) as { id: string };
  await ann.tmux('split-window', '-t', '=many-0:');
  await ann.tmux('resize-pane', '-Z', '-t', '=many-0:');
  for (let i = 1; i < 60; i++) {
    const id = record.id.replace(/^.{8}/u, String(i).padStart(8, '0'));
    mkdirSync(path.dirname(recordOf(repo, id, 'x')));
    writeFileSync(recordOf(repo, id, 'record.json'), JSON.stringify({ ...record, id, name: `many-${i}` }));
    await ann.tmux('new-session', '-d', '-s', `many-${i}`, 'sleep 1000', ';', 'set', '@git-session-id', id);
  }
  const calls = path.join(ann.dir, 'calls');
  const stub = path.join(ann.dir, 'tmux-counted');
  writeFileSync(
    stub,
    `#!/bin/sh\necho called >>'${calls}'\nexec tmux -S '${ann.socket}' -f /dev/null "$@"\n`,
    {
      mode: 0o755,
    },
  );
  const result = await ann.run(
    'git',
    ['-c', `session.tmuxCommand=${stub}`, 'session', 'kill', '--yes', 'many-*'],
    {
      cwd: repo,
    },
  );
  expect([result.code, result.stderr]).toEqual([0, '']);
  expect(result.stdout.trim().split('\n')).toHaveLength(60);
  expect(await sessions(ann)).toEqual(['keep']);
  expect(readFileSync(calls, 'utf8').trim().split('\n').length).toBeLessThan(7);
  expect(readdirSync(historyOf(ann))).toHaveLength(60);
});

test('M2 a session that a terminal shows is ended by its name, and not by a pattern', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'shown');
  await create(ann, repo, 'other');
  await attached(ann, repo, 'shown');
  for (const args of [['--all', '--yes'], ['show'], ['*', '--yes']]) {
    const refused = await ann.gs(repo, 'kill', '--json', ...args);
    const { error } = JSON.parse(refused.stdout);
    expect([args, refused.code, error.code, error.data.sessions]).toEqual([
      args,
      1,
      'clients-attached',
      ['shown'],
    ]);
  }
  expect(await sessions(ann)).toEqual(['other', 'shown']);
  expect((await ann.gs(repo, 'kill', 'shown')).code).toBe(0);
  await attached(ann, repo, 'other');
  expect((await ann.gs(repo, 'kill', '--all', '--yes', '--force')).stdout).toBe('Killed other\n');
});

test('C21 C22 on a terminal: several are chosen from a list, and --all asks', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'config', 'session.picker', 'builtin');
  for (const name of ['api-one', 'api-two', 'web']) await create(ann, repo, name);
  const list = terminal(ann, repo, 'kill', 'api');
  await list.waitForScreen(/api-two/u);
  expect(list.screen().join('\n')).not.toContain('web');
  list.type('\t\t\r');
  expect(await list.ended).toBe(0);
  expect(await sessions(ann)).toEqual(['web']);
  const no = terminal(ann, repo, 'kill', '--all');
  await no.waitForScreen(/web[^]*End 1 session\? \[y\/N\]/u);
  no.type('n\r');
  expect(await no.ended).toBe(1);
  expect(await sessions(ann)).toEqual(['web']);
  const stopped = terminal(ann, repo, 'kill', '--all');
  await stopped.waitForScreen(/End 1 session/u);
  stopped.type('\u0003');
  expect(await stopped.ended).toBe(130);
  const canceled = terminal(ann, repo, 'kill', '-i', 'web');
  await canceled.waitForScreen(/web/u);
  canceled.type('\u0003');
  expect(await canceled.ended).toBe(130);
  expect(await sessions(ann)).toEqual(['web']);
  const yes = terminal(ann, repo, 'kill', '--all');
  await yes.waitForScreen(/End 1 session/u);
  yes.type('y\r');
  expect(await yes.ended).toBe(0);
  expect(await ann.tmuxAlive()).toBe(false);
});

test('a session that ends itself from within is recorded', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'stays');
  const { id } = await create(ann, repo, 'within');
  expect(await panePid(ann, 'within')).toBeGreaterThan(0);
  await ann.tmux('send-keys', '-t', '=within:', `${PROGRAM} kill within`, 'Enter');
  await waitFor(async () => (await sessions(ann)).join() === 'stays', 'the session to end');
  expect(existsSync(recordOf(repo, id, 'ended.json'))).toBe(true);
  expect((await histories(ann)).join('')).toContain('git-session kill within');
});

test('M6 ending and detaching go on where session.enabled is false', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', 'work');
  await ann.ok(repo, 'create', 'other');
  await ann.git(repo, 'config', 'session.enabled', 'false');
  const detach = await ann.gs(repo, 'detach', '--json', 'work');
  expect([detach.code, JSON.parse(detach.stdout).error.code]).toEqual([1, 'not-found']);
  expect((await ann.gs(repo, 'create', 'third')).stderr).toContain('switched off');
  await ann.ok(repo, 'kill', 'work');
  expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('other');
});

test('C22 sessions of a server that was started while kill asked are left alone', async () => {
  const ann = person();
  const repo = await ann.repo();
  const old = await create(ann, repo, 'one');
  await create(ann, repo, 'two');
  const asks = terminal(ann, repo, 'kill', '--all');
  await asks.waitForScreen(/End 2 sessions\? \[y\/N\]/u);
  await ann.tmux('kill-server');
  await waitFor(async () => !(await ann.tmuxAlive()), 'the server to end');
  // Both have the ids that the others had.
  await ann.tmux('new-session', '-d', '-s', 'mine', 'sleep 1000');
  await ann.tmux('new-session', '-d', '-s', 'yours', 'sleep 1000');
  const pids = [await panePid(ann, 'mine'), await panePid(ann, 'yours')];
  asks.type('y\r');
  expect(await asks.ended).toBe(0);
  expect(await sessions(ann)).toEqual(['mine', 'yours']);
  expect(pids.map(processExists)).toEqual([true, true]);
  expect(asks.text()).toMatch(/'one' has ended meanwhile/u);
  expect(asks.text()).not.toContain('Killed');
  expect(existsSync(recordOf(repo, old.id, 'ended.json'))).toBe(false);
});

test('C20 a run that outlived its tmux server is ended, also where another server runs or none', async () => {
  const ann = person();
  const repo = await ann.repo();
  for (const other of [false, true]) {
    const word = `deaf-${other}`;
    const command = `sh -c "trap '' HUP; echo up >${word}; while :; do sleep 0.1; done"`;
    const started = JSON.parse(await ann.ok(repo, 'run', '--json', '--id', word, command)) as { pid: number };
    await waitFor(async () => existsSync(path.join(repo, word)), 'the command to run');
    await ann.tmux('kill-server');
    await waitFor(async () => !(await ann.tmuxAlive()), 'the server to end');
    if (other) await ann.tmux('new-session', '-d', '-s', 'other', 'sleep 1000');
    const group = async () =>
      (await ann.run('ps', ['-A', '-o', 'pgid=,stat='])).stdout
        .split('\n')
        .map((line) => line.trim().split(/\s+/u))
        .filter(([pgid, stat]) => Number(pgid) === started.pid && stat?.startsWith('Z') !== true);
    expect(await group()).not.toEqual([]);
    const done = await ann.gs(repo, 'kill', word);
    expect([done.code, done.stderr]).toEqual([0, '']);
    expect(await group()).toEqual([]);
  }
  expect(await sessions(ann)).toEqual(['other']);
});

test('a status file that names processes of others ends none of them', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { id } = JSON.parse(await ann.ok(repo, 'run', '--json', '--id', 'forged', 'true')) as { id: string };
  await waitFor(
    async () => readFileSync(recordOf(repo, id, 'status'), 'utf8').includes('exited'),
    'the command to end',
  );
  await ann.killServer();
  const [seen, victim] = ['1001', '1002'].map((seconds) => {
    const child = spawn('sleep', [seconds], { detached: true, stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child.pid!;
  });
  const stat = readFileSync(`/proc/${seen}/stat`, 'latin1');
  const cases = [
    // A process that is there, and the group of another.
    `pid=${seen}\ngroup=${victim}\nstat=${stat}`,
    // Nothing tells it from a later one with its pid.
    `pid=${victim}\ngroup=${victim}\nstat=\n`,
    `pid=${victim}\nstat=\n`,
  ];
  for (const text of cases) {
    writeFileSync(recordOf(repo, id, 'status'), `state=running\ncode=\nstart=1\nend=\n${text}`);
    const refused = await ann.gs(repo, 'kill', id);
    expect([text, refused.code, refused.stderr.split('\n')[0]]).toEqual([
      text,
      1,
      expect.stringMatching(/^error: 'gs-run-forged-\d+' is not running$/u),
    ]);
    expect([seen!, victim!].map(processExists)).toEqual([true, true]);
  }
});

test('C20 a record that can not be written keeps no session alive', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { id, pid } = await create(ann, repo, 'work');
  // As a full disk, also for root: no file can be put there.
  mkdirSync(recordOf(repo, id, 'ended.json'));
  const done = await ann.gs(repo, 'kill', 'work');
  expect([done.code, done.stdout]).toEqual([0, 'Killed work\n']);
  expect(done.stderr).toMatch(/^warning: cannot write the session's record: [^\n]+\n$/u);
  expect(processExists(pid)).toBe(false);
  expect(await ann.tmuxAlive()).toBe(false);
});

test('C22 a server that is new by the time of the last call loses nothing', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'one');
  await ann.tmux('split-window', '-t', '=one:');
  await ann.tmux('resize-pane', '-Z', '-t', '=one:');
  const tmux = `tmux -S '${ann.socket}' -f /dev/null`;
  const stub = path.join(ann.dir, 'tmux-restarted');
  const script = [
    '#!/bin/sh',
    'case " $* " in *" source-file "*)',
    `${tmux} kill-server </dev/null`,
    `while ${tmux} list-sessions </dev/null >/dev/null 2>&1; do :; done`,
    `${tmux} new-session -d -s mine 'sleep 1000' ';' split-window 'sleep 1000' ';' resize-pane -Z </dev/null;;`,
    'esac',
    `exec ${tmux} "$@"`,
  ];
  writeFileSync(stub, `${script.join('\n')}\n`, { mode: 0o755 });
  // One script only, so that all was looked at before.
  const settings = [`session.tmuxCommand=${stub}`, 'session.historyAutoSave=false'];
  const args = [...settings.flatMap((one) => ['-c', one]), 'session', 'kill', 'one'];
  const done = await ann.run('git', args, { cwd: repo });
  expect([done.code, done.stdout, done.stderr]).toEqual([0, 'Killed one\n', '']);
  const format = '#{session_id} #{session_name} #{window_zoomed_flag}';
  expect(await ann.tmux('list-sessions', '-F', format)).toBe('$0 mine 1');
});
