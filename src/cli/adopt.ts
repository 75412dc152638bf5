import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { adoptSessions } from '../flow/adopt.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { recordJson } from './live-json.ts';
import { parseMetadata } from './start-options.ts';

export class AdoptCommand extends SessionCommand {
  static override paths = [['adopt']];
  static override usage = Command.Usage({
    description:
      'Give a tmux session that was made by other means a record, so that it is listed and named as those\nthat were made here. Without a name it is the one that this runs in.',
    details: 'git session adopt [<options>] [<tmux-session>]\n   or: git session adopt [<options>] --all',
    examples: [['', 'git session adopt work']],
  });

  target = Option.String({ required: false });
  identifier = Option.String('--id', { description: '=<id> what it is called in lists; else its name' });
  contextName = Option.String('--context', 'session', {
    description: '=<word> what kind of work it is (default: session)',
  });
  meta = Option.Array('--meta', [], { description: '=<key=value> a note for programs; may be repeated' });
  ai = Option.Boolean('--ai', false, { description: 'note that it is for an AI agent' });
  all = Option.Boolean('-a,--all', false, {
    description: 'every tmux session that is new to us and in a worktree of this repository',
  });

  async execute(): Promise<number> {
    if (this.all && (this.target !== undefined || this.identifier !== undefined)) {
      throw new UsageError('--all goes with neither a name nor --id');
    }
    const options = {
      ...{ identifier: this.identifier ?? null, context: this.contextName },
      ...{ metadata: parseMetadata(this.meta), ai: this.ai },
    };
    const done = await adoptSessions(this.target ?? null, this.all, options);
    if (this.json) {
      const records = done.map(({ stored, tmuxId, adopted }) => ({
        ...recordJson(stored.record),
        ...{ tmux_id: tmuxId, adopted },
      }));
      this.printJson(this.all ? records : records[0]);
      return 0;
    }
    for (const { stored, adopted } of done) {
      const name = safe(stored.record.name);
      this.out(adopted ? `Adopted ${name}` : `${name} has a record already`);
    }
    if (done.length === 0)
      this.note('nothing to adopt: no new tmux session is in a worktree of this repository');
    return 0;
  }
}
