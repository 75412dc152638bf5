import { shellWord } from '../session/command-line.ts';
import { type DeniedError, NotApprovedError } from '../session/errors.ts';
import type { RestorePlan } from '../session/plan.ts';
import type { Crq } from '../session/schema.ts';
import { displayText, type Text } from '../session/text.ts';
import { counted } from '../session/words.ts';
import { differsFrom, type GitOutcome } from '../git/checkout.ts';
import { type Consent, denied } from './consent.ts';
import type { Loaded } from './load.ts';
import { linkedCrqs, type RestoreOptions } from './restore-plan.ts';
import type { Workspace } from './workspace.ts';

export interface RestoreResult {
  label: string;
  tmuxName: Text;
  /** `$1` */
  tmuxId: string;
  plan: RestorePlan;
  consent: Consent;
  crqs: Crq[];
  workTree: string | null;
  stash: string | null;
  started: number;
  notes: string[];
  warnings: string[];
  /** Why commands were held back; null where they were not, or where that was asked for. */
  refused: NotApprovedError | DeniedError | null;
  /** Something of the snapshot did not come back. */
  partial: boolean;
}

/** A session that is restored, before anybody is told. */
interface Done {
  loaded: Loaded;
  plan: RestorePlan;
  consent: Consent;
  tmuxId: string;
  started: number;
  warnings: string[];
  notes: string[];
  problems: string[];
}

export function toResult(done: Done, git: GitOutcome, options: RestoreOptions): RestoreResult {
  const { loaded, plan, consent, started, notes, problems } = done;
  const refused = consent.approved || options.run === false ? null : notApproved(done);
  const offered = plan.windows.flatMap((w) => w.panes).filter((p) => p.prefill !== null || p.shown !== null);
  if (offered.length > 0)
    notes.push(`${counted(offered.length, 'command')} only shown in the pane, not started`);
  if (git.repo.workTree !== null && plan.git.some((step) => step.kind === 'worktree')) {
    notes.push(`the worktree is ${git.repo.workTree}`);
  }
  return {
    ...{ label: loaded.label, tmuxName: plan.tmuxName, tmuxId: done.tmuxId, plan, consent },
    ...{ crqs: linkedCrqs(loaded), workTree: git.repo.workTree, stash: git.stash, started, notes },
    warnings: [...done.warnings, ...problems],
    refused,
    partial: plan.partial || problems.length > 0 || refused !== null,
  };
}

function notApproved({ loaded, plan, consent }: Done): NotApprovedError | DeniedError | null {
  const { length } = consent.commands;
  if (length === 0) return null;
  if (consent.reason === 'denied') return denied(loaded.label, consent);
  const label = shellWord(loaded.label);
  const as = shellWord(`${displayText(plan.tmuxName)}-2`);
  return new NotApprovedError(
    `${counted(length, 'command')} of this snapshot not started: it was not saved by this clone, and nobody approved it`,
    [
      `see what they are: git session show ${label}`,
      `start them in a new restore: git session restore --run --as=${as} ${label}`,
      `or approve this snapshot for good: git session allow ${label}`,
    ],
  );
}

/** Says in words what happened to the worktree, most of all when nothing was done on purpose. */
export async function explainGit(
  ws: Workspace,
  { loaded, first: plan, consent }: { loaded: Loaded; first: RestorePlan; consent: Consent },
  stash: string | null,
): Promise<string[]> {
  const saved = loaded.snapshot.git;
  const notes: string[] = [];
  const step = plan.git[0];
  if (step?.kind === 'leave' && step.reason === 'dirty-same-head') {
    const differs = await differsFrom(ws.repo, saved);
    const against = (saved.work ?? saved.head ?? '').slice(0, 12);
    const files = differs.length === 1 ? '1 file differs' : `${differs.length} files differ`;
    notes.push(
      differs.length === 0
        ? 'your working tree already holds the saved work; it was left as it is'
        : `your working tree has changes of its own and was left as it is; ${files} from the saved work (git diff ${against})`,
    );
  }
  for (const step of plan.git) {
    if (step.kind === 'filter' && consent.reason !== 'saved') {
      notes.push(
        `files of this snapshot went through your filter '${step.name}' (.gitattributes asks for it)`,
      );
    }
  }
  if (stash !== null) notes.push('your changes are on the stash: git stash pop --index');
  if (saved.branch !== null && plan.git.some((s) => s.kind === 'checkout' && s.branch === null)) {
    const exists = await ws.repo.git.line([
      'rev-parse',
      '--verify',
      '--quiet',
      '--end-of-options',
      `refs/heads/${saved.branch}`,
    ]);
    const next = exists === null ? ` (to go on with it: git switch -c ${shellWord(saved.branch)})` : '';
    notes.push(`HEAD is detached at ${saved.head?.slice(0, 7)}; saved on branch '${saved.branch}'${next}`);
  }
  return notes;
}
