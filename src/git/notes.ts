import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  GitFailedError,
  LimitError,
  MissingCommitError,
  StoreBusyError,
  StoreFailedError,
} from '../session/errors.ts';
import { fastImport, PACK_LOST } from './fast-import.ts';
import { failed, type Git } from './git.ts';
import { objectInfos, readObjects } from './objects.ts';
import { listRefs, updateRefs } from './refs.ts';
import { inTurn } from './turnstile.ts';

/**
 * Notes, written with compare-and-swap. `git notes add`, `append` and `merge` read the ref, make a
 * commit and set the ref without looking again (git 2.39, builtin/notes.c: update_ref with no old
 * value), so that of two at once one is lost. Here a commit is made by fast-import, which refuses to
 * move a ref to a commit that does not contain the old one, and knows the fan-out of notes trees.
 */
export interface Identity {
  name: string;
  email: string;
}

export interface NoteUpdate {
  ref: string;
  /** Full id of a commit. */
  object: string;
  /** The new text; empty removes the note, null leaves it. Called again after losing a race. */
  edit: (text: string) => string | null;
  identity: Identity;
  message: string;
}

/** A larger note is none of ours; it is neither read nor changed. */
const MAX_NOTE_BYTES = 1024 * 1024;
const TRIES = 20;
const MAX_DELAY_MS = 500;

/**
 * The first commit of every notes ref: the same id in every clone, so that two clones always have
 * a common ancestor. Part of the format: never change a byte.
 */
const ROOT_IDENTITY = 'git-session <git-session@localhost> 0 +0000';
const ROOT_MESSAGE = 'git session: notes\n';

/** All notes: text by the id of the object they are on. An object with a note that is too large has none. */
export async function readNotes(git: Git, notesRef: string): Promise<Map<string, string>> {
  const args = ['ls-tree', '-r', '-l', '-z', '--full-tree', notesRef];
  const listed = await git.run(args);
  if (listed.code !== 0) {
    if ((await readTip(git, notesRef)) === null) return new Map();
    throw failed(args, listed);
  }
  const entries = listed.stdout
    .toString('latin1')
    .split('\0')
    .map((entry) => /^100644 blob ([0-9a-f]+) +(\d+)\t([0-9a-f/]+)$/u.exec(entry))
    .filter((m) => m !== null)
    .filter((m) => Number(m[2]) <= MAX_NOTE_BYTES)
    .map((m) => ({ blob: m[1] ?? '', object: m[3]?.replaceAll('/', '') ?? '' }))
    .filter(({ blob, object }) => object.length === blob.length);
  const blobs = await readObjects(
    git,
    entries.map((entry) => entry.blob),
  );
  const notes = new Map<string, string>();
  entries.forEach(({ object }, i) => {
    const bytes = blobs[i];
    if (bytes === null || bytes === undefined) return;
    notes.set(object, joined(notes.get(object), decode(bytes)));
  });
  return notes;
}

/** The note on one object; empty where there is none. */
export async function readNote(git: Git, notesRef: string, object: string): Promise<string> {
  const tip = await readTip(git, notesRef);
  return tip === null ? '' : (await noteAt(git, tip, object)).text;
}

/** Changes the note on one commit; false where `edit` left it as it is. Never loses anybody's write. */
export function updateNote(git: Git, update: NoteUpdate): Promise<boolean> {
  return untilWon(git, update.ref, async () => {
    const tip = await readTip(git, update.ref);
    const { text: old, isCommit } = await noteAt(git, tip, update.object);
    const text = update.edit(old);
    if (text === null || text === old) return { done: false };
    // fast-import would die of it, and leave a crash report in the repository.
    if (!isCommit)
      throw new MissingCommitError(`commit ${update.object} is not in this repository`, ['git fetch']);
    const stream = Buffer.concat([
      tip === null ? rootCommit(update.ref) : Buffer.alloc(0),
      noteCommit(update, tip, text),
    ]);
    const refused = await fastImport(git, stream);
    if (refused === null) return { done: true };
    return lost(git, update.ref, tip, refused);
  });
}

/** Makes the ref where it is missing, so that it can be pushed, fetched and merged from the start. */
export async function ensureNotesRef(git: Git, notesRef = 'refs/notes/crq'): Promise<void> {
  await untilWon(git, notesRef, async () => {
    if ((await readTip(git, notesRef)) !== null) return { done: false };
    const refused = await fastImport(git, rootCommit(notesRef));
    return refused === null ? { done: true } : lost(git, notesRef, null, refused);
  });
}

/**
 * Joins another clone's notes into ours; false where they brought nothing. `git notes merge` sets
 * the ref without compare-and-swap, so it works on a ref of its own, and ours is moved after.
 */
export function mergeNotes(
  git: Git,
  notesRef: string,
  fromRef: string,
  identity: Identity,
): Promise<boolean> {
  return untilWon(git, notesRef, async () => {
    const theirs = await readTip(git, fromRef);
    const ours = await readTip(git, notesRef);
    if (theirs === null || theirs === ours) return { done: false };
    try {
      if (ours === null) {
        await updateRefs(git, [{ kind: 'create', ref: notesRef, oid: theirs }]);
        return { done: true };
      }
      const oid = await mergedCommit(git, notesRef, ours, theirs, identity);
      if (oid === ours) return { done: false };
      await updateRefs(git, [{ kind: 'update', ref: notesRef, oid, old: ours }]);
      return { done: true };
    } catch (error) {
      if (error instanceof StoreBusyError) return { retry: error.message };
      if (error instanceof GitFailedError && (await readTip(git, notesRef)) !== ours)
        return { retry: error.message };
      throw error;
    }
  });
}

async function mergedCommit(
  git: Git,
  ref: string,
  ours: string,
  theirs: string,
  identity: Identity,
): Promise<string> {
  const scratch = `${ref}-merge-${randomBytes(8).toString('hex')}`;
  const env = {
    LC_ALL: 'C',
    GIT_AUTHOR_NAME: identity.name,
    GIT_AUTHOR_EMAIL: identity.email,
    GIT_COMMITTER_NAME: identity.name,
    GIT_COMMITTER_EMAIL: identity.email,
  };
  await updateRefs(git, [{ kind: 'create', ref: scratch, oid: ours }]);
  let result = ours;
  try {
    await git.ok(['notes', `--ref=${scratch}`, 'merge', '--quiet', '-s', 'cat_sort_uniq', theirs], { env });
    result = (await readTip(git, scratch)) ?? ours;
    return result;
  } finally {
    await git.run(['update-ref', '--no-deref', '-d', scratch]);
  }
}

type Attempt = { done: boolean } | { retry: string };

/** Tries once; having lost, stands in the queue and tries again, with pauses for those that don't queue (git itself). */
async function untilWon(git: Git, ref: string, attempt: () => Promise<Attempt>): Promise<boolean> {
  const first = await attempt();
  if ('done' in first) return first.done;
  return inTurn(git, 'notes', async () => {
    let why = first.retry;
    for (let i = 1; i < TRIES; i++) {
      const result = await attempt();
      if ('done' in result) return result.done;
      why = result.retry;
      await sleep(Math.random() * Math.min(MAX_DELAY_MS, 20 * 1.5 ** i));
    }
    throw new StoreBusyError(`'${ref}' was changed or locked by others ${TRIES} times: ${why}`, [
      'try again; if no other git is running, remove the lock file that git names',
    ]);
  });
}

/** Whether a refused write is worth another try: somebody else moved the ref, or holds its lock. */
async function lost(git: Git, ref: string, tip: string | null, refused: string): Promise<Attempt> {
  if (/\.lock'?: File exists/u.test(refused) || PACK_LOST.test(refused)) return { retry: refused };
  if ((await readTip(git, ref)) !== tip) return { retry: refused };
  throw new GitFailedError(`cannot write '${ref}': ${refused}`);
}

/** The commit that the ref points at, or null. A symbolic ref would let a note land on a branch (attack C7). */
async function readTip(git: Git, ref: string): Promise<string | null> {
  const found = (await listRefs(git, [ref])).find((r) => r.name === ref);
  if (found === undefined) return null;
  if (found.symbolic) {
    throw new StoreFailedError(`'${ref}' is a symbolic ref, which is not supported`, [
      `git symbolic-ref --delete ${ref}`,
    ]);
  }
  if (found.type !== 'commit') {
    throw new StoreFailedError(`'${ref}' does not point at a commit that can be read`, ['git fsck']);
  }
  return found.oid;
}

/**
 * The note on an object in one notes commit, and whether that object is a commit we have. Notes lie at
 * the object's id, cut by slashes as deep as there are many.
 */
async function noteAt(
  git: Git,
  tip: string | null,
  object: string,
): Promise<{ text: string; isCommit: boolean }> {
  const paths = tip === null ? [] : fanOuts(object).map((path) => `${tip}:${path}`);
  const [target, ...infos] = await objectInfos(git, [object, ...paths]);
  const blobs = infos.filter((info) => info !== null).filter((info) => info.type === 'blob');
  if (blobs.some((blob) => blob.size > MAX_NOTE_BYTES)) {
    throw new LimitError(`the note on ${object} is larger than ${MAX_NOTE_BYTES} bytes`);
  }
  const contents = await readObjects(
    git,
    blobs.map((blob) => blob.oid),
  );
  const text = contents.reduce<string>((before, bytes) => {
    if (bytes === null) throw new StoreFailedError(`the note on ${object} can't be read`, ['git fsck']);
    return joined(before, decode(bytes));
  }, '');
  return { text, isCommit: target?.type === 'commit' && target.oid === object };
}

function fanOuts(object: string): string[] {
  return [0, 1, 2, 3, 4].map((depth) => {
    const parts = Array.from({ length: depth }, (_, i) => object.slice(2 * i, 2 * i + 2));
    return [...parts, object.slice(2 * depth)].join('/');
  });
}

function rootCommit(ref: string): Buffer {
  return Buffer.concat([
    Buffer.from(`commit ${ref}\ncommitter ${ROOT_IDENTITY}\n`),
    data(ROOT_MESSAGE),
    Buffer.from('\n'),
  ]);
}

function noteCommit(
  { ref, object, identity, message }: NoteUpdate,
  tip: string | null,
  text: string,
): Buffer {
  const from = tip === null ? '' : `from ${tip}\n`;
  const note =
    text === ''
      ? Buffer.from(`N ${'0'.repeat(object.length)} ${object}\n`)
      : Buffer.concat([Buffer.from(`N inline ${object}\n`), data(text)]);
  const head = `commit ${ref}\ncommitter ${ident(identity)} ${Math.floor(Date.now() / 1000)} +0000\n`;
  return Buffer.concat([
    Buffer.from(head),
    data(`${message.trimEnd()}\n`),
    Buffer.from(from),
    note,
    Buffer.from('\n'),
  ]);
}

function data(text: string): Buffer {
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from('\n')]);
}

/** As git cleans names: no angle brackets, no control characters. */
function ident({ name, email }: Identity): string {
  const clean = (s: string) => s.replace(/[<>\p{Cc}]+/gu, '').trim();
  return `${clean(name)} <${clean(email)}>`.trimStart();
}

/** Other programs write notes in other encodings; every byte stays visible and nothing is lost. */
function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return bytes.toString('latin1');
  }
}

function joined(a: string | undefined, b: string): string {
  if (a === undefined || a === '') return b;
  return a.endsWith('\n') ? a + b : `${a}\n${b}`;
}
