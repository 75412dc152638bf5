import { quoteCommand } from './command-line.ts';
import type { Crq, Snapshot, SnapshotPath, TmuxPane } from './schema.ts';
import { displayText } from './text.ts';

/** What a list tells of a snapshot: all of it comes from the snapshot's bytes, so it never changes. */
export interface SnapshotSummary {
  sessionId: string;
  /** The tmux session's name when it was saved. */
  tmuxName: string;
  path: SnapshotPath;
  /** Seconds since 1970. */
  createdAt: number;
  lastAttachedAt: number | null;
  /** Of the main pane, as one would type it; null for a shell that waits. */
  command: string | null;
  /** The name of that command's program. */
  program: string | null;
  /** Lines of history of all panes. */
  historyLines: number;
  savedAt: string;
  savedBy: { name: string; email: string };
  host: string;
  branch: string | null;
  head: string | null;
  crqs: Crq[];
  message: string | null;
  windows: number;
  panes: number;
}

export function summarize(snapshot: Snapshot): SnapshotSummary {
  const { git, session, tmux } = snapshot;
  const { name, path, createdAt, lastAttachedAt } = tmux.sessions[0]!;
  const panes = tmux.windows.flatMap((w) => w.panes);
  const main = mainPane(snapshot);
  const argv = (main.command ?? main.processes[0]?.argv ?? []).map((word, i) =>
    // A login shell has a dash before its name.
    i === 0 && typeof word === 'string' ? word.replace(/^-(?=.)/u, '') : word,
  );
  return {
    ...{ sessionId: session.id, tmuxName: displayText(name), path, createdAt, lastAttachedAt },
    command: argv.length === 0 ? null : displayText(quoteCommand(argv)),
    program: argv.length === 0 ? null : displayText(argv[0]!).replace(/^.*\//su, ''),
    historyLines: panes.reduce((sum, p) => sum + p.historyLines, 0),
    ...{ savedAt: snapshot.savedAt, savedBy: snapshot.savedBy, host: snapshot.host.name },
    ...{ branch: git.branch, head: git.head, crqs: snapshot.crqs, message: snapshot.message },
    ...{ windows: tmux.windows.length, panes: panes.length },
  };
}

/** The pane that a person would see first: the active one of the active window. */
function mainPane(snapshot: Snapshot): TmuxPane {
  const { windows } = snapshot.tmux;
  const window = windows.find((w) => w.active) ?? windows[0]!;
  return window.panes.find((p) => p.active) ?? window.panes[0]!;
}
