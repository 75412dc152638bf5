import { UsageError } from '../session/errors.ts';

/** `k=v` pairs of `--meta`; the last one of a key counts. */
export function parseMetadata(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new UsageError(`--meta takes <key>=<value>, not '${pair}'`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

/** Nothing to run: no word, or an empty one where the line or the program should be. */
export function isMissing([first = '']: readonly string[]): boolean {
  return first.trim() === '';
}
