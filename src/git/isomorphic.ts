import fs from 'node:fs';
import path from 'node:path';
import git from 'isomorphic-git';
import { NotARepositoryError, UnsupportedRepositoryError } from '../session/errors.ts';
import type { ObjectType } from './objects.ts';
import type { Reader } from './reader.ts';
import type { Ref } from './refs.ts';

/**
 * Reads sessions without a git program. It reads only: isomorphic-git takes no ref locks and writes into
 * the wrong place in a linked worktree. Repositories that it would misread are refused with a typed error.
 *
 * An object's size is known only once it is inflated, so it is for repositories that one trusts as much
 * as that; the commands use native git, which tells the size first.
 */
export function isomorphicReader(directory: string): Reader {
  const gitdir = gitDirectory(directory);
  const cache = {};
  const read = (oid: string) => git.readObject({ fs, gitdir, oid, format: 'content', cache });
  return {
    async listRefs(prefixes) {
      const refs: Ref[] = [];
      for (const prefix of prefixes) {
        for (const name of await namesBelow(gitdir, prefix)) refs.push(await describe(gitdir, name, read));
      }
      return refs.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    },
    readObjects: (oids) =>
      Promise.all(
        oids.map(async (oid) => {
          try {
            const found = await read(oid);
            return Buffer.from(found.object as Uint8Array);
          } catch {
            return null; // missing or damaged: the caller says which snapshot that is
          }
        }),
      ),
  };
}

type ReadObject = (oid: string) => Promise<{ type: string; object: unknown }>;

async function namesBelow(gitdir: string, prefix: string): Promise<string[]> {
  const below = await git.listRefs({ fs, gitdir, filepath: prefix });
  if (below.length > 0) return below.map((name) => `${prefix}/${name}`);
  const exact = await git.resolveRef({ fs, gitdir, ref: prefix }).catch(() => null);
  return exact === null ? [] : [prefix];
}

async function describe(gitdir: string, name: string, read: ReadObject): Promise<Ref> {
  const target = await git.resolveRef({ fs, gitdir, ref: name, depth: 2 }).catch(() => '');
  const oid = await git.resolveRef({ fs, gitdir, ref: name }).catch(() => '');
  const found = await read(oid).catch(() => null);
  return {
    name,
    oid,
    type: found === null ? null : (found.type as ObjectType),
    size: found === null ? -1 : (found.object as Uint8Array).length,
    symbolic: target.startsWith('refs/') || target.startsWith('ref: '),
  };
}

/** The repository's directory, where it is of the kind that isomorphic-git reads rightly. */
export function gitDirectory(directory: string): string {
  const inside = path.join(directory, '.git');
  if (fs.statSync(inside, { throwIfNoEntry: false })?.isFile() === true) {
    throw unsupported('a linked worktree or a submodule', 'open the main worktree instead');
  }
  const gitdir = fs.existsSync(inside) ? inside : directory;
  const config = path.join(gitdir, 'config');
  if (!fs.existsSync(path.join(gitdir, 'HEAD')) || !fs.existsSync(config)) {
    throw new NotARepositoryError(`'${directory}' is not a git repository`);
  }
  const settings = fs.readFileSync(config, 'utf8');
  if (/^\s*objectformat\s*=\s*sha256/imu.test(settings)) throw unsupported('a SHA-256 repository');
  if (/^\s*refstorage\s*=\s*reftable/imu.test(settings)) throw unsupported('a repository with reftable');
  if (/^\s*partialclone\s*=/imu.test(settings)) throw unsupported('a partial clone');
  if (fs.existsSync(path.join(gitdir, 'objects/info/alternates')))
    throw unsupported('a repository with alternates');
  return gitdir;
}

function unsupported(what: string, hint = 'use the git session command, which reads it by native git') {
  return new UnsupportedRepositoryError(`${what} can't be read without git`, [hint]);
}
