import { shellWord } from '../session/command-line.ts';
import { DamagedSnapshotError, DeniedError, NotApprovedError, SessionError } from '../session/errors.ts';
import type { RestorePlan } from '../session/plan.ts';
import type { Text } from '../session/text.ts';
import { counted } from '../session/words.ts';
import type { Signature } from '../store/signature.ts';
import type { Approval } from '../trust/approvals.ts';
import { approve, decisionOn, digestOf } from './decisions.ts';
import type { Loaded } from './load.ts';
import { signatureOf, trustedSignature } from './signature.ts';
import type { Workspace } from './workspace.ts';

/** Why commands may start: saved by this clone, allowed before, signed, `--run`, the answer of a person; or why not. */
export type ConsentReason =
  | 'saved'
  | 'allowed'
  | 'signed'
  | 'run-option'
  | 'answered'
  | 'nothing-to-run'
  | 'no-run-option'
  | 'denied'
  | 'not-approved';

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
  /** Null where nobody had to look. */
  signature: Signature | null;
  warnings: string[];
}

export interface ConsentOptions {
  run: boolean | null;
  ask?: (plan: RestorePlan, loaded: Loaded, signature: Signature) => Promise<'yes' | 'no' | 'always'>;
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
  const base = { digest, commands, signature: null, warnings: [] as string[] };
  if (options.run === false) return { ...base, approved: false, reason: 'no-run-option' };
  const known = storedDecision(base.warnings, ws, loaded);
  // A person said no: neither --run nor a signature says otherwise, and nobody is asked again.
  if (known?.reason === 'denied') return { ...base, approved: false, reason: 'denied' };
  if (known !== null) return { ...base, approved: true, reason: known.reason };
  // Where the approvals can't be read there may be a denial among them: then a signature alone starts nothing.
  const signed = base.warnings.length === 0 ? await trustedSignature(ws, loaded) : null;
  if (signed !== null) return { ...base, signature: signed, approved: true, reason: 'signed' };
  if (options.run === true) return { ...base, approved: true, reason: 'run-option' };
  if (commands.length === 0) return { ...base, approved: false, reason: 'nothing-to-run' };
  if (options.ask === undefined) return { ...base, approved: false, reason: 'not-approved' };
  const signature = await signatureOf(ws, loaded);
  const answer = await options.ask(plan, loaded, signature);
  if (answer === 'no') return { ...base, signature, approved: false, reason: 'not-approved' };
  // A denial that came meanwhile stays: `recheck` finds it.
  if (answer === 'always' && storedDecision(base.warnings, ws, loaded)?.reason !== 'denied') {
    approve(ws, loaded);
  }
  return { ...base, signature, approved: true, reason: 'answered' };
}

/** Decisions that can't be trusted approve nothing; the restore goes on without commands. */
function storedDecision(warnings: string[], ws: Workspace, loaded: Loaded): Approval | null {
  try {
    return decisionOn(ws, loaded);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    warnings.push(error.message);
    return null;
  }
}

/**
 * Looked at again where the commands start: what runs is what was shown, what approved it is still there, and nobody has
 * denied it meanwhile (attack C26). Throws where that is not so.
 */
export async function recheck(ws: Workspace, loaded: Loaded, consent: Consent): Promise<void> {
  if (!consent.approved) return;
  if (digestOf(ws, loaded) !== consent.digest) {
    throw new DamagedSnapshotError(
      'the snapshot changed between the question and the start; nothing was started',
    );
  }
  const known = storedDecision([], ws, loaded);
  if (known?.reason === 'denied') throw denied(loaded.label, consent);
  const { reason } = consent;
  const isGone =
    ((reason === 'saved' || reason === 'allowed') && known === null) ||
    (reason === 'signed' && (await trustedSignature(ws, loaded)) === null);
  if (!isGone) return;
  throw new NotApprovedError('the approval was taken back before the start; nothing was started', [
    `approve it again: git session allow ${shellWord(loaded.label)}`,
  ]);
}

/** Why nothing of a denied snapshot starts. */
export function denied(label: string, { commands }: Consent): DeniedError {
  const word = shellWord(label);
  return new DeniedError(`${counted(commands.length, 'command')} not started: this snapshot is denied here`, [
    `see what they are: git session show ${word}`,
    `if they may start after all: git session allow ${word}`,
  ]);
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
