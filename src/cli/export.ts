import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { exportSnapshots } from '../flow/transfer.ts';
import { isTerminal } from '../process/own-terminal.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { writeBytes } from './output.ts';

export class ExportCommand extends SessionCommand {
  static override paths = [['export']];
  static override usage = Command.Usage({
    description: 'Write snapshots to files. A bundle carries the uncommitted work and the commits too.',
    details:
      'git session export [--format json|yaml|bundle] [-o <file>] <ref>\n   or: git session export --to <folder> (<ref> | --all)\n   or: git session export --all [--format jsonl|bundle] [-o <file>]',
    examples: [
      ['For a person to read', 'git session export --format yaml work'],
      ['Everything that a colleague without the repository needs', 'git session export -o work.bundle work'],
      ['An archive that can be committed', 'git session export --all --to sessions/archive'],
    ],
  });

  ref = Option.String({ required: false });
  all = Option.Boolean('-a,--all', false, { description: 'every snapshot of this clone' });
  format = Option.String('--format', { description: 'json (default), yaml, bundle or jsonl' });
  output = Option.String('-o,--output', { description: 'the file; - for stdout (default)' });
  to = Option.String('--to', { description: 'write <name>/<id>.session.json into this folder' });
  force = Option.Boolean('-f,--force', false, { description: 'replace files that are there' });
  exclude = Option.Array('--exclude', [], {
    description: 'leave out of a bundle what this commit has, for example origin/main',
  });

  async execute(): Promise<number> {
    const toStdout = this.to === undefined && (this.output === undefined || this.output === '-');
    const binary = this.format === 'bundle';
    if (toStdout && this.json) {
      throw new UsageError('the snapshot and --json would both go to stdout', [
        'write it to a file: -o <file>',
      ]);
    }
    if (toStdout && binary && isTerminal('stdout')) {
      throw new UsageError('a bundle is not text and does not go to a terminal', [
        'write it to a file: -o <file>',
      ]);
    }
    const { ref, all, format, output, to, force, exclude } = this;
    const result = await exportSnapshots({ ref, all, format, output, to, force, exclude });
    for (const w of result.warnings) this.warn(w);
    if (result.bytes !== null) await writeBytes(result.bytes);
    if (this.json) this.printJson({ ok: result.warnings.length === 0, ...result, bytes: undefined });
    else if (!toStdout) {
      const files = new Map(result.exported.map((e) => [e.file ?? '', e]));
      for (const [file, e] of files) {
        const count = result.exported.filter((x) => x.file === e.file).length;
        this.out(
          `${e.result === 'written' ? 'Wrote' : 'Unchanged:'} ${safe(file)}${count > 1 ? ` (${count} snapshots)` : ''}`,
        );
      }
      if (files.size === 0) this.note('there is nothing to export');
    }
    return result.warnings.length === 0 ? 0 : 1;
  }
}
