import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp';
import type { Repository } from './repository.ts';
import { writeFailure } from './write-failure.ts';

/**
 * Where objects are before they are safe. Not `tmp_objdir-*`, the name of git's own: `git gc --prune=now`
 * removes those also while they are in use, so that half of the saves beside it failed (measured).
 */
const QUARANTINE = 'git-session';
/** The name of one, with the process that it belongs to: whoever tidies up removes those of the dead. */
export const QUARANTINE_NAME = /^git-session-(\d+)-/u;

/**
 * Runs `write` with an environment in which git puts new objects into a quarantine, and then moves them into the
 * repository as one kept pack, so that not even `git gc --prune=now` can take them before a ref points at them. Call
 * `release()` when one does.
 */
export async function inQuarantine<T>(
  repo: Repository,
  write: (dir: string, env: Record<string, string>) => Promise<T>,
): Promise<{ made: T; release: () => void }> {
  let dir = '';
  try {
    const objects = path.join(repo.commonDir, 'objects');
    // The library puts our pid behind the prefix.
    dir = tmp.dirSync({ tmpdir: objects, prefix: QUARANTINE }).name;
    const inherited = process.env['GIT_ALTERNATE_OBJECT_DIRECTORIES'] ?? '';
    const alternates = [asAlternate(objects), ...(inherited === '' ? [] : [inherited])].join(':');
    mkdirSync(path.join(dir, 'pack'));
    const env = { GIT_OBJECT_DIRECTORY: dir, GIT_ALTERNATE_OBJECT_DIRECTORIES: alternates };
    const made = await write(dir, env);
    return { made, release: await keepObjects(repo, dir, env) };
  } catch (error) {
    throw writeFailure(repo, error) ?? error;
  } finally {
    if (dir !== '') rmSync(dir, { recursive: true, force: true });
  }
}

/** One entry of GIT_ALTERNATE_OBJECT_DIRECTORIES, where a colon ends an entry that is not quoted. */
function asAlternate(directory: string): string {
  if (!/[:"\\]/u.test(directory)) return directory;
  return `"${directory.replace(/["\\]/gu, '\\$&')}"`;
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
  const made = path.join(dir, 'made');
  mkdirSync(made);
  const said = await repo.git.ok(
    ['pack-objects', '--quiet', '--delta-base-offset', '--window=0', path.join(made, 'pack')],
    { env, input: `${oids.join('\n')}\n` },
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
