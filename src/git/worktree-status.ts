import { Git } from './git.ts';

/** The changes of one worktree against its HEAD, each file counted once. */
export interface WorktreeChanges {
  added: number;
  modified: number;
  deleted: number;
  unmerged: number;
  untracked: number;
  /** Null without an upstream, or where that is gone. */
  upstream: { ahead: number; behind: number } | null;
  /** Paths of changed and untracked files below the worktree's root, at most `MAX_PATHS`. */
  paths: Buffer[];
}

/** More changed files than this say nothing more about when somebody worked here last. */
const MAX_PATHS = 500;

/** As `git status` sees the worktree at this directory. Its index is not touched. */
export async function readWorktreeChanges(directory: string): Promise<WorktreeChanges> {
  const args = ['status', '--porcelain=v2', '--branch', '-z', '--untracked-files=normal', '--no-renames'];
  return parseWorktreeChanges(await new Git(null).ok(args, { cwd: directory }));
}

export function parseWorktreeChanges(out: Buffer): WorktreeChanges {
  const changes: WorktreeChanges = {
    ...{ added: 0, modified: 0, deleted: 0, unmerged: 0, untracked: 0, upstream: null, paths: [] },
  };
  for (let at = 0; at < out.length;) {
    const nul = out.indexOf(0, at);
    const record = out.subarray(at, nul < 0 ? out.length : nul);
    at = nul < 0 ? out.length : nul + 1;
    const line = record.toString('latin1');
    const ab = /^# branch\.ab \+(\d+) -(\d+)$/u.exec(line);
    if (ab !== null) changes.upstream = { ahead: Number(ab[1]), behind: Number(ab[2]) };
    const kind = kindOf(line);
    if (kind === null) continue;
    changes[kind]++;
    if (changes.paths.length < MAX_PATHS) changes.paths.push(pathOf(record, line[0]!));
  }
  return changes;
}

function kindOf(line: string): 'added' | 'modified' | 'deleted' | 'unmerged' | 'untracked' | null {
  if (line.startsWith('u ')) return 'unmerged';
  if (line.startsWith('? ')) return 'untracked';
  if (!line.startsWith('1 ')) return null;
  const [index, worktree] = [line[2], line[3]];
  if (worktree === 'D' || index === 'D') return 'deleted';
  return index === 'A' || worktree === 'A' ? 'added' : 'modified';
}

/** Fields before the path: `1 XY sub mH mI mW hH hI`, `u XY sub m1 m2 m3 mW h1 h2 h3`, `?`. */
function pathOf(record: Buffer, kind: string): Buffer {
  let at = 0;
  for (let i = kind === '1' ? 8 : kind === 'u' ? 10 : 1; i > 0; i--) at = record.indexOf(0x20, at) + 1;
  return Buffer.from(record.subarray(at));
}
