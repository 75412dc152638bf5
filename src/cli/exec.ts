import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { exec } from '../flow/exec.ts';
import { SessionCommand } from './command.ts';
import { parseTimeout, timeoutText } from './duration.ts';
import { isMissing } from './start-options.ts';

export class ExecCommand extends SessionCommand {
  static override paths = [['exec']];
  static override usage = Command.Usage({
    description:
      'Run a command in a live session and print what it prints; the exit code is its own. One argument is\na line for your shell, several are a program with its arguments.',
    details: 'git session exec [<options>] <session> [--] <command> [<args>...]',
    examples: [
      ['Where the session is', 'git session exec work pwd'],
      ['Not longer than five minutes', 'git session exec --timeout 5m work -- npm test'],
    ],
  });

  timeout = Option.String('--timeout', { description: '=<duration> end it after that, with exit code 124' });
  directory = Option.String('-c,--cwd', {
    description: '=<directory> where it runs; else where the active pane is',
  });
  session = Option.String();
  command = Option.Rest({ name: 'command' });

  async execute(): Promise<number> {
    if (isMissing(this.command)) {
      throw new UsageError('a command is missing', [`git session exec ${this.session} -- npm test`]);
    }
    const timeoutMs = parseTimeout(this.timeout);
    const done = await exec({
      ...{ session: this.session, argv: this.command, cwd: this.directory ?? null, timeoutMs },
      copy: !this.json,
      note: (text) => this.note(text),
    });
    const { exitCode, timedOut } = done;
    if (timedOut) this.note(`error: timed out after ${timeoutText(this.timeout!)}, and was ended`);
    if (this.json) {
      this.printJson({
        ...{ ok: exitCode === 0, exit_code: exitCode, stdout: done.stdout, stderr: done.stderr },
        ...{ duration_ms: done.durationMs, timed_out: timedOut, session: done.session },
      });
    }
    return exitCode;
  }
}
