import {
  DirtyWorktreeError,
  FileProblemError,
  SessionError,
  TmuxFailedError,
  UnknownRefError,
  UsageError,
} from '../session/errors.ts';
import { shellWord } from '../session/command-line.ts';
import { equalText, toText } from '../session/text.ts';
import { untrackedIn } from '../git/checkout.ts';
import { readStatus } from '../git/status.ts';
import type { Repository } from '../git/repository.ts';
import { endGroups, leaderOf } from '../process/end.ts';
import { type Catalog, readCatalog } from '../store/sessions.ts';
import { listSessions } from '../tmux/capture.ts';
import { ControlClient } from '../tmux/control.ts';
import { quote, quoteExpanded } from '../tmux/syntax.ts';
import { listClients, type PaneRow, readWindows, runScript } from '../tmux/windows.ts';
import { discard } from '../tmux/build.ts';
import { safe } from '../trust/safe.ts';
import { restorableEnvironment } from '../trust/environment.ts';
import { chooseUntracked } from './carried.ts';
import { recordCheckpoint, requireAlive, saveNow, targetOf } from './checkpoint.ts';
import type { ConsentOptions } from './consent.ts';
import { saveHistories } from './history-capture.ts';
import type { AliveView } from './kill.ts';
import { type Loaded, loadStored, tmuxNameOf } from './load.ts';
import { restore } from './restore.ts';
import type { RestoreResult } from './restore-result.ts';
import { preview, type RestoreOptions } from './restore-plan.ts';
import type { Preview } from './restore-command.ts';
import type { SavedSession } from './save.ts';
import { byWorktree } from './save-worktrees.ts';
import { logWarnings, openLog, type SessionLog } from './session-log.ts';
import { onSignals } from './signals.ts';
import { warnings as stderr } from './warnings.ts';
import { openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

export interface RollbackResult {
  log: SessionLog;
  restored: RestoreResult;
  /** What was there before. */
  saved: SavedSession;
  warnings: string[];
}

/** The session, where it works, and what it goes back to. */
interface Subject {
  ws: Workspace;
  log: SessionLog;
  view: AliveView;
  loaded: Loaded;
  options: Omit<RestoreOptions, 'replace'>;
  warnings: string[];
}

/** What a rollback would do. Changes nothing. */
export async function previewRollback(
  word: string | null,
  to: string | null,
): Promise<{ log: SessionLog; preview: Preview; warnings: string[] }> {
  const subject = await open(word, to, { run: null });
  const { loaded, log, warnings } = subject;
  const made = await look(subject);
  const { set } = restorableEnvironment(loaded.snapshot.env, { allow: [], approved: true });
  return { log, preview: { label: loaded.label, ...made, env: { ...set } }, warnings };
}

/**
 * Puts worktree and tmux session back to a snapshot. In this order, so that nothing is lost wherever it stops: look whether
 * it can be done at all; save what is there; build the new session beside the old one; exchange their names, at once;
 * move the terminals over; end the old one. Where the building fails, the worktree gets back what was taken from it.
 * `report` is called before the old session ends, which may be the one that this runs in.
 */
export async function rollback(
  word: string | null,
  to: string | null,
  consent: ConsentOptions,
  report: (result: RollbackResult) => void,
): Promise<RollbackResult> {
  const subject = await open(word, to, consent);
  const { ws, log, view, loaded, options, warnings } = subject;
  await look(subject);
  const taken = await saveNow(log, view, `before rollback to ${loaded.label}`);
  const { saved } = taken;
  const problems: string[] = [];
  warnings.push(...taken.warnings);
  let restored: RestoreResult;
  // Until it is all done, the worktree may be on its way.
  const forget = onSignals(() => tellSaved(saved));
  try {
    restored = await restore(ws, loaded, {
      ...options,
      replace: {
        ...{ tmuxId: view.tmuxId, name: view.tmux.name, work: saved.work },
        carried: await carriedBy(ws.repo, saved.work),
        onProblem: (message) => problems.push(`the worktree could not be put back: ${message}`),
      },
    });
  } catch (error) {
    if (error instanceof SessionError) error.hints.push(...problems, `what is there is saved: ${saved.ref}`);
    throw error;
  } finally {
    forget();
  }
  try {
    await recordCheckpoint(log, saved, `before rollback to ${loaded.label}`, loaded.label);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    warnings.push(`the rollback is not in the session's log: ${error.message}`);
  }
  const result = { log, restored, saved, warnings };
  const { panes } = await readWindows(ws.tmux);
  warnings.push(...(await saveHistories(ws, [view], panes)));
  await takeOver(ws, view, restored, `Rolled back. Undo: ${comeBack(result)}`);
  const ignore = () => undefined;
  process.on('SIGHUP', ignore);
  try {
    report(result);
    await endOld(ws, view, panes);
  } finally {
    process.off('SIGHUP', ignore);
  }
  return result;
}

function tellSaved({ name, id }: SavedSession): void {
  stderr.tell(`stopped; what was there is saved: ${name}/${id}`);
}

/** What to type to undo it. */
export function comeBack({ log, saved }: Pick<RollbackResult, 'log' | 'saved'>): string {
  return `git session rollback --to ${saved.name}/${saved.id} ${shellWord(log.name)}`;
}

async function open(word: string | null, to: string | null, consent: ConsentOptions): Promise<Subject> {
  const here = await openWorkspace();
  requireEnabled(here.config);
  const log = await openLog(here, word);
  const view = requireAlive(log);
  refuseOdd(log, view);
  const warnings = logWarnings(log);
  const { repo } = await workplace(here, log, view, warnings);
  const ws = { ...here, repo };
  const catalog = await readCatalog(ws.repo.git);
  const loaded = await loadTarget(ws, log, catalog, to);
  const { unmerged } = await readStatus(repo);
  if (unmerged.length > 0) {
    throw new DirtyWorktreeError(
      'there are unmerged files: a snapshot would not hold that; nothing was touched',
      ['resolve them first: git status'],
    );
  }
  const name = toText(view.tmux.name);
  const as = equalText(name, tmuxNameOf(loaded)) ? null : view.name;
  const options = { as, window: null, git: true, autostash: false, worktree: null, ...consent };
  return { ws, log, view, loaded, options, warnings };
}

function refuseOdd({ name }: SessionLog, { stored, tmux }: AliveView): void {
  if (stored?.record.kind === 'run') {
    throw new UsageError(`'${name}' runs one command, which would be run a second time`, [
      `restore a snapshot beside it: git session restore --as=${shellWord(`${name}-2`)} <ref>`,
    ]);
  }
  if (tmux.group !== null) {
    throw new UsageError(`'${name}' shares its windows with other tmux sessions of its group`, [
      'end the others first: git session kill <name>',
    ]);
  }
}

/** Its worktree: that one's files are put back, wherever this is typed. */
async function workplace(
  ws: Workspace,
  { name }: SessionLog,
  view: AliveView,
  warnings: string[],
): Promise<{ repo: Repository }> {
  const server = await listSessions(ws.tmux);
  const [group] = await byWorktree(ws, server, [{ name, session: view.tmux }], warnings);
  if (group === undefined || group.repo.workTree === null) {
    throw new FileProblemError('this repository has no worktree to put back', [
      `restore the tmux session only: git session restore --no-git --as=${shellWord(`${name}-2`)} <ref>`,
    ]);
  }
  return group;
}

async function loadTarget(
  ws: Workspace,
  log: SessionLog,
  catalog: Catalog,
  to: string | null,
): Promise<Loaded> {
  const loaded = await loadStored(ws, catalog, targetOf(log, catalog, to));
  if (loaded.snapshot.session.id === log.id) return loaded;
  throw new UnknownRefError(`${loaded.label} is a snapshot of another session than '${log.name}'`, [
    `see those of this one: git session log ${log.name}`,
  ]);
}

/** Throws where it can't be done. */
async function look({ ws, loaded, view, options }: Subject): ReturnType<typeof preview> {
  const { take } = chooseUntracked(await readStatus(ws.repo), true);
  const carried = new Set(take.map((file) => file.toString('utf8')));
  const { ask: _, ...quiet } = options;
  const replace = {
    tmuxId: view.tmuxId,
    name: view.tmux.name,
    work: null,
    carried,
    onProblem: () => undefined,
  };
  return preview(ws, loaded, { ...quiet, replace });
}

async function carriedBy(repo: Repository, work: string | null): Promise<Set<string>> {
  const files = work === null ? [] : await untrackedIn(repo, work);
  return new Set(files.map((file) => file.toString('utf8')));
}

/** What belongs to the live session moves to the new one: its identifier, and the terminals that show it. */
async function takeOver(ws: Workspace, old: AliveView, restored: RestoreResult, said: string): Promise<void> {
  const target = quote(`${restored.tmuxId}:`);
  const clients = (await listClients(ws.tmux)).filter((c) => c.sessionId === old.tmuxId);
  const identifier = old.stored?.record.identifier;
  await runScript(ws.tmux, [
    ...(identifier === undefined
      ? []
      : [`set-option -t ${target} @git-session-identifier ${quote(identifier)}`]),
    ...clients.flatMap(({ name }) => [
      `switch-client -c ${quote(name)} -t ${target}`,
      `display-message -d 10000 -c ${quote(name)} ${quoteExpanded(safe(said))}`,
    ]),
  ]);
}

/** Its id is that of the session that was looked at: the server is the same, which the restore has talked to. */
async function endOld(ws: Workspace, old: AliveView, panes: readonly PaneRow[]): Promise<void> {
  const elsewhere = new Set(panes.filter((p) => p.sessionId !== old.tmuxId).map((p) => p.windowId));
  const own = panes.filter((p) => p.sessionId === old.tmuxId && !elsewhere.has(p.windowId));
  const leaders = own.filter((p) => !p.dead && p.pid > 0).map(({ pid }) => leaderOf(pid));
  const client = await ControlClient.open(ws.tmux);
  try {
    await discard(client, [old.tmuxId]);
  } catch (error) {
    if (!(error instanceof TmuxFailedError)) throw error;
  } finally {
    await client.close();
  }
  await endGroups(leaders);
}
