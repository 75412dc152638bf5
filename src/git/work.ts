import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import tmp from 'tmp';
import { GitFailedError } from '../session/errors.ts';
import type { Repository } from './repository.ts';
import { writeFailure } from './write-failure.ts';

/** The trees of a stash-shaped commit, safe from a `git gc` until `release()`. */
export interface WorkTrees {
  index: string;
  worktree: string;
  /** null where there are no untracked files to carry. */
  untracked: string | null;
  /** Lets gc have the objects again: call it when a ref holds them. */
  release(): void;
}

/**
 * Where objects are before they are safe. Not `tmp_objdir-*`, the name of git's own: `git gc --prune=now`
 * removes those also while they are in use, so that half of the saves beside it failed (measured).
 */
const QUARANTINE = 'git-session';
/** The name of one, with the process that it belongs to: whoever tidies up removes those of the dead. */
export const QUARANTINE_NAME = /^git-session-(\d+)-/u;

/**
 * Records index, worktree and untracked files as trees, through a copy of the index: the user's index
 * and files are not touched. New objects go to a quarantine first and then, as one kept pack, into the
 * repository, so that not even `git gc --prune=now` can take them before a ref points at them.
 */
export async function recordWork(
  repo: Repository,
  head: string,
  untracked: Buffer[],
  hasUnmerged: boolean,
): Promise<WorkTrees> {
  let dir = '';
  try {
    const tmpdir = path.join(repo.commonDir, 'objects');
    // The library puts our pid behind the prefix.
    dir = tmp.dirSync({ tmpdir, prefix: QUARANTINE }).name;
    return await recordIn(repo, head, untracked, hasUnmerged, dir);
  } catch (error) {
    throw writeFailure(repo, error) ?? error;
  } finally {
    if (dir !== '') rmSync(dir, { recursive: true, force: true });
  }
}

async function recordIn(
  repo: Repository,
  head: string,
  untracked: Buffer[],
  hasUnmerged: boolean,
  dir: string,
): Promise<WorkTrees> {
  const objects = path.join(repo.commonDir, 'objects');
  const inherited = process.env['GIT_ALTERNATE_OBJECT_DIRECTORIES'] ?? '';
  const alternates = [asAlternate(objects), ...(inherited === '' ? [] : [inherited])].join(':');
  mkdirSync(path.join(dir, 'pack'));
  const env = {
    GIT_OBJECT_DIRECTORY: dir,
    GIT_ALTERNATE_OBJECT_DIRECTORIES: alternates,
    GIT_INDEX_FILE: path.join(dir, 'index'),
  };
  // No hook: it is not the user's index that changes.
  const config = [
    ...['core.splitIndex=false', 'core.untrackedCache=false', 'core.fsync=none'],
    'core.hooksPath=/dev/null',
  ];
  const { git } = repo;
  const copied = copyIndex(path.join(repo.gitDir, 'index'), env.GIT_INDEX_FILE);
  if (!copied) await git.ok(['read-tree', '--empty'], { env, config });
  if (hasUnmerged) await resolveToOurs(repo, head, env, config);
  const index = (await git.ok(['write-tree'], { env, config })).toString('latin1').trim();
  await git
    .ok(['add', '--update', '--ignore-errors', '--', ':/'], { env, config })
    .catch((error: unknown) => {
      throw unreadable(error);
    });
  const worktree = (await git.ok(['write-tree'], { env, config })).toString('latin1').trim();
  let untrackedTree: string | null = null;
  if (untracked.length > 0) {
    const other = { ...env, GIT_INDEX_FILE: path.join(dir, 'untracked-index') };
    const input = Buffer.concat(untracked.flatMap((file) => [file, Buffer.from([0])]));
    await git
      // A file may be gone since it was listed: with --remove that is no error.
      .ok(['update-index', '--add', '--remove', '-z', '--stdin'], { env: other, config, input })
      .catch((error: unknown) => {
        throw unreadable(error);
      });
    untrackedTree = (await git.ok(['write-tree'], { env: other, config })).toString('latin1').trim();
  }
  const release = await keepObjects(repo, dir, env);
  return { index, worktree, untracked: untrackedTree, release };
}

function unreadable(error: unknown): unknown {
  if (!(error instanceof GitFailedError)) return error;
  return new GitFailedError(
    error.message,
    ['make the file readable, or leave the uncommitted work out: git session save --no-work'],
    error.data,
  );
}

/** One entry of GIT_ALTERNATE_OBJECT_DIRECTORIES, where a colon ends an entry that is not quoted. */
function asAlternate(directory: string): string {
  if (!/[:"\\]/u.test(directory)) return directory;
  return `"${directory.replace(/["\\]/gu, '\\$&')}"`;
}

/**
 * With its time: git takes a file whose times are older than the index for unchanged, which a file that
 * was written in the same moment as the index may not be.
 */
export function copyIndex(from: string, to: string): boolean {
  try {
    const written = new Date(Math.floor(statSync(from).mtimeMs));
    copyFileSync(from, to);
    utimesSync(to, written, written);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/**
 * A tree has no room for the stages of a conflict: the index tree gets our side, the worktree tree the
 * file with its conflict markers.
 */
async function resolveToOurs(
  repo: Repository,
  head: string,
  env: Record<string, string>,
  config: string[],
): Promise<void> {
  const out = await repo.git.ok(['ls-files', '--unmerged', '-z'], { env, config });
  const ours: Buffer[] = [];
  const seen = new Set<string>();
  const zero = '0'.repeat(head.length);
  for (const entry of out.toString('latin1').split('\0')) {
    const m = /^(\d+) ([0-9a-f]+) ([123])\t([^]*)$/u.exec(entry);
    if (m === null) continue;
    const name = m[4]!;
    if (!seen.has(name)) ours.unshift(Buffer.from(`0 ${zero}\t${name}\0`, 'latin1'));
    seen.add(name);
    if (m[3] === '2') ours.push(Buffer.from(`${m[1]} ${m[2]}\t${name}\0`, 'latin1'));
  }
  await repo.git.ok(['update-index', '-z', '--index-info'], { env, config, input: Buffer.concat(ours) });
}

/** Moves the quarantined objects into the repository as one pack with a `.keep`. */
async function keepObjects(repo: Repository, dir: string, env: Record<string, string>): Promise<() => void> {
  const oids: string[] = [];
  for (const fan of readdirSync(dir)) {
    if (!/^[0-9a-f]{2}$/u.test(fan)) continue;
    for (const rest of readdirSync(path.join(dir, fan))) {
      if (/^[0-9a-f]+$/u.test(rest)) oids.push(fan + rest);
    }
  }
  // Big files are written as packs at once (core.bigFileThreshold).
  const packs = readdirSync(path.join(dir, 'pack')).filter((f) => f.endsWith('.idx'));
  for (const idx of packs) {
    const out = await repo.git.ok(['show-index'], {
      env,
      input: readFileSync(path.join(dir, 'pack', idx)),
    });
    for (const line of out.toString('latin1').trimEnd().split('\n')) oids.push(line.split(' ')[1]!);
  }
  if (oids.length === 0) return () => undefined;
  const { GIT_INDEX_FILE: _, ...objectEnv } = env;
  const made = path.join(dir, 'made');
  mkdirSync(made);
  const said = await repo.git.ok(
    ['pack-objects', '--quiet', '--delta-base-offset', '--window=0', path.join(made, 'pack')],
    { env: objectEnv, input: `${oids.join('\n')}\n` },
  );
  return migrate(made, path.join(repo.commonDir, 'objects', 'pack'), said.toString('latin1').trim());
}

/**
 * As git's own quarantine does: the `.keep` first, the `.idx` (which makes the pack visible) last. The
 * name is ours alone: git names packs by their content, and a save of the same work that runs at the same
 * time would share our pack, and take its `.keep` away.
 */
function migrate(from: string, to: string, hash: string): () => void {
  mkdirSync(to, { recursive: true });
  const name = randomBytes(hash.length / 2).toString('hex');
  const keep = path.join(to, `pack-${name}.keep`);
  const files = readdirSync(from).filter((f) => f.includes(hash));
  writeFileSync(keep, `git-session ${process.pid}\n`, { mode: 0o444, flag: 'wx' });
  const last = (f: string) => (f.endsWith('.idx') ? 1 : 0);
  const release = () => rmSync(keep, { force: true });
  try {
    for (const file of files.toSorted((a, b) => last(a) - last(b))) {
      renameSync(path.join(from, file), path.join(to, file.replace(hash, name)));
    }
  } catch (error) {
    release();
    throw error;
  }
  return release;
}
