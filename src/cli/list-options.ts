import { UsageError } from '../session/errors.ts';
import { LIST_STATUSES, type ListStatus, SORT_KEYS, type SortKey } from '../session/listed.ts';
import { nearestName } from '../session/nearest.ts';

/** Each may be several, with commas between them. */
export function parseStatuses(words: readonly string[]): ListStatus[] {
  return words.flatMap((word) => word.split(',')).map((word) => oneOf(LIST_STATUSES, word, '--filter'));
}

export function parseSort(word: string | undefined): SortKey | null {
  return word === undefined ? null : oneOf(SORT_KEYS, word, '--sort');
}

function oneOf<T extends string>(known: readonly T[], word: string, option: string): T {
  const found = known.find((k) => k === word);
  if (found !== undefined) return found;
  const near = nearestName(word, [...known]);
  throw new UsageError(`${option} does not know '${word}'`, [
    ...(near === null ? [] : [`did you mean '${near}'?`]),
    `it takes one of: ${known.join(', ')}`,
  ]);
}

/** Milliseconds. */
export function parseInterval(text = '2'): number {
  const seconds = /^\d{1,5}(?:\.\d{1,3})?$/u.test(text) ? Number(text) : NaN;
  if (!(seconds >= 0.1 && seconds <= 86400)) {
    throw new UsageError(`--interval takes seconds from 0.1 to 86400, not '${text}'`);
  }
  return seconds * 1000;
}
