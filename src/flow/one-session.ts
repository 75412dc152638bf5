import { setTimeout as sleep } from 'node:timers/promises';
import { AmbiguousRefError, SessionExistsError, UnknownRefError } from '../session/errors.ts';
import { isGlob, isSessionId, matchSessions } from '../session/live.ts';
import { setting } from '../session/settings.ts';
import type { StoredRecord } from '../store/records.ts';
import { adopt } from './adopt.ts';
import { launch, requireTmuxName } from './launch.ts';
import { type LiveView, type LiveWorld, ownViews, readLiveWorld } from './live.ts';
import { revive } from './revive.ts';
import type { Workspace } from './workspace.ts';

/**
 * The sessions that a word means, for a command that never asks: this repository's, also those whose tmux is gone, and
 * any tmux session by its exact name. One that is alive comes before those that are not.
 */
export async function matching(ws: Workspace, { views }: LiveWorld, word: string): Promise<LiveView[]> {
  const isNamed = (v: LiveView) => v.name === word || v.tmuxId === word;
  let found = matchSessions(views, word);
  // Whether it is this repository's is asked of git only where it matters: that may read all that is saved.
  if (!found.every((v) => v.stored !== null || isNamed(v))) {
    const own = new Set(await ownViews(ws, views));
    found = matchSessions(
      views.filter((v) => own.has(v) || isNamed(v)),
      word,
    );
  }
  const alive = found.filter((v) => v.tmuxId !== null);
  return found.length > 1 && alive.length > 0 && !isGlob(word) ? alive : found;
}

/** The one session that a word means; null where there is none. */
export async function oneSession(ws: Workspace, world: LiveWorld, word: string): Promise<LiveView | null> {
  const found = await matching(ws, world, word);
  const names = [...new Set(found.map((v) => v.name))];
  // Earlier ones of the same name have ended: the last one is meant.
  if (names.length > 1) throw ambiguous(word, names);
  return found.at(-1) ?? null;
}

function ambiguous(word: string, names: string[]): AmbiguousRefError {
  return new AmbiguousRefError(
    `'${word}' is ambiguous: ${names.length} sessions match`,
    names.slice(0, 20).map((name) => `one of them: ${name}`),
    { candidates: names },
  );
}

export function noSession(word: string): UnknownRefError {
  return new UnknownRefError(`no session '${word}'`, [
    'see which there are: git session list',
    `make it: git session create ${word}`,
  ]);
}

/** So many commands can bring a session back at once, and the slowest of them still finds it. */
const ATTEMPTS = 8;

export interface Reached {
  stored: StoredRecord;
  tmuxId: string;
  view: LiveView | null;
}

/**
 * A session that tmux has, with a record: revived, adopted or made where it must be. `note` gets what a person should
 * know. Where another command was faster with it, that one's is taken.
 */
export async function reachSession(
  ws: Workspace,
  word: string,
  cwd: string,
  note: (text: string) => void,
): Promise<Reached> {
  for (let attempt = 1; ; attempt++) {
    const world = await readLiveWorld(ws.repo, ws.tmux);
    if (world.problem !== null) throw world.problem;
    const view = await oneSession(ws, world, word);
    try {
      if (view === null) return await make(ws, word, cwd, note);
      if (view.tmux !== null) {
        const stored = view.stored ?? (await adopt(ws, view.tmux)).stored;
        return { stored, tmuxId: view.tmux.id, view };
      }
      const { tmuxId, notes } = await revive(ws, view);
      for (const text of notes) note(text);
      const now = await readLiveWorld(ws.repo, ws.tmux);
      // The pane of a command that has ended is nowhere, and what a save made of that is not where it ran.
      const isPlace = (v: LiveView) => v.tmuxId === tmuxId && view.stored?.record.kind !== 'run';
      return { stored: view.stored!, tmuxId, view: now.views.find(isPlace) ?? null };
    } catch (error) {
      if (!(error instanceof SessionExistsError) || attempt === ATTEMPTS) throw error;
      await sleep(Math.random() * 50 * attempt);
    }
  }
}

async function make(
  ws: Workspace,
  word: string,
  cwd: string,
  note: (text: string) => void,
): Promise<Reached> {
  const isName = !isGlob(word) && !word.startsWith('$') && !isSessionId(word);
  if (!isName || !setting(ws.config, 'autoCreateSession')) throw noSession(word);
  requireTmuxName(word);
  const branch = await ws.repo.git.line(['symbolic-ref', '--quiet', '--short', 'HEAD']);
  const { stored, tmuxId } = await launch(ws, {
    ...{ kind: 'create', name: word, context: 'session', identifier: word, argv: null, cwd },
    ...{ worktree: ws.repo.workTree, branch, metadata: {}, ai: false },
  });
  note(`Created session '${word}'`);
  return { stored, tmuxId, view: null };
}
