import { showInPager } from '../flow/pager.ts';
import { isTerminal } from '../process/own-terminal.ts';
import { safeOutput } from '../trust/safe.ts';
import { writeBytes } from './output.ts';

/** Prints an answer that may be long: on a terminal through the pager that git would use, else as it is. */
export function page(text: string): Promise<void> {
  return pageCleaned(safeOutput(text));
}

/** The same for what panes have shown: src/trust/scrollback.ts has cleaned it, and its colors stay. */
export async function pageCleaned(text: string): Promise<void> {
  if (isTerminal('stdout') && (await showInPager(text))) return;
  await writeBytes(text);
}
