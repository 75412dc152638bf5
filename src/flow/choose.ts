import { NoSuchTmuxSessionError, UsageError } from '../session/errors.ts';
import { isSessionName, nameFromTmux } from '../session/names.ts';
import type { LiveSession, Server } from '../tmux/capture.ts';
import { isTransient } from './live.ts';

/** Which tmux session a save is about, as the user said it. */
export interface Choice {
  name?: string;
  /** The tmux session, as tmux's own -t: a name or an id. */
  target?: string;
  all: boolean;
}

export function chooseSessions(server: Server, options: Choice): LiveSession[] {
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

export interface NamedSession {
  name: string;
  session: LiveSession;
}

/** Gives each tmux session its session name; two that would collide are told apart by a hash. */
export function nameSessions(chosen: LiveSession[], options: Choice): NamedSession[] {
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
