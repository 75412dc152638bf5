import { randomUUID } from 'node:crypto';
import { approvalSubject } from '../session/approval.ts';
import { encodeSnapshot } from '../session/codec.ts';
import { NoSuchTmuxSessionError, SessionError, UsageError } from '../session/errors.ts';
import { checkName, isSessionName, makeId, nameFromTmux, nextIdTime } from '../session/names.ts';
import { type Crq, FORMAT_VERSION, MAX_SCROLLBACK_BYTES, type Snapshot } from '../session/schema.ts';
import { fromText, toText } from '../session/text.ts';
import { hashObject } from '../git/objects.ts';
import { readStatus, type Status } from '../git/status.ts';
import { recordWork } from '../git/work.ts';
import { ensureNotesRef } from '../git/notes.ts';
import { linkCrqs } from '../store/crq-notes.ts';
import {
  identLine,
  type PendingSnapshot,
  type PendingWork,
  planWork,
  storeSnapshots,
} from '../store/objects.ts';
import { type Catalog, readCatalog, readSnapshots, type StoredSnapshot } from '../store/sessions.ts';
import { listSessions, type LiveSession, type LiveState, readState, type Server } from '../tmux/capture.ts';
import { readScrollback } from '../tmux/scrollback.ts';
import { quote } from '../tmux/syntax.ts';
import type { Tmux } from '../tmux/tmux.ts';
import { Approvals, planDigest } from '../trust/approvals.ts';
import { looksLikeCredentialFile } from '../trust/credential-file.ts';
import { DEFAULT_ALLOW, selectEnvironment } from '../trust/environment.ts';
import { redactText } from '../trust/redact.ts';
import { crqsOf, findCrqs } from './crq.ts';
import { describeGit, describeHost, describeTmux, inspectAll, type Scrollback } from './describe.ts';
import { maintain } from './maintain.ts';
import { identity, openWorkspace, placesOf, requireEnabled, type Workspace } from './workspace.ts';

export interface SaveOptions {
  name?: string;
  /** The tmux session, as tmux's own -t: a name or an id. */
  target?: string;
  all: boolean;
  message: string | null;
  crqs: string[];
  /** Look for CRQs in the branch name, trailers, configuration and documents. */
  detectCrqs: boolean;
  env: string[];
  /** Lines of scrollback per pane; 0 for none. */
  scrollback: number;
  /** Take the uncommitted work along. */
  work: boolean;
}

export interface SavedSession {
  name: string;
  id: string;
  ref: string;
  oid: string;
  windows: number;
  panes: number;
  commands: number;
  crqs: Crq[];
  work: string | null;
}

export interface SaveResult {
  saved: SavedSession[];
  warnings: string[];
}

export const DEFAULT_SCROLLBACK_LINES = 10_000;

/** Saves one live tmux session, or all of them, each as a session of its own. */
export async function save(options: SaveOptions): Promise<SaveResult> {
  if (options.name !== undefined) checkName(options.name);
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const warnings: string[] = [];
  const now = Date.now();
  const who = identity(ws.config);
  const ident = identLine(who, now);
  // Everything that does not need another's answer runs at the same time.
  const statusRead = readStatus(ws.repo);
  const catalogRead = readCatalog(ws.repo.git);
  const captured = capture(ws.tmux, options);
  const previousRead = Promise.all([captured.server, catalogRead]).then(([{ chosen }, known]) =>
    readPrevious(ws, known, nameSessions(chosen, options)),
  );
  const crqsFound = statusRead.then((s) => findCrqs(ws, s, options));
  const [status, catalog, { server, chosen }, state, previous, found] = await Promise.all([
    ...([statusRead, catalogRead, captured.server, captured.state, previousRead, crqsFound] as const),
  ]);
  const named = nameSessions(chosen, options);
  const carried = chooseUntracked(status, options.work);
  const scrollback = await captureScrollback(ws.tmux, state, options.scrollback, warnings);
  // Nothing is written before the capture is complete.
  const trees = needsWork(ws, status, options, carried.take)
    ? await recordWork(ws.repo, status.head!, carried.take, status.unmerged.length > 0)
    : null;
  try {
    const work = trees === null ? null : planWork(ws.repo, status.head!, trees, ident, status.branch);
    warnWork(status, carried.leftOut, warnings);
    const inspected = inspectAll(state);
    const places = placesOf(ws.repo);
    const pending = named.map(({ name, session }) => {
      const described = describeTmux(server, session, state, inspected, scrollback, places);
      const before = previous.get(name);
      const snapshot: Snapshot = {
        format: 'git-session/snapshot',
        version: FORMAT_VERSION,
        session: { id: sessionId(session, before?.snapshot), name },
        previous: before?.stored.id ?? null,
        savedAt: new Date(now).toISOString(),
        savedBy: who,
        host: describeHost(server.version),
        message: options.message === null ? null : cleanMessage(options.message),
        crqs: mergeCrqs(found, before === undefined ? [] : crqsOf(catalog, before.stored, before.snapshot)),
        git: describeGit(ws.repo, status, ws.config.remotes(), {
          oid: work?.oid ?? null,
          leftOut: carried.leftOut,
        }),
        env: environmentOf(ws, state, session, options, warnings),
        tmux: described.tmux,
        state: { name: 'running', iteration: 0 },
        redactions: distinct(described.redactions),
      };
      const stored = toPending(ws, snapshot, described.files, work, nextIdTime(now, catalog.newestId(name)));
      return { ...stored, snapshot, session };
    });
    await storeSnapshots(
      ws.repo,
      pending.map((p) => p.stored),
      work,
      ident,
    );
    await afterwards(ws, catalog, pending, warnings);
    return { saved: pending.map((p) => summary(p.snapshot, p.stored)), warnings };
  } finally {
    trees?.release();
    maintain(ws.repo);
  }
}

/** Two tmux calls, the second of which needs the first; what needs only the first can begin meanwhile. */
function capture(tmux: Tmux, options: SaveOptions) {
  const server = listSessions(tmux).then((found) => ({
    server: found,
    chosen: chooseSessions(found, options),
  }));
  const state = server.then(({ server: found, chosen }) => readState(tmux, found, chosen));
  return { server, state };
}

/** Sessions that are ours for the moment: restores under way, and their anchors. */
function isTransient(s: LiveSession): boolean {
  return s.building !== '' || s.name.toString('latin1').startsWith('git-session-anchor-');
}

function chooseSessions(server: Server, options: SaveOptions): LiveSession[] {
  const live = server.sessions.filter((s) => !isTransient(s));
  if (options.all) {
    if (live.length === 0) throw new NoSuchTmuxSessionError('there is no tmux session to save');
    return live;
  }
  if (options.target !== undefined) return [byTarget(live, options.target)];
  const named = live.find((s) => s.name.toString('utf8') === options.name);
  if (named !== undefined) return [named];
  const current = server.sessions.find((s) => s.id === server.current);
  if (current !== undefined) return [current];
  if (live.length === 1) return [live[0]!];
  const names = live.map((s) => s.name.toString('utf8'));
  throw new NoSuchTmuxSessionError(
    options.name === undefined
      ? 'not inside tmux, and there are several tmux sessions'
      : `there is no tmux session '${options.name}'`,
    ['name one: git session save -t <tmux-session>', 'or save all of them: git session save --all'],
    { candidates: names },
  );
}

/** tmux's own forms `$1` and `=name`, or an exact name; never a prefix, which could hit a neighbor. */
function byTarget(live: LiveSession[], target: string): LiveSession {
  const wanted = target.replace(/:$/u, '');
  const found =
    live.find((s) => s.id === wanted) ??
    live.find((s) => s.name.toString('utf8') === wanted.replace(/^=/u, ''));
  if (found !== undefined) return found;
  const near = live.map((s) => s.name.toString('utf8')).filter((n) => n.startsWith(wanted));
  throw new NoSuchTmuxSessionError(
    `there is no tmux session '${target}'`,
    near.length > 0 ? [`did you mean '${near[0]}'?`] : ['see which there are: tmux list-sessions'],
  );
}

interface NamedSession {
  name: string;
  session: LiveSession;
}

/** Gives each tmux session its session name; two that would collide are told apart by a hash. */
function nameSessions(chosen: LiveSession[], options: SaveOptions): NamedSession[] {
  if (options.name !== undefined) {
    if (options.all) throw new UsageError('a name and --all exclude each other');
    return [{ name: options.name, session: chosen[0]! }];
  }
  const plain = chosen.map((s) => nameFromTmux(s.name));
  return chosen.map((session, i) => {
    const clash = plain.some((n, j) => j !== i && n === plain[i]);
    const exact = isSessionName(session.name.toString('utf8'));
    return { session, name: clash && !exact ? nameFromTmux(session.name, true) : plain[i]! };
  });
}

function needsWork(ws: Workspace, status: Status, options: SaveOptions, untracked: Buffer[]): boolean {
  if (!options.work || status.head === null || ws.repo.workTree === null) return false;
  return status.staged + status.unstaged + status.unmerged.length + untracked.length > 0;
}

interface CarriedFiles {
  take: Buffer[];
  leftOut: { path: ReturnType<typeof toText>; reason: string }[];
}

/** Which untracked files go into the worktree commit: not those that look like credentials, nor repositories. */
function chooseUntracked(status: Status, work: boolean): CarriedFiles {
  const take: Buffer[] = [];
  const leftOut: CarriedFiles['leftOut'] = [];
  if (!work) return { take, leftOut };
  for (const file of status.untracked) {
    const reason =
      file.at(-1) === 0x2f ? 'nested repository' : (editorFile(file) ?? looksLikeCredentialFile(file));
    if (reason === null) take.push(file);
    else leftOut.push({ path: toText(file), reason: reason.slice(0, 64) });
  }
  return { take, leftOut };
}

/** Vim's swap and Emacs' lock files say that a file is being edited, which elsewhere is not so. */
function editorFile(file: Buffer): string | null {
  return /(?:^|\/)(?:\.[^/]*\.sw[a-p]|\.#[^/]*)$/u.test(file.toString('latin1')) ? 'editor swap file' : null;
}

function warnWork(status: Status, leftOut: CarriedFiles['leftOut'], warnings: string[]): void {
  const named = leftOut.filter(({ reason }) => reason !== 'editor swap file');
  for (const { path, reason } of named.slice(0, 20)) {
    warnings.push(`left out ${fromText(path).toString('utf8')}: ${reason}`);
  }
  if (named.length > 20) warnings.push(`left out ${named.length - 20} more files`);
  if (status.unmerged.length > 0) {
    warnings.push(
      `${status.unmerged.length} unmerged paths: the files are saved with their conflict markers, the ${status.operation ?? 'merge'} itself is not`,
    );
  } else if (status.operation !== null && status.operation !== 'bisect') {
    warnings.push(
      `a ${status.operation} is in progress: the files are saved, the ${status.operation} itself is not`,
    );
  }
}

interface Previous {
  stored: StoredSnapshot;
  snapshot: Snapshot;
}

/** The newest readable local snapshot of each session; a damaged one must not stop a new save. */
async function readPrevious(
  ws: Workspace,
  catalog: Catalog,
  named: NamedSession[],
): Promise<Map<string, Previous>> {
  const newest = named.flatMap(
    ({ name }) => catalog.snapshots.filter((s) => s.remote === null && s.name === name).at(-1) ?? [],
  );
  const read = await readSnapshots(ws.repo.git, newest);
  return new Map(read.flatMap((r) => ('snapshot' in r ? [[r.stored.name, r] as const] : [])));
}

function sessionId(session: LiveSession, before: Snapshot | undefined): string {
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u.test(session.boundId))
    return session.boundId;
  return before?.session.id ?? randomUUID();
}

function cleanMessage(message: string): string {
  const { text } = redactText(message.replace(/\0/gu, ''));
  return typeof text === 'string' ? text.toWellFormed() : '';
}

function mergeCrqs(found: Crq[], carried: Crq[]): Crq[] {
  const known = new Set(found.map((c) => c.id.toUpperCase()));
  return [...found, ...carried.filter((c) => !known.has(c.id.toUpperCase()))];
}

function environmentOf(
  ws: Workspace,
  state: LiveState,
  session: LiveSession,
  options: SaveOptions,
  warnings: string[],
): Snapshot['env'] {
  const own = state.environment.get(session.id) ?? new Map<string, Buffer | null>();
  const merged = new Map<string, Buffer>();
  for (const [name, value] of state.environment.get('global') ?? [])
    if (value !== null) merged.set(name, value);
  for (const [name, value] of own) {
    if (value === null) merged.delete(name);
    else merged.set(name, value);
  }
  const asked = [
    ...ws.config.getAll('session.env').flatMap((v) => v.split(/[\s,]+/u)),
    ...options.env,
  ].filter((n) => n !== '');
  const { env, refused } = selectEnvironment(merged, [...DEFAULT_ALLOW, ...asked], { secrets: false });
  for (const { name, reason } of refused) {
    if (asked.includes(name)) warnings.push(`environment variable ${name} is not saved: ${reason}`);
  }
  for (const name of options.env) {
    if (!(name in env) && !refused.some((r) => r.name === name)) {
      warnings.push(`environment variable ${name} is not set in the tmux session`);
    }
  }
  return { ...env };
}

function distinct(redactions: Snapshot['redactions']): Snapshot['redactions'] {
  const seen = new Map(redactions.map((r) => [`${r.rule}\0${r.where}`, r]));
  return [...seen.values()];
}

async function captureScrollback(
  tmux: Tmux,
  state: LiveState,
  lines: number,
  warnings: string[],
): Promise<Map<string, Scrollback>> {
  if (lines === 0) return new Map();
  const panes = new Map(state.panes.map((p) => [p.id, p]));
  const raw = await readScrollback(
    tmux,
    [...panes.values()].map((p) => ({ paneId: p.id, alternate: p.alternate, dead: p.dead })),
    lines,
  );
  const result = new Map<string, Scrollback>();
  for (const [id, bytes] of raw) {
    if (bytes.length === 0) continue;
    const cleaned = redactText(toText(bytes)).text;
    let kept = fromText(cleaned);
    let truncated = (panes.get(id)?.historyLines ?? 0) > lines;
    if (kept.length > MAX_SCROLLBACK_BYTES) {
      kept = kept.subarray(kept.indexOf(10, kept.length - MAX_SCROLLBACK_BYTES) + 1);
      truncated = true;
    }
    const count = kept.reduce((n, c) => (c === 10 ? n + 1 : n), 0);
    if (truncated) {
      const p = panes.get(id);
      warnings.push(`scrollback of pane ${p?.index ?? id} cut to ${count} lines`);
    }
    result.set(id, { bytes: kept, lines: count, truncated });
  }
  return result;
}

interface Ready {
  stored: PendingSnapshot;
}

function toPending(
  ws: Workspace,
  snapshot: Snapshot,
  files: PendingSnapshot['files'],
  work: PendingWork | null,
  ms: number,
): Ready {
  const bytes = encodeSnapshot(snapshot);
  const oid = hashObject(ws.repo.objectFormat, 'blob', bytes);
  const { name } = snapshot.session;
  return {
    stored: {
      ...{ name, bytes, oid, files, id: makeId(ms, oid) },
      parent: work?.oid ?? snapshot.git.head,
      message: snapshot.message ?? `Save session ${name}`,
    },
  };
}

/** What follows the commit point: links, our own approval, the binding. None of it can undo the save. */
async function afterwards(
  ws: Workspace,
  catalog: Catalog,
  pending: (Ready & { snapshot: Snapshot; session: LiveSession })[],
  warnings: string[],
): Promise<void> {
  const who = identity(ws.config);
  const attempt = async (what: string, action: () => Promise<void> | void) => {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      warnings.push(`${what}: ${error.message}`);
    }
  };
  await Promise.all([
    attempt('saved, but the CRQs could not be linked', async () => {
      if (catalog.notes === null) await ensureNotesRef(ws.repo.git);
      for (const { snapshot, stored } of pending) {
        if (snapshot.crqs.length === 0) continue;
        if (snapshot.git.head === null) {
          warnings.push('CRQs are in the snapshot only: there is no commit yet to put a note on');
          continue;
        }
        await linkCrqs(ws.repo, {
          ...{ base: snapshot.git.head, name: stored.name, id: stored.id },
          ...{ crqs: snapshot.crqs, identity: who },
        });
      }
    }),
    attempt('saved, but a restore will ask before it starts commands', () => {
      const approvals = new Approvals();
      for (const { snapshot, stored } of pending) {
        const subject = approvalSubject(ws.repo.commonDir, stored.id, stored.oid, snapshot);
        const ref = `${stored.name}/${stored.id}`;
        approvals.add(planDigest(subject), { reason: 'saved', ref, repository: ws.repo.commonDir });
      }
    }),
    attempt('saved, but the tmux session could not be marked', async () => {
      const unbound = pending.filter(({ snapshot, session }) => session.boundId !== snapshot.session.id);
      if (unbound.length === 0) return;
      const script = unbound.map(
        ({ snapshot, session }) =>
          `set-option -t ${quote(`${session.id}:`)} @git-session-id ${quote(snapshot.session.id)}`,
      );
      await ws.tmux.run(['source-file', '-'], `${script.join('\n')}\n`);
    }),
  ]);
}

function summary(snapshot: Snapshot, stored: PendingSnapshot): SavedSession {
  const panes = snapshot.tmux.windows.flatMap((w) => w.panes);
  return {
    ...{ name: stored.name, id: stored.id, oid: stored.oid },
    ref: `refs/sessions/${stored.name}/${stored.id}/snapshot`,
    windows: snapshot.tmux.windows.length,
    panes: panes.length,
    commands: panes.filter((p) => p.relaunch.source !== 'none').length,
    crqs: snapshot.crqs,
    work: snapshot.git.work,
  };
}
