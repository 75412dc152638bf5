import type { AgentName } from './agent.ts';
import { goesOn, keptArgv, resumeArgv } from './agent-argv.ts';
import type { TmuxPane } from './schema.ts';
import { isShell } from './shell-argv.ts';
import type { Text } from './text.ts';

/** What there is of a conversation on the machine that restores, as far as that can be seen from outside. */
export type AgentFact =
  | { state: 'here' }
  /** Nothing to go on with: the agent starts anew. */
  | { state: 'missing' }
  /** Claude Code: the transcript lies with another directory, and is copied from there. */
  | { state: 'elsewhere'; from: string; to: string };

/** How `RestoreFacts.agents` names a pane. */
export function agentKey(window: number, pane: number): string {
  return `${window}.${pane}`;
}

export interface AgentCommand {
  argv: Text[];
  /** Shells inside of which it ran. */
  nested: Text[][];
  /** It was tmux that started it, not a shell. */
  started: boolean;
  /** False: typed, and the user presses Enter. */
  sure: boolean;
}

/** The command that brings the agent of a pane back; null where the pane has none, or not as the whole of its command. */
export function agentCommand(p: TmuxPane, fact?: AgentFact): AgentCommand | null {
  if (p.agent === null || p.agent.argv === null || p.dead !== null) return null;
  const { conversation, argv } = p.agent;
  const again =
    conversation === null
      ? keptArgv(argv, false)
      : fact?.state === 'missing'
        ? keptArgv(argv, true)
        : resumeArgv(argv, conversation);
  if (again === null) return null;
  const { source, confidence, reason, steps } = p.relaunch;
  return {
    argv: again,
    nested: source === 'start' ? [] : steps.filter((step) => isShell(step)),
    started: source === 'start',
    sure: confidence !== 'rebuilt' && reason !== 'redacted',
  };
}

/** What the user should know about the conversation of a restored pane. */
export function agentWarning(p: TmuxPane, fact: AgentFact | undefined): string | null {
  if (p.agent === null || p.dead !== null) return null;
  const { name, conversation, argv, confidence } = p.agent;
  if (conversation === null) {
    return argv === null || goesOn(argv) ? null : `${name} starts a new conversation: ${UNKNOWN[name]}`;
  }
  if (argv === null) return `${name} is not resumed by itself; its conversation is ${conversation}`;
  if (fact?.state === 'missing') return `${name} starts anew: ${conversation} is not on this machine`;
  if (confidence === 'guessed') {
    return `${name} resumes ${conversation}, the newest of its directory; whether it was this one is not sure`;
  }
  return null;
}

const NOT_FOUND = 'which one it was could not be found out';
const UNKNOWN: Readonly<Record<AgentName, string>> = {
  ...{ claude: NOT_FOUND, codex: NOT_FOUND, gemini: NOT_FOUND, opencode: NOT_FOUND },
  aider: 'it had no chat history',
};
