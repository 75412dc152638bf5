import { agentCommand, type AgentFact } from './agent-resume.ts';
import { quoteCommand } from './command-line.ts';
import type { TmuxPane } from './schema.ts';
import { isShell } from './shell-argv.ts';
import { equalText, type Text } from './text.ts';

/** What is started in a pane. */
export interface PaneCommand {
  /** Exec'd with these words; a single word is a line for the user's shell, as tmux has it. */
  start: Text[] | null;
  /** Typed into the shell, one after the other. */
  steps: Text[][];
  /** Typed without Enter: what was found is not sure enough to be started. */
  prefill: Text[] | null;
  /** A line that was rebuilt from a pipeline. It is shown, never typed: a snapshot's own text is not. */
  shown: Text | null;
}

/** What a pane would start, as far as the snapshot is sure of it. */
export function commandOf(p: TmuxPane, fact?: AgentFact): PaneCommand {
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
export function heldBack(p: TmuxPane, what: PaneCommand): PaneCommand {
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
function shellStart<T extends Pick<PaneCommand, 'start'>>(p: TmuxPane, what: T): T {
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

export function hasCommand(p: TmuxPane): boolean {
  const { start, steps, prefill } = commandOf(p);
  return start !== null || steps.length > 0 || prefill !== null;
}
