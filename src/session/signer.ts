/** Whom a signature is from, as far as it could be checked. */
export interface SignedBy {
  signer: string | null;
  /** `SHA256:...` of an ssh key, hexadecimal of others; of the key itself. */
  fingerprint: string | null;
  /** Of the key that a subkey belongs to. */
  primary: string | null;
}

/**
 * Whether one of `names` means this signer. An ssh key is meant by its principal in the user's allowed signers, or by
 * its fingerprint; any other key by a whole fingerprint only: whoever makes one writes any user id into it.
 */
export function isTrustedSigner(
  { signer, fingerprint, primary }: SignedBy,
  names: readonly string[],
): boolean {
  if (fingerprint === null) return false;
  if (fingerprint.startsWith('SHA256:')) {
    return names.some(
      (name) => name === fingerprint || (signer !== null && signer !== '' && name === signer),
    );
  }
  const keys = [fingerprint, primary].filter((key) => key !== null).map((key) => key.toUpperCase());
  return names.some((name) => {
    const wanted = name.replace(/^0x|\s/giu, '').toUpperCase();
    return /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/u.test(wanted) && keys.includes(wanted);
  });
}
