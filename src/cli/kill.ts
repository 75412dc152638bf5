import { Command, Option } from 'clipanion';
import { TmuxFailedError, UsageError } from '../session/errors.ts';
import { endOrphans, isAlive, killSessions, openToEnd } from '../flow/kill.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { chooseToKill } from './kill-choice.ts';

export class KillCommand extends SessionCommand {
  static override paths = [['kill']];
  static override usage = Command.Usage({
    description: 'End sessions with all that runs in them. Their history is saved, and their record stays.',
    details:
      'git session kill [-i] [--force] [--yes] [<pattern>...]\n   or: git session kill --all | --completed | --failed',
    examples: [
      ['By name, or a part of it that no other has', 'git session kill auth'],
      ['Those whose command was successful', 'git session kill --completed --yes'],
    ],
  });

  interactive = Option.Boolean('-i,--interactive', false, { description: 'choose, also where one is meant' });
  all = Option.Boolean('-a,--all', false, { description: 'every live session of this repository' });
  completed = Option.Boolean('--completed', false, { description: 'those whose command was successful' });
  failed = Option.Boolean('--failed', false, { description: 'those whose command failed' });
  yes = Option.Boolean('-y,--yes', false, { description: 'end several without a question' });
  force = Option.Boolean('-f,--force', false, { description: 'also those that a terminal shows' });
  patterns = Option.Rest();

  async execute(): Promise<number> {
    const { patterns, all, completed, failed, interactive, yes, force, json } = this;
    const byState = all || completed || failed;
    if (byState && (patterns.length > 0 || interactive)) {
      throw new UsageError('--all, --completed and --failed go with neither names nor -i');
    }
    const { ws, world } = await openToEnd();
    const options = { patterns, all, completed, failed, interactive, yes, force, json };
    const views = await chooseToKill(ws, world.views, options);
    const alive = views.filter(isAlive);
    const orphans = views.filter((v) => !isAlive(v));
    const result = await killSessions(ws, alive);
    const warnings = [...result.warnings, ...(await endOrphans(ws, orphans))];
    for (const w of warnings) this.warn(w);
    const killed = [...result.killed, ...orphans];
    if (!json) for (const { name } of killed) this.out(`Killed ${safe(name)}`);
    const document = {
      killed: killed.map(({ id, name, tmuxId }) => ({ id, name, tmux_id: tmuxId })),
      failed: result.failed.map(({ view, message }) => ({ name: view.name, message })),
      warnings,
    };
    const [first] = document.failed;
    if (first !== undefined) {
      throw new TmuxFailedError(`'${first.name}' is still there: ${first.message}`, [], document);
    }
    if (json) this.printJson({ ok: true, ...document });
    return 0;
  }
}
