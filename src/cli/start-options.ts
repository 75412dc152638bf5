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

/** The name in `--mode worktree=<name>`; null for `direct`, which is the default. */
export function parseMode(mode: string | undefined): string | null {
  if (mode === undefined || mode === 'direct') return null;
  const name = /^worktree=(.+)$/su.exec(mode)?.[1];
  if (name === undefined) throw new UsageError(`--mode takes direct or worktree=<name>, not '${mode}'`);
  return requireText('--mode', name);
}

export function parseLimit(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^[1-9]\d{0,8}$/u.test(text)) return Number(text);
  throw new UsageError(`--max-iterations takes a number from 1 on, not '${text}'`);
}

/** A text that the session's log can hold; null where none was given. */
export function requireText(option: string, text: string | undefined): string | null {
  if (text === undefined) return null;
  if (text === '') throw new UsageError(`${option}: the text is empty`);
  if (text.length > 4096) throw new UsageError(`${option}: the text is too long: at most 4096 characters`);
  return text;
}
