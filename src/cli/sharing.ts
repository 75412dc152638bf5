import { RejectedError } from '../session/errors.ts';
import type { FetchResult } from '../flow/fetch.ts';
import { type Held, rulesOf } from '../flow/held.ts';
import type { PushResult, SharedSnapshot } from '../flow/share.ts';
import { safe } from '../trust/safe.ts';

/** What was pushed, by session, for people. */
export function printPush(r: PushResult, out: (text: string) => void, note: (text: string) => void): void {
  for (const line of r.said) note(`remote: ${line}`);
  const verb = r.dryRun ? 'Would push' : 'Pushed';
  const groups = new Map<string, number>();
  for (const s of [...r.snapshots, ...r.events]) if (s.status === 'pushed') groups.set(s.name, 0);
  for (const s of r.snapshots) if (s.status === 'pushed') groups.set(s.name, (groups.get(s.name) ?? 0) + 1);
  for (const [name, count] of groups) {
    const what = count === 0 ? 'events' : `${count} snapshot${count === 1 ? '' : 's'}`;
    out(`${verb} ${safe(name)} (${what}) to ${safe(r.remote)}`);
  }
  if (r.notes?.status === 'pushed') {
    out(
      `${verb} the CRQ notes${r.notes.merged ? ', joined with those' : ''} ${r.notes.merged ? 'of' : 'to'} ${safe(r.remote)}`,
    );
  }
  if (groups.size > 0 || r.notes?.status === 'pushed') return;
  if (r.snapshots.length + r.events.length + r.held.length === 0 && r.notes === null) {
    note('nothing to push: there are no sessions and no CRQ notes');
  } else if (rejectedOf(r) === null) note('everything is up to date');
}

export function printFetch(r: FetchResult, out: (text: string) => void, note: (text: string) => void): void {
  for (const line of r.said) note(`remote: ${line}`);
  for (const label of r.fetched) out(safe(label));
  for (const label of r.gone) note(`gone: ${label}`);
  if (r.notes) note(`CRQ notes of '${r.remote}' were joined with yours`);
}

export function pushJson(r: PushResult) {
  return {
    remote: r.remote,
    dry_run: r.dryRun,
    snapshots: r.snapshots,
    events: r.events,
    notes: r.notes,
    held: r.held,
    warnings: r.warnings,
  };
}

function heldLabel({ kind, name, id }: Held): string {
  if (kind === 'notes') return 'the CRQ notes were';
  return kind === 'log' ? `the log of '${name}' was` : `'${name}/${id}' was`;
}

/** What can be typed about the first one, and about all of them. */
function heldHints(held: readonly Held[]): string[] {
  const [{ kind, name, id }] = held as [Held];
  const rules = rulesOf(held);
  const label = kind === 'snapshot' ? `${name}/${id}` : (name ?? '');
  return [
    ...(kind === 'notes' ? [] : [`look at it: git session ${kind === 'log' ? 'events' : 'show'} ${label}`]),
    ...(kind === 'notes' ? [] : [`remove it everywhere here: git session forget ${label}`]),
    ...(rules.length === 0
      ? ['push it all the same: --allow-secrets']
      : [`push it all the same: ${rules.map((rule) => `--allow-secret ${rule}`).join(' ')}`]),
  ];
}

export function fetchJson(r: FetchResult) {
  return { remote: r.remote, fetched: r.fetched, gone: r.gone, notes: r.notes };
}

/**
 * The error for what was not pushed; null where all went well. One line for each session and reason: the
 * first is the error's own, the others are in `more`.
 */
export function rejectedOf(r: PushResult): { error: RejectedError; more: string[] } | null {
  const lines = new Set<string>();
  for (const h of r.held) lines.add(`${heldLabel(h)} not pushed: ${h.why}`);
  const refused = (what: string, s: Pick<SharedSnapshot, 'status' | 'reason'>) => {
    if (s.status === 'rejected') lines.add(`remote '${r.remote}' rejected ${what}: ${s.reason}`);
  };
  for (const s of r.snapshots) refused(`session '${s.name}'`, s);
  for (const s of r.events) refused(`the events of session '${s.name}'`, s);
  if (r.notes !== null) refused('the CRQ notes', r.notes);
  const [first, ...more] = lines;
  if (first === undefined) return null;
  const hints: string[] = [];
  if (r.held.length > 0) {
    hints.push(...heldHints(r.held));
  }
  if (lines.size > r.held.length)
    hints.push('nothing of this clone was changed; try again: git session push');
  return { error: new RejectedError(first, hints, pushJson(r)), more };
}
