import { type AgentFact, agentKey, agentWarning } from './agent-resume.ts';
import { shellWord } from './command-line.ts';
import { InvalidLayoutError, InvalidNameError, SessionExistsError } from './errors.ts';
import { type GitRequest, type GitSituation, type GitStep, planGit } from './git-plan.ts';
import { formatLayout, leaves, parseLayout } from './layout.ts';
import {
  commandOf,
  hasCommand,
  heldBack,
  type PaneCommand,
  programKey,
  startedProgram,
} from './pane-command.ts';
import { fromSnapshotPath, type Places } from './paths.ts';
import type { Snapshot, TmuxPane } from './schema.ts';
import { displayText, fromText, type Text } from './text.ts';

/** What restore was asked for. */
export interface RestoreRequest extends GitRequest {
  /** The tmux session's name instead of the saved one. */
  as: string | null;
  /** Only the window with this index. */
  window: number | null;
  /** `none`: every command is typed and waits for Enter. */
  launch?: 'all' | 'none';
}

/** What is true on this machine, asked for before the plan is made. */
export interface RestoreFacts {
  places: Places;
  /** Names of the live tmux sessions. */
  liveSessions: Buffer[];
  tmuxVersion: string | null;
  /** How this user calls tmux, for hints. */
  tmuxCommand?: string;
  /** Name of the tmux session where `as` gives none; absent: the saved one. A rename changes it. */
  defaultName?: Text;
  git: GitSituation;
  /** Of each directory that a pane wants: what is there. Keyed by the path's latin1 text. */
  directories: ReadonlyMap<string, DirectoryFact>;
  /** Programs that were not found, by `programKey`. */
  missingPrograms: ReadonlySet<string>;
  /** Of each agent's conversation, by `agentKey`: what there is of it. Absent: it is taken to be there. */
  agents?: ReadonlyMap<string, AgentFact>;
}

export type DirectoryFact =
  | { state: 'ok' }
  /** Where the pane opens instead. */
  | { state: 'missing' | 'outside'; nearest: Buffer };

export interface PlannedPane extends PaneCommand {
  window: number;
  pane: number;
  cwd: Buffer;
  /** Set where the pane opens elsewhere, and nothing is started in it. */
  problem: string | null;
  scrollback: string | null;
  /** The transcript of an agent that is copied to where the agent looks for it, before it starts. */
  transcript: { from: string; to: string } | null;
  /**
   * What would be started if nothing were missing here: what an approval is about, because a checkout or
   * a later look can bring what was missing.
   */
  wants: Pick<PlannedPane, 'start' | 'steps' | 'prefill'> & { cwd: Buffer };
}

export interface RestorePlan {
  git: GitStep[];
  tmuxName: Text;
  members: { name: Text; activeWindow: number; lastWindow: number | null }[];
  windows: PlannedWindow[];
  activeWindow: number;
  lastWindow: number | null;
  warnings: string[];
  /** Something of the snapshot does not come back: exit code 1. */
  partial: boolean;
}

export interface PlannedWindow {
  index: number;
  name: Text;
  layout: string;
  width: number;
  height: number;
  zoomed: boolean;
  automaticRename: boolean;
  panes: (PlannedPane & Pick<TmuxPane, 'title' | 'active' | 'last' | 'remainOnExit' | 'synchronized'>)[];
}

/** Decides everything about a restore; pure. Throws where nothing may be touched. */
export function planRestore(snapshot: Snapshot, request: RestoreRequest, facts: RestoreFacts): RestorePlan {
  const [session, ...group] = snapshot.tmux.sessions;
  const warnings: string[] = [];
  const tmuxName: Text = request.as ?? facts.defaultName ?? session!.name;
  if (fromText(tmuxName).length === 0) {
    throw new InvalidNameError('the saved tmux session has no name', ['give it one: --as=<name>']);
  }
  refuseExisting(tmuxName, facts, request);
  const git = planGit(snapshot, request, facts.git, warnings);
  const wanted = snapshot.tmux.windows.filter((w) => request.window === null || w.index === request.window);
  if (wanted.length === 0) {
    throw new InvalidLayoutError(`the snapshot has no window ${request.window}`, [
      `its windows are ${snapshot.tmux.windows.map((w) => w.index).join(', ')}`,
    ]);
  }
  let partial = false;
  const indexes = new Set<number>();
  const windows = wanted.map((w): PlannedWindow => {
    if (indexes.has(w.index))
      throw new InvalidLayoutError(`invalid layout: two windows have index ${w.index}`);
    indexes.add(w.index);
    const root = parseLayout(w.layout);
    if (leaves(root).length !== w.panes.length) {
      throw new InvalidLayoutError(
        `invalid layout: window ${w.index} has ${w.panes.length} panes and a layout for ${leaves(root).length}`,
      );
    }
    const panes = w.panes.map((p) => {
      const planned = planPane(w.index, p, facts, request.launch ?? 'all');
      if (planned.problem !== null) {
        partial = true;
        warnings.push(`pane ${w.index}.${p.index}: ${planned.problem}`);
      } else {
        const said = agentWarning(p, facts.agents?.get(agentKey(w.index, p.index)));
        if (said !== null) warnings.push(`pane ${w.index}.${p.index}: ${said}`);
      }
      const { title, active, last, remainOnExit, synchronized } = p;
      return { ...planned, title, active, last, remainOnExit, synchronized };
    });
    const { index, name, zoomed, automaticRename } = w;
    return {
      ...{ index, name, zoomed, automaticRename, panes },
      ...{ layout: formatLayout(root), width: root.width, height: root.height },
    };
  });
  const member = facts.liveSessions;
  const members = group.filter((m) => {
    if (request.as !== null || request.window !== null) return false;
    if (!member.some((live) => live.equals(fromText(m.name)))) return true;
    warnings.push(`tmux session '${displayText(m.name)}' of the group exists already and is left alone`);
    return false;
  });
  const saved = snapshot.host.tmux;
  if (facts.tmuxVersion !== null && facts.tmuxVersion !== saved) {
    warnings.push(`saved with tmux ${saved}, restored with tmux ${facts.tmuxVersion}`);
  }
  const has = (index: number | null) => index !== null && indexes.has(index);
  return {
    git,
    tmuxName,
    members: members.map(({ name, activeWindow, lastWindow }) => ({
      name,
      activeWindow: has(activeWindow) ? activeWindow : windows[0]!.index,
      lastWindow: has(lastWindow) ? lastWindow : null,
    })),
    windows,
    activeWindow: has(session!.activeWindow) ? session!.activeWindow : windows[0]!.index,
    lastWindow: has(session!.lastWindow) ? session!.lastWindow : null,
    warnings,
    partial,
  };
}

function refuseExisting(name: Text, facts: RestoreFacts, request: RestoreRequest): void {
  if (!facts.liveSessions.some((live) => live.equals(fromText(name)))) return;
  if (request.replace?.name.equals(fromText(name)) === true) return;
  const shown = displayText(name);
  const free = (n: number): string =>
    facts.liveSessions.some((s) => s.toString('utf8') === `${shown}-${n}`) ? free(n + 1) : `${shown}-${n}`;
  throw new SessionExistsError(
    `tmux session '${shown}' already exists`,
    [
      `restore beside it: --as=${shellWord(free(2))}`,
      ...(request.as === null
        ? [`or go to it: ${facts.tmuxCommand ?? 'tmux'} attach -t ${shellWord(`=${shown}`)}`]
        : []),
    ],
    { session: shown },
  );
}

function planPane(window: number, p: TmuxPane, facts: RestoreFacts, launch: 'all' | 'none'): PlannedPane {
  const wanted = fromSnapshotPath(p.cwd, facts.places);
  const fact = wanted === null ? undefined : facts.directories.get(wanted.toString('latin1'));
  const agent = facts.agents?.get(agentKey(window, p.index));
  const found = commandOf(p, agent);
  const what = launch === 'none' ? heldBack(p, found) : found;
  const { start, steps, prefill } = what;
  const home = facts.places.home ?? Buffer.from('/');
  const base = {
    ...{ window, pane: p.index, scrollback: p.scrollback?.path ?? null, transcript: null },
    wants: { cwd: wanted ?? home, start, steps, prefill },
  };
  const nothing = { start: null, steps: [], prefill: null, shown: null };
  const shown = displayText(p.cwd.path) === '' ? '.' : displayText(p.cwd.path);
  if (wanted === null || fact === undefined || fact.state !== 'ok') {
    const why =
      fact?.state === 'outside'
        ? `directory '${shown}' leads out of the repository`
        : `directory '${shown}' does not exist`;
    const stopped = hasCommand(p) ? '; command not started' : '';
    return {
      ...base,
      ...nothing,
      cwd: fact === undefined || fact.state === 'ok' ? home : fact.nearest,
      problem: why + stopped,
    };
  }
  const program = startedProgram(what.start);
  if (program !== undefined && facts.missingPrograms.has(programKey(window, p.index, displayText(program)))) {
    const problem = `'${displayText(program)}' was not found; command not started`;
    return { ...base, ...nothing, cwd: wanted, problem };
  }
  // What is typed is typed all the same: the shell may know it, and else says so in the pane itself.
  const typed = what.steps
    .map((step) => displayText(step[0]!))
    .find((name) => facts.missingPrograms.has(programKey(window, p.index, name)));
  if (typed !== undefined) return { ...base, ...what, cwd: wanted, problem: `'${typed}' was not found` };
  const transcript = agent?.state === 'elsewhere' ? { from: agent.from, to: agent.to } : null;
  return { ...base, ...what, transcript, cwd: wanted, problem: null };
}
