import { readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import {
  FileProblemError,
  GitFailedError,
  InvalidSettingsError,
  NotARepositoryError,
  UnknownRefError,
} from '../session/errors.ts';
import {
  invalidSetting,
  isInternalSetting,
  isPersonalSetting,
  nearestSetting,
  readSetting,
  settingNamed,
  settingNames,
  type SettingEnvironment,
  type SettingName,
  SETTINGS,
} from '../session/settings.ts';
import type { SettingType, SettingValue } from '../session/setting-values.ts';
import { type ImportPlan, planImport, TOML_KEYS } from '../session/settings-import.ts';
import { type ConfigEntry, isPersonal, readConfigEntries } from '../git/config-origins.ts';
import { Git } from '../git/git.ts';
import { openRepository } from '../git/repository.ts';
import { parseToml } from './toml.ts';

export interface SettingRow {
  key: string;
  /** Parsed; null where it is unset and has no default, and where it is not valid. */
  value: SettingValue;
  /** As it is set; a list has all of its values. */
  raw: string | string[] | null;
  default: SettingValue;
  origin: { scope: string; file: string | null } | null;
  type: SettingType | 'unknown';
  description: string | null;
  /** Why `raw` can't be used. */
  problem: string | null;
  /** Values in places that have no say about this setting, where there are such: it is the user's own. */
  ignored?: { value: string; origin: SettingRow['origin'] }[];
}

/** Every setting with its value and where it comes from, then the `session.*` keys that mean nothing. */
export async function listSettings(): Promise<SettingRow[]> {
  const entries = await readEntries();
  const env = environment();
  const known = settingNames().map((name) => rowOf(name, entries, env));
  const unknown = new Map<string, SettingRow>();
  for (const entry of entries) {
    const { key, value: raw } = entry;
    if (!key.startsWith('session.') || settingNamed(key) !== null || isInternalSetting(key)) continue;
    const near = nearestSetting(key);
    unknown.set(key, {
      ...{
        key,
        value: null,
        raw,
        default: null,
        origin: originOf(entry),
        type: 'unknown',
        description: null,
      },
      problem: near === null ? 'no such setting' : `no such setting; did you mean '${near}'?`,
    });
  }
  return [...known, ...unknown.values()];
}

/** One setting, by its key with or without `session.`. */
export async function readOne(key: string): Promise<SettingRow> {
  const name = settingNamed(key);
  if (name === null) {
    const near = nearestSetting(key);
    throw new UnknownRefError(`there is no setting '${key}'`, [
      ...(near === null ? [] : [`did you mean '${near}'?`]),
      'see all settings: git session config',
    ]);
  }
  const row = rowOf(name, await readEntries(), environment());
  if (row.problem !== null) throw invalidSetting(name, [row.raw].flat().at(-1) ?? '', row.problem);
  return row;
}

function rowOf(name: SettingName, entries: ConfigEntry[], env: SettingEnvironment): SettingRow {
  const key = `session.${name}`;
  const found = entries.filter((e) => e.key === key.toLowerCase());
  const isPassedOver = (e: ConfigEntry) => isPersonalSetting(name) && !isPersonal(e);
  const set = found.filter((e) => !isPassedOver(e));
  const ignored = found.filter(isPassedOver).map((e) => ({ value: e.value, origin: originOf(e) }));
  const raw = set.map((e) => e.value);
  const { type, description } = SETTINGS[name];
  const last = set.at(-1);
  const { value, problem } = readSetting(name, raw, env);
  return {
    key,
    value,
    raw: last === undefined ? null : type === 'list' ? raw : last.value,
    default: readSetting(name, [], env).value,
    origin: last === undefined ? null : originOf(last),
    type,
    description,
    problem,
    ...(ignored.length === 0 ? {} : { ignored }),
  };
}

function originOf({ scope, file }: ConfigEntry): SettingRow['origin'] {
  return { scope, file };
}

/** Where there is a repository git is told of it: it names the repository's files by absolute paths then. */
async function readEntries(): Promise<ConfigEntry[]> {
  const common = process.env['GIT_COMMON_DIR'];
  const env: Record<string, string> = common === undefined ? {} : { GIT_COMMON_DIR: common };
  let git = new Git(null);
  try {
    ({ git } = await openRepository());
  } catch (error) {
    if (!(error instanceof NotARepositoryError)) throw error;
  }
  return readConfigEntries(git, env);
}

function environment(): SettingEnvironment {
  return { HOME: process.env['HOME'] ?? homedir(), XDG_DATA_HOME: process.env['XDG_DATA_HOME'] };
}

export type ImportScope = 'local' | 'global';

export interface ImportedSettings {
  set: ImportPlan['set'];
  ignored: { key: string; line: number | null }[];
}

/** More is no configuration of a person. */
const MAX_TOML = 65536;

/**
 * Sets what the `[tmux]` table of a TOML file says. All of it is checked before anything is written. Nobody is
 * asked, though a value may name a program that runs later: the caller prints what is set.
 */
export async function importSettings(
  file: string,
  scope: ImportScope,
  dryRun: boolean,
): Promise<ImportedSettings> {
  const git = scope === 'local' ? (await openRepository()).git : new Git(null);
  const toml = await parseToml(readToml(file));
  if ('fault' in toml) throw refused(file, [{ ...toml.fault, key: null }]);
  const plan = planImport(toml.document, environment());
  if (plan.problems.length > 0) {
    throw refused(
      file,
      plan.problems.map((p) => ({ ...p, line: toml.lineOf(p.key) })),
    );
  }
  if (plan.set.length === 0) {
    throw new UnknownRefError(`'${file}' has nothing to import: no key of [tmux] that is known here`, [
      `known are ${[...TOML_KEYS.keys()].join(', ')}`,
    ]);
  }
  if (!dryRun) await write(git, scope, plan.set);
  const ignored = plan.ignored.map((key) => ({ key, line: toml.lineOf(key) }));
  return { set: plan.set, ignored: ignored.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0)) };
}

function refused(
  file: string,
  problems: { line: number | null; key: string | null; message: string }[],
): InvalidSettingsError {
  return new InvalidSettingsError(
    `'${file}' can't be imported, nothing was set`,
    [`correct it, then: git session config import --dry-run <file>`],
    { problems },
  );
}

function readToml(file: string): string {
  let bytes: Buffer;
  try {
    if (statSync(file).size > MAX_TOML) throw new FileProblemError(`'${file}' is too large`);
    bytes = readFileSync(file);
    // A pipe tells no size.
    if (bytes.length > MAX_TOML) throw new FileProblemError(`'${file}' is too large`);
  } catch (error) {
    if (error instanceof FileProblemError) throw error;
    throw new FileProblemError(`cannot read '${file}': ${(error as Error).message}`);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new FileProblemError(`'${file}' is not UTF-8`);
  }
}

/** git has no way to set several keys at once. */
async function write(git: Git, scope: ImportScope, settings: ImportPlan['set']): Promise<void> {
  const done: string[] = [];
  for (const { key, value } of settings) {
    try {
      // A key that is there several times would be an error without --replace-all.
      await git.ok(['config', `--${scope}`, '--replace-all', key, value]);
    } catch (error) {
      if (!(error instanceof GitFailedError) || done.length === 0) throw error;
      throw new GitFailedError(error.message, [`set before that: ${done.join(', ')}`], error.data, error);
    }
    done.push(key);
  }
}
