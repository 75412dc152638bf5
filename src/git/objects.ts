import { createHash } from 'node:crypto';
import { GitFailedError } from '../session/errors.ts';
import type { Git } from './git.ts';
import type { ObjectFormat } from './repository.ts';

export type ObjectType = 'blob' | 'tree' | 'commit' | 'tag';
export interface ObjectInfo {
  oid: string;
  type: ObjectType;
  size: number;
}

/** The id that git gives an object of these bytes. */
export function hashObject(format: ObjectFormat, type: ObjectType, bytes: Uint8Array): string {
  return createHash(format).update(`${type} ${bytes.length}\0`).update(bytes).digest('hex');
}

export interface CommitFields {
  tree: string;
  parents: string[];
  /** `Name <email> <seconds> <zone>` */
  author: string;
  committer: string;
  message: string;
}

/** A commit object's bytes exactly as `git fast-import` writes them. */
export function commitBytes(c: CommitFields): Buffer {
  const parents = c.parents.map((p) => `parent ${p}\n`).join('');
  return Buffer.from(
    `tree ${c.tree}\n${parents}author ${c.author}\ncommitter ${c.committer}\n\n${c.message}`,
    'utf8',
  );
}

/** Type and size of each name, null for one that does not exist. One git for all of them. */
export async function objectInfos(git: Git, names: string[]): Promise<(ObjectInfo | null)[]> {
  if (names.length === 0) return [];
  const out = await git.ok(['cat-file', '--batch-check', '--buffer'], { input: names.join('\n') + '\n' });
  const lines = out.toString('utf8').trimEnd().split('\n');
  return names.map((_, i) => {
    const m = /^([0-9a-f]+) (blob|tree|commit|tag) (\d+)$/u.exec(lines[i] ?? '');
    return m === null ? null : { oid: m[1]!, type: m[2] as ObjectType, size: Number(m[3]) };
  });
}

/**
 * The contents of objects whose sizes are known to be small, by one git. An object that is missing
 * or can't be read is null: one damaged object must not hide the others.
 */
export async function readObjects(git: Git, oids: string[]): Promise<(Buffer | null)[]> {
  if (oids.length === 0) return [];
  const result = await git.run(['cat-file', '--batch', '--buffer'], { input: oids.join('\n') + '\n' });
  const parsed = parseBatch(result.stdout, oids);
  // A corrupt object ends `cat-file --batch`; the ones behind it are asked for one by one.
  if (result.code === 0 && parsed.length === oids.length) return parsed;
  const rest: (Buffer | null)[] = [];
  for (const oid of oids.slice(parsed.length)) {
    const one = await git.run(['cat-file', 'blob', oid]);
    rest.push(one.code === 0 ? one.stdout : null);
  }
  return [...parsed, ...rest];
}

function parseBatch(out: Buffer, oids: string[]): (Buffer | null)[] {
  const found: (Buffer | null)[] = [];
  let at = 0;
  while (found.length < oids.length && at < out.length) {
    const end = out.indexOf(10, at);
    if (end < 0) break;
    const m = / (?:blob|tree|commit|tag) (\d+)$/u.exec(out.toString('latin1', at, end));
    if (m === null) {
      found.push(null);
      at = end + 1;
      continue;
    }
    const size = Number(m[1]);
    if (end + 1 + size >= out.length) break;
    found.push(out.subarray(end + 1, end + 1 + size));
    at = end + 1 + size + 1;
  }
  return found;
}

/** One blob, whose size was checked before. */
export async function readBlob(git: Git, oid: string, maxBytes: number): Promise<Buffer> {
  const [info] = await objectInfos(git, [oid]);
  if (info === null || info === undefined) throw new GitFailedError(`object ${oid} is missing`);
  if (info.size > maxBytes) throw new GitFailedError(`object ${oid} has ${info.size} bytes, too many`);
  return git.ok(['cat-file', info.type, oid]);
}
