import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { counted } from '../session/words.ts';
import { checkpoint, type Checkpoint, listCheckpoints } from '../flow/checkpoint.ts';
import { logWarnings } from '../flow/session-log.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { ago, table, terminalWidth } from './table.ts';

export class CheckpointCommand extends SessionCommand {
  static override paths = [['checkpoint']];
  static override usage = Command.Usage({
    description:
      "Save a live session as a point that 'git session rollback' can go back to. Earlier ones are kept.\nWithout <session> it is the one that this runs in.",
    details:
      'git session checkpoint [-m <text>] [<session>]\n   or: git session checkpoint --list [<session>]',
    examples: [
      ['Before something bold', 'git session checkpoint -m "tests are green" work'],
      ['Those that there are', 'git session checkpoint --list work'],
    ],
  });

  session = Option.String({ required: false });
  list = Option.Boolean('-l,--list', false, { description: 'list them, the oldest first; saves nothing' });
  message = Option.String('-m,--message', { description: '=<text> say what this is' });

  async execute(): Promise<number> {
    if (this.list) return this.show();
    const {
      log,
      saved,
      checkpoint: made,
      warnings,
    } = await checkpoint(this.session ?? null, this.message ?? null);
    for (const w of warnings) this.warn(w);
    if (this.json) {
      const session = { id: log.id, name: log.name };
      this.printJson({ ok: true, session, checkpoint: checkpointJson(made), saved, warnings });
    } else {
      const parts = [counted(saved.windows, 'window'), counted(saved.panes, 'pane')];
      if (saved.work !== null) parts.push('uncommitted work');
      this.out(`Checkpoint ${made.number} of '${safe(log.name)}': ${made.snapshot} (${parts.join(', ')})`);
    }
    return 0;
  }

  private async show(): Promise<number> {
    if (this.message !== undefined) throw new UsageError('--list does not go with --message');
    const { log, checkpoints } = await listCheckpoints(this.session ?? null);
    const warnings = logWarnings(log);
    for (const w of warnings) this.warn(w);
    if (this.json) {
      const session = { id: log.id, name: log.name };
      this.printJson({ ok: true, session, checkpoints: checkpoints.map(checkpointJson), warnings });
    } else if (checkpoints.length === 0) this.note(`'${safe(log.name)}' has no checkpoints yet`);
    else {
      const head = ['', 'SAVED', 'ITERATION', 'STATE', 'RESUMABLE', 'SNAPSHOT', 'MESSAGE'];
      for (const line of table([head, ...checkpoints.map(row)], terminalWidth())) this.out(line);
    }
    return 0;
  }
}

function row(c: Checkpoint): string[] {
  const snapshot = c.stored === null ? `${safe(c.snapshot)} (missing)` : safe(c.snapshot);
  const [resumable, message] = [c.resumable ? 'yes' : 'no', safe(c.message)];
  return [`${c.number}`, ago(c.at), `${c.iteration}`, c.state, resumable, snapshot, message];
}

export function checkpointJson(c: Checkpoint) {
  return {
    ...{ number: c.number, at: c.at, iteration: c.iteration, state: c.state, resumable: c.resumable },
    ...{ snapshot: c.snapshot, message: c.message, rollback_to: c.rollbackTo, available: c.stored !== null },
  };
}
