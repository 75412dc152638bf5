import {
  NoServerError,
  NotARepositoryError,
  NotInsideTmuxError,
  UnknownRefError,
} from '../session/errors.ts';
import { type LiveStatus, matchSessions } from '../session/live.ts';
import { setting } from '../session/settings.ts';
import { Config } from '../git/config.ts';
import { Git } from '../git/git.ts';
import { listSessions, type Server } from '../tmux/capture.ts';
import { records, text } from '../tmux/records.ts';
import { decodeField, encoded, unvis } from '../tmux/syntax.ts';
import type { Tmux } from '../tmux/tmux.ts';
import { type LiveView, readLiveWorld, viewsOf } from './live.ts';
import { openWorkspace, tmuxOf } from './workspace.ts';

/** A live session that the terminal can be switched to. */
export type SwitchTarget = LiveView & { tmuxId: string };

export interface Switching {
  /** What the word on the command line means: one, or several to choose from. Never none. */
  candidates: [SwitchTarget, ...SwitchTarget[]];
  /** Those of them that a person who is here can want to go to: others, and not what is left of a command that has ended. */
  elsewhere: SwitchTarget[];
  /** `session.picker`. */
  picker: string | null;
  go: (target: SwitchTarget) => Promise<void>;
}

/**
 * Finds what `git session switch` could mean, null for any live session and `-` for the one before. The front in
 * bin/git-session answers for exact names without node: what is decided here must agree with it.
 */
export async function prepareSwitch(wanted: string | null): Promise<Switching> {
  const { tmux, server, targets, picker } = await readTargets();
  const own = ownSession(server, wanted);
  const client = await clientOf(tmux, own);
  const found = wanted === '-' ? targets.filter((t) => t.name === client.last) : match(targets, wanted);
  const [first, ...others] = found;
  if (first === undefined) throw nothingFound(wanted);
  return {
    candidates: [first, ...others],
    elsewhere: found.filter((t) => t.tmuxId !== own && !OVER.has(t.judgement?.status ?? 'running')),
    picker,
    go: async (target) => {
      await tmux.ok(['switch-client', '-c', client.name, '-t', target.tmuxId]);
    },
  };
}

const OVER = new Set<LiveStatus>(['completed', 'failed', 'terminated']);

function match(targets: SwitchTarget[], wanted: string | null): SwitchTarget[] {
  return wanted === null ? targets : matchSessions(targets, wanted);
}

function nothingFound(wanted: string | null): Error {
  if (wanted === '-') return new UnknownRefError('there is no session before this one');
  return new UnknownRefError(
    wanted === null ? 'there is no live session' : `no live session is called '${wanted}'`,
    ['see which there are: tmux list-sessions', 'bring a saved one back: git session restore <name>'],
  );
}

interface Targets {
  tmux: Tmux;
  server: Server;
  targets: SwitchTarget[];
  picker: string | null;
}

/** Works outside of a repository too, where nothing but tmux itself knows of sessions. */
async function readTargets(): Promise<Targets> {
  try {
    const { repo, tmux, config } = await openWorkspace();
    const { server, problem, views } = await readLiveWorld(repo, tmux);
    if (server === null) throw problem ?? new NoServerError('no tmux server is running');
    return { tmux, server, targets: views.filter(isTarget), picker: pickerOf(config) };
  } catch (error) {
    if (!(error instanceof NotARepositoryError)) throw error;
  }
  const config = await Config.read(new Git(null));
  const tmux = tmuxOf(config);
  const server = await listSessions(tmux);
  return { tmux, server, targets: viewsOf(server).filter(isTarget), picker: pickerOf(config) };
}

function isTarget(view: LiveView): view is SwitchTarget {
  return view.tmuxId !== null;
}

function pickerOf(config: Config): string | null {
  return setting(config, 'picker', process.env);
}

/** The session that shows the pane we run in. Without a terminal on it, tmux would switch another terminal. */
function ownSession(server: Server, wanted: string | null): string {
  const hints = [`git session attach ${wanted === null || wanted === '-' ? '<name>' : wanted}`];
  // A path may have commas.
  const [, pid, session] = /,(\d+),(\d+)$/u.exec(process.env['TMUX'] ?? '') ?? [];
  if (pid === undefined) {
    throw new NotInsideTmuxError('not inside tmux: there is no terminal to switch', hints);
  }
  if (Number(pid) !== server.pid) {
    throw new NotInsideTmuxError('this is inside another tmux server than the one that git session uses', [
      'see what names it: git config --show-origin session.tmuxCommand',
    ]);
  }
  const own = server.current ?? `$${session}`;
  if (!server.sessions.some((s) => s.id === own && s.attachedClients > 0)) {
    throw new NotInsideTmuxError('no terminal shows the tmux session that this runs in', hints);
  }
  return own;
}

async function clientOf(tmux: Tmux, session: string): Promise<{ name: string; last: string }> {
  const format = `C\t#{client_name}\t${encoded('client_last_session')}`;
  const out = await tmux.ok(['display-message', '-p', '-t', `${session}:`, format]);
  const [, name, last] = records(out, 'C', 3)[0] ?? [];
  return { name: text(name), last: last === undefined ? '' : unvis(decodeField(last)).toString('utf8') };
}
