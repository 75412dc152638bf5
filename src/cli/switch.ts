import { Command, Option } from 'clipanion';
import { AmbiguousRefError, UnknownRefError } from '../session/errors.ts';
import { prepareSwitch, type SwitchTarget } from '../flow/switch.ts';
import { safe } from '../trust/safe.ts';
import { askFor } from './choose-session.ts';
import { SessionCommand } from './command.ts';
import { canAsk } from './picker.ts';

export class SwitchCommand extends SessionCommand {
  static override paths = [['switch']];
  static override usage = Command.Usage({
    description: 'Show another live session in this terminal of tmux.',
    details: 'git session switch [<name>]',
    examples: [
      ['By its name, or a part of it that no other has', 'git session switch api'],
      ['Choose from all', 'git session switch'],
      ['Back to the one before', 'git session switch -'],
    ],
  });

  session = Option.String({ required: false });

  async execute(): Promise<number> {
    const wanted = this.session ?? null;
    const { candidates, elsewhere, picker, go } = await prepareSwitch(wanted);
    const ask = canAsk() && !this.json;
    if (ask && wanted === null && elsewhere.length === 0) throw noOther();
    const [only, ...others] = candidates;
    const isMeant = others.length === 0 && !(ask && wanted === null);
    const target = isMeant ? only : await choose(wanted, candidates, ask ? elsewhere : [], picker);
    await go(target);
    // Nothing is printed for people: who has switched doesn't see this terminal any more.
    if (this.json) this.printJson({ ok: true, id: target.id, name: target.name, tmux_id: target.tmuxId });
    return 0;
  }
}

/** Which of several is meant: a person says it, from those that can be asked about. */
async function choose(
  wanted: string | null,
  candidates: readonly SwitchTarget[],
  toAsk: readonly SwitchTarget[],
  command: string | null,
): Promise<SwitchTarget> {
  if (toAsk.length > 0) return (await askFor(toAsk, { verb: 'switch', multiple: false, command }))[0];
  const names = candidates.map((c) => c.name);
  throw new AmbiguousRefError(
    wanted === null ? 'say which session to switch to' : `'${wanted}' means several live sessions`,
    names.map((name) => `git session switch ${safe(name)}`),
    { candidates: names },
  );
}

function noOther(): UnknownRefError {
  return new UnknownRefError('there is no other live session', [
    'make one: git session create <name>',
    'bring a saved one back: git session restore <name>',
  ]);
}
