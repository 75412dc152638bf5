import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toText } from '../../src/session/text.ts';
import { cut } from '../../src/session/width.ts';
import {
  looksConfusable,
  safe,
  safeArgv,
  safeJson,
  safeLine,
  safeOutput,
  safeWord,
} from '../../src/trust/safe.ts';

const ESC = '\u001B';
/** What must never reach a terminal, the emoji joiners aside. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const EMOJI_JOINERS = /\p{Extended_Pictographic}[\uFE0E\uFE0F\u200D]|[0-9#*]\uFE0F\u20E3/u;

/** Strings in which what is hostile is likely, and so are the neighbors on which it depends. */
const pieces = fc.constantFrom(
  ...'abc019 \'"\\$`!#%&*()[]{}<>|;~^=-_./:,@?+',
  ...[
    '\n',
    '\r',
    '\t',
    '\b',
    '\0',
    '\u0007',
    ESC,
    '\u007F',
    '\u0080',
    '\u009B',
    '\u009D',
    '\u00A0',
    '\u00AD',
  ],
  ...['\u061C', '\u200B', '\u200D', '\u200E', '\u202E', '\u2028', '\u2066', '\u2069', '\uFEFF', '\uFE0F'],
  ...[
    '\u{E0041}',
    '\u{E0100}',
    '\uE0B0',
    '\u0378',
    '\uFFFF',
    '\u3164',
    '\u2800',
    '\u034F',
    '\u0301',
    '\u20E3',
  ],
  ...['é', 'ж', '語', '👩', '💻', '❤', '\u{1F3FD}', '🇩🇪', '\uD800', 'U+202E>', '<U+', '\\x1b', '\\n'],
);
const hostile = fc.array(pieces, { maxLength: 12 }).map((list) => list.join(''));
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 24 }).map((b) => Buffer.from(b)),
  hostile.map((s) => Buffer.from(s, 'utf8')),
  fc
    .tuple(hostile, fc.uint8Array({ maxLength: 3 }), hostile)
    .map(([a, b, c]) => Buffer.concat([Buffer.from(a), b, Buffer.from(c)])),
);

describe('safe: every foreign character on a terminal is one that was meant to be seen', () => {
  test.each([
    ['B1 escape sequence', `${ESC}]52;c;eA==\u0007`, '\\x1b]52;c;eA==\\x07'],
    ['B2 C1 control', 'a\u009Db', 'a<U+009D>b'],
    ['B2 backspace and DEL', 'ab\b\u007F', 'ab\\x08\\x7f'],
    ['B3 carriage return', 'evil\r echo ok', 'evil\\r echo ok'],
    ['newline and tab', 'a\nb\tc', 'a\\nb\\tc'],
    ['B4 right-to-left override', 'a\u202Eb', 'a<U+202E>b'],
    ['B4 isolates', '\u2066x\u2069', '<U+2066>x<U+2069>'],
    ['B2 zero-width space', 'a\u200Bb', 'a<U+200B>b'],
    ['B2 tag characters', 'a\u{E0041}', 'a<U+E0041>'],
    ['variation selector on a letter', 'a\uFE0F', 'a<U+FE0F>'],
    ['byte order mark', '\uFEFFx', '<U+FEFF>x'],
    ['line and paragraph separator', 'a\u2028b\u2029', 'a<U+2028>b<U+2029>'],
    ['lone surrogate', 'a\uD800b', 'a<U+D800>b'],
    ['private use', '\uE0B0', '<U+E0B0>'],
    ['unassigned', '\u0378', '<U+0378>'],
    ['a letter that is drawn as nothing', 'a\u3164b', 'a<U+3164>b'],
    ['a joiner between letters', 'a\u200Db', 'a<U+200D>b'],
    ['a joiner after an emoji only', '👩\u200Dx', '👩<U+200D>x'],
    ['a mark with nothing below it', '\u0301x', '<U+0301>x'],
    ['backslash in plain text', 'C:\\dir\\n', 'C:\\dir\\n'],
    ['plain text', 'größe 語 é e\u0301 – “x”', 'größe 語 é e\u0301 – “x”'],
    ['emoji', '👨‍👩‍👧 👩🏽‍💻 ❤️ 🏳️‍🌈 1️⃣ 🇩🇪', '👨‍👩‍👧 👩🏽‍💻 ❤️ 🏳️‍🌈 1️⃣ 🇩🇪'],
  ])('%s', (_, input, expected) => {
    expect(safe(input)).toBe(expected);
  });

  test('bytes that are no UTF-8 are shown one by one, and those around them as they are', () => {
    expect(safe(toText(Buffer.from([0x61, 0xff, 0xc3, 0xa9, 0xed, 0xa0, 0x80, 0xc0, 0xaf])))).toBe(
      'a\\xffé\\xed\\xa0\\x80\\xc0\\xaf',
    );
    expect(safe(Buffer.from([0xf0, 0x9f, 0x91]))).toBe('\\xf0\\x9f\\x91');
  });

  test('marks are cut where they would cover other lines', () => {
    expect(safe(`a${'\u0301'.repeat(200)}`)).toMatch(/^a\u0301{9}(<U\+0301>)+/u);
  });

  test('B1 B2 any bytes come out printable, on one line', () => {
    fc.assert(
      fc.property(bytes, (b) => {
        expect(safe(b).replaceAll(new RegExp(EMOJI_JOINERS, 'gu'), '')).not.toMatch(UNSAFE);
        expect(safe(toText(b))).toBe(safe(b));
      }),
      { numRuns: 5000 },
    );
  });

  test('safeLine says what it cut', () => {
    expect(safeLine('abcdef', 6)).toBe('abcdef');
    expect(safeLine('abc\u202Eef', 4)).toBe('abc<U+202E>… (+2)');
    expect(safeLine(Buffer.from([0x61, 0xff, 0xff]), 2)).toBe('a\\xff… (+1)');
  });
});

describe('safeWord and safeArgv: the consent screen shows what runs', () => {
  test.each([
    ['plain', 'src/a-b.ts', 'src/a-b.ts'],
    ['empty', '', "''"],
    ['space', 'a b', "'a b'"],
    ['glob', '*', "'*'"],
    ['tilde, equals first', '~x', "'~x'"],
    ['equals first', '=x', "'=x'"],
    ['backslash', 'a\\nb', "'a\\nb'"],
    ['newline', 'a\nb', "$'a\\nb'"],
    ['quote', "it's", "$'it\\'s'"],
    ['quote and backslash', "\\'", "$'\\\\\\''"],
    ['B4 bidi', 'a\u202Eb', "$'a<U+202E>b'"],
    ['B4 the notation itself, spelled out', '<U+202E>\n', "$'\\x3cU+202E>\\n'"],
    ['blank that is no space', 'a\u00A0b', "$'a<U+00A0>b'"],
    ['joined emoji', '👩‍💻', "$'👩<U+200D>💻'"],
    ['letters of other scripts', 'größe', "'größe'"],
  ])('%s', (_, input, expected) => {
    expect(safeWord(input)).toBe(expected);
  });

  test('B3 a carriage return is shown and hides nothing', () => {
    expect(safeArgv(['sh', '-c', 'evil\r echo ok'])).toBe("sh -c $'evil\\r echo ok'");
  });

  test('B3 B4 two different argument vectors never print alike', () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 4 }), (argv) => {
        const shown = safeArgv(argv);
        expect(shown).not.toMatch(UNSAFE);
        expect(readArgv(shown).map(hex)).toEqual(argv.map(hex));
      }),
      { numRuns: 5000 },
    );
  });
});

describe('safeJson: JSON with the same value', () => {
  test('B1 nothing in it that a terminal obeys or hides, at any depth, keys too', () => {
    fc.assert(
      fc.property(
        fc
          .dictionary(hostile, fc.array(hostile))
          .filter((d) => !('__proto__' in d && Object.hasOwn(d, '__proto__'))),
        fc.constantFrom(undefined, 2),
        (value, indent) => {
          const json = safeJson(value, indent);
          expect(json.replaceAll('\n', indent === 2 ? '' : '\n')).not.toMatch(UNSAFE);
          expect(JSON.parse(json)).toEqual({ ...value });
        },
      ),
      { numRuns: 2000 },
    );
  });

  test.each([
    [undefined, 'null'],
    [{ a: '\u202E\u{E0041}' }, '{"a":"\\u202e\\udb40\\udc41"}'],
    ['é👩', '"é👩"'],
  ])('%j', (value, expected) => {
    expect(safeJson(value)).toBe(expected);
  });
});

describe('safeOutput: the last look at what is printed', () => {
  test('what has been made safe before comes through unchanged, beside anything of ours', () => {
    fc.assert(
      fc.property(bytes, bytes, fc.array(bytes, { maxLength: 3 }), (a, b, argv) => {
        const line = `│ ${safe(a)}  '${safe(b)}' (${safeLine(a, 5)}) $ ${safeArgv(argv)}`;
        const text = `${line}\n└\t${ESC}[1m${safe(b)}${ESC}[0m\n`;
        expect(safeOutput(text)).toBe(text);
        expect(safeOutput(cut(line, 20))).toBe(cut(line, 20));
      }),
      { numRuns: 3000 },
    );
  });

  test('B1 B2 what nobody has made safe is made so here; line ends, tabs and colors of ours are left', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = safeOutput(text).replaceAll(new RegExp(EMOJI_JOINERS, 'gu'), '');
        expect(shown.replaceAll(/[\n\t\p{Co}]/gu, '')).not.toMatch(UNSAFE);
      }),
      { numRuns: 3000 },
    );
  });

  test.each([
    ['a color', `${ESC}[31mred${ESC}[0m`, `${ESC}[31mred${ESC}[0m`],
    ['hidden text', `${ESC}[8mx`, '\\x1b[8mx'],
    ['black on black', `${ESC}[30;40mx`, '\\x1b[30;40mx'],
    ['a question to the terminal', `${ESC}[6n`, '\\x1b[6n'],
    ['a title', `${ESC}]0;x\u0007`, '\\x1b]0;x\\x07'],
    ['a return', 'evil\r echo ok', 'evil\\r echo ok'],
    ['C1', 'é\u009B31m', 'é<U+009B>31m'],
    ['bidi in what looks plain', 'é\u202Ex', 'é<U+202E>x'],
    ['soft hyphen', 'a\u00ADb', 'a<U+00AD>b'],
    ['a lone surrogate', 'a\uD800b', 'a<U+D800>b'],
  ])('%s', (_, text, shown) => {
    expect(safeOutput(text)).toBe(shown);
  });
});

test('B4 a program name with anything but ASCII is flagged', () => {
  expect(looksConfusable('gіt')).toBe(true);
  expect(looksConfusable('git')).toBe(false);
  expect(looksConfusable({ base64: Buffer.from([0x67, 0xff]).toString('base64') })).toBe(true);
});

const hex = (b: Uint8Array): string => Buffer.from(b).toString('hex');

/** Reads back what safeArgv printed: that this is possible is what "unambiguous" means. */
function readArgv(shown: string): Buffer[] {
  const out: Buffer[] = [];
  let rest = shown;
  while (rest !== '') {
    const match = /^(?:'([^']*)'|\$'((?:[^'\\]|\\.)*)'|([^\s'$]+))(?: |$)/su.exec(rest);
    if (match === null) throw new Error(`not readable: ${rest}`);
    rest = rest.slice(match[0].length);
    out.push(match[2] === undefined ? Buffer.from(match[1] ?? match[3] ?? '') : unescape(match[2]));
  }
  return out;
}

function unescape(body: string): Buffer {
  const names: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'" };
  const parts = body.match(/\\x[0-9a-f]{2}|\\.|<U\+[0-9A-F]{4,6}>|[^]/gu) ?? [];
  return Buffer.concat(
    parts.map((p) => {
      if (p.startsWith('\\x')) return Buffer.from([Number.parseInt(p.slice(2), 16)]);
      if (p.startsWith('\\')) return Buffer.from(names[p.slice(1)] ?? '?');
      if (p.startsWith('<U+')) return Buffer.from(String.fromCodePoint(Number.parseInt(p.slice(3, -1), 16)));
      return Buffer.from(p);
    }),
  );
}
