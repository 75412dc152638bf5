import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { attachTo, run, type Started, waitForEnd, wentAway } from '../flow/run.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { commandText, isoTime, recordJson } from './live-json.ts';
import { isMissing, parseMetadata } from './start-options.ts';

export class RunCommand extends SessionCommand {
  static override paths = [['run']];
  static override usage = Command.Usage({
    description:
      'Run a command in a new tmux session, in the background. One argument is a line for your shell,\nseveral are a program with its arguments.',
    details: 'git session run [<options>] [--] <command> [<args>...]',
    examples: [
      ['Run the tests and go on working', 'git session run -- npm test'],
      [
        'On another branch, in a worktree that is made for it',
        'git session run --create -w feature/login -- make check',
      ],
      ['Wait for the end, with its exit code', 'git session run --wait "make && make test"'],
    ],
  });

  identifier = Option.String('--id', {
    description: '=<id> what it is called in lists; else the name of the program',
  });
  contextName = Option.String('--context', 'run', {
    description: '=<word> what kind of work it is (default: run)',
  });
  meta = Option.Array('--meta', [], { description: '=<key=value> a note for programs; may be repeated' });
  directory = Option.String('-c,--cwd', { description: '=<directory> where it runs' });
  worktree = Option.String('-w,--worktree', { description: '=<branch|path> run it in this worktree' });
  create = Option.Boolean('--create', false, {
    description: 'make the worktree, and its branch, where they are missing',
  });
  wait = Option.Boolean('--wait', false, { description: "wait for the end; the exit code is the command's" });
  attach = Option.Boolean('--attach', {
    description: 'give the terminal to it; --no-attach: stay here (default)',
  });
  detach = Option.Boolean('-d,--detach', false, {
    description: 'stay here, whatever session.detachOnCreate says',
  });
  command = Option.Rest({ name: 'command' });

  async execute(): Promise<number> {
    if (isMissing(this.command)) {
      throw new UsageError('a command is missing', ['git session run -- npm test']);
    }
    if (this.attach === true && (this.wait || this.json)) {
      throw new UsageError('--attach goes with neither --wait nor --json');
    }
    const started = await run({
      ...{ name: null, context: this.contextName, identifier: this.identifier ?? null, argv: this.command },
      ...{ cwd: this.directory ?? null, worktree: this.worktree ?? null, create: this.create },
      ...(this.json ? {} : { note: (text: string) => this.note(text) }),
      ...{ metadata: parseMetadata(this.meta), ai: false },
      attach: this.detach || this.wait || this.json ? false : this.attach,
    });
    if (!this.wait) {
      this.report(started);
      return started.attach ? attachTo(started) : 0;
    }
    return this.waitFor(started);
  }

  private report({ stored, pid, attach }: Started): void {
    const { record } = stored;
    if (this.json) {
      this.printJson({
        ...recordJson(record),
        pid,
        status: 'running',
        start_time: record.createdAt,
        history_size: 0,
      });
      return;
    }
    this.out(safe(record.name));
    if (attach) return;
    this.note(`Started ${commandText(record.argv) ?? ''}`);
    this.hint(`look at it: git session attach ${record.name}`);
  }

  private async waitFor({ stored, pid }: Started): Promise<number> {
    const { record } = stored;
    if (!this.json) this.note(`Started ${record.name}`);
    const job = await waitForEnd(stored);
    const code = job?.exitCode ?? 1;
    const status = job?.state === 'exited' && code === 0 ? 'completed' : 'failed';
    if (this.json) {
      this.printJson({
        ...{ ...recordJson(record), pid, status, exit_code: job?.exitCode ?? null },
        start_time: isoTime(job?.start),
        end_time: isoTime(job?.end),
      });
    } else if (job?.state === 'hangup') {
      throw wentAway(stored);
    } else if (status === 'failed') {
      this.hint(`see what it printed: git session history ${record.name}`);
    }
    return code;
  }
}
