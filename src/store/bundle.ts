import { closeSync, openSync, readSync } from 'node:fs';
import { DamagedSnapshotError, MissingCommitError, UnknownRefError } from '../session/errors.ts';
import { parseSessionRef, SESSIONS } from '../session/names.ts';
import type { Git, GitResult } from '../git/git.ts';
import { objectInfos } from '../git/objects.ts';
import type { StoredSnapshot } from './sessions.ts';

/** More than anyone exports; a foreign file must not make us work for ever. */
const MAX_REFS = 100_000;

/**
 * Writes a bundle: the snapshots with all that they refer to, uncommitted work and history included, so
 * that it can be imported anywhere. `exclude` names what the receiver has already. The file `-` is stdout.
 */
export async function createBundle(
  git: Git,
  snapshots: StoredSnapshot[],
  file: string,
  exclude: string[],
): Promise<void> {
  const without: string[] = [];
  for (const name of exclude) {
    const oid = await git.line(['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]);
    if (oid === null) throw new UnknownRefError(`there is no commit '${name}'`);
    without.push(`^${oid}`);
  }
  const refs = snapshots.flatMap((s) =>
    s.context === null ? [s.ref] : [s.ref, s.ref.replace(/snapshot$/u, 'context')],
  );
  const input = `${[...refs, ...without].join('\n')}\n`;
  await git.ok(['bundle', 'create', '--quiet', file, '--stdin'], { input, inheritStdout: file === '-' });
}

export interface BundledSnapshot {
  name: string;
  id: string;
  oid: string;
  context: string | null;
}

export function isBundle(start: Buffer): boolean {
  return /^# v[23] git bundle\n/u.test(start.toString('latin1', 0, 20));
}

/** Takes a bundle's objects into the repository and tells which snapshots it holds. Sets no ref. */
export async function readBundle(git: Git, file: string, what: string): Promise<BundledSnapshot[]> {
  const verified = await git.run(['bundle', 'verify', file], { env: { LC_ALL: 'C' } });
  if (verified.code !== 0) {
    const missing = /lacks these prerequisite commits:\s+error: ([0-9a-f]{7,64})/u.exec(verified.stderr)?.[1];
    if (missing !== undefined) {
      throw new MissingCommitError(
        `${what} needs commit ${missing.slice(0, 7)}, which is not in this repository`,
        ['get it first: git fetch', 'or have the bundle made without --exclude'],
      );
    }
    throw damaged(what, verified.stderr);
  }
  const listed = await git.run(['bundle', 'list-heads', file], { env: { LC_ALL: 'C' } });
  const unpacked = await unpack(git, file);
  for (const { code, stderr } of [listed, unpacked]) if (code !== 0) throw damaged(what, stderr);
  const found = new Map<string, BundledSnapshot>();
  const contexts = new Map<string, string>();
  for (const line of listed.stdout.toString('utf8').split('\n').slice(0, MAX_REFS)) {
    const [oid = '', ref = ''] = line.split(' ');
    // A copy of a remote's session is taken under the name that it has there.
    const parsed = parseSessionRef(ref.replace(/^refs\/remote-sessions\/[^/]+\//u, SESSIONS));
    if (parsed === null) continue;
    const key = `${parsed.name}/${parsed.id}`;
    if (parsed.kind === 'snapshot') found.set(key, { name: parsed.name, id: parsed.id, oid, context: null });
    else if (parsed.kind === 'context') contexts.set(key, oid);
  }
  for (const [key, snapshot] of found) snapshot.context = contexts.get(key) ?? null;
  return [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** As `git bundle unbundle`, which alone of all ways in does not look whether a tree holds a `.git` (attack C14). */
async function unpack(git: Git, file: string): Promise<GitResult> {
  const fd = openSync(file, 'r');
  try {
    skipHeader(fd);
    return await git.run(['index-pack', '--strict', '--fix-thin', '--stdin'], {
      stdin: fd,
      env: { LC_ALL: 'C' },
    });
  } finally {
    closeSync(fd);
  }
}

/** Lines of text up to an empty one; the pack is behind it. */
function skipHeader(fd: number): void {
  const piece = Buffer.alloc(65536);
  let before = 0;
  for (let at = 0; ;) {
    const length = readSync(fd, piece, 0, piece.length, at);
    for (let i = 0; i < length; i++) {
      if (piece[i] === 10 && before === 10) return moveTo(fd, at + i + 1);
      before = piece[i]!;
    }
    if (length === 0) return;
    at += length;
  }
}

/** Another program reads on from where we have read to. */
function moveTo(fd: number, offset: number): void {
  const piece = Buffer.alloc(65536);
  for (let rest = offset; rest > 0;) {
    const length = readSync(fd, piece, 0, Math.min(rest, piece.length), null);
    if (length === 0) return;
    rest -= length;
  }
}

function damaged(what: string, stderr: string): DamagedSnapshotError {
  const said = stderr.split('\n')[0]?.replace(/^(?:fatal|error): /u, '') ?? '';
  return new DamagedSnapshotError(`${what} is damaged: ${said === '' ? 'git can not read it' : said}`, [
    'have it made again: git session export --format bundle -o <file> <ref>',
  ]);
}

/** Those contexts that belong to their snapshot, with everything that they refer to in the repository. */
export async function wholeContexts(
  git: Git,
  snapshots: { oid: string; context: string | null }[],
): Promise<Set<string>> {
  const wanted = snapshots.filter((s) => s.context !== null);
  const infos = await objectInfos(
    git,
    wanted.flatMap((s) => [s.context!, `${s.context}:snapshot.json`]),
  );
  const own = wanted.filter((s, i) => infos[2 * i]?.type === 'commit' && infos[2 * i + 1]?.oid === s.oid);
  const contexts = [...new Set(own.map((s) => s.context!))];
  if (contexts.length === 0 || (await isConnected(git, contexts))) return new Set(contexts);
  const whole = new Set<string>();
  for (const context of contexts) if (await isConnected(git, [context])) whole.add(context);
  return whole;
}

async function isConnected(git: Git, commits: string[]): Promise<boolean> {
  const args = ['rev-list', '--objects', '--quiet', '--stdin', '--not', '--all'];
  return (await git.run(args, { input: `${commits.join('\n')}\n` })).code === 0;
}
