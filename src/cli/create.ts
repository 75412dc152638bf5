import { Command, Option } from 'clipanion';
import { attachTo, create, type LifeOptions } from '../flow/run.ts';
import type { SessionRecord } from '../session/live.ts';
import { displayText } from '../session/text.ts';
import { UsageError } from '../session/errors.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { recordJson } from './live-json.ts';
import { parseLimit, parseMetadata, parseMode, requireText } from './start-options.ts';

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

  start = Option.Boolean('--start', true, {
    description: 'note that work begins; --no-start: `git session start` does that later',
  });
  project = Option.String('--project', {
    description: '=<directory> the project, and where its shell starts',
  });
  workflow = Option.String('--workflow', { description: '=<file> the file that says what is to be done' });
  mode = Option.String('--mode', {
    description: '=<mode> direct (default), or worktree=<name>: in a linked worktree of that name',
  });
  maxIterations = Option.String('--max-iterations', { description: '=<n> no more iterations than that' });
  focus = Option.String('--focus', { description: '=<text> what to look at first' });
  failFast = Option.Boolean('--fail-fast', false, {
    description: 'the first command that fails fails the session',
  });
  autoMerge = Option.Boolean('--auto-merge', false, {
    description: 'with --mode=worktree=<name>: `complete` merges its branch',
  });
  collectMetrics = Option.Boolean('--collect-metrics', false, {
    description: '`progress` has metrics',
  });
  verbose = Option.Boolean('--verbose', false, { description: 'say more on stderr' });

  async execute(): Promise<number> {
    if (this.nameArgument !== undefined && this.nameOption !== undefined) {
      throw new UsageError('the name was given twice');
    }
    const started = await create({
      ...{ name: this.nameArgument ?? this.nameOption ?? null, context: this.contextName, identifier: null },
      ...{ argv: [], cwd: this.directory ?? null, worktree: this.worktree ?? null, create: this.create },
      ...(this.json ? {} : { note: (text: string) => this.note(text) }),
      ...{ metadata: parseMetadata(this.meta), ai: this.ai },
      attach: this.json ? false : this.attach,
      life: this.life(),
    });
    const { record } = started.stored;
    if (this.json) {
      this.printJson({
        ...recordJson(record),
        pid: started.pid,
        status: this.start ? 'running' : 'created',
        start_time: record.createdAt,
      });
      return 0;
    }
    this.out(`Session: ${safe(record.name)}`);
    this.out(`ID: ${record.id}`);
    this.out(`Working directory: ${safe(displayText(record.cwd))}`);
    if (this.verbose) this.noteConfig(record);
    if (started.attach) return attachTo(started);
    if (!this.start) this.hint(`start it: git session start ${record.name}`);
    this.hint(`go there: git session attach ${record.name}`);
    return 0;
  }

  private life(): LifeOptions {
    const worktree = parseMode(this.mode);
    if (worktree !== null && this.worktree !== undefined) {
      throw new UsageError('--mode=worktree=<name> and --worktree exclude each other');
    }
    return {
      ...{ later: !this.start, project: requireText('--project', this.project), worktree },
      workflow: requireText('--workflow', this.workflow),
      maxIterations: parseLimit(this.maxIterations),
      focus: requireText('--focus', this.focus),
      ...{ failFast: this.failFast, autoMerge: this.autoMerge },
      ...{ collectMetrics: this.collectMetrics, verbose: this.verbose },
    };
  }

  private noteConfig({ config, branch }: SessionRecord): void {
    if (config === undefined) return;
    this.note(`Project: ${config.projectPath}`);
    this.note(`Mode: ${config.mode}${branch === null ? '' : `, on branch ${branch}`}`);
    if (config.maxIterations !== null) this.note(`Iterations: at most ${config.maxIterations}`);
  }
}
