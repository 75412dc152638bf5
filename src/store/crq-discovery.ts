import { constants, readdirSync } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import type { Repository } from '../git/repository.ts';
import { compileCrqPattern, crqKey, crqOfBranch, findCrqIds, isCrqId } from '../session/crq.ts';
import {
  type CrqDocument,
  isCrqRegister,
  isOpen,
  matchDocument,
  MAX_DOCUMENT,
  parseCrqDocument,
  parseCrqRegister,
  withRegisters,
} from '../session/crq-document.ts';
import { InvalidConfigError } from '../session/errors.ts';
import type { Crq } from '../session/schema.ts';
import { fromText, toText } from '../session/text.ts';

export interface CrqConfig {
  /** `session.crqPath`: globs from the top of the worktree. None: `DEFAULT_CRQ_PATHS`. */
  crqPath: string[];
  /** `session.crqPattern` */
  crqPattern?: string | undefined;
}

export interface CrqContext {
  /** Short name, without `refs/heads/`. */
  branch: string | null;
  upstream: string | null;
  head: string | null;
  /** Commits since the upstream, where the caller knows; null or absent: git is asked. */
  ahead?: number | null;
  /** Values of `branch.<name>.crq`, where the caller has the configuration at hand; else git is asked. */
  configured?: string[];
  config: CrqConfig;
}

/** Where the repositories that use CRQs keep them (requirements.md section 17). Case does not count. */
export const DEFAULT_CRQ_PATHS = [
  'docs/crq*/**/*.md',
  'docs/**/crq[-_]*.md',
  'docs/**/change_request*.md',
  'crq*/**/*.md',
  'crq*.md',
  'change_request*.md',
];

const MAX_DOCUMENTS = 1000;
const MAX_COMMITS = 200;
const MAX_TRAILER_BYTES = 4 * 1024 * 1024;
/** The schema's limit is 1000; so many by accident would make every listing unreadable. */
const MAX_CRQS = 100;
const READERS = 16;

/**
 * The CRQs that this work is for, found without asking: the one in the branch's name, those in
 * `branch.<name>.crq`, those in `CRQ:` trailers of commits since the upstream (without one: of HEAD),
 * and documents with an open status that were changed since the upstream or are not committed yet.
 * Not every open document: in a repository with 40 open CRQs each session would be linked to all 40,
 * and a link would say nothing. Title, status and path come from the document that an id means.
 */
export async function discoverCrqs(repo: Repository, context: CrqContext): Promise<Crq[]> {
  const { branch, config } = context;
  const pattern = config.crqPattern === undefined ? undefined : compileCrqPattern(config.crqPattern);
  const [configured, trailers, files] = await Promise.all([
    context.configured === undefined ? configuredIds(repo, branch) : idsIn(context.configured.join(' ')),
    trailerIds(repo, context, pattern),
    listFiles(repo, config),
  ]);
  const ofBranch = branch === null ? null : crqOfBranch(branch, pattern);
  const ids = [...(ofBranch === null ? [] : [ofBranch]), ...configured, ...trailers];
  const changed = await changedFiles(repo, context, files);
  const isChanged = (d: CrqDocument) => !d.fromRegister && changed.has(pathKey(d));
  // With no id to look up, only the documents that were changed matter.
  const wanted =
    ids.length > 0 ? files : files.filter((f) => changed.has(f.key) || isCrqRegister(toText(f.path)));
  const documents = await readDocuments(repo, wanted);
  const opened = documents.filter((d) => isChanged(d) && isOpen(d.status));
  return distinctCrqs([
    ...ids.map((id) => asCrq(id, matchDocument(id, documents, { branch, changed: isChanged }))),
    ...opened.map((d) => asCrq(d.id, d)),
  ]);
}

/** What the documents say about ids that the user typed (`save --crq`, `link`). */
export async function describeCrqs(repo: Repository, ids: string[], context: CrqContext): Promise<Crq[]> {
  if (ids.length === 0) return [];
  const files = await listFiles(repo, context.config);
  const [changed, documents] = await Promise.all([
    changedFiles(repo, context, files),
    readDocuments(repo, files),
  ]);
  const isChanged = (d: CrqDocument) => !d.fromRegister && changed.has(pathKey(d));
  const hints = { branch: context.branch, changed: isChanged };
  return distinctCrqs(ids.map((id) => asCrq(id, matchDocument(id, documents, hints))));
}

/** All CRQ documents of the worktree, by path; rows that are only in a register come last. */
export async function listCrqDocuments(repo: Repository, config: CrqConfig): Promise<CrqDocument[]> {
  return readDocuments(repo, await listFiles(repo, config));
}

function asCrq(id: string, document: CrqDocument | null): Crq {
  return {
    id,
    title: document?.title ?? null,
    status: document?.status ?? null,
    path: document?.path ?? null,
  };
}

/** One document is one CRQ, under whatever id; without a document of its own the id has to do. */
function distinctCrqs(crqs: Crq[]): Crq[] {
  const found = new Map<string, Crq>();
  for (const crq of crqs) {
    const ownPath =
      crq.path === null || isCrqRegister(crq.path) ? null : fromText(crq.path).toString('latin1');
    const key = ownPath === null ? `id ${crqKey(crq.id)}` : `path ${ownPath}`;
    if (!found.has(key)) found.set(key, crq);
  }
  return [...found.values()].slice(0, MAX_CRQS);
}

async function configuredIds(repo: Repository, branch: string | null): Promise<string[]> {
  if (branch === null) return [];
  const result = await repo.git.run(['config', '-z', '--get-all', `branch.${branch}.crq`]);
  if (result.code !== 0) return [];
  return idsIn(result.stdout.toString('utf8'));
}

function idsIn(text: string): string[] {
  return text.split(/[\0,\s]+/u).filter(isCrqId);
}

async function trailerIds(
  repo: Repository,
  context: CrqContext,
  pattern: RegExp | undefined,
): Promise<string[]> {
  const { head, upstream, ahead } = context;
  if (head === null || (upstream !== null && ahead === 0)) return [];
  const log = (range: string, max: number) =>
    repo.git.run(
      [
        'log',
        '-z',
        '--no-show-signature',
        '--no-color',
        '--no-notes',
        '--no-ext-diff',
        '--no-textconv',
        '--no-patch',
        `--max-count=${max}`,
        '--format=%(trailers:key=CRQ,valueonly,unfold)',
        '--end-of-options',
        range,
        '--',
      ],
      { maxStdout: MAX_TRAILER_BYTES },
    );
  let result = upstream === null ? null : await log(`${upstream}..${head}`, MAX_COMMITS);
  // No upstream, or one that was never fetched.
  if (result === null || result.code !== 0) result = await log(head, 1);
  if (result.code !== 0) return [];
  return findCrqIds(result.stdout.toString('utf8').replaceAll('\0', '\n'), pattern);
}

interface ListedFile {
  path: Buffer;
  /** The path as a string that can be compared, byte for byte. */
  key: string;
  untracked: boolean;
}

function pathKey(document: CrqDocument): string {
  return fromText(document.path).toString('latin1');
}

function pathspecs(config: CrqConfig): string[] {
  if (config.crqPath.length === 0) return DEFAULT_CRQ_PATHS.map((glob) => `:(top,glob,icase)${glob}`);
  for (const glob of config.crqPath) {
    // git finds nothing there, and says nothing either.
    if (!glob.startsWith('/') && !glob.split('/').includes('..')) continue;
    throw new InvalidConfigError(`session.crqPath is outside the repository: ${glob}`, [
      'give globs from the top of the worktree: git config session.crqPath "docs/crq/**/*.md"',
    ]);
  }
  return config.crqPath.filter((glob) => glob !== '').map((glob) => `:(top,glob)${glob}`);
}

/** Tracked, and untracked but not ignored. A bare repository has no worktree to read documents from. */
async function listFiles(repo: Repository, config: CrqConfig): Promise<ListedFile[]> {
  const specs = pathspecs(config);
  if (repo.workTree === null || specs.length === 0) return [];
  if (config.crqPath.length === 0 && !mayHoldDocuments(repo.workTree)) return [];
  const args = [
    'ls-files',
    '-z',
    '-t',
    '--cached',
    '--others',
    '--exclude-standard',
    '--full-name',
    '--',
    ...specs,
  ];
  const out = await repo.git.ok(args);
  const files = new Map<string, ListedFile>();
  for (const entry of out.toString('latin1').split('\0')) {
    const key = entry.slice(2);
    if (key !== '')
      files.set(key, { path: Buffer.from(key, 'latin1'), key, untracked: entry.startsWith('?') });
  }
  return [...files.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1)).slice(0, MAX_DOCUMENTS);
}

/** False where no entry at the top fits the default paths: git need not be asked then. */
function mayHoldDocuments(workTree: string): boolean {
  return readdirSync(workTree).some((name) => /^(?:docs$|crq|change_request)/iu.test(name));
}

/** Documents that differ from what the upstream had when this branch left it, as they are in the worktree. */
async function changedFiles(
  repo: Repository,
  context: CrqContext,
  files: ListedFile[],
): Promise<Set<string>> {
  if (files.length === 0) return new Set();
  // Nothing is committed yet.
  if (context.head === null) return new Set(files.map((f) => f.key));
  const diff = (base: string[]) =>
    repo.git.run([
      'diff',
      '--name-only',
      '-z',
      '--no-ext-diff',
      '--no-textconv',
      '--no-renames',
      '--no-relative',
      '--ignore-submodules=all',
      ...base,
      '--',
      ...pathspecs(context.config),
    ]);
  let result =
    context.upstream === null ? null : await diff(['--merge-base', '--end-of-options', context.upstream]);
  if (result === null || result.code !== 0) result = await diff(['--end-of-options', context.head]);
  const names = result.code === 0 ? result.stdout.toString('latin1').split('\0') : [];
  return new Set([...names, ...files.filter((f) => f.untracked).map((f) => f.key)]);
}

async function readDocuments(repo: Repository, files: ListedFile[]): Promise<CrqDocument[]> {
  if (repo.workTree === null || files.length === 0) return [];
  const top = await realpath(Buffer.from(repo.workTree), { encoding: 'buffer' });
  const texts: (string | null)[] = files.map(() => null);
  let next = 0;
  const reader = async () => {
    for (let i = next++; i < files.length; i = next++) {
      const file = files[i];
      if (file !== undefined) texts[i] = await readHead(top, file.path);
    }
  };
  await Promise.all(Array.from({ length: READERS }, reader));
  const documents: CrqDocument[] = [];
  const rows: CrqDocument[] = [];
  files.forEach((file, i) => {
    const text = texts[i];
    if (text === null || text === undefined) return;
    const path = toText(file.path);
    if (isCrqRegister(path)) rows.push(...parseCrqRegister(path, text));
    else documents.push(parseCrqDocument(path, text));
  });
  return withRegisters(documents, rows);
}

/**
 * The start of a file, or null where it is not a plain file inside the worktree: a commit can bring a
 * symbolic link to any place, and what a document says goes into notes that are pushed.
 */
async function readHead(top: Buffer, path: Buffer): Promise<string | null> {
  const file = Buffer.concat([top, Buffer.from('/'), path]);
  try {
    const folder = await realpath(file.subarray(0, file.lastIndexOf('/')), { encoding: 'buffer' });
    const inside =
      folder.equals(top) || folder.subarray(0, top.length + 1).equals(Buffer.concat([top, Buffer.from('/')]));
    if (!inside) return null;
    const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await handle.stat();
      if (!stat.isFile()) return null;
      const length = Math.min(stat.size, MAX_DOCUMENT);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch {
    // Removed, unreadable, or a link: then it says nothing.
    return null;
  }
}
