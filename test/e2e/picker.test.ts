import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { type Person, person, waitFor } from '../support/harness.ts';
import { type Size, shellTerminal, type Terminal } from '../support/terminal.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** The picker as a program, once for all tests. */
const program = build({
  absWorkingDir: root,
  entryPoints: ['test/support/picker-main.ts'],
  bundle: true,
  write: false,
  platform: 'node',
  target: 'node20',
  format: 'esm',
}).then((result) => result.outputFiles[0]!.contents);

interface Asked {
  labels?: string[];
  multiple?: boolean;
  command?: string | null;
  size?: Size;
  env?: Record<string, string>;
  /** What runs in the place of fzf, as a shell script. */
  fzf?: string;
}

const LABELS = ['auth-impl', 'billing', 'web', 'web-worker'];

/** A shell that runs the picker and then tells how it ended and what the terminal is like. */
async function asked(ann: Person, options: Asked = {}): Promise<Terminal> {
  const {
    labels = LABELS,
    multiple = false,
    command = 'builtin',
    size = { columns: 60, rows: 12 },
  } = options;
  const bin = path.join(ann.dir, 'bin');
  mkdirSync(bin);
  if (options.fzf !== undefined) script(path.join(bin, 'fzf'), options.fzf);
  const items = labels.map((label, i) => ({ label, value: `v${i}` }));
  const file = path.join(ann.dir, 'question.json');
  writeFileSync(path.join(ann.dir, 'picker.mjs'), await program);
  writeFileSync(file, JSON.stringify({ items, prompt: 'attach to:', multiple, command }));
  // The shell, where no signal may end it: what comes after the picker is what the tests are about.
  const line =
    'trap : INT TERM HUP; "$1" "$2" "$3" >"$4"; echo "code=$?"; stty -a | tr ";" "\\n" | grep -Eo -e "-?(icanon|echo|isig)\\b"; echo over';
  const answer = path.join(ann.dir, 'answer');
  const args = ['-c', line, 'sh', process.execPath, path.join(ann.dir, 'picker.mjs'), file, answer];
  // Only what the tests need: an fzf of this machine is not the one that is meant.
  const env = { PATH: `${bin}:${toolsWithoutFzf(ann)}`, ...options.env };
  return shellTerminal(ann, ann.dir, '/bin/sh', args, { size, env });
}

function script(file: string, text: string): void {
  writeFileSync(file, `#!/bin/sh\n${text}\n`);
  chmodSync(file, 0o755);
}

function toolsWithoutFzf(ann: Person): string {
  const dir = path.join(ann.dir, 'tools');
  mkdirSync(dir);
  for (const tool of ['stty', 'tr', 'grep', 'sed', 'cat', 'kill', 'sleep']) {
    script(path.join(dir, tool), `PATH=/usr/bin:/bin exec ${tool} "$@"`);
  }
  return dir;
}

/** What was chosen, by the labels' numbers; the code and the terminal are looked at too. */
async function outcome(ann: Person, t: Terminal): Promise<number[] | string> {
  await t.waitForScreen(/^over$/mu);
  const answer = readFileSync(path.join(ann.dir, 'answer'), 'utf8');
  const screen = t.screen().join('\n');
  expect(screen).toMatch(/^isig\n(?:.*\n)*icanon\n(?:.*\n)*echo$/mu);
  await waitFor(() => t.cursor().visible, 'the cursor');
  // The screen is the one from before, so that what follows begins at its top.
  const code = /code=(\d+)/u.exec(screen)?.[1];
  if (answer === '') return `code ${code}`;
  const picked = JSON.parse(answer) as {
    chosen?: { value: string }[];
    cancelled?: string;
    modes: string[];
  };
  expect(picked.modes).toEqual(expect.arrayContaining(['isig', 'icanon', 'echo']));
  expect(code).toBe(picked.chosen === undefined ? '130' : '0');
  return picked.chosen?.map((item) => Number(item.value.slice(1))) ?? picked.cancelled!;
}

describe('C12 the built-in picker', () => {
  test('filters by what is typed, takes with Enter, and puts the screen back', async () => {
    const ann = person();
    const t = await asked(ann);
    await t.waitForScreen(/^> auth-impl\n {2}billing\n {2}web\n {2}web-worker$/mu);
    expect(t.screen()[0]).toBe('attach to:');
    expect(t.screen()[1]).toContain('4/4');
    expect(t.cell(2, 0)).toMatchObject({ text: '>', inverse: true });
    expect(t.cell(3, 2)).toMatchObject({ text: 'b', inverse: false });
    t.type('work');
    await t.waitForScreen(/^attach to: work\n {2}1\/4.*\n> web-worker$/mu);
    expect(t.cursor()).toEqual({ row: 0, column: 15, visible: true });
    t.type('\r');
    expect(await outcome(ann, t)).toEqual([3]);
    expect(t.screen().join('\n')).not.toContain('attach to');
  });

  test('C13 goes by arrows, Ctrl-N and Ctrl-P', async () => {
    const ann = person();
    const t = await asked(ann);
    await t.waitForScreen(/^> auth-impl/mu);
    t.type('\x1b[B');
    await t.waitForScreen(/^> billing/mu);
    t.type('\x0e\x0e');
    await t.waitForScreen(/^> web-worker/mu);
    t.type('\x10\x1bOA');
    await t.waitForScreen(/^> billing/mu);
    t.type('\r');
    expect(await outcome(ann, t)).toEqual([1]);
  });

  test('C14 asks where there is one only', async () => {
    const ann = person();
    const t = await asked(ann, { labels: ['only'] });
    await t.waitForScreen(/^> only/mu);
    t.type('\r');
    expect(await outcome(ann, t)).toEqual([0]);
  });

  test('C21 marks several with Tab', async () => {
    const ann = person();
    const t = await asked(ann, { multiple: true });
    await t.waitForScreen(/^> {3}auth-impl/mu);
    t.type('\t');
    await t.waitForScreen(/^ {2}\* auth-impl\n> {3}billing/mu);
    t.type('worker');
    await t.waitForScreen(/1\/4, 1 marked.*\n> {3}web-worker/u);
    t.type('\t\r');
    expect(await outcome(ann, t)).toEqual([0, 3]);
  });

  test.each([
    ['Escape', '\x1b', 'escape'],
    ['Ctrl-D', '\x04', 'escape'],
    ['Ctrl-C', '\x03', 'interrupt'],
  ])('%s chooses nothing and gives the terminal back as it was', async (_name, keys, cancelled) => {
    const ann = person();
    const t = await asked(ann);
    await t.waitForScreen(/^> auth-impl/mu);
    t.type(keys);
    expect(await outcome(ann, t)).toBe(cancelled);
    expect(t.screen().join('\n')).not.toContain('auth-impl');
  });

  test.each([
    ['TERM', 143],
    ['HUP', 129],
    ['INT', 130],
  ] as const)('SIG%s gives the terminal back, and ends the program', async (signal, code) => {
    const ann = person();
    const t = await asked(ann);
    await t.waitForScreen(/^> auth-impl/mu);
    process.kill(pickerOf(ann), `SIG${signal}`);
    expect(await outcome(ann, t)).toBe(`code ${code}`);
  });

  test('500 items in 10 rows: the current one is always shown', async () => {
    const ann = person();
    const labels = Array.from({ length: 500 }, (_, i) => `session ${i}.`);
    const t = await asked(ann, { labels, size: { columns: 40, rows: 10 } });
    await t.waitForScreen(/^> session 0\.\n(?: {2}session \d+\.\n){6} {2}session 7\.$/mu);
    t.type('\x1b[B'.repeat(8));
    await t.waitForScreen(/^ {2}session 1\.\n(?: {2}session \d+\.\n){6}> session 8\.$/mu);
    t.type('\x1b[F');
    await t.waitForScreen(/^ {2}session 492\.\n(?: {2}session \d+\.\n){6}> session 499\.$/mu);
    t.type('\x1b[5~\x1b[A');
    await t.waitForScreen(/^> session 491\.$/mu);
    t.type('\r');
    expect(await outcome(ann, t)).toEqual([491]);
  });

  test('follows the size of the terminal; what is too wide is cut, by columns', async () => {
    const ann = person();
    const labels = ['日本語のセッション'.repeat(3), 'a rather long name of a session', 'last'];
    const t = await asked(ann, { labels, size: { columns: 80, rows: 10 } });
    await t.waitForScreen(/session\n {2}last$/mu);
    t.resize(20, 4);
    await t.waitForScreen(/^attach t…\n.*\n> 日本語のセッショ…\n {2}a rather long nam…$/u);
    t.type('\x0e\x0e');
    await t.waitForScreen(/^> last$/mu);
    t.resize(6, 2);
    await t.waitForScreen(/^[^\n]*\n> last$/u);
    t.type('\r');
    t.resize(60, 12);
    expect(await outcome(ann, t)).toEqual([2]);
  });

  test('a control character in a label never reaches the terminal', async () => {
    const ann = person();
    const t = await asked(ann, { labels: ['a\x1b]0;owned\x07\n\u202Eb', 'web'] });
    await t.waitForScreen(/^> a\\x1b\]0;owned\\x07\\n<U\+202E>b\n {2}web$/mu);
    expect(t.text()).not.toMatch(/\x1b\]|\x07|\u202E/u);
    t.type('\r');
    expect(await outcome(ann, t)).toEqual([0]);
  });
});

describe('C12 fzf', () => {
  /** Picks the second item, and writes down what it was given. */
  const SECOND =
    'for a; do printf "%s\\n" "$a"; done >args; tr "\\0" "\\n" >items; sed -n 2p items | tr "\\n" "\\0"';

  test('is asked where it is installed; a label is data for it', async () => {
    const ann = person();
    const labels = ['$(touch owned)', "'; touch owned; #", 'web'];
    const t = await asked(ann, { labels, command: null, fzf: SECOND });
    expect(await outcome(ann, t)).toEqual([1]);
    expect(readFileSync(path.join(ann.dir, 'items'), 'utf8')).toBe(
      labels.map((l, i) => `${i}\t${l}\n`).join(''),
    );
    const args = readFileSync(path.join(ann.dir, 'args'), 'utf8').split('\n');
    expect(args).toEqual(expect.arrayContaining(['--with-nth=2..', '--prompt=attach to: ', '--no-multi']));
    expect(() => readFileSync(path.join(ann.dir, 'owned'))).toThrow('ENOENT');
  });

  test('C21 gives several, also where it prints the query', async () => {
    const ann = person();
    const fzf = 'printf "web\\0"; tr "\\0" "\\n" | sed -n "2p;4p" | tr "\\n" "\\0"';
    const t = await asked(ann, { multiple: true, command: null, fzf });
    expect(await outcome(ann, t)).toEqual([1, 3]);
  });

  test('the setting names another program, with arguments', async () => {
    const ann = person();
    script(path.join(ann.dir, 'my picker'), SECOND);
    const t = await asked(ann, { command: `'${ann.dir}/my picker' --height '4 0'`, fzf: 'exit 2' });
    expect(await outcome(ann, t)).toEqual([1]);
    expect(readFileSync(path.join(ann.dir, 'args'), 'utf8')).toMatch(/^--height\n4 0\n--read0\n/u);
  });

  test.each([
    [130, 'interrupt'],
    [1, 'escape'],
  ])('that ends with %i chooses nothing', async (code, cancelled) => {
    const ann = person();
    const t = await asked(ann, { command: null, fzf: `exit ${code}` });
    expect(await outcome(ann, t)).toBe(cancelled);
  });

  test.each(['exit 2', 'kill -SEGV $$', 'echo what', 'exit 0'])(
    'that fails (%s) leaves it to the built-in picker',
    async (fzf) => {
      const ann = person();
      const t = await asked(ann, { command: null, fzf });
      await t.waitForScreen(/^> auth-impl/mu);
      t.type('\r');
      expect(await outcome(ann, t)).toEqual([0]);
    },
  );

  test('that is not there leaves it to the built-in picker, and says so where the setting named it', async () => {
    const ann = person();
    const t = await asked(ann, { command: 'no-such-picker' });
    await t.waitForScreen(/^> auth-impl/mu);
    t.type('\r');
    expect(await outcome(ann, t)).toEqual([0]);
    expect(t.screen()[0]).toBe("warning: session.picker: 'no-such-picker' did not work");
  });

  test('ends before the program does, so that the terminal is as it was', async () => {
    const ann = person();
    const fzf =
      'old=$(stty -g </dev/tty); trap \'stty "$old" </dev/tty; exit 2\' TERM; stty raw -echo </dev/tty; echo ready >/dev/tty; while :; do sleep 0.05; done';
    const t = await asked(ann, { command: null, fzf });
    await waitFor(() => t.text().includes('ready'), 'fzf');
    process.kill(pickerOf(ann), 'SIGTERM');
    expect(await outcome(ann, t)).toBe('code 143');
  });
});

describe('C12 a terminal that can only print lines', () => {
  test.each(['dumb', 'unknown'])('TERM=%s has a numbered menu, and no escape sequence', async (term) => {
    const ann = person();
    const t = await asked(ann, { command: null, env: { TERM: term }, fzf: 'exit 2' });
    await t.waitForScreen(/^1\) auth-impl\n2\) billing\n3\) web\n4\) web-worker\nattach to: a number/mu);
    t.type('9\r');
    await t.waitForScreen(/nothing matches/u);
    t.type('web\r');
    await t.waitForScreen(/^1\) web\n2\) web-worker$/mu);
    t.type('2\r');
    expect(await outcome(ann, t)).toEqual([3]);
    expect(t.text()).not.toContain('\x1b');
  });

  test('C21 takes several numbers', async () => {
    const ann = person();
    const t = await asked(ann, { multiple: true, env: { TERM: 'dumb' } });
    await t.waitForScreen(/4\) web-worker/u);
    t.type('1 3-4\r');
    expect(await outcome(ann, t)).toEqual([0, 2, 3]);
  });

  test.each([
    ['Enter', '\r', 'escape'],
    ['Ctrl-D', '\x04', 'escape'],
    ['Ctrl-C', '\x03', 'interrupt'],
  ])('%s leaves it', async (_name, keys, cancelled) => {
    const ann = person();
    const t = await asked(ann, { env: { TERM: 'dumb' } });
    await t.waitForScreen(/\(nothing leaves\):/u);
    t.type(keys);
    expect(await outcome(ann, t)).toBe(cancelled);
  });
});

/** The picker's process, which waits for keys. */
function pickerOf(ann: Person): number {
  return Number(readFileSync(path.join(ann.dir, 'question.json.pid'), 'utf8'));
}
