import {
  SessionError,
  SessionExistsError,
  TmuxFailedError,
  UnknownRefError,
  UsageError,
} from '../session/errors.ts';
import { checkName } from '../session/names.ts';
import { nearestName } from '../session/nearest.ts';
import { renameNoteLines } from '../store/note-lines.ts';
import { SessionRecords } from '../store/records.ts';
import { readLogSegments } from '../store/log-segments.ts';
import { moveRefs, moveSession } from '../store/remove.ts';
import { type Catalog, readCatalog, readSnapshots, type StoredSnapshot } from '../store/sessions.ts';
import { quote, quoteExpanded, statusValue } from '../tmux/syntax.ts';
import { moveHistory } from './history-capture.ts';
import { requireTmuxName } from './launch.ts';
import { type LiveView, readLiveWorld, savedIds } from './live.ts';
import { refName } from './session-log.ts';
import { onlyOne } from './same-name.ts';
import { identity, openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

export interface RenameResult {
  from: string;
  to: string;
  /** Of the live session, which keeps it; null where there are snapshots only. */
  id: string | null;
  snapshots: number;
  /** Commits whose notes were changed. */
  notes: number;
  /** Name of the live tmux session, as tmux has it now; null where none was renamed. */
  tmux: string | null;
  warnings: string[];
}

/** What goes by the old name. */
interface Subject {
  from: string;
  view: LiveView | null;
  snapshots: StoredSnapshot[];
}

/**
 * Gives a session another name: its snapshots, its record, and what runs in tmux, each where it is there. Without a name
 * it is the session that this runs in.
 */
export async function rename(given: string | null, to: string): Promise<RenameResult> {
  checkName(to);
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const [catalog, { views }] = await Promise.all([readCatalog(ws.repo.git), readLiveWorld(ws.repo, ws.tmux)]);
  const subject = findSubject(given ?? currentName(views, to), to, views, catalog);
  const { from, snapshots } = subject;
  const warnings: string[] = [];
  const view = await ownView(ws, subject, warnings);
  requireFree(to, view, snapshots, views, catalog);
  // A record that can't be written is found before anything has its new name.
  if (view?.stored != null) new SessionRecords(ws.repo).update(view.stored.record);
  if (snapshots.length > 0) await moveSession(ws.repo, catalog, snapshots, to);
  const attempt = async <T>(what: string, action: () => Promise<T>, otherwise: T): Promise<T> => {
    try {
      return await action();
    } catch (error) {
      if (!(error instanceof SessionError) || snapshots.length === 0) throw error;
      warnings.push(`${what}: ${error.message}`);
      return otherwise;
    }
  };
  const who = identity(ws.config);
  const notes = await attempt(
    'renamed, but the CRQ notes keep the old name',
    async () => (snapshots.length === 0 ? 0 : renameNoteLines(ws.repo, who, snapshots, to)),
    0,
  );
  const tmux = await attempt(
    'renamed, but the live tmux session keeps its name',
    () => renameInTmux(ws, view, snapshots.at(-1) ?? null, to, views, warnings),
    null,
  );
  const renamesRecord = view?.stored != null && (tmux !== null || view.tmux === null);
  const logs = renamesRecord ? new Set([view.stored!.record.id]) : new Set<string>();
  const oldName = renamesRecord ? refName(view.stored!.record.name) : from;
  if (renamesRecord) renameRecord(ws, view.stored!.record, to);
  else if (view?.stored == null) for (const id of await idsOf(ws, snapshots)) logs.add(id);
  await moveLogs(ws, logs, oldName, to, warnings);
  return { from, to, id: view?.id ?? null, snapshots: snapshots.length, notes, tmux, warnings };
}

/** The segments of these sessions' logs. Where they can't be moved, the next flush writes them below the new name. */
async function moveLogs(
  ws: Workspace,
  ids: ReadonlySet<string>,
  from: string,
  to: string,
  warnings: string[],
): Promise<void> {
  try {
    if (ids.size === 0 || from === to) return;
    const own = (await readLogSegments(ws.repo.git, new Set([from]))).filter(
      (s) => s.remote === null && s.records.length > 0 && s.records.every((r) => ids.has(r.session)),
    );
    if (own.length > 0) await moveRefs(ws.repo, own, from, to);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    warnings.push(`renamed, but its log keeps the old name: ${error.message}`);
  }
}

function currentName(views: readonly LiveView[], to: string): string {
  const id = views.find((v) => v.current)?.tmuxId ?? null;
  if (id !== null) return id;
  throw new UsageError('not inside tmux: which session?', [`name it: git session rename <old> ${to}`]);
}

/** By the exact name, the id, or the identifier: a rename goes after no pattern. */
function findSubject(given: string, to: string, views: readonly LiveView[], catalog: Catalog): Subject {
  const byId = views.find((v) => v.id === given || v.tmuxId === given);
  const from = byId?.name ?? given;
  const named = views.filter((v) => v.name === from || v.stored?.record.name === from);
  const type = `git session rename <id> ${to}`;
  const view = byId ?? onlyOne(given, named, type);
  const snapshots = catalog.snapshots.filter((s) => s.remote === null && s.name === from);
  if (view !== null || snapshots.length > 0) return { from, view, snapshots };
  // Names come before identifiers.
  const called = views.filter((v) => v.stored?.record.identifier === given);
  const identified = onlyOne(given, called, type);
  if (identified !== null) return findSubject(identified.id!, to, views, catalog);
  const names = [...views.map((v) => v.name), ...catalog.snapshots.map((s) => s.name)];
  const near = nearestName(given, names);
  throw new UnknownRefError(`no session '${given}'`, [
    ...(near === null ? [] : [`did you mean '${near}'?`]),
    'see what there is: git session list',
  ]);
}

/** The live session, unless its mark says that it is another repository's. */
async function ownView(ws: Workspace, subject: Subject, warnings: string[]): Promise<LiveView | null> {
  const { view, from, snapshots } = subject;
  if (view === null || view.stored !== null || (view.tmux?.boundId ?? '') === '') return view;
  const ids = snapshots.length === 0 ? await savedIds(ws) : await idsOf(ws, snapshots);
  if (ids.size === 0 ? snapshots.length > 0 : ids.has(view.tmux!.boundId)) return view;
  if (snapshots.length === 0) {
    throw new UnknownRefError(`the live tmux session '${from}' belongs to another repository`, [
      'rename it from there',
    ]);
  }
  warnings.push(`the live tmux session '${from}' belongs to another session and keeps its name`);
  return null;
}

async function idsOf(ws: Workspace, snapshots: StoredSnapshot[]): Promise<Set<string>> {
  const read = await readSnapshots(ws.repo.git, snapshots);
  return new Set(read.flatMap((r) => ('snapshot' in r ? [r.snapshot.session.id] : [])));
}

/** What has a record, or no snapshot, is renamed wholly or not at all. */
function requireFree(
  to: string,
  view: LiveView | null,
  snapshots: readonly StoredSnapshot[],
  views: readonly LiveView[],
  catalog: Catalog,
): void {
  const saved = catalog.snapshots.some((s) => s.remote === null && s.name === to);
  const strict = view !== null && (view.stored !== null || snapshots.length === 0);
  if (strict) requireTmuxName(to);
  // An identifier is no name: several sessions may have the same.
  const isNamed = (v: LiveView) => v.name === to || v.stored?.record.name === to;
  const taken = saved || (strict && views.some((v) => v !== view && isNamed(v)));
  if (!taken) return;
  throw new SessionExistsError(`a session '${to}' already exists`, [
    'choose another name',
    `or delete that one first: git session delete ${to}`,
  ]);
}

async function renameInTmux(
  ws: Workspace,
  view: LiveView | null,
  newest: StoredSnapshot | null,
  to: string,
  views: readonly LiveView[],
  warnings: string[],
): Promise<string | null> {
  if (view?.tmuxId == null) return null;
  // tmux puts '_' for what it does not take in a name.
  const name = to.replace(/[.:]/gu, '_');
  if (views.some((v) => v !== view && v.tmux?.name.toString('utf8') === name)) {
    warnings.push(`the live tmux session keeps its name: there is a tmux session '${name}' already`);
    return null;
  }
  const target = quote(`${view.tmuxId}:`);
  const script = [
    `rename-session -t ${target} ${quoteExpanded(to)}`,
    ...(newest === null
      ? []
      : [`set-option -t ${target} @git-session-snapshot ${quote(`${to}/${newest.id}`)}`]),
    `set-option -t ${target} @git-session-name ${quote(statusValue(to))}`,
    // For the shells that come; those that run keep the old one.
    ...(view.stored === null
      ? []
      : [
          `set-environment -t ${target} GIT_SESSION_NAME ${quote(to)}`,
          `set-option -t ${target} @git-session-identifier ${quote(to)}`,
        ]),
  ];
  const renamed = await ws.tmux.run(['source-file', '-'], `${script.join('\n')}\n`);
  if (renamed.code !== 0 || renamed.stderr !== '') throw failure(renamed.stderr);
  if (name !== to) {
    warnings.push(`tmux calls the session '${name}'; save it with: git session save -t ${name} ${to}`);
  }
  return name;
}

function failure(stderr: string): SessionError {
  return new TmuxFailedError(`tmux: ${stderr.split('\n')[0]}`);
}

function renameRecord(ws: Workspace, record: NonNullable<LiveView['stored']>['record'], to: string): void {
  // Lists show the identifier where there is one.
  const renamed = { ...record, name: to, identifier: to };
  moveHistory(ws.config, record, renamed);
  new SessionRecords(ws.repo).update(renamed);
}
