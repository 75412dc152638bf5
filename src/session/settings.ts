import { InvalidConfigError } from './errors.ts';
import { nearestName } from './nearest.ts';

/** What a text of git's configuration becomes. Durations are milliseconds. */
interface Types {
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

interface Definition {
  type: SettingType;
  /** As one would write it in the configuration; null where there is none. */
  default: string | null;
  description: string;
  /** Why a text of the right type can't be used: what it is not. */
  check?: (text: string) => string | null;
  /** A list whose words may also stand in one value. */
  split?: true;
}

/** Every key below `session.` that a user sets. The manual's table is checked against this one. */
export const SETTINGS = {
  enabled: {
    type: 'boolean',
    default: 'true',
    description: 'false stops every command that writes or starts something',
  },
  tmuxCommand: { type: 'command', default: 'tmux', description: 'the tmux to use, with arguments' },
  env: {
    type: 'list',
    default: null,
    description: 'more environment variables to save and to restore',
    split: true,
  },
  autoCreateSession: {
    type: 'boolean',
    default: 'true',
    description: 'attach and exec make a session that is not there',
  },
  detachOnCreate: {
    type: 'boolean',
    default: 'true',
    description: 'a new session starts in the background',
  },
  autoCleanupCompleted: {
    type: 'boolean',
    default: 'false',
    description: 'close the tmux session of a completed command once its history is saved',
  },
  defaultShell: {
    type: 'path',
    default: null,
    description: "the shell of new sessions (otherwise tmux's default-shell)",
  },
  timeout: {
    type: 'duration',
    default: null,
    description: 'how long a session may be idle, for example 24h or 30m',
  },
  retention: {
    type: 'duration',
    default: null,
    description: 'how long gc keeps the record and the history of an ended session',
  },
  keepAlive: {
    type: 'boolean',
    default: 'true',
    description: 'false ends a session with its last client',
  },
  historyLimit: {
    type: 'integer',
    default: '50000',
    description: 'lines of history that a pane of a new session keeps',
  },
  historyAutoSave: {
    type: 'boolean',
    default: 'true',
    description: 'save the history of a session that completes or is killed',
  },
  historySaveDir: {
    type: 'path',
    default: '~/.local/share/git-session/history',
    description: 'where histories are saved',
  },
  prefix: {
    type: 'string',
    default: 'gs',
    description: 'what the names of new tmux sessions begin with',
    check: (text) =>
      /^[A-Za-z0-9_][A-Za-z0-9_-]{0,31}$/u.test(text) ? null : 'a prefix of letters and digits',
  },
  picker: {
    type: 'command',
    default: null,
    description: "the program to choose with, or 'builtin' (otherwise fzf where it is installed)",
  },
  onEvent: {
    type: 'command',
    default: null,
    description: 'a program that gets each event of a session as JSON on its stdin',
  },
  fsync: {
    type: 'string',
    default: 'default',
    description: "'always': an event survives a loss of power too, and not only a killed process",
    check: (text) => (text === 'default' || text === 'always' ? null : "'default' or 'always'"),
  },
  crqPath: { type: 'list', default: null, description: 'where documents of change requests are, as globs' },
  crqPattern: {
    type: 'string',
    default: null,
    description: 'regular expression for ids of change requests',
    check: (text) => (isPattern(text) ? null : 'a regular expression'),
  },
} as const satisfies Record<string, Definition>;

export type SettingName = keyof typeof SETTINGS;

type Read<K extends SettingName> = (typeof SETTINGS)[K] extends {
  type: infer T extends SettingType;
  default: infer D;
}
  ? Types[T] | (T extends 'list' ? never : D extends null ? null : never)
  : never;

/** Keys that the program writes for itself. */
const INTERNAL = ['initAdded'];

/** The part of git's configuration that is needed here. */
export interface SettingSource {
  getAll(key: string): string[];
}

/** What a default and `~` depend on; `process.env` is one. */
export interface SettingEnvironment {
  HOME?: string | undefined;
  XDG_DATA_HOME?: string | undefined;
}

export function settingNames(): SettingName[] {
  return Object.keys(SETTINGS) as SettingName[];
}

/** The setting that a key means, with or without `session.`, in any case; null where there is none. */
export function settingNamed(key: string): SettingName | null {
  const wanted = bare(key);
  return settingNames().find((name) => name.toLowerCase() === wanted) ?? null;
}

export function isInternalSetting(key: string): boolean {
  return INTERNAL.some((name) => name.toLowerCase() === bare(key));
}

export function nearestSetting(key: string): string | null {
  const near = nearestName(
    bare(key),
    settingNames().map((name) => name.toLowerCase()),
  );
  return near === null ? null : `session.${settingNamed(near)}`;
}

function bare(key: string): string {
  return key.toLowerCase().replace(/^session\./u, '');
}

/** A setting's value, parsed. Throws InvalidConfigError where what is set can't be used. */
export function setting<K extends SettingName>(
  config: SettingSource,
  name: K,
  env: SettingEnvironment = {},
): Read<K> {
  const raw = config.getAll(`session.${name}`);
  const read = readSetting(name, raw, env);
  if (read.problem !== null) throw invalidSetting(name, raw.at(-1) ?? '', read.problem);
  return read.value as Read<K>;
}

export function invalidSetting(name: SettingName, raw: string, problem: string): InvalidConfigError {
  return new InvalidConfigError(`session.${name} is ${problem}: '${raw}'`, [
    `git config --show-origin session.${name}`,
  ]);
}

/** The value that these texts give (the last one counts), or what is wrong with it: `not a boolean`. */
export function readSetting(
  name: SettingName,
  raw: readonly string[],
  env: SettingEnvironment,
): { value: SettingValue; problem: string | null } {
  const { type, split }: Definition = SETTINGS[name];
  if (type === 'list') {
    const words = split === true ? raw.flatMap((v) => v.split(/[\s,]+/u)).filter((w) => w !== '') : [...raw];
    return { value: words, problem: null };
  }
  const text = raw.at(-1) ?? defaultText(name, env);
  if (text === null) return { value: null, problem: null };
  const value = parse(name, text, env);
  return value === null ? { value: null, problem: problemOf(name, text) } : { value, problem: null };
}

/** What counts where nothing is set. */
export function defaultText(name: SettingName, env: SettingEnvironment): string | null {
  const data = env.XDG_DATA_HOME;
  // A relative one is ignored, as its specification says.
  if (name === 'historySaveDir' && data?.startsWith('/') === true) return `${data}/git-session/history`;
  return SETTINGS[name].default;
}

function parse(name: SettingName, text: string, env: SettingEnvironment): SettingValue {
  const { type, check }: Definition = SETTINGS[name];
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
      return expandPath(text, env.HOME);
    case 'list':
      return [text];
    case 'string':
      return check?.(text) == null ? text : null;
  }
}

const EXPECTED: Record<SettingType, string> = {
  boolean: 'a boolean',
  integer: 'a number from 0 to 2147483647',
  duration: 'a duration such as 24h or 30m',
  command: 'a command',
  path: 'an absolute path, or one that begins with ~/',
  list: 'a list',
  string: 'a text',
};

function problemOf(name: SettingName, text: string): string {
  const { type, check }: Definition = SETTINGS[name];
  return `not ${check?.(text) ?? EXPECTED[type]}`;
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

function isPattern(text: string): boolean {
  try {
    return new RegExp(text, 'gi').flags !== '';
  } catch {
    return false;
  }
}
