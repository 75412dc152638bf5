import { cut, pad, widthOf } from '../session/width.ts';

const GAP = '  ';
/** A column is not made narrower than this to fit a terminal. */
const MIN_WIDTH = 8;

/**
 * Columns as wide as they need to be. `width` is the terminal's: there the widest columns give way. In
 * a pipe it is null and nothing is cut.
 */
export function table(rows: readonly (readonly string[])[], width: number | null): string[] {
  const count = Math.max(0, ...rows.map((r) => r.length));
  const widths = Array.from({ length: count }, (_, i) => Math.max(...rows.map((r) => widthOf(r[i] ?? ''))));
  if (width !== null) shrink(widths, width - GAP.length * (count - 1));
  return rows.map((row) => {
    const line = row.map((cell, i) => pad(cut(cell, widths[i]!), widths[i]!)).join(GAP);
    return (width === null ? line : cut(line, width)).trimEnd();
  });
}

function shrink(widths: number[], room: number): void {
  let over = widths.reduce((sum, w) => sum + w, 0) - room;
  while (over > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    if (widths[widest]! <= MIN_WIDTH) return;
    widths[widest]!--;
    over--;
  }
}

/** Columns of the terminal that stdout is; null where it is a pipe or a file. */
export function terminalWidth(): number | null {
  return process.stdout.isTTY ? process.stdout.columns || 80 : null;
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
