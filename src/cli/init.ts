import { Command, Option } from 'clipanion';
import { setup } from '../flow/setup.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class InitCommand extends SessionCommand {
  static override paths = [['init']];
  static override usage = Command.Usage({
    description: 'Set this clone up: plain git fetch brings sessions, git log shows CRQ notes.',
    details: 'git session init [<remote>...]',
    examples: [['For all remotes', 'git session init']],
  });

  remotes = Option.Rest();

  async execute(): Promise<number> {
    const { remotes, added, kept } = await setup(this.remotes);
    for (const { key, value } of kept) this.note(`${key} is '${value}' and stays so`);
    if (this.json) this.printJson({ ok: true, remotes, added, kept });
    else {
      for (const { key, value } of added) this.out(`Added ${safe(key)} = ${safe(value)}`);
      if (added.length === 0) this.note('everything is set up already');
    }
    if (remotes.length === 0) this.hint('there is no remote yet; when there is one: git session init');
    return 0;
  }
}
