import { AmbiguousRefError } from '../session/errors.ts';
import type { LiveView } from './live.ts';

/**
 * Of sessions that are called alike, for a command that changes what it is given: the one that is alive is meant. Of
 * several that have ended nobody can tell. Null where there is none.
 */
export function onlyOne(word: string, called: readonly LiveView[], type: string): LiveView | null {
  const alive = called.filter((v) => v.tmux !== null);
  const meant = alive.length > 0 ? alive : called;
  if (meant.length > 1) throw sameName(word, meant, type);
  return meant[0] ?? null;
}

/** `type` is what to type, with `<id>` in it. Those that only an identifier is common to have their names. */
export function sameName(word: string, views: readonly LiveView[], type: string): AmbiguousRefError {
  const isAlone = (view: LiveView) => views.filter((v) => v.name === view.name).length === 1;
  const ids = views.map((v) => (isAlone(v) ? v.name : (v.id ?? v.tmuxId ?? v.name)));
  const hints = views.slice(0, 20).map(({ judgement, stored }, i) => {
    const facts = [judgement?.status, stored?.record.createdAt].filter((fact) => fact !== undefined);
    return `${type.replace('<id>', () => ids[i]!)}${facts.length === 0 ? '' : `  # ${facts.join(', ')}`}`;
  });
  return new AmbiguousRefError(`'${word}' is ambiguous: ${views.length} sessions match`, hints, {
    candidates: ids,
  });
}
