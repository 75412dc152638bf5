import { expect, test } from 'vitest';
import { isKeyName } from '../../src/session/key-names.ts';

test('words that tmux takes for keys, and words that it would type as they are', () => {
  const keys = [
    'Enter',
    'escape',
    'C-c',
    'M-Enter',
    'C-M-S-F12',
    'KP5',
    'a',
    'é',
    '-',
    'C--',
    ';',
    '^c',
    'PgUp',
    'BTab',
  ];
  expect(keys.filter((key) => !isKeyName(key))).toEqual([]);
  const others = ['', 'Entr', 'ab', 'M-', 'C-ab', 'X-c', 'F13', 'F0', 'C- ', ' ', '\n', '\u0003', '#{pid}'];
  expect(others.filter((word) => isKeyName(word))).toEqual([]);
});
