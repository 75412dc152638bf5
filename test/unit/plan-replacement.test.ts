import { describe, expect, it } from 'vitest';
import { DirtyWorktreeError, MissingCommitError, SessionExistsError } from '../../src/session/errors.ts';
import { type GitSituation, planGit, type Replacement } from '../../src/session/git-plan.ts';
import { planRestore } from '../../src/session/plan.ts';
import { plainSnapshot } from '../support/forge.ts';

const BASE = 'b'.repeat(40);
const OTHER = 'c'.repeat(40);
const WORK = 'd'.repeat(40);
const NOW = 'e'.repeat(40);

const replace = (change: Partial<Replacement> = {}): Replacement => ({
  ...{
    tmuxId: '$1',
    name: Buffer.from('x'),
    work: NOW,
    carried: new Set<string>(),
    onProblem: () => undefined,
  },
  ...change,
});

function steps(now: Partial<GitSituation>, change: Partial<Replacement> = {}, work: string | null = null) {
  const snapshot = plainSnapshot(BASE);
  snapshot.git = { ...snapshot.git, branch: 'main', work };
  const asked = { as: null, window: null, git: true, autostash: false, worktree: null };
  const situation: GitSituation = {
    ...{ workTree: true, head: BASE, branch: 'main', changed: 0, inTheWay: [], hasBase: true, hasWork: true },
    ...{ branchAt: BASE, branchElsewhere: false, operation: null },
    ...now,
  };
  return planGit(snapshot, { ...asked, replace: replace(change) }, situation, []);
}

const refusal = (...args: Parameters<typeof steps>) => {
  try {
    steps(...args);
  } catch (error) {
    return error as DirtyWorktreeError;
  }
  throw new Error('it was not refused');
};

describe('V3 the git steps of a rollback', () => {
  it('take what is there out of the worktree, go to the commit, and apply its work', () => {
    expect(steps({ head: OTHER, branch: 'side', changed: 2 }, {}, WORK)).toEqual([
      { kind: 'put-aside', work: NOW },
      { kind: 'checkout', commit: BASE, branch: 'main' },
      { kind: 'apply', work: WORK },
    ]);
  });

  it('are as few as it needs', () => {
    expect(steps({})).toEqual([{ kind: 'leave', reason: 'up-to-date' }]);
    expect(steps({ changed: 1 })).toEqual([{ kind: 'put-aside', work: NOW }]);
    expect(steps({}, { carried: new Set(['new']) })).toEqual([{ kind: 'put-aside', work: NOW }]);
    expect(steps({}, {}, WORK)).toEqual([{ kind: 'apply', work: WORK }]);
    // At the commit, and on another branch.
    expect(steps({ branch: 'side' })).toEqual([{ kind: 'checkout', commit: BASE, branch: 'main' }]);
    expect(steps({ branch: 'side', branchAt: OTHER })).toEqual([{ kind: 'leave', reason: 'up-to-date' }]);
    // A branch that has moved on is never moved back.
    expect(steps({ head: OTHER, branchAt: OTHER })).toEqual([
      { kind: 'checkout', commit: BASE, branch: null },
    ]);
  });

  it('are refused where a snapshot would not hold all, with exit code 1', () => {
    for (const operation of ['merge', 'rebase', 'cherry-pick'])
      expect(refusal({ operation }).message).toContain(`a ${operation} is in progress`);
    expect(steps({ operation: 'bisect' })).toHaveLength(1);
    expect(refusal({ head: null }).message).toContain('there is no commit yet');
    const way = refusal({ inTheWay: ['key.pem', 'new'] }, { carried: new Set(['new']) });
    expect(way).toBeInstanceOf(DirtyWorktreeError);
    expect(way.data).toMatchObject({ inTheWay: ['key.pem'] });
    expect(way.exit).toBe(1);
    expect(steps({ inTheWay: ['new'] }, { carried: new Set(['new']) })).toEqual([
      { kind: 'put-aside', work: NOW },
    ]);
    expect(() => steps({ hasBase: false })).toThrow(MissingCommitError);
  });
});

it('V3 only the session that is replaced may have the name already', () => {
  const snapshot = plainSnapshot(null);
  const name = snapshot.tmux.sessions[0]!.name as string;
  const plan = (live: string[], replaced?: string) =>
    planRestore(
      snapshot,
      {
        ...{ as: null, window: null, git: false, autostash: false, worktree: null },
        ...(replaced === undefined ? {} : { replace: replace({ name: Buffer.from(replaced) }) }),
      },
      {
        places: { repo: Buffer.from('/r'), home: Buffer.from('/h') },
        liveSessions: live.map((text) => Buffer.from(text)),
        tmuxVersion: null,
        git: {
          ...{
            workTree: true,
            head: null,
            branch: null,
            changed: 0,
            inTheWay: [],
            hasBase: true,
            hasWork: true,
          },
          ...{ branchAt: null, branchElsewhere: false, operation: null },
        },
        directories: new Map(),
        missingPrograms: new Set(),
      },
    );
  expect(() => plan([name])).toThrow(SessionExistsError);
  expect(() => plan([name], 'other')).toThrow(SessionExistsError);
  expect(plan([name], name).tmuxName).toBe(name);
});
