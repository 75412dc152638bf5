import { Command, Option } from 'clipanion';
import { endIteration, type IterationChange, startIteration } from '../flow/iterations.ts';
import { UsageError } from '../session/errors.ts';
import { counted } from '../session/words.ts';
import { safe } from '../trust/safe.ts';
import { LifecycleCommand } from './lifecycle-report.ts';

export class IterateCommand extends LifecycleCommand {
  static override paths = [['iterate']];
  static override usage = Command.Usage({
    description:
      'Begin or end an iteration of a session. Its end notes what it has changed: files and lines as\n`git diff --numstat` counts them, commits, and the commands that were executed.',
    details: 'git session iterate start|end [<session>]',
    examples: [
      ['', 'git session iterate start work'],
      ['Of the session that this runs in', 'git session iterate end'],
    ],
  });

  what = Option.String();
  session = Option.String({ required: false });

  async execute(): Promise<number> {
    if (this.what !== 'start' && this.what !== 'end') {
      throw new UsageError(`iterate takes 'start' or 'end', not '${this.what}'`);
    }
    const session = this.session ?? null;
    const result = await (this.what === 'start' ? startIteration(session) : endIteration(session));
    const { number, changes } = result;
    if (this.json) {
      this.report(result, {
        iteration: number,
        ...(changes === null ? {} : { changes: changesJson(changes) }),
      });
      return 0;
    }
    for (const w of result.warnings) this.warn(w);
    this.out(
      `Session ${safe(result.log.view?.name ?? result.log.name)}: iteration ${number} ${changes === null ? 'started' : 'ended'}`,
    );
    if (changes !== null) this.out(changesLine(changes));
    return 0;
  }
}

type Changes = NonNullable<IterationChange['changes']>;

function changesJson(changes: Changes) {
  return {
    ...{ files_modified: changes.filesModified, lines_added: changes.linesAdded },
    ...{ lines_removed: changes.linesRemoved, commands_run: changes.commandsRun },
    git_commits: changes.gitCommits,
  };
}

function changesLine(changes: Changes): string {
  return [
    `${counted(changes.filesModified.length, 'file')} changed`,
    `+${changes.linesAdded} -${changes.linesRemoved}`,
    counted(changes.gitCommits.length, 'commit'),
    counted(changes.commandsRun.length, 'command'),
  ].join(', ');
}
