/**
 * Bytes as what a reader would see: runs of valid UTF-8, and the single bytes that are none.
 * Node's own decoder turns every bad byte into the same U+FFFD, so two different values would print alike.
 */
export function splitUtf8(bytes: Uint8Array): (string | number)[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts: (string | number)[] = [];
  let start = 0;
  let i = 0;
  while (i < buffer.length) {
    const length = sequenceLength(buffer, i);
    if (length > 0) {
      i += length;
      continue;
    }
    if (i > start) parts.push(buffer.toString('utf8', start, i));
    parts.push(buffer[i] ?? 0);
    start = ++i;
  }
  if (i > start) parts.push(buffer.toString('utf8', start, i));
  return parts;
}

/** Length of the well-formed sequence at `at` (Unicode, table 3-7), or 0. */
function sequenceLength(b: Buffer, at: number): number {
  const lead = b[at] ?? 0;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  for (let k = 1; k < length; k++) {
    const c = b[at + k] ?? 0;
    if (c < (k === 1 ? low : 0x80) || c > (k === 1 ? high : 0xbf)) return 0;
  }
  return length;
}
