import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { openRepository, type Repository } from '../git/repository.ts';
import type { LiveSession, Server } from '../tmux/capture.ts';
import { safe } from '../trust/safe.ts';
import type { NamedSession } from './choose.ts';
import type { Workspace } from './workspace.ts';
import { listWorktrees } from './worktree.ts';

export interface SaveGroup {
  repo: Repository;
  sessions: NamedSession[];
}

/**
 * The sessions by the worktree in which they work: that one's commit and work belong to them, wherever the save is typed.
 * The session in which it is typed works where it is typed.
 */
export async function byWorktree(
  ws: Workspace,
  server: Server,
  named: readonly NamedSession[],
  warnings: string[],
): Promise<SaveGroup[]> {
  const own = ws.repo.workTree;
  const others = existsSync(path.join(ws.repo.commonDir, 'worktrees')) ? await listWorktrees(ws) : [];
  const directories = new Set(
    others.filter((w) => !w.bare && existsSync(w.directory)).map((w) => w.directory),
  );
  if (own !== null) directories.add(real(own));
  const groups = new Map<string | null, NamedSession[]>();
  for (const one of named) {
    const { session } = one;
    const here = session.id === server.current && own !== null;
    const found = here ? real(own) : worktreeOf(session, [...directories]);
    if (found === null && own !== null) {
      const where = session.pane.path.toString('utf8');
      warnings.push(
        `session '${safe(one.name)}' works outside of this repository, in ${safe(where)}: the commit and the work that go with it are those of ${safe(own)}`,
      );
    }
    const key = found === null || (own !== null && found === real(own)) ? null : found;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return Promise.all(
    [...groups].map(async ([directory, sessions]) => ({
      repo: directory === null ? ws.repo : await openRepository(directory, false),
      sessions,
    })),
  );
}

/** The innermost worktree with the active pane, else with the directory in which the session was made. */
function worktreeOf(session: LiveSession, directories: readonly string[]): string | null {
  for (const place of [session.pane.path, session.path]) {
    const at = real(place.toString('utf8'));
    const inside = directories
      .filter((d) => at === d || at.startsWith(d === '/' ? d : `${d}/`))
      .toSorted((a, b) => b.length - a.length);
    if (inside[0] !== undefined) return inside[0];
  }
  return null;
}

function real(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}
