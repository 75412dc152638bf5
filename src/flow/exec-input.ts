import { spawnSync } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import path from 'node:path';
import { FileProblemError } from '../session/errors.ts';

/**
 * Copies our stdin to the command through a FIFO. We hold it open for both directions until the command's script has
 * opened it, so that neither side ever waits for the other; then for writing only, and the command sees the end of the
 * input when we have, or when we are gone.
 */
export class Input {
  private readonly both: number;
  private readonly socket: Socket;

  /** Null where there is nothing to copy: stdin is a terminal, /dev/null or closed. */
  static open(directory: string): Input | null {
    return hasInput() ? new Input(path.join(directory, 'stdin')) : null;
  }

  private constructor(fifo: string) {
    const made = spawnSync('mkfifo', ['-m', '600', fifo], { stdio: 'ignore' });
    if (made.status !== 0) throw new FileProblemError(`cannot make the FIFO ${fifo}`);
    const { O_NONBLOCK, O_RDWR, O_WRONLY } = constants;
    this.both = openSync(fifo, O_RDWR | O_NONBLOCK);
    this.socket = new Socket({ fd: openSync(fifo, O_WRONLY | O_NONBLOCK), readable: false, writable: true });
    // A command that does not read, or not to the end, is none of our business.
    this.socket.on('error', () => undefined);
  }

  /** The script has opened its end. */
  start(): void {
    closeSync(this.both);
    process.stdin.on('error', () => this.socket.end());
    process.stdin.pipe(this.socket);
  }

  /** Nobody reads any more, whatever is still to come. */
  stop(): void {
    process.stdin.unpipe(this.socket);
    process.stdin.destroy();
    this.socket.destroy();
  }
}

function hasInput(): boolean {
  if (process.stdin.isTTY) return false;
  try {
    const stdin = fstatSync(0);
    const nothing = statSync('/dev/null');
    return !(stdin.isCharacterDevice() && stdin.rdev === nothing.rdev);
  } catch {
    return false;
  }
}
