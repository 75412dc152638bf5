import { NotInsideTmuxError, UnknownRefError } from '../session/errors.ts';
import { quote } from '../tmux/syntax.ts';
import { type Client, listClients, ownClient, runAll } from '../tmux/windows.ts';
import type { LiveView } from './live.ts';
import type { Workspace } from './workspace.ts';

export interface Detached {
  /** The terminal, as tmux calls it. */
  client: string;
  /** Name of the session that it showed. */
  session: string;
}

/** All terminals that show one of the sessions. */
export async function detachSessions(ws: Workspace, views: readonly LiveView[]): Promise<Detached[]> {
  const byId = new Map(views.map((v) => [v.tmuxId, v.name]));
  const clients = (await listClients(ws.tmux)).filter((c) => byId.has(c.sessionId));
  return detach(ws, clients, byId);
}

/** One terminal, by its path or the name that tmux has for it. */
export async function detachClient(
  ws: Workspace,
  wanted: string,
  views: readonly LiveView[],
): Promise<Detached[]> {
  const clients = await listClients(ws.tmux);
  const found = clients.filter((c) => c.name === wanted || c.name === `/dev/${wanted}`);
  if (found.length === 0) {
    throw new UnknownRefError(
      `no terminal '${wanted}' is attached`,
      clients.slice(0, 5).map((c) => `git session detach --client ${c.name}`),
      { clients: clients.map((c) => c.name) },
    );
  }
  return detach(ws, found, new Map(views.map((v) => [v.tmuxId, v.name])));
}

/** The terminal that shows the pane we run in. */
export async function detachOwn(ws: Workspace, views: readonly LiveView[]): Promise<Detached[]> {
  const { client } = await ownClient(ws.tmux);
  if (client === null) {
    throw new NotInsideTmuxError('not inside tmux: there is no terminal of ours to detach', [
      'git session detach <session>',
    ]);
  }
  return detachClient(ws, client.name, views);
}

async function detach(
  ws: Workspace,
  clients: readonly Client[],
  names: Map<string | null, string>,
): Promise<Detached[]> {
  if (clients.length === 0) return [];
  await runAll(
    ws.tmux,
    clients.map((c) => `detach-client -t ${quote(c.name)}`),
  );
  return clients.map((c) => ({ client: c.name, session: names.get(c.sessionId) ?? c.sessionId }));
}
