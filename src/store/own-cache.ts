import * as fs from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { VERSION } from '../version.ts';

/**
 * Files of ours in the user's own cache directory, one of a kind for each repository and version of this program: what
 * comes along with a copied repository is never believed, nor what others could write. Everything here is optional, and
 * whatever fails is ignored.
 */
export type CacheKind = 'lists' | 'scans';

const UNUSED_AFTER_MS = 30 * 24 * 3600 * 1000;
const MAX_FILE = 16 * 1024 * 1024;
/** As `fileOf` gives it, or its draft. */
const OWN_NAME = /^[0-9a-f]{16}\.json(?:\.\d+\.tmp)?$/u;

/** Null where there is none that can be believed. */
export function readOwnCache(kind: CacheKind, commonDir: string): unknown {
  let fd: number | undefined;
  try {
    const file = fileOf(kind, commonDir);
    requireOwn(path.dirname(file));
    fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    const { uid, mode, size } = fs.fstatSync(fd);
    if (uid !== process.getuid?.() || (mode & 0o022) !== 0 || size > MAX_FILE) return null;
    const bytes = fs.readFileSync(fd);
    const end = bytes.indexOf('\n') + 1;
    const body = bytes.subarray(end);
    if (bytes.toString('utf8', 0, end) !== headerOf(kind, commonDir, body)) return null;
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return null;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

export function writeOwnCache(kind: CacheKind, commonDir: string, value: unknown): void {
  // As for git itself, this keeps a reading command from writing anything.
  if (process.env['GIT_OPTIONAL_LOCKS'] === '0') return;
  try {
    const file = fileOf(kind, commonDir);
    const body = Buffer.from(JSON.stringify(value));
    makeDirectories(path.dirname(file), 3);
    requireOwn(path.dirname(file));
    const draft = `${file}.${process.pid}.tmp`;
    try {
      fs.writeFileSync(draft, Buffer.concat([Buffer.from(headerOf(kind, commonDir, body)), body]), {
        mode: 0o600,
        flag: 'wx',
      });
      fs.renameSync(draft, file);
    } finally {
      fs.rmSync(draft, { force: true });
    }
    removeUnused(path.dirname(file));
  } catch {
    // No room, or not ours to write: the next one reads git.
  }
}

/** Takes away what is remembered of a repository. */
export function removeOwnCaches(commonDir: string): void {
  for (const kind of ['lists', 'scans'] as const) {
    try {
      const file = fileOf(kind, commonDir);
      requireOwn(path.dirname(file));
      fs.rmSync(file, { force: true });
    } catch {
      // There is none.
    }
  }
}

/** The last `count` directories of the path. Node's own way (`recursive`) never comes back from below /proc. */
function makeDirectories(directory: string, count: number): void {
  if (count > 1) makeDirectories(path.dirname(directory), count - 1);
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Throws where our two directories are not what we make: a link could lead to somebody's files. */
function requireOwn(directory: string): void {
  for (const one of [path.dirname(directory), directory]) {
    const stat = fs.lstatSync(one);
    if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0) {
      throw new Error('the cache directory is not ours');
    }
  }
}

/** The checksum finds damage. Nobody else can write here, so it need not resist anybody. */
function headerOf(kind: CacheKind, commonDir: string, body: Buffer): string {
  return `${JSON.stringify([`git-session ${kind}`, VERSION, commonDir, body.length, checksum(body)])}\n`;
}

function fileOf(kind: CacheKind, commonDir: string): string {
  const { XDG_CACHE_HOME: xdg, HOME: home } = process.env;
  const base =
    xdg !== undefined && path.isAbsolute(xdg)
      ? xdg
      : path.join(home === undefined ? homedir() : home, '.cache');
  if (!path.isAbsolute(base)) throw new Error('no cache directory');
  return path.join(base, 'git-session', kind, `${checksum(Buffer.from(`${VERSION}\0${commonDir}`))}.json`);
}

function removeUnused(directory: string): void {
  const limit = Date.now() - UNUSED_AFTER_MS;
  for (const entry of fs.readdirSync(directory)) {
    if (!OWN_NAME.test(entry)) continue;
    const file = path.join(directory, entry);
    const stat = fs.lstatSync(file, { throwIfNoEntry: false });
    if (stat?.isFile() === true && stat.mtimeMs < limit) fs.rmSync(file, { force: true });
  }
}

/** FNV-1a over words of four bytes, twice with other starts: a cryptographic one would take longer to load than all else. */
function checksum(bytes: Buffer): string {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  let a = 0x811c9dc5;
  let b = 0x01234567;
  for (const word of new Int32Array(padded.buffer)) {
    a = Math.imul(a ^ word, 0x01000193);
    b = Math.imul(b ^ word ^ (a >>> 15), 0x01000193);
  }
  return [a, b].map((n) => (n >>> 0).toString(16).padStart(8, '0')).join('');
}
