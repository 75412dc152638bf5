import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { approvalsDirectory, planDigest } from '../../src/trust/approvals.ts';

describe('planDigest', () => {
  test('is SHA-256 over canonical JSON: the order of keys is none of it', () => {
    const expected = createHash('sha256').update('{"a":[1,"é"],"b":null}').digest('hex');
    expect(planDigest({ b: null, a: [1, 'é'] })).toBe(expected);
    expect(planDigest({ a: [1, 'é'], b: null })).toBe(expected);
  });

  test('C26 any change gives another one', () => {
    const plan = { argv: ['sh', '-c', 'make'], cwd: { in: 'repo', path: 'a' } };
    const others = [
      { ...plan, argv: ['sh', '-c', 'make '] },
      { ...plan, argv: ['sh', '-c make'] },
      { ...plan, cwd: { in: 'home', path: 'a' } },
      { ...plan, argv: ['sh', '-c', { base64: 'bWFrZQ==' }] },
    ];
    expect(new Set([plan, ...others].map((p) => planDigest(p))).size).toBe(5);
  });

  test('two strings that are no Unicode text never share one', () => {
    const digests = ['\uD800', '\uD801', '\uFFFD'].map((s) => planDigest({ s }));
    expect(new Set(digests).size).toBe(3);
  });

  test('what is no JSON has none', () => {
    for (const value of [undefined, { f() {} }]) expect(() => planDigest(value)).toThrow('not JSON');
  });
});

describe('approvalsDirectory', () => {
  test('XDG_STATE_HOME counts where it is absolute, as its specification says', () => {
    expect(approvalsDirectory({ XDG_STATE_HOME: '/s' })).toBe('/s/git-session/approvals');
    for (const value of ['relative', '', '.']) {
      expect(approvalsDirectory({ XDG_STATE_HOME: value })).toMatch(
        /^\/.*\/\.local\/state\/git-session\/approvals$/u,
      );
    }
    expect(approvalsDirectory({})).toMatch(/\/\.local\/state\/git-session\/approvals$/u);
  });
});
