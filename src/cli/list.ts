import { Command, Option } from 'clipanion';
import { checkCrqId } from '../session/crq.ts';
import { listSessions } from '../flow/listing.ts';
import { SessionCommand } from './command.ts';
import { parseCount } from './count.ts';
import { listLines, rowJson } from './session-rows.ts';
import { terminalWidth } from './table.ts';

export class ListCommand extends SessionCommand {
  static override paths = [['list']];
  static override usage = Command.Usage({
    description: 'List the saved sessions, each with its newest snapshot, the newest first.',
    details: 'git session list [<options>] [<pattern>]',
    examples: [
      ['Those whose name has this in it', 'git session list api'],
      ['Those that belong to a change request', 'git session list --crq CRQ-42'],
      ['What others have shared', 'git session list --remote'],
    ],
  });

  pattern = Option.String({ required: false });
  crq = Option.String('--crq', { description: 'only those that are linked to this change request' });
  remote = Option.Boolean('--remote', { description: 'only fetched ones; --no-remote: only local ones' });
  count = Option.String('-n,--max-count', { description: 'at most so many' });

  async execute(): Promise<number> {
    const listing = await listSessions({
      pattern: this.pattern ?? null,
      crq: this.crq === undefined ? null : checkCrqId(this.crq),
      remote: this.remote ?? null,
      count: parseCount(this.count),
    });
    if (listing.tmuxProblem !== null) this.warn(`can't tell what is running: ${listing.tmuxProblem}`);
    for (const { error } of listing.rows) if (error !== null) this.warn(error.message);
    if (this.json) this.printJson(listing.rows.map((row) => rowJson(row, listing)));
    else if (listing.rows.length > 0) this.out(listLines(listing.rows, terminalWidth()).join('\n'));
    else this.note(this.nothing());
    return 0;
  }

  private nothing(): string {
    if (this.pattern !== undefined) return `no saved session matches '${this.pattern}'`;
    if (this.crq !== undefined) return `no saved session is linked to ${this.crq}`;
    return 'no sessions are saved here yet: git session save';
  }
}
