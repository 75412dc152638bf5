import { UsageError } from '../session/errors.ts';
import { nearestName } from '../session/nearest.ts';
import { SECOND_RULES } from './second-look.ts';
import { TOKEN_RULES } from './secret-tokens.ts';
import { WORD_RULES } from './secret-words.ts';

/** Every rule that can find a secret, by the name that is in `[redacted:<rule>]`. */
export const RULES: readonly string[] = [
  ...new Set([...TOKEN_RULES, ...WORD_RULES, ...SECOND_RULES]),
].toSorted();

/** The rules that a person lets pass on this call; one that is not there would hide that nothing was allowed. */
export function allowedRules(words: readonly string[]): ReadonlySet<string> {
  const names = words.flatMap((word) => word.split(/[\s,]+/u)).filter((name) => name !== '');
  for (const name of names) {
    if (RULES.includes(name)) continue;
    const near = nearestName(name, RULES);
    throw new UsageError(`there is no rule '${name}'`, [
      ...(near === null ? [] : [`did you mean '${near}'?`]),
      `there are: ${RULES.join(', ')}`,
    ]);
  }
  return new Set(names);
}
