import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  type Dirent,
  existsSync,
  fstatSync,
  openSync,
  opendirSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { isConversationId } from '../session/agent.ts';

/**
 * What agents keep on disk. All of it is foreign: a file may be a pipe, endless, or not what its name says. So every
 * look is bounded, and what can't be read is not there.
 */
export interface AgentPlaces {
  home: string;
  claude: string;
  codex: string;
  gemini: string;
  opencode: string;
}

export const AGENT_VARIABLES = [
  'HOME',
  'CLAUDE_CONFIG_DIR',
  'CODEX_HOME',
  'GEMINI_CLI_HOME',
  'XDG_DATA_HOME',
];

/** Where the agents look, by the environment that they have. null without a home. */
export function agentPlaces(get: (name: string) => string | undefined): AgentPlaces | null {
  const absolute = (name: string) => {
    const value = get(name);
    return value !== undefined && path.isAbsolute(value) && !value.includes('\0') ? value : undefined;
  };
  const home = absolute('HOME');
  if (home === undefined) return null;
  return {
    home,
    claude: absolute('CLAUDE_CONFIG_DIR') ?? path.join(home, '.claude'),
    codex: absolute('CODEX_HOME') ?? path.join(home, '.codex'),
    gemini: path.join(absolute('GEMINI_CLI_HOME') ?? home, '.gemini'),
    opencode: path.join(absolute('XDG_DATA_HOME') ?? path.join(home, '.local', 'share'), 'opencode'),
  };
}

const MAX_ENTRIES = 20_000;
/** Files that are opened in one search. */
const MAX_OPENED = 200;
const MAX_HEAD = 256 * 1024;

/** The beginning of a regular file; null where there is none. */
export function readHead(file: string, max = MAX_HEAD): Buffer | null {
  let fd: number | undefined;
  try {
    // A pipe would be waited for.
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!fstatSync(fd).isFile()) return null;
    const bytes = Buffer.alloc(max);
    let length = 0;
    for (let got = 1; got > 0 && length < max; length += got) {
      got = readSync(fd, bytes, length, max - length, length);
    }
    return bytes.subarray(0, length);
  } catch {
    return null;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The entries of a folder, at most so many; none where there is no folder. */
export function entriesOf(folder: string): Dirent[] {
  const found: Dirent[] = [];
  try {
    const dir = opendirSync(folder);
    try {
      for (let e = dir.readSync(); e !== null && found.length < MAX_ENTRIES; e = dir.readSync())
        found.push(e);
    } finally {
      dir.closeSync();
    }
  } catch {
    // Not there, or not ours to see.
  }
  return found;
}

function modified(file: string): number {
  try {
    const stat = statSync(file);
    return stat.isFile() ? stat.mtimeMs : -1;
  } catch {
    return -1;
  }
}

/** The file that was written last; null where there is none. */
function newest(files: readonly string[]): string | null {
  let best: string | null = null;
  let at = -1;
  for (const file of files) {
    const when = modified(file);
    if (when > at) [best, at] = [file, when];
  }
  return best;
}

export function physical(directory: string): string {
  try {
    return realpathSync.native(directory);
  } catch {
    return directory;
  }
}

/** How Claude Code names the folder of a working directory. */
export function claudeSlug(cwd: string): string {
  return cwd.replace(/[^A-Za-z0-9]/gu, '-');
}

export function claudeTranscript({ claude }: AgentPlaces, cwd: string, id: string): string {
  return path.join(claude, 'projects', claudeSlug(cwd), `${id}.jsonl`);
}

/** The newest transcript of a conversation in any directory. */
export function findClaudeTranscript({ claude }: AgentPlaces, id: string): string | null {
  const projects = path.join(claude, 'projects');
  return newest(entriesOf(projects).map((e) => path.join(projects, e.name, `${id}.jsonl`)));
}

/** The id of the conversation that was written to last in a directory. */
export function newestClaude({ claude }: AgentPlaces, cwd: string): string | null {
  const folder = path.join(claude, 'projects', claudeSlug(cwd));
  const files = entriesOf(folder)
    // Subagents write beside the conversation that they work for.
    .filter((e) => /^(?!agent-)[A-Za-z0-9._-]+\.jsonl$/u.test(e.name))
    .map((e) => path.join(folder, e.name));
  const file = newest(files);
  return asId(file === null ? undefined : path.basename(file, '.jsonl'));
}

const ROLLOUT = /^rollout-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-([A-Za-z0-9._-]+)\.jsonl$/u;

/** The id in the path of an open rollout of Codex. */
export function rolloutId(file: string): string | null {
  const at = /\/sessions\/\d{4}\/\d\d\/\d\d\/([^/]+)$/u.exec(file);
  return asId(at === null ? undefined : ROLLOUT.exec(at[1]!)?.[1]);
}

/** The rollouts of Codex, the newest first. Folders are days, names begin with the time. */
function* rollouts(codex: string): Generator<{ file: string; id: string }> {
  const down = (folder: string, pattern: RegExp) =>
    entriesOf(folder)
      .map((e) => e.name)
      .filter((name) => pattern.test(name))
      .toSorted()
      .toReversed();
  const top = path.join(codex, 'sessions');
  for (const year of down(top, /^\d{4}$/u)) {
    for (const month of down(path.join(top, year), /^\d\d$/u)) {
      for (const day of down(path.join(top, year, month), /^\d\d$/u)) {
        const folder = path.join(top, year, month, day);
        for (const name of down(folder, ROLLOUT)) {
          const id = asId(ROLLOUT.exec(name)?.[1]);
          if (id !== null) yield { file: path.join(folder, name), id };
        }
      }
    }
  }
}

export function hasRollout({ codex }: AgentPlaces, id: string): boolean {
  let seen = 0;
  for (const rollout of rollouts(codex)) {
    if (rollout.id === id) return true;
    if (++seen >= MAX_ENTRIES) break;
  }
  return false;
}

/** The newest rollout that began in this directory. */
export function newestCodex({ codex }: AgentPlaces, cwd: string): string | null {
  let opened = 0;
  for (const { file, id } of rollouts(codex)) {
    if (++opened > MAX_OPENED) break;
    const meta = objectOf(firstLine(file));
    const payload = objectOf(meta?.['payload']);
    if (meta?.['type'] === 'session_meta' && payload?.['cwd'] === cwd && payload['id'] === id) return id;
  }
  return null;
}

const CHAT = /^session-\d{4}-\d\d-\d\dT\d\d-\d\d-([A-Za-z0-9]{1,16})\.jsonl?$/u;

/** The chats of Gemini CLI in the folders of all projects, without an order. */
function chats({ gemini }: AgentPlaces): { file: string; short: string; project: string }[] {
  const top = path.join(gemini, 'tmp');
  return entriesOf(top).flatMap((project) => {
    const folder = path.join(top, project.name, 'chats');
    return entriesOf(folder).flatMap(({ name }) => {
      const short = CHAT.exec(name)?.[1];
      return short === undefined ? [] : [{ file: path.join(folder, name), short, project: project.name }];
    });
  });
}

export function hasChat(places: AgentPlaces, id: string): boolean {
  return chats(places)
    .filter(({ short }) => id.startsWith(short))
    .slice(0, MAX_OPENED)
    .some(({ file }) => chatOf(file).id === id);
}

/** The chat of this directory that was written to last. */
export function newestGemini(places: AgentPlaces, cwd: string): string | null {
  const hash = createHash('sha256').update(cwd).digest('hex');
  const sorted = chats(places)
    .map((chat) => ({ ...chat, at: modified(chat.file) }))
    .toSorted((a, b) => b.at - a.at)
    .slice(0, MAX_OPENED);
  for (const { file, project } of sorted) {
    const chat = chatOf(file);
    if (chat.id !== null && (project === hash || chat.project === hash)) return chat.id;
  }
  return null;
}

/** Old versions write one JSON document, new ones a line for each record: both begin with these keys. */
function chatOf(file: string): { id: string | null; project: string | null } {
  const text = readHead(file, 16 * 1024)?.toString('utf8') ?? '';
  const value = (key: string) =>
    new RegExp(`"${key}"\\s*:\\s*"([A-Za-z0-9._-]{1,128})"`, 'u').exec(text)?.[1];
  return { id: asId(value('sessionId')), project: value('projectHash') ?? null };
}

/** Its database can't be read without a library for it; that there is one is all that can be seen. */
export function hasOpencode({ opencode }: AgentPlaces): boolean {
  return existsSync(opencode);
}

export const AIDER_HISTORY = '.aider.chat.history.md';

/** Where aider keeps its chat: the file it was told, else one in the root of the repository. */
export function aiderHistory(cwd: string, told: string | null): string {
  if (told !== null) return path.resolve(cwd, told);
  for (let at = cwd, i = 0; i < 64 && at !== path.dirname(at); at = path.dirname(at), i++) {
    if (existsSync(path.join(at, '.git'))) return path.join(at, AIDER_HISTORY);
  }
  return path.join(cwd, AIDER_HISTORY);
}

export function isFile(file: string): boolean {
  return modified(file) >= 0;
}

/** A value of JSON from a file, where it is an object. */
export function objectOf(value: unknown): Record<string, unknown> | null {
  if (Buffer.isBuffer(value)) {
    try {
      return objectOf(JSON.parse(value.toString('utf8')));
    } catch {
      return null;
    }
  }
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function firstLine(file: string): Buffer | null {
  const head = readHead(file);
  if (head === null) return null;
  const end = head.indexOf(10);
  return end < 0 ? head : head.subarray(0, end);
}

function asId(value: string | undefined): string | null {
  return isConversationId(value) ? value : null;
}
