import type { Listed, SavedFacts } from '../../src/session/listed.ts';

export const saved: SavedFacts = {
  ...{
    snapshot: 'work/id',
    ref: 'refs/sessions/work/id/snapshot',
    oid: 'o',
    remote: null,
    contextCommit: null,
  },
  ...{
    snapshots: 1,
    savedAt: '2020-01-01T00:00:00.000Z',
    savedBy: null,
    host: null,
    head: null,
    message: null,
  },
};

/** A row of a session that is only saved. */
export function listed(change: Partial<Listed> = {}): Listed {
  return {
    ...{
      status: 'saved',
      reason: null,
      exitCode: null,
      alive: false,
      current: false,
      id: null,
      label: 'work',
    },
    ...{
      names: ['work'],
      name: 'work',
      sessionName: null,
      context: 'session',
      identifier: 'work',
      kind: null,
    },
    ...{ workingDir: null, worktree: null, command: null, argv: null, pid: null, createdAt: null },
    ...{ startedAt: null, endedAt: null, lastAccessedAt: null, lastAttachedAt: null, attachedClients: 0 },
    ...{ agents: [], ai: false, historySize: null, metadata: {}, branch: null, windows: null, panes: null },
    ...{ crqs: [], saved, error: null },
    ...change,
  };
}

/** One that lives, and is not saved. */
export function running(change: Partial<Listed> = {}): Listed {
  return listed({
    ...{ status: 'running', alive: true, startedAt: '2026-11-21T11:00:00.000Z', saved: null },
    ...change,
  });
}

/** For a run that is over. */
export const ended: Partial<Listed> = { kind: 'run', status: 'completed', alive: false };
