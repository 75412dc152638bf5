import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeSnapshot } from '../session/codec.ts';
import { SessionError } from '../session/errors.ts';
import { parseSessionRef } from '../session/names.ts';
import { hashObject, objectInfos, readObjects } from '../git/objects.ts';
import { updateRefs } from '../git/refs.ts';
import type { Repository } from '../git/repository.ts';

/** A file of a ref that holds no object id: git hides it, and refuses even to write it anew (faults.md F15). */
export interface BrokenRef {
  ref: string;
  file: string;
  /** Typical after a loss of power. */
  empty: boolean;
}

/** Those of sessions and of links. A repository that keeps its refs otherwise has no such files. */
export function findBrokenRefs({ commonDir }: Repository): BrokenRef[] {
  return ['refs/sessions', 'refs/remote-sessions', 'refs/notes/crq'].flatMap((top) =>
    filesBelow(path.join(commonDir, top)).flatMap((file) => {
      const ref = path.relative(commonDir, file);
      const text = file.endsWith('.lock') ? null : readText(file);
      if (text === null || /^(?:[0-9a-f]{40}|[0-9a-f]{64})\s*$|^ref: /u.test(text)) return [];
      return [{ ref, file, empty: text.trim() === '' }];
    }),
  );
}

/**
 * The object that a broken ref pointed at: from its reflog, else from packed-refs, else (of a snapshot) by the digits in
 * its name. Null where none is there.
 */
export async function lastValue(repo: Repository, { ref }: BrokenRef): Promise<string | null> {
  const logged = readText(path.join(repo.commonDir, 'logs', ref))
    ?.trimEnd()
    .split('\n')
    .toReversed()
    .map((line) => line.split(' ')[1] ?? '');
  const packed = readText(path.join(repo.commonDir, 'packed-refs'))
    ?.split('\n')
    .flatMap((line) => (line.endsWith(` ${ref}`) ? [line.split(' ')[0]!] : []));
  for (const oid of [...(logged ?? []), ...(packed ?? [])]) {
    if (/^(?!0+$)[0-9a-f]+$/u.test(oid) && (await objectInfos(repo.git, [oid]))[0] != null) return oid;
  }
  return byName(repo, ref);
}

/** A snapshot's id ends in the first digits of its object, which says itself whose it is. */
async function byName(repo: Repository, ref: string): Promise<string | null> {
  const parsed = parseSessionRef(ref);
  if (parsed?.kind !== 'snapshot') return null;
  const digits = parsed.id.slice(-8);
  const out = await repo.git.run(['rev-parse', `--disambiguate=${digits}`]);
  const oids = out.stdout
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '');
  const blobs = await readObjects(repo.git, oids);
  const found = oids.filter((oid, i) => {
    const bytes = blobs[i];
    if (bytes == null || hashObject(repo.objectFormat, 'blob', bytes) !== oid) return false;
    try {
      return decodeSnapshot(bytes, oid).session.name === parsed.name;
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      return false;
    }
  });
  return found.length === 1 ? found[0]! : null;
}

/** Where a repair puts what it takes away: one directory for each, none is ever written twice. */
export function keptDirectory({ commonDir }: Repository): string {
  const time = new Date().toISOString().replace(/[-:.]/gu, '');
  const base = path.join(commonDir, 'git-session', 'damaged', time);
  for (let n = 1; ; n++) {
    const tried = n === 1 ? base : `${base}-${n}`;
    if (!existsSync(tried)) return tried;
  }
}

/** Moves the broken file to the kept place, and writes the ref anew where its object is known. */
export async function repairBrokenRef(
  repo: Repository,
  { ref, file }: BrokenRef,
  kept: string,
): Promise<string | null> {
  const oid = await lastValue(repo, { ref, file, empty: true });
  const place = path.join(kept, ref);
  makeFolder(path.dirname(place));
  renameSync(file, place);
  if (oid === null) return null;
  const now = await repo.git.line(['rev-parse', '--verify', '--quiet', ref]);
  // packed-refs may have it still.
  if (now !== oid && now === null) await updateRefs(repo.git, [{ kind: 'create', ref, oid }]);
  return now ?? oid;
}

/** Where a repair keeps objects that no session refers to any more. */
const KEPT_REFS = 'refs/git-session/damaged/';

/**
 * Takes refs of a damaged snapshot or segment out of the sessions. All of them are named in a file. What is whole of
 * their objects is kept below refs of our own, so that git keeps it, and can tidy up: of a context the uncommitted work
 * and the scrollback, as the context itself leads to the damaged snapshot.
 */
export async function takeAside(
  repo: Repository,
  refs: readonly { ref: string; oid: string }[],
  kept: string,
): Promise<void> {
  makeFolder(kept);
  const lines = refs.map(({ ref, oid }) => `${oid} ${ref}\n`).join('');
  writeFileSync(path.join(kept, 'refs'), lines, { mode: 0o600, flag: 'a' });
  for (const { ref, oid } of refs) {
    const copy = `${KEPT_REFS}${path.basename(kept)}/${ref.slice('refs/'.length)}`;
    for (const [name, rev] of await wholeParts(repo, ref, oid)) {
      const found = await repo.git.line(['rev-parse', '--verify', '--quiet', rev]);
      if (found !== null) await repo.git.run(['update-ref', '--no-deref', `${copy}${name}`, found]);
    }
    await repo.git.ok(['update-ref', '--no-deref', '-d', ref]);
  }
}

/** An object's own file that is damaged: git can't tidy up, nor fetch the object anew, while it is there. */
export function takeLooseObject({ commonDir }: Repository, oid: string, kept: string): void {
  const name = path.join('objects', oid.slice(0, 2), oid.slice(2));
  const file = path.join(commonDir, name);
  if (!existsSync(file)) return;
  makeFolder(path.dirname(path.join(kept, name)));
  renameSync(file, path.join(kept, name));
}

async function wholeParts(repo: Repository, ref: string, oid: string): Promise<[string, string][]> {
  if (parseSessionRef(ref)?.kind === 'context') {
    return [
      ['/work', `${oid}^1`],
      ['/scrollback', `${oid}:scrollback`],
    ];
  }
  const [bytes] = await readObjects(repo.git, [oid]);
  return bytes != null && hashObject(repo.objectFormat, 'blob', bytes) === oid ? [['', oid]] : [];
}

/** Not with `recursive`: Node then says ENOENT where the file system is read-only. */
function makeFolder(directory: string): void {
  if (existsSync(directory)) return;
  makeFolder(path.dirname(directory));
  mkdirSync(directory, { mode: 0o700 });
}

function filesBelow(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
    return entries.filter((e) => e.isFile()).map((e) => path.join(e.parentPath, e.name));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOTDIR' ? [directory] : [];
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
