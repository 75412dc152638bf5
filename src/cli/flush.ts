import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { flushAll } from '../flow/flush.ts';
import { readLog } from '../flow/session-log.ts';
import { openWorkspace, requireEnabled } from '../flow/workspace.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class FlushCommand extends SessionCommand {
  static override paths = [['flush']];
  static override usage = Command.Usage({
    description:
      'Put the events of a session that are only in its journal into git, from where a plain git push takes them.\ngit session push, and the end of a session, do that by themselves.',
    details: 'git session flush [<session>]\n   or: git session flush --all',
    examples: [['Before a plain push', "git session flush --all && git push origin 'refs/sessions/*'"]],
  });

  all = Option.Boolean('-a,--all', false, { description: 'of every session that this clone has written to' });
  session = Option.String({ required: false });

  async execute(): Promise<number> {
    const { all, session, json } = this;
    if (all && session !== undefined) throw new UsageError('--all goes without a session');
    const ws = await openWorkspace();
    requireEnabled(ws.config);
    const one = all ? null : await readLog(ws, session ?? null);
    const said = one?.warnings ?? [];
    const { flushed, warnings } = await flushAll(ws, one === null ? undefined : [one.log.id]);
    for (const w of [...said, ...warnings]) this.warn(w);
    if (json) this.printJson({ ok: warnings.length === 0, flushed, warnings: [...said, ...warnings] });
    else {
      for (const { name, records } of flushed) {
        this.out(`Flushed ${safe(name)} (${records} ${records === 1 ? 'event' : 'events'})`);
      }
      if (flushed.length + warnings.length === 0) this.note('nothing to flush: git has every event');
    }
    return warnings.length === 0 ? 0 : 1;
  }
}
