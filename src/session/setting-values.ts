/** What a text of git's configuration becomes. Durations are milliseconds. */
export interface Types {
  boolean: boolean;
  integer: number;
  duration: number;
  command: string;
  path: string;
  list: string[];
  string: string;
}

export type SettingType = keyof Types;
export type SettingValue = Types[SettingType] | null;

/** What a text must be. */
export const EXPECTED: Record<SettingType, string> = {
  boolean: 'a boolean',
  integer: 'a number from 0 to 2147483647',
  duration: 'a duration such as 24h or 30m',
  command: 'a command',
  path: 'an absolute path, or one that begins with ~/',
  list: 'a list',
  string: 'a text',
};

/** Null where the text is not one of that type. */
export function parseValue(type: SettingType, text: string, home: string | undefined): SettingValue {
  switch (type) {
    case 'boolean':
      return parseBoolean(text);
    case 'integer':
      return parseInteger(text);
    case 'duration':
      return parseDuration(text);
    case 'command':
      return isCommand(text) ? text : null;
    case 'path':
      return expandPath(text, home);
    case 'list':
      return [text];
    case 'string':
      return text;
  }
}

/** As git reads one: any number but 0 is true, and no text at all is false. */
function parseBoolean(text: string): boolean | null {
  const value = text.toLowerCase();
  if (['true', 'yes', 'on'].includes(value)) return true;
  if (['false', 'no', 'off', ''].includes(value)) return false;
  return /^[+-]?\d+[kmg]?$/u.test(value) ? /[1-9]/u.test(value) : null;
}

const FACTORS: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** With git's suffixes. What is more than a C int is more than tmux takes. */
function parseInteger(text: string): number | null {
  const [, digits, suffix = ''] = /^\+?(\d{1,10})([kmg]?)$/iu.exec(text) ?? [];
  if (digits === undefined) return null;
  const value = Number(digits) * FACTORS[suffix.toLowerCase()]!;
  return value <= 2 ** 31 - 1 ? value : null;
}

const UNITS: Record<string, number> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 };

/** `24h`, `1h30m`, `1.5h`, `0`. Anything else without a unit could mean seconds or minutes. */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[smhdw]))+$/u.test(text)) return null;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/([\d.]+)([a-z]+)/gu)) total += Number(number) * UNITS[unit!]!;
  return Number.isSafeInteger(Math.round(total)) ? Math.round(total) : null;
}

/** True where the words of it, split as a shell splits them, begin with a program. */
function isCommand(text: string): boolean {
  const isClosed = /^(?:[^'"\\]|\\.|\\$|'[^']*'|"(?:[^"\\]|\\.)*")*$/su.test(text);
  return isClosed && text.trim() !== '' && !/^\s*(?:''|"")+(?:\s|$)/u.test(text);
}

function expandPath(text: string, home: string | undefined): string | null {
  if (text.startsWith('/')) return text;
  if (text !== '~' && !text.startsWith('~/')) return null;
  return home?.startsWith('/') === true ? `${home.replace(/\/+$/u, '')}${text.slice(1)}` || '/' : null;
}

/** True for a regular expression. */
export function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'gi').flags !== '';
  } catch {
    return false;
  }
}
