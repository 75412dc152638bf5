import { Command, Option } from 'clipanion';
import { AmbiguousRefError } from '../session/errors.ts';
import { prepareSwitch, type SwitchTarget } from '../flow/switch.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class SwitchCommand extends SessionCommand {
  static override paths = [['switch']];
  static override usage = Command.Usage({
    description: 'Show another live session in this terminal of tmux.',
    details: 'git session switch [<name>]',
    examples: [
      ['By its name, or a part of it that no other has', 'git session switch api'],
      ['Back to the one before', 'git session switch -'],
    ],
  });

  session = Option.String({ required: false });

  async execute(): Promise<number> {
    const { candidates, go } = await prepareSwitch(this.session ?? null);
    const target = candidates.length === 1 ? candidates[0] : chooseOne(candidates, this.session);
    await go(target);
    // Nothing is printed for people: who has switched doesn't see this terminal any more.
    if (this.json) this.printJson({ ok: true, id: target.id, name: target.name, tmux_id: target.tmuxId });
    return 0;
  }
}

/** Which of several is meant. */
function chooseOne(candidates: SwitchTarget[], wanted: string | undefined): SwitchTarget {
  const names = candidates.map((c) => c.name);
  throw new AmbiguousRefError(
    wanted === undefined ? 'say which session to switch to' : `'${wanted}' means several live sessions`,
    names.map((name) => `git session switch ${safe(name)}`),
    { candidates: names },
  );
}
