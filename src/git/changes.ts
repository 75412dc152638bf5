import { lstatSync, rmSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp';
import { hashObject } from './objects.ts';
import type { Repository } from './repository.ts';
import { copyIndex } from './work.ts';

/** Where a worktree stands, to tell later what has changed since. */
export interface Standing {
  /** The commit; null before the first one. */
  head: string | null;
  /** A commit of the tracked files as they are; null where they are those of `head`. No ref holds it. */
  base: string | null;
}

export async function standingOf(repo: Repository): Promise<Standing> {
  const head = await headOf(repo);
  // Touches neither the worktree nor the stash. It fails in the middle of a merge: then `head` must do.
  const made = head === null || repo.workTree === null ? null : await repo.git.line(['stash', 'create']);
  return { head, base: made === null || made === '' ? null : made };
}

export interface Changes {
  /** Raw bytes, relative to the worktree's root. */
  files: Buffer[];
  linesAdded: number;
  linesRemoved: number;
  /** The oldest first. */
  commits: string[];
  /** Where the worktree stood is no longer known: only what is not committed counts. */
  lost: boolean;
}

/** Of a file that was made before, the time may be that of a coarse clock. */
const CLOCK_MS = 20;

/**
 * What has changed since: commits, and lines as `git diff --numstat` counts them, over all that is committed, staged and
 * not. Untracked files count where they were made or changed after `sinceMs`.
 */
export async function changesSince(
  repo: Repository,
  { head, base }: Standing,
  sinceMs: number,
): Promise<Changes> {
  const now = await headOf(repo);
  const start = (await known(repo, base)) ?? (await known(repo, head));
  const lost = head !== null && (await known(repo, head)) === null;
  const none = { files: [], linesAdded: 0, linesRemoved: 0, commits: [], lost };
  if (now === null && repo.workTree === null) return none;
  const from = start ?? (lost ? now : null) ?? hashObject(repo.objectFormat, 'tree', Buffer.alloc(0));
  const counted = await numbers(repo, from, sinceMs);
  const range = lost ? null : head === null ? 'HEAD' : `${head}..HEAD`;
  const listed =
    now === null || range === null ? '' : await repo.git.line(['rev-list', '--reverse', range, '--']);
  return { ...none, ...counted, commits: (listed ?? '').split('\n').filter((oid) => oid !== '') };
}

function headOf({ git }: Repository): Promise<string | null> {
  return git.line(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']);
}

function known({ git }: Repository, oid: string | null): Promise<string | null> {
  if (oid === null || !/^[0-9a-f]{40,64}$/u.test(oid)) return Promise.resolve(null);
  return git.line(['rev-parse', '--verify', '--quiet', `${oid}^{commit}`]);
}

async function numbers(repo: Repository, from: string, sinceMs: number) {
  const args = ['diff', '--numstat', '-z', '--no-ext-diff', '--no-textconv', '--no-relative'];
  if (repo.workTree === null) return parseNumstat(await repo.git.ok([...args, from, 'HEAD', '--']));
  const untracked = await newFiles(repo, repo.workTree, sinceMs);
  if (untracked.length === 0) return parseNumstat(await repo.git.ok([...args, from, '--']));
  const dir = tmp.dirSync({ prefix: 'git-session' }).name;
  try {
    const env = { GIT_INDEX_FILE: path.join(dir, 'index') };
    copyIndex(path.join(repo.gitDir, 'index'), env.GIT_INDEX_FILE);
    const input = Buffer.concat(untracked.flatMap((file) => [file, Buffer.from([0])]));
    const add = [
      'add',
      '--intent-to-add',
      '--ignore-errors',
      '--pathspec-from-file=-',
      '--pathspec-file-nul',
    ];
    // One that can't be added (a repository without a commit) is not counted.
    await repo.git.run(add, { env: { ...env, GIT_LITERAL_PATHSPECS: '1' }, input });
    return parseNumstat(await repo.git.ok([...args, from, '--'], { env }));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function newFiles(repo: Repository, workTree: string, sinceMs: number): Promise<Buffer[]> {
  const out = await repo.git.ok(['ls-files', '--others', '--exclude-standard', '-z', '--', ':/']);
  return split(out).filter((file) => {
    const at = Buffer.concat([Buffer.from(`${workTree}/`), file]);
    // Not the time of the last change, which a copy may keep.
    const made = lstatSync(at, { throwIfNoEntry: false })?.ctimeMs;
    return made !== undefined && made >= sinceMs - CLOCK_MS;
  });
}

/** Of a renamed file the new name counts. A binary one has no lines. */
function parseNumstat(out: Buffer): Pick<Changes, 'files' | 'linesAdded' | 'linesRemoved'> {
  const files = new Map<string, Buffer>();
  let linesAdded = 0;
  let linesRemoved = 0;
  const parts = split(out);
  for (let i = 0; i < parts.length; i++) {
    const found = /^(\d+|-)\t(\d+|-)\t([^]*)$/u.exec(parts[i]!.toString('latin1'));
    if (found === null) continue;
    if (found[1] !== '-') linesAdded += Number(found[1]);
    if (found[2] !== '-') linesRemoved += Number(found[2]);
    const name = found[3] === '' ? parts[(i += 2)]!.toString('latin1') : found[3]!;
    files.set(name, Buffer.from(name, 'latin1'));
  }
  return { files: [...files.values()], linesAdded, linesRemoved };
}

function split(out: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0; at < out.length;) {
    const end = out.indexOf(0, at);
    parts.push(out.subarray(at, end < 0 ? out.length : end));
    at = end < 0 ? out.length : end + 1;
  }
  return parts;
}
