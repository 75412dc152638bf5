import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Snapshot } from '../session/schema.ts';
import { parseSessionRef } from '../session/names.ts';
import { hashObject, objectInfos } from '../git/objects.ts';
import {
  findBrokenRefs,
  lastValue,
  repairBrokenRef,
  takeAside,
  takeLooseObject,
} from '../store/broken-refs.ts';
import { type Catalog, type ReadSnapshot, readSnapshots, type StoredSnapshot } from '../store/sessions.ts';
import { address } from '../store/resolve.ts';
import type { Fsck } from './fsck-findings.ts';

/** Refs whose files are empty or no object id. True where one was mended. */
export async function checkBrokenRefs({ ws: { repo }, repair, found, kept, wanted }: Fsck): Promise<boolean> {
  let mended = false;
  for (const broken of findBrokenRefs(repo)) {
    const parsed = parseSessionRef(broken.ref);
    if (!wanted(parsed?.name ?? null, null)) continue;
    const last = await lastValue(repo, broken);
    const what = broken.empty ? 'empty ref' : 'its file is no ref';
    const of = last === null ? 'its object is not known' : `it was ${last.slice(0, 12)}`;
    const finding = found(
      'ref-broken',
      parsed?.name ?? broken.ref,
      `${broken.ref} is broken (${what}); ${of}`,
      ['git session fsck --repair'],
    );
    if (!repair) continue;
    const now = await repairBrokenRef(repo, broken, kept);
    mended = true;
    finding.repaired =
      now === null ? `moved to ${path.join(kept, broken.ref)}` : `points at ${now.slice(0, 12)} again`;
  }
  return mended;
}

/** Snapshots, and the commits that they need. Gives how many were looked at. */
export async function checkSnapshots(fsck: Fsck, catalog: Catalog): Promise<number> {
  const { ws, found, wanted } = fsck;
  const snapshots = catalog.snapshots.filter((s) => wanted(s.name, null));
  const whole: { stored: StoredSnapshot; snapshot: Snapshot }[] = [];
  for (const read of await readSnapshots(ws.repo.git, snapshots)) {
    const { stored } = read;
    const said = 'error' in read ? await problemOf(fsck, read) : hashProblem(fsck, stored, read.bytes);
    if (said === null) {
      if ('snapshot' in read) whole.push(read);
      continue;
    }
    const finding = found(
      said.code,
      stored.name,
      `${address(stored)}: ${said.message}`,
      olderThan(stored, catalog),
    );
    if (fsck.repair) finding.repaired = await moveAway(fsck, stored, said.code === 'snapshot-damaged');
  }
  await checkCommits(fsck, whole);
  for (const ref of catalog.foreign) {
    if (!wanted(null, null)) continue;
    found('ref-foreign', ref.name, `${ref.name} is not made by git session`, [
      `remove it by its object: git session delete ${ref.oid}`,
    ]);
  }
  return snapshots.length;
}

interface Problem {
  code: string;
  message: string;
}

async function problemOf(
  { ws: { repo } }: Fsck,
  { stored, error }: Extract<ReadSnapshot, { error: unknown }>,
): Promise<Problem | null> {
  // Whole, and of a newer version: that is no damage.
  if (error.code === 'unsupported-version') return null;
  const { oid } = stored;
  const loose = path.join(repo.commonDir, 'objects', oid.slice(0, 2), oid.slice(2));
  const [info] = await objectInfos(repo.git, [oid]);
  if (info == null && !existsSync(loose)) {
    return { code: 'snapshot-missing', message: `object ${oid.slice(0, 12)} is missing` };
  }
  const { code, stdout } = await repo.git.run(['cat-file', 'blob', oid]);
  if (code !== 0 || hashObject(repo.objectFormat, 'blob', stdout) !== oid) {
    return { code: 'snapshot-damaged', message: `object ${oid.slice(0, 12)} is damaged` };
  }
  if (stdout.length === 0) return { code: 'snapshot-empty', message: 'the snapshot is empty' };
  return { code: 'snapshot-invalid', message: error.message };
}

function hashProblem({ ws: { repo } }: Fsck, { oid }: StoredSnapshot, bytes: Buffer): Problem | null {
  if (hashObject(repo.objectFormat, 'blob', bytes) === oid) return null;
  return { code: 'snapshot-damaged', message: `object ${oid.slice(0, 12)} is damaged` };
}

function olderThan(stored: StoredSnapshot, { snapshots }: Catalog): string[] {
  const older = snapshots.filter(
    (s) => s.name === stored.name && s.remote === stored.remote && s.id < stored.id,
  );
  const last = older.at(-1);
  return [
    ...(last === undefined ? [] : [`the one before: git session restore ${address(last)}`]),
    'where another clone has it: git session fetch',
  ];
}

/** Behind it the snapshot before counts as the newest. A copy of a remote's comes again with the next fetch. */
async function moveAway(
  { ws: { repo }, kept }: Fsck,
  stored: StoredSnapshot,
  damaged: boolean,
): Promise<string> {
  const context = stored.ref.replace(/snapshot$/u, 'context');
  const refs = [{ ref: stored.ref, oid: stored.oid }];
  if (stored.context !== null) refs.push({ ref: context, oid: stored.context });
  await takeAside(repo, refs, kept);
  if (damaged) takeLooseObject(repo, stored.oid, kept);
  return `taken out of the session; its refs are in ${path.join(kept, 'refs')}`;
}

async function checkCommits(
  { ws: { repo }, found }: Fsck,
  whole: readonly { stored: StoredSnapshot; snapshot: Snapshot }[],
): Promise<void> {
  const needs = whole.flatMap(({ stored, snapshot: { git } }) => [
    { stored, oid: git.head, code: 'commit-missing', what: 'its commit' },
    { stored, oid: git.work, code: 'work-missing', what: 'its uncommitted work' },
    { stored, oid: stored.context, code: 'context-missing', what: 'its context' },
  ]);
  const asked = needs.filter((n): n is typeof n & { oid: string } => n.oid !== null);
  const infos = await objectInfos(
    repo.git,
    asked.map(({ oid }) => `${oid}^{tree}`),
  );
  const bad = new Set<StoredSnapshot>();
  for (const [i, { stored, oid, code, what }] of asked.entries()) {
    if (infos[i] !== null) continue;
    bad.add(stored);
    found(code, stored.name, `${address(stored)}: ${what} ${oid.slice(0, 12)} is missing or damaged`, [
      `get it: git session fetch, or git fetch origin ${oid}`,
      `the tmux session alone: git session restore --no-git ${address(stored)}`,
    ]);
  }
  for (const { stored } of whole) {
    if (stored.context !== null || stored.remote !== null) continue;
    found('context-missing', stored.name, `${address(stored)}: nothing keeps its commits from git gc`, [
      'save the session again: git session save',
    ]);
  }
  const contexts = whole.filter(({ stored }) => stored.context !== null && !bad.has(stored));
  for (const { stored } of await incomplete(repo.git, contexts)) {
    found('context-incomplete', stored.name, `${address(stored)}: objects that it needs are missing`, [
      'get them: git session fetch',
      `the tmux session alone: git session restore --no-git ${address(stored)}`,
    ]);
  }
}

/** All of them in one call; only where that fails, one by one. */
async function incomplete<T extends { stored: StoredSnapshot }>(
  git: Fsck['ws']['repo']['git'],
  some: readonly T[],
): Promise<T[]> {
  const isWhole = async (list: readonly T[]) => {
    const args = [
      'rev-list',
      '--objects',
      '--quiet',
      '--stdin',
      '--not',
      '--branches',
      '--tags',
      '--remotes',
    ];
    const input = `${list.map(({ stored }) => stored.context).join('\n')}\n`;
    return (await git.run(args, { input })).code === 0;
  };
  if (some.length === 0 || (await isWhole(some))) return [];
  const found: T[] = [];
  for (const one of some) if (!(await isWhole([one]))) found.push(one);
  return found;
}
