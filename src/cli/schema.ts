import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'clipanion';
import { FileProblemError } from '../session/errors.ts';
import { SessionCommand } from './command.ts';

export class SchemaCommand extends SessionCommand {
  static override paths = [['schema']];
  static override usage = Command.Usage({
    description: 'Print the JSON Schema of a snapshot.',
    details: 'git session schema',
  });

  execute(): Promise<number> {
    // It lies beside the program, in dist.
    const file = path.join(__dirname, 'snapshot.schema.json');
    try {
      process.stdout.write(readFileSync(file));
    } catch (error) {
      throw new FileProblemError(`cannot read the schema: ${(error as Error).message}`, ['npm run build']);
    }
    return Promise.resolve(0);
  }
}
