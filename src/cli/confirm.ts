import { createInterface } from 'node:readline/promises';
import { safeOutput } from '../trust/safe.ts';
import { questionStream } from './output.ts';

/** Asks on stderr for a yes; no answer is a no. Only called where `canAsk()`. */
export async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: questionStream() });
  // Ctrl-C ends the program as it ends any other, and Ctrl-D is a no.
  const gone = new Promise<string>((resolve) => terminal.once('close', () => resolve('')));
  terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const answer = await Promise.race([terminal.question(safeOutput(`${question} [y/N] `)), gone]);
    return /^y(?:es)?$/iu.test(answer.trim());
  } finally {
    terminal.close();
  }
}
