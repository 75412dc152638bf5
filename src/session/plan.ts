import { agentCommand, type AgentFact, agentKey, agentWarning } from './agent-resume.ts';
import { quoteCommand, shellWord } from './command-line.ts';
import { formatLayout, leaves, parseLayout } from './layout.ts';
import {
  DirtyWorktreeError,
  InvalidLayoutError,
  InvalidNameError,
  MissingCommitError,
  SessionExistsError,
} from './errors.ts';
import { fromSnapshotPath, type Places } from './paths.ts';
import type { Snapshot, TmuxPane } from './schema.ts';
import { isShell } from './shell-argv.ts';
import { displayText, equalText, fromText, type Text } from './text.ts';

/** What restore was asked for. */
export interface RestoreRequest {
  /** The tmux session's name instead of the saved one. */
  as: string | null;
  /** Only the window with this index. */
  window: number | null;
  git: boolean;
  autostash: boolean;
  /** A linked worktree is made at this path; null: restore in place. */
  worktree: string | null;
  /** `none`: every command is typed and waits for Enter. */
  launch?: 'all' | 'none';
  /** Takes the place of a live session, and of what is in its worktree. */
  replace?: Replacement;
}

/** What a rollback replaces. All of it was saved before. */
export interface Replacement {
  /** `$1`, and its name. */
  tmuxId: string;
  name: Buffer;
  /** The commit with the uncommitted work of now; null where there is none, or none yet. */
  work: string | null;
  /** Paths of the untracked files in it. */
  carried: ReadonlySet<string>;
  /** Hears why the worktree could not be put back after a failure. */
  onProblem(message: string): void;
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

export interface GitSituation {
  workTree: boolean;
  head: string | null;
  branch: string | null;
  /** Tracked files that differ from HEAD, unmerged ones included. */
  changed: number;
  /** Untracked files that the checkout or the saved work would overwrite. */
  inTheWay: readonly string[];
  /** The saved base commit and worktree commit are in this repository. */
  hasBase: boolean;
  hasWork: boolean;
  /** Commit that the saved branch points at here; null where there is no such branch. */
  branchAt: string | null;
  /** The saved branch is checked out in another worktree. */
  branchElsewhere: boolean;
  operation: string | null;
}

export type GitStep =
  | { kind: 'leave'; reason: 'no-git' | 'no-commit' | 'dirty-same-head' | 'bare' | 'up-to-date' }
  | { kind: 'stash' }
  /** Takes the uncommitted work of now out of the worktree: it is in this commit. */
  | { kind: 'put-aside'; work: string | null }
  | { kind: 'worktree'; path: string; commit: string; branch: string | null }
  | { kind: 'checkout'; commit: string; branch: string | null }
  | { kind: 'apply'; work: string }
  /** What is checked out goes through a program of the user's own configuration. */
  | { kind: 'filter'; name: string };

export interface PlannedPane {
  window: number;
  pane: number;
  cwd: Buffer;
  /** Set where the pane opens elsewhere, and nothing is started in it. */
  problem: string | null;
  /** Exec'd with these words; a single word is a line for the user's shell, as tmux has it. */
  start: Text[] | null;
  /** Typed into the shell, one after the other. */
  steps: Text[][];
  /** Typed without Enter: what was found is not sure enough to be started. */
  prefill: Text[] | null;
  /** A line that was rebuilt from a pipeline. It is shown, never typed: a snapshot's own text is not. */
  shown: Text | null;
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

/** What happens to HEAD and the worktree, by the rules of design.md section 5. */
export function planGit(
  snapshot: Snapshot,
  request: RestoreRequest,
  now: GitSituation,
  warnings: string[],
): GitStep[] {
  const { head: base, work, branch } = snapshot.git;
  if (!request.git) return [{ kind: 'leave', reason: 'no-git' }];
  if (base === null) return [{ kind: 'leave', reason: 'no-commit' }];
  if (!now.hasBase || (work !== null && !now.hasWork)) throw missing(snapshot, now.hasBase ? work! : base);
  const apply: GitStep[] = work === null ? [] : [{ kind: 'apply', work }];
  const movable = branch !== null && now.branchAt === base && !now.branchElsewhere ? branch : null;
  if (branch !== null && now.branchAt !== null && now.branchAt !== base) {
    warnings.push(
      `branch '${branch}' has moved from ${base.slice(0, 7)} to ${now.branchAt.slice(0, 7)}; it is left where it is`,
    );
  }
  if (request.worktree !== null) {
    // The branch can't be checked out twice.
    const free = movable !== null && now.branch !== branch ? movable : null;
    return [{ kind: 'worktree', path: request.worktree, commit: base, branch: free }, ...apply];
  }
  if (!now.workTree) return [{ kind: 'leave', reason: 'bare' }];
  if (request.replace !== undefined)
    return planReplacement(request.replace, now, base, branch, movable, apply);
  const clean = now.changed === 0 && now.inTheWay.length === 0;
  if (now.head === base) {
    if (clean) return apply.length > 0 ? apply : [{ kind: 'leave', reason: 'up-to-date' }];
    if (request.autostash) return [{ kind: 'stash' }, ...apply];
    return [{ kind: 'leave', reason: 'dirty-same-head' }];
  }
  if (now.operation !== null && now.operation !== 'bisect') {
    throw new DirtyWorktreeError(
      `a ${now.operation} is in progress, and HEAD is not at the saved commit; nothing was touched`,
      [
        `finish it or give it up first: git ${now.operation} --continue, git ${now.operation} --abort`,
        'or restore into a linked worktree: --worktree',
        'or restore the tmux session only: --no-git',
      ],
    );
  }
  const checkout: GitStep = { kind: 'checkout', commit: base, branch: movable };
  if (clean) return [checkout, ...apply];
  if (request.autostash) return [{ kind: 'stash' }, checkout, ...apply];
  throw new DirtyWorktreeError(
    now.changed > 0
      ? 'your working tree has changes, and HEAD is not at the saved commit; nothing was touched'
      : `untracked files are in the way of the restore; nothing was touched`,
    [
      'restore into a linked worktree: --worktree',
      'or put your changes on the stash first: --autostash',
      'or restore the tmux session only: --no-git',
    ],
    { inTheWay: now.inTheWay, head: now.head, saved: base },
  );
}

function planReplacement(
  { work, carried }: Replacement,
  now: GitSituation,
  base: string,
  branch: string | null,
  movable: string | null,
  apply: GitStep[],
): GitStep[] {
  if (now.head === null || (now.operation !== null && now.operation !== 'bisect')) {
    const what = now.head === null ? 'there is no commit yet' : `a ${now.operation} is in progress`;
    throw new DirtyWorktreeError(`${what}: a snapshot would not hold that; nothing was touched`, [
      now.head === null ? 'make one first: git commit' : 'finish it or give it up first, and try again',
    ]);
  }
  const stays = now.inTheWay.filter((file) => !carried.has(file));
  if (stays.length > 0) {
    throw new DirtyWorktreeError(
      'untracked files that no snapshot takes are in the way; nothing was touched',
      stays.slice(0, 5).map((file) => `move it away: ${shellWord(file)}`),
      { inTheWay: stays, head: now.head, saved: base },
    );
  }
  const moves = now.head !== base || (movable !== null && now.branch !== branch);
  const steps: GitStep[] = [
    ...(now.changed > 0 || carried.size > 0 ? [{ kind: 'put-aside' as const, work }] : []),
    ...(moves ? [{ kind: 'checkout' as const, commit: base, branch: movable }] : []),
    ...apply,
  ];
  return steps.length > 0 ? steps : [{ kind: 'leave', reason: 'up-to-date' }];
}

function missing(snapshot: Snapshot, oid: string): MissingCommitError {
  return new MissingCommitError(
    `commit ${oid.slice(0, 7)} of session '${snapshot.session.name}' is not in this repository`,
    [
      `fetch it: git fetch origin ${oid}`,
      'or get the whole session: git session fetch',
      'or restore the tmux session only: --no-git',
    ],
    { commit: oid },
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

/** What a pane would start, as far as the snapshot is sure of it. */
export function commandOf(
  p: TmuxPane,
  fact?: AgentFact,
): Pick<PlannedPane, 'start' | 'steps' | 'prefill' | 'shown'> {
  const { source, confidence, steps, line } = p.relaunch;
  const nothing = { start: null, steps: [], prefill: null, shown: null };
  const agent = agentCommand(p, fact);
  if (agent !== null) {
    const { argv, nested, started, sure } = agent;
    if (started) return { ...nothing, start: oneWord(argv) };
    if (sure) return shellStart(p, { ...nothing, steps: [...nested, argv] });
    return shellStart(p, { ...nothing, steps: nested, prefill: argv });
  }
  if (p.dead !== null || source === 'none') return shellStart(p, nothing);
  if (source === 'start' && confidence === 'exact' && p.start !== null) {
    return { ...nothing, start: 'argv' in p.start ? oneWord(p.start.argv) : [p.start.shell] };
  }
  if (confidence === 'argv' || confidence === 'exact') return shellStart(p, { ...nothing, steps });
  if (confidence === 'rebuilt') {
    // Shells on the way are sure; the last step is only offered. A pipeline is in `line` alone.
    const last = steps.at(-1);
    const offered = last !== undefined && (line === null || equalText(line, quoteCommand(last)));
    if (offered) return shellStart(p, { ...nothing, steps: steps.slice(0, -1), prefill: last });
    return shellStart(p, { ...nothing, steps, shown: line });
  }
  return shellStart(p, nothing);
}

/** The same, with Enter left to the user. A start command becomes a line in a shell; a line of text is only shown. */
function heldBack(p: TmuxPane, what: ReturnType<typeof commandOf>): ReturnType<typeof commandOf> {
  const { start, steps, prefill } = what;
  if (start !== null && p.relaunch.source === 'start') {
    const nothing = { start: null, steps: [], prefill: null, shown: null };
    if (start.length === 1) return { ...nothing, shown: start[0]! };
    return { ...nothing, prefill: isWrapped(start) ? start.slice(-1) : start };
  }
  const last = steps.at(-1);
  if (prefill !== null || last === undefined || isShell(last)) return what;
  return { ...what, steps: steps.slice(0, -1), prefill: last };
}

/** A pane that was started as an interactive shell by name keeps that shell. */
function shellStart<T extends Pick<PlannedPane, 'start'>>(p: TmuxPane, what: T): T {
  if (p.start === null || p.dead !== null || p.relaunch.source === 'start') return what;
  return { ...what, start: 'argv' in p.start ? oneWord(p.start.argv) : [p.start.shell] };
}

const EXEC_ONE = ['/bin/sh', '-c', 'exec "$0"'];

/** tmux gives a single word to a shell; a program of one word is exec'd through one that only does that. */
function oneWord(argv: Text[]): Text[] {
  return argv.length === 1 ? [...EXEC_ONE, argv[0]!] : argv;
}

/** How `RestoreFacts.missingPrograms` names the program of a pane. */
export function programKey(window: number, pane: number, program: string): string {
  return `${window}.${pane} ${program}`;
}

/** The program that a start command execs; undefined where it is a line for a shell. */
export function startedProgram(start: readonly Text[] | null): Text | undefined {
  if (start === null || start.length === 1) return undefined;
  return isWrapped(start) ? start.at(-1) : start[0];
}

function isWrapped(start: readonly Text[]): boolean {
  return start.length === EXEC_ONE.length + 1 && EXEC_ONE.every((word, i) => start[i] === word);
}

function hasCommand(p: TmuxPane): boolean {
  const { start, steps, prefill } = commandOf(p);
  return start !== null || steps.length > 0 || prefill !== null;
}
