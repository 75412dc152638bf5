/**
 * The four places where a value can be misread by tmux: its command syntax, format expansion, vis(3)
 * and our own field encoding. Every value that goes to or comes from tmux passes through here.
 */

/** One argument of a tmux command line, for control mode: double quotes, octal for all that is unusual. */
export function quote(value: Uint8Array | string): string {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'utf8') : value;
  let out = '"';
  for (const c of bytes) {
    const char = String.fromCharCode(c);
    const plain = c > 0x20 && c < 0x7f && !'"\\$~#;{}%\''.includes(char);
    out += plain || c === 0x20 ? char : `\\${c.toString(8).padStart(3, '0')}`;
  }
  return `${out}"`;
}

/**
 * A value for an argument that tmux expands as a format (-c, -n, -s, -T, rename-*): each run of `#`
 * is doubled unless `[` follows, which stops `#(command)` and `#{...}` (attacks A1 to A4).
 */
export function escapeFormat(value: Uint8Array | string): Buffer {
  const text = (typeof value === 'string' ? Buffer.from(value, 'utf8') : Buffer.from(value)).toString(
    'latin1',
  );
  const escaped = text.replace(/#+/gu, (run, at: number) =>
    text[at + run.length] === '[' ? run : run + run,
  );
  return Buffer.from(escaped, 'latin1');
}

/** Shorthand for the two together. */
export function quoteExpanded(value: Uint8Array | string): string {
  return quote(escapeFormat(value));
}

/** As `quoteExpanded`, for `pipe-pane`, which reads `%` as strftime does, before all else. */
export function quoteTimed(value: Uint8Array | string): string {
  const escaped = escapeFormat(value).toString('latin1').replaceAll('%', '%%');
  return quote(Buffer.from(escaped, 'latin1'));
}

/**
 * A value for an option that a status line shows. Users put such options into formats of their own, and with
 * `#{E:...}` or inside of `#{?...}` tmux would read the value as a format too: what it could read is taken away here.
 */
export function statusValue(value: string): string {
  return value.replace(/[^\p{L}\p{N} ./_@+:=-]/gu, '_');
}

/**
 * A format that gives a field which may hold any byte. TAB and LF separate fields and records, and
 * tmux 3.4 and 3.5 print vis(3)-encoded text, so what is special is encoded inside tmux already.
 */
export function encoded(field: string): string {
  return `#{s/=/=3D/;s/\\\\/=5C/;s/\t/=09/;s/\n/=0A/:${field}}`;
}

/** Undoes `encoded()`, on every version. */
export function decodeField(field: Buffer): Buffer {
  const text = unvis(field).toString('latin1');
  return Buffer.from(
    text.replace(/=([0-9A-F]{2})/gu, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
}

const C_STYLE: Record<string, number> = { a: 7, b: 8, v: 11, r: 13, f: 12, s: 32, '0': 0, t: 9, n: 10 };

/** Decodes vis(3) with VIS_OCTAL|VIS_CSTYLE, the way in which tmux stores session and window names. */
export function unvis(bytes: Uint8Array): Buffer {
  const out: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const c = bytes[i]!;
    const next = bytes[i + 1];
    if (c !== 0x5c || next === undefined) {
      out.push(c);
      continue;
    }
    const octal = Buffer.from(bytes.subarray(i + 1, i + 4)).toString('latin1');
    if (/^[0-3][0-7]{2}$/u.test(octal)) {
      out.push(Number.parseInt(octal, 8));
      i += 3;
    } else {
      out.push(C_STYLE[String.fromCharCode(next)] ?? next);
      i++;
    }
  }
  return Buffer.from(out);
}

/**
 * Splits pane_start_command, which tmux (3.3+) writes in its own syntax (arguments.c, args_escape):
 * words bare, in single or double quotes, or one escaped character, each vis(3)-encoded.
 */
export function splitStartCommand(command: Uint8Array): Buffer[] {
  const text = Buffer.from(command).toString('latin1');
  const words: Buffer[] = [];
  let at = 0;
  while (at < text.length) {
    if (text[at] === ' ') {
      at++;
      continue;
    }
    let word = '';
    while (at < text.length && text[at] !== ' ') {
      const c = text[at];
      if (c === '"' || c === "'") {
        const end = closing(text, at);
        word += text.slice(at + 1, end);
        at = end + 1;
      } else if (c === '\\' && at + 1 < text.length) {
        word += text.slice(at, at + 2);
        at += 2;
      } else {
        word += c;
        at++;
      }
    }
    words.push(unvis(Buffer.from(word, 'latin1')));
  }
  return words;
}

function closing(text: string, open: number): number {
  for (let i = open + 1; i < text.length; i++) {
    if (text[i] === '\\' && text[open] === '"') i++;
    else if (text[i] === text[open]) return i;
  }
  return text.length;
}

/**
 * Splits `session.tmuxCommand` as a shell splits words (quotes and backslashes, no expansion), or null
 * where a quote is not closed.
 */
export function splitWords(text: string): string[] | null {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === "'") {
      const end = text.indexOf("'", i + 1);
      if (end < 0) return null;
      word = (word ?? '') + text.slice(i + 1, end);
      i = end;
    } else if (c === '"') {
      word ??= '';
      for (i++; text[i] !== '"'; i++) {
        if (i >= text.length) return null;
        if (text[i] === '\\' && '"\\$`'.includes(text[i + 1] ?? '-')) i++;
        word += text[i];
      }
    } else if (c === '\\' && i + 1 < text.length) word = (word ?? '') + text[++i];
    else if (/\s/u.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + c;
  }
  if (word !== null) words.push(word);
  return words;
}
