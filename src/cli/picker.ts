import type { Cancelled, PickedRows } from '../session/picker.ts';
import { isTerminal } from '../process/own-terminal.ts';
import { safe } from '../trust/safe.ts';
import { tell } from './output.ts';

export interface PickerItem {
  /** One line; shown through `safe()`. */
  label: string;
  value: string;
}

export interface PickerOptions {
  prompt: string;
  /** Several may be chosen. */
  multiple: boolean;
  /** `session.picker`: `builtin`, or a command that takes fzf's options; null for fzf where it is installed. */
  command: string | null;
}

/** fzf ends alike after Escape and Ctrl-C: it gives `interrupt`. */
export type Picked = { chosen: PickerItem[] } | { cancelled: Cancelled };

/** Whether a question can be asked: it is written to stderr, and the answer read from stdin. */
export function canAsk(): boolean {
  return process.stdin.isTTY && isTerminal('stderr');
}

/**
 * Lets a person choose from `items`, at least one. Only called where `canAsk()` and not with `--json`. All is shown
 * on stderr: stdout stays the answer.
 */
export async function pick(items: readonly PickerItem[], options: PickerOptions): Promise<Picked> {
  if (items.length === 0) return { cancelled: 'escape' };
  const labels = items.map((item) => safe(item.label));
  const picked = await ask(labels, { ...options, prompt: safe(options.prompt) });
  if ('cancelled' in picked) return picked;
  return { chosen: picked.chosen.map((row) => items[row]!) };
}

async function ask(labels: readonly string[], options: PickerOptions): Promise<PickedRows> {
  const { command } = options;
  const dumb = /^(?:dumb|unknown|)$/u.test(process.env['TERM'] ?? '');
  // fzf moves the cursor, so a terminal that can't has the menu, unless the person says otherwise.
  if (command === null ? !dumb : command !== 'builtin') {
    const { askFzf } = await import('../flow/fzf.ts');
    const picked = await askFzf(command ?? 'fzf', labels, options);
    if (picked !== null) return picked;
    if (command !== null) {
      tell(`warning: session.picker: '${safe(command)}' did not work`);
    }
  }
  if (dumb) return (await import('./picker-menu.ts')).pickFromMenu(labels, options);
  return (await import('./picker-screen.ts')).pickOnScreen(labels, options);
}
