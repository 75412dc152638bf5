import { NotRunningError, UsageError } from '../session/errors.ts';
import { type AliveView, isAlive } from '../flow/kill.ts';
import { openLive } from '../flow/live.ts';
import type { Workspace } from '../flow/workspace.ts';
import { chooseSessions } from './choose-session.ts';

/** The live session that a word means; without one, that in which we run. */
export async function oneSession(
  word: string | null,
  verb: string,
  json: boolean,
): Promise<{ ws: Workspace; view: AliveView }> {
  const { ws, world } = await openLive();
  if (word === null) {
    const current = world.views.find((v) => v.current);
    if (current !== undefined && isAlive(current)) return { ws, view: current };
    throw new UsageError('which session? outside of tmux it must be named', [
      `git session ${verb} -s <session>`,
    ]);
  }
  const choice = { verb, pattern: word, interactive: false, multiple: false, json };
  const [view] = await chooseSessions(ws, world.views, choice);
  if (isAlive(view)) return { ws, view };
  throw new NotRunningError(`'${view.name}' is not running`, [`git session attach ${view.name}`]);
}

/**
 * The arguments of `window` and `pane`: the session comes first, where no option says it and there are more words than
 * the verb `takes`. With `free` a command line, or a text, follows.
 */
export function splitArguments(
  option: string | null,
  given: readonly string[],
  takes: number,
  free: boolean,
): { session: string | null; words: string[] } {
  const named = option === null && given.length > takes;
  const words = named ? given.slice(1) : [...given];
  if (words.length < takes) throw new UsageError('an argument is missing');
  if (words.length > takes && !free) throw new UsageError('too many arguments');
  return { session: named ? given[0]! : option, words };
}
