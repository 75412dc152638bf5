import { type IPty, spawn } from '@lydell/node-pty';
import { Terminal as Emulator } from '@xterm/headless';
import { onTestFinished } from 'vitest';
import { type Person, PROGRAM, waitFor } from './harness.ts';

/** One character of the screen as a person sees it. */
export interface Cell {
  text: string;
  bold: boolean;
  dim: boolean;
  inverse: boolean;
  /** `default`, the number in the palette, or `#rrggbb`. */
  color: string;
  background: string;
}

/** A program on a terminal of its own. */
export interface Terminal {
  pid: number;
  /** All that it has written so far. */
  text: () => string;
  type: (keys: string) => void;
  /** The exit code; 128 and more for a signal. */
  ended: Promise<number>;
  /** The rows of the screen, without blanks at their ends. Of what was written a moment ago some may be missing. */
  screen: () => string[];
  waitForScreen: (pattern: RegExp) => Promise<void>;
  /** Row and column from 0. */
  cell: (row: number, column: number) => Cell;
  cursor: () => { row: number; column: number; visible: boolean };
  resize: (columns: number, rows: number) => void;
}

export interface Size {
  columns: number;
  rows: number;
}

const USUAL: Size = { columns: 120, rows: 40 };

/** The program under test. */
export function terminal(who: Person, cwd: string, ...args: string[]): Terminal {
  return shellTerminal(who, cwd, PROGRAM, args);
}

/** Any other program: a shell, tmux. `env` is added to the person's own. */
export function shellTerminal(
  who: Person,
  cwd: string,
  program: string,
  args: string[],
  { size = USUAL, env = {} }: { size?: Size; env?: Record<string, string> } = {},
): Terminal {
  let text = '';
  const child = spawn(program, args, {
    cwd,
    env: { ...who.env, ...env },
    cols: size.columns,
    rows: size.rows,
  });
  onTestFinished(() => child.kill('SIGKILL'));
  const screen = new Screen(child, size);
  child.onData((data) => {
    text += data;
    screen.write(data);
  });
  const ended = new Promise<number>((resolve) => {
    child.onExit(({ exitCode, signal }) =>
      resolve(signal === undefined || signal === 0 ? exitCode : 128 + signal),
    );
  });
  const rows = () => screen.rows();
  return {
    pid: child.pid,
    text: () => text,
    type: (keys) => child.write(keys),
    ended,
    screen: rows,
    waitForScreen: (pattern) => waitForRows(rows, pattern),
    cell: (row, column) => screen.cell(row, column),
    cursor: () => screen.cursor(),
    resize: (columns, rows) => {
      screen.resize(columns, rows);
      child.resize(columns, rows);
    },
  };
}

async function waitForRows(rows: () => string[], pattern: RegExp): Promise<void> {
  try {
    await waitFor(() => pattern.test(rows().join('\n')), `${pattern} on the screen`);
  } catch (error) {
    throw new Error(`${(error as Error).message}; it shows:\n${rows().join('\n').trimEnd()}`, {
      cause: error,
    });
  }
}

/** What a terminal makes of the program's output. */
class Screen {
  readonly #emulator: Emulator;
  #cursorVisible = true;

  constructor(child: IPty, { columns, rows }: Size) {
    this.#emulator = new Emulator({ cols: columns, rows, allowProposedApi: true, scrollback: 1000 });
    // It answers questions (where is the cursor, what are you), as a real one does.
    this.#emulator.onData((answer) => child.write(answer));
    for (const final of ['h', 'l']) {
      this.#emulator.parser.registerCsiHandler({ prefix: '?', final }, (params) => {
        if (params.includes(25)) this.#cursorVisible = final === 'h';
        // The emulator's own handler comes next.
        return false;
      });
    }
  }

  write(data: string): void {
    this.#emulator.write(data);
  }

  rows(): string[] {
    const buffer = this.#emulator.buffer.active;
    // Where the screen was made narrower, the emulator keeps what is to the right of it.
    return Array.from(
      { length: this.#emulator.rows },
      (_, row) =>
        buffer
          .getLine(buffer.baseY + row)
          ?.translateToString(true, 0, this.#emulator.cols)
          .trimEnd() ?? '',
    );
  }

  cell(row: number, column: number): Cell {
    const buffer = this.#emulator.buffer.active;
    const cell = buffer.getLine(buffer.baseY + row)?.getCell(column);
    if (cell === undefined) throw new Error(`the screen has no row ${row}, column ${column}`);
    const name = (isDefault: boolean, isRgb: boolean, value: number) =>
      isDefault ? 'default' : isRgb ? `#${value.toString(16).padStart(6, '0')}` : String(value);
    return {
      text: cell.getChars(),
      bold: cell.isBold() !== 0,
      dim: cell.isDim() !== 0,
      inverse: cell.isInverse() !== 0,
      color: name(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor()),
      background: name(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor()),
    };
  }

  cursor(): { row: number; column: number; visible: boolean } {
    const { cursorY, cursorX } = this.#emulator.buffer.active;
    return { row: cursorY, column: cursorX, visible: this.#cursorVisible };
  }

  resize(columns: number, rows: number): void {
    this.#emulator.resize(columns, rows);
  }
}
