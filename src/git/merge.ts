import type { Repository } from './repository.ts';
import { readStatus } from './status.ts';

export interface Merged {
  how: 'fast-forward' | 'merge' | 'already';
  /** What the branch is at now. */
  commit: string;
}

/**
 * Merges a branch into the one that is checked out in this worktree. Gives why not, where there is something that is not
 * committed, or a conflict: then all is as it was.
 */
export async function mergeBranch(repo: Repository, branch: string): Promise<Merged | string> {
  const { git } = repo;
  const status = await readStatus(repo);
  if (status.operation !== null) return `a ${status.operation} is under way`;
  if (status.staged + status.unstaged + status.unmerged.length > 0) return 'it has uncommitted changes';
  if (status.branch === null) return 'no branch is checked out';
  const ref = `refs/heads/${branch}`;
  const isIn = async (a: string, b: string) =>
    (await git.run(['merge-base', '--is-ancestor', a, b])).code === 0;
  if (await isIn(ref, 'HEAD')) return { how: 'already', commit: await headOf(repo) };
  const forward = await isIn('HEAD', ref);
  const config = ['merge.autoStash=false', 'rerere.enabled=false'];
  const args = ['merge', '--quiet', '--no-edit', ...(forward ? ['--ff-only'] : []), branch];
  const result = await git.run(args, { config });
  if (result.code === 0) return { how: forward ? 'fast-forward' : 'merge', commit: await headOf(repo) };
  const said = `${result.stdout.toString('utf8')}\n${result.stderr}`.trim().split('\n');
  const reason = said.find((line) => /^(?:CONFLICT|error|fatal)/u.test(line)) ?? said[0] ?? '';
  // It has begun: what is under way now was not before.
  if ((await readStatus(repo)).operation === 'merge') await git.ok(['merge', '--abort'], { config });
  return reason.replace(/^(?:error|fatal): /u, '') || 'git merge failed';
}

async function headOf({ git }: Repository): Promise<string> {
  return (await git.ok(['rev-parse', '--verify', 'HEAD'])).toString('latin1').trim();
}
