import { AmbiguousRefError, SessionError, UnknownRefError } from '../session/errors.ts';
import { commandOf } from '../session/plan.ts';
import { fromSnapshotPath } from '../session/paths.ts';
import type { Snapshot } from '../session/schema.ts';
import { type Approval, Approvals } from '../trust/approvals.ts';
import { allow, digestOf, type PlannedCommand } from './consent.ts';
import { load } from './load.ts';
import { openWorkspace, placesOf, requireEnabled, type Workspace } from './workspace.ts';

export interface Allowed {
  label: string;
  digest: string;
  savedBy: Snapshot['savedBy'];
  savedAt: string;
  host: string;
  commands: PlannedCommand[];
  env: Snapshot['env'];
  /** The approval that there was before. */
  before: Approval | null;
}

/** Tells all that a snapshot would run, and, unless `dryRun`, records that it may. */
export async function allowSnapshot(ref: string, dryRun: boolean): Promise<Allowed> {
  const ws = await openWorkspace();
  if (!dryRun) requireEnabled(ws.config);
  const loaded = await load(ws, ref);
  const { snapshot, label } = loaded;
  const digest = digestOf(ws, loaded);
  const before = new Approvals().has(digest);
  if (!dryRun && before === null) allow(ws, loaded, digest);
  const { savedBy, savedAt, host, env } = snapshot;
  return {
    label,
    digest,
    savedBy,
    savedAt,
    host: host.name,
    commands: commandsOf(ws, snapshot),
    env,
    before,
  };
}

/** Every command of the snapshot, those too that this machine could not start today. */
function commandsOf(ws: Workspace, snapshot: Snapshot): PlannedCommand[] {
  const places = placesOf(ws.repo);
  return snapshot.tmux.windows.flatMap((w) =>
    w.panes.flatMap((p) => {
      const { start, steps, prefill } = commandOf(p);
      const cwd = fromSnapshotPath(p.cwd, places)?.toString('utf8') ?? '';
      const all = [...(start === null ? [] : [start]), ...steps, ...(prefill === null ? [] : [prefill])];
      return all.map((argv) => ({ pane: `${w.index}.${p.index}`, argv, cwd }));
    }),
  );
}

/** All approvals of this user, of whatever repository. */
export function listApprovals(): Approval[] {
  return new Approvals().list();
}

/** Takes an approval back, named by its digest (8 digits or more) or by the snapshot. */
export async function revoke(what: string): Promise<Approval> {
  const approvals = new Approvals();
  if (/^[0-9a-f]{8,64}$/u.test(what)) {
    const found = approvals.list().filter((a) => a.digest.startsWith(what));
    if (found.length > 1) {
      throw new AmbiguousRefError(`'${what}' is ambiguous: ${found.length} approvals match`, [], {
        candidates: found.map((a) => a.digest),
      });
    }
    if (found[0] !== undefined) {
      approvals.remove(found[0].digest);
      return found[0];
    }
  }
  const digest = await digestFor(what);
  const known = approvals.has(digest);
  if (known === null || !approvals.remove(digest)) {
    throw new UnknownRefError(`'${what}' is not approved`, ['see what is: git session allow --list']);
  }
  return known;
}

async function digestFor(what: string): Promise<string> {
  try {
    const ws = await openWorkspace();
    return digestOf(ws, await load(ws, what));
  } catch (error) {
    if (error instanceof SessionError && error.code === 'not-found') {
      throw new UnknownRefError(`no approval and no snapshot '${what}'`, [
        'see what is approved: git session allow --list',
      ]);
    }
    throw error;
  }
}
