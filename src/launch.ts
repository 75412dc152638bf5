/**
 * Runs dist/cli.cjs with V8's code cache, so that a start doesn't compile what an earlier start has compiled.
 *
 * A cache file is `<content hash>-<node version>-<arch>-<verb>.v8cache` (V8 itself checks no more than its own version,
 * its flags and the length of the source). It holds the functions that this one command has compiled: reading a cache
 * costs as much as it is long. It lies in dist/.cache where dist is ours, else in the user's cache directory.
 * Loading one is running it, so only files that belong to this user and that nobody else can write to are read.
 * Everything about the cache is optional: whatever fails there is ignored.
 */
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';

type Main = (argv: readonly string[]) => Promise<number>;

const SUFFIX = '.v8cache';
/** Characters of the hash that the build writes at the start of cli.cjs, in a comment. */
const HASH_LENGTH = 16;
const UNUSED_AFTER_MS = 30 * 24 * 3600 * 1000;

export async function launch(): Promise<void> {
  const cli = path.join(__dirname, 'cli.cjs');
  let source: string;
  try {
    // The build guarantees ASCII, and latin1 is the fast way to read that.
    source = fs.readFileSync(cli, 'latin1');
  } catch {
    // oxlint-disable-next-line no-console -- without dist there is no src/cli/output.ts
    console.error('fatal: git-session is not built\nhint: npm ci && npm run build');
    return;
  }
  const argv = process.argv.slice(2);
  const hash = source.slice(2, 2 + HASH_LENGTH);
  const name = `${hash}-${process.version}-${process.arch}-${verbOf(argv)}${SUFFIX}`;
  const places = [path.join(__dirname, '.cache'), userCache()].filter((place) => place !== undefined);
  const cache = readCache(places, name);

  const script = new vm.Script(`(function (exports, require, module, __filename, __dirname) {${source}\n})`, {
    filename: cli,
    ...(cache && { cachedData: cache }),
  });
  const cached = cache !== undefined && script.cachedDataRejected !== true;

  try {
    const module: { exports: { main?: Main } } = { exports: {} };
    const load = script.runInThisContext() as (...args: readonly unknown[]) => void;
    load(module.exports, require, module, cli, __dirname);
    if (!module.exports.main) throw new Error('dist/cli.cjs has no main');
    const code = await module.exports.main(argv);
    process.exitCode = code;
    // A command that failed has not compiled what it needs when it works.
    if (code <= 1 && !cached) writeCache(places, name, script.createCachedData());
  } catch (error) {
    process.exitCode = 128;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    // A message may quote foreign text, and this is the one place that prints without src/cli/output.ts.
    // oxlint-disable-next-line no-console -- it says what is wrong where nothing of the program works
    console.error(`fatal: internal error: ${text.replace(/[^\n\x20-\x7e]/g, '?')}`);
  }
}

function verbOf(argv: readonly string[]): string {
  if (argv.includes('-h') || argv.includes('--help')) return 'help';
  const verb = argv.find((arg) => !arg.startsWith('-'));
  return verb !== undefined && /^[a-z][a-z-]{0,23}$/.test(verb) ? verb : 'help';
}

function userCache(): string | undefined {
  const { XDG_CACHE_HOME: xdg, HOME: home } = process.env;
  if (xdg && path.isAbsolute(xdg)) return path.join(xdg, 'git-session');
  return home && path.isAbsolute(home) ? path.join(home, '.cache', 'git-session') : undefined;
}

function readCache(places: readonly string[], name: string): Buffer | undefined {
  for (const place of places) {
    let fd: number | undefined;
    try {
      fd = fs.openSync(path.join(place, name), fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
      const { uid, mode, size } = fs.fstatSync(fd);
      if (uid !== process.getuid?.() || (mode & 0o022) !== 0 || size === 0) continue;
      return fs.readFileSync(fd);
    } catch {
      // Not there, or not ours to read.
    } finally {
      if (fd !== undefined) fs.closeSync(fd);
    }
  }
  return undefined;
}

function writeCache(places: readonly string[], name: string, data: Buffer): void {
  for (const place of places) {
    try {
      // dist of another user (an installation by root, say) stays as it is, also where we may write to it.
      if (path.dirname(place) === __dirname && fs.statSync(__dirname).uid !== process.getuid?.()) continue;
      fs.mkdirSync(place, { recursive: true, mode: 0o700 });
      const temporary = path.join(place, `${name}.${process.pid}.tmp`);
      try {
        writeSynced(temporary, data);
        fs.renameSync(temporary, path.join(place, name));
      } finally {
        fs.rmSync(temporary, { force: true });
      }
      removeUnused(place, name);
      return;
    } catch {
      // Not writable, or the disk is full: the next place, or no cache.
    }
  }
}

/** V8 doesn't verify the contents of a cache: after a power loss the file must be whole or absent. */
function writeSynced(file: string, bytes: Buffer): void {
  const fd = fs.openSync(file, 'wx', 0o600);
  try {
    fs.writeFileSync(fd, bytes);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function removeUnused(place: string, except: string): void {
  const limit = Date.now() - UNUSED_AFTER_MS;
  for (const entry of fs.readdirSync(place)) {
    if (entry === except || !(entry.endsWith(SUFFIX) || entry.endsWith('.tmp'))) continue;
    const file = path.join(place, entry);
    if (fs.statSync(file).mtimeMs < limit) fs.rmSync(file, { force: true });
  }
}
