import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { EVENTS, isFinal, STATES } from '../session/lifecycle.ts';
import { arrows, statesMermaid, statesText } from '../session/state-diagram.ts';
import { SessionCommand } from './command.ts';

export class StatesCommand extends SessionCommand {
  static override paths = [['states']];
  static override usage = Command.Usage({
    description: 'Print the states of a session, the events that each takes, and where they lead.',
    details: 'git session states [--format=text|mermaid]',
    examples: [['As a diagram', 'git session states --format=mermaid']],
  });

  format = Option.String('--format', { description: '=<format> text (default) or mermaid' });

  execute(): Promise<number> {
    const format = this.format ?? 'text';
    if (format !== 'text' && format !== 'mermaid') {
      throw new UsageError(`--format takes text or mermaid, not '${format}'`);
    }
    if (this.json && this.format !== undefined) throw new UsageError('--json goes without --format');
    if (this.json) {
      this.printJson({
        states: STATES.map((name) => ({ name, final: isFinal(name) })),
        ...{ events: EVENTS, transitions: arrows() },
      });
    } else this.out(format === 'text' ? statesText() : statesMermaid());
    return Promise.resolve(0);
  }
}
