import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { readSetting } from '../session/settings.ts';
import { collect, type GcResult } from '../flow/gc.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class GcCommand extends SessionCommand {
  static override paths = [['gc']];
  static override usage = Command.Usage({
    description:
      'End sessions that have been idle for session.timeout, and remove the records and histories of those that\nended before session.retention. Snapshots go only with --older-than or --keep, the newest of a session never.',
    details: 'git session gc [--older-than=<duration>] [--keep=<n>] [--dry-run]',
    examples: [
      ['See what would go', 'git session gc --older-than 30d --dry-run'],
      ['Three snapshots of each session are enough', 'git session gc --keep 3'],
    ],
  });

  olderThan = Option.String('--older-than', {
    description: '=<duration> snapshots, records and histories older than this',
  });
  keep = Option.String('--keep', { description: '=<n> all snapshots but the newest of each session' });
  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'print what would go, change nothing' });

  async execute(): Promise<number> {
    const result = await collect({
      olderThan: parseAge(this.olderThan),
      keep: parseKeep(this.keep),
      dryRun: this.dryRun,
    });
    for (const w of result.warnings) this.warn(w);
    if (this.json) this.printJson({ ok: true, dry_run: this.dryRun, ...result });
    else this.print(result);
    return 0;
  }

  private print({ ended, removed, snapshots, leftovers, joined, remaining }: GcResult): void {
    const word = (done: string, wanted: string) => (this.dryRun ? `Would ${wanted}` : done);
    for (const { label, idle } of ended)
      this.out(`${word('Ended', 'end')} ${safe(label)} (idle for ${idle} s)`);
    for (const { label, history } of removed) {
      this.out(`${word('Removed', 'remove')} ${safe(label)}${history === null ? '' : ' and its history'}`);
    }
    for (const { name, id, oid } of snapshots) {
      this.out(`${word('Deleted', 'delete')} ${safe(name)}/${id} (was ${oid.slice(0, 7)})`);
    }
    for (const ref of leftovers) this.out(`${word('Removed', 'remove')} ${safe(ref)}`);
    for (const { name, before, after } of joined) {
      this.out(`Joined the log of ${safe(name)}: ${before} segments are ${after} now`);
    }
    const done = ended.length + removed.length + snapshots.length + leftovers.length + joined.length;
    if (done === 0) this.note('nothing to do');
    else if (snapshots.length > 0 && !this.dryRun) {
      this.hint('the next push tells the other clones, which then hide those snapshots too');
    }
    if (remaining > 0) {
      this.note(
        remaining === 1 ? 'an ended run is still in tmux' : `${remaining} ended runs are still in tmux`,
      );
      this.hint('take them away: git session kill --completed --failed');
    }
  }
}

function parseAge(text: string | undefined): number | null {
  if (text === undefined) return null;
  const { value, problem } = readSetting('retention', [text], {});
  if (problem !== null)
    throw new UsageError(`--older-than is ${problem}: '${text}'`, ['git session gc --older-than 30d']);
  return value as number;
}

function parseKeep(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^[1-9]\d{0,8}$/u.test(text)) throw new UsageError(`--keep takes a number from 1 on, not '${text}'`);
  return Number(text);
}
