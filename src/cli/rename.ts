import { Command, Option } from 'clipanion';
import { rename } from '../flow/rename.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class RenameCommand extends SessionCommand {
  static override paths = [['rename']];
  static override usage = Command.Usage({
    description:
      'Give a session another name: its snapshots, their CRQ notes, its record, and the live tmux session.',
    details: 'git session rename [<old>] <new>',
    examples: [
      ['', 'git session rename work feature/login'],
      ['The one that this runs in', 'git session rename feature/login'],
    ],
  });

  first = Option.String();
  second = Option.String({ required: false });

  async execute(): Promise<number> {
    const result = await (this.second === undefined
      ? rename(null, this.first)
      : rename(this.first, this.second));
    for (const w of result.warnings) this.warn(w);
    const { from, to, snapshots, tmux } = result;
    if (this.json) this.printJson({ ok: true, ...result });
    else {
      const parts = [
        ...(snapshots === 0 ? [] : [`${snapshots} snapshot${snapshots === 1 ? '' : 's'}`]),
        ...(tmux === null ? [] : ['the tmux session']),
      ];
      const what = parts.length === 0 ? '' : ` (${parts.join(', and ')})`;
      this.out(`Renamed ${safe(from)} to ${safe(to)}${what}`);
    }
    return 0;
  }
}
