import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DirtyWorktreeError,
  InvalidLayoutError,
  InvalidNameError,
  MissingCommitError,
  SessionExistsError,
} from '../../src/session/errors.ts';
import { formatLayout, leaves, parseLayout } from '../../src/session/layout.ts';
import { type GitSituation, type GitStep, planGit } from '../../src/session/git-plan.ts';
import { commandOf, programKey } from '../../src/session/pane-command.ts';
import {
  type DirectoryFact,
  planRestore,
  type RestoreFacts,
  type RestoreRequest,
} from '../../src/session/plan.ts';
import type { Snapshot, TmuxPane } from '../../src/session/schema.ts';
import { anySnapshot, anyText } from '../support/arbitrary.ts';
import { plainPane, plainSnapshot, plainWindow, typedPane } from '../support/forge.ts';
import { layoutText } from '../support/layouts.ts';

const BASE = 'b'.repeat(40);
const OTHER = 'c'.repeat(40);
const WORK = 'd'.repeat(40);
const REPO = '/r';
const HOME = '/h';

const request = (change: Partial<RestoreRequest> = {}): RestoreRequest => ({
  ...{ as: null, window: null, git: true, autostash: false, worktree: null },
  ...change,
});

/** HEAD is the saved commit, on the saved branch, and the tree is clean. */
const situation = (change: Partial<GitSituation> = {}): GitSituation => ({
  ...{ workTree: true, head: BASE, branch: 'main', changed: 0, inTheWay: [], hasBase: true, hasWork: true },
  ...{ branchAt: BASE, branchElsewhere: false, operation: null },
  ...change,
});

const there = (...paths: string[]): Map<string, DirectoryFact> =>
  new Map(paths.map((path) => [path, { state: 'ok' as const }]));

const facts = (change: Partial<RestoreFacts> = {}): RestoreFacts => ({
  places: { repo: Buffer.from(REPO), home: Buffer.from(HOME) },
  liveSessions: [],
  tmuxVersion: '3.3a',
  git: situation(),
  directories: there(REPO, HOME, '/'),
  missingPrograms: new Set(),
  ...change,
});

function saved(change: Partial<Snapshot['git']> = {}): Snapshot {
  const snapshot = plainSnapshot(BASE);
  snapshot.git = { ...snapshot.git, ...change };
  return snapshot;
}

function withPanes(...panes: TmuxPane[]): Snapshot {
  const layouts = [
    '80x24,0,0,0',
    '80x24,0,0{40x24,0,0,0,39x24,41,0,1}',
    '80x24,0,0{40x24,0,0,0,19x24,41,0,1,19x24,61,0,2}',
  ];
  const snapshot = saved();
  const numbered = panes.map((p, index) => ({ ...p, index }));
  snapshot.tmux.windows = [plainWindow({ panes: numbered, layout: layoutText(layouts[panes.length - 1]!) })];
  return snapshot;
}

const planOf = (
  snapshot: Snapshot,
  change: Partial<RestoreFacts> = {},
  asked: Partial<RestoreRequest> = {},
) => planRestore(snapshot, request(asked), facts(change));

/** The one pane of a plan. */
function paneOf(pane: TmuxPane, change: Partial<RestoreFacts> = {}) {
  const plan = planOf(withPanes(pane), change);
  return { ...plan.windows[0]!.panes[0]!, partial: plan.partial, warnings: plan.warnings };
}

function thrownBy<T>(action: () => unknown, kind: abstract new (...args: never[]) => T): T {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(kind);
    return error as T;
  }
  throw new Error('nothing was thrown');
}

describe('R3, F26: what happens to git (design.md section 5)', () => {
  const apply: GitStep = { kind: 'apply', work: WORK };
  const stash: GitStep = { kind: 'stash' };
  const leave = (reason: string) => ({ kind: 'leave', reason });
  const checkout = (branch: string | null) => ({ kind: 'checkout', commit: BASE, branch });
  const worktree = (branch: string | null) => ({ kind: 'worktree', path: '/w', commit: BASE, branch });
  const elsewhere = { head: OTHER, branch: 'topic' };

  interface Row {
    when: string;
    saved?: Partial<Snapshot['git']>;
    now?: Partial<GitSituation>;
    asked?: Partial<RestoreRequest>;
    steps: unknown[];
    warns?: RegExp;
  }
  const rows: Row[] = [
    // HEAD is the saved commit.
    { when: 'same HEAD, clean, clean at save', steps: [leave('up-to-date')] },
    { when: 'same HEAD, clean, work saved', saved: { work: WORK }, steps: [apply] },
    {
      when: 'same HEAD, changes, work saved',
      saved: { work: WORK },
      now: { changed: 1 },
      steps: [leave('dirty-same-head')],
    },
    { when: 'same HEAD, changes, clean at save', now: { changed: 1 }, steps: [leave('dirty-same-head')] },
    {
      when: 'same HEAD, files in the way',
      saved: { work: WORK },
      now: { inTheWay: ['x'] },
      steps: [leave('dirty-same-head')],
    },
    {
      when: 'same HEAD, changes, --autostash',
      saved: { work: WORK },
      now: { changed: 1 },
      asked: { autostash: true },
      steps: [stash, apply],
    },
    {
      when: 'same HEAD, files in the way, --autostash',
      saved: { work: WORK },
      now: { inTheWay: ['x'] },
      asked: { autostash: true },
      steps: [stash, apply],
    },
    {
      when: 'same HEAD, changes, --autostash, clean at save',
      now: { changed: 1 },
      asked: { autostash: true },
      steps: [stash],
    },
    {
      when: 'same HEAD, clean, --autostash',
      saved: { work: WORK },
      asked: { autostash: true },
      steps: [apply],
    },
    { when: 'same HEAD on another branch', now: { branch: 'topic' }, steps: [leave('up-to-date')] },
    { when: 'same HEAD, detached', now: { branch: null }, steps: [leave('up-to-date')] },
    // HEAD is elsewhere and the tree is clean.
    { when: 'other HEAD, the branch still points there', now: elsewhere, steps: [checkout('main')] },
    {
      when: 'other HEAD, work saved',
      saved: { work: WORK },
      now: elsewhere,
      steps: [checkout('main'), apply],
    },
    {
      when: 'other HEAD, the branch moved',
      now: { ...elsewhere, branchAt: OTHER },
      steps: [checkout(null)],
      warns: /'main' has moved from bbbbbbb to ccccccc; it is left where it is/u,
    },
    {
      when: 'other HEAD, on the branch, which moved',
      now: { head: OTHER, branch: 'main', branchAt: OTHER },
      steps: [checkout(null)],
      warns: /has moved/u,
    },
    {
      when: 'other HEAD, the branch is gone',
      now: { ...elsewhere, branchAt: null },
      steps: [checkout(null)],
    },
    {
      when: 'other HEAD, the branch is checked out elsewhere',
      now: { ...elsewhere, branchElsewhere: true },
      steps: [checkout(null)],
    },
    {
      when: 'other HEAD, saved detached',
      saved: { branch: null, detached: true },
      now: { ...elsewhere, branchAt: null },
      steps: [checkout(null)],
    },
    { when: 'other HEAD, a bisect', now: { ...elsewhere, operation: 'bisect' }, steps: [checkout('main')] },
    { when: 'unborn HEAD', now: { head: null }, steps: [checkout('main')] },
    {
      when: 'other HEAD, clean, --autostash',
      now: elsewhere,
      asked: { autostash: true },
      steps: [checkout('main')],
    },
    // HEAD is elsewhere and the tree has changes: with --autostash only (else see below).
    {
      when: 'other HEAD, changes, --autostash',
      saved: { work: WORK },
      now: { ...elsewhere, changed: 2 },
      asked: { autostash: true },
      steps: [stash, checkout('main'), apply],
    },
    {
      when: 'other HEAD, files in the way, --autostash',
      now: { ...elsewhere, inTheWay: ['x'] },
      asked: { autostash: true },
      steps: [stash, checkout('main')],
    },
    // A linked worktree: the state of this one does not matter.
    {
      when: '--worktree',
      saved: { work: WORK },
      now: { ...elsewhere, changed: 3, inTheWay: ['x'] },
      asked: { worktree: '/w' },
      steps: [worktree('main'), apply],
    },
    {
      when: '--worktree, the branch is checked out here',
      asked: { worktree: '/w' },
      steps: [worktree(null)],
    },
    {
      when: '--worktree, the branch is checked out elsewhere',
      now: { ...elsewhere, branchElsewhere: true },
      asked: { worktree: '/w' },
      steps: [worktree(null)],
    },
    {
      when: '--worktree, the branch moved',
      now: { ...elsewhere, branchAt: OTHER },
      asked: { worktree: '/w' },
      steps: [worktree(null)],
      warns: /has moved/u,
    },
    {
      when: '--worktree from a bare repository',
      now: { workTree: false, ...elsewhere },
      asked: { worktree: '/w' },
      steps: [worktree('main')],
    },
    {
      when: '--worktree, saved detached',
      saved: { branch: null, detached: true },
      now: { branchAt: null },
      asked: { worktree: '/w' },
      steps: [worktree(null)],
    },
    // git is left alone.
    {
      when: '--no-git',
      saved: { work: WORK },
      now: { ...elsewhere, changed: 1 },
      asked: { git: false },
      steps: [leave('no-git')],
    },
    {
      when: '--no-git without the commit',
      now: { hasBase: false },
      asked: { git: false },
      steps: [leave('no-git')],
    },
    {
      when: 'saved before the first commit',
      saved: { head: null },
      now: { changed: 1 },
      steps: [leave('no-commit')],
    },
    { when: 'a bare repository', now: { workTree: false }, steps: [leave('bare')] },
  ];

  it.each(rows)('$when', ({ saved: git = {}, now = {}, asked = {}, steps, warns }) => {
    const warnings: string[] = [];
    expect(planGit(saved(git), request(asked), situation(now), warnings)).toEqual(steps);
    if (warns === undefined) expect(warnings).toEqual([]);
    else expect(warnings.join('\n')).toMatch(warns);
  });

  it.each([
    [
      'changes',
      { changed: 1 },
      'your working tree has changes, and HEAD is not at the saved commit; nothing was touched',
    ],
    ['changes and files in the way', { changed: 1, inTheWay: ['x'] }, 'your working tree has changes'],
    ['files in the way', { inTheWay: ['x', 'y'] }, 'untracked files are in the way of the restore'],
  ])('other HEAD and %s: refused with exit code 1 and the ways out', (_, now, message) => {
    const error = thrownBy(
      () => planOf(saved({ work: WORK }), { git: situation({ ...elsewhere, ...now }) }),
      DirtyWorktreeError,
    );
    expect(error.message).toContain(message);
    expect(error.exit).toBe(1);
    for (const option of ['--worktree', '--autostash', '--no-git'])
      expect(error.hints.join()).toContain(option);
    expect(error.data).toEqual({ inTheWay: 'inTheWay' in now ? now.inTheWay : [], head: OTHER, saved: BASE });
  });

  it.each([
    ['the base commit', {}, { hasBase: false, hasWork: false }, BASE],
    ['the worktree commit', { work: WORK }, { hasWork: false }, WORK],
  ])('F25: %s is not in this repository: named, with how to get it', (_, git, now, oid) => {
    const error = thrownBy(() => planOf(saved(git), { git: situation(now) }), MissingCommitError);
    expect(error.message).toBe(`commit ${oid.slice(0, 7)} of session 'forged' is not in this repository`);
    expect(error.hints).toContain(`fetch it: git fetch origin ${oid}`);
    expect(error.data).toEqual({ commit: oid });
  });

  it('F25: a worktree commit that was never made is not missed', () => {
    expect(planGit(saved({ work: null }), request(), situation({ hasWork: false }), [])).toEqual([
      leave('up-to-date'),
    ]);
  });

  it('no branch is ever moved: a branch is checked out only where it points at the saved commit', () => {
    const oid = fc.constantFrom(BASE, OTHER);
    const now = fc.record({
      workTree: fc.boolean(),
      head: fc.option(oid),
      branch: fc.option(fc.constantFrom('main', 'topic')),
      changed: fc.nat({ max: 1 }),
      inTheWay: fc.constantFrom<string[]>([], ['x']),
      hasBase: fc.boolean(),
      hasWork: fc.boolean(),
      branchAt: fc.option(oid),
      branchElsewhere: fc.boolean(),
      operation: fc.constantFrom(null, 'rebase'),
    });
    const asked = fc.record({
      ...{ as: fc.constant(null), window: fc.constant(null), git: fc.boolean(), autostash: fc.boolean() },
      worktree: fc.constantFrom(null, '/w'),
    });
    const was = fc.record({
      head: fc.option(fc.constant(BASE)),
      work: fc.option(fc.constant(WORK)),
      branch: fc.option(fc.constant('main')),
    });
    fc.assert(
      fc.property(was, asked, now, (git, request, now) => {
        let steps: GitStep[];
        try {
          steps = planGit(saved(git), request, now, []);
        } catch (error) {
          expect(error instanceof DirtyWorktreeError || error instanceof MissingCommitError).toBe(true);
          return;
        }
        const kinds = steps.map((s) => s.kind);
        for (const step of steps) {
          if ('branch' in step && step.branch !== null) {
            expect([now.branchAt, now.branchElsewhere]).toEqual([BASE, false]);
          }
        }
        // Nothing in place is touched while there are changes, but for what --autostash has put away before.
        const moves = kinds.includes('checkout') || (kinds.includes('apply') && !kinds.includes('worktree'));
        if (moves && (now.changed > 0 || now.inTheWay.length > 0)) expect(kinds[0]).toBe('stash');
        if (kinds.includes('stash')) expect(request.autostash).toBe(true);
        if (kinds.includes('apply')) expect(git.work).toBe(WORK);
        if (!request.git) expect(kinds).toEqual(['leave']);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('an operation that waits for --continue', () => {
  const now = {
    workTree: true,
    head: 'f'.repeat(40),
    branch: null,
    changed: 0,
    inTheWay: [],
    hasBase: true,
    hasWork: true,
  };
  const waits = { ...now, branchAt: null, branchElsewhere: false, operation: 'rebase' };
  const asked = { as: null, window: null, git: true, autostash: false, worktree: null };

  it('is not checked out away, and the hint says how to end it', () => {
    const error = thrownBy(() => planGit(saved(), asked, waits, []), DirtyWorktreeError);
    expect(error.message).toContain('a rebase is in progress');
    expect(error.hints[0]).toContain('git rebase --continue');
  });

  it('does not matter in a linked worktree of its own', () => {
    const steps = planGit(saved(), { ...asked, worktree: '/w' }, waits, []);
    expect(steps.map((s) => s.kind)).toEqual(['worktree']);
  });
});

describe('R4: the tmux session', () => {
  it('comes back as it was saved', () => {
    const snapshot = saved();
    snapshot.tmux.windows = [
      plainWindow({ index: 3, name: { base64: '/w==' }, zoomed: true, automaticRename: true }),
      plainWindow({
        index: 7,
        panes: [plainPane({ title: 't', remainOnExit: 'failed', synchronized: true, active: true })],
      }),
    ];
    snapshot.tmux.sessions[0]!.activeWindow = 7;
    snapshot.tmux.sessions[0]!.lastWindow = 3;
    const plan = planOf(snapshot);
    expect(plan).toMatchObject({
      tmuxName: 'forged',
      activeWindow: 7,
      lastWindow: 3,
      members: [],
      warnings: [],
      partial: false,
    });
    expect(plan.windows[0]).toMatchObject({
      index: 3,
      name: { base64: '/w==' },
      zoomed: true,
      automaticRename: true,
      width: 80,
      height: 24,
    });
    expect(plan.windows[1]!.panes[0]).toMatchObject({
      title: 't',
      remainOnExit: 'failed',
      synchronized: true,
      cwd: Buffer.from(REPO),
      problem: null,
    });
  });

  it('any snapshot with layouts that fit has a plan with the same windows and panes', () => {
    fc.assert(
      fc.property(anySnapshot(), (snapshot) => {
        snapshot.git.head = null;
        fc.pre(snapshot.tmux.sessions[0]!.name !== '');
        const [first] = snapshot.tmux.windows;
        snapshot.tmux.windows = [{ ...first!, panes: [first!.panes[0]!], layout: 'b25d,80x24,0,0,0' }];
        const plan = planOf(snapshot);
        expect(plan.windows.map((w) => [w.index, w.panes.length])).toEqual([[first!.index, 1]]);
        expect([plan.activeWindow, plan.windows[0]!.layout]).toEqual([first!.index, 'b25d,80x24,0,0,0']);
        expect(plan.partial).toBe(plan.windows[0]!.panes[0]!.problem !== null);
      }),
      { numRuns: 200 },
    );
  });

  it('A8: passes on its own serialization of the layout, never the text of the snapshot', () => {
    const snapshot = saved();
    const text = layoutText('80x24,0,0{40x24,0,0,77,39x24,41,0,3}');
    snapshot.tmux.windows = [
      plainWindow({ layout: text, panes: [plainPane(), plainPane({ index: 1 })], width: 9999, height: 1 }),
    ];
    const [window] = planOf(snapshot).windows;
    expect(window!.layout).toBe(formatLayout(parseLayout(text)));
    expect(window!.layout).not.toBe(text);
    expect([window!.width, window!.height]).toEqual([80, 24]);
  });

  it.each([
    ['garbage', plainWindow({ layout: 'garbage' }), 'no checksum'],
    [
      'more cells than panes',
      plainWindow({ layout: layoutText('80x24,0,0{40x24,0,0,0,39x24,41,0,1}') }),
      'window 0 has 1 panes and a layout for 2',
    ],
    [
      'more panes than cells',
      plainWindow({ panes: [plainPane(), plainPane({ index: 1 })] }),
      'window 0 has 2 panes and a layout for 1',
    ],
  ])('A10: %s is refused before anything is touched', (_, window, why) => {
    const snapshot = saved();
    snapshot.tmux.windows = [window];
    expect(() => planOf(snapshot)).toThrow(InvalidLayoutError);
    expect(() => planOf(snapshot)).toThrow(why);
  });

  it('A10: two windows with one index are refused', () => {
    const snapshot = saved();
    snapshot.tmux.windows = [plainWindow(), plainWindow()];
    expect(() => planOf(snapshot)).toThrow('two windows have index 0');
  });

  it('an active or last window that is not there is replaced by the first one and by none', () => {
    const snapshot = saved();
    snapshot.tmux.windows = [plainWindow({ index: 4 })];
    snapshot.tmux.sessions[0] = { ...snapshot.tmux.sessions[0]!, activeWindow: 9, lastWindow: 8 };
    expect(planOf(snapshot)).toMatchObject({ activeWindow: 4, lastWindow: null });
  });

  it('R11: another tmux version is told, and an unknown one is not', () => {
    expect(planOf(saved(), { tmuxVersion: '3.5' }).warnings).toEqual([
      'saved with tmux 3.3a, restored with tmux 3.5',
    ]);
    expect(planOf(saved(), { tmuxVersion: null }).warnings).toEqual([]);
  });

  it('--window takes one window, and names those that there are for another', () => {
    const snapshot = saved();
    snapshot.tmux.windows = [plainWindow({ index: 1 }), plainWindow({ index: 5, layout: 'garbage' })];
    snapshot.tmux.sessions[0] = { ...snapshot.tmux.sessions[0]!, activeWindow: 5, lastWindow: 1 };
    expect(planOf(snapshot, {}, { window: 1 })).toMatchObject({
      windows: [{ index: 1 }],
      activeWindow: 1,
      lastWindow: 1,
    });
    const error = thrownBy(() => planOf(snapshot, {}, { window: 2 }), InvalidLayoutError);
    expect(error.message).toBe('the snapshot has no window 2');
    expect(error.hints).toEqual(['its windows are 1, 5']);
  });
});

describe('F30: a tmux session of that name', () => {
  const live = (...names: (string | Buffer)[]) => ({ liveSessions: names.map((n) => Buffer.from(n)) });

  it('is never touched; the hints name a free name', () => {
    const error = thrownBy(() => planOf(saved(), live('other', 'forged')), SessionExistsError);
    expect(error.message).toBe("tmux session 'forged' already exists");
    expect(error.exit).toBe(128);
    expect(error.hints).toEqual([
      'restore beside it: --as=forged-2',
      "or go to it: tmux attach -t '=forged'",
    ]);
    expect(error.data).toEqual({ session: 'forged' });
    const taken = thrownBy(() => planOf(saved(), live('forged', 'forged-2', 'forged-3')), SessionExistsError);
    expect(taken.hints[0]).toBe('restore beside it: --as=forged-4');
  });

  it('is found by its bytes: a prefix or another spelling is another one', () => {
    expect(planOf(saved(), live('forged2', 'Forged', 'forge')).tmuxName).toBe('forged');
    const snapshot = saved();
    snapshot.tmux.sessions[0]!.name = { base64: Buffer.from([0x61, 0xff]).toString('base64') };
    expect(() => planOf(snapshot, live(Buffer.from([0x61, 0xff])))).toThrow(SessionExistsError);
    expect(planOf(snapshot, live(Buffer.from([0x61, 0xfe]))).tmuxName).toEqual({ base64: 'Yf8=' });
  });

  it('--as gives another name, which must be free as well', () => {
    expect(planOf(saved(), live('forged'), { as: 'beside' }).tmuxName).toBe('beside');
    const error = thrownBy(
      () => planOf(saved(), live('forged', 'beside'), { as: 'beside' }),
      SessionExistsError,
    );
    expect(error.hints).toEqual(['restore beside it: --as=beside-2']);
  });

  it('the hints are for this user’s tmux and shell', () => {
    const odd = saved();
    odd.tmux.sessions[0]!.name = "it's;";
    const error = thrownBy(
      () => planOf(odd, { ...live("it's;"), tmuxCommand: 'tmux -L work' }),
      SessionExistsError,
    );
    expect(error.hints).toEqual([
      "restore beside it: --as='it'\\''s;-2'",
      "or go to it: tmux -L work attach -t '=it'\\''s;'",
    ]);
  });

  it('a session that was renamed comes back under its new name, and one without a name needs one', () => {
    expect(planOf(saved(), { defaultName: 'renamed' }).tmuxName).toBe('renamed');
    expect(planOf(saved(), { defaultName: 'renamed' }, { as: 'mine' }).tmuxName).toBe('mine');
    expect(() => planOf(saved(), { ...live('renamed'), defaultName: 'renamed' })).toThrow(SessionExistsError);
    const nameless = saved();
    nameless.tmux.sessions[0]!.name = '';
    expect(() => planOf(nameless)).toThrow(InvalidNameError);
    expect(planOf(nameless, {}, { as: 'mine' }).tmuxName).toBe('mine');
  });

  it('is looked at before git: nothing is planned for a session that exists', () => {
    expect(() => planOf(saved(), { ...live('forged'), git: situation({ hasBase: false }) })).toThrow(
      SessionExistsError,
    );
  });
});

describe('groups', () => {
  const grouped = () => {
    const snapshot = saved();
    const [first] = snapshot.tmux.sessions;
    const member = (name: string, activeWindow: number, lastWindow: number | null) => ({
      ...first!,
      name,
      group: 'forged',
      activeWindow,
      lastWindow,
    });
    snapshot.tmux.sessions = [{ ...first!, group: 'forged' }, member('two', 1, 0), member('three', 9, 9)];
    snapshot.tmux.windows = [plainWindow(), plainWindow({ index: 1 })];
    return snapshot;
  };

  it('R4: the members come back with their own active and last window', () => {
    expect(planOf(grouped()).members).toEqual([
      { name: 'two', activeWindow: 1, lastWindow: 0 },
      { name: 'three', activeWindow: 0, lastWindow: null },
    ]);
  });

  it('a member that is alive is left alone, and that is said', () => {
    const plan = planOf(grouped(), { liveSessions: [Buffer.from('two')] });
    expect(plan.members.map((m) => m.name)).toEqual(['three']);
    expect(plan.warnings).toEqual(["tmux session 'two' of the group exists already and is left alone"]);
  });

  it('--as and --window bring one session only', () => {
    expect(planOf(grouped(), {}, { as: 'x' }).members).toEqual([]);
    expect(planOf(grouped(), {}, { window: 0 }).members).toEqual([]);
  });
});

describe('S2, R5: what a pane would start, for every source and confidence', () => {
  const relaunch = (change: Partial<TmuxPane['relaunch']>): TmuxPane['relaunch'] => ({
    ...{ source: 'foreground', confidence: 'argv', reason: 'x', steps: [], line: null },
    ...change,
  });
  const nothing = { start: null, steps: [], prefill: null, shown: null };
  const steps = [['bash'], ['npm', 'test']];

  it.each<[string, Partial<TmuxPane>, Partial<ReturnType<typeof commandOf>>]>([
    ['an idle shell', { relaunch: relaunch({ source: 'none', confidence: 'exact', steps }) }, {}],
    ['nothing known', { relaunch: relaunch({ source: 'none', confidence: 'unknown' }) }, {}],
    [
      'a shell by name, idle',
      { start: { argv: ['zsh', '-l'] }, relaunch: relaunch({ source: 'none' }) },
      { start: ['zsh', '-l'] },
    ],
    [
      'a shell by one word, idle',
      { start: { shell: 'zsh' }, relaunch: relaunch({ source: 'none' }) },
      { start: ['zsh'] },
    ],
    [
      'a start command',
      { start: { argv: ['vi', 'x'] }, relaunch: relaunch({ source: 'start', confidence: 'exact', steps }) },
      { start: ['vi', 'x'] },
    ],
    [
      'a start line',
      { start: { shell: 'vi x; true' }, relaunch: relaunch({ source: 'start', confidence: 'exact' }) },
      { start: ['vi x; true'] },
    ],
    // tmux would give a single word to a shell, which would read it as a line.
    [
      'a program of one word',
      { start: { argv: ['touch x'] }, relaunch: relaunch({ source: 'start', confidence: 'exact' }) },
      { start: ['/bin/sh', '-c', 'exec "$0"', 'touch x'] },
    ],
    [
      "a shell of one word that is exec'd",
      { start: { argv: ['zsh'] }, relaunch: relaunch({ source: 'none' }) },
      { start: ['/bin/sh', '-c', 'exec "$0"', 'zsh'] },
    ],
    [
      'a start that is not there',
      { relaunch: relaunch({ source: 'start', confidence: 'exact', steps }) },
      { steps },
    ],
    [
      'a start of unknown confidence',
      { start: { argv: ['vi', 'x'] }, relaunch: relaunch({ source: 'start', confidence: 'unknown', steps }) },
      {},
    ],
    ['a command', { relaunch: relaunch({ steps }) }, { steps }],
    ['a command, exactly', { relaunch: relaunch({ confidence: 'exact', steps }) }, { steps }],
    [
      'a command in a shell by name',
      { start: { argv: ['zsh', '-l'] }, relaunch: relaunch({ steps }) },
      { start: ['zsh', '-l'], steps },
    ],
    [
      'a rebuilt command',
      { relaunch: relaunch({ confidence: 'rebuilt', steps }) },
      { steps: [['bash']], prefill: ['npm', 'test'] },
    ],
    [
      'a rebuilt command with its own line',
      { relaunch: relaunch({ confidence: 'rebuilt', steps, line: 'npm test' }) },
      { steps: [['bash']], prefill: ['npm', 'test'] },
    ],
    [
      'a rebuilt pipeline',
      { relaunch: relaunch({ confidence: 'rebuilt', steps: [['bash']], line: 'a | b' }) },
      { steps: [['bash']], shown: 'a | b' },
    ],
    [
      'a rebuilt pipeline at the first shell',
      { relaunch: relaunch({ confidence: 'rebuilt', line: 'a | b' }) },
      { shown: 'a | b' },
    ],
    ['a rebuilt nothing', { relaunch: relaunch({ confidence: 'rebuilt' }) }, {}],
    ['an unknown command', { relaunch: relaunch({ confidence: 'unknown', steps, line: 'x' }) }, {}],
    [
      'an unknown command in a shell by name',
      { start: { argv: ['zsh', '-l'] }, relaunch: relaunch({ confidence: 'unknown', steps }) },
      { start: ['zsh', '-l'] },
    ],
    [
      'a dead pane',
      {
        dead: { status: 1 },
        start: { argv: ['vi', 'x'] },
        relaunch: relaunch({ source: 'start', confidence: 'exact', steps }),
      },
      {},
    ],
    ['a dead pane with a command', { dead: { status: null }, relaunch: relaunch({ steps }) }, {}],
  ])('%s', (_, pane, expected) => {
    expect(commandOf(plainPane(pane))).toEqual({ ...nothing, ...expected });
  });

  it('A16: a line of the snapshot is only ever shown, never started or typed', () => {
    fc.assert(
      fc.property(anySnapshot(), anyText(), (snapshot, line) => {
        for (const pane of snapshot.tmux.windows.flatMap((w) => w.panes)) {
          const what = commandOf({ ...pane, relaunch: { ...pane.relaunch, line } });
          const known = [
            ...pane.relaunch.steps,
            ...(pane.start === null ? [] : ['argv' in pane.start ? pane.start.argv : [pane.start.shell]]),
          ];
          const runs = [...what.steps, ...(what.prefill === null ? [] : [what.prefill])];
          for (const argv of runs) expect(known).toContainEqual(argv);
          if (pane.dead !== null) expect(what).toEqual(nothing);
          if (what.start !== null)
            expect(known).toContainEqual(what.start[0] === '/bin/sh' ? what.start.slice(3) : what.start);
        }
      }),
    );
  });
});

describe('R11, F32, F33: what differs here', () => {
  const missing = (...programs: string[]) => new Set(programs.map((p) => programKey(0, 0, p)));
  const command = typedPane(['npm', 'test'], { cwd: { in: 'repo', path: 'src' } });
  const cwd = `${REPO}/src`;

  it('a directory that is there: the command is started in it', () => {
    expect(paneOf(command, { directories: there(cwd) })).toMatchObject({
      ...{ cwd: Buffer.from(cwd), steps: [['npm', 'test']], problem: null, partial: false, warnings: [] },
    });
  });

  it.each([
    ['missing', "directory 'src' does not exist; command not started"],
    ['outside', "directory 'src' leads out of the repository; command not started"],
  ] as const)(
    'F32, C16: a directory that is %s: the pane opens nearby and starts nothing',
    (state, problem) => {
      const directories = new Map<string, DirectoryFact>([[cwd, { state, nearest: Buffer.from(REPO) }]]);
      const pane = paneOf(command, { directories });
      expect(pane).toMatchObject({
        cwd: Buffer.from(REPO),
        start: null,
        steps: [],
        prefill: null,
        shown: null,
        problem,
      });
      expect([pane.partial, pane.warnings]).toEqual([true, [`pane 0.0: ${problem}`]]);
    },
  );

  it('F32: a shell without a command only says where it is not', () => {
    const idle = plainPane({ cwd: { in: 'repo', path: 'src' } });
    const directories = new Map<string, DirectoryFact>([
      [cwd, { state: 'missing', nearest: Buffer.from(REPO) }],
    ]);
    expect(paneOf(idle, { directories }).problem).toBe("directory 'src' does not exist");
    const prefilled = typedPane(['x'], { cwd: { in: 'repo', path: 'src' } });
    prefilled.relaunch.confidence = 'rebuilt';
    expect(paneOf(prefilled, { directories }).problem).toContain('; command not started');
  });

  it('a place that this machine does not have, or that was not looked at, opens at home', () => {
    const places = { repo: null, home: Buffer.from(HOME) };
    expect(paneOf(plainPane(), { places })).toMatchObject({
      cwd: Buffer.from(HOME),
      problem: "directory '.' does not exist",
    });
    expect(paneOf(command, { directories: there() })).toMatchObject({ cwd: Buffer.from(HOME), steps: [] });
    const homeless = plainPane({ cwd: { in: 'home', path: 'x' } });
    expect(paneOf(homeless, { places: { repo: null, home: null } }).cwd).toEqual(Buffer.from('/'));
  });

  it('F33: a program of the start command that is missing is not started, and the pane stays', () => {
    const pane = plainPane({
      start: { argv: ['nosuch', '-x'] },
      relaunch: { source: 'start', confidence: 'exact', reason: 'start-command', steps: [], line: null },
    });
    const found = paneOf(pane, { missingPrograms: new Set(['0.0 nosuch']) });
    expect(found).toMatchObject({ start: null, steps: [], cwd: Buffer.from(REPO), partial: true });
    expect(found.warnings).toEqual(["pane 0.0: 'nosuch' was not found; command not started"]);
    expect(paneOf(pane, { missingPrograms: new Set(['0.0 other']) }).start).toEqual(['nosuch', '-x']);
  });

  it('F33: the same for a program of one word', () => {
    const pane = plainPane({
      start: { argv: ['nosuch'] },
      relaunch: { source: 'start', confidence: 'exact', reason: 'start-command', steps: [], line: null },
    });
    expect(paneOf(pane, { missingPrograms: new Set(['0.0 nosuch']) })).toMatchObject({
      ...{ start: null, problem: "'nosuch' was not found; command not started" },
    });
    // A shell line is the shell's own matter: its first word need not be a program.
    const line = plainPane({ ...pane, start: { shell: 'nosuch' } });
    expect(paneOf(line, { missingPrograms: new Set(['0.0 nosuch']) })).toMatchObject({
      start: ['nosuch'],
      problem: null,
    });
  });

  it('F33: what is typed is typed all the same: the shell may know it, and says so in the pane', () => {
    const pane = paneOf(typedPane(['ll', '-a']), { missingPrograms: new Set(['0.0 ll']) });
    expect(pane).toMatchObject({ steps: [['ll', '-a']], problem: "'ll' was not found", partial: true });
  });

  it('C26: what is missing does not change what an approval is about', () => {
    const wants = { start: null, steps: [['npm', 'test']], prefill: null, cwd: Buffer.from(cwd) };
    expect(paneOf(command, { directories: there(cwd) }).wants).toEqual(wants);
    expect(paneOf(command, { directories: there() }).wants).toEqual(wants);
    expect(paneOf(command, { directories: there(cwd), missingPrograms: missing('npm') }).wants).toEqual(
      wants,
    );
  });

  it('one pane with a problem leaves the others as they are', () => {
    const snapshot = withPanes(command, typedPane(['make']), plainPane());
    const plan = planOf(snapshot, { directories: there(REPO) });
    expect(plan.windows[0]!.panes.map((p) => p.problem === null)).toEqual([false, true, true]);
    expect(plan.windows[0]!.panes.map((p) => [p.window, p.pane])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ]);
    expect(leaves(parseLayout(plan.windows[0]!.layout))).toHaveLength(3);
    expect(plan.warnings).toEqual(["pane 0.0: directory 'src' does not exist; command not started"]);
  });

  it('S12: scrollback is named where it was saved', () => {
    const scrollback = { path: 'scrollback/0.0', lines: 1, bytes: 2, truncated: false };
    expect(paneOf(plainPane({ scrollback })).scrollback).toBe('scrollback/0.0');
    expect(paneOf(plainPane()).scrollback).toBeNull();
  });
});
