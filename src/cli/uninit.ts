import { Command } from 'clipanion';
import { uninit } from '../flow/setup.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class UninitCommand extends SessionCommand {
  static override paths = [['uninit']];
  static override usage = Command.Usage({
    description: 'Take away from the configuration what init has added, and nothing else.',
    details: 'git session uninit',
  });

  async execute(): Promise<number> {
    const removed = await uninit();
    if (this.json) this.printJson({ ok: true, removed });
    else {
      for (const { key, value } of removed) this.out(`Removed ${safe(key)} = ${safe(value)}`);
      if (removed.length === 0) this.note('there is nothing that init has added');
    }
    return 0;
  }
}
