import { execFile, execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ensureNotesRef, mergeNotes, readNote, readNotes, updateNote } from '../../src/git/notes.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import {
  LimitError,
  MissingCommitError,
  StoreBusyError,
  StoreFailedError,
} from '../../src/session/errors.ts';

const REF = 'refs/notes/crq';
const identity = { name: 'Ann <x>\n', email: 'ann@example.org' };
/** Frozen: with another one, clones of different versions have no common ancestor. */
const ROOT_SHA1 = '947676c1bc9b28ac01aad0967c425bbfdd1a014a';
const run = promisify(execFile);

let home: string;
let top: string;
let repo: Repository;

function git(args: string[], cwd = top): string {
  return execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trimEnd();
}

/** A repository with `count` commits; gives their ids, the newest first. */
async function makeRepository(count = 1, options: string[] = []): Promise<string[]> {
  git(['init', '-q', '-b', 'main', ...options], home);
  top = realpathSync(path.join(home, options.at(-1) ?? ''));
  const commits = Array.from(
    { length: count },
    (_, i) => `commit refs/heads/main\ncommitter A <a@example.org> ${i + 1} +0000\ndata 0\n\n`,
  );
  execFileSync('git', ['fast-import', '--quiet'], { cwd: top, input: commits.join('') });
  repo = await openRepository(top);
  return git(['rev-list', 'main']).split('\n');
}

const append = (object: string, line: string, on: Repository = repo) =>
  updateNote(on.git, { ref: REF, object, edit: (text) => `${text}${line}\n`, identity, message: 'test' });

const linesOn = async (object: string) =>
  (await readNote(repo.git, REF, object)).trimEnd().split('\n').toSorted();

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'crq-notes-'));
  // Nothing of the user's configuration or of a git that runs us.
  vi.stubEnv('HOME', home);
  vi.stubEnv('GIT_CONFIG_GLOBAL', '/dev/null');
  vi.stubEnv('GIT_CONFIG_NOSYSTEM', '1');
  for (const who of ['AUTHOR', 'COMMITTER']) {
    vi.stubEnv(`GIT_${who}_NAME`, 'A');
    vi.stubEnv(`GIT_${who}_EMAIL`, 'a@example.org');
  }
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

describe('notes, written and read back', () => {
  test.each([
    ['SHA-1', ['r']],
    ['SHA-256', ['--object-format=sha256', 'r']],
    ['bare', ['--bare', 'r']],
  ])('in a %s repository; git reads the same', async (_, options) => {
    const [head = '', other = ''] = await makeRepository(2, options);
    expect(await readNotes(repo.git, REF)).toEqual(new Map());
    expect(await readNote(repo.git, REF, head)).toBe('');
    expect(await append(head, 'ünï')).toBe(true);
    expect(await append(head, 'two')).toBe(true);
    expect(await append(other, 'three')).toBe(true);
    expect(await readNotes(repo.git, REF)).toEqual(
      new Map([
        [head, 'ünï\ntwo\n'],
        [other, 'three\n'],
      ]),
    );
    expect(git(['notes', '--ref=crq', 'show', head])).toBe('ünï\ntwo');
    expect(git(['log', '-1', '--format=%an <%ae>%n%s', REF])).toBe('Ann x <ann@example.org>\ntest');
    expect(git(['fsck', '--strict', '--no-dangling'])).toBe('');
  });

  test('K4, Q3: git log --notes=crq shows them, in a linked worktree too', async () => {
    const [head = ''] = await makeRepository(1, ['r']);
    git(['worktree', 'add', '-q', path.join(home, 'linked')]);
    const linked = await openRepository(path.join(home, 'linked'));
    expect(linked.linked).toBe(true);
    await append(head, 'from the linked one', linked);
    expect(git(['log', '-1', '--format=%N', '--notes=crq'])).toBe('from the linked one');
  });

  test('empty text removes a note, null and the same text leave it without a commit', async () => {
    const [head = ''] = await makeRepository(1, ['r']);
    await append(head, 'x');
    const before = git(['rev-parse', REF]);
    const edit = (to: (text: string) => string | null) =>
      updateNote(repo.git, { ref: REF, object: head, edit: to, identity, message: 'm' });
    expect(await edit(() => null)).toBe(false);
    expect(await edit((text) => text)).toBe(false);
    expect(git(['rev-parse', REF])).toBe(before);
    expect(await edit(() => '')).toBe(true);
    expect(git(['notes', '--ref=crq', 'list'])).toBe('');
  });

  test("a note in another program's encoding keeps its text", async () => {
    const [head = ''] = await makeRepository(1, ['r']);
    writeFileSync(path.join(home, 'latin1'), Buffer.from([0x66, 0xfc, 0x72, 0x0a]));
    git(['notes', '--ref=crq', 'add', '-F', path.join(home, 'latin1'), head]);
    await append(head, '日本');
    expect(await readNote(repo.git, REF, head)).toBe('für\n日本\n');
  });

  test('Q3: fan-out is right with many notes, ours and those that git wrote', async () => {
    const commits = await makeRepository(600, ['r']);
    for (const [i, part] of [commits.slice(0, 300), commits.slice(300)].entries()) {
      const notes = part.map((c) => `N inline ${c}\ndata 2\n${i}\n`).join('');
      const from = i === 0 ? '' : `from ${REF}^0\n`;
      const input = `commit ${REF}\ncommitter A <a@b> 1 +0000\ndata 0\n${from}${notes}\n`;
      execFileSync('git', ['fast-import', '--quiet'], { cwd: top, input });
    }
    expect(git(['ls-tree', '-r', '--name-only', REF]).split('\n')[0]).toMatch(/^..\//u);
    await append(commits[0] ?? '', 'ours');
    git(['notes', '--ref=crq', 'append', '-m', 'theirs', commits[1] ?? '']);
    const notes = await readNotes(repo.git, REF);
    expect(notes.size).toBe(600);
    expect(notes.get(commits[0] ?? '')).toBe('0\nours\n');
    expect(await readNote(repo.git, REF, commits[1] ?? '')).toBe('0\n\ntheirs\n');
    expect(git(['notes', '--ref=crq', 'list']).split('\n')).toHaveLength(600);
  });

  test('a commit that is missing is told, and leaves no crash report', async () => {
    await makeRepository(1, ['r']);
    await expect(append('1'.repeat(40), 'x')).rejects.toThrow(MissingCommitError);
    expect(readdirSync(path.join(top, '.git')).filter((f) => f.includes('crash'))).toEqual([]);
  });

  test('C7: a symbolic notes ref never lets a note land on a branch', async () => {
    const [head = ''] = await makeRepository(1, ['r']);
    git(['symbolic-ref', REF, 'refs/heads/main']);
    await expect(append(head, 'x')).rejects.toThrow(StoreFailedError);
    await expect(ensureNotesRef(repo.git)).rejects.toThrow(StoreFailedError);
    expect(git(['rev-parse', 'main'])).toBe(head);
  });

  test('a huge note that somebody pushed is neither read nor changed', async () => {
    const [head = '', other = ''] = await makeRepository(2, ['r']);
    writeFileSync(path.join(home, 'big'), 'x'.repeat(1024 * 1024 + 1));
    git(['notes', '--ref=crq', 'add', '-F', path.join(home, 'big'), head]);
    await append(other, 'small');
    expect([...(await readNotes(repo.git, REF)).keys()]).toEqual([other]);
    await expect(append(head, 'x')).rejects.toThrow(LimitError);
  });

  test('a lock that nobody removes ends in StoreBusyError', async () => {
    const [head = ''] = await makeRepository(1, ['r']);
    await ensureNotesRef(repo.git);
    vi.spyOn(Math, 'random').mockReturnValue(0);
    writeFileSync(path.join(top, '.git', `${REF}.lock`), '');
    await expect(append(head, 'x')).rejects.toThrow(StoreBusyError);
    vi.restoreAllMocks();
  });
});

describe('Q1, T4: many at once, and every link is there', () => {
  let folder: string;
  let script: string;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'crq-bundle-'));
    script = path.join(folder, 'append.mjs');
    const root = path.resolve(import.meta.dirname, '../..');
    await build({
      stdin: {
        contents: `import { updateNote } from './src/git/notes.ts';
          import { openRepository } from './src/git/repository.ts';
          const [object, line] = process.argv.slice(2);
          const repo = await openRepository();
          const identity = { name: 'A', email: 'a@example.org' };
          await updateNote(repo.git, { ref: '${REF}', object, edit: (t) => t + line + '\\n', identity, message: line });`,
        resolveDir: root,
        loader: 'ts',
      },
      outfile: script,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
    });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('50 processes in two worktrees, the ref new, all on one commit', async () => {
    const [head = ''] = await makeRepository(1, ['r']);
    const linked = path.join(home, 'linked');
    git(['worktree', 'add', '-q', linked]);
    const lines = Array.from({ length: 50 }, (_, i) => `CRQ: CRQ-${i}`);
    await Promise.all(
      lines.map((line, i) =>
        run(process.execPath, [script, head, line], { cwd: i % 2 === 0 ? top : linked }),
      ),
    );
    expect(await linesOn(head)).toEqual(lines.toSorted());
    expect(git(['rev-list', '--count', REF])).toBe('51');
    expect(git(['for-each-ref', '--format=%(refname)', 'refs/notes'])).toBe(REF);
  });

  test('50 at once from one process, each on its own commit', async () => {
    const commits = await makeRepository(50, ['r']);
    await Promise.all(commits.map((commit, i) => append(commit, `line ${i}`)));
    const notes = await readNotes(repo.git, REF);
    expect(commits.map((commit) => notes.get(commit))).toEqual(commits.map((_, i) => `line ${i}\n`));
  });

  test('objects survive a gc --prune=now that runs meanwhile', async () => {
    const [head = ''] = await makeRepository(1, ['r']);
    const lines = Array.from({ length: 10 }, (_, i) => `line ${i}`);
    const collect = async () => {
      for (let i = 0; i < 5; i++) await run('git', ['gc', '--quiet', '--prune=now'], { cwd: top });
    };
    await Promise.all([...lines.map((line) => append(head, line)), collect()]);
    expect(await linesOn(head)).toEqual(lines);
    expect(git(['fsck', '--strict', '--no-dangling'])).toBe('');
    expect(readdirSync(path.join(top, '.git')).filter((f) => f.includes('crash'))).toEqual([]);
    expect(readdirSync(path.join(top, '.git/objects/pack')).filter((f) => f.endsWith('.keep'))).toEqual([]);
  });

  test('the same write by many in the same second is made once', async () => {
    const [head = ''] = await makeRepository(1, ['r']);
    const same = () =>
      updateNote(repo.git, { ref: REF, object: head, edit: () => 'same\n', identity, message: 'm' });
    await Promise.all(Array.from({ length: 12 }, same));
    expect(await readNote(repo.git, REF, head)).toBe('same\n');
    expect(git(['rev-list', '--count', REF])).toBe('2');
    expect(readdirSync(path.join(top, '.git')).filter((f) => f.includes('crash'))).toEqual([]);
    expect(readdirSync(path.join(top, '.git/objects/pack')).filter((f) => f.endsWith('.keep'))).toEqual([]);
  });

  test('a turn that a killed process left behind holds nobody up for good', async () => {
    const [head = ''] = await makeRepository(1, ['r']);
    const turn = path.join(top, '.git', 'git-session', 'notes.turn');
    mkdirSync(path.dirname(turn));
    writeFileSync(turn, '');
    const past = Date.now() / 1000 - 60;
    utimesSync(turn, past, past);
    await Promise.all([append(head, 'a'), append(head, 'b'), append(head, 'c')]);
    expect(await linesOn(head)).toEqual(['a', 'b', 'c']);
    expect(readdirSync(path.dirname(turn))).toEqual([]);
  });
});

describe('F24: notes of two clones', () => {
  /** A second clone, and both know an `origin` that is empty. */
  async function twoClones(): Promise<{ head: string; ann: Repository; bob: Repository }> {
    const [head = ''] = await makeRepository(2, ['ann']);
    const ann = repo;
    git(['init', '-q', '--bare', 'origin'], home);
    git(['remote', 'add', 'origin', path.join(home, 'origin')]);
    git(['push', '-q', 'origin', 'main']);
    git(['clone', '-q', path.join(home, 'origin'), 'bob', '-b', 'main'], home);
    return { head, ann, bob: await openRepository(path.join(home, 'bob')) };
  }
  // The gateway to git allows no remotes that are folders (GIT_PROTOCOL_FROM_USER).
  const push = (from: Repository) => run('git', ['push', '-q', 'origin', REF], { cwd: from.workTree ?? '' });
  const fetch = (to: Repository) =>
    git(['fetch', '-q', 'origin', `+${REF}:refs/notes/remote`], to.workTree ?? '');

  test('the first commit has one id everywhere; making it again changes nothing', async () => {
    const { ann, bob } = await twoClones();
    await Promise.all([ensureNotesRef(ann.git), ensureNotesRef(ann.git), ensureNotesRef(bob.git)]);
    const roots = [ann, bob].map((r) => git(['rev-parse', REF], r.workTree ?? ''));
    expect(roots).toEqual([ROOT_SHA1, ROOT_SHA1]);
    await ensureNotesRef(ann.git);
    expect(git(['rev-parse', REF])).toBe(ROOT_SHA1);
  });

  test('both links are kept, on one commit and on two, and the push goes through without force', async () => {
    const { head, ann, bob } = await twoClones();
    await append(head, 'b ann', ann);
    await append(head, 'a bob', bob);
    await push(ann);
    await expect(push(bob)).rejects.toThrow(/fetch first|non-fast-forward/u);
    fetch(bob);
    expect(await mergeNotes(bob.git, REF, 'refs/notes/remote', identity)).toBe(true);
    expect(await readNote(bob.git, REF, head)).toBe('a bob\nb ann\n');
    await push(bob);
    fetch(ann);
    expect(await mergeNotes(ann.git, REF, 'refs/notes/remote', identity)).toBe(true);
    expect(await mergeNotes(ann.git, REF, 'refs/notes/remote', identity)).toBe(false);
    expect(git(['rev-parse', REF])).toBe(git(['rev-parse', REF], bob.workTree ?? ''));
    expect(git(['for-each-ref', '--format=%(refname)', 'refs/notes'])).toBe(`${REF}\nrefs/notes/remote`);
  });

  test('a removal in one clone is a removal in the other, where that changed nothing', async () => {
    const { head, ann, bob } = await twoClones();
    await append(head, 'x', ann);
    await push(ann);
    fetch(bob);
    expect(await mergeNotes(bob.git, REF, 'refs/notes/remote', identity)).toBe(true);
    await updateNote(ann.git, { ref: REF, object: head, edit: () => '', identity, message: 'm' });
    await push(ann);
    fetch(bob);
    await mergeNotes(bob.git, REF, 'refs/notes/remote', identity);
    expect(await readNote(bob.git, REF, head)).toBe('');
  });

  test('nothing fetched: nothing merged', async () => {
    const { ann } = await twoClones();
    expect(await mergeNotes(ann.git, REF, 'refs/notes/remote', identity)).toBe(false);
  });

  test('a merge and links at once lose nothing', async () => {
    const { head, ann, bob } = await twoClones();
    await append(head, 'bob', bob);
    await push(bob);
    await append(head, 'ann', ann);
    fetch(ann);
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i}`);
    await Promise.all([
      ...lines.map((line) => append(head, line, ann)),
      mergeNotes(ann.git, REF, 'refs/notes/remote', identity),
    ]);
    repo = ann;
    expect(await linesOn(head)).toEqual(['ann', 'bob', ...lines].toSorted());
  });
});
