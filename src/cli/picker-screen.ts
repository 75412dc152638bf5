import { StringDecoder } from 'node:string_decoder';
import { onSignals } from '../flow/signals.ts';
import { decodeKeys, type Key, unfinished } from '../session/keys.ts';
import { type PickedRows, type PickerState, press, scrolled, startPicker } from '../session/picker.ts';
import { clusters, cut, widthOf } from '../session/width.ts';
import { screenSize, type TerminalSize as Size } from '../process/own-terminal.ts';
import { safe, safeOutput } from '../trust/safe.ts';
import { drawScreen, onResize } from './output.ts';

export interface ScreenOptions {
  prompt: string;
  multiple: boolean;
}

/** The other screen, so that what was there comes back; no wrapping, so that a line is always one row. */
const ENTER = '\x1b[?1049h\x1b[?7l';
/** A terminal that has no other screen is cleared at least. */
const LEAVE = '\x1b[H\x1b[J\x1b[?7h\x1b[?1049l\x1b[?25h';
/** Milliseconds after which an escape is a key by itself. */
const ESCAPE_DELAY = 50;

/** The built-in picker: type to search, arrows, Enter, and Tab where several may be chosen. */
export function pickOnScreen(labels: readonly string[], options: ScreenOptions): Promise<PickedRows> {
  const { stdin } = process;
  const text = new StringDecoder('utf8');
  let state = startPicker(labels, options.multiple);
  let rest = '';
  let timer: NodeJS.Timeout | undefined;

  return new Promise((resolve, reject) => {
    const draw = () => {
      state = scrolled(state, listHeight(size()));
      drawScreen('stderr', screenOf(state, options.prompt, size()));
    };
    const handle = (keys: readonly Key[]) => {
      for (const key of keys) {
        const step = press(state, key, listHeight(size()));
        if ('picked' in step) return finish(step.picked);
        state = step.next;
      }
      draw();
    };
    const guarded = (action: () => void) => () => {
      try {
        action();
      } catch (error) {
        restore();
        reject(error);
      }
    };
    const onData = (chunk: Buffer) =>
      guarded(() => {
        clearTimeout(timer);
        const decoded = decodeKeys(rest + text.write(chunk));
        rest = decoded.rest;
        if (rest !== '') timer = setTimeout(guarded(onSilence), ESCAPE_DELAY);
        if (decoded.keys.length > 0) handle(decoded.keys);
      })();
    const onSilence = () => {
      const keys = unfinished(rest);
      rest = '';
      handle(keys);
    };
    const onGone = () => finish({ cancelled: 'interrupt' });
    // Whoever had the terminal while we were stopped has left it in line mode.
    const onContinue = guarded(() => {
      stdin.setRawMode(false);
      stdin.setRawMode(true);
      drawScreen('stderr', ENTER);
      draw();
    });

    let restored = false;
    let keepSize = () => {};
    const restore = () => {
      if (restored) return;
      restored = true;
      clearTimeout(timer);
      removeSignals();
      stdin.off('data', onData).off('end', onGone).off('error', onGone);
      keepSize();
      process.off('SIGCONT', onContinue).off('exit', restore);
      stdin.pause();
      drawScreen('stderr', LEAVE);
      try {
        stdin.setRawMode(false);
      } catch {
        // The terminal is gone, and its mode with it.
      }
    };
    const finish = (picked: PickedRows) => {
      restore();
      resolve(picked);
    };
    const removeSignals = onSignals(restore);
    process.on('exit', restore).on('SIGCONT', onContinue);
    guarded(() => {
      stdin.setRawMode(true);
      drawScreen('stderr', ENTER);
      draw();
      keepSize = onResize('stderr', guarded(draw));
      stdin.on('end', onGone).on('error', onGone).on('data', onData);
      stdin.resume();
    })();
  });
}

function size(): Size {
  return screenSize('stderr');
}

/** The first row is the query, the second one a count, where there is room for it. */
function listHeight({ rows }: Size): number {
  return Math.max(0, rows - (rows < 4 ? 1 : 2));
}

/** All that is written for one state: each row is cleared first, as clearing behind a full one takes its end. */
export function screenOf(state: PickerState, prompt: string, size: Size): string {
  const { lines, cursor } = frameOf(state, prompt, size);
  const rows = Array.from({ length: size.rows }, (_, i) => `\x1b[2K${safeOutput(lines[i] ?? '')}`);
  return `\x1b[?25l\x1b[H${rows.join('\r\n')}\x1b[1;${cursor + 1}H\x1b[?25h`;
}

/** The rows, and the column of the cursor, from 0. */
export function frameOf(state: PickerState, prompt: string, size: Size): { lines: string[]; cursor: number } {
  const { columns } = size;
  const height = listHeight(size);
  const asked = cut(prompt, Math.max(0, Math.floor(columns / 2) - 1));
  const query = tail(safe(state.query), columns - widthOf(asked) - 2);
  const first = `${asked}${asked === '' ? '' : ' '}${query}`;
  const lines = [first];
  if (height < size.rows - 1) lines.push(`\x1b[2m${cut(countLine(state), columns)}\x1b[22m`);
  for (let i = state.top; i < Math.min(state.top + height, state.matches.length); i++) {
    const row = state.matches[i]!;
    const mark = !state.multiple ? '' : state.marked.has(row) ? '* ' : '  ';
    const text = cut(`${i === state.at ? '>' : ' '} ${mark}${state.labels[row]!}`, columns);
    lines.push(i === state.at ? `\x1b[7m${text}\x1b[27m` : text);
  }
  return { lines, cursor: Math.min(widthOf(first), columns - 1) };
}

function countLine({ matches, labels, marked, multiple }: PickerState): string {
  const count = `${matches.length}/${labels.length}`;
  const many = marked.size > 0 ? `, ${marked.size} marked` : '';
  return `  ${count}${many}  Enter takes${multiple ? ', Tab marks' : ''}, Esc leaves`;
}

/** The end of a text that is too wide: that is where the person types. */
function tail(text: string, width: number): string {
  let out = '';
  let used = 0;
  for (const cluster of clusters(text).toReversed()) {
    used += widthOf(cluster);
    if (used > width) break;
    out = cluster + out;
  }
  return out;
}
