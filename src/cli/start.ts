import { Command, Option } from 'clipanion';
import { startSession } from '../flow/lifecycle.ts';
import { LifecycleCommand } from './lifecycle-report.ts';

export class StartCommand extends LifecycleCommand {
  static override paths = [['start']];
  static override usage = Command.Usage({
    description: 'Start a session that was made with `create --no-start`: its state is running then.',
    details: 'git session start [<session>]',
    examples: [['', 'git session start work']],
  });

  session = Option.String({ required: false });

  async execute(): Promise<number> {
    this.report(await startSession(this.session ?? null));
    return 0;
  }
}
