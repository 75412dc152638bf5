import { onSignals } from '../flow/signals.ts';
import { screenSize, type TerminalSize } from '../process/own-terminal.ts';
import { safeOutput } from '../trust/safe.ts';
import { drawScreen, onResize } from './output.ts';

export type ScreenSize = TerminalSize;

export interface WatchedScreen<T> {
  intervalMs: number;
  load: () => Promise<T>;
  /** The lines for what was loaded; at most as many as the screen has rows. */
  draw: (loaded: T, size: ScreenSize) => string[];
}

/** The other screen, so that what was there comes back; no wrapping, no cursor. */
const ENTER = '\x1b[?1049h\x1b[?7l\x1b[?25l\x1b[H\x1b[J';
/** A terminal that has no other screen is cleared at least. */
const LEAVE = '\x1b[H\x1b[J\x1b[?25h\x1b[?7h\x1b[?1049l';
/** What a shell tells of a program that Ctrl-C has ended. */
const INTERRUPTED = 130;
/** For what is under way when the person has seen enough. */
const PATIENCE_MS = 300;
const CTRL_C = 0x03;
const CTRL_Z = 0x1a;

/** Shows what `load` gives, anew after each interval, until `q` (exit code 0) or Ctrl-C (130). */
export function watchScreen<T>({ intervalMs, load, draw }: WatchedScreen<T>): Promise<number> {
  const { stdin } = process;
  let last: { loaded: T } | null = null;
  let timer: NodeJS.Timeout | undefined;
  let over = false;
  let keepSize = () => {};

  return new Promise((resolve, reject) => {
    const enter = () => {
      if (stdin.isTTY) stdin.setRawMode(true);
      drawScreen('stdout', ENTER);
    };
    const leave = () => {
      drawScreen('stdout', LEAVE);
      try {
        if (stdin.isTTY) stdin.setRawMode(false);
      } catch {
        // The terminal is gone, and its mode with it.
      }
    };
    const restore = () => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      removeSignals();
      stdin.off('data', onData).off('end', onGone).off('error', onGone).pause();
      keepSize();
      process.off('SIGCONT', onContinue).off('exit', restore);
      leave();
    };
    const finish = (code: number) => {
      restore();
      resolve(code);
      // A tmux that does not answer keeps nobody.
      setTimeout(() => process.exit(code), PATIENCE_MS).unref();
    };
    const fail = (error: unknown) => {
      restore();
      reject(error);
    };
    const show = () => {
      if (over || last === null) return;
      try {
        const size = screenSize('stdout');
        drawScreen('stdout', frame(draw(last.loaded, size), size.rows));
      } catch (error) {
        fail(error);
      }
    };
    const look = async () => {
      try {
        last = { loaded: await load() };
        show();
        if (!over) timer = setTimeout(() => void look(), intervalMs);
      } catch (error) {
        fail(error);
      }
    };
    const onData = (keys: Buffer) => {
      for (const key of keys) {
        if (key === CTRL_C) return finish(INTERRUPTED);
        if (key === 0x71 || key === 0x51) return finish(0);
        if (key === CTRL_Z) stop();
      }
    };
    // As the terminal would have it: all of the job stops, and the shell gets its screen back.
    const stop = () => {
      leave();
      process.kill(0, 'SIGTSTP');
    };
    const onContinue = () => {
      enter();
      show();
    };
    // Without keys it goes on: the terminal's end comes as a signal.
    const onGone = () => stdin.off('data', onData).pause();
    const removeSignals = onSignals(restore);
    process.on('exit', restore).on('SIGCONT', onContinue);
    try {
      enter();
      keepSize = onResize('stdout', show);
      if (stdin.isTTY) stdin.on('end', onGone).on('error', onGone).on('data', onData).resume();
      void look();
    } catch (error) {
      fail(error);
    }
  });
}

/** One write, each line over the one before it: nothing is blank in between. */
export function frame(lines: readonly string[], rows: number): string {
  const shown = lines.slice(0, rows).map((line) => `${safeOutput(line)}\x1b[K`);
  return `\x1b[H${shown.join('\r\n')}\x1b[J`;
}
