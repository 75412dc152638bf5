import { Command, Option } from 'clipanion';
import { recordEvent } from '../flow/lifecycle.ts';
import { LifecycleCommand } from './lifecycle-report.ts';

export class EventCommand extends LifecycleCommand {
  static override paths = [['event']];
  static override usage = Command.Usage({
    description: 'Append an event to the log of a session.',
    details: 'git session event <session> <type> [--data=<json>]',
    examples: [
      [
        'What an analysis has found',
        `git session event work analysis-completed --data '{"results": {"findings": 3}}'`,
      ],
    ],
  });

  data = Option.String('--data', { description: '=<json> what it carries' });
  session = Option.String();
  type = Option.String();

  async execute(): Promise<number> {
    this.report(await recordEvent(this.session, this.type, this.data ?? null));
    return 0;
  }
}
