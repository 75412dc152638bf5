import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { compare, type Comparison } from '../flow/compare.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { differenceLines } from './difference.ts';
import { date } from './table.ts';
import { page } from './page.ts';

export class DiffCommand extends SessionCommand {
  static override paths = [['diff']];
  static override usage = Command.Usage({
    description: 'Say in what two snapshots differ; times, process ids and the like do not count.',
    details: 'git session diff [<options>] <ref> [<ref>]',
    examples: [
      ['What changed with the last save', 'git session diff work'],
      ['Since three saves before', 'git session diff work~3'],
      ['Against what a colleague has', 'git session diff work origin/work'],
    ],
  });

  a = Option.String({ required: false });
  b = Option.String({ required: false });
  exitCode = Option.Boolean('--exit-code', false, {
    description: 'exit with 1 where they differ, else with 0',
  });
  quiet = Option.Boolean('-q,--quiet', false, { description: 'print nothing; implies --exit-code' });
  volatile = Option.Boolean('--volatile', false, {
    description: 'compare times, process ids and the like too',
  });

  async execute(): Promise<number> {
    if (this.a === undefined) {
      throw new UsageError('which snapshots? a reference is missing', ['see what there is: git session log']);
    }
    const found = await compare(this.a, this.b ?? null, this.volatile);
    if (!this.quiet && this.json) this.printJson(diffJson(found));
    else if (!this.quiet && found.differences.length > 0) await page(`${diffLines(found).join('\n')}\n`);
    return (this.exitCode || this.quiet) && found.differences.length > 0 ? 1 : 0;
  }
}

function diffJson({ from, to, differences }: Comparison) {
  const side = ({ label, oid, snapshot }: Comparison['from']) => ({
    ...{ snapshot: label, oid, saved_at: snapshot.savedAt, message: snapshot.message },
  });
  return { from: side(from), to: side(to), equal: differences.length === 0, differences };
}

function diffLines({ from, to, differences }: Comparison): string[] {
  const side = (mark: string, { label, snapshot }: Comparison['from']) =>
    `${mark} ${safe(label)}  ${safe(date(snapshot.savedAt))}${snapshot.message === null ? '' : `  ${safe(snapshot.message.split('\n')[0] ?? '')}`}`;
  return [side('---', from), side('+++', to), ...differenceLines(differences)];
}
