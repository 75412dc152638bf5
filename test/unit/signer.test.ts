import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTrustedSigner, type SignedBy } from '../../src/session/signer.ts';

const SHA = 'SHA256:AfSWrogdeqB2HobCYaWAHAn1BsDZNTPY7L3S8BU8kPw';
const KEY = 'A'.repeat(38) + '01';
const PRIMARY = 'B'.repeat(38) + '02';
const ssh: SignedBy = { signer: 'alice@example.org', fingerprint: SHA, primary: null };
const gpg: SignedBy = { signer: 'Alice <alice@example.org>', fingerprint: KEY, primary: PRIMARY };

describe('C22 whom a signature is from', () => {
  it.each([
    ['an ssh key by its principal', ssh, 'alice@example.org', true],
    ['an ssh key by its fingerprint', ssh, SHA, true],
    ['another principal', ssh, 'bob@example.org', false],
    ['a pattern', ssh, '*@example.org', false],
    ['a part of a principal', ssh, 'alice', false],
    ['a principal in other letters', ssh, 'Alice@example.org', false],
    ['a fingerprint in other letters', ssh, SHA.toLowerCase(), false],
    ['no principal, and an empty name', { ...ssh, signer: '' }, '', false],
    ['no principal', { ...ssh, signer: null }, 'null', false],
    ['a gpg key by its fingerprint', gpg, KEY, true],
    ['a gpg key as people write it', gpg, `0x${KEY.toLowerCase().replace(/(.{4})/gu, '$1 ')}`, true],
    ['a gpg key by its primary key', gpg, PRIMARY, true],
    ['a gpg key by its user id', gpg, 'Alice <alice@example.org>', false],
    ['a gpg key by a part of the user id', gpg, 'alice@example.org', false],
    ['a gpg key by its long id', gpg, KEY.slice(-16), false],
    ['a gpg key by its short id', gpg, KEY.slice(-8), false],
    ['a gpg user id that looks like a fingerprint', { ...gpg, signer: SHA }, SHA, false],
    [
      'a gpg user id that looks like that of another key',
      { ...gpg, signer: 'C'.repeat(40) },
      'C'.repeat(40),
      false,
    ],
    ['no key at all', { ...gpg, fingerprint: null }, PRIMARY, false],
  ])('%s', (_, by, name, expected) => {
    expect(isTrustedSigner(by, ['somebody else', name])).toBe(expected);
  });

  it('nobody is trusted where no name is given, and no text but a whole fingerprint means a gpg key', () => {
    expect([isTrustedSigner(ssh, []), isTrustedSigner(gpg, [])]).toEqual([false, false]);
    fc.assert(
      fc.property(fc.string(), (name) => {
        expect(isTrustedSigner(gpg, [name])).toBe(false);
      }),
    );
  });
});
