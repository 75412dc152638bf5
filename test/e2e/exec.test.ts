import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person, processExists, PROGRAM, waitFor } from '../support/harness.ts';
import { shellTerminal, terminal } from '../support/terminal.ts';

interface Answer {
  ok: boolean;
  exit_code: number;
  stdout: string | { base64: string };
  stderr: string;
  duration_ms: number;
  timed_out: boolean;
  session: { id: string; name: string };
}
interface Entry {
  type: string;
  command: string;
  argv: unknown[];
  exit_code: number | null;
  duration_ms: number | null;
  preview: string;
  more?: boolean;
  state: string;
}

async function scene(): Promise<{ ann: Person; repo: string }> {
  const ann = person();
  const repo = await ann.repo();
  await ann.ok(repo, 'create', 'work');
  return { ann, repo };
}

async function log(ann: Person, repo: string, name = 'work'): Promise<Entry[]> {
  const all = JSON.parse(await ann.ok(repo, 'log', '--json', name)) as Entry[];
  return all.filter((e) => e.type === 'command');
}

function jobs(repo: string): string[] {
  const live = path.join(repo, '.git/git-session/live');
  return readdirSync(live).flatMap((id) => {
    const place = path.join(live, id, 'exec');
    return existsSync(place) ? readdirSync(place).map((name) => path.join(place, name)) : [];
  });
}

const windows = (ann: Person) => ann.tmux('list-windows', '-a', '-F', '#{session_name} #{window_name}');
const numberIn = (file: string) => Number(readFileSync(file, 'utf8'));
const isWritten = (file: string) => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n');

/** exec as a process of ours, without git in between, which would pass signals on. */
function start(ann: Person, cwd: string, ...args: string[]) {
  const child = spawn(PROGRAM, ['exec', ...args], { cwd, env: ann.env, stdio: ['pipe', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdin.on('error', () => undefined);
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended, printed: () => stdout };
}

describe('exec', () => {
  test('O3 prints what the command prints, where the session is, and nothing else', async () => {
    const { ann, repo } = await scene();
    const place = path.join(repo, 'a b');
    mkdirSync(place);
    await ann.tmux('send-keys', '-t', '=work:', `cd 'a b'`, 'Enter');
    await waitFor(
      async () => (await ann.tmux('display-message', '-p', '-t', '=work:', '#{pane_current_path}')) === place,
      'the shell to go there',
    );
    const result = await ann.gs(repo, 'exec', 'work', 'pwd');
    expect(result).toMatchObject({ code: 0, stdout: `${realpathSync(place)}\n`, stderr: '' });
    expect(await ann.ok(repo, 'exec', '-c', '/', 'work', '--', 'pwd')).toBe('/\n');
    // No window, process or file is left but the log.
    expect(await windows(ann)).toMatch(/^work \S+$/u);
    for (const job of jobs(repo)) {
      expect(readdirSync(job).toSorted()).toEqual([
        'argv.json',
        'collectors',
        'start',
        'status',
        'stderr',
        'stdout',
      ]);
      const pids = readFileSync(path.join(job, 'collectors'), 'utf8').trim().split(' ').map(Number);
      for (const pid of pids) await waitFor(() => !processExists(pid), 'what collects the output to end');
    }
  });

  test('O3 passes all bytes on, and stderr apart', async () => {
    const { ann, repo } = await scene();
    const bytes = Buffer.from(Array.from({ length: 5 * 1024 * 1024 }, (_, i) => (i * 7 + (i >> 8)) & 255));
    expect(new Set(bytes).size).toBe(256);
    writeFileSync(path.join(repo, 'bytes'), bytes);
    const script = 'cat bytes; echo one >/dev/stderr; echo two >&2; echo three >/dev/stderr';
    const result = await ann.gs(repo, 'exec', 'work', '--', 'sh', '-c', script);
    expect(result.code).toBe(0);
    expect(result.bytes.equals(bytes)).toBe(true);
    expect(result.stderr).toBe('one\ntwo\nthree\n');
  });

  test('O3 copies stdin, and does not wait for one that the command does not read', async () => {
    const { ann, repo } = await scene();
    const input = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31) & 255));
    const all = await ann.gsWith({ cwd: repo, input }, 'exec', 'work', '--', 'cat');
    expect(all.bytes.equals(input)).toBe(true);
    expect(await ann.gsWith({ cwd: repo, input }, 'exec', 'work', '--', 'head', '-c', '3')).toMatchObject({
      code: 0,
    });
    // Its stdin is a pipe that nobody closes.
    const open = start(ann, repo, 'work', '--', 'echo', 'done');
    expect(await open.ended).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
    const reading = start(ann, repo, 'work', '--', 'sh', '-c', 'read a; echo "got $a"');
    reading.child.stdin.write('line\n');
    expect(await reading.ended).toMatchObject({ code: 0, stdout: 'got line\n' });
  });

  test('O3 passes the exit code on, also a death by signal; what cannot start is an error of ours', async () => {
    const { ann, repo } = await scene();
    for (const code of [0, 1, 3, 127]) {
      expect((await ann.gs(repo, 'exec', 'work', `exit ${code}`)).code).toBe(code);
    }
    expect((await ann.gs(repo, 'exec', 'work', '--', 'sh', '-c', 'kill -TERM $$')).code).toBe(143);
    const missing = await ann.gs(repo, 'exec', 'work', '--', 'no-such-program', 'x');
    expect(missing.code).toBe(128);
    expect(missing.stderr).toContain("cannot start 'no-such-program'");
    expect((await ann.gs(repo, 'exec', 'work', '')).code).toBe(129);
  });

  test('O3 what the command leaves behind, and what never stops to write, keeps nobody waiting', async () => {
    const { ann, repo } = await scene();
    const script = '(trap "" HUP; while :; do echo more; done) & echo $! >writer; echo done; exit 3';
    const result = await ann.gs(repo, 'exec', 'work', '--', 'sh', '-c', script);
    process.kill(Number(readFileSync(path.join(repo, 'writer'), 'utf8')), 'SIGKILL');
    expect(result.code).toBe(3);
    expect(result.stdout).toMatch(/^done$/mu);
  });

  test('O3 arguments reach the program exactly, and options behind the session are not ours', async () => {
    const { ann, repo } = await scene();
    const words = [
      `it's "ok" $HOME`,
      '',
      '#{pid} #(touch x)',
      'a\nb\tc\\n',
      '-h',
      '--json',
      '--',
      '--timeout',
      'ü',
    ];
    const out = await ann.ok(repo, 'exec', 'work', 'printf', '%s\\0', ...words);
    expect(out.split('\0').slice(0, -1)).toEqual(words);
    expect(existsSync(path.join(repo, 'x'))).toBe(false);
    // A builtin of sh would have read the backslash.
    expect(await ann.ok(repo, 'exec', 'work', 'echo', 'a\\tb')).toBe('a\\tb\n');
    const help = await ann.gs(repo, 'exec', 'work', 'sh', '-c', 'echo "$@"', 'sh', '-h', '--help');
    expect(help.stdout).toBe('-h --help\n');
    const error = await ann.gs(repo, 'exec', 'work', 'no-such-program', '--json');
    expect(error).toMatchObject({ code: 128, stdout: '' });
    const raw = `exec git session exec work -- printf '%s' "$(printf 'a\\377b')"`;
    const bytes = await ann.run('sh', ['-c', raw], { cwd: repo });
    if (process.platform === 'linux') expect(bytes.bytes).toEqual(Buffer.from([97, 255, 98]));
  });

  test('O3 --json is one document', async () => {
    const { ann, repo } = await scene();
    const script = 'printf "a\\377"; echo e >&2; exit 3';
    const result = await ann.gs(repo, 'exec', '--json', 'work', '--', 'sh', '-c', script);
    expect(result.code).toBe(3);
    const answer = JSON.parse(result.stdout) as Answer;
    expect(answer).toMatchObject({ ok: false, exit_code: 3, stderr: 'e\n', timed_out: false });
    expect(answer.stdout).toEqual({ base64: Buffer.from([97, 255]).toString('base64') });
    expect(answer.session.name).toBe('work');
    expect(answer.duration_ms).toBeGreaterThanOrEqual(0);
  });

  test('O3 --timeout ends the command with all that it started, and says so', async () => {
    const { ann, repo } = await scene();
    const script = `(trap '' TERM HUP; sh -c 'echo $$ > own; exec sleep 1000') & sh -c 'echo $$ > child; exec sleep 1000'`;
    const result = await ann.gs(repo, 'exec', '--timeout', '2s', 'work', '--', 'sh', '-c', script);
    expect(result.code).toBe(124);
    expect(result.stderr).toContain('timed out after 2s');
    for (const file of ['own', 'child']) {
      const pid = numberIn(path.join(repo, file));
      await waitFor(() => !processExists(pid), `${file} to end`);
    }
    expect((await log(ann, repo))[0]).toMatchObject({ state: 'timed-out' });
    expect(await windows(ann)).toMatch(/^work \S+$/u);
    // As timeout(1): a bare number is seconds.
    const bare = await ann.gs(repo, 'exec', '--timeout', '0.5', 'work', '--', 'sleep', '1000');
    expect([bare.code, bare.stderr]).toEqual([124, expect.stringContaining('timed out after 0.5s,')]);
    for (const wrong of ['5x', '-5', '.', '']) {
      expect([wrong, (await ann.gs(repo, 'exec', `--timeout=${wrong}`, 'work', 'true')).code]).toEqual([
        wrong,
        129,
      ]);
    }
  });

  test('O3 a command that does not end when it is asked to is made to', async () => {
    const { ann, repo } = await scene();
    const script = `trap '' TERM; echo before; while :; do sleep 1; done`;
    const result = await ann.gs(repo, 'exec', '--timeout', '100ms', 'work', '--', 'sh', '-c', script);
    expect(result.code).toBe(124);
    expect(await windows(ann)).toMatch(/^work \S+$/u);
    expect((await log(ann, repo))[0]).toMatchObject({ state: 'timed-out', exit_code: 137 });
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 143],
  ] as const)('O3 %s reaches the command', async (signal, code) => {
    const { ann, repo } = await scene();
    const going = start(ann, repo, 'work', '--', 'sh', '-c', 'echo $$ > pid; exec sleep 1000');
    await waitFor(() => isWritten(path.join(repo, 'pid')), 'the command');
    going.child.kill(signal);
    expect((await going.ended).code).toBe(code);
    expect(processExists(numberIn(path.join(repo, 'pid')))).toBe(false);
  });

  test('O3 Ctrl-C interrupts the command once, also where git passes it on, and a second one kills it', async () => {
    const { ann, repo } = await scene();
    const stop = path.join(repo, 'stop');
    const script = `trap 'echo int' INT; echo $$ > pid; echo ready; while [ ! -e stop ]; do sleep 0.1; done; exit 5`;
    const once = shellTerminal(ann, repo, 'git', ['session', 'exec', 'work', '--', 'sh', '-c', script]);
    await waitFor(() => once.text().includes('ready'), 'the command');
    once.type('\u0003');
    await waitFor(() => once.text().includes('int'), 'the trap');
    writeFileSync(stop, '');
    await once.ended;
    await waitFor(async () => (await log(ann, repo))[0]?.state !== 'running', 'the end');
    expect((await log(ann, repo))[0]).toMatchObject({ state: 'exited', exit_code: 5 });
    expect(once.text().match(/int/gu)).toHaveLength(1);
    rmSync(stop);
    const twice = terminal(ann, repo, 'exec', 'work', '--', 'sh', '-c', script);
    await waitFor(() => twice.text().includes('ready'), 'the command');
    const pid = numberIn(path.join(repo, 'pid'));
    await waitFor(() => {
      if (processExists(pid)) twice.type('\u0003');
      return !processExists(pid);
    }, 'the second one to count');
    expect(await twice.ended).toBe(137);
    expect((await log(ann, repo))[0]).toMatchObject({ state: 'exited', exit_code: 137 });
    expect(await windows(ann)).toMatch(/^work \S+$/u);
  });

  test('O3 the reader that goes away ends the command as in a pipe', async () => {
    const { ann, repo } = await scene();
    const command = `git session exec work -- sh -c 'echo $$ > pid; exec yes'`;
    const line = `{ ${command}; echo $? > code; } | head -n 1`;
    const { stdout, stderr } = await ann.run('sh', ['-c', line], { cwd: repo });
    expect([stdout, stderr]).toEqual(['y\n', '']);
    await waitFor(() => isWritten(path.join(repo, 'code')), 'exec to end');
    expect(numberIn(path.join(repo, 'code'))).toBe(141);
    await waitFor(() => !processExists(numberIn(path.join(repo, 'pid'))), 'yes to end');
    expect((await log(ann, repo))[0]).toMatchObject({ state: 'exited', exit_code: 141 });
    expect(await ann.ok(repo, 'log', '--oneline', 'work')).toContain('(exit 141, SIGPIPE, ');
  });

  test('V8 twenty at once in one session do not mix', async () => {
    const { ann, repo } = await scene();
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        ann.gs(repo, 'exec', 'work', '--', 'sh', '-c', `echo out ${i}; echo err ${i} >&2; exit ${i}`),
      ),
    );
    expect(all.map((r) => [r.code, r.stdout, r.stderr])).toEqual(
      Array.from({ length: 20 }, (_, i) => [i, `out ${i}\n`, `err ${i}\n`]),
    );
    expect(await windows(ann)).toMatch(/^work \S+$/u);
    expect((await log(ann, repo)).length).toBe(20);
  });

  test('O5 the server is killed meanwhile: what was printed is printed, and the log says lost', async () => {
    const { ann, repo } = await scene();
    const going = start(ann, repo, 'work', '--', 'sh', '-c', 'echo before; exec sleep 1000');
    await waitFor(() => going.printed() === 'before\n', 'the output');
    await ann.killServer();
    const { code, stdout, stderr } = await going.ended;
    expect({ code, stdout }).toEqual({ code: 128, stdout: 'before\n' });
    expect(stderr).toContain('went away while the command ran');
    expect((await log(ann, repo))[0]).toMatchObject({ state: 'lost', exit_code: null, preview: 'before' });
  });

  test('O5 so it is where only its window is closed', async () => {
    const { ann, repo } = await scene();
    const going = start(ann, repo, 'work', '--', 'sh', '-c', 'echo $$ > pid; echo before; exec sleep 1000');
    await waitFor(() => going.printed() === 'before\n', 'the output');
    await ann.tmux('kill-window', '-t', '=work:exec');
    expect(await going.ended).toMatchObject({ code: 128, stdout: 'before\n' });
    expect(processExists(numberIn(path.join(repo, 'pid')))).toBe(false);
  });

  test('O3 the window goes whatever remain-on-exit says, and so it does where exec was killed', async () => {
    const { ann, repo } = await scene();
    await ann.tmux('set-option', '-g', 'remain-on-exit', 'on');
    await ann.ok(repo, 'exec', 'work', 'true');
    expect(await windows(ann)).toMatch(/^work \S+$/u);
    const going = start(
      ann,
      repo,
      'work',
      '--',
      'sh',
      '-c',
      'echo on; while [ ! -e stop ]; do sleep 0.1; done',
    );
    await waitFor(() => going.printed() === 'on\n', 'the command');
    going.child.kill('SIGKILL');
    await going.ended;
    expect(await windows(ann)).toContain('work exec');
    writeFileSync(path.join(repo, 'stop'), '');
    await waitFor(async () => !(await windows(ann)).includes('exec'), 'the window to go');
    expect((await log(ann, repo))[0]).toMatchObject({ state: 'exited', exit_code: 0, preview: 'on' });
  });

  test('N7 works in the session of a run that is completed', async () => {
    const { ann, repo } = await scene();
    const name = (await ann.ok(repo, 'run', '--id', 'tests', '--', 'sh', '-c', 'echo ran; exit 2')).trim();
    await ann.gs(repo, 'wait', name);
    expect(await ann.ok(repo, 'exec', 'tests', 'pwd')).toBe(`${repo}\n`);
    const entries = await log(ann, repo, name);
    expect(entries.map((e) => [e.command, e.exit_code, e.preview])).toEqual([
      ['pwd', 0, repo],
      [`sh -c 'echo ran; exit 2'`, 2, 'ran'],
    ]);
  });

  test('O11, O13 the log has the commands, newest first, and is read by people and programs', async () => {
    const { ann, repo } = await scene();
    expect((await ann.gs(repo, 'log', 'work')).code).toBe(0);
    await ann.ok(repo, 'save');
    await ann.gs(
      repo,
      'exec',
      'work',
      '--',
      'sh',
      '-c',
      String.raw`printf '\033[31mred\033[0m\nmore'; exit 1`,
    );
    await ann.ok(repo, 'exec', 'work', 'true');
    const all = JSON.parse(await ann.ok(repo, 'log', '--json', 'work')) as Entry[];
    expect(all.map((e) => e.type)).toEqual(['command', 'command', 'snapshot']);
    expect(all[1]).toMatchObject({ exit_code: 1, preview: 'red', state: 'exited' });
    expect(all[0]).toMatchObject({ command: 'true', argv: ['true'], exit_code: 0, preview: '' });
    expect(await ann.ok(repo, 'log', '-n', '1', '--oneline', 'work')).toMatch(
      /^command .* true \(exit 0, \d+ /u,
    );
    // A mark says that it printed more, and --full prints it.
    expect(await ann.ok(repo, 'log', 'work')).toContain('\n    red …\n');
    expect(all.map((e) => e.more)).toEqual([false, true, undefined]);
    expect(await ann.ok(repo, 'log', '--full', 'work')).toContain('\n    red\n    more\n');
    const full = JSON.parse(await ann.ok(repo, 'log', '--full', '--json', 'work')) as { output?: string }[];
    expect(full.map((e) => e.output)).toEqual(['', 'red\nmore', undefined]);
    expect((await ann.gs(repo, 'log', '--full')).code).toBe(129);
    expect((await ann.gs(repo, 'log', '--full', '--oneline', 'work')).code).toBe(129);
    expect(JSON.parse(await ann.ok(repo, 'log', '--json', 'work~0'))).toMatchObject([{ type: 'snapshot' }]);
  });

  test('O11 of older commands the output goes, and their line in the log stays', async () => {
    const { ann, repo } = await scene();
    await ann.ok(repo, 'exec', 'work', 'echo first');
    const [first] = jobs(repo);
    const text = (name: string) => readFileSync(path.join(first!, name), 'utf8');
    const place = path.dirname(first!);
    // A hundred others, as if they had run.
    for (let i = 0; i < 100; i++) {
      const copy = path.join(place, `20990101T000000${String(i).padStart(3, '0')}Z-00000000`);
      mkdirSync(copy);
      for (const name of ['argv.json', 'status']) writeFileSync(path.join(copy, name), text(name));
    }
    await ann.ok(repo, 'exec', 'work', 'echo last');
    expect(existsSync(first!)).toBe(false);
    const entries = await log(ann, repo);
    expect(entries.length).toBe(102);
    expect(entries.filter((e) => e.preview === 'first')).toMatchObject([
      { command: 'echo first', exit_code: 0 },
    ]);
  });

  test('G2 a session that is not there is made, or not', async () => {
    const { ann, repo } = await scene();
    const made = await ann.gs(repo, 'exec', 'fresh', 'pwd');
    expect(made).toMatchObject({ code: 0, stdout: `${repo}\n` });
    expect(made.stderr).toContain("Created session 'fresh'");
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('fresh\nwork');
    await ann.git(repo, 'config', 'session.autoCreateSession', 'false');
    const refused = await ann.gs(repo, 'exec', '--json', 'other', 'pwd');
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'not-found' } });
    await ann.git(repo, 'config', 'session.autoCreateSession', 'true');
    expect((await ann.gs(repo, 'exec', 'a:b', 'pwd')).code).toBe(128);
  });

  test('G2 several that make the same session at once share it', async () => {
    const { ann, repo } = await scene();
    const all = await Promise.all(
      Array.from({ length: 6 }, (_, i) => ann.gs(repo, 'exec', 'new', `echo ${i}`)),
    );
    expect(all.map((r) => [r.code, r.stdout])).toEqual(all.map((_, i) => [0, `${i}\n`]));
    expect(await windows(ann)).toMatch(/^new \S+\nwork \S+$/u);
  });

  test('N7 an exact name counts first, then one part of a name; several are refused', async () => {
    const { ann, repo } = await scene();
    await ann.ok(repo, 'create', 'work-two');
    await ann.ok(repo, 'create', 'work-three');
    await ann.tmux('new-session', '-d', '-s', 'strangers-work', '-c', '/');
    expect(await ann.ok(repo, 'exec', 'work', 'echo $GIT_SESSION_NAME')).toBe('work\n');
    expect(await ann.ok(repo, 'exec', 'two', 'echo $GIT_SESSION_NAME')).toBe('work-two\n');
    const several = await ann.gs(repo, 'exec', '--json', 'work-t', 'pwd');
    expect(several.code).toBe(1);
    expect(JSON.parse(several.stdout)).toMatchObject({
      error: { code: 'ambiguous', data: { candidates: ['work-three', 'work-two'].toSorted() } },
    });
    // One that is not ours is only meant by its whole name, and gets a record then.
    await ann.git(repo, 'config', 'session.autoCreateSession', 'false');
    expect((await ann.gs(repo, 'exec', 'strangers', 'pwd')).code).toBe(1);
    expect(await ann.ok(repo, 'exec', 'strangers-work', 'pwd')).toBe('/\n');
    expect((await log(ann, repo, 'strangers-work')).length).toBe(1);
  });
});
