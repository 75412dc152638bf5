import { fromText, type Text } from '../session/text.ts';
import { splitUtf8 } from './utf8.ts';

/**
 * The only way in which a foreign string (from a snapshot, a ref, a note, tmux, git's messages) may reach
 * a terminal. Whoever wrote it must not be able to move the cursor, make the terminal answer, or show the
 * reader something else than what is there (attacks.md B1 to B4).
 *
 * Notation: `\n \t \r \xNN` for a byte (a control character, or one that is not UTF-8), `<U+202E>` for a
 * character that a reader would not see as itself.
 */
export type Foreign = Text | Uint8Array;

/**
 * An emoji and what joins it to the next. Only here do a joiner (U+200D) and a variation selector stand for
 * something that can be seen. At most ten are joined, so that no run of them gets past as one.
 */
const EMOJI = String.raw`(?!\p{Cn})\p{Extended_Pictographic}(?:[\uFE0E\uFE0F]|\p{Emoji_Modifier})?`;
const EMOJI_SEQUENCE = String.raw`${EMOJI}(?:\u200D${EMOJI}){0,9}|[0-9#*]\uFE0F\u20E3`;

/** Controls, format characters, private use, unassigned, surrogates, and what fonts draw as nothing. */
const HIDDEN = String.raw`[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]`;
/**
 * A mark with nothing to sit on would change the character that we print before it; more than nine on one
 * letter would cover the lines above. A filler (U+3164) is a letter by its class, and is not shown as one.
 */
const LOOSE_MARK = String.raw`(?<!(?!${HIDDEN})[\p{L}\p{N}](?:(?!${HIDDEN})\p{M}){0,8})\p{M}`;
/** Looks like a space and is none: in an argument it would hide where the next one starts. */
const BLANK = String.raw`(?! )\p{Zs}|\u2800`;

/** Made at the first use: what is plain ASCII, as most texts are, needs none of them, and they take 3 ms. */
function made(source: string): () => RegExp {
  let expression: RegExp | undefined;
  return () => (expression ??= new RegExp(source, 'gu'));
}

const inText = made(`(${EMOJI_SEQUENCE})|${HIDDEN}|${LOOSE_MARK}`);
const inWord = made(`${HIDDEN}|${LOOSE_MARK}|${BLANK}`);
const inJson = made(`(?!\n)${HIDDEN}|${LOOSE_MARK}`);
/** Colors that we write ourselves. Not 8, which hides text, and no background: on its own color nothing is seen. */
const OWN_COLOR = String.raw`\x1B\[(?:0|1|2|7|22|27|3[1-6]|39|9[1-6])?m`;
const inOutput = made(String.raw`(${OWN_COLOR}|${EMOJI_SEQUENCE})|(?![\n\t\p{Co}])${HIDDEN}|${LOOSE_MARK}`);

/** `value` on one line, with every character visible. Plain text: a backslash stays as it is. */
export function safe(value: Foreign): string {
  if (typeof value === 'string' && /^[ -~]*$/u.test(value)) return value;
  return parts(value)
    .map((part) =>
      typeof part === 'number'
        ? hexByte(part)
        : part.replace(inText(), (all, emoji: string | undefined) => emoji ?? visible(all)),
    )
    .join('');
}

/** As `safe`, at most `limit` characters of the original; a cut is always shown, with its size. */
export function safeLine(value: Foreign, limit: number): string {
  const units = parts(value).flatMap((part): (string | number)[] =>
    typeof part === 'number' ? [part] : [...part],
  );
  if (units.length <= limit) return safe(value);
  const kept = units.slice(0, limit).map((unit) => (typeof unit === 'number' ? hexByte(unit) : unit));
  return `${safe(kept.join(''))}… (+${units.length - limit})`;
}

/**
 * One argument as a person would write it for a shell, all on one line. Different arguments never print
 * alike, and in a list of them it is clear where each ends. For people: what runs is built by quote.ts.
 */
export function safeWord(value: Foreign): string {
  const read = parts(value);
  if (read.length === 0) return "''";
  const only = read.length === 1 ? read[0] : undefined;
  if (typeof only === 'string') {
    if (/^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+:,./=~^-]*$/u.test(only)) return only;
    if (!only.includes("'") && only.search(inWord()) === -1) return `'${only}'`;
  }
  const body = read.map((part) =>
    typeof part === 'number'
      ? hexByte(part)
      : part.replace(/\\|'|<(?=U\+)/gu, (c) => (c === '<' ? '\\x3c' : `\\${c}`)).replace(inWord(), visible),
  );
  return `$'${body.join('')}'`;
}

export function safeArgv(argv: readonly Foreign[]): string {
  return argv.map(safeWord).join(' ');
}

/**
 * JSON for stdout: the same value for a program that parses it, and nothing in it that a terminal would
 * obey or hide. JSON.stringify itself lets DEL, C1 and the invisible characters through.
 */
export function safeJson(value: unknown, indent?: number): string {
  const json: string | undefined = JSON.stringify(value, undefined, indent);
  return (json ?? 'null').replace(inJson(), (c) => {
    let out = '';
    for (let i = 0; i < c.length; i++) out += `\\u${c.charCodeAt(i).toString(16).padStart(4, '0')}`;
    return out;
  });
}

/**
 * The last look at what is printed, behind `safe()` of each foreign part: what that gives goes through unchanged. Line
 * ends and colors are our own here. A tab only moves to the right, and icons of fonts (private use) are what programs
 * have printed: neither hides anything.
 */
export function safeOutput(text: string): string {
  // Also what our tables and pictures are drawn with, so that they need no expression to be made.
  if (/^[\n\t -~\u00A0-\u00AC\u00AE-\u02FF\u2010-\u2027\u2190-\u21FF\u2500-\u25FF]*$/u.test(text))
    return text;
  return text.replace(inOutput(), (all, ours: string | undefined) => ours ?? visible(all));
}

/** True where a program's name holds anything but ASCII, and so may look like another one (B4). */
export function looksConfusable(argv0: Foreign): boolean {
  return toBytes(argv0).some((byte) => byte >= 0x80);
}

function toBytes(value: Foreign): Uint8Array {
  return value instanceof Uint8Array ? value : fromText(value);
}

function parts(value: Foreign): (string | number)[] {
  if (typeof value !== 'string') return splitUtf8(toBytes(value));
  return value === '' ? [] : [value];
}

function visible(c: string): string {
  if (c === '\n') return '\\n';
  if (c === '\t') return '\\t';
  if (c === '\r') return '\\r';
  const code = c.codePointAt(0) ?? 0;
  if (code < 0x80) return hexByte(code);
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

function hexByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}
