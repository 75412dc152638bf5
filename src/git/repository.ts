import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { GitFailedError, NotARepositoryError } from '../session/errors.ts';
import { Git, type GitResult } from './git.ts';

export type ObjectFormat = 'sha1' | 'sha256';

/** Where the repository is and what it is. All paths are absolute and resolved. */
export interface Repository {
  git: Git;
  gitDir: string;
  /** The directory that all linked worktrees share. */
  commonDir: string;
  /** Root of this worktree; null in a bare repository. */
  workTree: string | null;
  bare: boolean;
  linked: boolean;
  shallow: boolean;
  objectFormat: ObjectFormat;
}

/**
 * Finds the repository as git itself does: from `cwd`, honoring GIT_DIR, GIT_WORK_TREE,
 * GIT_CEILING_DIRECTORIES and safe.directory. `rev-parse` runs nothing that the repository's
 * configuration names (attacks C12, C13).
 */
export async function openRepository(cwd = process.cwd(), told = true): Promise<Repository> {
  const env: Record<string, string> = {};
  // What the environment says is about the current directory, and not about another worktree.
  for (const key of !told ? [] : ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_COMMON_DIR', 'GIT_NAMESPACE']) {
    const value = process.env[key];
    if (value !== undefined) env[key] = value;
  }
  const finder = new Git(null);
  const asked = ['--git-dir', '--git-common-dir', '--is-bare-repository', '--is-shallow-repository'];
  const args = ['rev-parse', '--path-format=absolute', ...asked, '--show-object-format', '--show-toplevel'];
  let found = await finder.run(args, { cwd, env });
  if (isBareByItself(found)) {
    await refuseEmbedded(finder, cwd);
    found = await finder.run(args, { cwd, env, config: BARE });
  }
  const lines = found.stdout.toString('utf8').replace(/\n$/u, '').split('\n');
  // Without a worktree the last question is an error, and the answers before it stand.
  if (found.code !== 0 && lines.length !== 5) throw notARepository(found.stderr);
  const [gitDir, commonDir, bare, shallow, format, top] = lines;
  if (lines.length > 6 || gitDir === undefined || commonDir === undefined) {
    throw new GitFailedError('the path of the repository contains a line break, which is not supported');
  }
  const workTree = top ?? null;
  return {
    git: new Git({ gitDir, workTree }),
    gitDir,
    commonDir: realpathSync.native(commonDir),
    workTree,
    bare: bare === 'true' && workTree === null,
    linked: realpathSync.native(gitDir) !== realpathSync.native(commonDir),
    shallow: shallow === 'true',
    objectFormat: format === 'sha256' ? 'sha256' : 'sha1',
  };
}

/** git takes a bare repository for ours that it finds by itself. */
const BARE = ['safe.bareRepository=all'];

/** git does not translate the name of the setting. */
function isBareByItself({ code, stderr }: GitResult): boolean {
  return code !== 0 && stderr.includes('safe.bareRepository');
}

/**
 * A bare repository in a worktree, and one in another bare one, may have come with a commit: its configuration would
 * name our programs. A `.git` never does, for git checks none out.
 */
async function refuseEmbedded(finder: Git, cwd: string): Promise<void> {
  const gitDir = await finder.line(['rev-parse', '--absolute-git-dir'], { cwd, config: BARE });
  if (gitDir === null || path.basename(gitDir) === '.git') return;
  const around = await finder.run(['rev-parse', '--absolute-git-dir'], { cwd: path.dirname(gitDir) });
  if (around.code !== 0 && !isBareByItself(around)) return;
  throw new NotARepositoryError(
    `'${gitDir}' is a bare repository inside the worktree of another one, which may have brought it`,
    ['if it is yours: git --git-dir=. session <command>'],
  );
}

/** Whether git has found it because this directory lies in the repository itself. */
export function liesInGitDir({ gitDir }: Repository, cwd: string): boolean {
  const from = path.relative(realpathSync.native(gitDir), realpathSync.native(cwd));
  return from !== '..' && !from.startsWith('../');
}

function notARepository(stderr: string): Error {
  const said = stderr.trim().split('\n')[0] ?? '';
  if (!said.includes('not a git repository')) {
    return new GitFailedError(said.replace(/^fatal: /u, '') || 'git rev-parse failed');
  }
  return new NotARepositoryError('not a git repository (or any of the parent directories)', [
    'run this inside a repository, or make one: git init',
  ]);
}

/** Another worktree of the same repository, for example one that was just made. */
export function inWorktree(repo: Repository, workTree: string, gitDir: string): Repository {
  const linked = realpathSync(gitDir) !== repo.commonDir;
  return { ...repo, git: new Git({ gitDir, workTree }), gitDir, workTree, linked, bare: false };
}

/** True where git can create files in the repository (root ignores modes, so it is asked for real by the caller). */
export function exists(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}
