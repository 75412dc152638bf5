import { Command, Option } from 'clipanion';
import { unlink } from '../flow/crq.ts';
import { SessionCommand } from './command.ts';
import { crqIds, linkedJson, linkedLine } from './link.ts';

export class UnlinkCommand extends SessionCommand {
  static override paths = [['unlink']];
  static override usage = Command.Usage({
    description: 'Take the link between a snapshot and change requests away.',
    details: 'git session unlink <ref> <crq>...',
    examples: [['', 'git session unlink work CRQ-42']],
  });

  ref = Option.String();
  crqs = Option.Rest();

  async execute(): Promise<number> {
    const result = await unlink(this.ref, crqIds(this.crqs));
    for (const w of result.warnings) this.warn(w);
    if (this.json) this.printJson(linkedJson(result));
    else this.out(linkedLine(result));
    return 0;
  }
}
