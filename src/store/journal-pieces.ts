import { closeSync, openSync, readSync } from 'node:fs';
import { hashObject } from '../git/objects.ts';
import type { ObjectFormat } from '../git/repository.ts';

/**
 * The contents of those blobs that a journal has as well, one behind the other from its start, by their ids: that is what
 * this clone has flushed of it. An id is the hash of what git would give, so nobody needs to ask git for these. Where the
 * journal was damaged, or has something else there, the hash is another one.
 */
export function piecesOf(
  file: string,
  format: ObjectFormat,
  blobs: readonly { oid: string; size: number }[],
): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return found;
  }
  try {
    let at = 0;
    for (const { oid, size } of blobs) {
      if (found.has(oid)) continue;
      const bytes = Buffer.allocUnsafe(size);
      if (readSync(fd, bytes, 0, size, at) < size || hashObject(format, 'blob', bytes) !== oid) continue;
      found.set(oid, bytes);
      at += size;
    }
  } catch {
    // What can't be read here is read from git.
  } finally {
    closeSync(fd);
  }
  return found;
}
