import { setTimeout as delay } from 'node:timers/promises';
import { GitFailedError, StoreFailedError } from '../session/errors.ts';
import { sessionRef } from '../session/names.ts';
import { fastImport } from '../git/fast-import.ts';
import { commitBytes, hashObject } from '../git/objects.ts';
import type { Repository } from '../git/repository.ts';
import { type RefUpdate, updateRefs } from '../git/refs.ts';
import { signCommits } from '../git/sign.ts';
import type { WorkTrees } from '../git/work.ts';
import { writeFailure } from '../git/write-failure.ts';

export interface Identity {
  name: string;
  email: string;
}

/** A snapshot that is ready to be stored: everything is decided, nothing is written. */
export interface PendingSnapshot {
  name: string;
  id: string;
  /** The canonical JSON; its object id was the source of `id`. */
  bytes: Buffer;
  oid: string;
  /** The parent of the context commit: the worktree commit, the base commit, or null (unborn branch). */
  parent: string | null;
  /** Files of the context's tree beside snapshot.json. */
  files: { path: string; bytes: Buffer }[];
  message: string;
}

/** The worktree commit: the shape of a stash commit, and the id that git will give it. */
export interface PendingWork {
  trees: WorkTrees;
  base: string;
  oid: string;
  indexOid: string;
  untrackedOid: string | null;
  message: string;
}

/** `Name <email> <seconds> <zone>`; the characters that git does not allow are left out, as git does. */
export function identLine(who: Identity, ms: number): string {
  const clean = (text: string) =>
    text.replace(/[<>\n\0]/gu, '').replace(/^[\s.,:;"'\\]+|[\s.,:;"'\\]+$/gu, '');
  const offset = -new Date(ms).getTimezoneOffset();
  const two = (n: number) => String(Math.trunc(n)).padStart(2, '0');
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.abs(offset) / 60)}${two(Math.abs(offset) % 60)}`;
  return `${clean(who.name) || 'unknown'} <${clean(who.email)}> ${Math.trunc(ms / 1000)} ${zone}`;
}

/** Works out the worktree commit's id before it exists, because the snapshot names it. */
export function planWork(
  repo: Repository,
  base: string,
  trees: WorkTrees,
  ident: string,
  branch: string | null,
): PendingWork {
  const on = branch ?? '(no branch)';
  const short = base.slice(0, 7);
  const commit = (tree: string, parents: string[], message: string) =>
    hashObject(
      repo.objectFormat,
      'commit',
      commitBytes({ tree, parents, author: ident, committer: ident, message }),
    );
  const indexOid = commit(trees.index, [base], `index on ${on}: ${short}\n`);
  const untrackedOid =
    trees.untracked === null ? null : commit(trees.untracked, [], `untracked files on ${on}: ${short}\n`);
  const message = `WIP on ${on}: ${short}\n`;
  const parents = [base, indexOid, ...(untrackedOid === null ? [] : [untrackedOid])];
  return { trees, base, oid: commit(trees.worktree, parents, message), indexOid, untrackedOid, message };
}

/** How often a save is tried when objects vanish meanwhile (`git gc --prune=now`, faults.md F19). */
const TRIES = 5;

/**
 * Stores snapshots: all objects by one fast-import, whose pack git keeps from gc until it has set the
 * context refs; then all snapshot refs in one transaction. A context without its snapshot is an
 * unfinished save, which no one lists. With `sign` the contexts are signed in between.
 */
export async function storeSnapshots(
  repo: Repository,
  snapshots: PendingSnapshot[],
  work: PendingWork | null,
  ident: string,
  sign = false,
): Promise<void> {
  const input = importStream(snapshots, work, ident);
  for (let attempt = 1; ; attempt++) {
    try {
      const refused = await fastImport(repo.git, input);
      if (refused !== null) throw new GitFailedError(refused);
      if (work !== null) await verifyConnected(repo, snapshots);
      break;
    } catch (error) {
      if (attempt >= TRIES || !(error instanceof GitFailedError)) {
        await forgetContexts(repo, snapshots);
        throw storeFailure(repo, error);
      }
      await delay(20 * attempt);
    }
  }
  let release: () => void = () => undefined;
  try {
    const updates = snapshots.map((s): RefUpdate => ({
      kind: 'create',
      ref: sessionRef(s.name, s.id, 'snapshot'),
      oid: s.oid,
    }));
    if (sign) {
      const made = await signCommits(repo, contextsOf(snapshots), ident);
      release = made.release;
      // In the same transaction: no snapshot is seen with a context that is not signed yet.
      updates.push(...made.signed.map((s): RefUpdate => ({ kind: 'update', ...s })));
    }
    await updateRefs(repo.git, updates);
  } catch (error) {
    await forgetContexts(repo, snapshots);
    throw storeFailure(repo, error);
  } finally {
    release();
  }
}

function contextsOf(snapshots: PendingSnapshot[]) {
  return snapshots.map((s) => ({ ...s, ref: sessionRef(s.name, s.id, 'context') }));
}

/**
 * Takes the contexts of a save that failed back: git refuses every gc of a repository in which a ref leads to an object
 * that has vanished. The error that led here is the one to report.
 */
async function forgetContexts(repo: Repository, snapshots: PendingSnapshot[]): Promise<void> {
  for (const { name, id } of snapshots) {
    await repo.git.run(['update-ref', '--no-deref', '-d', sessionRef(name, id, 'context')]);
  }
}

function importStream(snapshots: PendingSnapshot[], work: PendingWork | null, ident: string): Buffer {
  const parts: (Buffer | string)[] = [];
  const data = (bytes: Buffer | string) => {
    const buffer = Buffer.from(bytes);
    parts.push(`data ${buffer.length}\n`, buffer, '\n');
  };
  const who = `author ${ident}\ncommitter ${ident}\n`;
  let workMark: string | null = null;
  snapshots.forEach((s, n) => {
    const ref = sessionRef(s.name, s.id, 'context');
    if (work !== null && workMark === null && s.parent === work.oid) {
      workMark = ':1';
      workCommits(parts, data, ref, who, work);
    }
    const mark = 10 + n;
    parts.push(`blob\nmark :${mark}\n`);
    data(s.bytes);
    parts.push(`reset ${ref}\n\ncommit ${ref}\n${who}`);
    data(`${s.message}\n`);
    if (s.parent !== null) parts.push(`from ${s.parent === work?.oid ? ':1' : s.parent}\n`);
    parts.push('deleteall\n', `M 100644 :${mark} snapshot.json\n`);
    for (const file of s.files) {
      parts.push(`M 100644 inline ${file.path}\n`);
      data(file.bytes);
    }
    parts.push('\n');
  });
  return Buffer.concat(parts.map((p) => Buffer.from(p)));
}

/** Index, untracked and worktree commit, in the order of their dependence; the last has mark 1. */
function workCommits(
  parts: (Buffer | string)[],
  data: (bytes: string) => void,
  ref: string,
  who: string,
  work: PendingWork,
): void {
  const on = work.message.replace(/^WIP on /u, '');
  parts.push(`commit ${ref}\nmark :2\n${who}`);
  data(`index on ${on}`);
  parts.push(`from ${work.base}\nM 040000 ${work.trees.index} ""\n\n`);
  if (work.trees.untracked !== null) {
    parts.push(`reset ${ref}\n\ncommit ${ref}\nmark :3\n${who}`);
    data(`untracked files on ${on}`);
    parts.push(`M 040000 ${work.trees.untracked} ""\n\n`);
  }
  parts.push(`reset ${ref}\n\ncommit ${ref}\nmark :1\n${who}`);
  data(work.message);
  parts.push(`from ${work.base}\nmerge :2\n`);
  if (work.trees.untracked !== null) parts.push('merge :3\n');
  parts.push(`M 040000 ${work.trees.worktree} ""\n\n`);
}

/** Throws GitFailedError where an object of the snapshots is missing. */
async function verifyConnected(repo: Repository, snapshots: PendingSnapshot[]): Promise<void> {
  const tips = snapshots.map((s) => sessionRef(s.name, s.id, 'context'));
  const input = [...tips, '^HEAD', ''].join('\n');
  await repo.git.ok(['rev-list', '--objects', '--quiet', '--stdin'], { input });
}

function storeFailure(repo: Repository, error: unknown): unknown {
  if (!(error instanceof GitFailedError)) return error;
  const unwritable = writeFailure(repo, error);
  if (unwritable !== null) return unwritable;
  const said = (error.data as { stderr?: string } | undefined)?.stderr ?? error.message;
  if (/missing|not a valid object|bad object|unable to read|Tree not found/iu.test(said)) {
    return new StoreFailedError("objects vanished while saving (is 'git gc --prune=now' running?)", [
      'run the save again',
    ]);
  }
  return new StoreFailedError(`cannot save: ${error.message.replace(/^git [a-z-]+ failed: /u, '')}`, [
    'nothing was saved; earlier snapshots are kept',
  ]);
}
