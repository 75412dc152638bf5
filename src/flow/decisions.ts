import { approvalSubject } from '../session/approval.ts';
import { type Approval, Approvals, planDigest } from '../trust/approvals.ts';
import type { Loaded } from './load.ts';
import type { Workspace } from './workspace.ts';

/** What an approval is for: this snapshot, under this id, in this clone. */
export function digestOf(ws: Workspace, loaded: Loaded): string {
  return digestAs(ws, loaded, loaded.stored?.id ?? '');
}

/** A denial is for the snapshot under whatever id: whoever pushes it once more must not get around it by that. */
function denialDigest(ws: Workspace, loaded: Loaded): string {
  return digestAs(ws, loaded, '');
}

function digestAs(ws: Workspace, { oid, snapshot }: Loaded, id: string): string {
  return planDigest(approvalSubject(ws.repo.commonDir, id, oid, snapshot));
}

/** What was decided about a snapshot here, if anything was. A denial counts before all else. */
export function decisionOn(ws: Workspace, loaded: Loaded): Approval | null {
  const approvals = new Approvals();
  const denial = approvals.find(denialDigest(ws, loaded));
  return denial?.reason === 'denied' ? denial : approvals.find(digestOf(ws, loaded));
}

/** Lets it start its commands. A denial still counts, but for that of a file: both are one, the last one. */
export function approve(ws: Workspace, loaded: Loaded): void {
  const facts = { reason: 'allowed', ref: loaded.label, repository: ws.repo.commonDir } as const;
  new Approvals().add(digestOf(ws, loaded), facts);
}

/** Approves it, and lifts a denial. */
export function allow(ws: Workspace, loaded: Loaded): void {
  const approvals = new Approvals();
  const denial = denialDigest(ws, loaded);
  approve(ws, loaded);
  // Last: as long as it is there, it counts. Of a file both are one, which is an approval by now.
  if (approvals.find(denial)?.reason === 'denied') approvals.remove(denial);
}

export function deny(ws: Workspace, loaded: Loaded): Approval {
  const approvals = new Approvals();
  const digest = digestOf(ws, loaded);
  const facts = { reason: 'denied', ref: loaded.label, repository: ws.repo.commonDir } as const;
  const made = approvals.add(denialDigest(ws, loaded), facts);
  if (made.digest !== digest) approvals.remove(digest);
  return made;
}
