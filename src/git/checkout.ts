import { lstatSync, rmdirSync, unlinkSync } from 'node:fs';
import path from 'node:path';
import { ApplyFailedError, DirtyWorktreeError, FileProblemError, SessionError } from '../session/errors.ts';
import type { GitStep, GitSituation } from '../session/git-plan.ts';
import { failed } from './git.ts';
import { inWorktree, type Repository } from './repository.ts';
import { readStatus } from './status.ts';
import { recordWork } from './work.ts';

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
  /** Puts the worktree back to where it was. Gives why it could not be; null where it could. */
  undo(): Promise<string | null>;
}

/** Carries out the git steps of a plan. On a failure the worktree is put back to where it was. */
export async function carryOut(repo: Repository, steps: GitStep[]): Promise<GitOutcome> {
  let current = repo;
  let stash: string | null = null;
  const before: Before = { head: await headOf(repo), moved: false, aside: null, applied: null };
  try {
    for (const step of steps) {
      if (step.kind === 'stash') stash = await pushStash(current);
      else if (step.kind === 'put-aside') before.aside = await putAside(current, step.work);
      else if (step.kind === 'worktree') current = await addWorktree(repo, step);
      else if (step.kind === 'checkout') {
        await checkout(current, step.branch ?? step.commit, step.branch === null);
        before.moved = true;
      } else if (step.kind === 'apply') {
        before.applied = step.work;
        await apply(current, step.work);
      }
    }
  } catch (error) {
    await undo(repo, current, before, stash);
    throw error;
  }
  const takeAllBack = async () => {
    try {
      await undo(repo, current, before, stash);
      return null;
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      return error.message;
    }
  };
  return { repo: current, stash, undo: takeAllBack };
}

interface Before {
  /** Short branch name or commit id; null on an unborn branch. */
  head: { name: string; detached: boolean } | null;
  moved: boolean;
  /** Commit with the work that was taken out of the worktree. */
  aside: string | null;
  applied: string | null;
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
  if ((before.moved || before.aside !== null) && before.head !== null) {
    await repo.git.run(['reset', '--hard', '--quiet'], { config: NO_HOOKS });
    // Where there was nothing in their way, these came with the saved work.
    if (before.aside !== null && before.applied !== null)
      removeFiles(repo, await untrackedIn(repo, before.applied));
    await checkout(repo, before.head.name, before.head.detached);
  }
  if (before.aside !== null) await apply(repo, before.aside);
  if (stash !== null) await repo.git.run(['stash', 'pop', '--index', '--quiet'], { config: NO_HOOKS });
}

/** The untracked files of a worktree commit. */
export async function untrackedIn(repo: Repository, work: string): Promise<Buffer[]> {
  const tree = await repo.git.line(['rev-parse', '--verify', '--quiet', `${work}^3^{tree}`]);
  if (tree === null) return [];
  const out = await repo.git.ok(['ls-tree', '-r', '-z', '--name-only', '--full-tree', tree]);
  const names = out.toString('latin1').split('\0');
  return names.filter((n) => n !== '').map((n) => Buffer.from(n, 'latin1'));
}

/**
 * Takes the uncommitted work out of the worktree, where it is exactly what the commit holds: a program that still
 * writes must lose nothing. Untracked files that the commit does not have stay where they are.
 */
async function putAside(repo: Repository, work: string | null): Promise<string | null> {
  const { head, unmerged } = await readStatus(repo);
  const carried = work === null ? [] : await untrackedIn(repo, work);
  if (work === null || head === null || unmerged.length > 0) throw changedMeanwhile();
  const tree = (rev: string) => repo.git.line(['rev-parse', '--verify', '--quiet', `${rev}^{tree}`]);
  const trees = await recordWork(repo, head, carried, false);
  try {
    const [worktree, index, untracked] = await Promise.all([
      tree(work),
      tree(`${work}^2`),
      tree(`${work}^3`),
    ]);
    const same = trees.worktree === worktree && trees.index === index && trees.untracked === untracked;
    if (!same) throw changedMeanwhile();
  } finally {
    trees.release();
  }
  await repo.git.ok(['reset', '--hard', '--quiet'], { config: NO_HOOKS });
  removeFiles(repo, carried);
  return work;
}

function changedMeanwhile(): DirtyWorktreeError {
  return new DirtyWorktreeError('files changed since they were saved; nothing was touched', [
    'stop what writes in the worktree, and try again',
  ]);
}

/** With the folders that are empty then. */
function removeFiles(repo: Repository, files: readonly Buffer[]): void {
  const place = (name: Buffer) => Buffer.concat([Buffer.from(`${repo.workTree!}/`), name]);
  for (const file of files) {
    try {
      unlinkSync(place(file));
      for (let at = file.lastIndexOf(0x2f); at > 0; at = file.lastIndexOf(0x2f, at - 1)) {
        rmdirSync(place(file.subarray(0, at)));
      }
    } catch {
      // Gone already, or a folder with other files in it.
    }
  }
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
