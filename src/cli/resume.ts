import { Command, Option } from 'clipanion';
import { resumeSession } from '../flow/lifecycle.ts';
import { LifecycleCommand } from './lifecycle-report.ts';

export class ResumeCommand extends LifecycleCommand {
  static override paths = [['resume']];
  static override usage = Command.Usage({
    description: 'Go on with a session that was paused: its state is running again.',
    details: 'git session resume [<session>]',
    examples: [['', 'git session resume work']],
  });

  session = Option.String({ required: false });

  async execute(): Promise<number> {
    this.report(await resumeSession(this.session ?? null));
    return 0;
  }
}
