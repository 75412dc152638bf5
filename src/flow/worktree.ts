import { existsSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { FileProblemError, UnknownRefError, UsageError } from '../session/errors.ts';
import { shellWord } from '../session/command-line.ts';
import type { Workspace } from './workspace.ts';

export interface Worktree {
  /** Physical. */
  directory: string;
  /** Null where HEAD is detached. */
  branch: string | null;
  head: string | null;
  bare: boolean;
  /** It was made just now; `branch` with it where that was not there. */
  made?: { branch: boolean };
}

/** The worktrees of the repository, the main one first. */
export async function listWorktrees(ws: Workspace): Promise<Worktree[]> {
  const out = (await ws.repo.git.ok(['worktree', 'list', '--porcelain'])).toString('utf8');
  return out
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map((block) => {
      const lines = block.split('\n');
      const value = (key: string) => lines.find((l) => l.startsWith(`${key} `))?.slice(key.length + 1);
      return {
        directory: unquote(value('worktree') ?? ''),
        branch: value('branch')?.replace(/^refs\/heads\//u, '') ?? null,
        head: value('HEAD') ?? null,
        bare: lines.includes('bare'),
      };
    });
}

/** git quotes a path with unusual characters as C does, where `-z` (2.36) is not asked for. */
function unquote(text: string): string {
  if (!/^".*"$/u.test(text)) return text;
  const bytes: number[] = [];
  const plain: Record<string, number> = { a: 7, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 };
  for (const m of text.slice(1, -1).matchAll(/\\([0-7]{3})|\\(.)|([^\\])/gsu)) {
    if (m[1] !== undefined) bytes.push(Number.parseInt(m[1], 8));
    else if (m[2] !== undefined) bytes.push(plain[m[2]] ?? m[2].charCodeAt(0));
    else bytes.push(...Buffer.from(m[3]!));
  }
  return Buffer.from(bytes).toString('utf8');
}

/**
 * The worktree that a branch or a path means. Where there is none, and `create` is given, it is made beside the
 * repository, with a new branch from HEAD where there is no such branch. `from`: what a path is relative to, where that
 * is not the current directory.
 */
export async function findWorktree(
  ws: Workspace,
  wanted: string,
  create: boolean,
  from?: string,
): Promise<Worktree> {
  const all = await listWorktrees(ws);
  const byBranch = all.find((w) => w.branch === wanted && !w.bare);
  if (byBranch !== undefined) return present(byBranch, wanted);
  const place = from === undefined ? wanted : path.resolve(from, wanted);
  const real =
    statSync(place, { throwIfNoEntry: false })?.isDirectory() === true ? realpathSync(place) : null;
  const byPath =
    real === null
      ? undefined
      : all
          .filter((w) => !w.bare && (real === w.directory || real.startsWith(`${w.directory}/`)))
          .toSorted((a, b) => b.directory.length - a.directory.length)[0];
  if (byPath !== undefined) return present(byPath, wanted);
  const isPath = /^(?:\.{0,2}\/|\.\.?$)/u.test(wanted);
  if (!create) {
    throw new UnknownRefError(`no worktree '${wanted}'`, [
      `make it: git session run --create -w ${shellWord(wanted)} ...`,
      'see which there are: git worktree list',
    ]);
  }
  return add(ws, isPath ? path.resolve(place) : wanted, isPath);
}

/**
 * The linked worktree of that name, which is that of its branch or of its directory. Where there is none it is made, as
 * `findWorktree` does.
 */
export async function namedWorktree(ws: Workspace, name: string): Promise<Worktree> {
  const [main, ...linked] = await listWorktrees(ws);
  const known =
    linked.find((w) => w.branch === name) ?? linked.find((w) => path.basename(w.directory) === name);
  if (known !== undefined) return present(known, name);
  if (main?.branch === name && !main.bare) {
    throw new UsageError(`'${name}' is checked out in the main worktree, and can't be in another one`, [
      'name another one: git session create --mode worktree=<name>',
    ]);
  }
  return add(ws, name, false);
}

function present(worktree: Worktree, wanted: string): Worktree {
  if (existsSync(worktree.directory)) return worktree;
  throw new FileProblemError(`the worktree of '${wanted}' is gone: ${worktree.directory}`, [
    'forget it: git worktree prune',
  ]);
}

/** `wanted` is a branch, or an absolute path. */
async function add(ws: Workspace, wanted: string, isPath: boolean): Promise<Worktree> {
  const branch = isPath ? path.basename(wanted) : wanted;
  const top = ws.repo.workTree ?? ws.repo.commonDir;
  const main = path.basename(ws.repo.commonDir) === '.git' ? path.dirname(ws.repo.commonDir) : top;
  const directory = isPath
    ? wanted
    : path.join(path.dirname(main), `${path.basename(main)}.sessions`, branch.replaceAll('/', '-'));
  const known = await ws.repo.git.line([
    'rev-parse',
    '--verify',
    '--quiet',
    '--end-of-options',
    `refs/heads/${branch}`,
  ]);
  const args = known === null ? ['-b', branch, '--', directory] : ['--', directory, branch];
  await ws.repo.git.ok(['worktree', 'add', '--quiet', ...args]);
  const made = { branch: known === null };
  return { directory: realpathSync(directory), branch, head: known, bare: false, made };
}
