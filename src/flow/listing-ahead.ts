import { REMOTE_SESSIONS, SESSIONS } from '../session/names.ts';
import { Git } from '../git/git.ts';
import { listRefs, type Ref } from '../git/refs.ts';
import { listSessions, type Server } from '../tmux/capture.ts';
import { openAhead } from './workspace.ts';

/** What git and tmux were asked before the list itself was loaded. */
export interface Asked {
  /** Null where only the opened repository can tell. */
  refs: Promise<Ref[]> | null;
  server: Promise<Server>;
}

export const LISTED_REFS = [SESSIONS.slice(0, -1), REMOTE_SESSIONS.slice(0, -1), 'refs/notes/crq'];

let asked: Asked | null = null;

/**
 * Asks git and tmux what the next `listSessions` needs: they answer while the rest of the program is loaded. Ends when
 * tmux was asked, which the configuration names. What goes wrong is told by `listSessions`.
 */
export async function askAhead(): Promise<void> {
  const opened = openAhead();
  const refs = refsAhead();
  const server = opened.then(({ tmux }) => listSessions(tmux));
  server.catch(() => undefined);
  asked = { refs, server };
  await opened.catch(() => undefined);
}

/** git finds the repository by itself, unless it was told where it is. */
function refsAhead(): Promise<Ref[]> | null {
  if (process.env['GIT_DIR'] !== undefined || process.env['GIT_COMMON_DIR'] !== undefined) return null;
  const refs = listRefs(new Git(null), LISTED_REFS, true);
  refs.catch(() => undefined);
  return refs;
}

/** What was asked, once: the next list asks anew. */
export function takeAsked(): Asked | null {
  const taken = asked;
  asked = null;
  return taken;
}
