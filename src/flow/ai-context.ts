import { statSync } from 'node:fs';
import { type AgentName, type AgentState, agentStatus } from '../session/agent.ts';
import { crqKey } from '../session/crq.ts';
import { SessionError } from '../session/errors.ts';
import { displayText } from '../session/text.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { readStatus } from '../git/status.ts';
import type { StoredRecord } from '../store/records.ts';
import { readState } from '../tmux/capture.ts';
import { loggedCommands, type LoggedCommand } from './command-log.ts';
import { findCrqs } from './crq.ts';
import { inspectAll } from './describe.ts';
import type { LiveView, LiveWorld } from './live.ts';
import type { Workspace } from './workspace.ts';

/** What an assistant needs to know that takes over a session which was made for one. */
export interface AiContext {
  stored: StoredRecord;
  /** What is checked out where the session works, now; null where HEAD is detached. */
  branch: string | null;
  /** Ids: those that are linked, then those that a save would find. */
  crqs: string[];
  agents: RunningAgent[];
  /** The last ones, the oldest first. */
  commands: LoggedCommand[];
}

export interface RunningAgent {
  /** `%1` */
  pane: string;
  name: AgentName;
  conversation: string | null;
  confidence: 'exact' | 'guessed' | 'none';
  state: AgentState | null;
}

const LAST_COMMANDS = 10;

/** What can't be found out is left out, and stops nothing. `linked`: ids of CRQs that are known already. */
export async function aiContext(
  ws: Workspace,
  { server }: LiveWorld,
  { stored, tmux }: LiveView & { stored: StoredRecord },
  linked: readonly string[],
): Promise<AiContext> {
  const [place, agents] = await Promise.all([
    orElse(lookAt(ws, stored), { branch: stored.record.branch, crqs: [] }),
    server === null || tmux === null ? [] : orElse(agentsOf(ws, server, tmux), []),
  ]);
  const known = new Set(linked.map(crqKey));
  return {
    ...{ stored, branch: place.branch, agents },
    crqs: [...linked, ...place.crqs.filter((id) => !known.has(crqKey(id)))],
    commands: loggedCommands(stored).slice(-LAST_COMMANDS),
  };
}

/** The session may work in another worktree than the one we are in. */
async function lookAt(
  ws: Workspace,
  stored: StoredRecord,
): Promise<{ branch: string | null; crqs: string[] }> {
  const repo = await repositoryOf(ws, stored);
  if (repo === null) return { branch: stored.record.branch, crqs: [] };
  const status = await readStatus(repo);
  const found = await findCrqs({ ...ws, repo }, status, { crqs: [], detectCrqs: true });
  return { branch: status.branch, crqs: found.map((c) => c.id) };
}

/** Null where its worktree is gone, or where it works in none of this repository. */
async function repositoryOf(ws: Workspace, { record }: StoredRecord): Promise<Repository | null> {
  if (record.worktree === null) return null;
  const worktree = displayText(record.worktree);
  if (worktree === ws.repo.workTree) return ws.repo;
  if (statSync(worktree, { throwIfNoEntry: false })?.isDirectory() !== true) return null;
  return openRepository(worktree, false);
}

async function agentsOf(
  ws: Workspace,
  server: NonNullable<LiveWorld['server']>,
  session: NonNullable<LiveView['tmux']>,
): Promise<RunningAgent[]> {
  const state = await readState(ws.tmux, server, [session]);
  const seen = inspectAll(state);
  return state.panes.flatMap((pane) => {
    const agent = seen.get(pane.pid)?.agent;
    if (agent == null) return [];
    const said = agentStatus(pane);
    return [
      {
        ...{
          pane: pane.id,
          name: agent.name,
          conversation: agent.conversation,
          confidence: agent.confidence,
        },
        state: said?.name === agent.name ? said.state : null,
      },
    ];
  });
}

async function orElse<T>(found: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof SessionError) return otherwise;
    throw error;
  }
}
