import { Command, Option } from 'clipanion';
import { migrate } from '../flow/migrate.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class MigrateCommand extends SessionCommand {
  static override paths = [['migrate']];
  static override usage = Command.Usage({
    description: 'Bring files that older versions wrote to the present form. Snapshots are read as they are.',
    details: 'git session migrate [--dry-run]',
  });

  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'print what would be done, change nothing' });

  async execute(): Promise<number> {
    const { migrated, left } = await migrate(this.dryRun);
    const ok = left.length === 0;
    if (this.json) this.printJson({ ok, dry_run: this.dryRun, migrated, left });
    else {
      const done = this.dryRun ? 'would migrate' : 'migrated';
      for (const { file, message } of migrated) this.out(`${done} ${safe(file)} (${safe(message)})`);
      for (const { file, message } of left) this.warn(`${file}: ${message}`);
      if (migrated.length === 0 && ok) this.note('nothing to migrate');
    }
    return ok ? 0 : 1;
  }
}
