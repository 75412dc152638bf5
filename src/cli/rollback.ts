import { Command, Option } from 'clipanion';
import { comeBack, previewRollback, rollback, type RollbackResult } from '../flow/rollback.ts';
import { counted } from '../session/words.ts';
import { isTerminal } from '../process/own-terminal.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { askConsent } from './consent.ts';
import { printError } from './error.ts';
import { planJson, printPlan } from './plan.ts';
import { restoredJson } from './restore.ts';
import { approvedBy } from './signature.ts';

export class RollbackCommand extends SessionCommand {
  static override paths = [['rollback']];
  static override usage = Command.Usage({
    description:
      'Put the worktree and the tmux session back to a checkpoint. What is there now is saved first, and named.\nWithout <session> it is the one that this runs in.',
    details: 'git session rollback [<options>] [<session>]',
    examples: [
      ['To the newest checkpoint', 'git session rollback work'],
      ['To the first one', 'git session rollback --to 1 work'],
      ['What it would do', 'git session rollback --dry-run work'],
    ],
  });

  session = Option.String({ required: false });
  to = Option.String('--to', {
    description: "=<n|snapshot> a number of 'checkpoint --list', or a snapshot of the session",
  });
  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'print what would be done, change nothing' });
  run = Option.Boolean('--run', { description: 'start the commands without asking; --no-run starts none' });

  async execute(): Promise<number> {
    const word = this.session ?? null;
    const to = this.to ?? null;
    if (this.dryRun) return this.preview(word, to);
    const terminal = process.stdin.isTTY && isTerminal('stderr') && !this.json;
    const consent = { run: this.run ?? null, ...(terminal ? { ask: askConsent } : {}) };
    const { restored } = await rollback(word, to, consent, (result) => this.report(result));
    return restored.partial ? 1 : 0;
  }

  private async preview(word: string | null, to: string | null): Promise<number> {
    const { log, preview, warnings } = await previewRollback(word, to);
    for (const w of warnings) this.warn(w);
    if (this.json) {
      this.printJson({
        ok: true,
        session: { id: log.id, name: log.name },
        plan: planJson(preview),
        warnings,
      });
    } else {
      this.out(`save '${safe(log.name)}' as it is now`);
      printPlan(preview, (text) => this.out(text));
    }
    return 0;
  }

  private report(result: RollbackResult): void {
    const { log, restored, saved, warnings } = result;
    for (const w of [...warnings, ...restored.consent.warnings, ...restored.warnings]) this.warn(w);
    if (this.json) {
      const refused = restored.refused?.toJSON() ?? {};
      this.printJson({
        ...refused,
        ok: !restored.partial,
        session: { id: log.id, name: log.name },
        ...{ restored: restoredJson(restored), saved, undo: comeBack(result) },
        warnings: [...warnings, ...restored.consent.warnings, ...restored.warnings],
      });
    } else {
      const panes = restored.plan.windows.reduce((n, w) => n + w.panes.length, 0);
      const what = [
        counted(restored.plan.windows.length, 'window'),
        counted(panes, 'pane'),
        counted(restored.started, 'command'),
      ];
      this.out(`Rolled back '${safe(log.name)}' to ${safe(restored.label)} (${what.join(', ')})`);
      this.out(`What was there before is ${saved.name}/${saved.id}`);
      const { consent } = restored;
      if (consent.approved && consent.commands.length > 0) this.note(`approved: ${approvedBy(consent)}`);
      for (const n of restored.notes) this.note(n);
      this.hint(`come back: ${comeBack(result)}`);
    }
    if (restored.refused !== null) printError(restored.refused, false);
  }
}
