import { describe, expect, it } from 'vitest';
import { type AgentFact, agentKey } from '../../src/session/agent-resume.ts';
import { commandOf } from '../../src/session/pane-command.ts';
import { planRestore, type RestoreFacts } from '../../src/session/plan.ts';
import type { PaneAgent, TmuxPane } from '../../src/session/schema.ts';
import { plainPane, plainSnapshot, plainWindow, typedPane } from '../support/forge.ts';

const NOTHING = { start: null, steps: [], prefill: null, shown: null };

const relaunch = (change: Partial<TmuxPane['relaunch']>): TmuxPane['relaunch'] => ({
  ...{ source: 'foreground', confidence: 'argv', reason: 'x', steps: [], line: null },
  ...change,
});

/** What a pane is planned to start when every command waits for Enter. */
function held(pane: TmuxPane) {
  const snapshot = plainSnapshot(null);
  snapshot.tmux.windows = [plainWindow({ panes: [pane] })];
  const request = { as: null, window: null, git: false, autostash: false, worktree: null };
  const facts: RestoreFacts = {
    places: { repo: Buffer.from('/r'), home: Buffer.from('/h') },
    liveSessions: [],
    tmuxVersion: '3.3a',
    git: {
      ...{ workTree: true, head: null, branch: 'main', changed: 0, inTheWay: [], hasBase: true },
      ...{ hasWork: true, branchAt: null, branchElsewhere: false, operation: null },
    },
    directories: new Map([['/r', { state: 'ok' }]]),
    missingPrograms: new Set(),
  };
  const plan = planRestore(snapshot, { ...request, launch: 'none' }, facts);
  const { start, steps, prefill, shown } = plan.windows[0]!.panes[0]!;
  return { start, steps, prefill, shown };
}

describe('R5 --launch=none: nothing starts, and every command is there to be sent off', () => {
  const start = relaunch({ source: 'start', confidence: 'exact' });
  it.each<[string, TmuxPane, object]>([
    ['a shell that waits', plainPane(), {}],
    ['a typed command', typedPane(['npm', 'test']), { prefill: ['npm', 'test'] }],
    [
      'a command in a shell within',
      plainPane({ relaunch: relaunch({ steps: [['bash'], ['vi', 'x']] }) }),
      { steps: [['bash']], prefill: ['vi', 'x'] },
    ],
    [
      'a shell within a shell',
      plainPane({ relaunch: relaunch({ steps: [['bash']] }) }),
      { steps: [['bash']] },
    ],
    [
      'a start command',
      plainPane({ start: { argv: ['vi', 'x'] }, relaunch: start }),
      { prefill: ['vi', 'x'] },
    ],
    [
      'a program of one word',
      plainPane({ start: { argv: ['htop'] }, relaunch: start }),
      { prefill: ['htop'] },
    ],
    // Text for a shell could be anything: a person copies it.
    [
      'a line for a shell',
      plainPane({ start: { shell: 'vi x; true' }, relaunch: start }),
      { shown: 'vi x; true' },
    ],
    [
      'what was only offered anyway',
      plainPane({ relaunch: relaunch({ confidence: 'rebuilt', steps: [['npm', 'test']] }) }),
      { prefill: ['npm', 'test'] },
    ],
  ])('%s', (_, pane, expected) => {
    expect(held(pane)).toEqual({ ...NOTHING, ...expected });
  });
});

describe('S2: the agent of a pane is what a restore starts', () => {
  const id = '0b0e8b0c-0000-4000-8000-000000000001';
  const agent = (change: Partial<PaneAgent> = {}): PaneAgent => ({
    ...{ name: 'claude', conversation: id, confidence: 'exact', evidence: 'argv', argv: ['claude'] },
    ...change,
  });
  const typed = (change: Partial<TmuxPane> = {}) => typedPane(['claude'], { agent: agent(), ...change });
  const here: AgentFact = { state: 'here' };

  it.each<[string, TmuxPane, AgentFact | undefined, object]>([
    ['typed in a shell', typed(), here, { steps: [['claude', '--resume', id]] }],
    [
      'in a shell within a shell',
      typed({ relaunch: relaunch({ steps: [['bash'], ['claude']] }) }),
      here,
      { steps: [['bash'], ['claude', '--resume', id]] },
    ],
    [
      'by a command that was rebuilt: offered',
      typed({ relaunch: relaunch({ confidence: 'rebuilt', steps: [['bash'], ['claude']] }) }),
      here,
      { steps: [['bash']], prefill: ['claude', '--resume', id] },
    ],
    [
      'started by tmux itself',
      typed({ start: { argv: ['claude'] }, relaunch: relaunch({ source: 'start', confidence: 'exact' }) }),
      here,
      { start: ['claude', '--resume', id] },
    ],
    ['its conversation is not here', typed(), { state: 'missing' }, { steps: [['claude']] }],
    ['nobody has looked', typed(), undefined, { steps: [['claude', '--resume', id]] }],
    ['in a pane that is dead', typed({ dead: { status: 0 } }), here, {}],
  ])('%s', (_, pane, fact, expected) => {
    expect(commandOf(pane, fact)).toEqual({ ...NOTHING, ...expected });
  });

  it('is named by window and pane', () => {
    expect(agentKey(2, 1)).toBe('2.1');
  });
});
