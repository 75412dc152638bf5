import { Command } from 'clipanion';
import { recover } from '../flow/recover.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class RecoverCommand extends SessionCommand {
  static override paths = [['recover']];
  static override usage = Command.Usage({
    description:
      'Put right what a crash has left, in one go: logs, locks, sessions whose commands have ended. It may be\nrun at any time; no other command needs it.',
    details: 'git session recover',
  });

  async execute(): Promise<number> {
    const { done, warnings } = await recover();
    for (const w of warnings) this.warn(w);
    if (this.json) this.printJson({ ok: true, recovered: done, warnings });
    else if (done.length === 0) this.note('nothing to recover');
    else for (const { session, message } of done) this.out(`${safe(session)}: ${safe(message)}`);
    return 0;
  }
}
