import { quoteCommand, rebuildLine, type Redirection } from './command-line.ts';
import { isShell, isShellLine } from './shell-argv.ts';
import { displayText, equalText, type Text } from './text.ts';

/** One process, as `/proc/<pid>/stat` and `cmdline` (Linux) or `ps` (macOS) tell it. */
export interface ProcessInfo {
  pid: number;
  ppid: number;
  pgrp: number;
  /** Foreground process group of its terminal; -1 (Linux) or 0 (macOS) without one. */
  tpgid: number;
  /** Device number (Linux) or name (macOS) of its terminal. */
  tty: number | string;
  /** One letter: R S D T Z X and so on. */
  state: string;
  argv: Text[];
  /** Absent means true. False where the boundaries between arguments are lost (`ps`). */
  argvExact?: boolean;
  /** Path of the executable; read only where argv alone does not settle what runs. */
  exe?: string;
  /** Clock ticks since boot (Linux), seconds since 1970 (macOS). */
  startTime: number;
  /** Addresses the kernel chose at exec (Linux). Equal in parent and child: forked without exec, a subshell. */
  image?: string;
}

/** tmux's `pane_start_command`: several words are exec'd, one string goes through the shell. */
export type StartCommand = { argv: Text[] } | { shell: Text };

export interface Relaunch {
  source: 'start' | 'foreground' | 'none';
  confidence: 'exact' | 'argv' | 'rebuilt' | 'unknown';
  /** Stable kebab-case word. */
  reason: string;
  /** Argument vector of the foreground leader as found (a rewritten title split on spaces). */
  command: Text[] | null;
  /**
   * What to type, in order: nested interactive shells, then the command. A rebuilt pipeline or redirection is not
   * among them, but in `line`. Where the confidence is `rebuilt` the last step needs the user's confirmation.
   */
  steps: Text[][];
  /** A rebuilt line in POSIX quoting, to be shown or prefilled; never run by itself. */
  line: Text | null;
}

export interface RelaunchInput {
  panePid: number;
  /** The tree under `panePid`, itself included. */
  processes: readonly ProcessInfo[];
  start: StartCommand | null;
  /** By pid, one entry per descriptor 0 to 2; a missing pid means that they could not be read. */
  fds?: Readonly<Record<number, readonly Redirection[]>>;
  dead: boolean;
}

type Found = Pick<Relaunch, 'confidence' | 'reason'> & Partial<Pick<Relaunch, 'command' | 'line'>>;
type Weighed = Found & { step?: Text[] };

const MAX_STEPS = 32;

/** Decides what a restore starts in a pane, and how sure that is. Rules and their reasons: docs, tmux.md 2.1, 2.2, 4.4. */
export function decideRelaunch(input: RelaunchInput): Relaunch {
  if (input.dead) return none({ confidence: 'exact', reason: 'dead-pane' });
  const byPid = new Map(input.processes.map((p) => [p.pid, p]));
  const root = byPid.get(input.panePid);
  const leader = root && byPid.get(root.tpgid);
  if (input.start && !startsShell(input.start)) {
    const command = leader && isLive(leader) ? leader.argv : null;
    return { source: 'start', confidence: 'exact', reason: 'start-command', command, steps: [], line: null };
  }
  if (!root || !isLive(root)) return none({ confidence: 'unknown', reason: 'no-process' });
  if (root.tpgid <= 0) return none({ confidence: 'unknown', reason: 'no-terminal' });
  if (!leader || !isLive(leader)) return foreground([], { confidence: 'unknown', reason: 'leader-dead' });
  return follow(input, chainTo(leader, root.pid, byPid));
}

/** Pids whose descriptors 0 to 2 `decideRelaunch` looks at: the foreground leader and its pipeline siblings; none at a prompt. */
export function pidsToInspect(panePid: number, processes: readonly ProcessInfo[]): number[] {
  const root = processes.find((p) => p.pid === panePid);
  const leader = root && processes.find((p) => p.pid === root.tpgid && isLive(p));
  if (!leader || leader === root) return leader && !isShell(leader.argv) ? [leader.pid] : [];
  return stagesOf(leader, processes).map((p) => p.pid);
}

/** True where the pane was created with an interactive shell, explicitly. */
export function startsShell(start: StartCommand): boolean {
  return 'argv' in start ? isShell(start.argv) : isShellLine(start.shell);
}

/** Walks from the pane's shell down to the foreground leader and collects what was typed on the way. */
function follow(input: RelaunchInput, chain: readonly ProcessInfo[]): Relaunch {
  // The first shell is the pane itself (under `sh -c bash` it is not the first process); without one, the pane's
  // program came by `exec` and counts as typed.
  const base = chain.findIndex((p) => isShell(p.argv));
  const first = chain[0]?.pid === input.panePid && (base === 0 || (base > 0 && input.start)) ? base + 1 : 0;
  if (first === chain.length) return none({ confidence: 'exact', reason: 'idle-shell' });
  const nested: Text[][] = [];
  let exact = true;
  for (let i = first; i < chain.length; i++) {
    const p = chain[i]!;
    const parent = chain[i - 1];
    const last = i === chain.length - 1;
    if (nested.length >= MAX_STEPS - 1) {
      return foreground(nested, { confidence: 'unknown', reason: 'nested-too-deep', command: p.argv });
    }
    if (parent && isSubshell(p, parent, input.processes)) {
      return foreground(nested, { confidence: 'unknown', reason: 'subshell', command: p.argv });
    }
    if (!isShell(p.argv) || isRedirected(input.fds?.[p.pid])) {
      return last ? settle(nested, exact, weigh(p, chain, input)) : insideProgram(nested, p, chain);
    }
    exact &&= p.argvExact !== false && !displayText(p.argv[0] ?? '').startsWith('-');
    nested.push(typedShell(p.argv));
  }
  const command = chain.at(-1)?.argv ?? null;
  return foreground(nested, { confidence: exact ? 'argv' : 'rebuilt', reason: 'nested-shell', command });
}

/** The leader runs under a program that made it a job of its own (`vim` and `:shell`, `su`): only that program was typed. */
function insideProgram(nested: Text[][], program: ProcessInfo, chain: readonly ProcessInfo[]): Relaunch {
  return foreground([...nested, program.argv], {
    confidence: 'rebuilt',
    reason: 'nested-program',
    command: chain.at(-1)?.argv ?? null,
    line: quoteCommand(program.argv),
  });
}

function settle(nested: Text[][], exact: boolean, weighed: Weighed): Relaunch {
  const { step, ...found } = weighed;
  const steps = step ? [...nested, step] : nested;
  if (exact || found.confidence !== 'argv') return foreground(steps, found);
  return foreground(steps, { ...found, confidence: 'rebuilt', reason: 'argv-inexact' });
}

/** Grades the foreground leader, a program. */
function weigh(leader: ProcessInfo, chain: readonly ProcessInfo[], input: RelaunchInput): Weighed {
  const command = leader.argv;
  const stages = stagesOf(leader, input.processes);
  const shell = chain.at(-2);
  if (shell && stages.some((p) => isSubshell(p, shell, input.processes))) {
    return { confidence: 'unknown', reason: 'subshell', command };
  }
  if (stages.some((p) => p.argv.some((a) => /^\/(?:dev|proc\/self)\/fd\/\d+$/u.test(displayText(a))))) {
    return { confidence: 'unknown', reason: 'process-substitution', command };
  }
  const title = titleWords(leader);
  if (title && stages.length === 1) return weighTitle(title, command);
  const withFds = stages.map(({ pid, argv }) => {
    const fds = input.fds?.[pid];
    return { pid, argv, ...(fds ? { fds } : {}) };
  });
  if (stages.length > 1) {
    const rebuilt = rebuildLine(withFds);
    if ('fault' in rebuilt) return { confidence: 'unknown', reason: rebuilt.fault, command };
    return { confidence: 'rebuilt', reason: 'pipeline', command, line: rebuilt.line };
  }
  const line = quoteCommand(command);
  if (leader.argvExact === false) {
    return { confidence: 'rebuilt', reason: 'argv-inexact', command, step: command, line };
  }
  const fds = input.fds?.[leader.pid];
  if (!fds) return { confidence: 'rebuilt', reason: 'fds-unknown', command, step: command, line };
  if (!isRedirected(fds)) {
    if (!chain.some((p) => p.pid === input.panePid)) {
      return { confidence: 'rebuilt', reason: 'orphan-leader', command, step: command, line };
    }
    return { confidence: 'argv', reason: 'foreground-leader', command, step: command };
  }
  const rebuilt = rebuildLine(withFds);
  if ('fault' in rebuilt) return { confidence: 'unknown', reason: rebuilt.fault, command };
  return { confidence: 'rebuilt', reason: 'redirected', command, line: rebuilt.line };
}

function weighTitle(words: readonly string[], argv: Text[]): Weighed {
  const reason = 'title-rewritten';
  if (words.length === 0) return { confidence: 'unknown', reason, command: argv };
  const command = [...words];
  return { confidence: 'rebuilt', reason, command, step: command, line: quoteCommand(command) };
}

/**
 * The words of a process title that the program wrote over its arguments (`npm run dev`), [] where the title is no
 * command (`nginx: master`), null where argv is as it was given.
 */
function titleWords(p: ProcessInfo): string[] | null {
  if (p.argvExact === false) return null;
  const [first = '', ...tail] = p.argv.map(displayText);
  if (tail.some((word) => word !== '')) return null;
  const spaced = /\s/u.test(first.trim());
  if (!spaced && tail.length < 2) return null;
  if (p.exe !== undefined && baseName(p.exe) === baseName(first)) return null;
  const words = first.split(/\s+/u).filter((word) => word !== '');
  return spaced && !words[0]?.endsWith(':') ? words : [];
}

/** True where `p` is its parent shell once more, forked without exec: `( ... )`, a loop in a pipe, a function. */
function isSubshell(p: ProcessInfo, parent: ProcessInfo, all: readonly ProcessInfo[]): boolean {
  if (p.ppid !== parent.pid || !sameArgv(p.argv, parent.argv)) return false;
  if (p.image !== undefined && parent.image !== undefined) return p.image === parent.image;
  // A nested shell gives its jobs groups of their own; a subshell shares its group with its children.
  return all.some((child) => child.ppid === p.pid && child.pgrp === p.pgrp);
}

/** Live processes of the leader's group with the leader's parent: the stages of one pipeline. */
function stagesOf(leader: ProcessInfo, all: readonly ProcessInfo[]): ProcessInfo[] {
  return all.filter((p) => p.pgrp === leader.pgrp && p.ppid === leader.ppid && isLive(p));
}

/** From `rootPid` down to `leader`, both included; from as far up as is known where `rootPid` is not above it. */
function chainTo(
  leader: ProcessInfo,
  rootPid: number,
  byPid: ReadonlyMap<number, ProcessInfo>,
): ProcessInfo[] {
  const chain: ProcessInfo[] = [];
  for (let p: ProcessInfo | undefined = leader; p && !chain.includes(p); p = byPid.get(p.ppid)) {
    chain.unshift(p);
    if (p.pid === rootPid) break;
  }
  return chain;
}

/** `bash < script` is a command, although its argv is an interactive shell's. */
function isRedirected(fds: readonly Redirection[] | undefined): boolean {
  return fds !== undefined && fds.some((r) => r.kind !== 'terminal');
}

/** `-bash` can't be typed: its login shell is `bash -l`. */
function typedShell(argv: readonly Text[]): Text[] {
  const [first = '', ...rest] = argv;
  const name = displayText(first);
  return name.startsWith('-') ? [name.slice(1), '-l', ...rest] : [first, ...rest];
}

function isLive(p: ProcessInfo): boolean {
  return p.state !== 'Z' && p.state !== 'X' && p.state !== 'x';
}

function sameArgv(a: readonly Text[], b: readonly Text[]): boolean {
  return a.length === b.length && a.every((word, i) => equalText(word, b[i] ?? ''));
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function none(found: Found): Relaunch {
  return { source: 'none', command: null, steps: [], line: null, ...found };
}

function foreground(steps: Text[][], found: Found): Relaunch {
  return { source: 'foreground', command: null, steps, line: null, ...found };
}
