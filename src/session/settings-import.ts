import { readSetting, type SettingEnvironment, type SettingName, SETTINGS } from './settings.ts';
import type { SettingType } from './setting-values.ts';

/** The keys of a `[tmux]` table, and the settings that they are here. */
export const TOML_KEYS = new Map<string, SettingName>([
  ['enabled', 'enabled'],
  ['auto_create_session', 'autoCreateSession'],
  ['detach_on_create', 'detachOnCreate'],
  ['auto_cleanup_completed', 'autoCleanupCompleted'],
  ['tmux_command', 'tmuxCommand'],
  ['default_shell', 'defaultShell'],
  ['session_timeout', 'timeout'],
  ['keep_alive', 'keepAlive'],
  ['history_limit', 'historyLimit'],
  ['history_auto_save', 'historyAutoSave'],
  ['history_save_dir', 'historySaveDir'],
]);

export interface ImportProblem {
  /** As the file has it: `tmux.history_limit`. */
  key: string;
  message: string;
}

export interface ImportPlan {
  set: { key: string; value: string }[];
  /** Keys of the file that mean nothing here. */
  ignored: string[];
  problems: ImportProblem[];
}

/** What a parsed TOML document would set. A whole number is a bigint in it, a float a number. */
export function planImport(document: Record<string, unknown>, env: SettingEnvironment): ImportPlan {
  const plan: ImportPlan = { set: [], ignored: [], problems: [] };
  const { tmux } = document;
  plan.ignored.push(...Object.keys(document).filter((key) => key !== 'tmux'));
  if (tmux === undefined) return plan;
  if (!isTable(tmux)) {
    plan.problems.push({ key: 'tmux', message: 'is not a table' });
    return plan;
  }
  for (const [key, value] of Object.entries(tmux)) {
    const name = TOML_KEYS.get(key);
    if (name === undefined) {
      plan.ignored.push(`tmux.${key}`);
      continue;
    }
    const read = textOf(name, value, env);
    if ('problem' in read) plan.problems.push({ key: `tmux.${key}`, message: read.problem });
    else plan.set.push({ key: `session.${name}`, value: read.text });
  }
  return plan;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

const TOML_TYPES: Record<SettingType, ['boolean' | 'bigint' | 'string', string]> = {
  boolean: ['boolean', 'true or false'],
  integer: ['bigint', 'a whole number'],
  duration: ['string', 'a string'],
  command: ['string', 'a string'],
  path: ['string', 'a string'],
  list: ['string', 'a string'],
  string: ['string', 'a string'],
};

function textOf(
  name: SettingName,
  value: unknown,
  env: SettingEnvironment,
): { text: string } | { problem: string } {
  const [wanted, words] = TOML_TYPES[SETTINGS[name].type];
  if (typeof value !== wanted) return { problem: `is not ${words}` };
  const text = String(value);
  // Nobody means one; a line break in a command would be one more command somewhere.
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)) return { problem: 'has a control character in it' };
  const { problem } = readSetting(name, [text], env);
  return problem === null ? { text } : { problem: `is ${problem}` };
}
