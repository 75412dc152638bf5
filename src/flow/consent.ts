import { approvalSubject } from '../session/approval.ts';
import { DamagedSnapshotError, SessionError } from '../session/errors.ts';
import type { RestorePlan } from '../session/plan.ts';
import type { Text } from '../session/text.ts';
import { Approvals, planDigest } from '../trust/approvals.ts';
import type { Loaded } from './load.ts';
import type { Workspace } from './workspace.ts';

/** Why commands may start: saved by this clone, allowed before, `--run`, the answer of a person; or why not. */
export type ConsentReason =
  'saved' | 'allowed' | 'run-option' | 'answered' | 'nothing-to-run' | 'no-run-option' | 'not-approved';

export interface PlannedCommand {
  /** `<window>.<pane>` */
  pane: string;
  argv: Text[];
  cwd: string;
}

export interface Consent {
  approved: boolean;
  reason: ConsentReason;
  digest: string;
  commands: PlannedCommand[];
  warnings: string[];
}

export interface ConsentOptions {
  run: boolean | null;
  ask?: (plan: RestorePlan, loaded: Loaded) => Promise<'yes' | 'no' | 'always'>;
}

/** Decides whether the commands of a plan may start, asking a person only where there is one. */
export async function consentFor(
  ws: Workspace,
  loaded: Loaded,
  plan: RestorePlan,
  options: ConsentOptions,
): Promise<Consent> {
  const digest = digestOf(ws, loaded);
  const commands = plannedCommands(plan);
  const base = { digest, commands, warnings: [] as string[] };
  if (options.run === false) return { ...base, approved: false, reason: 'no-run-option' };
  const known = storedApproval(base.warnings, () => new Approvals().has(digest));
  if (known !== null) return { ...base, approved: true, reason: known.reason };
  if (options.run === true) return { ...base, approved: true, reason: 'run-option' };
  if (commands.length === 0) return { ...base, approved: false, reason: 'nothing-to-run' };
  const answer = (await options.ask?.(plan, loaded)) ?? 'no';
  if (answer === 'no') return { ...base, approved: false, reason: 'not-approved' };
  if (answer === 'always') allow(ws, loaded, digest);
  return { ...base, approved: true, reason: 'answered' };
}

/** An approvals store that can't be trusted approves nothing; the restore goes on without commands. */
function storedApproval<T>(warnings: string[], look: () => T | null): T | null {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    warnings.push(error.message);
    return null;
  }
}

export function digestOf(ws: Workspace, loaded: Loaded): string {
  const id = loaded.stored?.id ?? '';
  return planDigest(approvalSubject(ws.repo.commonDir, id, loaded.oid, loaded.snapshot));
}

export function allow(ws: Workspace, loaded: Loaded, digest = digestOf(ws, loaded)): void {
  new Approvals().add(digest, { reason: 'allowed', ref: loaded.label, repository: ws.repo.commonDir });
}

/** Looked at again where the commands start: what runs is what was shown (attack C26). */
export function recheck(ws: Workspace, loaded: Loaded, consent: Consent): void {
  if (!consent.approved || digestOf(ws, loaded) === consent.digest) return;
  throw new DamagedSnapshotError(
    'the snapshot changed between the question and the start; nothing was started',
  );
}

/** Every command that an approval lets start, also where something is missing at the moment. */
export function plannedCommands(plan: RestorePlan): PlannedCommand[] {
  return plan.windows.flatMap((w) =>
    w.panes.flatMap(({ pane, wants: { cwd, start, steps, prefill } }) => {
      const all = [...(start === null ? [] : [start]), ...steps, ...(prefill === null ? [] : [prefill])];
      return all.map((argv) => ({ pane: `${w.index}.${pane}`, argv, cwd: cwd.toString('utf8') }));
    }),
  );
}
