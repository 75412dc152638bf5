import { randomUUID } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { isSessionId } from '../session/live.ts';
import { setting } from '../session/settings.ts';
import { toText } from '../session/text.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { NoSuchTmuxSessionError, UnknownRefError } from '../session/errors.ts';
import type { LiveSession } from '../tmux/capture.ts';
import { quote, statusValue } from '../tmux/syntax.ts';
import { tmuxFailure } from '../tmux/tmux.ts';
import { chooseSessions } from './choose.ts';
import { openLive, savedIds } from './live.ts';
import type { Workspace } from './workspace.ts';
import { listWorktrees } from './worktree.ts';

export interface AdoptOptions {
  identifier?: string | null;
  context?: string;
  metadata?: Record<string, string>;
  ai?: boolean;
}

export interface Adopted {
  stored: StoredRecord;
  tmuxId: string;
  /** False where there was a record already. */
  adopted: boolean;
}

/** Gives a tmux session that was made without us a record, and the options that name it. */
export async function adopt(
  ws: Workspace,
  session: LiveSession,
  options: AdoptOptions = {},
): Promise<Adopted> {
  const records = new SessionRecords(ws.repo);
  const tmuxId = session.id;
  const known = isSessionId(session.boundId) ? records.read(session.boundId) : null;
  if (known !== null) return { stored: known, tmuxId, adopted: false };
  // One that was saved or restored has its id already, and keeps it.
  const id = isSessionId(session.boundId) ? session.boundId : randomUUID();
  const name = session.name.toString('utf8');
  const identifier = options.identifier ?? name;
  const inside = isInside(session.path, ws.repo.workTree);
  const branch = inside ? await ws.repo.git.line(['symbolic-ref', '--quiet', '--short', 'HEAD']) : null;
  const stored = records.create({
    ...{ version: 1, id, name, kind: 'adopt', context: options.context ?? 'session', identifier, argv: null },
    cwd: toText(session.path),
    worktree: inside ? toText(Buffer.from(ws.repo.workTree!)) : null,
    ...{ branch, createdAt: new Date().toISOString(), metadata: options.metadata ?? {} },
    ...{ historyLimit: setting(ws.config, 'historyLimit', process.env), ai: options.ai ?? false },
  });
  const bound = await bind(ws, session, stored);
  if (bound === id) return { stored, tmuxId, adopted: true };
  // Another command has adopted it at the same time.
  records.remove(id);
  const other = records.read(bound);
  if (other !== null) return { stored: other, tmuxId, adopted: false };
  throw new NoSuchTmuxSessionError(`tmux session '${name}' belongs to another repository`);
}

/** The options, unless another one was first; gives the id that the session has then. */
async function bind(ws: Workspace, session: LiveSession, { record }: StoredRecord): Promise<string> {
  const target = quote(`${session.id}:`);
  const was = quote(session.boundId);
  const id = `set-option -t ${target} @git-session-id ${quote(record.id)}`;
  const rest: [string, string][] = [
    ['@git-session-name', statusValue(record.name)],
    ['@git-session-identifier', record.identifier],
  ];
  const lines = [
    // Compared as text, and not within a format: what stands there may be anything.
    `set-option -t ${target} @git-session-adopting ${was}`,
    `if-shell -F -t ${target} "#{==:#{@git-session-id},#{@git-session-adopting}}" ${quote(id)}`,
    `set-option -u -t ${target} @git-session-adopting`,
    ...rest.map(([name, value]) => `set-option -t ${target} ${name} ${quote(value)}`),
    `set-option -o -q -t ${target} @git-session-state running`,
    `display-message -p -t ${target} "#{@git-session-id}"`,
  ];
  const result = await ws.tmux.run(['source-file', '-'], `${lines.join('\n')}\n`);
  const said = result.stdout.toString('utf8').trim();
  if (said !== '') return said;
  new SessionRecords(ws.repo).remove(record.id);
  throw tmuxFailure(result.stderr);
}

function isInside(place: Buffer, directory: string | null): boolean {
  if (directory === null) return false;
  const top = Buffer.from(directory);
  return place.equals(top) || place.subarray(0, top.length + 1).equals(Buffer.from(`${directory}/`));
}

/** `git session adopt`: the named tmux session, the one we are in, or every one that works in this repository. */
export async function adoptSessions(
  target: string | null,
  all: boolean,
  options: AdoptOptions,
): Promise<Adopted[]> {
  const { ws, world } = await openLive();
  const { server, views } = world;
  const sessions = all
    ? await worksHere(
        ws,
        views.flatMap((v) => (v.tmux === null ? [] : [v.tmux])),
      )
    : [await unlessForeign(ws, chosen(server, target))];
  const done: Adopted[] = [];
  for (const session of sessions) done.push(await adopt(ws, session, options));
  return done;

  function chosen(from: typeof server, wanted: string | null): LiveSession {
    const hints = ['name one: git session adopt <tmux-session>', 'see which there are: tmux list-sessions'];
    if (from === null) throw new NoSuchTmuxSessionError('no tmux server is running', hints.slice(2));
    if (wanted !== null) return chooseSessions(from, { target: wanted, all: false })[0]!;
    const current = from.sessions.find((s) => s.id === from.current);
    if (current === undefined) throw new NoSuchTmuxSessionError('not inside tmux: which session?', hints);
    return current;
  }
}

/** Those that are nobody's yet, and whose directory, or active pane's, lies in a worktree of this repository. */
async function worksHere(ws: Workspace, sessions: readonly LiveSession[]): Promise<LiveSession[]> {
  const free = sessions.filter((s) => s.boundId === '');
  if (free.length === 0) return [];
  const listed = (await listWorktrees(ws)).filter((w) => !w.bare).map((w) => w.directory);
  const tops = new Set(ws.repo.workTree === null ? listed : [...listed, ws.repo.workTree]);
  return free.filter((s) => [s.path, s.pane.path].some((place) => isWithin(place, tops)));
}

/** The nearest repository around a place counts: one can lie within another. */
function isWithin(place: Buffer, tops: ReadonlySet<string>): boolean {
  let at: string;
  try {
    // Byte by byte: a name need not be UTF-8.
    at = realpathSync.native(place, { encoding: 'buffer' }).toString('latin1');
  } catch {
    return false;
  }
  for (; ; at = path.dirname(at)) {
    const bytes = Buffer.from(at, 'latin1');
    if (tops.has(bytes.toString('utf8'))) return true;
    if (at === '/' || existsSync(Buffer.concat([bytes, Buffer.from('/.git')]))) return false;
  }
}

/** Its mark is that of a record, or of snapshots, that are not here: it can't have two records. */
async function unlessForeign(ws: Workspace, session: LiveSession): Promise<LiveSession> {
  const { boundId, id } = session;
  if (!isSessionId(boundId) || new SessionRecords(ws.repo).read(boundId) !== null) return session;
  if ((await savedIds(ws)).has(boundId)) return session;
  const name = session.name.toString('utf8');
  throw new UnknownRefError(
    `tmux session '${name}' belongs to another repository: its id is of no session here`,
    ['use it there, or take it away from there first:', `tmux set-option -u -t '${id}:' @git-session-id`],
  );
}
