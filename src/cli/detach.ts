import { Command, Option } from 'clipanion';
import { NotRunningError, UnknownRefError, UsageError } from '../session/errors.ts';
import { type Detached, detachClient, detachOwn, detachSessions } from '../flow/detach.ts';
import { openToEnd } from '../flow/kill.ts';
import { ownViews } from '../flow/live.ts';
import { safe } from '../trust/safe.ts';
import { chooseSessions } from './choose-session.ts';
import { SessionCommand } from './command.ts';

export class DetachCommand extends SessionCommand {
  static override paths = [['detach']];
  static override usage = Command.Usage({
    description: 'Take terminals away from a session. What runs in it goes on.',
    details:
      'git session detach [<session>]\n   or: git session detach --client=<terminal>\n   or: git session detach --all',
    examples: [
      ['This terminal, inside tmux', 'git session detach'],
      ['All that show a session', 'git session detach auth'],
    ],
  });

  client = Option.String('--client', { description: '=<terminal> only this one, for example /dev/pts/3' });
  all = Option.Boolean('-a,--all', false, { description: 'from every session of this repository' });
  session = Option.String({ required: false });

  async execute(): Promise<number> {
    if ([this.client, this.all || undefined, this.session].filter((x) => x !== undefined).length > 1) {
      throw new UsageError('a session, --client and --all exclude each other');
    }
    const detached = await this.detach();
    if (detached.length === 0) {
      throw new UnknownRefError(
        this.session === undefined ? 'no terminal is attached' : `no terminal shows '${this.session}'`,
      );
    }
    if (this.json) this.printJson({ ok: true, detached });
    else this.report(detached);
    return 0;
  }

  private async detach(): Promise<Detached[]> {
    const { ws, world } = await openToEnd();
    const alive = world.views.filter((v) => v.tmux !== null);
    if (this.client !== undefined) return detachClient(ws, this.client, alive);
    if (this.all) return alive.length === 0 ? [] : detachSessions(ws, await ownViews(ws, alive));
    if (this.session === undefined) return detachOwn(ws, alive);
    const choice = { verb: 'detach', pattern: this.session, interactive: false, multiple: false };
    const [view] = await chooseSessions(ws, world.views, { ...choice, json: this.json });
    if (view.tmux === null) throw new NotRunningError(`'${view.name}' is not running`);
    return detachSessions(ws, [view]);
  }

  private report(detached: Detached[]): void {
    const names = [...new Set(detached.map((d) => d.session))];
    const count = detached.length === 1 ? '1 terminal' : `${detached.length} terminals`;
    this.out(`Detached ${count} from ${names.map((name) => safe(name)).join(', ')}`);
  }
}
