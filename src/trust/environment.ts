import { fromText, type Text, toText } from '../session/text.ts';
import { isDangerous, looksSecretName } from './environment-names.ts';

/** Which environment variables a snapshot carries, and which of them a restore sets (attacks.md E1, E2). */
export type EnvironmentRecord = Record<string, Text>;

export type EnvironmentReason =
  'invalid-name' | 'invalid-value' | 'too-long' | 'dangerous' | 'secret' | 'not-allowed';

export interface EnvironmentProblem {
  name: string;
  reason: EnvironmentReason;
}

/** Names that say in which mode, place or project one works, and run nothing by themselves. */
export const DEFAULT_ALLOW: readonly string[] = [
  'APP_ENV',
  'ASPNETCORE_ENVIRONMENT',
  'AWS_DEFAULT_REGION',
  'AWS_PROFILE',
  'AWS_REGION',
  'BABEL_ENV',
  'CLOUDSDK_ACTIVE_CONFIG_NAME',
  'COMPOSE_PROFILES',
  'COMPOSE_PROJECT_NAME',
  'CUDA_VISIBLE_DEVICES',
  'DEPLOY_ENV',
  'DJANGO_SETTINGS_MODULE',
  'DOTNET_ENVIRONMENT',
  'ENVIRONMENT',
  'FLASK_ENV',
  'GOARCH',
  'GOOS',
  'LOG_LEVEL',
  'MIX_ENV',
  'NODE_ENV',
  'RACK_ENV',
  'RAILS_ENV',
  'RUST_BACKTRACE',
  'RUST_LOG',
  'TF_WORKSPACE',
  'TZ',
];

/** tmux refuses a whole command over 16 KiB. */
const MAX_VALUE = 8192;
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,255}$/u;
/** Keys that a JavaScript object treats as something else than data. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * What of `captured` is saved: the names in `allow`, but for those that are never carried. A name that looks
 * like a secret is taken only with `secrets`, the flag by which a person says that it is meant.
 */
export function selectEnvironment(
  captured: ReadonlyMap<string, Uint8Array>,
  allow: readonly string[],
  options: { secrets?: boolean } = {},
): { env: EnvironmentRecord; refused: EnvironmentProblem[] } {
  const env = emptyRecord();
  const refused: EnvironmentProblem[] = [];
  for (const name of [...new Set(allow)].toSorted()) {
    const value = captured.get(name);
    const reason =
      neverSet(name) ??
      (looksSecretName(name) && options.secrets !== true ? 'secret' : null) ??
      (value === undefined ? null : badValue(value));
    if (reason !== null) refused.push({ name, reason });
    else if (value !== undefined) env[name] = toText(value);
  }
  return { env, refused };
}

/**
 * What of a snapshot's environment is set in a restored session. Foreign data: the restorer's own list
 * decides, or that the snapshot is approved; names that run code are never set, approved or not.
 */
export function restorableEnvironment(
  env: Readonly<EnvironmentRecord>,
  options: { allow: readonly string[]; approved: boolean },
): { set: EnvironmentRecord; dropped: EnvironmentProblem[] } {
  const allowed = new Set(options.allow);
  const set = emptyRecord();
  const dropped: EnvironmentProblem[] = [];
  for (const [name, value] of Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const reason =
      neverSet(name) ??
      badValue(fromText(value)) ??
      (options.approved || allowed.has(name) ? null : 'not-allowed');
    if (reason === null) set[name] = value;
    else dropped.push({ name, reason });
  }
  return { set, dropped };
}

function neverSet(name: string): EnvironmentReason | null {
  if (!NAME.test(name) || RESERVED.has(name)) return 'invalid-name';
  return isDangerous(name) ? 'dangerous' : null;
}

function badValue(value: Uint8Array): EnvironmentReason | null {
  if (value.includes(0)) return 'invalid-value';
  return value.length > MAX_VALUE ? 'too-long' : null;
}

function emptyRecord(): EnvironmentRecord {
  return Object.create(null) as EnvironmentRecord;
}
