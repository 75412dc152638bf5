import { lstatSync } from 'node:fs';
import path from 'node:path';
import { ApplyFailedError, FileProblemError } from '../session/errors.ts';
import type { GitStep, GitSituation } from '../session/plan.ts';
import { failed } from './git.ts';
import { inWorktree, type Repository } from './repository.ts';
import { readStatus } from './status.ts';

/** No hook of the repository runs because of a restore: a commit from elsewhere could bring one (attack C9). */
const NO_HOOKS = ['core.hooksPath=/dev/null'];

export interface SavedGit {
  head: string | null;
  branch: string | null;
  work: string | null;
}

/** What the plan has to know of the repository, read without changing it. */
export async function readSituation(repo: Repository, saved: SavedGit): Promise<GitSituation> {
  const { git } = repo;
  const exists = async (oid: string | null) =>
    oid === null || (await git.run(['cat-file', '-e', `${oid}^{commit}`])).code === 0;
  const branchRef = saved.branch === null ? null : `refs/heads/${saved.branch}`;
  const [status, hasBase, hasWork, branchAt, elsewhere] = await Promise.all([
    readStatus(repo),
    exists(saved.head),
    exists(saved.work),
    branchRef === null
      ? null
      : git.line(['rev-parse', '--verify', '--quiet', '--end-of-options', `${branchRef}^{commit}`]),
    branchRef === null ? false : isCheckedOutElsewhere(repo, branchRef),
  ]);
  const moves = status.head !== saved.head;
  const inTheWay =
    repo.workTree !== null && saved.head !== null && hasBase && hasWork
      ? await findInTheWay(repo, saved, moves)
      : [];
  return {
    workTree: repo.workTree !== null,
    head: status.head,
    branch: status.branch,
    changed: status.staged + status.unstaged + status.unmerged.length,
    inTheWay,
    ...{ hasBase, hasWork, branchAt, branchElsewhere: elsewhere, operation: status.operation },
  };
}

async function isCheckedOutElsewhere(repo: Repository, ref: string): Promise<boolean> {
  const out = (await repo.git.ok(['worktree', 'list', '--porcelain', '-z'])).toString('utf8');
  return out.split('\0\0').some((entry) => {
    const lines = entry.split('\0');
    const where = lines.find((l) => l.startsWith('worktree '))?.slice(9);
    return lines.includes(`branch ${ref}`) && where !== undefined && where !== repo.workTree;
  });
}

/**
 * Untracked and ignored files that the checkout or the saved work would have to overwrite. git would
 * stop half-way at some of them and overwrite others (ignored ones) silently.
 */
async function findInTheWay(repo: Repository, saved: SavedGit, moves: boolean): Promise<string[]> {
  const { git } = repo;
  const base = saved.head!;
  const names = async (args: string[]) =>
    (await git.ok(args))
      .toString('latin1')
      .split('\0')
      .filter((n) => n !== '');
  const coming = new Set<string>();
  if (saved.work !== null) {
    const other = await git.line(['rev-parse', '--verify', '--quiet', `${saved.work}^3`]);
    if (other !== null)
      for (const n of await names(['ls-tree', '-r', '-z', '--name-only', other])) coming.add(n);
    const added = [
      'diff-tree',
      '-r',
      '-z',
      '--name-only',
      '--no-renames',
      '--diff-filter=A',
      base,
      saved.work,
    ];
    for (const n of await names(added)) coming.add(n);
  }
  if (moves) {
    // Also without untracked files: a checkout overwrites ignored ones without a word.
    const head = await git.line(['rev-parse', '--verify', '--quiet', 'HEAD']);
    const diff = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', '--diff-filter=A'];
    const added = head === null ? ['ls-tree', '-r', '-z', '--name-only', base] : [...diff, head, base];
    for (const n of await names(added)) coming.add(n);
  }
  if (coming.size === 0) return [];
  const tracked = new Set(await names(['ls-files', '-z']));
  const found = new Set<string>();
  const folders: string[] = [];
  for (const n of coming) {
    if (tracked.has(n)) continue;
    const there = onDisk(repo, n);
    if (there === 'file') found.add(n);
    else if (there === 'folder') folders.push(n);
    // A file can also lie where one of its folders is to be.
    for (let dir = path.posix.dirname(n); dir !== '.'; dir = path.posix.dirname(dir)) {
      if (!tracked.has(dir) && onDisk(repo, dir) === 'file') found.add(dir);
    }
  }
  if (folders.length > 0) {
    // A folder of tracked files goes with them; one with other files, also ignored ones, stays.
    const env = { GIT_LITERAL_PATHSPECS: '1' };
    const out = await git.ok(['ls-files', '--others', '-z', '--', ...folders.map(asPath)], { env });
    const others = out.toString('latin1').split('\0');
    for (const n of folders) if (others.some((other) => other.startsWith(`${n}/`))) found.add(n);
  }
  return [...found].map(asPath).toSorted();
}

/** A name that was read as latin1, so that every byte of it is kept, as text. */
function asPath(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}

function onDisk(repo: Repository, name: string): 'file' | 'folder' | null {
  try {
    const file = Buffer.concat([Buffer.from(`${repo.workTree!}/`), Buffer.from(name, 'latin1')]);
    const found = lstatSync(file, { throwIfNoEntry: false });
    return found === undefined ? null : found.isDirectory() ? 'folder' : 'file';
  } catch {
    return null; // a parent is a file
  }
}

/** The tracked files of the worktree that differ from the saved work (or from the saved commit). */
export async function differsFrom(repo: Repository, saved: SavedGit): Promise<string[]> {
  const commit = saved.work ?? saved.head;
  if (commit === null || repo.workTree === null) return [];
  // Not diff-index, which takes a file for changed when only its times are.
  const args = [
    'diff',
    '-z',
    '--name-only',
    '--no-ext-diff',
    '--no-textconv',
    '--ignore-submodules=dirty',
    commit,
  ];
  const result = await repo.git.run([...args, '--']);
  return result.stdout
    .toString('utf8')
    .split('\0')
    .filter((n) => n !== '');
}

export interface GitOutcome {
  /** Where the panes live: the same worktree, or the one that was made. */
  repo: Repository;
  /** The stash entry that holds what was in the way; null where nothing was stashed. */
  stash: string | null;
}

/** Carries out the git steps of a plan. On a failure the worktree is put back to where it was. */
export async function carryOut(repo: Repository, steps: GitStep[]): Promise<GitOutcome> {
  let current = repo;
  let stash: string | null = null;
  const before = { head: await headOf(repo), moved: false };
  try {
    for (const step of steps) {
      if (step.kind === 'stash') stash = await pushStash(current);
      else if (step.kind === 'worktree') current = await addWorktree(repo, step);
      else if (step.kind === 'checkout') {
        await checkout(current, step.branch ?? step.commit, step.branch === null);
        before.moved = true;
      } else if (step.kind === 'apply') await apply(current, step.work);
    }
  } catch (error) {
    await undo(repo, current, before, stash);
    throw error;
  }
  return { repo: current, stash };
}

interface Before {
  /** Short branch name or commit id; null on an unborn branch. */
  head: { name: string; detached: boolean } | null;
  moved: boolean;
}

async function headOf(repo: Repository): Promise<Before['head']> {
  const branch = await repo.git.line(['symbolic-ref', '--quiet', '--short', 'HEAD']);
  if (branch !== null) return { name: branch, detached: false };
  const oid = await repo.git.line(['rev-parse', '--verify', '--quiet', 'HEAD']);
  return oid === null ? null : { name: oid, detached: true };
}

/** The tree was clean when we moved it (or what was in it is on the stash), so nothing can be lost here. */
async function undo(
  repo: Repository,
  current: Repository,
  before: Before,
  stash: string | null,
): Promise<void> {
  if (current.workTree !== repo.workTree && current.workTree !== null) {
    await repo.git.run(['worktree', 'remove', '--force', current.workTree], { config: NO_HOOKS });
    return;
  }
  if (before.moved && before.head !== null) {
    await repo.git.run(['reset', '--hard', '--quiet'], { config: NO_HOOKS });
    await checkout(repo, before.head.name, before.head.detached);
  }
  if (stash !== null) await repo.git.run(['stash', 'pop', '--index', '--quiet'], { config: NO_HOOKS });
}

async function pushStash(repo: Repository): Promise<string | null> {
  const before = await repo.git.line(['rev-parse', '--verify', '--quiet', 'refs/stash']);
  const args = ['stash', 'push', '--include-untracked', '--quiet', '-m', 'git session restore --autostash'];
  await repo.git.ok(args, { config: NO_HOOKS });
  const after = await repo.git.line(['rev-parse', '--verify', '--quiet', 'refs/stash']);
  return after === before ? null : after;
}

async function checkout(repo: Repository, target: string, detach: boolean): Promise<void> {
  const args = [
    'checkout',
    '--quiet',
    '--no-recurse-submodules',
    ...(detach ? ['--detach'] : []),
    target,
    '--',
  ];
  const result = await repo.git.run(args, { config: NO_HOOKS });
  if (result.code !== 0) {
    const said = failed(args, result);
    throw new ApplyFailedError(`cannot check out ${target}: ${said.message}`, [
      'restore into a linked worktree: --worktree',
    ]);
  }
}

async function apply(repo: Repository, work: string): Promise<void> {
  const args = ['stash', 'apply', '--index', '--quiet', work];
  const result = await repo.git.run(args, { config: NO_HOOKS });
  if (result.code !== 0) {
    await takeBack(repo, work);
    throw new ApplyFailedError(
      `cannot apply the saved work ${work.slice(0, 7)}: ${failed(args, result).message}`,
      [`try by hand: git stash apply --index ${work}`, 'or restore into a linked worktree: --worktree'],
    );
  }
}

/**
 * git applies the tracked files first, and leaves them so where an untracked one can't be written. They are
 * taken back where all of them are as in the saved work, which has them: then nothing can be lost.
 */
async function takeBack(repo: Repository, work: string): Promise<void> {
  const known = await repo.git.run(['cat-file', '-e', `${work}^{commit}`]);
  if (known.code !== 0) return;
  const differs = await differsFrom(repo, { head: null, branch: null, work });
  if (differs.length === 0) await repo.git.run(['reset', '--hard', '--quiet'], { config: NO_HOOKS });
}

async function addWorktree(
  repo: Repository,
  step: { path: string; commit: string; branch: string | null },
): Promise<Repository> {
  const how = step.branch === null ? ['--detach', step.path, step.commit] : [step.path, step.branch];
  const args = ['worktree', 'add', '--quiet', ...how];
  const result = await repo.git.run(args, { config: NO_HOOKS });
  if (result.code !== 0) {
    throw new FileProblemError(`cannot make the worktree ${step.path}: ${failed(args, result).message}`, [
      'name another place: --worktree=<path>',
    ]);
  }
  const gitDir = (
    await repo.git.ok(['rev-parse', '--path-format=absolute', '--git-dir'], {
      cwd: step.path,
      env: { GIT_DIR: path.join(step.path, '.git'), GIT_WORK_TREE: step.path },
    })
  )
    .toString('utf8')
    .replace(/\n$/u, '');
  return inWorktree(repo, step.path, gitDir);
}
