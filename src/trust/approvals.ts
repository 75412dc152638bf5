import { createHash, randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { canonicalJson } from '../session/codec.ts';
import { DamagedSnapshotError, FileProblemError, UnsafeStateDirectoryError } from '../session/errors.ts';

/**
 * Which plans may start commands on this machine, and which must not (design.md section 6). Kept in the user's own
 * state directory, where neither a repository nor another user can write (attacks.md E3, E9): one file per digest,
 * so that two processes never rewrite each other's. There is one decision per digest, the last one.
 */
export interface Approval {
  digest: string;
  /** `denied` approves nothing: a person said no. */
  reason: 'saved' | 'allowed' | 'denied';
  ref: string;
  repository: string;
  at: string;
}

const DIGEST = /^[0-9a-f]{64}$/u;
const MAX_FILE = 65536;

/** The digest that an approval is for: SHA-256 over the canonical JSON of everything that would run. */
export function planDigest(value: unknown): string {
  const json = canonicalJson(value);
  // The library writes `undefined` and functions as what no JSON is.
  if (!isJson(json)) throw new DamagedSnapshotError('a plan holds something that is not JSON');
  return createHash('sha256').update(json, 'utf8').digest('hex');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** `$XDG_STATE_HOME/git-session/approvals`; a relative XDG_STATE_HOME is ignored, as its specification says. */
export function approvalsDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const state = env['XDG_STATE_HOME'];
  const base = state !== undefined && isAbsolute(state) ? state : join(homedir(), '.local', 'state');
  return join(base, 'git-session', 'approvals');
}

export class Approvals {
  readonly directory: string;

  constructor(directory: string = approvalsDirectory()) {
    this.directory = directory;
  }

  /** What was decided about `digest`, a denial too, or null. A damaged file decides nothing; an unsafe one is an error. */
  find(digest: string): Approval | null {
    if (!DIGEST.test(digest) || !this.#exists()) return null;
    const bytes = readOwned(join(this.directory, digest));
    return bytes === null ? null : parseApproval(bytes, digest);
  }

  add(digest: string, facts: Pick<Approval, 'reason' | 'ref' | 'repository'>, at = new Date()): Approval {
    if (!DIGEST.test(digest)) throw new FileProblemError('cannot record approval: not a digest');
    const { reason, ref, repository } = facts;
    const approval: Approval = { digest, reason, ref, repository, at: at.toISOString() };
    const temporary = join(this.directory, `.${digest}.${process.pid}.${randomBytes(6).toString('hex')}`);
    try {
      fs.mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      this.#exists();
      // The name can't be guessed and 'wx' follows no link; rename replaces a link and never writes through it.
      const fd = fs.openSync(temporary, 'wx', 0o600);
      try {
        fs.writeFileSync(fd, `${canonicalJson(approval)}\n`);
        // What a person decided is kept through a power loss; for our own saves a restore would ask again.
        if (reason !== 'saved') fs.fsyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
      fs.renameSync(temporary, join(this.directory, digest));
    } catch (error) {
      removeQuietly(temporary);
      throw problem(error, 'cannot record approval', this.directory);
    }
    return approval;
  }

  /** True where there was one. */
  remove(digest: string): boolean {
    if (!DIGEST.test(digest) || !this.#exists()) return false;
    try {
      fs.unlinkSync(join(this.directory, digest));
      return true;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw problem(error, 'cannot remove approval', this.directory);
    }
  }

  /** All decisions, the oldest first. */
  list(): Approval[] {
    if (!this.#exists()) return [];
    let names: string[];
    try {
      names = fs.readdirSync(this.directory);
    } catch (error) {
      throw problem(error, 'cannot read approvals', this.directory);
    }
    return names
      .map((name) => this.find(name))
      .filter((approval) => approval !== null)
      .toSorted((a, b) => (`${a.at} ${a.digest}` < `${b.at} ${b.digest}` ? -1 : 1));
  }

  /** Whether the directory is there; throws where someone else could write in it. */
  #exists(): boolean {
    let stat: fs.Stats;
    try {
      stat = fs.lstatSync(this.directory);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return false;
      throw problem(error, 'cannot read approvals', this.directory);
    }
    if (!stat.isDirectory()) throw unsafe(this.directory, 'it is not a directory');
    checkOwned(this.directory, stat);
    return true;
  }
}

/** For tidying up after an error that is about to be reported. */
function removeQuietly(path: string): void {
  try {
    fs.unlinkSync(path);
  } catch {
    // The first error is the one to report.
  }
}

/** The file's bytes, null where there is none. No link is followed, and nothing but a file is opened. */
function readOwned(path: string): Buffer | null {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  let fd: number;
  try {
    fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    if (codeOf(error) === 'ELOOP') throw unsafe(path, 'it is a symbolic link');
    throw problem(error, 'cannot read approvals', path);
  }
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) throw unsafe(path, 'it is not a file');
    checkOwned(path, stat);
    return stat.size > MAX_FILE ? null : fs.readFileSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function parseApproval(bytes: Buffer, digest: string): Approval | null {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { digest: own, reason, ref, repository, at } = value as Record<string, unknown>;
  // A copy under another name must not approve that other plan.
  if (own !== digest || (reason !== 'saved' && reason !== 'allowed' && reason !== 'denied')) return null;
  if (typeof ref !== 'string' || typeof repository !== 'string' || typeof at !== 'string') return null;
  return { digest, reason, ref, repository, at };
}

function checkOwned(path: string, stat: fs.Stats): void {
  if (stat.uid !== process.geteuid?.()) throw unsafe(path, 'another user owns it');
  if ((stat.mode & 0o022) !== 0) throw unsafe(path, 'other users can write to it');
}

function unsafe(path: string, why: string): UnsafeStateDirectoryError {
  return new UnsafeStateDirectoryError(`approvals are not safe in '${path}': ${why}`, [
    "look at it, then remove it or 'chmod go-w' it; git-session makes it anew",
  ]);
}

function problem(error: unknown, what: string, path: string): Error {
  if (error instanceof UnsafeStateDirectoryError) return error;
  return new FileProblemError(
    `${what}: ${codeOf(error) ?? 'unknown error'} at '${path}'`,
    ['check that the directory can be written, or set XDG_STATE_HOME'],
    undefined,
    error,
  );
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
