import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  decodeField,
  encoded,
  escapeFormat,
  quote,
  quoteExpanded,
  splitStartCommand,
  splitWords,
  statusValue,
  unvis,
} from '../../src/tmux/syntax.ts';
import { anyBytes } from '../support/arbitrary.ts';

const words = (command: string) => splitStartCommand(Buffer.from(command)).map((w) => w.toString('latin1'));

describe("quoting for tmux's own command language", () => {
  it.each([
    ['', '""'],
    ['plain-1.2/x', '"plain-1.2/x"'],
    ['a b', '"a b"'],
    ['"', '"\\042"'],
    ["'", '"\\047"'],
    ['\\', '"\\134"'],
    ['$HOME', '"\\044HOME"'],
    ['~', '"\\176"'],
    ['a;', '"a\\073"'],
    ['#{x}', '"\\043\\173x\\175"'],
    ['%if', '"\\045if"'],
    ['a\nb', '"a\\012b"'],
    ['é', '"\\303\\251"'],
  ])('A12: %j becomes %s', (value, expected) => {
    expect(quote(value)).toBe(expected);
  });

  it('A12, A16: any bytes become one line of printable ASCII that holds them all', () => {
    fc.assert(
      fc.property(anyBytes(), (bytes) => {
        const quoted = quote(bytes);
        expect(quoted).toMatch(/^"(?:[ !&()*+,./0-9:<=>?@A-Z[\]^_`a-z|-]|\\[0-3][0-7]{2})*"$/u);
        expect(unvis(Buffer.from(quoted.slice(1, -1)))).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['#(id)', '##(id)'],
    ['##(id)', '####(id)'],
    ['#{pane_id}', '##{pane_id}'],
    ['#', '##'],
    ['a#b#c', 'a##b##c'],
    // tmux itself leaves these as they are, doubled they would stay doubled.
    ['#[fg=red]', '#[fg=red]'],
    ['##[x', '##[x'],
    ['#[#(id)', '#[##(id)'],
    ['é#', 'é##'],
  ])('A1: in %j each # that would expand is doubled', (value, expected) => {
    expect(escapeFormat(value).toString()).toBe(expected);
    expect(escapeFormat(Buffer.from(value)).toString()).toBe(expected);
    expect(quoteExpanded(value)).toBe(quote(expected));
  });
});

describe('fields of our formats', () => {
  it('A18: undo what the format encodes', () => {
    expect(decodeField(Buffer.from('a=3Db=5Cc=09d=0Ae'))).toEqual(Buffer.from('a=b\\c\td\ne'));
    expect(decodeField(Buffer.from('=zz'))).toEqual(Buffer.from('=zz'));
    expect(decodeField(Buffer.from([0xff, 0x3d, 0x33, 0x44]))).toEqual(Buffer.from([0xff, 0x3d]));
    // tmux 3.4 and 3.5 print vis(3)-encoded text around our encoding.
    expect(decodeField(Buffer.from('\\033=3D'))).toEqual(Buffer.from('\x1b='));
    expect(encoded('x')).toMatch(/^#\{s\/.*:x\}$/su);
  });

  it.each([
    ['plain', 'plain'],
    ['\\033[0m', '\x1b[0m'],
    ['\\n\\t\\r\\a\\b\\v\\f\\s\\0', '\n\t\r\x07\b\v\f \0'],
    ['\\\\', '\\'],
    ['\\$x\\"', '$x"'],
    ['\\303\\251', '\xc3\xa9'],
    ['\\377', '\xff'],
    ['\\400', '400'],
    ['end\\', 'end\\'],
    ['', ''],
  ])('A20: unvis(%j)', (text, expected) => {
    expect(unvis(Buffer.from(text, 'latin1')).toString('latin1')).toBe(expected);
  });
});

describe('the start command of a pane, as tmux prints it', () => {
  it.each([
    ['', []],
    ['vim', ['vim']],
    ['sleep 1', ['sleep', '1']],
    ['  a   b ', ['a', 'b']],
    [`"" ''`, ['', '']],
    ['"a b" c', ['a b', 'c']],
    [`'a "b'`, ['a "b']],
    ['"a \\"b\\" \\$c"', ['a "b" $c']],
    ['\\~ \\#x', ['~', '#x']],
    ['a"b c"d', ['ab cd']],
    ['"never closed', ['never closed']],
    ['back\\', ['back\\']],
    ['\\033x', ['\x1bx']],
  ])('%j is %j', (command, expected) => {
    expect(words(command)).toEqual(expected);
  });
});

describe('session.tmuxCommand', () => {
  it.each([
    ['tmux', ['tmux']],
    ['tmux -L work -f /dev/null', ['tmux', '-L', 'work', '-f', '/dev/null']],
    ["tmux -f '/a b/c'", ['tmux', '-f', '/a b/c']],
    ['"/a b/tmux" "-L""x"', ['/a b/tmux', '-Lx']],
    [`'' ""`, ['', '']],
    ['a\\ b', ['a b']],
    [`"a\\"b\\$c\\d"`, ['a"b$c\\d']],
    ['a\\', ['a\\']],
    ['\t a \n', ['a']],
    ['', []],
    ["'open", null],
    ['"open', null],
    ['"open\\"', null],
    ['"open\\', null],
  ])('%j is split into %j', (text, expected) => {
    expect(splitWords(text)).toEqual(expected);
  });

  it('is split as a shell does', () => {
    const plain = fc.string({ unit: fc.constantFrom(...'abé/-=.:,@%^+_'), minLength: 1, maxLength: 5 });
    const single = fc.string({ unit: fc.constantFrom(...'ab \\"$`;#'), maxLength: 5 }).map((s) => `'${s}'`);
    const double = fc
      .array(fc.constantFrom('a', ' ', "'", ';', '#', '\\"', '\\\\', '\\$', '\\`', '\\n'), { maxLength: 5 })
      .map((parts) => `"${parts.join('')}"`);
    const escaped = fc.constantFrom('\\ ', '\\;', "\\'", '\\"', '\\\\', '\\$');
    const word = fc.array(fc.oneof(plain, single, double, escaped), { minLength: 1, maxLength: 4 });
    const line = fc.array(
      word.map((w) => w.join('')).filter((w) => !w.startsWith('=')),
      { maxLength: 4 },
    );
    const lines = fc.sample(line, 200).map((l) => l.join('  '));
    const script = lines.map((l) => `show ${l}`).join('\n');
    const show = 'show() { printf "%s\\1" "$@"; printf "\\2"; }';
    const out = execFileSync('/bin/bash', ['-c', `${show}\n${script}`], { encoding: 'utf8' });
    const expected = out
      .split('\x02')
      .slice(0, -1)
      .map((l) => l.split('\x01').slice(0, -1));
    // With no argument printf still prints one empty word.
    expect(lines.map((l) => splitWords(l))).toEqual(expected.map((w, i) => (lines[i] === '' ? [] : w)));
  });
});

test('a value for the status line holds nothing that tmux reads as a format, a style or a time', () => {
  expect(statusValue('feature/log-in_2.0 CRQ-7')).toBe('feature/log-in_2.0 CRQ-7');
  expect(statusValue('#(x) #{y} #[fg=red] a,b %H \\ "$\n')).toBe('__x_ __y_ __fg=red_ a_b _H _ ___');
});
