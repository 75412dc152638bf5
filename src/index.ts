/**
 * The library: reads sessions from a repository, with or without a git program, and checks snapshots.
 *
 * @example
 * const sessions = await openSessions({ dir: '.', git: false });
 * for (const s of await sessions.list()) console.log(s.name, s.id);
 */
import { nativeReader, type Reader } from './git/reader.ts';
import { openRepository } from './git/repository.ts';
import { DamagedSnapshotError } from './session/errors.ts';
import type { Snapshot } from './session/schema.ts';
import { resolveSnapshot } from './store/resolve.ts';
import { readCatalog, readSnapshots, type StoredSnapshot } from './store/sessions.ts';

export interface OpenOptions {
  /** A directory of the repository; with `git: false` its top. */
  dir: string;
  /** false: read by isomorphic-git, for programs that have no git. Default true. */
  git?: boolean;
}

export interface Sessions {
  /** All snapshots but deleted ones, by session and age. Throws what reading the refs throws. */
  list(): Promise<StoredSnapshot[]>;
  /** One snapshot by any form of reference. Throws UnknownRefError, AmbiguousRefError, DamagedSnapshotError and others. */
  show(ref: string): Promise<Snapshot>;
}

export async function openSessions(options: OpenOptions): Promise<Sessions> {
  const reader = await readerFor(options);
  return {
    list: async () => (await readCatalog(reader)).snapshots,
    show: async (ref) => {
      const stored = resolveSnapshot(await readCatalog(reader), ref);
      const [read] = await readSnapshots(reader, [stored]);
      if (read === undefined) throw new DamagedSnapshotError(`'${ref}' can't be read`);
      if ('error' in read) throw read.error;
      return read.snapshot;
    },
  };
}

async function readerFor({ dir, git }: OpenOptions): Promise<Reader> {
  if (git !== false) return nativeReader((await openRepository(dir)).git);
  const { isomorphicReader } = await import('./git/isomorphic.ts');
  return isomorphicReader(dir);
}

export { decodeSnapshot, encodeSnapshot } from './session/codec.ts';
export * from './session/errors.ts';
export type { Crq, GitFacts, Snapshot, State, TmuxPane, TmuxSession, TmuxWindow } from './session/schema.ts';
export type { Text } from './session/text.ts';
export type { StoredSnapshot } from './store/sessions.ts';
export { VERSION } from './version.ts';
