import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  displayText,
  equalText,
  fromText,
  isCanonicalText,
  type Text,
  toText,
} from '../../src/session/text.ts';

/** Without NUL, which no path, argument or title can hold. */
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 20, min: 1 }),
  fc.string({ unit: 'binary' }).map((s) => new Uint8Array(Buffer.from(s))),
);

describe('D7: a byte string as text', () => {
  it('comes back byte for byte, in the one canonical form', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const text = toText(bytes);
        expect(fromText(text)).toEqual(Buffer.from(bytes));
        expect(isCanonicalText(text)).toBe(true);
        expect(toText(fromText(text))).toEqual(text);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['', ''],
    ['plain', 'plain'],
    ['日本 🙂', '日本 🙂'],
    ['\ufeffwith a byte order mark', '\ufeffwith a byte order mark'],
    ['\0', '\0'],
  ])('keeps %j as a string', (text, expected) => {
    expect(toText(Buffer.from(text))).toBe(expected);
  });

  it.each([
    [[0xff]],
    [[0x61, 0xc3]],
    [[0xc0, 0xaf]],
    [[0xed, 0xa0, 0x80]],
    [[0xf4, 0x90, 0x80, 0x80]],
    [[0x80]],
  ])('keeps %j, which is no UTF-8, as base64', (bytes) => {
    expect(toText(Buffer.from(bytes))).toEqual({ base64: Buffer.from(bytes).toString('base64') });
  });

  it('two texts are equal where their bytes are', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(equalText(toText(a), toText(b))).toBe(Buffer.from(a).equals(Buffer.from(b)));
        expect(equalText(toText(a), toText(a))).toBe(true);
      }),
    );
    // No normalization: these print alike and are two names.
    expect(equalText('é', 'e\u0301')).toBe(false);
  });

  it.each<[string, Text]>([
    ['a lone surrogate', '\ud800'],
    ['base64 of valid UTF-8', { base64: 'YQ==' }],
    ['base64 of nothing', { base64: '' }],
    ['no padding', { base64: '/w' }],
    ['too much padding', { base64: '/w===' }],
    ['bits that are left over', { base64: '/x==' }],
    ['a space', { base64: '/w== ' }],
    ['the other alphabet', { base64: '_w==' }],
    ['no base64 at all', { base64: '#(id)' }],
  ])('%s is not canonical', (_, text) => {
    expect(isCanonicalText(text)).toBe(false);
  });

  it('is shown with U+FFFD for what is no UTF-8', () => {
    expect(displayText('ü')).toBe('ü');
    expect(displayText(toText(Buffer.from([0x61, 0xff, 0x62])))).toBe('a\ufffdb');
  });
});
