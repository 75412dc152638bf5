import { flag, number, records, text } from './records.ts';
import { decodeField, encoded, unvis } from './syntax.ts';
import { type Tmux, tmuxFailure } from './tmux.ts';

/** A window of a session; one that is linked into two sessions is told twice. */
export interface WindowRow {
  /** `@1` */
  id: string;
  sessionId: string;
  index: number;
  name: Buffer;
  active: boolean;
  zoomed: boolean;
  width: number;
  height: number;
}

export interface PaneRow {
  /** `%1` */
  id: string;
  windowId: string;
  sessionId: string;
  windowIndex: number;
  index: number;
  pid: number;
  /** The active pane of its window. */
  active: boolean;
  dead: boolean;
  width: number;
  height: number;
  historyLines: number;
  command: Buffer;
  path: Buffer;
}

export interface Client {
  /** As tmux takes it for a target: the terminal's path, or `client-<pid>`. */
  name: string;
  sessionId: string;
  pid: number;
}

const TAB = '\t';
const WINDOW_FORMAT = [
  'W',
  '#{session_id}',
  '#{window_id}',
  '#{window_index}',
  encoded('window_name'),
  '#{window_active}',
  '#{window_zoomed_flag}',
  '#{window_width}',
  '#{window_height}',
].join(TAB);

const PANE_FORMAT = [
  'P',
  '#{session_id}',
  '#{window_id}',
  '#{pane_id}',
  '#{window_index}',
  '#{pane_index}',
  '#{pane_pid}',
  '#{pane_active}',
  '#{pane_dead}',
  '#{pane_width}',
  '#{pane_height}',
  '#{history_size}',
  encoded('pane_current_command'),
  encoded('pane_current_path'),
].join(TAB);

/** Windows and panes of the whole server, in the order of their indexes. One tmux call. */
export async function readWindows(tmux: Tmux): Promise<{ windows: WindowRow[]; panes: PaneRow[] }> {
  const out = await tmux.ok([
    ...['list-windows', '-a', '-F', WINDOW_FORMAT, ';'],
    ...['list-panes', '-a', '-F', PANE_FORMAT],
  ]);
  return { windows: records(out, 'W', 9).map(toWindow), panes: records(out, 'P', 14).map(toPane) };
}

function toWindow(f: Buffer[]): WindowRow {
  return {
    sessionId: text(f[1]),
    id: text(f[2]),
    index: number(f[3]),
    name: unvis(decodeField(f[4]!)),
    active: flag(f[5]),
    zoomed: flag(f[6]),
    width: number(f[7]),
    height: number(f[8]),
  };
}

function toPane(f: Buffer[]): PaneRow {
  return {
    sessionId: text(f[1]),
    windowId: text(f[2]),
    id: text(f[3]),
    windowIndex: number(f[4]),
    index: number(f[5]),
    pid: number(f[6]),
    active: flag(f[7]),
    dead: flag(f[8]),
    width: number(f[9]),
    height: number(f[10]),
    historyLines: number(f[11]),
    command: decodeField(f[12]!),
    path: decodeField(f[13]!),
  };
}

/** The terminals that are attached to the server. */
export async function listClients(tmux: Tmux): Promise<Client[]> {
  const format = ['C', '#{session_id}', '#{client_pid}', encoded('client_name')].join(TAB);
  const out = await tmux.ok(['list-clients', '-F', format]);
  return records(out, 'C', 4).map((f) => ({
    sessionId: text(f[1]),
    pid: number(f[2]),
    name: decodeField(f[3]!).toString('utf8'),
  }));
}

export interface OwnClient {
  name: string;
  readOnly: boolean;
}

/**
 * The terminal of this server that shows the pane we run in. Null outside of its panes, and where no terminal shows
 * the session: tmux would take another session's then.
 */
export async function ownClient(tmux: Tmux): Promise<{ inside: boolean; client: OwnClient | null }> {
  const pane = /^%\d+$/u.exec(process.env['TMUX_PANE'] ?? '')?.[0];
  const server = /,(\d+),\d+$/u.exec(process.env['TMUX'] ?? '')?.[1];
  const outside = { inside: false, client: null };
  if (pane === undefined || server === undefined) return outside;
  const format = `C\t#{pid}\t#{session_attached}\t#{client_readonly}\t${encoded('client_name')}`;
  const result = await tmux.run(['display-message', '-p', '-t', pane, format]);
  const [row] = records(result.stdout, 'C', 5);
  if (result.code !== 0 || row === undefined || text(row[1]) !== server) return outside;
  const name = decodeField(row[4]!).toString('utf8');
  if (number(row[2]) === 0 || name === '') return { inside: true, client: null };
  return { inside: true, client: { name, readOnly: flag(row[3]) } };
}

/** Runs commands one by one; what fails does not stop the others. Gives what tmux said of those. */
export async function runScript(tmux: Tmux, lines: readonly string[]): Promise<string[]> {
  const { stderr } = await tmux.run(['source-file', '-'], `${lines.join('\n')}\n`);
  return stderr === '' ? [] : stderr.split('\n');
}

/** Runs commands, and throws where one fails. Gives what they print. */
export async function runAll(tmux: Tmux, lines: readonly string[]): Promise<Buffer> {
  const result = await tmux.run(['source-file', '-'], `${lines.join(' ; ')}\n`);
  if (result.code !== 0 || result.stderr !== '') throw tmuxFailure(result.stderr);
  return result.stdout;
}
