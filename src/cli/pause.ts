import { Command, Option } from 'clipanion';
import { pauseSession } from '../flow/lifecycle.ts';
import { UsageError } from '../session/errors.ts';
import { LifecycleCommand } from './lifecycle-report.ts';

export class PauseCommand extends LifecycleCommand {
  static override paths = [['pause']];
  static override usage = Command.Usage({
    description:
      'Note that nobody works in a session for now, and why. What runs in it goes on, and the time\nuntil `resume` does not count.',
    details: 'git session pause -m <reason> [<session>]',
    examples: [['', 'git session pause -m "waiting for the review" work']],
  });

  reason = Option.String('-m,--message', { description: '=<reason> why' });
  session = Option.String({ required: false });

  async execute(): Promise<number> {
    if (this.reason === undefined) {
      throw new UsageError('-m is missing: why is it paused?', [
        'git session pause -m "waiting for the review"',
      ]);
    }
    this.report(await pauseSession(this.session ?? null, this.reason));
    return 0;
  }
}
