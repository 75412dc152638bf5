import { AmbiguousRefError, SessionError, UnknownRefError } from '../session/errors.ts';
import { commandOf } from '../session/pane-command.ts';
import { fromSnapshotPath } from '../session/paths.ts';
import type { Snapshot } from '../session/schema.ts';
import { type Approval, Approvals } from '../trust/approvals.ts';
import type { PlannedCommand } from './consent.ts';
import { allow, decisionOn, deny, digestOf } from './decisions.ts';
import type { Signature } from '../store/signature.ts';
import { load } from './load.ts';
import { examine } from './signature.ts';
import { openWorkspace, placesOf, requireEnabled, type Workspace } from './workspace.ts';

export interface Allowed {
  label: string;
  digest: string;
  savedBy: Snapshot['savedBy'];
  savedAt: string;
  host: string;
  commands: PlannedCommand[];
  env: Snapshot['env'];
  signature: Signature;
  /** Its signer is trusted here: commands start without an approval. */
  trusted: boolean;
  /** The decision that there was before. */
  before: Approval | null;
}

/** Tells all that a snapshot would run, and, unless `dryRun`, records that it may. */
export async function allowSnapshot(ref: string, dryRun: boolean): Promise<Allowed> {
  const ws = await openWorkspace();
  if (!dryRun) requireEnabled(ws.config);
  const loaded = await load(ws, ref);
  const { snapshot, label } = loaded;
  const digest = digestOf(ws, loaded);
  const before = decisionOn(ws, loaded);
  if (!dryRun && (before === null || before.reason === 'denied')) allow(ws, loaded);
  const { savedBy, savedAt, host, env } = snapshot;
  return {
    label,
    digest,
    savedBy,
    savedAt,
    host: host.name,
    commands: commandsOf(ws, snapshot),
    env,
    ...(await examine(ws, loaded)),
    before,
  };
}

export interface Denied {
  label: string;
  digest: string;
  before: Approval | null;
}

/** Remembers that nothing of a snapshot starts on this machine; an approval is gone then. */
export async function denySnapshot(ref: string): Promise<Denied> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const loaded = await load(ws, ref);
  const before = decisionOn(ws, loaded);
  const { digest } = before?.reason === 'denied' ? before : deny(ws, loaded);
  return { label: loaded.label, digest, before };
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

/** All approvals and denials of this user, of whatever repository. */
export function listApprovals(): Approval[] {
  return new Approvals().list();
}

/** Takes an approval or a denial back, named by its digest (8 digits or more) or by the snapshot. */
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
  const known = await decisionFor(what);
  if (known === null || !approvals.remove(known.digest)) {
    throw new UnknownRefError(`'${what}' is not approved`, ['see what is: git session allow --list']);
  }
  return known;
}

async function decisionFor(what: string): Promise<Approval | null> {
  try {
    const ws = await openWorkspace();
    return decisionOn(ws, await load(ws, what));
  } catch (error) {
    if (error instanceof SessionError && error.code === 'not-found') {
      throw new UnknownRefError(`no approval and no snapshot '${what}'`, [
        'see what is approved: git session allow --list',
      ]);
    }
    throw error;
  }
}
