import { describe, expect, test } from 'vitest';
import { DamagedSnapshotError } from '../../src/session/errors.ts';
import { isTypeable, launchFile, quoteFish, quotePosix, sourceLine } from '../../src/trust/quote.ts';

const text = (b: Buffer): string => b.toString('latin1');

describe('quoting', () => {
  test.each([
    [['ls', '-l'], "'ls' '-l'", "'ls' '-l'"],
    [[''], "''", "''"],
    [["it's"], String.raw`'it'\''s'`, String.raw`'it\'s'`],
    [['%1', 'x'], `sh -c 'exec "$0" "$@"' '%1' 'x'`, "'%1' 'x'"],
    [['a\\'], String.raw`'a\'`, String.raw`'a\\'`],
    [['!$`"~\n'], "'!$`\"~\n'", "'!$`\"~\n'"],
    [[{ base64: '/w==' }], "'\u00FF'", "'\u00FF'"],
  ])('%j', (argv, posix, fish) => {
    expect(text(quotePosix(argv))).toBe(posix);
    expect(text(quoteFish(argv))).toBe(`command ${fish}`);
  });

  test('fish: a path needs no `command`', () => {
    expect(text(quoteFish(['/bin/ls', 'x']))).toBe("'/bin/ls' 'x'");
  });

  test('D8 neither NUL nor no words at all', () => {
    expect(() => quotePosix(['a\0b'])).toThrow(DamagedSnapshotError);
    expect(() => quoteFish([{ base64: '/wA=' }])).toThrow(DamagedSnapshotError);
    expect(() => quotePosix([])).toThrow(DamagedSnapshotError);
  });
});

describe('A16 A17 only one printable line of ASCII is typed', () => {
  test.each([
    ["'ls'", true],
    ['x'.repeat(1000), true],
    ['x'.repeat(1001), false],
    ['', false],
    ["'a\nb'", false],
    ["'a\rb'", false],
    ["'a\tb'", false],
    ["'touch x\u000F'", false],
    ["'\u007F'", false],
    ["'é'", false],
    ["'\u001B[201~'", false],
  ])('%j', (line, expected) => {
    expect(isTypeable(Buffer.from(line))).toBe(expected);
  });

  test('every other byte is refused', () => {
    const accepted = Array.from({ length: 256 }, (_, i) => i).filter((i) => isTypeable(Buffer.from([i])));
    expect(accepted).toEqual(Array.from({ length: 0x7f - 0x20 }, (_, i) => i + 0x20));
  });
});

test('a launch file removes itself first, and the line that sources it is typed', () => {
  expect(text(launchFile(['a', "b'"], 'posix', '/s/x'))).toBe("command rm -f -- '/s/x'\n'a' 'b'\\'''\n");
  expect(text(sourceLine('/s/x', 'posix'))).toBe(". '/s/x'");
  expect(text(sourceLine('/s/x', 'fish'))).toBe("eval (command cat -- '/s/x' | string collect)");
});
