import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { shellWord } from '../session/command-line.ts';
import { denySnapshot } from '../flow/allow.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class DenyCommand extends SessionCommand {
  static override paths = [['deny']];
  static override usage = Command.Usage({
    description:
      'Start nothing of a snapshot on this machine, and do not ask again. An approval of it is taken back.',
    details: 'git session deny <ref>',
    examples: [
      ["Nothing of a colleague's snapshot starts", 'git session deny origin/work'],
      ['It may after all', 'git session allow origin/work'],
    ],
  });

  ref = Option.String({ required: false });

  async execute(): Promise<number> {
    if (this.ref === undefined) {
      throw new UsageError('which snapshot? a reference is missing', ['see: git session deny -h']);
    }
    const { label, digest, before } = await denySnapshot(this.ref);
    if (this.json) this.printJson({ ok: true, denied: true, snapshot: label, digest, before });
    else if (before?.reason === 'denied') this.out(`${safe(label)} is denied already (${safe(before.at)})`);
    else {
      this.out(`Denied ${safe(label)} (${digest.slice(0, 12)}): a restore starts nothing of it`);
      this.hint(`to lift it: git session allow ${shellWord(label)}`);
    }
    return 0;
  }
}
