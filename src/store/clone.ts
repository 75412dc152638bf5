import { randomUUID } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Repository } from '../git/repository.ts';

/** Which file an id was written to: a copy of it is another one. */
interface Place {
  host: string;
  /** Decimal: it may have more digits than a number. */
  inode: string;
}

interface Known {
  id: string | null;
  /** Null in files of the first version, which had the id alone: `git session migrate` adds it. */
  place: Place | null;
}

/**
 * This clone's own id: random, made once, in the directory that all its worktrees share. Two clones with one id would
 * each write a record under the same number, so a clone directory that was copied, or came back from a backup, gets a new
 * one: its file is another file. A directory that was moved keeps the file, and with it the id. In doubt (moved to another
 * file system or host) the id is new, which costs nothing.
 */
export function cloneId(repo: Repository): string {
  const directory = path.join(repo.commonDir, 'git-session');
  const file = path.join(directory, 'clone-id');
  const known = read(file);
  if (known?.id != null && (known.place === null || !isCopy(file, known.place))) return known.id;
  makeFolder(directory);
  return write(file, randomUUID(), known !== null);
}

/** The file of the id where an older version made it, which did not write its place down; null otherwise. */
export function oldCloneFile(repo: Repository): string | null {
  const file = path.join(repo.commonDir, 'git-session', 'clone-id');
  const known = read(file);
  return known?.id != null && known.place === null ? file : null;
}

/** Writes down the place of an id that has none, so that a copy of it is noticed from now on. */
export function completeCloneFile(file: string): void {
  const id = read(file)?.id;
  if (id != null) write(file, id, true);
}

/** Of several that make one at the same time, the first wins, and of several that replace one, the last. */
function write(file: string, id: string, replace: boolean): string {
  const draft = `${file}.${randomUUID()}`;
  try {
    const fd = openSync(draft, 'wx');
    try {
      const place: Place = { host: hostname(), inode: String(fstatSync(fd, { bigint: true }).ino) };
      writeSync(fd, `${id}\n${JSON.stringify(place)}\n`);
    } finally {
      closeSync(fd);
    }
    if (replace) renameSync(draft, file);
    else linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return read(file)?.id ?? id;
}

function isCopy(file: string, place: Place): boolean {
  return place.host !== hostname() || place.inode !== String(lstatSync(file, { bigint: true }).ino);
}

/** Not with `recursive`: Node then says ENOENT where the file system is read-only. */
function makeFolder(directory: string): void {
  try {
    mkdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Null where there is none. One that holds no id (after a power loss) is to be made anew. */
function read(file: string): Known | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  }
  const [id = '', place = ''] = text.split('\n');
  return { id: /^[0-9a-f-]{36}$/u.test(id) ? id : null, place: parsePlace(place) };
}

function parsePlace(text: string): Place | null {
  try {
    const { host, inode } = JSON.parse(text) as Place;
    return typeof host === 'string' && typeof inode === 'string' ? { host, inode } : null;
  } catch {
    return null;
  }
}
