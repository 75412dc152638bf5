/**
 * A byte string from outside (a path, an argument, a title). Valid UTF-8 is kept as a string,
 * anything else as base64 of its bytes, so that JSON can carry it and nothing is lost.
 * Exactly one form is canonical for each byte string.
 */
export type Text = string | { base64: string };

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function toText(bytes: Uint8Array): Text {
  try {
    return decoder.decode(bytes);
  } catch {
    return { base64: Buffer.from(bytes).toString('base64') };
  }
}

export function fromText(text: Text): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'utf8') : Buffer.from(text.base64, 'base64');
}

/** True where `text` is the one canonical form of its bytes: well-formed, and base64 only where it must be. */
export function isCanonicalText(text: Text): boolean {
  if (typeof text === 'string') return text.isWellFormed();
  const bytes = Buffer.from(text.base64, 'base64');
  return bytes.toString('base64') === text.base64 && typeof toText(bytes) !== 'string';
}

export function equalText(a: Text, b: Text): boolean {
  return fromText(a).equals(fromText(b));
}

/** The text as a string for people: bytes that are not UTF-8 become U+FFFD. Never for anything that runs. */
export function displayText(text: Text): string {
  return typeof text === 'string' ? text : Buffer.from(text.base64, 'base64').toString('utf8');
}
