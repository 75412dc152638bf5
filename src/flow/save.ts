import { randomUUID } from 'node:crypto';
import { approvalSubject } from '../session/approval.ts';
import { encodeSnapshot } from '../session/codec.ts';
import { SessionError } from '../session/errors.ts';
import { checkName, makeId, nextIdTime } from '../session/names.ts';
import { commandOf } from '../session/pane-command.ts';
import { type Crq, FORMAT_VERSION, type Snapshot, type TmuxPane } from '../session/schema.ts';
import { setting } from '../session/settings.ts';
import { displayText } from '../session/text.ts';
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
import type { Tmux } from '../tmux/tmux.ts';
import { Approvals, planDigest } from '../trust/approvals.ts';
import { type Redaction, redactText } from '../trust/redact.ts';
import { chooseUntracked, needsWork, warnWork } from './carried.ts';
import { type Choice, chooseSessions, type NamedSession, nameSessions } from './choose.ts';
import { findCrqs } from './crq.ts';
import { crqsOf } from '../store/crq-links.ts';
import { describeGit, describeHost, describeTmux, inspectAll } from './describe.ts';
import { maintain } from './maintain.ts';
import { byWorktree } from './save-worktrees.ts';
import { captureScrollback, environmentOf } from './save-tmux.ts';
import { cleanCrqs, cleanState, lookAtDrafts } from './save-redaction.ts';
import { loggedState } from './snapshot-state.ts';
import { markCommands } from './status-options.ts';
import { identity, openWorkspace, placesOf, requireEnabled, type Workspace } from './workspace.ts';

export interface SaveOptions extends Choice {
  message: string | null;
  crqs: string[];
  /** Look for CRQs in the branch name, trailers, configuration and documents. */
  detectCrqs: boolean;
  env: string[];
  /** Lines of scrollback per pane; 0 for none. */
  scrollback: number;
  /** Take the uncommitted work along. */
  work: boolean;
  /** Sign it; null or absent: as session.sign says. */
  sign?: boolean | null;
  /** Of its life; absent: what its journal says. */
  state?: Snapshot['state'];
  /** Rules of the redactor that are left alone. */
  allow?: ReadonlySet<string>;
}

export interface SavedSession {
  name: string;
  id: string;
  ref: string;
  oid: string;
  windows: number;
  panes: number;
  /** Panes in which a restore starts something. */
  commands: number;
  /** The tmux session's own name. */
  tmux: string;
  crqs: Crq[];
  work: string | null;
}

export interface SaveResult {
  saved: SavedSession[];
  warnings: string[];
}

export const DEFAULT_SCROLLBACK_LINES = 10_000;

/** Saves one live tmux session, or all of them, each as a session of its own. */
export async function save(options: SaveOptions, workspace?: Workspace): Promise<SaveResult> {
  if (options.name !== undefined) checkName(options.name);
  const ws = workspace ?? (await openWorkspace());
  requireEnabled(ws.config);
  const sign = options.sign ?? setting(ws.config, 'sign');
  const warnings: string[] = [];
  const now = Date.now();
  // Everything that does not need another's answer runs at the same time.
  const statusRead = readStatus(ws.repo);
  const catalogRead = readCatalog(ws.repo.git);
  const captured = capture(ws.tmux, options);
  const previousRead = Promise.all([captured.server, catalogRead]).then(([{ chosen }, known]) =>
    readPrevious(ws, known, nameSessions(chosen, options)),
  );
  const crqsFound = statusRead.then((s) => findCrqs(ws, s, options));
  const own = Promise.all([statusRead, crqsFound]);
  own.catch(() => undefined);
  const [catalog, { server, chosen }, state, previous] = await Promise.all([
    ...([catalogRead, captured.server, captured.state, previousRead] as const),
  ]);
  const named = nameSessions(chosen, options);
  const groups = await byWorktree(ws, server, named, warnings);
  const scrollback = await captureScrollback(ws.tmux, state, options, warnings);
  const seen: Seen = { server, state, inspected: inspectAll(state), scrollback, catalog, previous, sign };
  const saved: SavedSession[] = [];
  for (const { repo, sessions } of groups) {
    const there = { ...ws, repo };
    if (repo === ws.repo)
      saved.push(...(await saveIn(there, sessions, seen, await own, options, now, warnings)));
    else {
      const status = await readStatus(repo);
      const found = await findCrqs(there, status, options);
      saved.push(...(await saveIn(there, sessions, seen, [status, found], options, now, warnings)));
    }
  }
  const order = named.map(({ name }) => name);
  return { saved: saved.toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name)), warnings };
}

/** What was read of tmux and of the store, for all that are saved together. */
interface Seen {
  server: Server;
  state: LiveState;
  inspected: ReturnType<typeof inspectAll>;
  scrollback: Awaited<ReturnType<typeof captureScrollback>>;
  catalog: Catalog;
  previous: Map<string, Previous>;
  sign: boolean;
}

/** Saves the sessions that work in one worktree, with its commit and its work. */
async function saveIn(
  ws: Workspace,
  named: readonly NamedSession[],
  { server, state, inspected, scrollback, catalog, previous, sign }: Seen,
  [status, found]: readonly [Status, Crq[]],
  options: SaveOptions,
  now: number,
  warnings: string[],
): Promise<SavedSession[]> {
  const who = identity(ws.config);
  const ident = identLine(who, now);
  const carried = chooseUntracked(status, options.work);
  // Nothing is written before the capture is complete.
  const trees = needsWork(ws.repo, status, options.work, carried.take)
    ? await recordWork(ws.repo, status.head!, carried.take, status.unmerged.length > 0)
    : null;
  try {
    const work = trees === null ? null : planWork(ws.repo, status.head!, trees, ident, status.branch);
    warnWork(status, carried.leftOut, warnings);
    const places = placesOf(ws.repo);
    const draft = (rules: Redaction, texts: typeof scrollback, told: string[]) =>
      named.map(({ name, session }) => {
        const described = describeTmux(server, session, state, inspected, texts, places, rules);
        const before = previous.get(name);
        const id = sessionId(session, before?.snapshot);
        const snapshot: Snapshot = {
          format: 'git-session/snapshot',
          version: FORMAT_VERSION,
          session: { id, name },
          previous: before?.stored.id ?? null,
          savedAt: new Date(now).toISOString(),
          savedBy: who,
          host: describeHost(server.version),
          message: options.message === null ? null : cleanMessage(options.message, rules),
          crqs: cleanCrqs(
            mergeCrqs(found, before === undefined ? [] : crqsOf(catalog, before.stored, before.snapshot)),
            rules,
          ),
          git: describeGit(
            ...([ws.repo, status, ws.config.remotes()] as const),
            { oid: work?.oid ?? null, leftOut: carried.leftOut },
            rules,
          ),
          env: environmentOf(ws.config, state, session, options.env, told, rules),
          tmux: described.tmux,
          state: cleanState(options.state ?? loggedState(ws.repo, id, name, told), rules),
          redactions: distinct(described.redactions),
        };
        return { snapshot, session, files: described.files };
      });
    const drafts = await lookAtDrafts(draft, scrollback, options.allow, warnings);
    const pending = drafts.map(({ snapshot, session, files }) => {
      const ms = nextIdTime(now, catalog.newestId(snapshot.session.name));
      return { ...toPending(ws, snapshot, files, work, ms), snapshot, session };
    });
    await storeSnapshots(
      ws.repo,
      pending.map((p) => p.stored),
      work,
      ident,
      sign,
    );
    await afterwards(ws, catalog, pending, warnings);
    return pending.map((p) => summary(p.snapshot, p.stored));
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
    ({ name }) => catalog.snapshots.findLast((s) => s.remote === null && s.name === name) ?? [],
  );
  const read = await readSnapshots(ws.repo.git, newest);
  return new Map(read.flatMap((r) => ('snapshot' in r ? [[r.stored.name, r] as const] : [])));
}

function sessionId(session: LiveSession, before: Snapshot | undefined): string {
  if (/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/u.test(session.boundId))
    return session.boundId;
  return before?.session.id ?? randomUUID();
}

function cleanMessage(message: string, rules: Redaction): string {
  const { text } = redactText(message.replace(/\0/gu, ''), rules);
  return typeof text === 'string' ? text.toWellFormed() : '';
}

function mergeCrqs(found: Crq[], carried: Crq[]): Crq[] {
  const known = new Set(found.map((c) => c.id.toUpperCase()));
  return [...found, ...carried.filter((c) => !known.has(c.id.toUpperCase()))];
}

function distinct(redactions: Snapshot['redactions']): Snapshot['redactions'] {
  const seen = new Map(redactions.map((r) => [`${r.rule}\0${r.where}`, r]));
  return [...seen.values()];
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
      const script = pending.flatMap(({ snapshot, session }) =>
        markCommands(session, snapshot.session.id, {
          name: snapshot.session.name,
          crqs: snapshot.crqs.map((crq) => crq.id),
        }),
      );
      if (script.length === 0) return;
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
    commands: panes.filter(starts).length,
    tmux: displayText(snapshot.tmux.sessions[0]!.name),
    crqs: snapshot.crqs,
    work: snapshot.git.work,
  };
}

function starts(pane: TmuxPane): boolean {
  const { start, steps } = commandOf(pane);
  return start !== null || steps.length > 0;
}
