/**
 * What a terminal would show in the end of what a program has written to it: lines, with progress bars in their last
 * state, and no control characters at all. For the raw output of a run whose terminal is gone, so nobody knows how wide
 * it was: lines are as long as they were written. Colors are left out, and so is what stood on an alternate screen.
 *
 * The time is linear in the input, whatever it is: moves that would make text out of nothing, and erasures of long
 * lines, are paid from a budget, and ignored where that is used up.
 */

/** Rows that a program may think the screen has: how far up the cursor goes. */
const ROWS = 50;
/** Columns beyond the end of a line to which it may be moved. */
const COLUMNS = 1000;
/** Made characters that are paid for by one of the input. */
const WORK_PER_CHARACTER = 8;
const WORK_AT_LEAST = 1_000_000;
/** So many are copied for the price of one. */
const COPIED = 16;

/** A step of the terminal's parser. A control string that is not ended ends with its line, or with the next escape. */
const STEP = new RegExp(
  [
    String.raw`(?<text>[^\p{Cc}]+)`,
    String.raw`(?:\x1B\[|\x9B)(?<private>[<-?]?)(?<parameters>[0-9:;]*)[<-?0-9:;]*(?<intermediate>[ -/]*)(?<final>[@-~]?)`,
    String.raw`(?:\x1B[\]PX^_]|[\x90\x98\x9D-\x9F])[^\x07\x1B\x9C\n]*(?:\x07|\x1B\\|\x9C)?`,
    String.raw`\x1B(?<escape>[ -/]*[0-~]?)`,
    String.raw`(?<control>\p{Cc})`,
  ].join('|'),
  'gu',
);

export function printedText(output: string): string {
  const screen = new Screen(output.length * WORK_PER_CHARACTER + WORK_AT_LEAST);
  for (const { groups = {} } of output.matchAll(STEP)) {
    const { text, final, escape, control } = groups;
    if (text !== undefined) screen.write(text);
    else if (control !== undefined) screen.control(control);
    else if (escape !== undefined) screen.escape(escape);
    else if (final !== undefined && groups['intermediate'] === '') {
      screen.sequence(final, groups['private'] ?? '', (groups['parameters'] ?? '').split(/[:;]/u, 16));
    }
  }
  return screen.text();
}

class Screen {
  private readonly lines: string[] = [''];
  /** The first line that the cursor can reach. */
  private top = 0;
  private row = 0;
  private column = 0;
  private saved: [row: number, column: number] = [0, 0];
  /** Where the cursor was before the alternate screen; nothing is written meanwhile. */
  private before: [row: number, column: number] | null = null;
  private budget: number;

  constructor(budget: number) {
    this.budget = budget;
  }

  text(): string {
    const lines = this.lines.map((line) => line.toWellFormed().trimEnd());
    while (lines.length > 0 && lines.at(-1) === '') lines.pop();
    return lines.map((line) => `${line}\n`).join('');
  }

  write(text: string): void {
    if (this.before !== null) return;
    const line = this.lines[this.row]!;
    const gap = Math.max(0, this.column - line.length);
    // No text is lost where nothing can be paid any more.
    if (this.column !== line.length && !this.pay(gap + line.length / COPIED)) this.column = line.length;
    const end = this.column + text.length;
    this.lines[this.row] =
      this.column === line.length
        ? line + text
        : line.slice(0, this.column).padEnd(this.column) + text + line.slice(end);
    this.column = end;
  }

  control(c: string): void {
    if (c === '\n' || c === '\v' || c === '\f' || c === '\u0084') this.down();
    else if (c === '\u0085') {
      this.column = 0;
      this.down();
    } else if (c === '\r') this.column = 0;
    else if (c === '\b') this.column = Math.max(0, this.column - 1);
    else if (c === '\t') this.toColumn((Math.floor(this.column / 8) + 1) * 8);
    else if (c === '\u008D') this.toRow(this.row - 1);
  }

  escape(name: string): void {
    if (name === '7') this.saved = [this.row, this.column];
    else if (name === '8') this.to(this.saved);
    else if (name === 'D') this.down();
    else if (name === 'E') this.control('\u0085');
    else if (name === 'M') this.toRow(this.row - 1);
    else if (name === 'c') {
      this.before = null;
      this.leaveBehind();
    }
  }

  sequence(final: string, kind: string, parameters: string[]): void {
    const numbers = parameters.map(Number);
    if (kind !== '') {
      if (kind === '?' && numbers.some((n) => n === 47 || n === 1047 || n === 1049)) this.alternate(final);
      return;
    }
    const [first = 0, second = 0] = numbers;
    const count = Math.max(1, first);
    if (final === 'A') this.toRow(this.row - count);
    else if (final === 'B' || final === 'e') this.toRow(this.row + count);
    else if (final === 'C' || final === 'a') this.toColumn(this.column + count);
    else if (final === 'D') this.toColumn(this.column - count);
    else if (final === 'E' || final === 'F') {
      this.toRow(final === 'E' ? this.row + count : this.row - count);
      this.column = 0;
    } else if (final === 'G' || final === '`') this.toColumn(count - 1);
    else if (final === 'd') this.toRow(this.top + count - 1);
    else if (final === 'H' || final === 'f') {
      this.toRow(this.top + count - 1);
      this.toColumn(Math.max(1, second) - 1);
    } else if (final === 's') this.saved = [this.row, this.column];
    else if (final === 'u') this.to(this.saved);
    else if (this.before === null) this.erase(final, first, count);
  }

  private erase(final: string, what: number, count: number): void {
    const line = this.lines[this.row]!;
    if (final === 'J' && (what >= 2 || (what === 0 && this.row === this.top && this.column === 0))) {
      this.leaveBehind();
    } else if (final === 'J' && what === 0) {
      this.lines.length = this.row + 1;
      this.lines[this.row] = line.slice(0, this.column);
    } else if (final === 'K' && what === 0) this.lines[this.row] = line.slice(0, this.column);
    else if (final === 'K' && what === 2) this.lines[this.row] = '';
    else if (final === 'K' || final === 'X') {
      const [from, to] = final === 'X' ? [this.column, this.column + count] : [0, this.column + 1];
      this.replace(from, to, ' '.repeat(Math.max(0, Math.min(to, line.length) - from)));
    } else if (final === 'P') this.replace(this.column, this.column + count, '');
    else if (final === '@') this.replace(this.column, this.column, ' '.repeat(Math.min(count, COLUMNS)));
  }

  /** Changes a part of the line that is there; behind its end nothing is. */
  private replace(from: number, to: number, text: string): void {
    const line = this.lines[this.row]!;
    if (from >= line.length || !this.pay(text.length + line.length / COPIED)) return;
    this.lines[this.row] = line.slice(0, from) + text + line.slice(to);
  }

  /** A cleared screen is one that nobody can change any more: what was printed stays, as in tmux. */
  private leaveBehind(): void {
    const height = this.row - this.top;
    while (this.lines.length > this.top && this.lines.at(-1) === '') this.lines.pop();
    const top = this.lines.length;
    const { column } = this;
    this.lines.push('');
    Object.assign(this, { top, row: top, column: 0 });
    // The cursor stays where it is on the screen.
    this.toRow(top + height);
    this.toColumn(column);
  }

  private alternate(final: string): void {
    if (final === 'h') this.before ??= [this.row, this.column];
    else if (final === 'l' && this.before !== null) {
      const { before } = this;
      this.before = null;
      this.to(before);
    }
  }

  private down(): void {
    if (this.before !== null) return;
    this.row++;
    if (this.row === this.lines.length) this.lines.push('');
    this.top = Math.max(this.top, this.row - ROWS + 1);
  }

  private to([row, column]: [number, number]): void {
    this.toRow(row);
    this.toColumn(column);
  }

  private toRow(row: number): void {
    if (this.before !== null) return;
    const wanted = Math.min(Math.max(row, this.top), this.top + ROWS - 1);
    while (this.lines.length <= wanted && this.pay(1)) this.lines.push('');
    this.row = Math.min(wanted, this.lines.length - 1);
  }

  private toColumn(column: number): void {
    if (this.before !== null) return;
    this.column = Math.min(Math.max(column, 0), Math.max(this.lines[this.row]!.length, COLUMNS));
  }

  private pay(work: number): boolean {
    if (this.budget < work) return false;
    this.budget -= work;
    return true;
  }
}
