/** Tables of CRC-32 (the polynomial of zlib and git packs), for four bytes at a time. */
const [T0, T1, T2, T3] = tables();

function tables(): [Uint32Array, Uint32Array, Uint32Array, Uint32Array] {
  const all = [0, 1, 2, 3].map(() => new Uint32Array(256)) as ReturnType<typeof tables>;
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 0 ? sum >>> 1 : (sum >>> 1) ^ 0xedb88320;
    all[0][byte] = sum;
  }
  for (let byte = 0; byte < 256; byte++) {
    for (const i of [1, 2, 3] as const) {
      const before = all[(i - 1) as 0 | 1 | 2][byte]!;
      all[i][byte] = (before >>> 8) ^ all[0][before & 255]!;
    }
  }
  return all;
}

/**
 * CRC-32 of `bytes` from `from` to `to`, going on from `before`. It finds every change of up to three bits in a line of a
 * log, and every damaged stretch of up to 32 bits; of other damage it misses one in four billions. It keeps nobody from
 * forging. A hash of node:crypto would cost four times as much for lines this short, and loading that module too.
 */
export function crc32(bytes: Uint8Array, from: number, to: number, before = 0): number {
  let sum = ~before;
  let i = from;
  for (const end = to - 3; i < end; i += 4) {
    sum ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    sum = T3[sum & 255]! ^ T2[(sum >>> 8) & 255]! ^ T1[(sum >>> 16) & 255]! ^ T0[sum >>> 24]!;
  }
  for (; i < to; i++) sum = (sum >>> 8) ^ T0[(sum ^ bytes[i]!) & 255]!;
  return ~sum >>> 0;
}
