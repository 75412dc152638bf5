import type { SnapshotPath } from './schema.ts';
import { fromText, toText } from './text.ts';

/** The directories that differ between machines. Absolute and physical (no symbolic links). */
export interface Places {
  /** Root of the worktree; null in a bare repository. */
  repo: Buffer | null;
  home: Buffer | null;
}

/** A path of this machine in the form that another one can map. */
export function toSnapshotPath(path: Buffer, places: Places): SnapshotPath {
  // A dead pane has none.
  if (path[0] !== 0x2f) return { in: 'root', path: '/' };
  const inRepo = below(path, places.repo);
  if (inRepo !== null) return { in: 'repo', path: toText(inRepo) };
  const inHome = below(path, places.home);
  if (inHome !== null) return { in: 'home', path: toText(inHome) };
  return { in: 'root', path: toText(path) };
}

/**
 * The same place on this machine; null where there is none: a repository path without a worktree, or a
 * root path that is not absolute, which would be looked for where the command runs.
 */
export function fromSnapshotPath(path: SnapshotPath, places: Places): Buffer | null {
  const bytes = fromText(path.path);
  if (path.in === 'root') return bytes[0] === 0x2f ? bytes : null;
  const base = path.in === 'repo' ? places.repo : places.home;
  if (base === null) return null;
  return bytes.length === 0 ? base : Buffer.concat([asFolder(base), bytes]);
}

/** True where a relative path stays below its base by its text alone: no `..`, not absolute. */
export function staysBelow(path: Buffer): boolean {
  const text = path.toString('latin1');
  return !text.startsWith('/') && !text.split('/').includes('..');
}

/** The part of `path` behind `base`, '' for the base itself; null where it lies elsewhere. */
function below(path: Buffer, base: Buffer | null): Buffer | null {
  if (base === null || base.length === 0) return null;
  if (path.equals(base)) return Buffer.alloc(0);
  const root = asFolder(base);
  return path.subarray(0, root.length).equals(root) ? path.subarray(root.length) : null;
}

/** With a slash at its end, of which the root directory has one already. */
function asFolder(base: Buffer): Buffer {
  return base.at(-1) === 0x2f ? base : Buffer.concat([base, Buffer.from('/')]);
}
