import { randomBytes } from 'node:crypto';
import { NoSuchTmuxSessionError, ServerGoneError, TmuxFailedError } from '../session/errors.ts';
import { flag, number, records, text } from './records.ts';
import { decodeField, encoded, quote, splitStartCommand, unvis } from './syntax.ts';
import { parseVersion, requireVersion, type Tmux, tmuxFailure } from './tmux.ts';

/** A tmux session as the server tells it. Names and paths are raw bytes. */
export interface LiveSession {
  /** `$1` */
  id: string;
  /** Of the server that told it: with that and `createdAt` it is this session, and none of a later server's. */
  serverPid: number;
  name: Buffer;
  group: Buffer | null;
  path: Buffer;
  /** Seconds since 1970; null where it was never attached. */
  createdAt: number;
  lastAttachedAt: number | null;
  attachedClients: number;
  activeWindow: number;
  lastWindow: number | null;
  /** Our user options: the session's id, and who builds it; empty where the session is not ours. */
  boundId: string;
  building: string;
  /** Seconds since 1970 of the last key or output. */
  activityAt: number;
  windows: number;
  /** The active pane of the active window. */
  pane: { pid: number; command: Buffer; path: Buffer; historyLines: number };
  /** What agents in its panes are doing, where their hooks tell; each once. */
  agentStates: AgentState[];
  /** The options that a status line shows, as they are now; empty where they are not set. */
  shown: { name: string; crqs: string; state: string };
}

export type AgentState = 'working' | 'waiting' | 'idle';

export interface LiveWindow {
  /** `@1` */
  id: string;
  sessionId: string;
  index: number;
  name: Buffer;
  layout: string;
  width: number;
  height: number;
  active: boolean;
  last: boolean;
  zoomed: boolean;
  automaticRename: boolean;
}

export interface LivePane {
  /** `%1` */
  id: string;
  windowId: string;
  sessionId: string;
  index: number;
  pid: number;
  tty: string;
  title: Buffer;
  currentPath: Buffer;
  /** What tmux started: null for the default shell, one word for a shell line, several to be exec'd. */
  start: Buffer[] | null;
  currentCommand: Buffer;
  x: number;
  y: number;
  width: number;
  height: number;
  active: boolean;
  last: boolean;
  dead: boolean;
  deadStatus: number | null;
  alternate: boolean;
  remainOnExit: string;
  synchronized: boolean;
  historyLines: number;
  /** The pane options that the hooks of coding agents set; empty without one. Anything may stand there. */
  agentOption: string;
  agentState: string;
}

export interface Server {
  version: string;
  pid: number;
  /** Id of the session that shows the pane we run in; null outside of this server's panes. */
  current: string | null;
  sessions: LiveSession[];
}

export interface LiveState {
  windows: LiveWindow[];
  panes: LivePane[];
  /**
   * Per session id, and `global` for the server's: environment by name; null where a name is marked as
   * removed. It holds secrets of whoever started the server: only allow-listed names may leave it (A23).
   */
  environment: Map<string, Map<string, Buffer | null>>;
}

const TAB = '\t';
const SESSION_FORMAT = [
  'S',
  '#{session_id}',
  encoded('session_name'),
  encoded('session_group'),
  encoded('session_path'),
  '#{session_created}',
  '#{session_last_attached}',
  '#{session_attached}',
  '#{session_stack}',
  '#{session_activity}',
  encoded('@git-session-id'),
  encoded('@git-session-building'),
  '#{version}',
  '#{pid}',
  '#{session_windows}',
  '#{pane_pid}',
  encoded('pane_current_command'),
  encoded('pane_current_path'),
  '#{history_size}',
  // Of all its panes: what agents' hooks have said.
  `#{W:#{P:${encoded('@git-session-agent-state')} }}`,
  encoded('@git-session-name'),
  encoded('@crq'),
  encoded('@git-session-state'),
].join(TAB);

const WINDOW_FORMAT = [
  'W',
  '#{session_id}',
  '#{window_id}',
  '#{window_index}',
  encoded('window_name'),
  '#{window_layout}',
  '#{window_width}',
  '#{window_height}',
  '#{window_active}',
  '#{window_last_flag}',
  '#{window_zoomed_flag}',
  '#{automatic-rename}',
].join(TAB);

const PANE_FORMAT = [
  'P',
  '#{session_id}',
  '#{window_id}',
  '#{pane_id}',
  '#{pane_index}',
  '#{pane_pid}',
  '#{pane_tty}',
  encoded('pane_title'),
  encoded('pane_current_path'),
  encoded('pane_start_command'),
  encoded('pane_current_command'),
  '#{pane_left}',
  '#{pane_top}',
  '#{pane_width}',
  '#{pane_height}',
  '#{pane_active}',
  '#{pane_last}',
  '#{pane_dead}',
  '#{pane_dead_status}',
  '#{alternate_on}',
  '#{remain-on-exit}',
  '#{pane_synchronized}',
  '#{history_size}',
  encoded('@git-session-start'),
  encoded('@git-session-agent'),
  encoded('@git-session-agent-state'),
].join(TAB);

/** The server's sessions; throws NoServerError where none runs. One tmux call. */
export async function listSessions(tmux: Tmux): Promise<Server> {
  const pane = /^%\d+$/u.exec(process.env['TMUX_PANE'] ?? '')?.[0];
  // Where the pane was made is in $TMUX; it may have moved since, so tmux is asked.
  const ask = pane === undefined ? [] : [';', 'display-message', '-p', '-t', pane, `C${TAB}#{session_id}`];
  const list = ['list-sessions', '-F', SESSION_FORMAT, ...ask];
  let result = await tmux.run(list);
  // A server that is about to end has no session left, and says nothing more.
  if (result.code === 0 && result.stdout.length === 0) result = await tmux.run(list);
  const gone = pane !== undefined && result.stderr.startsWith("can't find pane");
  if (result.code !== 0 && !gone) throw tmuxFailure(result.stderr);
  const out = result.stdout;
  const sessions: LiveSession[] = [];
  let version = '';
  let pid = 0;
  for (const f of records(out, 'S', 23)) {
    version = text(f[12]);
    pid = number(f[13]);
    const stack = text(f[8])
      .split(',')
      .filter((s) => s !== '')
      .map(Number);
    const group = decodeField(f[3]!);
    sessions.push({
      id: text(f[1]),
      serverPid: pid,
      name: unvis(decodeField(f[2]!)),
      group: group.length === 0 ? null : unvis(group),
      path: decodeField(f[4]!),
      createdAt: number(f[5]),
      lastAttachedAt: text(f[6]) === '' || text(f[6]) === '0' ? null : number(f[6]),
      attachedClients: number(f[7]),
      activeWindow: stack[0] ?? 0,
      lastWindow: stack[1] ?? null,
      activityAt: number(f[9]),
      boundId: decodeField(f[10]!).toString('utf8'),
      building: decodeField(f[11]!).toString('utf8'),
      windows: number(f[14]),
      pane: {
        pid: number(f[15]),
        command: decodeField(f[16]!),
        path: decodeField(f[17]!),
        historyLines: number(f[18]),
      },
      agentStates: agentStates(text(f[19])),
      shown: {
        name: decodeField(f[20]!).toString('utf8'),
        crqs: decodeField(f[21]!).toString('utf8'),
        state: decodeField(f[22]!).toString('utf8'),
      },
    });
  }
  if (version === '') {
    throw new TmuxFailedError(`'${tmux.command.join(' ')}' gave no answer that tmux would give`, [
      'check session.tmuxCommand: git config --show-origin session.tmuxCommand',
    ]);
  }
  requireVersion(version);
  const ours = Number((process.env['TMUX'] ?? '').split(',')[1]) === pid;
  const current = ours ? text(records(out, 'C', 2)[0]?.[1]) : '';
  return { version, pid, sessions, current: current === '' ? null : current };
}

/** The words of ours among what a pane option may hold. */
function agentStates(field: string): AgentState[] {
  const known = ['waiting', 'working', 'idle'] as const;
  const said = new Set(field.split(' '));
  return known.filter((state) => said.has(state));
}

/**
 * Windows, panes and environments of the given sessions, as one consistent state: tmux runs the
 * commands of one call without a pause. One tmux call, however many sessions and panes there are.
 */
export async function readState(tmux: Tmux, server: Server, sessions: LiveSession[]): Promise<LiveState> {
  const script: string[] = [];
  if (sessions.length > 1) {
    script.push(`list-windows -a -F ${quote(WINDOW_FORMAT)}`, `list-panes -a -F ${quote(PANE_FORMAT)}`);
  } else if (sessions[0] !== undefined) {
    const t = quote(`${sessions[0].id}:`);
    script.push(
      `list-windows -t ${t} -F ${quote(WINDOW_FORMAT)}`,
      `list-panes -s -t ${t} -F ${quote(PANE_FORMAT)}`,
    );
  }
  // A value can hold any line: the marker is unguessable, and records are only read before the first.
  const marker = `E${randomBytes(12).toString('hex')} `;
  for (const s of sessions) {
    script.push(`display-message -p ${quote(marker + s.id)}`, `show-environment -s -t ${quote(`${s.id}:`)}`);
  }
  script.push(`display-message -p ${quote(`${marker}global`)}`, 'show-environment -g -s');
  const result = await tmux.run(['source-file', '-'], script.join('\n') + '\n');
  const ended = /^(?:can't find (?:session|window|pane): .*\n?)+$/u.test(result.stderr);
  if (result.code !== 0 && !(ended && sessions.length > 1)) throw captureFailure(result.stderr);
  const cut = result.stdout.indexOf(marker);
  const structure = cut < 0 ? result.stdout : result.stdout.subarray(0, cut);
  const wanted = new Set(sessions.map((s) => s.id));
  const titlesAreVis = atLeast(server.version, 3, 7);
  return {
    windows: records(structure, 'W', 12)
      .map(toWindow)
      .filter((w) => wanted.has(w.sessionId)),
    panes: records(structure, 'P', 26)
      .map((f) => toPane(f, titlesAreVis))
      .filter((p) => wanted.has(p.sessionId)),
    environment: readEnvironments(result.stdout.subarray(structure.length), marker),
  };
}

/** A server that answered and then does not: nothing was saved, and the user should know why. */
export function captureFailure(stderr: string): Error {
  const error = tmuxFailure(stderr);
  if (error instanceof TmuxFailedError && /can't find (?:session|window|pane)/u.test(stderr)) {
    return new NoSuchTmuxSessionError('the tmux session ended while it was read; nothing was saved');
  }
  if (error instanceof TmuxFailedError) return error;
  return new ServerGoneError('tmux server went away during save; nothing was saved', [
    'start tmux again: git session restore brings back the last snapshot',
  ]);
}

function toWindow(f: Buffer[]): LiveWindow {
  return {
    sessionId: text(f[1]),
    id: text(f[2]),
    index: number(f[3]),
    name: unvis(decodeField(f[4]!)),
    layout: text(f[5]),
    width: number(f[6]),
    height: number(f[7]),
    active: flag(f[8]),
    last: flag(f[9]),
    zoomed: flag(f[10]),
    automaticRename: flag(f[11]),
  };
}

function toPane(f: Buffer[], titlesAreVis: boolean): LivePane {
  const title = decodeField(f[7]!);
  const start = decodeField(f[9]!);
  return {
    sessionId: text(f[1]),
    windowId: text(f[2]),
    id: text(f[3]),
    index: number(f[4]),
    pid: number(f[5]),
    tty: text(f[6]),
    title: titlesAreVis ? unvis(title) : title,
    currentPath: decodeField(f[8]!),
    start: startOf(start, decodeField(f[23]!).toString('utf8')),
    currentCommand: decodeField(f[10]!),
    x: number(f[11]),
    y: number(f[12]),
    width: number(f[13]),
    height: number(f[14]),
    active: flag(f[15]),
    last: flag(f[16]),
    dead: flag(f[17]),
    deadStatus: text(f[18]) === '' ? null : number(f[18]),
    alternate: flag(f[19]),
    remainOnExit: text(f[20]),
    synchronized: flag(f[21]),
    historyLines: number(f[22]),
    agentOption: decodeField(f[24]!).toString('utf8'),
    agentState: decodeField(f[25]!).toString('utf8'),
  };
}

/**
 * Restore starts some panes through a small wrapper that first shows text (scrollback, a notice). The
 * pane option then tells what the pane really is: `[]` for the default shell, else its words in hex.
 */
function startOf(command: Buffer, remembered: string): Buffer[] | null {
  if (remembered === 'default') return null;
  if (/^[0-9a-f]*(?:,[0-9a-f]*)*$/u.test(remembered) && remembered !== '') {
    return remembered.split(',').map((word) => Buffer.from(word, 'hex'));
  }
  return command.length === 0 ? null : splitStartCommand(command);
}

/** The value of the pane option that `startOf` reads. */
export function rememberStart(start: Buffer[] | null): string {
  return start === null ? 'default' : start.map((word) => word.toString('hex')).join(',');
}

/** Reads `show-environment -s`: `NAME="value"; export NAME;` with shell quoting, or `unset NAME;`. */
function readEnvironments(out: Buffer, marker: string): LiveState['environment'] {
  const environments: LiveState['environment'] = new Map();
  for (const part of out.toString('latin1').split(marker).slice(1)) {
    const values = new Map<string, Buffer | null>();
    const end = part.indexOf('\n');
    const entry =
      /([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\[^])*)"; export \1;(?:\n|$)|unset ([A-Za-z_][A-Za-z0-9_]*);(?:\n|$)/uy;
    entry.lastIndex = end + 1;
    for (let m = entry.exec(part); m !== null; m = entry.exec(part)) {
      if (m[3] !== undefined) values.set(m[3], null);
      else values.set(m[1]!, Buffer.from(m[2]!.replace(/\\([^])/gu, '$1'), 'latin1'));
    }
    environments.set(part.slice(0, Math.max(end, 0)), values);
  }
  return environments;
}

export function atLeast(version: string, major: number, minor: number): boolean {
  const parsed = parseVersion(version);
  return parsed === null || parsed[0] > major || (parsed[0] === major && parsed[1] >= minor);
}
