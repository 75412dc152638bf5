import type { Snapshot } from './schema.ts';

/**
 * What an approval is about: all that would run, where, and with which environment and files. The
 * digest of this value is what the approvals store keeps; any change to it needs a new approval.
 */
export function approvalSubject(repository: string, id: string, oid: string, snapshot: Snapshot): unknown {
  return {
    repository,
    id,
    oid,
    env: snapshot.env,
    base: snapshot.git.head,
    work: snapshot.git.work,
    panes: snapshot.tmux.windows.flatMap((w) =>
      w.panes.map((p) => ({
        window: w.index,
        pane: p.index,
        cwd: p.cwd,
        start: p.start,
        steps: p.relaunch.steps,
        line: p.relaunch.line,
        agent: p.agent,
      })),
    ),
  };
}
