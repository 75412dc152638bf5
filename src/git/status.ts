import path from 'node:path';
import type { Git } from './git.ts';
import { exists, type Repository } from './repository.ts';

export type Operation = 'merge' | 'rebase' | 'am' | 'cherry-pick' | 'revert' | 'bisect';

/** What `git status` says, without touching the index. Paths are raw bytes, relative to the worktree's root. */
export interface Status {
  head: string | null;
  /** null where HEAD is detached. */
  branch: string | null;
  upstream: string | null;
  /** Commits that the upstream does not have; null without an upstream, or where it is gone. */
  ahead: number | null;
  staged: number;
  unstaged: number;
  /** Files that are neither tracked nor ignored; a nested repository ends in `/`. */
  untracked: Buffer[];
  unmerged: Buffer[];
  operation: Operation | null;
}

export async function readStatus(repo: Repository): Promise<Status> {
  if (repo.workTree === null) return bareStatus(repo.git);
  const out = await repo.git.ok([
    ...['status', '--porcelain=v2', '--branch', '-z', '--untracked-files=all'],
    ...['--ignore-submodules=dirty', '--no-renames'],
  ]);
  return { ...parseStatus(out), operation: operationInProgress(repo) };
}

async function bareStatus(git: Git): Promise<Status> {
  const [head, branch] = await Promise.all([
    git.line(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']),
    git.line(['symbolic-ref', '--quiet', '--short', 'HEAD']),
  ]);
  return {
    ...{ head, branch, upstream: null, ahead: null, staged: 0, unstaged: 0 },
    ...{ untracked: [], unmerged: [], operation: null },
  };
}

export function parseStatus(out: Buffer): Omit<Status, 'operation'> {
  const status: Omit<Status, 'operation'> = {
    ...{
      head: null,
      branch: null,
      upstream: null,
      ahead: null,
      staged: 0,
      unstaged: 0,
      untracked: [],
      unmerged: [],
    },
  };
  for (let at = 0; at < out.length;) {
    const end = out.indexOf(0, at);
    const record = out.subarray(at, end < 0 ? out.length : end);
    at = end < 0 ? out.length : end + 1;
    const line = record.toString('utf8');
    const kind = line[0];
    if (kind === '#') header(line, status);
    else if (kind === '1' || kind === '2') {
      if (line[2] !== '.') status.staged++;
      if (line[3] !== '.') status.unstaged++;
    } else if (kind === 'u') status.unmerged.push(Buffer.from(fieldFrom(record, 10)));
    else if (kind === '?') status.untracked.push(Buffer.from(record.subarray(2)));
  }
  return status;
}

function header(line: string, status: Omit<Status, 'operation'>): void {
  const [, key, ...rest] = line.split(' ');
  const value = rest.join(' ');
  if (key === 'branch.oid') status.head = value === '(initial)' ? null : value;
  else if (key === 'branch.head') status.branch = value === '(detached)' ? null : value;
  else if (key === 'branch.upstream') status.upstream = value;
  else if (key === 'branch.ab') status.ahead = Number(/^\+(\d+) /u.exec(value)?.[1] ?? 0);
}

function fieldFrom(record: Buffer, n: number): Buffer {
  let at = 0;
  for (let i = 0; i < n; i++) at = record.indexOf(0x20, at) + 1;
  return record.subarray(at);
}

/** The operation that waits for `--continue` or `--abort`, found as git's own prompt finds it. */
export function operationInProgress(repo: Repository): Operation | null {
  const has = (file: string) => exists(path.join(repo.gitDir, file));
  if (has('rebase-merge')) return 'rebase';
  if (has('rebase-apply')) return has('rebase-apply/applying') ? 'am' : 'rebase';
  if (has('MERGE_HEAD')) return 'merge';
  if (has('CHERRY_PICK_HEAD')) return 'cherry-pick';
  if (has('REVERT_HEAD')) return 'revert';
  if (has('BISECT_LOG')) return 'bisect';
  return null;
}
