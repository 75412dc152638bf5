import { describe, expect, it } from 'vitest';
import { Git, type GitRunOptions } from '../../src/git/git.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { type CrqLink, formatNoteLine } from '../../src/session/crq.ts';
import {
  addNoteLines,
  removeCrqLines,
  removeNoteLines,
  renameNoteLines,
} from '../../src/store/note-lines.ts';
import { readCatalog, type StoredSnapshot } from '../../src/store/sessions.ts';
import type { Person } from '../support/harness.ts';
import { fsck, resident, saveIn } from '../support/store.ts';

const ANN = { name: 'Ann', email: 'ann@example.org' };

/** Two commits, and three snapshots: two of `work`, one of `work/deep`. */
async function setUp() {
  const who = resident();
  const dir = await who.repo();
  const first = await who.git(dir, 'rev-parse', 'HEAD');
  await who.git(dir, 'commit', '-q', '--allow-empty', '-m', 'second');
  const second = await who.git(dir, 'rev-parse', 'HEAD');
  for (const name of ['work', 'work', 'work/deep']) await saveIn(dir, { name });
  const repo = await openRepository(dir);
  const { snapshots } = await readCatalog(repo.git);
  const [a, b, deep] = snapshots as [StoredSnapshot, StoredSnapshot, StoredSnapshot];
  return { who, dir, repo, first, second, a, b, deep };
}

const link = (s: StoredSnapshot, crq: string, title: string | null = null): CrqLink => ({
  ...{ crq, name: s.name, id: s.id, title },
});

/** The lines of a note, in the order of their bytes; none where there is no note. */
async function lines(who: Person, dir: string, commit: string): Promise<string[]> {
  const shown = await who.run('git', ['notes', '--ref=crq', 'show', commit], { cwd: dir });
  return shown.stdout.split('\n').filter((line) => line !== '');
}

const tip = (who: Person, dir: string) =>
  who.git(dir, 'for-each-ref', '--format=%(objectname)', 'refs/notes');
const subject = (who: Person, dir: string) => who.git(dir, 'log', '-1', '--format=%an: %s', 'refs/notes/crq');

/** A repository whose git lets something happen before its nth call of one kind. */
function meanwhile(repo: Repository, verb: string, nth: number, action: () => Promise<unknown>): Repository {
  let seen = 0;
  class Watched extends Git {
    override async run(args: string[], options?: GitRunOptions) {
      if (args[0] === verb && ++seen === nth) await action();
      return super.run(args, options);
    }
  }
  return { ...repo, git: new Watched(repo.git.location) };
}

describe('adding lines', () => {
  it('writes once for each commit, and keeps what others wrote', async () => {
    const { who, dir, repo, first, second, a, b } = await setUp();
    await who.git(dir, 'notes', '--ref=crq', 'add', '-m', 'reviewed by hand', first);
    const byCommit = new Map([
      [first, [link(a, 'CRQ-1', 'One'), link(b, 'CRQ-1', 'One')]],
      [second, [link(a, 'CRQ-2')]],
    ]);
    await addNoteLines(repo, ANN, 'git session: import', byCommit);
    expect(await lines(who, dir, first)).toEqual([
      `CRQ: CRQ-1 work/${a.id} One`,
      `CRQ: CRQ-1 work/${b.id} One`,
      'reviewed by hand',
    ]);
    expect(await lines(who, dir, second)).toEqual([`CRQ: CRQ-2 work/${a.id}`]);
    expect(await who.git(dir, 'rev-list', '--count', 'refs/notes/crq')).toBe('3');
    expect(await subject(who, dir)).toBe('Ann: git session: import');
    await fsck(who, dir);
  });

  it('a line that is there already is no write', async () => {
    const { who, dir, repo, first, a } = await setUp();
    const byCommit = new Map([[first, [link(a, 'CRQ-1')]]]);
    await addNoteLines(repo, ANN, 'x', byCommit);
    const before = await tip(who, dir);
    await addNoteLines(repo, ANN, 'x', byCommit);
    await addNoteLines(repo, ANN, 'x', new Map());
    expect(await tip(who, dir)).toBe(before);
  });

  it('a commit that is not here is an error, and nothing is written', async () => {
    const { who, dir, repo, a } = await setUp();
    const failing = addNoteLines(repo, ANN, 'x', new Map([['1'.repeat(40), [link(a, 'CRQ-1')]]]));
    await expect(failing).rejects.toMatchObject({ code: 'missing-commit' });
    expect(await tip(who, dir)).toBe('');
  });
});

describe('taking lines away', () => {
  it('one link goes from all commits, also from those that a rebase copied it to', async () => {
    const { who, dir, repo, first, second, a, b } = await setUp();
    const all = [link(a, 'CRQ-1', 'One'), link(b, 'CRQ-1'), link(a, 'CRQ-2')];
    await addNoteLines(
      repo,
      ANN,
      'x',
      new Map([
        [first, all],
        [second, all],
      ]),
    );
    expect(await removeCrqLines(repo, ANN, a, 'crq_1')).toBe(2);
    const left = [link(b, 'CRQ-1'), link(a, 'CRQ-2')].map(formatNoteLine);
    expect(await lines(who, dir, first)).toEqual(left);
    expect(await lines(who, dir, second)).toEqual(left);
    expect(await subject(who, dir)).toBe(`Ann: git session: unlink work/${a.id} from crq_1`);
  });

  it('what is not linked is no write: another id, name or CRQ, or no notes at all', async () => {
    const { who, dir, repo, first, a, b, deep } = await setUp();
    expect(await removeCrqLines(repo, ANN, a, 'CRQ-1')).toBe(0);
    expect(await tip(who, dir)).toBe('');
    await addNoteLines(repo, ANN, 'x', new Map([[first, [link(a, 'CRQ-1')]]]));
    const before = await tip(who, dir);
    expect(await removeCrqLines(repo, ANN, b, 'CRQ-1')).toBe(0);
    expect(await removeCrqLines(repo, ANN, { name: deep.name, id: a.id }, 'CRQ-1')).toBe(0);
    expect(await removeCrqLines(repo, ANN, a, 'CRQ-10')).toBe(0);
    expect(await removeNoteLines(repo, ANN, [b, deep])).toBe(0);
    expect(await tip(who, dir)).toBe(before);
  });

  it('a deletion takes all lines of its snapshots, and a note that is empty then', async () => {
    const { who, dir, repo, first, second, a, b, deep } = await setUp();
    await who.git(dir, 'notes', '--ref=crq', 'add', '-m', `see CRQ: CRQ-1 work/${a.id}`, first);
    await addNoteLines(
      repo,
      ANN,
      'x',
      new Map([
        [first, [link(a, 'CRQ-1'), link(b, 'CRQ-2'), link(deep, 'CRQ-1')]],
        [second, [link(a, 'CRQ-1'), link(deep, 'CRQ-1')]],
      ]),
    );
    expect(await removeNoteLines(repo, ANN, [a, deep])).toBe(2);
    expect(await lines(who, dir, first)).toEqual([
      `CRQ: CRQ-2 work/${b.id}`,
      // Not a line of ours: it only speaks of one.
      `see CRQ: CRQ-1 work/${a.id}`,
    ]);
    expect(await who.git(dir, 'notes', '--ref=crq', 'list')).toMatch(new RegExp(` ${first}$`, 'u'));
    expect(await subject(who, dir)).toBe('Ann: git session: delete work, work/deep');
    await fsck(who, dir);
  });
});

describe('a rename', () => {
  it('changes the name in the lines of these snapshots and keeps the titles', async () => {
    const { who, dir, repo, first, second, a, b, deep } = await setUp();
    await addNoteLines(
      repo,
      ANN,
      'x',
      new Map([
        [first, [link(a, 'CRQ-1', 'One'), link(b, 'CRQ-1'), link(deep, 'CRQ-1')]],
        [second, [link(deep, 'CRQ-1')]],
      ]),
    );
    expect(await renameNoteLines(repo, ANN, [a, b], 'other')).toBe(1);
    expect(await lines(who, dir, first)).toEqual([
      `CRQ: CRQ-1 other/${a.id} One`,
      `CRQ: CRQ-1 other/${b.id}`,
      `CRQ: CRQ-1 work/deep/${deep.id}`,
    ]);
    expect(await subject(who, dir)).toBe('Ann: git session: rename work to other');
  });
});

describe('others who write at the same time', () => {
  it('a line that somebody else took away meanwhile is not counted', async () => {
    const { who, dir, repo, first, a } = await setUp();
    await addNoteLines(repo, ANN, 'x', new Map([[first, [link(a, 'CRQ-1')]]]));
    const racing = meanwhile(repo, 'for-each-ref', 1, () =>
      who.git(dir, 'notes', '--ref=crq', 'remove', first),
    );
    expect(await removeNoteLines(racing, ANN, [a])).toBe(0);
    expect(await lines(who, dir, first)).toEqual([]);
  });

  it('a line that somebody else added meanwhile stays', async () => {
    const { who, dir, repo, first, a } = await setUp();
    await addNoteLines(repo, ANN, 'x', new Map([[first, [link(a, 'CRQ-1')]]]));
    const racing = meanwhile(repo, 'fast-import', 1, () =>
      who.git(dir, 'notes', '--ref=crq', 'append', '-m', 'theirs', first),
    );
    expect(await removeNoteLines(racing, ANN, [a])).toBe(1);
    expect(await lines(who, dir, first)).toEqual(['theirs']);
  });

  it('symbolic notes are refused, and the branch behind them stays', async () => {
    const { who, dir, repo, second, a } = await setUp();
    await who.git(dir, 'symbolic-ref', 'refs/notes/crq', 'refs/heads/main');
    const failing = addNoteLines(repo, ANN, 'x', new Map([[second, [link(a, 'CRQ-1')]]]));
    await expect(failing).rejects.toMatchObject({ code: 'store-failed' });
    expect(await who.git(dir, 'rev-parse', 'main')).toBe(second);
  });
});
