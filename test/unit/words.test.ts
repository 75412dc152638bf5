import { describe, expect, it } from 'vitest';
import { counted } from '../../src/session/words.ts';

describe('counted', () => {
  it.each([
    [0, 'window', '0 windows'],
    [1, 'window', '1 window'],
    [2, 'window', '2 windows'],
    [21, 'note line', '21 note lines'],
  ])('%i %s', (n, what, expected) => {
    expect(counted(n, what)).toBe(expected);
  });
});
