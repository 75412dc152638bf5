import { Command, Option } from 'clipanion';
import { readState } from '../flow/lifecycle.ts';
import { configJson, stateJson } from '../session/event-json.ts';
import { SessionCommand } from './command.ts';
import { stateLine } from './lifecycle-report.ts';

export class StateCommand extends SessionCommand {
  static override paths = [['state']];
  static override usage = Command.Usage({
    description: 'Print the state of a session: created, running, paused, completed or failed.',
    details: 'git session state [<session>]',
    examples: [['', 'git session state work']],
  });

  session = Option.String({ required: false });

  async execute(): Promise<number> {
    const { log, state, config, warnings } = await readState(this.session ?? null);
    for (const w of warnings) this.warn(w);
    if (!this.json) {
      this.out(stateLine(state));
      return 0;
    }
    const { damaged, tail, records } = log.journal;
    this.printJson({
      ...{ ok: true, id: log.id, name: log.view?.name ?? log.name, state: stateJson(state) },
      config: config === null ? null : configJson(config),
      ...{ events: records.length, damaged, unfinished_bytes: tail?.isRecord === false ? tail.length : 0 },
      warnings,
    });
    return 0;
  }
}
