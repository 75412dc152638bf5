import type { Preview } from '../flow/restore-command.ts';
import type { GitStep } from '../session/git-plan.ts';
import { displayText } from '../session/text.ts';
import { shellWord } from '../session/command-line.ts';
import { safe, safeArgv, safeWord } from '../trust/safe.ts';
import { approvedBy } from './signature.ts';

const LEFT: Record<Extract<GitStep, { kind: 'leave' }>['reason'], string> = {
  'no-git': 'leave commit and worktree alone (--no-git)',
  'no-commit': 'the snapshot has no commit',
  'dirty-same-head': 'leave your changes as they are: HEAD is the saved commit already',
  bare: 'this is a bare repository: tmux only',
  'up-to-date': 'nothing to do: HEAD is the saved commit, and the worktree is clean',
};

export function gitStep(step: GitStep): string {
  switch (step.kind) {
    case 'leave':
      return LEFT[step.reason];
    case 'stash':
      return 'put your changes on the stash';
    case 'put-aside':
      return `take your changes out of the worktree: they are in ${step.work?.slice(0, 12) ?? 'the snapshot that is taken first'}`;
    case 'worktree':
      return `make a linked worktree at ${safe(step.path)} (${step.branch === null ? `detached at ${step.commit.slice(0, 12)}` : `branch ${safe(step.branch)}`})`;
    case 'checkout':
      return step.branch === null
        ? `check out ${step.commit.slice(0, 12)} (detached)`
        : `check out branch ${safe(step.branch)}`;
    case 'apply':
      return `apply the saved uncommitted work ${step.work.slice(0, 12)}`;
    case 'filter':
      return `its files go through your filter '${safe(step.name)}' (git config filter.${safe(step.name)}.smudge)`;
  }
}

/** The plan of a restore for people. */
export function printPlan({ plan, consent, label, env }: Preview, out: (text: string) => void): void {
  out(`restore ${safe(label)} as tmux session '${safe(displayText(plan.tmuxName))}'`);
  for (const step of plan.git) out(`  git   ${gitStep(step)}`);
  for (const m of plan.members) out(`  tmux  session '${safe(displayText(m.name))}' in the same group`);
  for (const w of plan.windows) {
    out(
      `  tmux  window ${w.index} '${safe(displayText(w.name))}' ${w.width}x${w.height}${w.zoomed ? ' zoomed' : ''}`,
    );
    for (const p of w.panes) {
      out(`        pane ${w.index}.${p.pane}  ${safe(p.cwd)}`);
      for (const argv of [...(p.start === null ? [] : [p.start]), ...p.steps])
        out(`          $ ${safeArgv(argv)}`);
      if (p.transcript !== null) out('          (its conversation is copied to this directory)');
      if (p.prefill !== null) out(`          (typed, not started) ${safeArgv(p.prefill)}`);
      if (p.shown !== null) out(`          (shown, not started) ${safe(p.shown)}`);
    }
  }
  for (const [name, value] of Object.entries(env)) out(`  env   ${safe(name)}=${safeWord(value)}`);
  for (const w of plan.warnings) out(`  note  ${safe(w)}`);
  if (consent.commands.length > 0) {
    out(
      consent.approved
        ? `  commands start: ${approvedBy(consent)}`
        : consent.reason === 'denied'
          ? `  commands do not start: denied here (git session allow ${safe(shellWord(label))} lifts it)`
          : `  commands start only after you approve them (--run, or git session allow ${safe(shellWord(label))})`,
    );
  }
}

export function planJson({ plan, consent, label, env }: Preview) {
  return {
    snapshot: label,
    session: displayText(plan.tmuxName),
    git: plan.git,
    windows: plan.windows.map((w) => ({
      ...{
        index: w.index,
        name: w.name,
        width: w.width,
        height: w.height,
        layout: w.layout,
        zoomed: w.zoomed,
      },
      panes: w.panes.map((p) => ({
        index: p.pane,
        cwd: p.cwd.toString('utf8'),
        start: p.start,
        commands: p.steps,
        prefill: p.prefill,
        shown: p.shown,
        transcript: p.transcript,
        problem: p.problem,
      })),
    })),
    env,
    commands: consent.commands,
    approved: consent.approved,
    reason: consent.reason,
    signature: consent.signature,
    warnings: plan.warnings,
    partial: plan.partial,
  };
}
