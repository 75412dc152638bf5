import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { onTestFinished } from 'vitest';

/** The program under test, as `npm run build` leaves it. */
export const PROGRAM = path.resolve(import.meta.dirname, '../../bin/git-session');

export interface Result {
  code: number;
  stdout: string;
  stderr: string;
  /** stdout as it came. */
  bytes: Buffer;
}

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string | undefined>;
  input?: string | Buffer;
}

/**
 * A person on a machine: a home directory, an own tmux server, no way to the real ones. Everything
 * lies in one temporary folder, and goes when the test is finished.
 */
export class Person {
  readonly dir: string;
  readonly home: string;
  readonly socket: string;
  readonly env: Record<string, string>;

  constructor(name: string, root?: string) {
    this.dir = path.join(root ?? temporaryFolder(), name);
    this.home = path.join(this.dir, 'home');
    this.socket = path.join(this.dir, 'tmux');
    mkdirSync(this.home, { recursive: true });
    this.env = {
      HOME: this.home,
      // The program is found as git finds it, behind the real git and tmux.
      PATH: `${path.dirname(PROGRAM)}:${process.env['PATH'] ?? '/usr/bin:/bin'}`,
      SHELL: '/bin/bash',
      TERM: 'xterm-256color',
      LANG: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      // A machine-wide certificate list would cost each node 40 ms.
      NODE_EXTRA_CA_CERTS: '',
    };
    writeFileSync(
      path.join(this.home, '.gitconfig'),
      [
        `[user]\n\tname = ${name}\n\temail = ${name}@example.org`,
        '[init]\n\tdefaultBranch = main',
        `[session]\n\ttmuxCommand = tmux -S ${this.socket} -f /dev/null`,
        '',
      ].join('\n'),
    );
    // A prompt that every machine shows alike, and nothing written by shells that end behind the test.
    writeFileSync(path.join(this.home, '.bashrc'), "PS1='$ '\nunset HISTFILE\n");
    writeFileSync(path.join(this.home, '.bash_profile'), '. ~/.bashrc\n');
    onTestFinished(() => this.killServer());
  }

  run(program: string, args: string[], options: RunOptions = {}): Promise<Result> {
    const env: Record<string, string> = { ...this.env };
    for (const [key, value] of Object.entries(options.env ?? {})) {
      if (value === undefined) delete env[key];
      else env[key] = value;
    }
    return execute(program, args, { cwd: options.cwd ?? this.dir, env }, options.input);
  }

  /** Runs git and expects it to succeed; gives stdout without its last line break. */
  async git(cwd: string, ...args: string[]): Promise<string> {
    const result = await this.run('git', args, { cwd });
    if (result.code !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.replace(/\n$/u, '');
  }

  /** Runs `git session` as git does, through PATH. */
  gs(cwd: string, ...args: string[]): Promise<Result> {
    return this.run('git', ['session', ...args], { cwd });
  }

  /** As `gs`, with an environment, input or directory. */
  gsWith(options: RunOptions & { cwd: string }, ...args: string[]): Promise<Result> {
    return this.run('git', ['session', ...args], options);
  }

  /** Runs `git session` and expects exit code 0. */
  async ok(cwd: string, ...args: string[]): Promise<string> {
    const result = await this.gs(cwd, ...args);
    if (result.code !== 0) {
      throw new Error(`git session ${args.join(' ')}: exit ${result.code}\n${result.stderr}${result.stdout}`);
    }
    return result.stdout;
  }

  /** Runs tmux on the private server and expects it to succeed. */
  async tmux(...args: string[]): Promise<string> {
    const result = await this.run('tmux', ['-S', this.socket, '-f', '/dev/null', '-u', ...args]);
    if (result.code !== 0) throw new Error(`tmux ${args.join(' ')}: ${result.stderr}`);
    return result.stdout.replace(/\n$/u, '');
  }

  async tmuxAlive(): Promise<boolean> {
    return (await this.run('tmux', ['-S', this.socket, 'list-sessions'])).code === 0;
  }

  /** Ends the server and waits until its process is gone: a start right behind a kill fails otherwise. */
  async killServer(): Promise<void> {
    if (!existsSync(this.socket)) return;
    const pid = await this.run('tmux', ['-S', this.socket, 'display-message', '-p', '#{pid}']);
    await this.run('tmux', ['-S', this.socket, 'kill-server']);
    if (pid.code === 0) await waitFor(() => !processExists(Number(pid.stdout)), 'the tmux server to end');
    rmSync(this.socket, { force: true });
  }

  /** A new repository with one commit. */
  async repo(name = 'repo', ...initArgs: string[]): Promise<string> {
    const dir = path.join(this.dir, name);
    mkdirSync(dir, { recursive: true });
    await this.git(dir, 'init', '-q', ...initArgs);
    writeFileSync(path.join(dir, 'file.txt'), 'one\n');
    await this.git(dir, 'add', '.');
    await this.git(dir, 'commit', '-q', '-m', 'first');
    return realpathSync(dir);
  }

  /** Waits until the pane's foreground process has this argument vector. */
  async waitForCommand(target: string, command: string): Promise<void> {
    await waitFor(
      async () =>
        (await this.tmux('display-message', '-p', '-t', target, '#{pane_current_command}')) === command,
      `${command} in ${target}`,
    );
  }

  /** The pane's visible text. */
  screen(target: string): Promise<string> {
    return this.tmux('capture-pane', '-p', '-t', target);
  }
}

/** A folder that goes when the test is finished. Physical, as the program prints physical paths. */
export function temporaryFolder(): string {
  const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'gs-')));
  onTestFinished(() => removeFolder(dir));
  return dir;
}

/** Also where a process that the test has left behind still writes in it: node tries only the folder itself again. */
async function removeFolder(dir: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      rmSync(dir, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt >= 50) throw error;
      await delay(100);
    }
  }
}

export function person(name = 'ann'): Person {
  return new Person(name);
}

/** Polls a condition; fails after `timeoutMs` with what was waited for. */
export async function waitFor(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 20_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** False for a zombie too: a server's parent is process 1, which may take its time to bury it. */
export function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/\) Z /u.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return !existsSync('/proc/self');
  }
}

function execute(
  program: string,
  args: string[],
  options: { cwd: string; env: Record<string, string> },
  input?: string | Buffer,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: 'pipe' });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const bytes = Buffer.concat(out);
      resolve({
        code: code ?? 128 + (signal === 'SIGKILL' ? 9 : 15),
        stdout: bytes.toString('utf8'),
        stderr: Buffer.concat(err).toString('utf8'),
        bytes,
      });
    });
  });
}
