import type { Text } from '../session/text.ts';
import { findRanges, redactArgv, redactCommand, redactText, viewOf } from '../trust/redact.ts';
import { lookAgain } from '../trust/second-look.ts';

/** A text that is looked at for secrets, and what our own rules have found in it. */
export interface Part {
  view: string;
  found: { rule: string; start: number; end: number }[];
  /** The text without what our rules find, those too that are left alone. */
  left: string;
  /** Where in it these characters are, for people; null where they don't count. */
  where: (start: number, end: number) => string | null;
}

export type Allowed = ReadonlySet<string>;

export function textPart(text: Text, where: string, allow: Allowed): Part {
  return placedPart(viewOf(text), () => where, allow);
}

/** A longer text, of which people want to know the line. */
export function placedPart(view: string, where: Part['where'], allow: Allowed): Part {
  const found = findRanges(view, { allow });
  const left = found.length + allow.size === 0 ? view : viewOf(redactText(view).text);
  return { view, found, left, where };
}

export function commandPart(line: Text, where: string, allow: Allowed): Part {
  const { findings } = redactCommand(line, { allow });
  const left = viewOf(redactCommand(line).text);
  return { view: viewOf(line), found: findings.map(inAll), left, where: () => where };
}

export function argvPart(argv: readonly Text[], where: string, allow: Allowed): Part {
  const { findings } = redactArgv(argv, { allow });
  const left = redactArgv(argv).argv.map(viewOf).join('\n');
  return { view: argv.map(viewOf).join('\n'), found: findings.map(inAll), left, where: () => where };
}

function inAll({ rule }: { rule: string }) {
  return { rule, start: 0, end: 0 };
}

/** `<rule> in <where>` of each part, never the secret itself. All parts are given to secretlint's rules at once. */
export async function inspect(parts: readonly Part[], allow: Allowed): Promise<Map<Part, string[]>> {
  const known = (await lookAgain(parts.map(({ left }) => left))).filter(({ rule }) => !allow.has(rule));
  const result = new Map<Part, string[]>();
  for (const part of parts) {
    const found = [...part.found];
    for (const { rule, secret } of known) {
      for (let at = part.view.indexOf(secret); at !== -1; at = part.view.indexOf(secret, at + 1)) {
        found.push({ rule, start: at, end: at + secret.length });
      }
    }
    const said = found.flatMap(({ rule, start, end }) => {
      const where = part.where(start, end);
      // The name of a file or a variable may be one itself.
      return where === null ? [] : [`${rule} in ${viewOf(redactText(where).text)}`];
    });
    if (said.length > 0) result.set(part, [...new Set(said)]);
  }
  return result;
}
