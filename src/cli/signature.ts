import type { Consent, ConsentReason } from '../flow/consent.ts';
import type { Signature } from '../store/signature.ts';
import { safe } from '../trust/safe.ts';

/** Who signed it, in words. The author of a commit is free text, and never said to be the signer (attack C22). */
export function signatureText({ status, signer, fingerprint }: Signature): string {
  const key = safe(fingerprint ?? 'a key that is not named');
  const by = signer === null ? key : `${safe(signer)} (${key})`;
  switch (status) {
    case 'good':
      return `signed by ${by}`;
    case 'unknown-key':
      return `signed by a key that is not known here: ${key}`;
    case 'expired':
      return `signed by ${by}, which has expired`;
    case 'revoked':
      return `signed by ${by}, which is revoked`;
    case 'no-key':
      return `signed, but the signature can't be checked here${fingerprint === null ? '' : `: no key ${key}`}`;
    case 'bad':
      return 'signed by nobody: THE SIGNATURE IS BAD';
    case 'none':
      return 'not signed';
  }
}

/** Why commands may start. */
export function approvedBy({ reason, signature }: Consent): string {
  if (reason === 'signed' && signature !== null) return signatureText(signature);
  return WHY[reason];
}

const WHY: Record<ConsentReason, string> = {
  saved: 'saved by this clone',
  allowed: 'allowed before',
  signed: 'signed',
  'run-option': '--run',
  answered: 'your answer',
  'nothing-to-run': 'there is nothing to start',
  'no-run-option': '--no-run',
  denied: 'denied here',
  'not-approved': 'nobody approved it',
};
