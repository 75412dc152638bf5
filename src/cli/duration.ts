import { UsageError } from '../session/errors.ts';
import { parseDuration } from '../session/setting-values.ts';

/** `--timeout` in milliseconds; null where it was not given, or is 0. A bare number is seconds, as for timeout(1). */
export function parseTimeout(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = parseDuration(timeoutText(text));
  if (ms === null) throw new UsageError(`--timeout takes a duration such as 30s or 5m, not '${text}'`);
  return ms === 0 ? null : ms;
}

/** As it is said to a person: with its unit. */
export function timeoutText(text: string): string {
  return /^\d+(?:\.\d+)?$/u.test(text) ? `${text}s` : text;
}
