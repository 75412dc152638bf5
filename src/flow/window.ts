import { statSync } from 'node:fs';
import {
  AmbiguousRefError,
  FileProblemError,
  LastWindowError,
  NotRunningError,
  UnknownRefError,
} from '../session/errors.ts';
import { displayText, toText } from '../session/text.ts';
import { quote, quoteExpanded } from '../tmux/syntax.ts';
import { type PaneRow, readWindows, runAll, type WindowRow } from '../tmux/windows.ts';
import { type AliveView, killSessions } from './kill.ts';
import type { Workspace } from './workspace.ts';

/** A session with its windows and panes, in the order of their indexes. */
export interface Opened {
  ws: Workspace;
  view: AliveView;
  windows: WindowRow[];
  panes: PaneRow[];
}

export async function openSession(ws: Workspace, view: AliveView): Promise<Opened> {
  const all = await readWindows(ws.tmux);
  const windows = all.windows.filter((w) => w.sessionId === view.tmuxId);
  const panes = all.panes.filter((p) => p.sessionId === view.tmuxId);
  if (windows.length === 0) throw new NotRunningError(`'${view.name}' has ended`);
  return { ws, view, windows, panes };
}

export function nameOf(window: WindowRow): string {
  return displayText(toText(window.name));
}

/** The window of an id (`@3`), an index, or an exact name; null for the active one. */
export function findWindow({ view, windows }: Opened, wanted: string | null): WindowRow {
  if (wanted === null) return windows.find((w) => w.active) ?? windows[0]!;
  const exact = windows.filter((w) => w.id === wanted || String(w.index) === wanted);
  const found = exact.length > 0 ? exact : windows.filter((w) => nameOf(w) === wanted);
  if (found.length > 1) {
    throw new AmbiguousRefError(
      `'${view.name}' has several windows called '${wanted}'`,
      found.map((w) => `use its index: ${w.index}`),
      { candidates: found.map((w) => w.id) },
    );
  }
  if (found[0] !== undefined) return found[0];
  throw new UnknownRefError(`'${view.name}' has no window '${wanted}'`, [
    `see what there is: git session window list ${view.name}`,
  ]);
}

/** The pane of an id (`%3`), of `<window>.<pane>`, or of a window: its active one. Null for the active one of all. */
export function findPane(opened: Opened, wanted: string | null): PaneRow {
  const { view, panes } = opened;
  const unknown = () =>
    new UnknownRefError(`'${view.name}' has no pane '${wanted}'`, [
      `see what there is: git session pane list ${view.name}`,
    ]);
  if (wanted?.startsWith('%') === true) {
    const found = panes.find((p) => p.id === wanted);
    if (found === undefined) throw unknown();
    return found;
  }
  const [, windowPart, panePart] = /^(.*)\.(\d+)$/su.exec(wanted ?? '') ?? [];
  const byName = wanted === null || windowPart === undefined;
  const window = findWindow(opened, byName ? wanted : windowPart);
  const own = panes.filter((p) => p.windowId === window.id);
  const found = byName ? own.find((p) => p.active) : own.find((p) => String(p.index) === panePart);
  if (found === undefined) throw unknown();
  return found;
}

export interface NewWindow {
  name: string | null;
  cwd: string | null;
  /** Leave the active window as it is. */
  background: boolean;
  argv: readonly string[];
}

/** Gives the ids of the window and of its pane. */
export async function makeWindow(opened: Opened, spec: NewWindow): Promise<{ window: string; pane: string }> {
  const { ws, view } = opened;
  const words = [
    `new-window -P -F ${quote('#{window_id} #{pane_id}')} -t ${quote(`${view.tmuxId}:`)}`,
    ...(spec.background ? ['-d'] : []),
    ...(spec.name === null ? [] : [`-n ${quoteExpanded(spec.name)}`]),
    ...(await placeAndProgram(opened, spec)),
  ];
  const [window = '', pane = ''] = (await runAll(ws.tmux, [words.join(' ')]))
    .toString('utf8')
    .trim()
    .split(' ');
  return { window, pane };
}

export interface NewPane {
  /** Beside it, not below. */
  horizontal: boolean;
  cwd: string | null;
  background: boolean;
  argv: readonly string[];
}

export async function splitPane(opened: Opened, pane: PaneRow, spec: NewPane): Promise<string> {
  const words = [
    `split-window -P -F ${quote('#{pane_id}')} ${spec.horizontal ? '-h' : '-v'} -t ${quote(pane.id)}`,
    ...(spec.background ? ['-d'] : []),
    ...(await placeAndProgram(opened, spec)),
  ];
  return (await runAll(opened.ws.tmux, [words.join(' ')])).toString('utf8').trim();
}

/** Without a directory of its own, that of the session: tmux would take ours. */
async function placeAndProgram(
  { view }: Opened,
  { cwd, argv }: { cwd: string | null; argv: readonly string[] },
): Promise<string[]> {
  const place = cwd ?? view.tmux.path;
  // tmux takes another directory in silence.
  if (statSync(place, { throwIfNoEntry: false })?.isDirectory() !== true) {
    const text = cwd ?? displayText(toText(view.tmux.path));
    throw new FileProblemError(`'${text}' is not a directory`, ['name another one: -c <directory>']);
  }
  return [
    `-c ${quoteExpanded(place)}`,
    ...(argv.length === 0 ? [] : ['--', ...argv.map((word) => quote(word))]),
  ];
}

export async function renameWindow({ ws }: Opened, window: WindowRow, name: string): Promise<void> {
  await runAll(ws.tmux, [`rename-window -t ${quote(window.id)} -- ${quoteExpanded(name)}`]);
}

export async function selectWindow({ ws, view }: Opened, window: WindowRow): Promise<void> {
  await runAll(ws.tmux, [`select-window -t ${quote(`${view.tmuxId}:${window.id}`)}`]);
}

export async function focusPane(opened: Opened, pane: PaneRow): Promise<void> {
  const { ws, view } = opened;
  await runAll(ws.tmux, [
    `select-window -t ${quote(`${view.tmuxId}:${pane.windowId}`)}`,
    `select-pane -t ${quote(pane.id)}`,
  ]);
}

/** Gives warnings. With its last window the session ends as `git session kill` ends it. */
export async function closeWindow(opened: Opened, window: WindowRow, force: boolean): Promise<string[]> {
  return close(opened, opened.windows.length === 1, force, [
    ...unzoomed(opened, window.id),
    `kill-window -t ${quote(window.id)}`,
  ]);
}

export async function closePane(opened: Opened, pane: PaneRow, force: boolean): Promise<string[]> {
  return close(opened, opened.panes.length === 1, force, [
    ...unzoomed(opened, pane.windowId),
    `kill-pane -t ${quote(pane.id)}`,
  ]);
}

async function close(
  { ws, view }: Opened,
  isLast: boolean,
  force: boolean,
  commands: string[],
): Promise<string[]> {
  if (!isLast) {
    await runAll(ws.tmux, commands);
    return [];
  }
  if (force) return (await killSessions(ws, [view])).warnings;
  throw new LastWindowError(`that is all that '${view.name}' has: the session would end`, [
    `end it: git session kill ${view.name}`,
    'or do it all the same: --force',
  ]);
}

/** Versions of tmux go down when what is zoomed goes away (tmux.md 3.9). */
function unzoomed({ windows }: Opened, id: string): string[] {
  const isZoomed = windows.some((w) => w.id === id && w.zoomed);
  return isZoomed ? [`resize-pane -Z -t ${quote(id)}`] : [];
}
