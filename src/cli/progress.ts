import { Command, Option } from 'clipanion';
import { NoTerminalError, UsageError } from '../session/errors.ts';
import { readLog } from '../flow/session-log.ts';
import { openWorkspace } from '../flow/workspace.ts';
import { isTerminal } from '../process/own-terminal.ts';
import { SessionCommand } from './command.ts';
import { parseInterval } from './list-options.ts';
import { type Shown, progressFrame, progressJson, progressLines, shownOf } from './progress-view.ts';
import { watchScreen } from './watch-screen.ts';

export class ProgressCommand extends SessionCommand {
  static override paths = [['progress']];
  static override usage = Command.Usage({
    description:
      'Show how far a session has come: its state, its iterations with what each has changed, the commands that were\nexecuted in it, and how long it has run. All of it is computed from its events.',
    details: 'git session progress [<options>] [<session>]',
    examples: [
      ['Of the session that one is in', 'git session progress'],
      ['Until Ctrl-C, and up to date', 'git session progress --watch work'],
      ['The files that it has changed', "git session progress work --json | jq -r '.files_changed[]'"],
    ],
  });

  watch = Option.Boolean('--watch', false, {
    description: 'show it until q or Ctrl-C, and keep it up to date',
  });
  interval = Option.String('--interval', {
    description: '=<seconds> between two looks of --watch (default: 2)',
  });
  session = Option.String({ required: false });

  async execute(): Promise<number> {
    const { json, watch, interval } = this;
    if (interval !== undefined && !watch) throw new UsageError('--interval goes with --watch');
    if (json && watch) throw new UsageError('--watch and --json exclude each other');
    if (watch) return this.watchIt(parseInterval(interval));
    const shown = await this.look();
    for (const w of shown.warnings) this.warn(w);
    if (json) this.printJson(progressJson(shown));
    else this.out(progressLines(shown).join('\n'));
    return 0;
  }

  private async look(word = this.session ?? null): Promise<Shown> {
    const { log, warnings } = await readLog(await openWorkspace(), word);
    return shownOf(log, warnings);
  }

  private watchIt(intervalMs: number): Promise<number> {
    if (!isTerminal('stdout')) {
      throw new NoTerminalError('--watch needs a terminal to show the progress on', [
        'for a program: git session events --follow --json',
      ]);
    }
    // A name may come to mean another session: it is the one that it meant first.
    let word = this.session ?? null;
    return watchScreen({
      intervalMs,
      load: async () => {
        const shown = await this.look(word);
        word = shown.id;
        return shown;
      },
      // The last column stays free, as in a list.
      draw: (shown, { rows, columns }) => progressFrame(shown, { rows, columns: columns - 1 }, intervalMs),
    });
  }
}
