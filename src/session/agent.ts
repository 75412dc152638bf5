import type { ProcessInfo, Relaunch, StartCommand } from './relaunch.ts';
import { displayText, type Text } from './text.ts';

/** The coding agents whose conversations come back. */
export const AGENTS = ['claude', 'codex', 'gemini', 'opencode', 'aider'] as const;
export type AgentName = (typeof AGENTS)[number];

export const AGENT_TITLES: Readonly<Record<AgentName, string>> = {
  claude: 'Claude Code',
  codex: 'Codex CLI',
  gemini: 'Gemini CLI',
  opencode: 'opencode',
  aider: 'aider',
};

/** How the conversation was found out, in the order in which it is looked for. */
export const EVIDENCE = ['hook', 'registry', 'argv', 'fd', 'transcript', 'none'] as const;
export type Evidence = (typeof EVIDENCE)[number];

export const AGENT_STATES = ['working', 'waiting', 'idle'] as const;
export type AgentState = (typeof AGENT_STATES)[number];

/**
 * What an id may look like: it becomes a word of a command line, where it must be no option, and a part of a file's
 * name. For aider it is the name of the chat history file.
 */
export const CONVERSATION_ID = /^[A-Za-z0-9_.][A-Za-z0-9._-]{0,127}$/u;

export function isConversationId(value: unknown): value is string {
  return typeof value === 'string' && CONVERSATION_ID.test(value);
}

function isAgentName(value: string): value is AgentName {
  return (AGENTS as readonly string[]).includes(value);
}

/** Reads the pane option `@git-session-agent`, as our hooks set it: `claude:<id>`. Others may write there too. */
export function parseAgentOption(value: string): { name: AgentName; conversation: string } | null {
  const colon = value.indexOf(':');
  const [name, conversation] = [value.slice(0, colon), value.slice(colon + 1)];
  return colon > 0 && isAgentName(name) && isConversationId(conversation) ? { name, conversation } : null;
}

/** What a pane's options say about the agent in it; null where no hook has said anything that makes sense. */
export function agentStatus(pane: {
  agentOption: string;
  agentState: string;
}): { name: AgentName; state: AgentState | null } | null {
  const found = parseAgentOption(pane.agentOption);
  if (found === null) return null;
  return { name: found.name, state: AGENT_STATES.find((s) => s === pane.agentState) ?? null };
}

const PACKAGES: readonly [RegExp, AgentName][] = [
  [/(?:^|\/)@anthropic-ai\/claude-code(?:@[^/]*)?(?:\/|$)/u, 'claude'],
  [/(?:^|\/)@openai\/codex(?:@[^/]*)?(?:\/|$)/u, 'codex'],
  [/(?:^|\/)@google\/gemini-cli(?:@[^/]*)?(?:\/|$)/u, 'gemini'],
  [/(?:^|\/)opencode-ai(?:@[^/]*)?(?:\/|$)/u, 'opencode'],
  [/(?:^|\/)aider-chat(?:[=@][^/]*)?$/u, 'aider'],
];

/** The agent that a program's name, path or package stands for. */
function agentOfWord(word: string): AgentName | null {
  const base = baseName(word)
    .replace(/(?<=.)@.*$/u, '')
    .replace(/\.(?:[cm]?js|py|sh|exe)$/u, '');
  if (isAgentName(base)) return base;
  return PACKAGES.find(([pattern]) => pattern.test(word))?.[1] ?? null;
}

/** Programs that run another one: the options that take a word, and the words that belong to the program itself. */
const LAUNCHERS: Readonly<Record<string, { values?: string; verbs?: string }>> = {
  env: { values: '-u --unset -C --chdir' },
  node: { values: '-r --require --import --loader --env-file -C --conditions' },
  nodejs: { values: '-r --require --import --loader' },
  bun: { verbs: 'run x' },
  deno: { verbs: 'run' },
  python: { values: '-W -X' },
  npx: { values: '-p --package' },
  bunx: {},
  npm: { values: '-p --package', verbs: 'exec x' },
  pnpm: { verbs: 'exec dlx' },
  yarn: { verbs: 'exec dlx' },
  uvx: { values: '--from --with -p --python' },
  uv: { values: '--from --with -p --python', verbs: 'run tool' },
  pipx: { values: '--spec', verbs: 'run' },
  nice: { values: '-n --adjustment' },
  nohup: {},
  time: {},
  stdbuf: { values: '-i -o -e' },
  ...{ sh: {}, bash: {}, dash: {}, zsh: {}, ksh: {}, busybox: { verbs: 'sh ash' } },
};

/** Where in an argument vector the agent's own name stands: `npx claude` at 1. null where it is no agent. */
export function findAgentWord(argv: readonly Text[]): { name: AgentName; at: number } | null {
  const words = argv.slice(0, 64).map(displayText);
  let at = 0;
  for (;;) {
    const name = agentOfWord(words[at] ?? '');
    if (name !== null) return { name, at };
    const launcher = baseName(words[at] ?? '')
      .replace(/^-/u, '')
      .replace(/^python[\d.]+$/u, 'python');
    const rules = Object.hasOwn(LAUNCHERS, launcher) ? LAUNCHERS[launcher]! : null;
    const next = rules === null ? null : afterOptions(words, at + 1, launcher, rules);
    if (next === null || next >= words.length) return null;
    at = next;
  }
}

function afterOptions(
  words: readonly string[],
  from: number,
  launcher: string,
  { values = '', verbs = '' }: { values?: string; verbs?: string },
): number | null {
  for (let i = from; i < words.length; i++) {
    const word = words[i]!;
    if (launcher === 'python' && word === '-m') return i + 1;
    if (/^-\w*c$/u.test(word) && /sh$|^python$/u.test(launcher)) return null; // a script as a word
    if (word === '--') return i + 1;
    if (values.split(' ').includes(word)) i++;
    else if (word.startsWith('-') && word.length > 1) continue;
    else if (launcher === 'env' && /^\w+=/u.test(word)) continue;
    else if (verbs.split(' ').includes(word)) continue;
    else return i;
  }
  return null;
}

export interface AgentProcesses {
  name: AgentName;
  /** The agent's processes, the outermost first: a wrapper of the agent's name, then the agent itself. */
  processes: ProcessInfo[];
}

/**
 * The agent that leads a pane: in the foreground job and on the pane's own terminal, so that one in a terminal of an
 * editor does not count. A child counts only where its own words say that it is that agent: others inherit files.
 */
export function findAgent(
  panePid: number,
  processes: readonly ProcessInfo[],
  isConversation: (name: AgentName, argv: readonly Text[]) => boolean,
): AgentProcesses | null {
  const root = processes.find((p) => p.pid === panePid);
  if (root === undefined || root.tpgid <= 0) return null;
  const byPid = new Map(processes.map((p) => [p.pid, p]));
  const found = processes.flatMap((p) => {
    if (p.pgrp !== root.tpgid || p.tty !== root.tty || 'ZXx'.includes(p.state)) return [];
    const word = findAgentWord(p.argv);
    return word !== null && isConversation(word.name, p.argv) ? [{ p, name: word.name }] : [];
  });
  const pids = new Set(found.map(({ p }) => p.pid));
  const outermost = found.find(({ p }) => !ancestors(p, byPid).some((a) => pids.has(a.pid)));
  if (outermost === undefined) return null;
  const { name } = outermost;
  const below = found.filter((f) => f.name === name && ancestors(f.p, byPid).includes(outermost.p));
  return { name, processes: [outermost.p, ...below.map(({ p }) => p)] };
}

function ancestors(p: ProcessInfo, byPid: ReadonlyMap<number, ProcessInfo>): ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (let a = byPid.get(p.ppid); a !== undefined && !found.includes(a); a = byPid.get(a.ppid)) found.push(a);
  return found;
}

/** How sure `decideRelaunch` must be that the agent's command is all that was typed. */
const TYPED = new Set([
  'foreground-leader',
  'title-rewritten',
  'argv-inexact',
  'fds-unknown',
  'orphan-leader',
]);

/**
 * The command line that started the agent: what was typed where that names it (`npx claude`), else the agent's own.
 * null where the pane ran more than that, and a restore had better do what it does with any command.
 */
export function startedAs(
  { name, processes }: AgentProcesses,
  relaunch: Pick<Relaunch, 'source' | 'reason' | 'steps'>,
  start: StartCommand | null,
): Text[] | null {
  const own = withoutPadding(processes[0]!.argv);
  const names = (argv: readonly Text[]) => findAgentWord(argv)?.name === name;
  if (relaunch.source === 'start') {
    const words = start === null ? null : 'argv' in start ? start.argv : plainWords(start.shell);
    return words === null ? null : names(words) ? words : own;
  }
  if (relaunch.source !== 'foreground' || !TYPED.has(relaunch.reason)) return null;
  const typed = relaunch.steps.at(-1);
  return typed !== undefined && names(typed) ? withoutPadding(typed) : own;
}

/** A process title leaves empty words where the arguments were. */
function withoutPadding(argv: readonly Text[]): Text[] {
  return argv.slice(1).every((word) => word === '') ? argv.slice(0, 1) : [...argv];
}

/** The words of a line that a shell would only split; null where it would do more. */
function plainWords(line: Text): Text[] | null {
  if (typeof line !== 'string' || !/^[\w \t./:@%+,-]+$/u.test(line)) return null;
  const words = line.trim().split(/\s+/u);
  return words[0] === 'exec' ? words.slice(1) : words;
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
