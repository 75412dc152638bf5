import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { constants, deflateRawSync } from 'node:zlib';
import { type IPty, spawn } from '@lydell/node-pty';
import { expect, onTestFinished } from 'vitest';
import type { Snapshot, TmuxPane, TmuxWindow } from '../../src/session/schema.ts';
import { canary, plainPane, plainSnapshot, plainWindow } from './forge.ts';
import { type Person, person, type Result, waitFor } from './harness.ts';

/** A victim with a repository of one commit, and the place that an attack would touch. */
export interface Scene {
  who: Person;
  repo: string;
  head: string;
  /** Must not exist afterwards. */
  canary: string;
}

export async function scene(): Promise<Scene> {
  const who = person();
  onTestFinished(() => endServer(who));
  const repo = await who.repo();
  return { who, repo, head: await who.git(repo, 'rev-parse', 'HEAD'), canary: canary(who) };
}

/** Ends the tmux server. One that is dead but not yet collected by its parent counts as gone. */
export async function endServer(who: Person): Promise<void> {
  if (!existsSync(who.socket)) return;
  const { stdout } = await who.run('tmux', ['-S', who.socket, 'display-message', '-p', '#{pid}']);
  await who.run('tmux', ['-S', who.socket, 'kill-server']);
  await waitFor(() => !isAlive(Number(stdout)), 'the tmux server to end');
  rmSync(who.socket, { force: true });
}

function isAlive(pid: number): boolean {
  try {
    return pid > 0 && !/^State:\s*Z/mu.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** A snapshot on the victim's HEAD, with changes. */
export function snapshot(head: string | null, change: (s: Snapshot) => void = () => undefined): Snapshot {
  const made = plainSnapshot(head);
  change(made);
  return made;
}

/** One window per list of panes, each window of panes side by side. */
export function windowsOf(...windows: Partial<TmuxPane>[][]): TmuxWindow[] {
  return windows.map((panes, index) => {
    const widths = panes.map(() => 100);
    return plainWindow({
      ...{ index, active: index === 0, width: panes.length * 101 - 1, layout: sideBySide(widths) },
      panes: panes.map((p, i) => plainPane({ index: i, active: i === 0, ...p })),
    });
  });
}

/** tmux's checksum, written anew from its source (layout-custom.c). */
export function layout(body: string): string {
  let sum = 0;
  for (const c of Buffer.from(body)) sum = (((sum >> 1) | ((sum & 1) << 15)) + c) & 0xffff;
  return `${sum.toString(16).padStart(4, '0')},${body}`;
}

/** Cells next to each other, 24 rows high. */
export function sideBySide(widths: number[]): string {
  if (widths.length === 1) return layout(`${widths[0]}x24,0,0,0`);
  let x = 0;
  const cells = widths.map((width, i) => {
    const cell = `${width}x24,${x},0,${i}`;
    x += width + 1;
    return cell;
  });
  return layout(`${x - 1}x24,0,0{${cells.join(',')}}`);
}

export interface TmuxCall {
  argv: string[];
  stdin: string;
}

/**
 * Puts a wrapper in tmux's place that notes each call's arguments and input, and that keeps a
 * control client for a moment longer: tmux kills the jobs of `#(...)` with the client that caused
 * them, which would hide a hole.
 */
export async function watchTmux(who: Person): Promise<() => TmuxCall[]> {
  const log = path.join(who.dir, 'tmux-log');
  const wrapper = path.join(who.dir, 'watched-tmux');
  mkdirSync(log, { recursive: true });
  writeFileSync(
    wrapper,
    `#!/bin/sh
printf '%s\\0' "$@" > '${log}'/$$.argv
case " $* " in
*' -C '*) { tee '${log}'/$$.stdin; sleep 0.3; } | tmux -S '${who.socket}' -f /dev/null "$@" ;;
*) tee '${log}'/$$.stdin | tmux -S '${who.socket}' -f /dev/null "$@" ;;
esac
`,
  );
  chmodSync(wrapper, 0o755);
  await who.git(who.dir, 'config', '--global', 'session.tmuxCommand', wrapper);
  return () =>
    readdirSync(log)
      .filter((f) => f.endsWith('.argv'))
      .map((f) => ({
        argv: readFileSync(path.join(log, f), 'utf8').split('\0').slice(0, -1),
        stdin: readFileSync(path.join(log, f.replace('argv', 'stdin')), 'utf8'),
      }));
}

/**
 * Shows that an attack works when tmux is called as if its arguments were plain values: the client
 * stays until the file is there.
 */
export async function naive(who: Person, touched: string, ...args: string[]): Promise<void> {
  // tmux ends what a client has started by a format with that client, so it stays. Not by a `run-shell` that waits: tmux
  // 3.3a now and then does not notice its end where a pane ends at the same time.
  const tmux = ['-S', who.socket, '-f', '/dev/null', '-u'];
  const channel = `naive-${randomUUID()}`;
  const ended = who.run('tmux', [...tmux, ...args, ';', 'wait-for', channel]);
  let isOver = false;
  void ended.then(() => (isOver = true));
  await waitFor(() => existsSync(touched) || isOver, 'the attack without a defence', 5000).catch(
    () => undefined,
  );
  await who.run('tmux', [...tmux, 'wait-for', '-S', channel]);
  await ended;
  expect(existsSync(touched), `tmux ${args.join(' ')}: the attack does not even work without a defence`).toBe(
    true,
  );
}

/** A terminal with a program in it. */
export class Terminal {
  readonly pty: IPty;
  output = '';
  exit: number | null = null;

  constructor(who: Person, cwd: string, program: string, args: string[]) {
    this.pty = spawn(program, args, { cols: 200, rows: 50, cwd, env: who.env });
    this.pty.onData((data) => (this.output += data));
    this.pty.onExit(({ exitCode }) => (this.exit = exitCode));
    onTestFinished(() => {
      if (this.exit === null) this.pty.kill('SIGKILL');
    });
  }

  async shows(text: string): Promise<void> {
    await waitFor(() => this.output.includes(text), `'${text}' in the terminal; it shows: ${this.output}`);
  }

  async ended(): Promise<number> {
    await waitFor(() => this.exit !== null, `the program to end; it shows: ${this.output}`);
    return this.exit ?? -1;
  }
}

/** Attaches a client until it has drawn the status line, in which names and titles are shown. */
export async function drawStatusLine(who: Person, session: string): Promise<void> {
  const drawn = path.join(who.dir, `drawn-${Math.random()}`);
  const id = await idOf(who, session);
  await who.tmux('set-option', '-t', id, 'status-left', `#(touch ${drawn})`);
  await who.tmux('set-option', '-g', 'set-titles', 'on');
  const client = new Terminal(who, who.dir, 'tmux', ['-S', who.socket, '-u', 'attach-session', '-t', id]);
  await waitFor(() => existsSync(drawn), 'the status line');
  client.pty.kill('SIGKILL');
  await client.ended();
  await who.tmux('set-option', '-u', '-t', id, 'status-left');
}

/** Ids, never names: the names here are hostile. */
export async function sessions(who: Person): Promise<Map<string, string>> {
  const out = await who.tmux('list-sessions', '-F', '#{session_id} #{session_name}');
  return new Map(out.split('\n').map((l) => [l.slice(l.indexOf(' ') + 1), l.slice(0, l.indexOf(' '))]));
}

export async function idOf(who: Person, session: string): Promise<string> {
  const id = (await sessions(who)).get(session);
  expect(id, `a tmux session named ${session}`).toBeDefined();
  return id!;
}

export interface Pane {
  id: string;
  window: number;
  pid: number;
  command: string;
  start: string;
}

export async function panes(who: Person, session: string): Promise<Pane[]> {
  const format = '#{pane_id} #{window_index} #{pane_pid} #{pane_current_command}|#{pane_start_command}';
  const out = await who.tmux('list-panes', '-s', '-t', await idOf(who, session), '-F', format);
  return out.split('\n').map((line) => {
    const [, id = '', window = '', pid = '', command = '', start = ''] =
      /^(\S+) (\S+) (\S+) ([^|]*)\|(.*)$/su.exec(line) ?? [];
    return { id, window: Number(window), pid: Number(pid), command, start };
  });
}

export function directoryOf(pid: number): string {
  return readlinkSync(`/proc/${pid}/cwd`);
}

export function environmentOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
}

/**
 * Types a command into a pane's shell and waits for it: whatever was typed there before has run by
 * then.
 */
export async function settle(who: Person, paneId: string): Promise<void> {
  const file = path.join(who.dir, `settled-${Math.random()}`);
  await who.tmux('send-keys', '-t', paneId, '-l', `touch '${file}'`);
  await who.tmux('send-keys', '-t', paneId, 'Enter');
  await waitFor(() => existsSync(file), `pane ${paneId} to run a command`);
}

/** All of the repository and the tmux server that a command which refuses must leave alone. */
export async function stateOf(who: Person, repo: string): Promise<string> {
  const sessions = '#{pid} #{session_id} #{session_name} #{session_windows} #{session_created}';
  const questions: Record<string, [string, ...string[]]> = {
    refs: ['git', 'for-each-ref', '--format=%(refname) %(objectname)'],
    status: ['git', 'status', '--porcelain', '--ignored', '--untracked-files=all'],
    stash: ['git', 'rev-list', '-g', 'refs/stash', '--'],
    worktrees: ['git', 'worktree', 'list', '--porcelain'],
    tmux: ['tmux', '-S', who.socket, 'list-sessions', '-F', sessions],
  };
  const answers = await Promise.all(
    Object.entries(questions).map(async ([what, [program, ...args]]) => {
      const { stdout } = await who.run(program, args, { cwd: repo });
      return [what, stdout.split('\n')] as const;
    }),
  );
  return JSON.stringify(Object.fromEntries(answers), undefined, 1);
}

/** Runs something for each, three at a time. */
export async function eachOf<T, R>(
  list: readonly T[],
  run: (item: T, i: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  for (let i = 0; i < list.length; i += 3) {
    results.push(...(await Promise.all(list.slice(i, i + 3).map((item, j) => run(item, i + j)))));
  }
  return results;
}

/** Runs something that must refuse, and fails where it changed anything. */
export async function unchanged(who: Person, repo: string, run: () => Promise<Result>): Promise<Result> {
  const before = await stateOf(who, repo);
  const result = await run();
  expect(await stateOf(who, repo)).toBe(before);
  expect(result.stderr).not.toMatch(/internal error|^ {4}at /mu);
  return result;
}

/** The arguments of a line of tmux's command language, as our own quoting writes it. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  for (const m of line.matchAll(/"((?:[^"\\]|\\[0-7]{3})*)"|([^\s"]+)/gu)) {
    words.push(
      m[2] ?? m[1]!.replace(/\\([0-7]{3})/gu, (_, o: string) => String.fromCharCode(Number.parseInt(o, 8))),
    );
  }
  return words;
}

/** Id of the blob of 2^30 zero bytes: `head -c 1073741824 /dev/zero | git hash-object --stdin`. */
const BOMB = '4fce05a4e4ed8cefef2d99f32c519b2fd7841b74';

/**
 * A blob of 1 GiB in a file of one MiB, in no time: the same compressed block is written 1024 times.
 */
export function zlibBomb(repo: string): string {
  const header = Buffer.from(`blob ${2 ** 30}\0`);
  const piece = (bytes: Buffer) => deflateRawSync(bytes, { finishFlush: constants.Z_FULL_FLUSH });
  const block = piece(Buffer.alloc(2 ** 20));
  // Adler-32 of the header; each of the zeros then adds the low half to the high one.
  let low = 1;
  let high = 0;
  for (const c of header) {
    low = (low + c) % 65521;
    high = (high + low) % 65521;
  }
  high = (high + low * (2 ** 30 % 65521)) % 65521;
  const sum = Buffer.alloc(4);
  sum.writeUInt16BE(high, 0);
  sum.writeUInt16BE(low, 2);
  const blocks = Array.from({ length: 1024 }, () => block);
  const dir = path.join(repo, '.git/objects', BOMB.slice(0, 2));
  mkdirSync(dir, { recursive: true });
  const bytes = [Buffer.from([0x78, 0x01]), piece(header), ...blocks, deflateRawSync(Buffer.alloc(0)), sum];
  writeFileSync(path.join(dir, BOMB.slice(2)), Buffer.concat(bytes));
  return BOMB;
}

/** Checks an exit code, and says what the program had to say where it is another one. */
export function exits({ code, stderr, stdout }: Result, expected: number): void {
  if (code !== expected) throw new Error(`exit ${code} instead of ${expected}: ${stderr}${stdout}`);
}

export interface Usage {
  /** KiB */
  maxRSS: number;
  /** Milliseconds of processor time; the clock says little on a busy machine. */
  cpu: number;
}

/** Makes our program (node) tell what it has used, at each end of it. */
export function watchUsage(who: Person): () => Usage {
  const file = path.join(who.dir, 'usage');
  const hook = path.join(who.dir, 'usage.cjs');
  writeFileSync(
    hook,
    `process.on('exit', () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  const usage = { maxRSS, cpu: (userCPUTime + systemCPUTime) / 1000 };
  require('node:fs').writeFileSync(${JSON.stringify(file)}, JSON.stringify(usage));
});
`,
  );
  who.env['NODE_OPTIONS'] = `--require=${hook}`;
  return () => JSON.parse(readFileSync(file, 'utf8')) as Usage;
}
