import { Command, Option } from 'clipanion';
import { fsck, type FsckReport } from '../flow/fsck.ts';
import { counted } from '../session/words.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class FsckCommand extends SessionCommand {
  static override paths = [['fsck']];
  static override usage = Command.Usage({
    description:
      'Check all that is kept of sessions: snapshots, the commits that they need, logs, records, locks.\nThe exit code is 1 where something is wrong.',
    details: 'git session fsck [<options>] [<session>]',
    examples: [
      ['Everything', 'git session fsck'],
      ['Mend what can be mended safely; nothing is deleted', 'git session fsck --repair'],
    ],
  });

  session = Option.String({ required: false });
  repair = Option.Boolean('--repair', false, {
    description: 'mend what can be mended safely; what is taken away is kept elsewhere',
  });

  async execute(): Promise<number> {
    const { findings, checked } = await fsck(this.session ?? null, this.repair);
    const left = findings.filter((f) => f.repaired === null).length;
    if (this.json) this.printJson({ ok: left === 0, findings, checked });
    else this.print(findings, checked, left);
    return left === 0 ? 0 : 1;
  }

  private print(findings: FsckReport['findings'], checked: FsckReport['checked'], left: number): void {
    for (const { code, message, hints, repaired } of findings) {
      this.out(`${code}  ${safe(message)}`);
      if (repaired !== null) this.out(`  repaired: ${safe(repaired)}`);
      else for (const hint of hints) this.hint(hint);
    }
    const seen = [
      counted(checked.snapshots, 'snapshot'),
      counted(checked.journals, 'journal'),
      counted(checked.segments, 'segment'),
      counted(checked.records, 'record'),
    ].join(', ');
    const what = findings.length === 0 ? 'all is well' : `findings: ${findings.length}, left: ${left}`;
    this.note(`${seen}: ${what}`);
  }
}
