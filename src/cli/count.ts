import { UsageError } from '../session/errors.ts';

/** The number of `-n`; null where it was not given. */
export function parseCount(option: string | undefined): number | null {
  if (option === undefined) return null;
  if (!/^\d{1,9}$/u.test(option)) throw new UsageError(`-n takes a number, not '${option}'`);
  return Number(option);
}
