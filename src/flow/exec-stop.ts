import { readJob, signalJob } from '../process/job.ts';
import { noteStop } from './command-log.ts';

/** Milliseconds that a command has to end by itself when it is asked to. */
const GRACE = 5000;
/** git passes a signal of the terminal on to us, which has come already: that is not a second Ctrl-C. */
const SAME_KEY = 1000;

/**
 * Ends a command before its time: when it takes too long, and at the signals that we get. The whole process group gets
 * each signal, and the script in it lives on to write down the end, unless it has to be SIGKILL.
 */
export class Stopper {
  timedOut = false;
  /** The script was killed with its command. */
  killed = false;
  private readonly directory: string;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly handlers: [NodeJS.Signals, () => void][];
  private pending: NodeJS.Signals | null = null;
  private interruptedAt: number | null = null;

  constructor(directory: string) {
    this.directory = directory;
    this.handlers = [
      ['SIGINT', () => this.interrupt()],
      ['SIGTERM', () => this.end('SIGTERM', 'signal')],
      // The script takes a SIGHUP for the end of its own terminal.
      ['SIGHUP', () => this.end('SIGTERM', 'signal')],
    ];
    for (const [signal, handler] of this.handlers) process.on(signal, handler);
  }

  /** The command has begun. */
  start(timeoutMs: number | null): void {
    if (this.pending !== null) this.send(this.pending);
    if (timeoutMs === null) return;
    this.after(timeoutMs, () => {
      this.timedOut = readJob(this.directory)?.state === 'running';
      if (this.timedOut) this.end('SIGTERM', 'timeout');
    });
  }

  /** Asks the command to end, and makes it where it does not. */
  end(signal: NodeJS.Signals, why: 'timeout' | 'signal'): void {
    if (this.hasEnded()) return;
    noteStop(this.directory, why);
    this.send(signal);
    // One that is stopped does not see the signal before it goes on.
    this.send('SIGCONT');
    this.after(GRACE, () => this.kill());
  }

  /** Takes the handlers and timers away. */
  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    for (const [signal, handler] of this.handlers) process.removeListener(signal, handler);
  }

  private interrupt(): void {
    if (this.hasEnded()) return;
    const now = Date.now();
    if (this.interruptedAt !== null && now - this.interruptedAt < SAME_KEY) return;
    const again = this.interruptedAt !== null;
    this.interruptedAt = now;
    if (again) {
      noteStop(this.directory, 'signal');
      this.kill();
    } else this.send('SIGINT');
  }

  private hasEnded(): boolean {
    const job = readJob(this.directory);
    return job !== null && job.state !== 'running';
  }

  private send(signal: NodeJS.Signals): void {
    const job = readJob(this.directory);
    if (job === null) this.pending = signal === 'SIGCONT' ? this.pending : signal;
    else signalJob(job, signal);
  }

  private kill(): void {
    const job = readJob(this.directory);
    if (job === null || !signalJob(job, 'SIGKILL')) return;
    this.killed = true;
  }

  private after(ms: number, then: () => void): void {
    // A longer time than a timer has would end at once.
    this.timers.push(setTimeout(then, Math.min(ms, 2 ** 31 - 1)));
  }
}
