import { Command, Option } from 'clipanion';
import { checkCrqId } from '../session/crq.ts';
import { csv } from '../session/csv.ts';
import { UsageError } from '../session/errors.ts';
import { type Listing, type ListOptions, listSessions } from '../flow/listing.ts';
import { isTerminal } from '../process/own-terminal.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { parseCount } from './count.ts';
import { parseInterval, parseSort, parseStatuses } from './list-options.ts';
import { csvRecords, listLines, rowJson, shortLines } from './session-rows.ts';
import { terminalWidth } from './table.ts';
import { printText, writeBytes } from './output.ts';

export class ListCommand extends SessionCommand {
  static override paths = [['list']];
  static override usage = Command.Usage({
    description:
      'List the sessions: those that live in tmux first, then those that have ended, then those that are saved only;\nof each the newest first.',
    details: 'git session list [<options>] [<pattern>]',
    examples: [
      ['Those whose name has this in it', 'git session list api'],
      ['What runs, and what has failed', 'git session list --filter running,failed'],
      ['Those that belong to a change request', 'git session list --crq CRQ-42'],
      ['What others have shared', 'git session list --remote'],
    ],
  });

  pattern = Option.String({ required: false });
  active = Option.Boolean('--active', false, { description: 'only those that live' });
  all = Option.Boolean('-a,--all', false, {
    description: 'also tmux sessions that are not of this repository',
  });
  filter = Option.Array('--filter', [], {
    description: '=<status>[,<status>...] only those; may be repeated',
  });
  sort = Option.String('--sort', { description: '=<key> by duration, task, context, status or started' });
  crq = Option.String('--crq', { description: '=<id> only those that are linked to this change request' });
  remote = Option.Boolean('--remote', { description: 'only fetched ones; --no-remote: only local ones' });
  count = Option.String('-n,--max-count', { description: '=<number> at most so many' });
  verbose = Option.Boolean('-v,--verbose', false, { description: 'more columns' });
  short = Option.Boolean('--short', false, { description: 'one short line for each' });
  csv = Option.Boolean('--csv', false, { description: 'print comma-separated values (RFC 4180)' });
  watch = Option.Boolean('--watch', false, {
    description: 'show the table until q or Ctrl-C, and keep it up to date',
  });
  interval = Option.String('--interval', {
    description: '=<seconds> between two looks of --watch (default: 2)',
  });

  async execute(): Promise<number> {
    const options = this.options();
    if (this.watch) {
      const { watchSessions } = await import('./list-watch.ts');
      return watchSessions(options, { verbose: this.verbose, intervalMs: parseInterval(this.interval) });
    }
    const listing = await listSessions(options);
    if (listing.tmuxProblem !== null) this.warn(`can't tell what is running: ${listing.tmuxProblem}`);
    for (const { error } of listing.rows) if (error !== null) this.warn(error.message);
    for (const { ref, name, lastGood } of listing.broken) {
      const last = lastGood === null ? '' : `; last good snapshot ${lastGood}`;
      this.warn(`session '${name}' is broken (empty ref ${ref})${last}`);
    }
    if (listing.broken.length > 0) this.hint('mend it: git session fsck --repair');
    if (this.json) this.printJson(listing.rows.map(rowJson));
    else if (this.csv) await this.printCsv(listing);
    else if (listing.rows.length === 0) this.note(this.nothing());
    else this.out(this.lines(listing).join('\n'));
    return listing.broken.length > 0 ? 1 : 0;
  }

  private options(): ListOptions {
    const forms = [this.short, this.csv, this.json, this.watch].filter(Boolean).length;
    if (forms > 1 || (this.verbose && forms === 1 && !this.watch)) {
      throw new UsageError('--verbose, --short, --csv, --json and --watch are different forms of the list', [
        'choose one of them; --watch goes with --verbose',
      ]);
    }
    if (this.interval !== undefined && !this.watch) throw new UsageError('--interval goes with --watch');
    return {
      pattern: this.pattern ?? null,
      crq: this.crq === undefined ? null : checkCrqId(this.crq),
      remote: this.remote ?? null,
      statuses: parseStatuses(this.filter),
      ...{ active: this.active, all: this.all, sort: parseSort(this.sort) },
      count: parseCount(this.count),
    };
  }

  private lines({ rows, now }: Listing): string[] {
    if (this.short) return shortLines(rows, now);
    return listLines(rows, { verbose: this.verbose, now, width: terminalWidth() });
  }

  /** A program gets the values as they are. A terminal would obey them. */
  private async printCsv({ rows, now }: Listing): Promise<void> {
    const records = csvRecords(rows, now);
    if (isTerminal('stdout'))
      printText(csv(records.map((r) => r.map((f) => safe(f)))).replaceAll('\r\n', '\n'));
    else await writeBytes(csv(records));
  }

  private nothing(): string {
    if (this.filter.length > 0 || this.active) return 'no session is like that';
    if (this.pattern !== undefined) return `no session matches '${this.pattern}'`;
    if (this.crq !== undefined) return `no saved session is linked to ${this.crq}`;
    return 'no sessions are here yet: begin one with git session run, keep one with git session save';
  }
}
