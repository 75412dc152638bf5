import { Command, Option } from 'clipanion';
import { failSession } from '../flow/lifecycle.ts';
import { UsageError } from '../session/errors.ts';
import { LifecycleCommand } from './lifecycle-report.ts';

export class FailCommand extends LifecycleCommand {
  static override paths = [['fail']];
  static override usage = Command.Usage({
    description: 'Note that a session has failed, and by what. That is final. What runs in it goes on.',
    details: 'git session fail -m <error> [<session>]',
    examples: [['', 'git session fail -m "the tests do not pass" work']],
  });

  error = Option.String('-m,--message', { description: '=<error> what went wrong' });
  session = Option.String({ required: false });

  async execute(): Promise<number> {
    if (this.error === undefined) {
      throw new UsageError('-m is missing: what went wrong?', [
        'git session fail -m "the tests do not pass"',
      ]);
    }
    this.report(await failSession(this.session ?? null, this.error));
    return 0;
  }
}
