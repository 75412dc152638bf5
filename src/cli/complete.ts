import { Command, Option } from 'clipanion';
import { completeSession, type Completed } from '../flow/lifecycle.ts';
import { summaryJson } from '../session/event-json.ts';
import { safe } from '../trust/safe.ts';
import { LifecycleCommand } from './lifecycle-report.ts';
import { duration } from './table.ts';

export class CompleteCommand extends LifecycleCommand {
  static override paths = [['complete']];
  static override usage = Command.Usage({
    description:
      'Note that a session has done its work, and print what came of it. That is final. What runs\nin it goes on. With `create --auto-merge` the branch of its worktree is merged.',
    details: 'git session complete [<session>]',
    examples: [['', 'git session complete work']],
  });

  session = Option.String({ required: false });

  async execute(): Promise<number> {
    const completed = await completeSession(this.session ?? null);
    const { summary, merge } = completed;
    this.report(completed, { summary: summaryJson(summary), merge });
    if (!this.json) this.printSummary(completed);
    if (merge?.how !== null || this.json) return 0;
    this.warn(`not merged: ${merge.reason}`);
    if (merge.branch !== null && merge.into !== null)
      this.hint(`merge it yourself: git merge ${merge.branch}`);
    return 0;
  }

  private printSummary({ summary, merge }: Completed): void {
    const rows = [
      ['Iterations', summary.iterations],
      ['Files changed', summary.filesChanged],
      ['Commits', summary.commits],
      ['Commands', summary.commands],
      ['Success rate', summary.commands === 0 ? '-' : `${Math.round(summary.successRate * 100)} %`],
      ['Duration', duration(summary.durationMs)],
    ] as const;
    for (const [name, value] of rows) this.out(`${`${name}:`.padEnd(15)}${value}`);
    if (merge === null || merge.how === null) return;
    const how = { 'fast-forward': 'fast-forward', merge: 'a merge commit', already: 'was there already' };
    this.out(`Merged ${safe(merge.branch)} into ${safe(merge.into)} (${how[merge.how]})`);
  }
}
