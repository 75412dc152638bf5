import { InvalidConfigError } from './errors.ts';
import { nearestName } from './nearest.ts';
import {
  EXPECTED,
  isPattern,
  parseValue,
  type SettingType,
  type SettingValue,
  type Types,
} from './setting-values.ts';

interface Definition {
  type: SettingType;
  /** As one would write it in the configuration; null where there is none. */
  default: string | null;
  description: string;
  /** Why a text of the right type can't be used: what it is not. */
  check?: (text: string) => string | null;
  /** A list whose words may also stand in one value. */
  split?: true;
  /** Only the user's and the system's configuration count: a repository must not be able to say it. */
  personal?: true;
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
  sign: {
    type: 'boolean',
    default: 'false',
    description: "sign what is saved, by git's own settings (gpg.format, user.signingKey)",
  },
  trustSigner: {
    type: 'list',
    default: null,
    description: 'whose signature lets commands start; only from the global or system configuration',
    personal: true,
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

/** True where what a repository's own configuration says of it does not count. */
export function isPersonalSetting(name: SettingName): boolean {
  const { personal }: Definition = SETTINGS[name];
  return personal === true;
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
  return type === 'string' && check?.(text) != null ? null : parseValue(type, text, env.HOME);
}

function problemOf(name: SettingName, text: string): string {
  const { type, check }: Definition = SETTINGS[name];
  return `not ${check?.(text) ?? EXPECTED[type]}`;
}
