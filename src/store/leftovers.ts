import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { idTime, parseSessionRef, SESSIONS } from '../session/names.ts';
import { listRefs, type Ref } from '../git/refs.ts';
import { QUARANTINE_NAME } from '../git/quarantine.ts';
import type { Repository } from '../git/repository.ts';

/** Younger than this it may belong to a command that runs now. */
const MINUTES_10 = 10 * 60 * 1000;

export interface Leftovers {
  /** Contexts without a snapshot: saves that were killed. */
  contexts: string[];
  /** Scratch refs of a merge of notes that was killed. */
  scratch: string[];
  /** Lock files of git that are older than any command takes. */
  locks: string[];
  /** Temporary object folders and `.keep` files of processes that are gone. */
  files: string[];
}

/** What killed commands have left in the repository. `alive` tells whether a process is still there. */
export async function findLeftovers(
  repo: Repository,
  alive: (pid: number) => boolean,
  now = Date.now(),
): Promise<Leftovers> {
  const refs = await listRefs(repo.git, [SESSIONS.slice(0, -1), 'refs/notes']);
  return {
    contexts: unfinished(refs, now),
    scratch: refs.map((r) => r.name).filter((name) => /^refs\/notes\/crq-merge-[0-9a-f]{16}$/u.test(name)),
    locks: findLocks(repo.commonDir, now),
    files: findDead(path.join(repo.commonDir, 'objects'), alive),
  };
}

function unfinished(refs: Ref[], now: number): string[] {
  const names = new Set(refs.map((r) => r.name));
  return refs.flatMap(({ name }) => {
    const parsed = parseSessionRef(name);
    if (parsed?.kind !== 'context' || parsed.remote !== null) return [];
    const old = now - (idTime(parsed.id) ?? 0) > MINUTES_10;
    return old && !names.has(name.replace(/context$/u, 'snapshot')) ? [name] : [];
  });
}

function findLocks(commonDir: string, now: number): string[] {
  const places = ['packed-refs.lock', 'config.lock', 'shallow.lock'].map((f) => path.join(commonDir, f));
  for (const folder of ['refs/sessions', 'refs/remote-sessions', 'refs/notes']) {
    const top = path.join(commonDir, folder);
    for (const entry of list(top, true)) if (entry.endsWith('.lock')) places.push(path.join(top, entry));
  }
  return places.filter((file) => {
    const found = statSync(file, { throwIfNoEntry: false });
    return found?.isFile() === true && now - found.mtimeMs > MINUTES_10;
  });
}

function findDead(objects: string, alive: (pid: number) => boolean): string[] {
  const dead = (pid: string | undefined) => pid !== undefined && !alive(Number(pid));
  const folders = list(objects).filter((f) => dead(QUARANTINE_NAME.exec(f)?.[1]));
  const packs = path.join(objects, 'pack');
  const keeps = list(packs).filter((f) => f.endsWith('.keep') && dead(keeperOf(path.join(packs, f))));
  return [...folders.map((f) => path.join(objects, f)), ...keeps.map((f) => path.join(packs, f))];
}

function keeperOf(file: string): string | undefined {
  try {
    return /^git-session (\d+)/u.exec(readFileSync(file, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}

function list(folder: string, recursive = false): string[] {
  try {
    return readdirSync(folder, { recursive, encoding: 'utf8' });
  } catch {
    return [];
  }
}
