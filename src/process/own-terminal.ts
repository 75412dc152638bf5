/**
 * What is known of the terminal that we write to. Here nothing is written: the linter keeps `process.stdout` and
 * `process.stderr` from everybody but this file and src/cli/output.ts.
 */
export type Stream = 'stdout' | 'stderr';

export interface TerminalSize {
  rows: number;
  columns: number;
}

export function isTerminal(stream: Stream): boolean {
  return process[stream].isTTY;
}

/** 0 by 0 of a terminal that nobody has sized (a serial line, some ptys), and of what is none. */
export function sizeOf(stream: Stream): TerminalSize {
  const { rows, columns } = process[stream];
  return { rows: rows || 0, columns: columns || 0 };
}

/** The usual size where the terminal does not know its own. */
export function screenSize(stream: Stream): TerminalSize {
  const { rows, columns } = sizeOf(stream);
  return { rows: rows || 24, columns: columns || 80 };
}
