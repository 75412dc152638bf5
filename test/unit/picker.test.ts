import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameOf, screenOf } from '../../src/cli/picker-screen.ts';
import { readAnswer } from '../../src/flow/fzf.ts';
import { decodeKeys, type Key, unfinished } from '../../src/session/keys.ts';
import { matching, menuAnswer, type PickerState, press, startPicker } from '../../src/session/picker.ts';
import { widthOf } from '../../src/session/width.ts';

const LABELS = ['auth-impl', 'auth-impl-2', 'billing', 'Web', 'web worker', 'a long auth trail'];

/** Presses keys as a terminal sends them. */
function after(input: string, labels = LABELS, { multiple = false, height = 5 } = {}) {
  let state = startPicker(labels, multiple);
  for (const key of keysOf(input)) {
    const step = press(state, key, height);
    if ('picked' in step) return step.picked;
    state = step.next;
  }
  return state;
}

function keysOf(input: string): Key[] {
  const { keys, rest } = decodeKeys(input);
  return [...keys, ...unfinished(rest)];
}

const names = (input: string) => keysOf(input).map((key) => ('name' in key ? key.name : key.text));

describe('keys', () => {
  test.each([
    ['\x1b[A\x1b[B\x1bOA\x1bOB\x10\x0e', ['up', 'down', 'up', 'down', 'up', 'down']],
    ['\x1b[1;5A', ['up']],
    ['\x1b[5~\x1b[6~\x1b[H\x1b[F\x1b[1~\x1b[4~', ['page-up', 'page-down', 'home', 'end', 'home', 'end']],
    ['\r\n\t\x1b[Z', ['enter', 'enter', 'tab', 'back-tab']],
    ['\x7f\b\x15\x17\f', ['backspace', 'backspace', 'clear', 'delete-word', 'redraw']],
    ['\x03\x04\x07\x1b', ['interrupt', 'escape', 'escape', 'escape']],
    ['\x1b\x1b[A', ['escape', 'up']],
    ['añ日本👩‍👩‍👧 b', ['añ日本👩‍👩‍👧 b']],
    ['x\x1bby\x1b[200~z\x1b[[Aw\x1b[M\x9bv\x00', ['x', 'y', 'z', 'w', 'v']],
  ])('%j are %j', (input, expected) => expect(names(input)).toEqual(expected));

  test.each(['\x1b', '\x1b[', '\x1b[1', '\x1b[1;5', '\x1bO', '\x1b[['])('%j may go on', (rest) => {
    expect(decodeKeys(`a${rest}`)).toEqual({ keys: [{ text: 'a' }], rest });
  });

  test('a sequence is read alike however it is cut, and no control character gets into the text', () => {
    const piece = fc.oneof(
      fc.constantFrom('\x1b[A', '\x1bOB', '\x1b[5~', '\r', '\t', '\x7f', 'web', '日本'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(piece), fc.nat(), (pieces, cutAt) => {
        const input = pieces.join('');
        const at = cutAt % (input.length + 1);
        const first = decodeKeys(input.slice(0, at));
        // An escape that ends the first part, and one that follows it, are cut apart by time only.
        if (first.rest === '\x1b') return;
        const second = decodeKeys(first.rest + input.slice(at));
        const text = (keys: Key[]) =>
          keys.map((key) => ('text' in key ? key.text : `<${key.name}>`)).join('');
        const whole = decodeKeys(input);
        if (!/[\uD800-\uDFFF]/u.test(input.slice(0, at))) {
          expect(text([...first.keys, ...second.keys]) + second.rest).toBe(text(whole.keys) + whole.rest);
        }
        expect(text(whole.keys)).not.toMatch(/[\x00-\x1f\x7f-\x9f]/u);
      }),
    );
  });
});

describe('C12 the search', () => {
  test.each([
    ['', [0, 1, 2, 3, 4, 5]],
    ['auth', [0, 1, 5]],
    ['auth 2', [1]],
    ['trail auth', [5]],
    ['web', [3, 4]],
    ['Web', [3]],
    ['WEB', []],
    ['wor', [4]],
    ['blg', [2]],
    ['nothing like it', []],
  ])('%j leaves %j', (query, rows) => expect(matching(LABELS, query)).toEqual(rows));

  test('the best comes first: start of a word, inside of one, letters near, letters far apart', () => {
    const labels = ['p x x i x x c k', 'p-i-c-k', 'epic picker', 'unpick', 'pick', 'none'];
    expect(matching(labels, 'pick')).toEqual([2, 4, 3, 1, 0]);
  });

  test('composed and decomposed letters are the same', () => {
    expect(matching(['caf\u00e9'], 'cafe\u0301')).toEqual([0]);
    expect(matching(['cafe\u0301'], 'caf\u00e9')).toEqual([0]);
  });
});

describe('C12 C21 a list of which some rows are shown', () => {
  test('Enter takes the current row, and nothing where nothing matches', () => {
    expect(after('\r')).toEqual({ chosen: [0] });
    expect(after('\x1b[B\x1b[B\x1b[A\r')).toEqual({ chosen: [1] });
    expect(after('bil\r')).toEqual({ chosen: [2] });
    expect(after('zzzz\r')).toMatchObject({ matches: [], query: 'zzzz' });
    expect(after('zzzz\r\x15\r')).toEqual({ chosen: [0] });
  });

  test('the current row stops at the ends', () => {
    expect(after('\x1b[A\r')).toEqual({ chosen: [0] });
    expect(after('\x1b[B'.repeat(20) + '\r')).toEqual({ chosen: [5] });
    expect(after('\x1b[F\x1b[5~\r')).toEqual({ chosen: [1] });
    expect(after('\x1b[F\x1b[H\x1b[6~\r')).toEqual({ chosen: [4] });
  });

  test('Tab marks and goes on; marks stay while the query hides them, and come in the order of the list', () => {
    expect(after('web\t\x15\t\r', LABELS, { multiple: true })).toEqual({ chosen: [0, 3] });
    expect(after('\t\x1b[A\t\r', LABELS, { multiple: true })).toEqual({ chosen: [1] });
    expect(after('\x1b[B\t\x1b[Z\r', LABELS, { multiple: true })).toEqual({ chosen: [1, 2] });
  });

  test('without several to choose, Tab marks nothing', () => {
    expect(after('\t\r')).toEqual({ chosen: [1] });
    expect((after('\t') as PickerState).marked.size).toBe(0);
  });

  test('a query is edited by letters as they are seen, words, and whole', () => {
    expect(after('ae\u0301\x7f')).toMatchObject({ query: 'a' });
    expect(after('web wor\x17')).toMatchObject({ query: 'web ' });
    expect(after('web \x17')).toMatchObject({ query: '' });
    expect(after('web\x15')).toMatchObject({ query: '', matches: [0, 1, 2, 3, 4, 5] });
  });

  test.each([
    ['\x1b', 'escape'],
    ['\x04', 'escape'],
    ['\x03', 'interrupt'],
  ])('%j ends it', (input, cancelled) => expect(after(input)).toEqual({ cancelled }));

  test('the current row is always shown, with as few blank rows as can be', () => {
    const keys = ['\x1b[A', '\x1b[B', '\x1b[5~', '\x1b[6~', '\x1b[H', '\x1b[F', '\t', '1', '\x7f', '\x15'];
    const labels = Array.from({ length: 60 }, (_, i) => `row ${i}`);
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...keys), { maxLength: 60 }),
        fc.integer({ min: 1, max: 70 }),
        (pressed, height) => {
          const state = after(pressed.join(''), labels, { multiple: true, height }) as PickerState;
          const shown = Math.min(height, state.matches.length - state.top);
          expect(state.at).toBeGreaterThanOrEqual(state.top);
          if (state.matches.length > 0) expect(state.at).toBeLessThan(state.top + height);
          expect(shown).toBe(Math.min(height, state.matches.length));
        },
      ),
    );
  });
});

describe('what is drawn', () => {
  test('no row is wider than the terminal, whatever its size and the characters', () => {
    const labels = ['日本語のセッション', '👩‍👩‍👧 family', 'e\u0301'.repeat(30), 'plain'];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom('', 'l', '日本語の', 'a long query that does not fit'),
        (columns, rows, query) => {
          const frame = frameOf(after(query, labels, { multiple: true }) as PickerState, 'attach to:', {
            columns,
            rows,
          });
          expect(frame.lines.length).toBeLessThanOrEqual(rows);
          expect(frame.cursor).toBeLessThan(columns);
          for (const line of frame.lines) {
            expect(widthOf(line.replace(/\x1b\[\d+m/gu, ''))).toBeLessThanOrEqual(columns);
          }
        },
      ),
    );
  });

  test('what is pasted into the query is shown and not obeyed', () => {
    const state = after('a\u202Eb\x1b]0;title\x07c');
    expect(JSON.stringify(state)).not.toContain('title\\u0007');
    const shown = screenOf(after('a\u202Eb') as PickerState, '>', { columns: 40, rows: 5 });
    expect(shown).toContain('a<U+202E>b');
    expect(shown).not.toContain('\u202E');
  });
});

describe('an answer to the numbered menu', () => {
  const rows = [4, 2, 0];
  test.each([
    ['1', false, { picked: { chosen: [4] } }],
    [' 3 ', false, { picked: { chosen: [0] } }],
    ['1 3', true, { picked: { chosen: [0, 4] } }],
    ['1-2,3', true, { picked: { chosen: [0, 2, 4] } }],
    ['', true, { picked: { cancelled: 'escape' } }],
    ['bil', false, { rows: [2] }],
    // Not a number of a row: text.
    ['1 2', false, { rows: [] }],
    ['4', false, { rows: [] }],
    ['0', false, { rows: [] }],
    ['2', true, { picked: { chosen: [2] } }],
  ])('%j (several: %j) is %j', (answer, multiple, expected) => {
    expect(menuAnswer(LABELS, rows, answer, multiple)).toEqual(expected);
  });
});

describe("fzf's answer", () => {
  const labels = ['auth', 'auth-2', 'twin', 'twin'];
  test.each([
    ['1\tauth-2\0', [1]],
    ['3\ttwin\x000\tauth\0', [0, 3]],
    // --print-query and --expect of a person's own options.
    ['auth\0ctrl-v\x001\tauth-2\0', [1]],
    ['1\tauth\x001\tauth-2\0', [1]],
    // --accept-nth.
    ['auth-2\0', [1]],
    ['0\tauth\n', [0]],
  ])('%j chooses %j', (output, chosen) => expect(readAnswer(output, labels)).toEqual({ chosen }));

  test.each(['', '\0', 'other\0', '9\tauth\0', '1\tauth\0', 'twin\0', '-1\tauth\0', '0x0\tauth\0'])(
    '%j is none',
    (output) => expect(readAnswer(output, labels)).toBeNull(),
  );
});
