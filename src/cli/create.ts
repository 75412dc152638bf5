import { Command, Option } from 'clipanion';
import { attachTo, create } from '../flow/run.ts';
import { displayText } from '../session/text.ts';
import { UsageError } from '../session/errors.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { recordJson } from './live-json.ts';
import { parseMetadata } from './start-options.ts';

export class CreateCommand extends SessionCommand {
  static override paths = [['create']];
  static override usage = Command.Usage({
    description: 'Make a tmux session with a shell, and a record of it.',
    details: 'git session create [<options>] [<name>]',
    examples: [
      ['', 'git session create work'],
      [
        'In a worktree that is made for it, and go there',
        'git session create --attach --create -w feature/login login',
      ],
    ],
  });

  nameArgument = Option.String({ required: false });
  nameOption = Option.String('--name', { description: '=<name> its name, as the argument' });
  directory = Option.String('-c,--dir', { description: '=<directory> where its shell starts' });
  contextName = Option.String('--context', 'session', {
    description: '=<word> what kind of work it is (default: session)',
  });
  meta = Option.Array('--meta', [], { description: '=<key=value> a note for programs; may be repeated' });
  worktree = Option.String('-w,--worktree', { description: '=<branch|path> start in this worktree' });
  create = Option.Boolean('--create', false, {
    description: 'make the worktree, and its branch, where they are missing',
  });
  ai = Option.Boolean('--ai', false, { description: 'note that it is for an AI agent' });
  attach = Option.Boolean('--attach', {
    description: 'give the terminal to it; --no-attach: stay here (default)',
  });

  async execute(): Promise<number> {
    if (this.nameArgument !== undefined && this.nameOption !== undefined) {
      throw new UsageError('the name was given twice');
    }
    const started = await create({
      ...{ name: this.nameArgument ?? this.nameOption ?? null, context: this.contextName, identifier: null },
      ...{ argv: [], cwd: this.directory ?? null, worktree: this.worktree ?? null, create: this.create },
      ...{ metadata: parseMetadata(this.meta), ai: this.ai },
      attach: this.json ? false : this.attach,
    });
    const { record } = started.stored;
    if (this.json) {
      this.printJson({
        ...recordJson(record),
        pid: started.pid,
        status: 'running',
        start_time: record.createdAt,
      });
      return 0;
    }
    this.out(`Session: ${safe(record.name)}`);
    this.out(`ID: ${record.id}`);
    this.out(`Working directory: ${safe(displayText(record.cwd))}`);
    if (started.attach) return attachTo(started);
    this.hint(`go there: git session attach ${record.name}`);
    return 0;
  }
}
