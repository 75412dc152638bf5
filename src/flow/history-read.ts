import { chmodSync, closeSync, fstatSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { SessionError, UnknownRefError } from '../session/errors.ts';
import { printedText } from '../session/printed-text.ts';
import { setting } from '../session/settings.ts';
import { MAX_SCROLLBACK_BYTES } from '../session/schema.ts';
import { displayText, toText } from '../session/text.ts';
import { objectInfos, readObjects } from '../git/objects.ts';
import { placeFile, writeSynced } from '../store/files.ts';
import { readCatalog } from '../store/sessions.ts';
import { readPaneTexts } from '../tmux/history.ts';
import { type PaneRow, readWindows } from '../tmux/windows.ts';
import { plainText, sanitizeScrollback } from '../trust/scrollback.ts';
import { savedHistory } from './history-capture.ts';
import { type LiveView, ownViews, readLiveWorld } from './live.ts';
import { type Loaded, load, loadStored } from './load.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

/** Where the text is from: the live pane, the file of an ended session, the raw output of a run, a snapshot. */
export type HistorySource = 'tmux' | 'file' | 'output' | 'snapshot';

export interface PaneHistory {
  /** `0.1`; null where the source does not tell panes apart. */
  pane: string | null;
  /** What runs in it; empty where that is not known. */
  command: string;
  /** Safe to print: no control characters, and escape sequences for colors only, if they were asked for. */
  lines: string[];
  /** How many lines stand before these. */
  skipped: number;
}

export interface History {
  /** Null for one that has no id, and for a snapshot. */
  id: string | null;
  name: string;
  source: HistorySource;
  /** The file, or the snapshot. */
  from: string | null;
  panes: PaneHistory[];
}

export interface HistoryOptions {
  /** `0.1`, as tmux writes it, or `%1`. */
  pane: string | null;
  color: boolean;
  /** The last so many lines of each pane. */
  lines: number | null;
}

/** A line that is longer is cut. */
const MAX_LINE = 1024 * 1024;
/** No file of ours is larger. What is asked for is the end. */
const MAX_BYTES = 64 * 1024 * 1024;

export interface HistoryWorld {
  ws: Workspace;
  /** All that tmux has, and all that this repository has a record of. */
  views: LiveView[];
  /** Those of this repository. */
  own: LiveView[];
  /** Why tmux could not be asked: what is saved can be read all the same. */
  problem: SessionError | null;
  panes: PaneRow[];
}

export async function openHistories(): Promise<HistoryWorld> {
  const ws = await openWorkspace();
  const { views, problem, server } = await readLiveWorld(ws.repo, ws.tmux);
  const panes = server === null ? [] : await panesOf(ws);
  return { ws, views, own: await ownViews(ws, views), problem, panes };
}

/** A server that ended between the two looks has no panes. */
async function panesOf(ws: Workspace): Promise<PaneRow[]> {
  try {
    return (await readWindows(ws.tmux)).panes;
  } catch (error) {
    if (error instanceof SessionError) return [];
    throw error;
  }
}

/** The text of a session from the first place that has it. Null where nothing is kept. */
export async function readHistory(
  world: HistoryWorld,
  view: LiveView,
  options: HistoryOptions,
): Promise<History | null> {
  const head = { id: view.id, name: view.name };
  const live = await fromTmux(world, view, options);
  if (live !== null) return { ...head, source: 'tmux', from: null, panes: live };
  const one = (text: Buffer | string): PaneHistory[] => [paneHistory(null, '', text, options)];
  if (view.stored !== null) {
    const file = savedHistory(world.ws.config, view.stored.record);
    const saved = file === null ? null : readEnd(file);
    if (saved !== null) {
      requireNoPane(options, view.name);
      return { ...head, source: 'file', from: file, panes: one(saved) };
    }
    const output = rawOutput(view.stored.directory);
    if (output !== null) {
      requireNoPane(options, view.name);
      return { ...head, source: 'output', from: view.stored.directory, panes: one(printedText(output)) };
    }
  }
  if (view.id === null) return null;
  const newest = await newestOf(world.ws, view);
  return newest === null ? null : fromSnapshot(world.ws, newest, options, head);
}

/** Whether a session was gone before somebody could save its history, as at its end `git session kill` does. */
export function wasLost({ ws }: HistoryWorld, { stored, tmux }: LiveView): boolean {
  const isSaved = setting(ws.config, 'historyAutoSave', process.env);
  return isSaved && stored !== null && stored.ended === null && tmux === null;
}

/** What a snapshot holds of the panes' text; null where it was saved without. For what is only saved. */
export async function readSavedHistory(
  { ws }: HistoryWorld,
  ref: string,
  options: HistoryOptions,
): Promise<History | null> {
  const loaded = await load(ws, ref);
  return fromSnapshot(ws, loaded, options, { id: null, name: loaded.stored?.name ?? loaded.label });
}

async function fromTmux(
  { ws, panes }: HistoryWorld,
  view: LiveView,
  options: HistoryOptions,
): Promise<PaneHistory[] | null> {
  const own = panes.filter((p) => p.sessionId === view.tmuxId);
  if (view.tmux === null || own.length === 0) return null;
  const label = (p: PaneRow) => `${p.windowIndex}.${p.index}`;
  const { pane } = options;
  const wanted = pane === null ? own : own.filter((p) => p.id === pane || label(p) === pane);
  if (wanted.length === 0) throw noPane(view.name, pane!, own.map(label));
  const texts = await readPaneTexts(
    ws.tmux,
    wanted.map((p) => p.id),
    options,
  );
  const found = wanted.flatMap((p): PaneHistory[] => {
    const text = texts.get(p.id);
    return text === undefined ? [] : [paneHistory(label(p), displayText(toText(p.command)), text, options)];
  });
  return found.length === 0 ? null : found;
}

function noPane(name: string, pane: string, there: string[]): UnknownRefError {
  return new UnknownRefError(
    `there is no pane ${pane} in '${name}'`,
    there.slice(0, 5).map((p) => `git session history --pane ${p} ${name}`),
  );
}

function requireNoPane({ pane }: HistoryOptions, name: string): void {
  if (pane === null) return;
  throw new UnknownRefError(`'${name}' has ended, and its text is not kept by panes`, [
    `see all of it: git session history ${name}`,
  ]);
}

function paneHistory(
  pane: string | null,
  command: string,
  text: Buffer | string,
  { color, lines: count }: HistoryOptions,
): PaneHistory {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const options = { maxLine: MAX_LINE };
  const clean = color ? sanitizeScrollback(bytes, options).toString('utf8') : plainText(bytes, options);
  const lines = clean.split('\n');
  // The last one is what is behind the last line break: nothing, or the end of colors.
  const rest = lines.pop() ?? '';
  while (lines.length > 0 && lines.at(-1)!.trim() === '') lines.pop();
  if (rest !== '' && lines.length > 0) lines.push(`${lines.pop()!}${rest}`);
  const skipped = count === null ? 0 : Math.max(0, lines.length - count);
  return { pane, command, lines: lines.slice(skipped), skipped };
}

/** The two pieces of a run's raw output, as text; null where there is none. */
function rawOutput(directory: string): string | null {
  const pieces = ['output.0.log', 'output.log'].map((name) => readEnd(path.join(directory, name)));
  return joined(pieces);
}

function joined(pieces: (Buffer | null)[]): string | null {
  if (pieces.every((piece) => piece === null)) return null;
  return Buffer.concat(pieces.flatMap((piece) => piece ?? [])).toString('utf8');
}

/** What these files hold, as lines that are safe to print; null where there are none of them. */
export function printedLines(files: readonly string[]): string[] | null {
  const text = joined(files.map(readEnd));
  if (text === null) return null;
  // What no terminal has seen has no carriage returns before its line breaks.
  const printed = printedText(text.replace(/\r?\n/gu, '\r\n'));
  return paneHistory(null, '', printed, { pane: null, color: false, lines: null }).lines;
}

/** The end of a file, from the beginning of a line; null where there is no such file. */
function readEnd(file: string): Buffer | null {
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch {
    return null;
  }
  try {
    const { size } = fstatSync(fd);
    if (size <= MAX_BYTES) return readFileSync(fd);
    const bytes = Buffer.alloc(MAX_BYTES);
    const end = bytes.subarray(0, readSync(fd, bytes, 0, MAX_BYTES, size - MAX_BYTES));
    return end.subarray(end.indexOf(10) + 1);
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
}

/** The newest local snapshot of this very session, not of another one of its name. */
async function newestOf(ws: Workspace, view: LiveView): Promise<Loaded | null> {
  const catalog = await readCatalog(ws.repo.git);
  const names = new Set(view.names);
  for (const stored of catalog.snapshots.filter((s) => s.remote === null && names.has(s.name)).toReversed()) {
    try {
      const loaded = await loadStored(ws, catalog, stored);
      if (loaded.snapshot.session.id === view.id) return loaded;
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
    }
  }
  return null;
}

async function fromSnapshot(
  ws: Workspace,
  { snapshot, stored, label }: Loaded,
  options: HistoryOptions,
  head: Pick<History, 'id' | 'name'>,
): Promise<History | null> {
  const context = stored?.context ?? null;
  const all = snapshot.tmux.windows.flatMap((w) =>
    w.panes.map((p) => ({ ...p, label: `${w.index}.${p.index}` })),
  );
  const { pane } = options;
  const wanted = pane === null ? all : all.filter((p) => p.label === pane);
  if (wanted.length === 0)
    throw noPane(
      head.name,
      pane ?? '',
      all.map((p) => p.label),
    );
  if (context === null) return null;
  const files = wanted.flatMap((p) =>
    p.scrollback === null ? [] : [{ ...p, file: `${context}:${p.scrollback.path}` }],
  );
  const infos = await objectInfos(
    ws.repo.git,
    files.map((f) => f.file),
  );
  const small = files.filter((_, i) => (infos[i]?.size ?? Infinity) <= MAX_SCROLLBACK_BYTES);
  const blobs = await readObjects(
    ws.repo.git,
    small.map((f) => f.file),
  );
  const panes = small.flatMap((p, i): PaneHistory[] => {
    const bytes = blobs[i];
    return bytes == null ? [] : [paneHistory(p.label, '', bytes, options)];
  });
  return panes.length === 0 ? null : { ...head, source: 'snapshot', from: label, panes };
}

/** Readable by the user only: a history may hold anything. A file that is there stays, unless `force`. */
export async function writeHistory(file: string, text: string, force: boolean): Promise<void> {
  await placeFile(file, force, (temporary) => {
    writeSynced(temporary, Buffer.alloc(0));
    chmodSync(temporary, 0o600);
    writeFileSync(temporary, text);
  });
}
