import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sanitizeScrollback } from '../../src/trust/scrollback.ts';

const ESC = '\u001B';
const clean = (text: string | Uint8Array, maxLine?: number): string => {
  const out = sanitizeScrollback(
    typeof text === 'string' ? Buffer.from(text) : text,
    maxLine === undefined ? {} : { maxLine },
  ).toString('utf8');
  expect(out.endsWith(`${ESC}[0m`)).toBe(true);
  return out.slice(0, -4);
};

describe('sanitizeScrollback: foreign text that is printed into a pane', () => {
  test.each([
    ['text, line ends, tabs', 'größe\t語\n\n👨‍👩‍👧 1️⃣ \uE0B0 e\u0301', 'größe\t語\n\n👨‍👩‍👧 1️⃣ \uE0B0 e\u0301'],
    ['colors', `${ESC}[1;31mx${ESC}[0m${ESC}[38;5;208my${ESC}[48;2;1;2;3mz`, null],
    ['subparameters', `${ESC}[4:3m${ESC}[38:2::1:2:3m${ESC}[58:5:9m`, null],
    ['empty reset', `${ESC}[m`, `${ESC}[0m`],
    ['overline as tmux writes it', `${ESC}[5:3mx${ESC}[1;5:3;31m`, `${ESC}[53mx${ESC}[1;53;31m`],
    ['blink is no overline', `${ESC}[5;3m`, null],
    ['leading zeros', `${ESC}[01;031m`, `${ESC}[1;31m`],
    ['color without a color space', `${ESC}[38:2:1:2:3m`, `${ESC}[38:2::1:2:3m`],
    ['hidden text is shown', `${ESC}[8mx${ESC}[1;8my`, `x${ESC}[1my`],
    ['an 8 inside a color', `${ESC}[38;5;8mx`, null],
    ['unknown attribute', `${ESC}[1;73;31m`, `${ESC}[1;31m`],
    ['number too large', `${ESC}[38;5;999;1mx${ESC}[4294967297m`, 'x'],
    ['cut color', `${ESC}[1;38;2;1m`, `${ESC}[1m`],
    ['too many parameters', `${ESC}[${'1;'.repeat(40)}1mx`, 'x'],
    ['B5 OSC 52 (clipboard)', `a${ESC}]52;c;eA==\u0007b${ESC}]52;c;eA==${ESC}\\c`, 'abc'],
    [
      'B5 OSC 0 (title), 8 (link)',
      `a${ESC}]0;t\u0007${ESC}]8;;http://x${ESC}\\link${ESC}]8;;${ESC}\\`,
      'alink',
    ],
    ['B5 unterminated OSC ends with its line', `a${ESC}]52;c;eA==\nb`, 'a\nb'],
    [
      'B5 DCS, APC, PM, SOS',
      `${ESC}Pq#0${ESC}\\a${ESC}_x${ESC}\\b${ESC}^x${ESC}\\c${ESC}Xx${ESC}\\d`,
      'abcd',
    ],
    ['B5 device queries', `${ESC}[6n${ESC}[c${ESC}[>c${ESC}[?1000hx`, 'x'],
    ['B5 modes that end in m', `${ESC}[>4;2m${ESC}[?4m${ESC}[1 mx`, 'x'],
    ['B5 cursor moves and erasing', `safe${ESC}[1A${ESC}[2K${ESC}[Hevil`, 'safeevil'],
    ['B5 carriage return, backspace, bell, NUL', 'a\rb\bc\u0007d\0e', 'abcde'],
    ['B5 8-bit CSI and OSC', 'a\u009B6nb\u009D52;c;x\u0007c\u009B31md', `abc${ESC}[31md`],
    ['B5 C1 as a single byte', Buffer.from([0x61, 0x9b, 0x36, 0x6e, 0x9d]), 'a6n'],
    ['B5 reset, character sets, alignment', `${ESC}c${ESC}(0${ESC}#8${ESC}7x`, 'x'],
    ['escape inside an escape', `${ESC}${ESC}[31mx${ESC}[3${ESC}[32my`, `${ESC}[31mx${ESC}[32my`],
    ['cut at the end', `x${ESC}`, 'x'],
    ['cut at the end, CSI', `x${ESC}[3`, 'x'],
    ['B4 bidi and invisible', 'a\u202Eb\u200Bc\u{E0041}d\uFEFFe\u200Df\u2028g', 'abcdefg'],
    ['not UTF-8', Buffer.from([0x61, 0xff, 0xed, 0xa0, 0x80, 0x62]), 'ab'],
  ])('%s', (_, input, expected) => {
    expect(clean(input)).toBe(expected ?? input);
  });

  test('long lines are cut, the next ones are whole', () => {
    expect(clean('abcdef\nghi', 4)).toBe('abcd\nghi');
    expect(clean(`ab${ESC}[31mcdef${ESC}[0m\nx`, 3)).toBe(`ab${ESC}[31mc${ESC}[0m\nx`);
    expect(clean('éé語\nx', 4)).toBe('éé\nx');
  });

  const pieces = fc.constantFrom(
    ...[
      ESC,
      `${ESC}[`,
      `${ESC}]`,
      `${ESC}P`,
      `${ESC}_`,
      `${ESC}\\`,
      '\u0007',
      '\u009B',
      '\u009C',
      '\u009D',
      '\u0090',
    ],
    ...[
      'm',
      '31',
      '5:3',
      '38;5;1',
      ';',
      ':',
      '?',
      '>',
      ' ',
      'n',
      'h',
      '52;c;',
      '\n',
      '\r',
      '\t',
      '\0',
      'x',
      'é',
    ],
    ...['\u202E', '\u200D', '\uFE0F', '👩', '💻', '1', '\u20E3', '\u0301', '\u{E0041}', '\uD800', '0;'],
  );
  const hostile = fc.oneof(
    fc.array(pieces, { maxLength: 30 }).map((list) => Buffer.from(list.join(''))),
    fc.uint8Array({ maxLength: 60 }),
  );
  const SGR = /\u001B\[(?:\d{1,3}(?::\d{0,3})*)(?:;\d{1,3}(?::\d{0,3})*)*m/gu;

  test('B5 no control sequence but colors ever comes out, and cleaning twice changes nothing', () => {
    fc.assert(
      fc.property(hostile, (bytes) => {
        const out = sanitizeScrollback(bytes);
        const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(out);
        const rest = text.replaceAll(SGR, '').replaceAll('\n', '').replaceAll('\t', '');
        expect(rest).not.toMatch(
          /\p{Cc}|[\u061C\u200B\u200C\u200E\u200F\u202A-\u202E\u2060-\u206F\uFEFF\u{E0000}-\u{E0FFF}]/u,
        );
        expect(sanitizeScrollback(out.subarray(0, -4)).equals(out)).toBe(true);
      }),
      {
        numRuns: 5000,
        examples: [[Buffer.from(`${ESC}1\uFE0F\u20E3`)], [Buffer.from(`${ESC}[1\uFE0F\u20E3`)]],
      },
    );
  });

  test('megabytes of hostile bytes take linear time', () => {
    for (const part of [`${ESC}[1;`, `${ESC}]`, ESC, '1;', '👩\u200D', `${ESC}[m`, '\u009D']) {
      const start = performance.now();
      sanitizeScrollback(Buffer.from(part.repeat(300_000)));
      expect(performance.now() - start).toBeLessThan(3000);
    }
  });
});
