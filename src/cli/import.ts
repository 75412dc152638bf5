import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { importSnapshots } from '../flow/import.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class ImportCommand extends SessionCommand {
  static override paths = [['import']];
  static override usage = Command.Usage({
    description:
      "Store snapshots from files, from a remote's copies, or by object id, which undoes a deletion.",
    details: 'git session import [--name <name>] (<file> | <remote>/<name> | <object> | -)...',
    examples: [
      ['A file', 'git session import work.session.json'],
      ["A colleague's session, to go on with it here", 'git session import --name theirs origin/work'],
    ],
  });

  name = Option.String('--name', { description: 'store them under this name' });
  sources = Option.Rest();

  async execute(): Promise<number> {
    if (this.sources.length === 0) throw new UsageError('which file? an argument is missing');
    const { imported, warnings } = await importSnapshots(this.sources, this.name);
    for (const w of warnings) this.warn(w);
    if (this.json) this.printJson({ ok: true, imported, warnings });
    else {
      for (const { name, id, known } of imported) {
        this.out(known ? `${safe(name)}/${id} is here already` : `Imported ${safe(name)}/${id}`);
      }
    }
    return 0;
  }
}
