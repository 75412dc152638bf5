import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printedText } from '../../src/session/printed-text.ts';
import { plainText } from '../../src/trust/scrollback.ts';

const ESC = '\u001B';

describe('printedText: what a terminal shows in the end', () => {
  test.each([
    ['lines', 'a\r\n\r\nb\r\n', 'a\n\nb\n'],
    ['blanks at the ends', 'a  \r\n\r\n  \r\n', 'a\n'],
    ['a progress bar', '10%\r50%\rdone', 'done\n'],
    ['a shorter line over a longer one', 'longer\rab', 'abnger\n'],
    ['erase to the end', `longer\rab${ESC}[K`, 'ab\n'],
    ['erase the line', `longer${ESC}[2K\rab`, 'ab\n'],
    ['erase to the cursor', `abcdef${ESC}[3D${ESC}[1K`, '    ef\n'],
    ['backspace', 'abc\b\bX', 'aXc\n'],
    ['tabs', 'a\tb', 'a       b\n'],
    ['two bars, by cursor up', `1\r\n2\r\n${ESC}[2A${ESC}[2KONE\r\n${ESC}[2KTWO\r\n`, 'ONE\nTWO\n'],
    ['no further up than the top', `a${ESC}[99A\rb`, 'b\n'],
    ['saved cursor', `a${ESC}7bc${ESC}8X`, 'aXc\n'],
    ['a cleared screen stays', `a\r\n${ESC}[H${ESC}[2Jb\r\n`, 'a\nb\n'],
    ['a screen that is drawn again and again', `${ESC}[Ha${ESC}[K\r\nb${ESC}[K${ESC}[Hc${ESC}[K`, 'c\nb\n'],
    ['an alternate screen is left out', `x${ESC}[?1049h${ESC}[Hvim\r\n${ESC}[?1049ly`, 'xy\n'],
    ['insert and delete', `abcd\r${ESC}[2P${ESC}[1@`, ' cd\n'],
    [
      'colors, titles, the mark at the end',
      `${ESC}[1;31mred${ESC}[m${ESC}]0;t\u0007${ESC}Xgs-1-end${ESC}\\`,
      'red\n',
    ],
    ['a control string without an end', `${ESC}]0;title\nb`, '\nb\n'],
    ['a cut sequence', `a${ESC}[`, 'a\n'],
    ['other scripts', 'größe 漢字 👍\r\n', 'größe 漢字 👍\n'],
    ['nothing', '', ''],
  ])('%s', (_, output, expected) => {
    expect(printedText(output)).toBe(expected);
  });

  test('any bytes: no control characters but line ends, and not much more than came in', () => {
    const pieces = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.constantFrom(
        '\n',
        '\r',
        '\b',
        '\t',
        `${ESC}[`,
        `${ESC}]`,
        `${ESC}M`,
        `${ESC}7`,
        `${ESC}8`,
        '\u009B',
        ';',
        '?1049',
      ),
      fc
        .tuple(fc.integer({ min: 0, max: 9999 }), fc.constantFrom(...'ABCDEFGHJKLPX@dfsuhl'))
        .map(([n, final]) => `${ESC}[${n}${final}`),
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
        const shown = printedText(parts.join(''));
        expect(shown).not.toMatch(/(?!\n)\p{Cc}/u);
        expect(shown.isWellFormed()).toBe(true);
        expect(shown === '' || shown.endsWith('\n')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each([
    [`${ESC}[1000Cx\n`],
    [`a${ESC}[1K`],
    [`${ESC}[H${ESC}[J`],
    [`${ESC}[@a\r`],
    [`${ESC}[50B${ESC}[2J`],
    ['x\b'],
    ['\t\n'],
    [`${ESC}]`],
  ])('the work for %j grows as the input does', (piece) => {
    const measure = (length: number) => {
      const input = 'y'.repeat(length / 10) + piece.repeat(length / piece.length);
      const start = process.cpuUsage().user;
      const shown = printedText(input);
      expect(shown.length).toBeLessThan(10 * input.length + 2_000_000);
      return process.cpuUsage().user - start;
    };
    measure(20_000);
    const [one, ten] = [measure(100_000), measure(1_000_000)];
    // Ten times; a hundred times where the work is a square.
    expect(ten).toBeLessThan(40 * Math.max(one, 20_000));
  });

  test('a line of many megabytes', () => {
    expect(printedText('y'.repeat(20_000_000)).length).toBe(20_000_001);
    expect(plainText(Buffer.from('y'.repeat(20_000_000)), { maxLine: 1000 })).toBe('y'.repeat(1000));
  });
});

test('plainText: any bytes, no control characters but line ends and tabs', () => {
  expect(plainText(Buffer.from(`a\t${ESC}[31mb${ESC}[0m\u202Ec\n`))).toBe('a\tbc\n');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(plainText(bytes)).not.toMatch(/(?![\n\t])\p{Cc}/u);
    }),
  );
});
