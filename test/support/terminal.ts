import { spawn } from '@lydell/node-pty';
import { onTestFinished } from 'vitest';
import { type Person, PROGRAM } from './harness.ts';

/** The program on a terminal of its own. */
export interface Terminal {
  /** All that it has written so far. */
  text: () => string;
  type: (keys: string) => void;
  /** The exit code. */
  ended: Promise<number>;
}

export function terminal(who: Person, cwd: string, ...args: string[]): Terminal {
  let text = '';
  const child = spawn(PROGRAM, args, { cwd, env: who.env, cols: 120, rows: 40 });
  onTestFinished(() => child.kill('SIGKILL'));
  child.onData((data) => (text += data));
  const ended = new Promise<number>((resolve) => {
    child.onExit(({ exitCode }) => resolve(exitCode));
  });
  return { text: () => text, type: (keys) => child.write(keys), ended };
}
