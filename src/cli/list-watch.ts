import { NoTerminalError } from '../session/errors.ts';
import { type Listing, type ListOptions, listSessions } from '../flow/listing.ts';
import { isTerminal } from '../process/own-terminal.ts';
import { safe } from '../trust/safe.ts';
import { cut, pad } from '../session/width.ts';
import { listLines } from './session-rows.ts';
import { type ScreenSize, watchScreen } from './watch-screen.ts';

export interface WatchOptions {
  verbose: boolean;
  intervalMs: number;
}

/** The table, until a person has seen enough. The exit code. */
export function watchSessions(options: ListOptions, { verbose, intervalMs }: WatchOptions): Promise<number> {
  if (!isTerminal('stdout')) {
    throw new NoTerminalError('--watch needs a terminal to show the list on', [
      'for a program: while sleep 2; do git session list --json; done',
    ]);
  }
  return watchScreen({
    intervalMs,
    load: () => listSessions(options),
    // The last column stays free: a terminal that is told to clear behind a full row takes its last character.
    draw: (listing, { rows, columns }) =>
      frameOf(listing, { rows, columns: columns - 1 }, { verbose, intervalMs }),
  });
}

/** At most as many lines as the screen has rows, each at most as wide. */
export function frameOf(listing: Listing, size: ScreenSize, { verbose, intervalMs }: WatchOptions): string[] {
  const { rows, now } = listing;
  const clock = new Date(now).toTimeString().slice(0, 8);
  const left = `  Every ${intervalMs / 1000}s, q ends it${stateText(listing)}`;
  const head = pad(cut(left, Math.max(0, size.columns - 9)), size.columns - 8) + clock;
  const lines =
    rows.length === 0 ? ['  no sessions'] : listLines(rows, { verbose, now, width: size.columns });
  const room = Math.max(0, size.rows - 1);
  if (lines.length <= room) return [cut(head, size.columns), ...lines];
  const shown = lines.slice(0, Math.max(0, room - 1));
  const hidden = lines.length - shown.length;
  return [head, ...shown, `  and ${hidden} more${verbose ? ' lines' : ''}`]
    .slice(0, size.rows)
    .map((line) => cut(line, size.columns));
}

function stateText({ serverRuns, tmuxProblem }: Listing): string {
  if (tmuxProblem !== null) return `; can't tell what is running: ${safe(tmuxProblem)}`;
  return serverRuns ? '' : '; no tmux server runs';
}
