import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { encodeSnapshot } from '../../src/session/codec.ts';
import { makeId, nextIdTime, sessionRef } from '../../src/session/names.ts';
import type { Snapshot } from '../../src/session/schema.ts';
import { hashObject } from '../../src/git/objects.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { readStatus } from '../../src/git/status.ts';
import { recordWork } from '../../src/git/work.ts';
import { identLine, type PendingSnapshot, planWork, storeSnapshots } from '../../src/store/objects.ts';
import { readCatalog } from '../../src/store/sessions.ts';
import { plainSnapshot } from './forge.ts';
import { person, type Person, type RunOptions, temporaryFolder } from './harness.ts';

/** A person whose git configuration is also the one that code called from the test sees. */
export function resident(name = 'ann'): Person {
  const who = person(name);
  live(who);
  return who;
}

/** Makes the test's own code see the environment of a person, until the test is finished. */
export function live(who: Person): void {
  for (const [key, value] of Object.entries(who.env)) vi.stubEnv(key, value);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
}

/** Runs git with bytes on its input, and gives its output as bytes. */
export async function gitBytes(
  who: Person,
  cwd: string,
  args: string[],
  options: RunOptions = {},
): Promise<Buffer> {
  const result = await who.run('git', args, { cwd, ...options });
  if (result.code !== 0) throw new Error(`git ${args.join(' ')}: ${result.stderr}`);
  return result.bytes;
}

export interface Saved {
  name: string;
  id: string;
  oid: string;
  ref: string;
  bytes: Buffer;
  work: string | null;
  snapshot: Snapshot;
}

export interface SaveLike {
  name?: string;
  message?: string;
  /** Milliseconds since 1970; without it the clock, behind what the session has. */
  ms?: number;
  files?: PendingSnapshot['files'];
}

const WHO = { name: 'Ann', email: 'ann@example.org' };
let saves = 0;

/** What `git session save` does with git, without tmux. */
export async function saveLike(repo: Repository, options: SaveLike = {}): Promise<Saved> {
  const { name = 'forged', message = `save ${saves++}`, files = [] } = options;
  const now = Date.now();
  const ms = options.ms ?? nextIdTime(now, (await readCatalog(repo.git)).newestId(name));
  const status = await readStatus(repo);
  const ident = identLine(WHO, now);
  const untracked = status.untracked.filter((file) => file.at(-1) !== 0x2f);
  const dirty = status.staged + status.unstaged + status.unmerged.length + untracked.length > 0;
  const trees =
    status.head !== null && dirty && repo.workTree !== null
      ? await recordWork(repo, status.head, untracked, status.unmerged.length > 0)
      : null;
  try {
    const work = trees === null ? null : planWork(repo, status.head!, trees, ident, status.branch);
    const snapshot = plainSnapshot(status.head);
    snapshot.session.name = name;
    snapshot.message = message;
    snapshot.git = {
      ...snapshot.git,
      objectFormat: repo.objectFormat,
      branch: status.branch,
      work: work?.oid ?? null,
    };
    const bytes = encodeSnapshot(snapshot);
    const oid = hashObject(repo.objectFormat, 'blob', bytes);
    const id = makeId(ms, oid);
    const pending = { name, id, bytes, oid, files, parent: work?.oid ?? status.head, message };
    await storeSnapshots(repo, [pending], work, ident);
    return { name, id, oid, bytes, snapshot, work: work?.oid ?? null, ref: sessionRef(name, id, 'snapshot') };
  } finally {
    trees?.release();
  }
}

/** As `saveLike`, in the repository of a directory. */
export async function saveIn(directory: string, options: SaveLike = {}): Promise<Saved> {
  return saveLike(await openRepository(directory), options);
}

/** Everything that `stash apply --index` is to bring back: the index, and each file with its mode and content. */
export async function stateOf(who: Person, directory: string): Promise<Record<string, string>> {
  const names = (
    await gitBytes(who, directory, ['ls-files', '--cached', '--others', '--exclude-standard', '-z'])
  )
    .toString('latin1')
    .split('\0')
    .filter((name) => name !== '');
  const state: Record<string, string> = {
    '(index)': (await gitBytes(who, directory, ['ls-files', '--stage', '-z']))
      .toString('latin1')
      .replaceAll('\0', '\n'),
    '(status)': (await gitBytes(who, directory, ['status', '--porcelain', '-z', '--untracked-files=all']))
      .toString('latin1')
      .replaceAll('\0', '\n'),
  };
  for (const name of new Set(names)) state[name] = fileState(Buffer.from(`${directory}/${name}`, 'latin1'));
  return state;
}

function fileState(file: Buffer): string {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (found === undefined) return 'deleted';
  if (found.isSymbolicLink()) return `link ${readlinkSync(file, { encoding: 'latin1' })}`;
  if (found.isDirectory()) return 'directory';
  const hash = createHash('sha1').update(readFileSync(file)).digest('hex');
  return `${(found.mode & 0o100) === 0 ? 'file' : 'program'} ${hash}`;
}

/** What a save must not touch: the index byte for byte, each file with its times, HEAD, branches, hooks, configuration. */
export async function untouched(who: Person, directory: string): Promise<Record<string, string>> {
  const [gitDir = '', common = ''] = (
    await who.git(directory, 'rev-parse', '--path-format=absolute', '--git-dir', '--git-common-dir')
  ).split('\n');
  const seen: Record<string, string> = {
    refs: await who.git(
      directory,
      'for-each-ref',
      'refs/heads',
      'refs/tags',
      'refs/remotes',
      'refs/stash',
      'refs/notes',
    ),
  };
  const look = (file: string) => {
    const bytes = Buffer.from(file, 'latin1');
    const { mtimeNs, ctimeNs, mode, size } = statSync(bytes, { bigint: true });
    const hash = createHash('sha1').update(readFileSync(bytes)).digest('hex');
    seen[file] = [mtimeNs, ctimeNs, mode, size, hash].join(' ');
  };
  const files = [path.join(gitDir, 'index'), path.join(gitDir, 'HEAD'), path.join(common, 'config')];
  for (const file of files) {
    if (statSync(file, { throwIfNoEntry: false })?.isFile() === true)
      look(Buffer.from(file).toString('latin1'));
  }
  const walk = (folder: string) => {
    // Names as latin1, which holds any byte.
    for (const entry of readdirSync(Buffer.from(folder, 'latin1'), {
      withFileTypes: true,
      encoding: 'latin1',
    })) {
      const file = `${folder}/${entry.name}`;
      if (entry.isDirectory() && entry.name !== '.git') walk(file);
      else if (entry.isFile()) look(file);
    }
  };
  for (const folder of [path.join(common, 'hooks'), directory]) walk(Buffer.from(folder).toString('latin1'));
  return seen;
}

/** Where the objects lie: what a save leaves there is no `.keep`, no quarantine, no lock, no crash report. */
export function leftovers(commonDir: string): string[] {
  return readdirSync(commonDir, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.keep$|tmp_|\.lock$|fast_import_crash|\.turn$/u.test(file),
  );
}

/** Fails where a repository has anything that git finds wrong. */
export async function fsck(who: Person, directory: string): Promise<void> {
  const result = await who.run('git', ['fsck', '--strict', '--full', '--no-dangling', '--no-progress'], {
    cwd: directory,
  });
  const said = `${result.stdout}${result.stderr}`.replace(/^notice: .*\n/gmu, '');
  if (result.code !== 0 || said !== '') throw new Error(`git fsck: exit ${result.code}\n${said}`);
}

/** Only root can put a repository on a file system of its own. */
export const mayMount = process.getuid?.() === 0 && process.platform === 'linux';

/** A repository on a file system of its own, of so many kilobytes. */
export async function mounted(who: Person, kilobytes: number): Promise<string> {
  const place = temporaryFolder();
  const mount = async (...args: string[]) => {
    const result = await who.run('mount', args);
    if (result.code !== 0) throw new Error(result.stderr);
  };
  await mount('-t', 'tmpfs', '-o', `size=${kilobytes}k,mode=755`, 'tmpfs', place);
  onTestFinished(async () => {
    await who.run('umount', ['-l', place]);
  });
  await who.git(who.dir, 'clone', '-q', '--no-local', '--template=', await who.repo(), path.join(place, 'r'));
  return path.join(place, 'r');
}
