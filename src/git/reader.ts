import { Git } from './git.ts';
import { readObjects } from './objects.ts';
import { listRefs, type Ref } from './refs.ts';

/**
 * What listing and reading sessions needs of a repository, and no more: native git answers it for the
 * commands, isomorphic-git for programs without git. One contract suite holds both to the same answers.
 */
export interface Reader {
  /** All refs below the prefixes, or the ref of that very name, ordered by name. */
  listRefs(prefixes: string[]): Promise<Ref[]>;
  /** The contents of objects whose sizes are known to be small; null for one that can't be read. */
  readObjects(oids: string[]): Promise<(Buffer | null)[]>;
}

export function nativeReader(git: Git): Reader {
  return {
    listRefs: (prefixes) => listRefs(git, prefixes),
    readObjects: (oids) => readObjects(git, oids),
  };
}

export function readerOf(source: Git | Reader): Reader {
  return source instanceof Git ? nativeReader(source) : source;
}
