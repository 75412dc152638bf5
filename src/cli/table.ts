import { isTerminal, screenSize } from '../process/own-terminal.ts';
import { cut, cutStart, pad, widthOf } from '../session/width.ts';

const GAP = '  ';
/** A column is not made narrower than this to fit a terminal. */
const MIN_WIDTH = 8;

/** How a column gives way where a terminal is too narrow. */
export interface Give {
  /** Those with the lowest number are made narrower first; null: never. */
  order: number | null;
  /** The end is what counts, as of a path. */
  fromStart?: boolean;
}

/**
 * Columns as wide as they need to be. `width` is the terminal's: there the widest columns give way, of those that are to
 * do so first. In a pipe it is null and nothing is cut.
 */
export function table(
  rows: readonly (readonly string[])[],
  width: number | null,
  gives: readonly Give[] = [],
): string[] {
  const widths = widthsOf(rows);
  if (width !== null) shrink(widths, width, gives, MIN_WIDTH);
  return rows.map((row) => {
    const cells = row.map((cell, i) => {
      const shown = gives[i]?.fromStart === true ? cutStart(cell, widths[i]!) : cut(cell, widths[i]!);
      return pad(shown, widths[i]!);
    });
    const line = cells.join(GAP);
    return (width === null ? line : cut(line, width)).trimEnd();
  });
}

/** Whether a table fits where the columns that give way first are at least `least` wide, and all others are whole. */
export function fits(
  rows: readonly (readonly string[])[],
  width: number,
  gives: readonly Give[],
  least: number,
): boolean {
  const first = gives.map(({ order }) => ({ order: order === 0 ? 0 : null }));
  return shrink(widthsOf(rows), width, first, least) <= 0;
}

function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const count = Math.max(0, ...rows.map((r) => r.length));
  return Array.from({ length: count }, (_, i) => Math.max(...rows.map((r) => widthOf(r[i] ?? ''))));
}

/** Gives how much too wide it is still. */
function shrink(widths: number[], width: number, gives: readonly Give[], least: number): number {
  const orders = widths.map((_, i) => gives[i]?.order ?? (gives[i] === undefined ? 0 : null));
  let over = widths.reduce((sum, w) => sum + w, 0) + GAP.length * (widths.length - 1) - width;
  for (const order of [...new Set(orders)].filter((o) => o !== null).toSorted((a, b) => a - b)) {
    while (over > 0) {
      const able = widths.map((w, i) => (orders[i] === order ? w : 0));
      const widest = able.indexOf(Math.max(...able));
      if (able[widest]! <= least) break;
      widths[widest]!--;
      over--;
    }
  }
  return over;
}

/** Columns of the terminal that stdout is; null where it is a pipe or a file. */
export function terminalWidth(): number | null {
  return isTerminal('stdout') ? screenSize('stdout').columns : null;
}

/** True where the locale has no characters to draw with. */
export function isAscii(env: NodeJS.ProcessEnv = process.env): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return !/utf-?8/iu.test(locale);
}

const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ['y', 365 * 86400],
  ['mo', 30 * 86400],
  ['w', 7 * 86400],
  ['d', 86400],
  ['h', 3600],
  ['m', 60],
];

/** `2h ago`. Another machine's clock may be ahead of ours. */
export function ago(iso: string, now = Date.now()): string {
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return iso;
  const seconds = Math.round((now - at) / 1000);
  const passed = Math.abs(seconds);
  const [unit, size] = UNITS.find(([, s]) => passed >= s) ?? ['s', 1];
  const text = `${Math.floor(passed / size)}${unit}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** `3d 4h`, `1h 25m`, `45m`, `12s`. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const units = [
    `${Math.floor(seconds / 86400)}d`,
    `${Math.floor(seconds / 3600) % 24}h`,
    `${Math.floor(seconds / 60) % 60}m`,
    `${seconds % 60}s`,
  ];
  const first = units.findIndex((unit) => !unit.startsWith('0'));
  // Behind days come hours, behind hours minutes, and behind those nothing.
  const shown = first < 0 ? ['0s'] : units.slice(first, first < 2 ? first + 2 : first + 1);
  return shown.filter((unit, i) => i === 0 || !unit.startsWith('0')).join(' ');
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** As `git log` writes a date, in the reader's own time zone. */
export function date(iso: string): string {
  const d = new Date(iso);
  if (Number.isNaN(d.getTime())) return iso;
  const two = (n: number) => String(n).padStart(2, '0');
  const offset = -d.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const time = [d.getHours(), d.getMinutes(), d.getSeconds()].map(two).join(':');
  return `${DAYS[d.getDay()]} ${MONTHS[d.getMonth()]} ${d.getDate()} ${time} ${d.getFullYear()} ${zone}`;
}
