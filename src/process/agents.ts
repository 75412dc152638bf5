import { readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import {
  type AgentName,
  type AgentProcesses,
  type Evidence,
  findAgent,
  findAgentWord,
  isConversationId,
  parseAgentOption,
} from '../session/agent.ts';
import { isConversation, parseAgentArgv } from '../session/agent-argv.ts';
import type { ProcessInfo } from '../session/relaunch.ts';
import {
  AGENT_VARIABLES,
  aiderHistory,
  type AgentPlaces,
  agentPlaces,
  entriesOf,
  findClaudeTranscript,
  isFile,
  newestClaude,
  newestCodex,
  newestGemini,
  objectOf,
  readHead,
  rolloutId,
} from './agent-files.ts';
import { readCwd } from './linux.ts';
import { parseCmdline, readProc, readStat } from './procfs.ts';

export interface AgentPane {
  panePid: number;
  processes: readonly ProcessInfo[];
  /** Where the pane is, for a system that does not tell it of a process. */
  cwd: string;
  /** The pane option that a hook of the agent sets. */
  option: string;
}

export interface InspectedAgent extends AgentProcesses {
  conversation: string | null;
  confidence: 'exact' | 'guessed' | 'none';
  evidence: Evidence;
}

const linux = process.platform === 'linux';

/**
 * The agent of each pane and its conversation, by pane pid. The first evidence that there is counts. None of this
 * can fail: what can't be read is not there.
 */
export function inspectAgents(panes: readonly AgentPane[]): Map<number, InspectedAgent> {
  const found = new Map<number, { pane: AgentPane; agent: AgentProcesses; cwd: string }>();
  for (const pane of panes) {
    const agent = findAgent(pane.panePid, pane.processes, isConversation);
    if (agent !== null)
      found.set(pane.panePid, { pane, agent, cwd: cwdOf(agent.processes[0]!.pid) ?? pane.cwd });
  }
  const all = [...found.values()];
  return new Map(
    all.map(({ pane, agent, cwd }) => {
      const alone = () =>
        !all.some((o) => o.pane !== pane && o.agent.name === agent.name && o.cwd === cwd) &&
        !runsElsewhere(agent, cwd);
      return [pane.panePid, { ...agent, ...quietly(() => conversationOf(agent, pane.option, cwd, alone)) }];
    }),
  );
}

type Conversation = Pick<InspectedAgent, 'conversation' | 'confidence' | 'evidence'>;
const NONE: Conversation = { conversation: null, confidence: 'none', evidence: 'none' };

function quietly(look: () => Conversation): Conversation {
  try {
    return look();
  } catch {
    return NONE;
  }
}

function conversationOf(
  { name, processes }: AgentProcesses,
  option: string,
  cwd: string,
  alone: () => boolean,
): Conversation {
  const told = parseAgentOption(option);
  if (told?.name === name) return exact(told.conversation, 'hook');
  const places = placesOf(processes.at(-1)!.pid);
  const parsed = processes.map((p) => parseAgentArgv(p.argv));
  if (name === 'claude' && places !== null) {
    const continues = parsed.some((p) => p?.continues === true);
    for (const p of processes) {
      const id = registered(p, places);
      // With `--continue` the list holds a new id, and the conversation goes on under the old one.
      if (id !== null && !(continues && findClaudeTranscript(places, id) === null))
        return exact(id, 'registry');
    }
  }
  const history = parsed.find((p) => p?.historyFile != null)?.historyFile ?? null;
  const named = name === 'aider' ? history && path.basename(history) : parsed.find((p) => p?.id != null)?.id;
  if (isConversationId(named)) return exact(named, 'argv');
  if (name === 'codex' && linux) {
    const id = processes.map((p) => openRollout(p.pid)).find((found) => found !== null);
    if (id !== undefined && id !== null) return exact(id, 'fd');
  }
  const guess = places === null || history !== null ? null : newestOf(name, places, cwd);
  if (guess !== null && alone())
    return { conversation: guess, confidence: 'guessed', evidence: 'transcript' };
  return NONE;
}

function exact(conversation: string, evidence: Evidence): Conversation {
  return { conversation, confidence: 'exact', evidence };
}

function newestOf(name: AgentName, places: AgentPlaces, cwd: string): string | null {
  switch (name) {
    case 'claude':
      return newestClaude(places, cwd);
    case 'codex':
      return newestCodex(places, cwd);
    case 'gemini':
      return newestGemini(places, cwd);
    case 'aider': {
      const file = aiderHistory(cwd, null);
      return isFile(file) ? path.basename(file) : null;
    }
    case 'opencode':
      return null; // in a database
  }
}

/** The agent's own environment says where its files are; ours where that can't be read. */
function placesOf(pid: number): AgentPlaces | null {
  const own = linux ? environmentOf(pid) : null;
  return agentPlaces((name) => (own === null ? process.env[name] : own.get(name)));
}

function environmentOf(pid: number): Map<string, string> | null {
  const bytes = readProc(`/proc/${pid}/environ`);
  if (bytes === null || bytes.length === 0) return null;
  const wanted = new Map<string, string>();
  for (const entry of bytes.toString('utf8').split('\0')) {
    const equals = entry.indexOf('=');
    const name = entry.slice(0, Math.max(equals, 0));
    // Nothing else of it is kept: it holds secrets.
    if (AGENT_VARIABLES.includes(name) && !wanted.has(name)) wanted.set(name, entry.slice(equals + 1));
  }
  return wanted.has('HOME') ? wanted : null;
}

/** The id in Claude Code's own list of its processes, where the entry is of this process and of no earlier one. */
function registered(p: ProcessInfo, { claude }: AgentPlaces): string | null {
  const entry = objectOf(readHead(path.join(claude, 'sessions', `${p.pid}.json`), 64 * 1024));
  if (entry === null || entry['pid'] !== p.pid || !startedThen(entry['procStart'], p)) return null;
  const id = entry['sessionId'];
  return isConversationId(id) ? id : null;
}

/** Seconds by which two clocks may tell a start differently. */
const SLACK = 5;

/** Process ids are used again. The start is written as the kernel tells it, as a date, or not at all. */
function startedThen(written: unknown, { startTime }: ProcessInfo): boolean {
  if (written === undefined || written === null) return true;
  if (typeof written !== 'string' && typeof written !== 'number') return false;
  if (String(written) === String(startTime)) return true;
  const count = Number(written);
  const seconds = Number.isNaN(count)
    ? Date.parse(String(written)) / 1000
    : count > 1e11
      ? count / 1000
      : count;
  const real = linux ? bootTime() + startTime / 100 : startTime;
  return Math.abs(seconds - real) <= SLACK;
}

function bootTime(): number {
  return Number(/^btime (\d+)$/mu.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? Number.NaN);
}

/** The rollout that Codex has open; of several the one that was written to last. */
function openRollout(pid: number): string | null {
  const folder = `/proc/${pid}/fd`;
  const open: { id: string; at: string }[] = [];
  for (const { name } of entriesOf(folder)) {
    try {
      const file = readlinkSync(path.join(folder, name));
      const id = rolloutId(file);
      if (id !== null) open.push({ id, at: path.basename(file) });
    } catch {
      // Closed meanwhile.
    }
  }
  return open.toSorted((a, b) => (a.at < b.at ? -1 : 1)).at(-1)?.id ?? null;
}

function cwdOf(pid: number): string | null {
  if (!linux) return null;
  const cwd = readCwd(pid);
  return cwd === null || cwd.deleted ? null : cwd.path.toString('utf8');
}

/** Whether the agent also runs in this directory where we do not look: another tmux session, another terminal. */
function runsElsewhere({ name, processes }: AgentProcesses, cwd: string): boolean {
  if (!linux) return false;
  const own = new Set(processes.map((p) => p.pid));
  return entriesOf('/proc').some((entry) => {
    const pid = Number(entry.name);
    if (!Number.isSafeInteger(pid) || own.has(pid)) return false;
    const argv = parseCmdline(readProc(`/proc/${pid}/cmdline`) ?? Buffer.alloc(0));
    if (findAgentWord(argv)?.name !== name || !isConversation(name, argv)) return false;
    return cwdOf(pid) === cwd && !isBelow(pid, own);
  });
}

function isBelow(pid: number, above: ReadonlySet<number>): boolean {
  let at = pid;
  for (let i = 0; i < 64 && at > 1; i++) {
    if (above.has(at)) return true;
    at = readStat(at)?.ppid ?? 0;
  }
  return false;
}
