/**
 * The library: reads sessions from a repository, with or without a git program, checks snapshots, and makes live sessions.
 *
 * @example
 * const sessions = await openSessions({ dir: '.', git: false });
 * for (const s of await sessions.list()) console.log(s.name, s.id);
 *
 * @example
 * const sessions = await openSessions({ dir: '.' });
 * const { id, name } = await sessions.createSession({ argv: ['npm', 'test'], identifier: 'tests' });
 */
import { realpathSync } from 'node:fs';
import type { CreatedSession, CreateOptions } from './flow/create-session.ts';
import { nativeReader, type Reader } from './git/reader.ts';
import { openRepository } from './git/repository.ts';
import { DamagedSnapshotError, GitMissingError, NotARepositoryError } from './session/errors.ts';
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
  /**
   * Makes a live session in this repository, wherever the program itself is; with a command as `git session run` does,
   * else as `git session create`. It is there, and its command has started, when this is done. Throws what the commands
   * throw: UsageError, InvalidNameError, SessionExistsError, ProgramMissingError, FileProblemError, DisabledError, those of
   * tmux and others. With `git: false`, GitMissingError.
   */
  createSession(options?: CreateOptions): Promise<CreatedSession>;
}

/** One for each repository's directory and way to read it. */
const opened = new Map<string, Promise<Sessions>>();

/**
 * The sessions of a repository. The same directory, by whatever name, gives the same object throughout the process.
 * Throws NotARepositoryError and others. What the environment says of a repository (GIT_DIR) does not count.
 */
export async function openSessions(options: OpenOptions): Promise<Sessions> {
  const dir = physical(options.dir);
  const git = options.git !== false;
  const key = `${git ? 'git' : 'no git'} ${dir}`;
  const known = opened.get(key);
  if (known !== undefined) return known;
  const opening = open(dir, git);
  opened.set(key, opening);
  // The next call may find what this one did not.
  opening.catch(() => opened.delete(key));
  return opening;
}

function physical(dir: string): string {
  try {
    return realpathSync.native(dir);
  } catch (error) {
    throw new NotARepositoryError(`'${dir}' is not a git repository`, [], undefined, error);
  }
}

async function open(dir: string, git: boolean): Promise<Sessions> {
  const readerNow = await readerFor(dir, git);
  return {
    list: async () => (await readCatalog(readerNow())).snapshots,
    show: async (ref) => {
      const reader = readerNow();
      const stored = resolveSnapshot(await readCatalog(reader), ref);
      const [read] = await readSnapshots(reader, [stored]);
      if (read === undefined) throw new DamagedSnapshotError(`'${ref}' can't be read`);
      if ('error' in read) throw read.error;
      return read.snapshot;
    },
    createSession: async (create = {}) => {
      if (!git) {
        throw new GitMissingError('a session is made with git, and these were opened with git: false', [
          'openSessions({ dir })',
        ]);
      }
      const { createSession } = await import('./flow/create-session.ts');
      return createSession(physical(dir), create);
    },
  };
}

/** A reader for each look: one without git holds the packs that it has read, and this lives as long as the process. */
async function readerFor(dir: string, git: boolean): Promise<() => Reader> {
  if (git) {
    const repo = await openRepository(dir, false);
    return () => nativeReader(repo.git);
  }
  const { isomorphicReader } = await import('./git/isomorphic.ts');
  isomorphicReader(dir);
  return () => isomorphicReader(dir);
}

export type { CreatedSession, CreateOptions } from './flow/create-session.ts';
export { decodeSnapshot, encodeSnapshot } from './session/codec.ts';
export * from './session/errors.ts';
export type { Crq, GitFacts, Snapshot, State, TmuxPane, TmuxSession, TmuxWindow } from './session/schema.ts';
export type { Text } from './session/text.ts';
export type { StoredSnapshot } from './store/sessions.ts';
export { VERSION } from './version.ts';
