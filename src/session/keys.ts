/** A key as a list or a line of text needs it. What is not in here (function keys, Alt, the mouse) does nothing. */
export type KeyName =
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'home'
  | 'end'
  | 'enter'
  | 'tab'
  | 'back-tab'
  | 'backspace'
  | 'delete-word'
  | 'clear'
  | 'redraw'
  | 'escape'
  | 'interrupt';
export type Key = { text: string } | { name: KeyName };

const CONTROL: Readonly<Record<string, KeyName>> = {
  '\x03': 'interrupt',
  '\x04': 'escape',
  '\x07': 'escape',
  '\b': 'backspace',
  '\t': 'tab',
  '\n': 'enter',
  '\f': 'redraw',
  '\r': 'enter',
  '\x0e': 'down',
  '\x10': 'up',
  '\x15': 'clear',
  '\x17': 'delete-word',
  '\x7f': 'backspace',
};
/** By the last character of `ESC [ ...` or `ESC O ...`; the modifiers in between change nothing. */
const FINAL: Readonly<Record<string, KeyName>> = {
  A: 'up',
  B: 'down',
  H: 'home',
  F: 'end',
  M: 'enter',
  Z: 'back-tab',
};
/** `ESC [ n ~`. */
const NUMBERED: Readonly<Record<string, KeyName>> = {
  1: 'home',
  4: 'end',
  5: 'page-up',
  6: 'page-down',
  7: 'home',
  8: 'end',
};

const TEXT = /[^\x00-\x1f\x7f-\x9f]+/uy;
/** The console of Linux sends function keys as `ESC [ [ A`. */
const SEQUENCE = /\x1b(?:\[\[[^\x00-\x1f]|\[[0-?]*[ -/]*[@-~]|O[^\x00-\x1f])/uy;
const BEGUN = /\x1b(?:\[\[?|\[[0-?]*[ -/]*|O)?$/uy;

/**
 * Reads what a terminal in raw mode has sent. `rest` is an unfinished sequence, to be put before what comes
 * next. An escape alone is one too: only time tells it from the start of another key, see `unfinished`.
 */
export function decodeKeys(input: string): { keys: Key[]; rest: string } {
  const keys: Key[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(input);
    if (match === null) return null;
    at += match[0].length;
    return match[0];
  };
  while (at < input.length) {
    const text = take(TEXT);
    if (text !== null) {
      keys.push({ text });
      continue;
    }
    const rest = take(BEGUN);
    if (rest !== null) return { keys, rest };
    const sequence = take(SEQUENCE);
    const name = sequence === null ? controlKey() : sequenceKey(sequence);
    if (name !== undefined) keys.push({ name });
  }
  return { keys, rest: '' };

  function controlKey(): KeyName | undefined {
    const c = input[at++]!;
    if (c !== '\x1b') return CONTROL[c];
    if (input[at] === '\x1b') return 'escape';
    // Alt and another key.
    at += String.fromCodePoint(input.codePointAt(at) ?? 0).length;
    return undefined;
  }
}

/** What `rest` was, when nothing has come after it for a while. */
export function unfinished(rest: string): Key[] {
  return rest === '\x1b' ? [{ name: 'escape' }] : [];
}

function sequenceKey(sequence: string): KeyName | undefined {
  if (sequence.startsWith('\x1b[[')) return undefined;
  const last = sequence.at(-1)!;
  if (last === '~') return NUMBERED[/\d+/u.exec(sequence)?.[0] ?? ''];
  // `ESC [ M` is the mouse; `ESC O M` is Enter on the keypad.
  return last === 'M' && sequence[1] === '[' ? undefined : FINAL[last];
}
