import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import path from 'node:path';
import { FileProblemError, SessionError } from '../session/errors.ts';

export type Placed = 'written' | 'unchanged';

/**
 * Puts a file in place whole or not at all; `make` writes it under a temporary name beside. A file that is
 * there already stays, unless `force`, or unless it holds the same.
 */
export async function placeFile(
  file: string,
  force: boolean,
  make: (temporary: string) => Promise<void> | void,
): Promise<Placed> {
  const temporary = path.join(
    path.dirname(file),
    `.${path.basename(file)}.${randomBytes(6).toString('hex')}.tmp`,
  );
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    await make(temporary);
    if (force) {
      fs.renameSync(temporary, file);
      return 'written';
    }
    try {
      // Unlike rename, this never replaces a file that came meanwhile.
      fs.linkSync(temporary, file);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      if (sameBytes(temporary, file)) return 'unchanged';
      throw new FileProblemError(`'${file}' already exists`, ['to replace it: --force']);
    }
    return 'written';
  } catch (error) {
    if (error instanceof SessionError) throw error;
    throw new FileProblemError(`cannot write '${file}': ${(error as Error).message}`);
  } finally {
    removeQuietly(temporary);
  }
}

/** The file may be gone, and so may the folder: an error before this one is the one to report. */
function removeQuietly(file: string): void {
  try {
    fs.unlinkSync(file);
  } catch {
    // not there, or not ours to remove
  }
}

export function writeSynced(file: string, bytes: Buffer): void {
  const fd = fs.openSync(file, 'wx');
  try {
    fs.writeFileSync(fd, bytes);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function sameBytes(a: string, b: string): boolean {
  try {
    return fs.statSync(a).size === fs.statSync(b).size && fs.readFileSync(a).equals(fs.readFileSync(b));
  } catch {
    return false;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

/** The first bytes of a file; null where it is no file that can be read. */
export function startOf(file: string, length: number): Buffer | null {
  let fd: number | null = null;
  try {
    if (!fs.statSync(file).isFile()) return null;
    fd = fs.openSync(file, 'r');
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, fs.readSync(fd, bytes, 0, length, 0));
  } catch {
    return null;
  } finally {
    if (fd !== null) fs.closeSync(fd);
  }
}
