import { splitUtf8 } from './utf8.ts';

/**
 * Captured text of a pane, made safe for printing into another pane (attacks.md B5). It is read as a
 * terminal would read it and written anew: text, line ends, tabs, and colors rebuilt from their numbers.
 * All else is left out, so the pane's terminal can't be made to answer, copy, retitle or draw over itself.
 */
export interface ScrollbackOptions {
  /** Bytes of text in one line; what is longer is cut. */
  maxLine?: number;
}

const MAX_LINE = 16384;
const MAX_PARAMETERS = 32;
const RESET = '\u001B[0m';

/**
 * One step of a terminal's parser; every character belongs to exactly one. A control string (OSC, DCS, SOS,
 * PM, APC) ends at its terminator, but never past the end of the line: a forged one can't swallow the rest.
 */
const STEP = new RegExp(
  [
    // In pieces: a line of many megabytes would be too much for the expression's stack.
    String.raw`(?<ascii>(?:(?![0-9#*]\uFE0F\u20E3)[\x20-\x7E]){1,4096})`,
    String.raw`(?<space>[\n\t])`,
    String.raw`(?:\x1B\[|\x9B)(?<parameters>[0-?]*)(?<intermediate>[ -/]*)(?<final>[@-~]?)`,
    String.raw`(?:\x1B[\]PX^_]|[\x90\x98\x9D-\x9F])[^\x07\x1B\x9C\n]*(?:\x07|\x1B\\|\x9C)?`,
    String.raw`\x1B[ -/]*[0-~]?`,
    // Joiners and selectors inside an emoji or a keycap; the same characters elsewhere show nothing.
    String.raw`(?<emoji>[0-9#*]\uFE0F\u20E3|EMOJI(?:\u200DEMOJI){0,9})`.replaceAll(
      'EMOJI',
      String.raw`(?!\p{Cn})\p{Extended_Pictographic}(?:[\uFE0E\uFE0F]|\p{Emoji_Modifier})?`,
    ),
    // Private use is text here: prompts draw with it.
    String.raw`(?<hidden>(?!\p{Co})[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}])`,
    String.raw`(?<other>[^])`,
  ].join('|'),
  'gu',
);

export function sanitizeScrollback(bytes: Uint8Array, options: ScrollbackOptions = {}): Buffer {
  const maxLine = options.maxLine ?? MAX_LINE;
  const text = splitUtf8(bytes)
    .filter((part) => typeof part === 'string')
    .join('');
  const out: string[] = [];
  let length = 0;
  for (const { groups = {} } of text.matchAll(STEP)) {
    const { ascii, space, final, parameters = '', intermediate } = groups;
    if (space === '\n') length = 0;
    if (ascii !== undefined) {
      out.push(ascii.slice(0, Math.max(0, maxLine - length)));
      length += ascii.length;
    } else if (final === 'm' && intermediate === '') {
      out.push(rebuildSgr(parameters));
    } else {
      const shown = space ?? groups['emoji'] ?? groups['other'];
      if (shown === undefined) continue;
      length += space === '\n' ? 0 : Buffer.byteLength(shown);
      if (length <= maxLine) out.push(shown);
    }
  }
  out.push(RESET);
  return Buffer.from(out.join(''), 'utf8');
}

const COLORS = new RegExp(String.raw`\x1B\[[0-9;:]*m`, 'gu');

/** The same text without colors: line ends and tabs are the only control characters in it. */
export function plainText(bytes: Uint8Array, options: ScrollbackOptions = {}): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  const maxLine = options.maxLine ?? MAX_LINE;
  // Most is ASCII, and as it should be.
  const isPlain = !/[^\x20-\x7E\t\n]/u.test(text);
  if (isPlain && text.split('\n').every((line) => line.length <= maxLine)) return text;
  return sanitizeScrollback(bytes, options).toString('utf8').replace(COLORS, '');
}

/** Attributes without parameters. Not 8: text that can't be seen but copied. Not 10 to 20: fonts. */
const ATTRIBUTES = /^(?:[0-79]|2[1-57-9]|[34][0-79]|5[359]|(?:9|10)[0-7])$/u;

/** A color sequence from the numbers of another, or nothing where it holds none that is known. */
function rebuildSgr(parameters: string): string {
  const groups = parameters.split(';');
  if (!/^[0-9:;]*$/u.test(parameters) || groups.length > MAX_PARAMETERS) return '';
  const out: string[] = [];
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i] ?? '';
    if (group.includes(':')) {
      const rebuilt = rebuildSubparameters(group.split(':'));
      if (rebuilt !== null) out.push(rebuilt);
      continue;
    }
    const code = group === '' ? '0' : String(Number(group));
    if (code === '38' || code === '48' || code === '58') {
      const size = Number(groups[i + 1]) === 5 ? 3 : Number(groups[i + 1]) === 2 ? 5 : 0;
      const color = groups.slice(i, i + size).map(byte);
      // What follows an unknown color can't be told from its parts.
      if (size === 0 || color.length < size || color.includes(null)) break;
      out.push(color.join(';'));
      i += size - 1;
    } else if (ATTRIBUTES.test(code)) out.push(code);
  }
  return out.length === 0 ? '' : `\u001B[${out.join(';')}m`;
}

/** `4:3` (curly underline), `38:2::r:g:b`, `58:5:n`, and `5:3`, by which tmux means overline. */
function rebuildSubparameters(parts: readonly string[]): string | null {
  const [head, kind, ...rest] = parts.map(byte);
  if (head === 5 && kind === 3 && rest.length === 0) return '53';
  if (head === 4 && kind !== undefined && kind !== null && kind <= 5 && rest.length === 0) return `4:${kind}`;
  if (head !== 38 && head !== 48 && head !== 58) return null;
  if (rest.includes(null)) return null;
  if (kind === 5 && rest.length === 1) return `${head}:5:${rest[0]}`;
  if (kind === 2 && (rest.length === 3 || rest.length === 4)) return `${head}:2::${rest.slice(-3).join(':')}`;
  return null;
}

function byte(text: string): number | null {
  const value = text === '' ? 0 : Number(text);
  return value <= 255 ? value : null;
}
