import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { ServerGoneError, TmuxFailedError } from '../session/errors.ts';
import { quote } from './syntax.ts';
import { startFailure, type Tmux, tmuxEnvironment, tmuxFailure } from './tmux.ts';

export interface Reply {
  ok: boolean;
  /** The lines of the answer, or of the error message. */
  lines: Buffer[];
}

/**
 * Commands that are on the way at once. Measured (tmux.md 3.1): as fast as one big file,
 * and the user's other clients are never frozen for longer than some 50 ms.
 */
const BATCH = 20;

/** Milliseconds without any answer after which the server counts as gone. */
const TIMEOUT = 30_000;

/**
 * A control-mode connection. It is attached to a session of its own (the anchor), never to one of the
 * user's, and the anchor goes away with the connection, however that ends.
 */
export class ControlClient {
  private readonly child: ChildProcessWithoutNullStreams;
  /** Name of the session that the connection is attached to. */
  private readonly anchor: string;
  /** Sent, and not answered yet; in order. */
  private readonly waiting: ((reply: Reply) => void)[] = [];
  /** Not sent yet. */
  private readonly queue: { command: string; resolve: (reply: Reply) => void }[] = [];
  private block: { tag: string; lines: Buffer[]; ours: boolean } | null = null;
  private rest: Buffer = Buffer.alloc(0);
  private stderr = '';
  private timer: NodeJS.Timeout | undefined;
  private failure: Error | null = null;
  private ready!: () => void;
  private readonly started: Promise<void>;
  private readonly closed: Promise<void>;

  private constructor(child: ChildProcessWithoutNullStreams, program: string, anchor: string) {
    this.child = child;
    this.anchor = anchor;
    this.started = new Promise((resolve) => (this.ready = resolve));
    child.stdout.on('data', (chunk: Buffer) => this.read(chunk));
    child.stderr.on('data', (chunk: Buffer) => (this.stderr += chunk.toString('utf8')));
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => this.fail(startFailure(program, error)));
    this.closed = new Promise((resolve) => {
      child.on('close', () => {
        const said = this.stderr.trim();
        this.fail(said === '' ? new ServerGoneError('the tmux server went away') : tmuxFailure(said));
        resolve();
      });
    });
  }

  /** Connects, and starts the server where none runs. */
  static async open(tmux: Tmux): Promise<ControlClient> {
    const anchor = `git-session-anchor-${randomBytes(6).toString('hex')}`;
    const { program, args } = tmux.argv([
      ...['-C', 'new-session', '-E', '-f', 'no-output,ignore-size', '-s', anchor, '-x', '80', '-y', '24'],
      ...['--', '/bin/sh', '-c', 'read x'],
    ]);
    const child = spawn(program, args, { env: tmuxEnvironment(), stdio: 'pipe' });
    const client = new ControlClient(child, program, anchor);
    await client.started;
    client.throwFailure();
    await client.run([`set-option -t ${quote(`=${anchor}:`)} destroy-unattached on`]);
    return client;
  }

  /**
   * Sends commands and gives one reply for each, in order. An error of tmux is a reply, not a throw.
   * Each must be one command: tmux answers every command of a `;` list by itself. Calls may overlap:
   * together they never have more than a batch on the way.
   */
  async send(commands: string[]): Promise<Reply[]> {
    this.throwFailure();
    const replies = await Promise.all(
      commands.map((command) => new Promise<Reply>((resolve) => this.enqueue(command, resolve))),
    );
    // An error of tmux has words; without them the connection was lost.
    if (replies.some((r) => !r.ok && r.lines.length === 0)) this.throwFailure();
    return replies;
  }

  private enqueue(command: string, resolve: (reply: Reply) => void): void {
    this.queue.push({ command, resolve });
    this.pump();
  }

  private pump(): void {
    // A new batch goes out when the last one is answered: that is when tmux serves its other clients.
    if (this.waiting.length > 0 || this.queue.length === 0) {
      if (this.waiting.length === 0) clearTimeout(this.timer);
      return;
    }
    const batch = this.queue.splice(0, BATCH);
    this.waiting.push(...batch.map((b) => b.resolve));
    this.child.stdin.write(batch.map((b) => `${b.command}\n`).join(''));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.child.kill('SIGKILL'), TIMEOUT);
  }

  /** Sends commands that must all succeed; throws for the first that did not. */
  async run(commands: string[]): Promise<Buffer[][]> {
    const replies = await this.send(commands);
    const bad = replies.findIndex((r) => !r.ok);
    if (bad >= 0) {
      const said = Buffer.concat(replies[bad]!.lines).toString('utf8');
      throw new TmuxFailedError(`tmux: ${said} (in '${commands[bad]?.split(' ')[0] ?? ''}')`);
    }
    return replies.map((r) => r.lines);
  }

  /**
   * Leaves, and takes the anchor along. Left to `destroy-unattached` alone, tmux 3.3a frees it under another client that
   * leaves in the same moment, and dies with all sessions of the user (6 of 40 restores beside two polling clients; with
   * this 0 of 60). That option stays for the case that we are killed.
   */
  async close(): Promise<void> {
    this.child.stdin.end(`kill-session -t ${quote(`=${this.anchor}:`)}\n`);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 2000);
    await this.closed;
    clearTimeout(timer);
  }

  private throwFailure(): void {
    if (this.failure !== null) throw this.failure;
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.ready();
    clearTimeout(this.timer);
    const open = [...this.waiting.splice(0), ...this.queue.splice(0).map((q) => q.resolve)];
    for (const resolve of open) resolve({ ok: false, lines: [] });
  }

  private read(chunk: Buffer): void {
    let data = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    for (let end = data.indexOf(10); end >= 0; end = data.indexOf(10)) {
      this.line(data.subarray(0, end));
      data = data.subarray(end + 1);
    }
    this.rest = Buffer.from(data);
  }

  /**
   * Outside a block a line that starts with `%` is a notification, which is not needed here. A block
   * ends only with the time and number of its begin: its text may hold a forged `%end`.
   */
  private line(line: Buffer): void {
    if (this.block === null) {
      const m = /^%begin (\d+ \d+) (\d+)/u.exec(line.toString('latin1', 0, 80));
      if (m !== null) this.block = { tag: m[1]!, lines: [], ours: m[2] === '1' };
      return;
    }
    const m = /^%(end|error) (\d+ \d+) \d+$/u.exec(line.toString('latin1', 0, 80));
    if (m === null || m[2] !== this.block.tag) {
      this.block.lines.push(Buffer.from(line));
      return;
    }
    const { lines, ours } = this.block;
    this.block = null;
    if (ours) {
      this.waiting.shift()?.({ ok: m[1] === 'end', lines });
      this.pump();
    } else if (m[1] === 'error') this.fail(tmuxFailure(Buffer.concat(lines).toString('utf8')));
    else this.ready();
  }
}
