import type { Stream } from '../process/own-terminal.ts';
import { safeJson, safeOutput } from '../trust/safe.ts';

/**
 * The one place of the program that writes to stdout and stderr; the linter finds any other. Lines go through
 * `safeOutput()`, whatever has been done to their parts before: where somebody forgets `safe()`, a reader sees that,
 * and the terminal obeys nothing.
 */

/** A line of the answer, or several. */
export function printLine(text: string): void {
  process.stdout.write(`${safeOutput(text)}\n`);
}

/** The same without a line end behind it: the text has its own. */
export function printText(text: string): void {
  process.stdout.write(safeOutput(text));
}

/** One document. It is escaped as JSON is, so that its values stay what they are. */
export function printJson(value: unknown): void {
  process.stdout.write(`${safeJson(value, process.stdout.isTTY ? 2 : undefined)}\n`);
}

/** One document on one line, also on a terminal. */
export function printJsonLine(value: unknown): void {
  process.stdout.write(`${safeJson(value)}\n`);
}

/** All that is not the answer. */
export function tell(text: string): void {
  process.stderr.write(`${safeOutput(text)}\n`);
}

/** A question: the answer is typed behind it. */
export function ask(text: string): void {
  process.stderr.write(safeOutput(text));
}

/**
 * What somebody has asked for as it is: a blob, a file, a form for programs, what panes have shown. All of it, also
 * into a pipe that is read slowly.
 */
export function writeBytes(bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(bytes, () => resolve());
  });
}

/** A whole screen, with our own movements of the cursor. Whoever draws it puts each line through `safeOutput()`. */
export function drawScreen(stream: Stream, frame: string): void {
  process[stream].write(frame);
}

/** Calls `draw` when the terminal gets another size, until the function that it gives is called. */
export function onResize(stream: Stream, draw: () => void): () => void {
  process[stream].on('resize', draw);
  return () => void process[stream].off('resize', draw);
}

/** What node's readline asks on. A question goes through `safeOutput()` first. */
export function questionStream(): NodeJS.WritableStream {
  return process.stderr;
}

/** The reader (head, a pager) may go before all is said: git ends silently there too. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(141);
    throw error;
  });
}
