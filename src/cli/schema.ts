import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'clipanion';
import { FileProblemError } from '../session/errors.ts';
import { SessionCommand } from './command.ts';
import { writeBytes } from './output.ts';

export class SchemaCommand extends SessionCommand {
  static override paths = [['schema']];
  static override usage = Command.Usage({
    description: 'Print the JSON Schema of a snapshot.',
    details: 'git session schema',
  });

  async execute(): Promise<number> {
    // It lies beside the program, in dist.
    const file = path.join(__dirname, 'snapshot.schema.json');
    let bytes;
    try {
      bytes = readFileSync(file);
    } catch (error) {
      throw new FileProblemError(`cannot read the schema: ${(error as Error).message}`, ['npm run build']);
    }
    await writeBytes(bytes);
    return 0;
  }
}
