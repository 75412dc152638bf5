import { expect, test } from 'vitest';
import { nearestName } from '../../src/session/nearest.ts';

const COMMANDS = ['list', 'log', 'kill', 'restore', 'run', 'status', 'exec', 'switch'];

test.each([
  ['lsit', 'list'],
  ['stauts', 'status'],
  ['rstore', 'restore'],
  ['restroe', 'restore'],
  ['swi', 'switch'],
  ['kil', 'kill'],
  ['rnu', 'run'],
  ['lg', 'log'],
])('%s: did you mean %s?', (word, name) => {
  expect(nearestName(word, COMMANDS)).toBe(name);
});

test.each(['', 'x', 'ls', 'rm', 'abc', 'top', 'zzzzzz', 'l*', 'lis?', 'gs-*', 'sw', 'frobnicate'])(
  '%s: nothing is near',
  (word) => {
    expect(nearestName(word, COMMANDS)).toBe(null);
  },
);

test('the nearest one, and the first of two', () => {
  expect(nearestName('work2', ['word3', 'work', 'work1'])).toBe('work');
  expect(nearestName('a1', ['b2', 'a2', 'a3'])).toBe('a2');
  expect(nearestName('x', ['y', 'xy'])).toBe('xy');
});
