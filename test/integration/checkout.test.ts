import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ApplyFailedError, FileProblemError } from '../../src/session/errors.ts';
import { planGit, type GitStep } from '../../src/session/git-plan.ts';
import type { RestoreRequest } from '../../src/session/plan.ts';
import { carryOut, differsFrom, readSituation, type SavedGit } from '../../src/git/checkout.ts';
import { openRepository } from '../../src/git/repository.ts';
import type { Person } from '../support/harness.ts';
import { resident, type Saved, saveIn, stateOf } from '../support/store.ts';

const write = (dir: string, name: string, text = `${name}\n`) => {
  mkdirSync(path.dirname(path.join(dir, name)), { recursive: true });
  writeFileSync(path.join(dir, name), text);
};
const read = (dir: string, name: string) => readFileSync(path.join(dir, name), 'utf8');

const REQUEST: RestoreRequest = { as: null, window: null, git: true, autostash: false, worktree: null };

interface Scene {
  who: Person;
  dir: string;
  saved: Saved;
  git: SavedGit;
  /** What the tree was like when it was saved. */
  state: Record<string, string>;
  /** The commit that HEAD is on now: a later one, on the branch `later`. */
  later: string;
}

/** Work saved on `main`; then `main` is left for another branch with another commit, and the tree is clean. */
async function scene(): Promise<Scene> {
  const who = resident();
  const dir = await who.repo();
  for (const name of ['a', 'b', 'c']) write(dir, name);
  write(dir, '.gitignore', 'ignored\n*.log\n');
  await who.git(dir, 'add', '.');
  await who.git(dir, 'commit', '-q', '-m', 'base');
  write(dir, 'a', 'staged\n');
  await who.git(dir, 'add', 'a');
  write(dir, 'a', 'and changed\n');
  write(dir, 'new/file', 'untracked\n');
  write(dir, 'added', 'added\n');
  await who.git(dir, 'add', 'added');
  const state = await stateOf(who, dir);
  const saved = await saveIn(dir);
  await who.git(dir, 'stash', '-q', '--include-untracked');
  await who.git(dir, 'stash', 'drop', '-q');
  await who.git(dir, 'checkout', '-q', '-b', 'later');
  write(dir, 'b', 'later\n');
  write(dir, 'only-later');
  await who.git(dir, 'rm', '-q', 'c');
  await who.git(dir, 'add', '.');
  await who.git(dir, 'commit', '-q', '-m', 'later');
  const { head, branch, work } = saved.snapshot.git;
  const later = await who.git(dir, 'rev-parse', 'HEAD');
  return { who, dir, saved, git: { head, branch, work }, state, later };
}

async function restore(
  { dir, saved, git }: Pick<Scene, 'dir' | 'saved' | 'git'>,
  asked: Partial<RestoreRequest> = {},
) {
  const repo = await openRepository(dir);
  const steps = planGit(saved.snapshot, { ...REQUEST, ...asked }, await readSituation(repo, git), []);
  return { steps, ...(await carryOut(repo, steps)) };
}

const headOf = async (who: Person, dir: string) => [
  await who.git(dir, 'rev-parse', 'HEAD'),
  (await who.run('git', ['symbolic-ref', '--short', '-q', 'HEAD'], { cwd: dir })).stdout.trim(),
];

describe('R3: the saved commit and work come back', () => {
  it('from another branch: the saved branch, and all of the index and worktree', async () => {
    const s = await scene();
    const result = await restore(s);
    expect(result.steps.map((step) => step.kind)).toEqual(['checkout', 'apply']);
    expect(await headOf(s.who, s.dir)).toEqual([s.git.head, 'main']);
    expect(await stateOf(s.who, s.dir)).toEqual(s.state);
    expect(result.stash).toBeNull();
    // Nothing of ours stays behind, and no branch has moved.
    expect(await s.who.git(s.dir, 'stash', 'list')).toBe('');
    expect(await s.who.git(s.dir, 'rev-parse', 'later')).toBe(s.later);
  });

  it('on the saved commit: the work alone', async () => {
    const s = await scene();
    await s.who.git(s.dir, 'checkout', '-q', 'main');
    expect((await restore(s)).steps.map((step) => step.kind)).toEqual(['apply']);
    expect(await stateOf(s.who, s.dir)).toEqual(s.state);
  });

  it('where the branch has moved: the commit, detached, and the branch stays', async () => {
    const s = await scene();
    await s.who.git(s.dir, 'branch', '-f', 'main', s.later);
    await restore(s);
    expect(await headOf(s.who, s.dir)).toEqual([s.git.head, '']);
    expect(await s.who.git(s.dir, 'rev-parse', 'main')).toBe(s.later);
    expect(await stateOf(s.who, s.dir)).toEqual(s.state);
  });

  it('where the branch is checked out in another worktree: the commit, detached', async () => {
    const s = await scene();
    await s.who.git(s.dir, 'worktree', 'add', '-q', '../elsewhere', 'main');
    const situation = await readSituation(await openRepository(s.dir), s.git);
    expect(situation).toMatchObject({ branchAt: s.git.head, branchElsewhere: true });
    await restore(s);
    expect(await headOf(s.who, s.dir)).toEqual([s.git.head, '']);
    // In that worktree itself the branch is not elsewhere.
    const other = await openRepository(path.join(s.who.dir, 'elsewhere'));
    expect(await readSituation(other, s.git)).toMatchObject({ branchElsewhere: false, head: s.git.head });
  });

  it('--autostash puts changes and untracked files away first, and names the entry', async () => {
    const s = await scene();
    write(s.dir, 'b', 'mine\n');
    write(s.dir, 'new/file', 'mine\n');
    const mine = await stateOf(s.who, s.dir);
    const { stash } = await restore(s, { autostash: true });
    expect(stash).toBe(await s.who.git(s.dir, 'rev-parse', 'stash'));
    expect(await stateOf(s.who, s.dir)).toEqual(s.state);
    await s.who.git(s.dir, 'stash', 'push', '-q', '--include-untracked');
    await s.who.git(s.dir, 'checkout', '-q', 'later');
    await s.who.git(s.dir, 'stash', 'apply', '-q', '--index', stash!);
    expect(await stateOf(s.who, s.dir)).toEqual(mine);
  });

  it('--autostash with nothing to put away names no entry', async () => {
    const s = await scene();
    const repo = await openRepository(s.dir);
    expect((await carryOut(repo, [{ kind: 'stash' }])).stash).toBeNull();
  });

  it('--worktree: a linked worktree has it all, and this one is not touched', async () => {
    const s = await scene();
    write(s.dir, 'b', 'mine\n');
    const mine = await stateOf(s.who, s.dir);
    const place = path.join(s.who.dir, 'linked');
    const { repo } = await restore(s, { worktree: place });
    expect(repo).toMatchObject({ workTree: place, linked: true, bare: false });
    expect(await stateOf(s.who, place)).toEqual(s.state);
    expect(await headOf(s.who, place)).toEqual([s.git.head, 'main']);
    expect(await stateOf(s.who, s.dir)).toEqual(mine);
    expect((await repo.git.ok(['rev-parse', '--show-toplevel'])).toString().trim()).toBe(place);
  });

  it('--worktree from a bare repository', async () => {
    const s = await scene();
    const bare = path.join(s.who.dir, 'bare.git');
    await s.who.git(s.who.dir, 'clone', '-q', '--mirror', s.dir, bare);
    const place = path.join(s.who.dir, 'linked');
    await restore({ ...s, dir: bare }, { worktree: place });
    expect(await stateOf(s.who, place)).toEqual(s.state);
  });

  it('leaving git alone is no step', async () => {
    const s = await scene();
    expect((await restore(s, { git: false })).steps).toEqual([{ kind: 'leave', reason: 'no-git' }]);
    expect(await headOf(s.who, s.dir)).toEqual([s.later, 'later']);
  });
});

describe('C9: nothing of the repository runs', () => {
  it('no hook, also where core.hooksPath points into the commit that is checked out', async () => {
    const s = await scene();
    const touched = path.join(s.who.dir, 'touched');
    await s.who.git(s.dir, 'config', 'core.hooksPath', '.husky');
    for (const hook of [
      'post-checkout',
      'post-index-change',
      'reference-transaction',
      'pre-commit',
      'post-merge',
    ]) {
      for (const folder of ['.husky', '.git/hooks']) {
        write(s.dir, `${folder}/${hook}`, `#!/bin/sh\necho ${hook} >> ${touched}\n`);
        chmodSync(path.join(s.dir, folder, hook), 0o755);
      }
    }
    write(s.dir, '.git/info/exclude', '.husky\n');
    await restore(s, { worktree: path.join(s.who.dir, 'linked') });
    await restore(s);
    expect(await headOf(s.who, s.dir)).toEqual([s.git.head, '']);
    expect(existsSync(touched)).toBe(false);
  });
});

describe('F26: what is in the way is found before anything is touched', () => {
  const inTheWay = async (s: Scene) => (await readSituation(await openRepository(s.dir), s.git)).inTheWay;

  it('nothing, in a clean tree', async () => {
    expect(await inTheWay(await scene())).toEqual([]);
  });

  it.each<[string, (dir: string) => void, string[]]>([
    ['an untracked file that the checkout brings', (dir) => write(dir, 'c', 'mine\n'), ['c']],
    ['an untracked file that the saved work adds', (dir) => write(dir, 'added', 'mine\n'), ['added']],
    [
      'an untracked file that the saved work has untracked',
      (dir) => write(dir, 'new/file', 'mine\n'),
      ['new/file'],
    ],
    ['an untracked file where a directory comes', (dir) => write(dir, 'new', 'mine\n'), ['new']],
    ['an untracked directory where a file comes', (dir) => write(dir, 'c/mine', 'mine\n'), ['c']],
    ['a link to nowhere', (dir) => symlinkSync('/no/such', path.join(dir, 'c')), ['c']],
    ['several', (dir) => (write(dir, 'c', 'x'), write(dir, 'added', 'x')), ['added', 'c']],
    ['an untracked file elsewhere', (dir) => write(dir, 'mine', 'mine\n'), []],
    ['an untracked file in a directory that comes', (dir) => write(dir, 'new/mine', 'mine\n'), []],
    ['an ignored file elsewhere', (dir) => write(dir, 'x.log', 'mine\n'), []],
  ])('%s', async (_, change, expected) => {
    const s = await scene();
    change(s.dir);
    expect(await inTheWay(s)).toEqual(expected);
    if (expected.length > 0) {
      await expect(restore(s)).rejects.toMatchObject({ code: 'dirty-worktree' });
    } else await restore(s);
  });

  it.each<[string, string, (dir: string) => void, string[]]>([
    ['an ignored file that the checkout would overwrite', 'c', (dir) => write(dir, 'c', 'precious\n'), ['c']],
    [
      'an ignored file that the saved work would overwrite',
      'added',
      (dir) => write(dir, 'added', 'precious\n'),
      ['added'],
    ],
    ['an ignored file where a directory comes', 'new', (dir) => write(dir, 'new', 'precious\n'), ['new']],
  ])('%s', async (_, pattern, change, expected) => {
    const s = await scene();
    write(s.dir, '.git/info/exclude', `/${pattern}\n`);
    change(s.dir);
    expect(await s.who.git(s.dir, 'status', '--porcelain')).toBe('');
    expect(await inTheWay(s)).toEqual(expected);
  });

  it('a directory of tracked files that becomes a file is not in the way', async () => {
    const s = await scene();
    write(s.dir, 'c/tracked');
    await s.who.git(s.dir, 'add', '.');
    await s.who.git(s.dir, 'commit', '-q', '-m', 'directory');
    expect(await inTheWay(s)).toEqual([]);
    await restore(s);
    expect(read(s.dir, 'c')).toBe('c\n');
  });

  it('names that are no UTF-8 are told as well as they can be', async () => {
    const s = await scene();
    const name = Buffer.concat([Buffer.from(`${s.dir}/bad`), Buffer.from([0xff])]);
    await s.who.git(s.dir, 'checkout', '-q', 'main');
    writeFileSync(name, 'x');
    const saved = await saveIn(s.dir);
    const { head, branch, work } = saved.snapshot.git;
    const repo = await openRepository(s.dir);
    expect((await readSituation(repo, { head, branch, work })).inTheWay).toEqual(['bad\ufffd']);
  });
});

describe('the situation', () => {
  it('tells changes, commits that are missing, and operations', async () => {
    const s = await scene();
    const repo = await openRepository(s.dir);
    const gone = '1'.repeat(40);
    expect(await readSituation(repo, s.git)).toEqual({
      ...{
        workTree: true,
        head: s.later,
        branch: 'later',
        changed: 0,
        inTheWay: [],
        hasBase: true,
        hasWork: true,
      },
      ...{ branchAt: s.git.head, branchElsewhere: false, operation: null },
    });
    write(s.dir, 'b', 'x');
    write(s.dir, 'a', 'x');
    await s.who.git(s.dir, 'add', 'a');
    expect((await readSituation(repo, s.git)).changed).toBe(2);
    expect(await readSituation(repo, { head: gone, branch: 'none', work: gone })).toMatchObject({
      ...{ hasBase: false, hasWork: false, branchAt: null, inTheWay: [] },
    });
    expect(await readSituation(repo, { head: null, branch: null, work: null })).toMatchObject({
      ...{ hasBase: true, hasWork: true, branchAt: null, branchElsewhere: false },
    });
    // A blob is no commit, whatever its id is called.
    expect((await readSituation(repo, { ...s.git, head: s.saved.oid })).hasBase).toBe(false);
    await s.who.git(s.dir, 'reset', '-q', '--hard');
    await s.who.run('git', ['bisect', 'start'], { cwd: s.dir });
    expect((await readSituation(repo, s.git)).operation).toBe('bisect');
  });

  it('of a bare repository has no worktree', async () => {
    const s = await scene();
    await s.who.git(s.who.dir, 'clone', '-q', '--mirror', s.dir, 'bare.git');
    const repo = await openRepository(path.join(s.who.dir, 'bare.git'));
    expect(await readSituation(repo, s.git)).toMatchObject({
      workTree: false,
      changed: 0,
      inTheWay: [],
      branch: 'later',
    });
    expect(await differsFrom(repo, s.git)).toEqual([]);
  });

  it('a branch that is written like an option or an expression is none', async () => {
    const s = await scene();
    const repo = await openRepository(s.dir);
    for (const branch of ['--all', '-', '@{-1}', '../heads/main', 'ma*', '']) {
      expect((await readSituation(repo, { ...s.git, branch })).branchAt, branch).toBeNull();
    }
  });

  it('tells what differs from the saved work, by content', async () => {
    const s = await scene();
    const repo = await openRepository(s.dir);
    expect(await differsFrom(repo, s.git)).toEqual(['a', 'added', 'b', 'c', 'only-later']);
    await restore(s);
    expect(await differsFrom(repo, s.git)).toEqual([]);
    write(s.dir, 'a', 'and changed\n');
    expect(await differsFrom(repo, s.git)).toEqual([]);
    write(s.dir, 'nl\nx');
    await s.who.git(s.dir, 'add', '-N', 'nl\nx');
    expect(await differsFrom(repo, s.git)).toEqual(['nl\nx']);
    expect(await differsFrom(repo, { head: null, branch: null, work: null })).toEqual([]);
  });
});

describe('a step that fails puts everything back', () => {
  async function fails(s: Scene, steps: GitStep[]): Promise<unknown> {
    return carryOut(await openRepository(s.dir), steps).catch((error: unknown) => error);
  }

  it.each<[string, (s: Scene) => void, GitStep['kind'][]]>([
    [
      'a file that came since: at the saved work',
      (s) => write(s.dir, 'new/file', 'mine\n'),
      ['checkout', 'apply'],
    ],
    ['a file that came since: at the checkout', (s) => write(s.dir, 'c', 'mine\n'), ['checkout']],
  ])('%s', async (_, change, kinds) => {
    const s = await scene();
    change(s);
    const before = await stateOf(s.who, s.dir);
    const all: GitStep[] = [
      { kind: 'checkout', commit: s.git.head!, branch: 'main' },
      { kind: 'apply', work: s.git.work! },
    ];
    const error = await fails(
      s,
      all.filter((step) => kinds.includes(step.kind)),
    );
    expect(error).toBeInstanceOf(ApplyFailedError);
    expect((error as ApplyFailedError).exit).toBe(1);
    expect((error as ApplyFailedError).hints.join()).toContain('--worktree');
    expect(await stateOf(s.who, s.dir)).toEqual(before);
    expect(await headOf(s.who, s.dir)).toEqual([s.later, 'later']);
  });

  it('on the saved commit: work that does not apply whole is not left applied in part', async () => {
    const s = await scene();
    await s.who.git(s.dir, 'checkout', '-q', 'main');
    write(s.dir, 'new/file', 'mine\n');
    const before = await stateOf(s.who, s.dir);
    expect(await fails(s, [{ kind: 'apply', work: s.git.work! }])).toBeInstanceOf(ApplyFailedError);
    expect(await stateOf(s.who, s.dir)).toEqual(before);
  });

  it('changes that a person made since are not undone with it', async () => {
    const s = await scene();
    await s.who.git(s.dir, 'checkout', '-q', 'main');
    write(s.dir, 'a', 'mine, just now\n');
    write(s.dir, 'new/file', 'mine\n');
    expect(await fails(s, [{ kind: 'apply', work: s.git.work! }])).toBeInstanceOf(ApplyFailedError);
    expect(read(s.dir, 'a')).toBe('mine, just now\n');
    expect(read(s.dir, 'new/file')).toBe('mine\n');
  });

  it('from a detached HEAD, back to it', async () => {
    const s = await scene();
    await s.who.git(s.dir, 'checkout', '-q', '--detach');
    await fails(s, [
      { kind: 'checkout', commit: s.git.head!, branch: null },
      { kind: 'apply', work: '1'.repeat(40) },
    ]);
    expect(await headOf(s.who, s.dir)).toEqual([s.later, '']);
  });

  it('what --autostash has put away comes back', async () => {
    const s = await scene();
    write(s.dir, 'b', 'mine\n');
    await s.who.git(s.dir, 'add', 'b');
    write(s.dir, 'mine');
    const before = await stateOf(s.who, s.dir);
    await fails(s, [
      { kind: 'stash' },
      { kind: 'checkout', commit: s.git.head!, branch: 'main' },
      { kind: 'apply', work: '1'.repeat(40) },
    ]);
    expect(await stateOf(s.who, s.dir)).toEqual(before);
    expect(await s.who.git(s.dir, 'stash', 'list')).toBe('');
  });

  it('a worktree that was made is removed again', async () => {
    const s = await scene();
    const place = path.join(s.who.dir, 'linked');
    await fails(s, [
      { kind: 'worktree', path: place, commit: s.git.head!, branch: null },
      { kind: 'apply', work: '1'.repeat(40) },
    ]);
    expect(existsSync(place)).toBe(false);
    expect(await s.who.git(s.dir, 'worktree', 'list')).not.toContain('linked');
  });

  it('a worktree that can not be made is told, and what is there is left', async () => {
    const s = await scene();
    const place = path.join(s.who.dir, 'linked');
    write(place, 'mine');
    const error = await fails(s, [{ kind: 'worktree', path: place, commit: s.git.head!, branch: null }]);
    expect(error).toBeInstanceOf(FileProblemError);
    expect((error as FileProblemError).hints).toEqual(['name another place: --worktree=<path>']);
    expect(read(place, 'mine')).toBe('mine\n');
  });

  it('an unborn branch: the checkout of the saved commit, and back', async () => {
    const s = await scene();
    const dir = path.join(s.who.dir, 'unborn');
    await s.who.git(s.who.dir, 'init', '-q', '-b', 'fresh', dir);
    await s.who.git(dir, 'fetch', '-q', s.dir, 'refs/sessions/*:refs/sessions/*');
    const unborn = { ...s, dir };
    expect(await readSituation(await openRepository(dir), s.git)).toMatchObject({
      head: null,
      branch: 'fresh',
    });
    await restore(unborn);
    expect(await stateOf(s.who, dir)).toEqual(s.state);
    rmSync(dir, { recursive: true });
  });
});
