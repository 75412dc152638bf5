import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { GitFailedError } from '../session/errors.ts';
import { objectInfos, readObjects } from './objects.ts';
import { type Git, gitEnvironment } from './git.ts';
import type { Repository } from './repository.ts';

/** What is to be gone, by what leads to it. */
export interface Doomed {
  /** Commits, blobs: whatever refs pointed at. */
  tips: readonly string[];
  /** Commits that are not ours, with all their history: what is theirs stays. */
  bases: readonly string[];
}

export interface Unreached {
  /** Objects that nothing else reaches. */
  alone: Set<string>;
  /** Commits that no ref reaches, and that share objects with the doomed: a dropped stash. These objects stay. */
  sharedWith: string[];
  shared: number;
}

/**
 * Which objects only the doomed reach. Asked once their refs are gone. What refs, reflogs, the indexes and HEADs of all
 * worktrees reach stays, and so does what any other commit has, also one that nothing reaches: a dropped stash holds
 * the files of the same worktree. Snapshots that were deleted before are ours, and go along where they share anything.
 */
export async function onlyReachedBy(repo: Repository, { tips, bases }: Doomed): Promise<Unreached> {
  const { git } = repo;
  const doomed = await reach(git, tips, bases);
  const commits = await allCommits(repo);
  for (const oid of doomed) commits.delete(oid);
  await eachReachable(repo, (oid) => {
    doomed.delete(oid);
    commits.delete(oid);
  });
  const { contexts, others } = await ownCommits(git, commits);
  const theirs = await reach(git, others, [], UNREACHED);
  const alone = new Set([...doomed].filter((oid) => !theirs.has(oid)));
  const shared = doomed.size - alone.size;
  const along = new Set<string>();
  for (const { oid, bases } of contexts) {
    const all = await reach(git, [oid], bases);
    if ([...all].some((one) => alone.has(one))) for (const one of all) along.add(one);
  }
  if (along.size > 0) {
    await eachReachable(repo, (oid) => along.delete(oid));
    for (const one of along) if (!theirs.has(one)) alone.add(one);
  }
  return { alone, shared, sharedWith: shared === 0 ? [] : await whoHas(git, others, doomed) };
}

/** A few are named, and of a history, or a stash, its last commit only. */
async function whoHas(git: Git, commits: readonly string[], oids: ReadonlySet<string>): Promise<string[]> {
  const found: string[] = [];
  for (const oid of commits.slice(0, 200)) {
    const all = await reach(git, [oid], [], UNREACHED);
    if ([...all].some((one) => oids.has(one))) found.push(oid);
  }
  const below = new Set([...(await parentsOf(git, found)).values()].flat());
  return found.filter((oid) => !below.has(oid)).slice(0, 10);
}

/** Where a context's own commits end: below those of uncommitted work, which its snapshot names. */
export async function basesOf(git: Git, contexts: readonly string[]): Promise<string[]> {
  return (await ownOf(git, contexts)).flatMap(({ bases }) => bases);
}

interface Own {
  context: string;
  /** The commits of its uncommitted work. */
  works: string[];
  bases: string[];
}

async function ownOf(git: Git, contexts: readonly string[]): Promise<Own[]> {
  const parents = await parentsOf(git, contexts);
  const blobs = await readObjects(
    git,
    contexts.map((oid) => `${oid}:snapshot.json`),
  );
  const named = new Set(blobs.flatMap((bytes) => workOf(bytes) ?? []));
  const above = await parentsOf(git, [...parents.values()].flat());
  return contexts.map((context) => {
    const own: Own = { context, works: [], bases: [] };
    for (const parent of parents.get(context) ?? []) {
      const [base, ...rest] = above.get(parent) ?? [];
      // The shape of a stash: base, index, untracked files.
      if (named.has(parent) && base !== undefined && rest.length > 0 && rest.length < 3) {
        own.works.push(parent, ...rest);
        own.bases.push(base);
      } else own.bases.push(parent);
    }
    return own;
  });
}

function workOf(bytes: Buffer | null): string | null {
  try {
    const { git } = JSON.parse((bytes ?? '').toString()) as { git: { work: unknown } };
    return typeof git.work === 'string' ? git.work : null;
  } catch {
    return null;
  }
}

async function parentsOf(git: Git, commits: readonly string[]): Promise<Map<string, string[]>> {
  const blobs = await readObjects(git, [...commits]);
  return new Map(
    commits.map((oid, i) => {
      const head = (blobs[i] ?? Buffer.alloc(0)).toString('latin1').split('\n\n')[0]!;
      return [oid, Array.from(head.matchAll(/^parent ([0-9a-f]+)$/gmu), ([, parent]) => parent!)];
    }),
  );
}

/** But for what is reached otherwise, roughly: old contents that came back may be among what is given. */
const UNREACHED = ['--not', '--all', '--reflog'];

/** All objects of these, but for what the others are known to have. */
async function reach(
  git: Git,
  tips: readonly string[],
  without: readonly string[],
  more: readonly string[] = [],
): Promise<Set<string>> {
  if (tips.length === 0) return new Set();
  const input = [...tips, ...without.map((oid) => `^${oid}`), ''].join('\n');
  const args = ['rev-list', '--objects', '--no-object-names', '--ignore-missing', '--missing=allow-any'];
  const out = await git.ok([...args, '--stdin', ...more], { input });
  return new Set(
    out
      .toString('latin1')
      .split('\n')
      .filter((line) => /^[0-9a-f]+$/u.test(line)),
  );
}

/** Every commit and tag that is there. */
async function allCommits(repo: Repository): Promise<Set<string>> {
  const found = new Set<string>();
  const format = '--batch-check=%(objectname) %(objecttype)';
  await eachLine(repo, ['cat-file', format, '--batch-all-objects', '--buffer', '--unordered'], (line) => {
    const [oid = '', type] = line.split(' ');
    if (type === 'commit' || type === 'tag') found.add(oid);
  });
  return found;
}

/** As git's own prune counts it: refs, reflogs, and HEAD and index of every worktree. */
function eachReachable(repo: Repository, action: (oid: string) => void): Promise<void> {
  const which = ['--all', '--reflog', '--indexed-objects', '--missing=allow-promisor'];
  const args = ['rev-list', '--objects', '--no-object-names', ...which];
  return eachLine(repo, args, action);
}

/** Contexts among commits that nothing reaches, and those that are neither these nor their uncommitted work. */
async function ownCommits(
  git: Git,
  commits: ReadonlySet<string>,
): Promise<{ contexts: { oid: string; bases: string[] }[]; others: string[] }> {
  const all = [...commits];
  const infos = await objectInfos(
    git,
    all.map((oid) => `${oid}:snapshot.json`),
  );
  const contexts = all.filter((_, i) => infos[i]?.type === 'blob');
  const own = await ownOf(git, contexts);
  const ours = new Set(own.flatMap(({ context, works }) => [context, ...works]));
  return {
    contexts: own.map(({ context, bases }) => ({ oid: context, bases })),
    others: all.filter((oid) => !ours.has(oid)),
  };
}

/** The lines that git gives, one by one: there may be as many as the repository has objects. */
function eachLine(repo: Repository, args: string[], action: (line: string) => void): Promise<void> {
  const env = { ...gitEnvironment(), GIT_DIR: repo.gitDir };
  return new Promise((resolve, reject) => {
    const child = spawn('git', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text: Buffer) => (said += text.toString('utf8')));
    child.on('error', (error) => reject(new GitFailedError(`cannot start git: ${error.message}`)));
    const lines = createInterface({ input: child.stdout });
    lines.on('line', action);
    const ended = new Promise<void>((done) => lines.once('close', () => done()));
    child.on('close', (code) => {
      if (code === 0) void ended.then(() => resolve());
      else reject(new GitFailedError(`git ${args[0]} failed: ${said.trim().split('\n')[0] ?? ''}`));
    });
  });
}
