import { constants } from 'node:os';
import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { displayText } from '../session/text.ts';
import { history, type HistoryEntry } from '../flow/history.ts';
import { timeOf } from '../flow/listing.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { commandText } from './live-json.ts';
import { parseCount } from './count.ts';
import { crqText, messageLines } from './show.ts';
import { ago, date } from './table.ts';
import { page } from './page.ts';

type SnapshotEntry = Extract<HistoryEntry, { kind: 'snapshot' }>;
type CommandEntry = Extract<HistoryEntry, { kind: 'command' }>;
type EventEntry = Extract<HistoryEntry, { kind: 'event' }>;

export class LogCommand extends SessionCommand {
  static override paths = [['log']];
  static override usage = Command.Usage({
    description:
      'Show the snapshots of a session, or of all, newest first, and what happened to them. Of one session\nalso the commands that run and exec have started in it.',
    details: 'git session log [<options>] [<name>]',
    examples: [
      ['The last five, one line each', 'git session log -n 5 --oneline work'],
      ['From an older one on', 'git session log work~10'],
      ['With all that its commands printed', 'git session log --full work'],
    ],
  });

  ref = Option.String({ required: false });
  oneline = Option.Boolean('--oneline', false, { description: 'one line for each' });
  full = Option.Boolean('--full', false, { description: 'all that the commands printed, where it is kept' });
  count = Option.String('-n,--max-count', { description: 'at most so many snapshots and commands' });

  async execute(): Promise<number> {
    if (this.full && this.oneline) throw new UsageError('--full and --oneline exclude each other');
    if (this.full && this.ref === undefined) {
      throw new UsageError('--full is for one session: git session log --full <name>');
    }
    const entries = await history(this.ref ?? null, { count: parseCount(this.count), full: this.full });
    for (const e of entries) if (e.kind === 'snapshot' && 'error' in e.read) this.warn(e.read.error.message);
    if (this.json) {
      this.printJson(entries.map(entryJson));
      return 0;
    }
    if (entries.length === 0) this.note(this.nothing());
    const blocks = entries.map((e) => (this.oneline ? [oneLine(e)] : lines(e)));
    const text = blocks.map((b) => b.join('\n')).join(this.oneline ? '\n' : '\n\n');
    if (text !== '') await page(`${text}\n`);
    return 0;
  }

  private nothing(): string {
    return this.ref === undefined
      ? 'no sessions are saved here yet: git session save'
      : `nothing was saved or started in '${this.ref}' yet`;
  }
}

function lines(entry: HistoryEntry): string[] {
  if (entry.kind === 'command') return commandLines(entry);
  return entry.kind === 'snapshot' ? snapshotLines(entry) : [eventLine(entry)];
}

function oneLine(entry: HistoryEntry): string {
  if (entry.kind === 'command') {
    const { command } = entry;
    return `command ${ago(command.at)} ${safe(commandText(command.argv) ?? '')} (${outcomeText(entry)})`;
  }
  return entry.kind === 'snapshot' ? snapshotLine(entry) : eventLine(entry);
}

function commandLines(entry: CommandEntry): string[] {
  const { command } = entry;
  const printed = printedOf(entry);
  return [
    `command ${safe(commandText(command.argv) ?? '')}`,
    `Date:    ${safe(date(command.at))}`,
    `State:   ${outcomeText(entry)}`,
    ...(printed.length === 0 ? [] : ['', ...printed.map((line) => `    ${line}`.trimEnd())]),
  ];
}

/** All of it where it is there, else the first line, with a mark where more follows. */
function printedOf({ command: { preview, more }, output }: CommandEntry): string[] {
  if (output !== null) return output;
  return preview === '' ? [] : [`${safe(preview)}${more ? ' …' : ''}`];
}

function outcomeText({ command: { state, exitCode, durationMs } }: CommandEntry): string {
  const said = { running: 'running', exited: exitText(exitCode), 'timed-out': 'timed out', lost: 'lost' }[
    state
  ];
  return durationMs === null
    ? said
    : `${said}, ${durationMs < 1000 ? `${durationMs} ms` : `${Math.round(durationMs / 1000)} s`}`;
}

/** As shells tell a death by signal. */
function exitText(code: number | null): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number + 128 === code);
  return signal === undefined ? `exit ${code}` : `exit ${code}, ${signal[0]}`;
}

function snapshotLines(entry: SnapshotEntry): string[] {
  const { read, form, crqs } = entry;
  const { stored } = read;
  const title = `snapshot ${stored.name}/${stored.id} (${form})`;
  if ('error' in read) return [safe(title), `Damaged: ${safe(read.error.message)}`];
  const { snapshot: s } = read;
  const out = [
    safe(title),
    `Author:  ${safe(`${s.savedBy.name} <${s.savedBy.email}>`)}`,
    `Date:    ${safe(date(s.savedAt))}`,
    `Host:    ${safe(s.host.name)}`,
    `Commit:  ${commit(entry)}`,
    ...crqs.map((c) => `CRQ:     ${crqText(c)}`),
    '',
  ];
  return [...out, ...(s.message === null ? [`    (${extent(entry)})`] : messageLines(s.message))];
}

function snapshotLine(entry: SnapshotEntry): string {
  const { read, form, crqs } = entry;
  const short = `${read.stored.oid.slice(0, 7)} (${safe(form)})`;
  if ('error' in read) return `${short} damaged: ${safe(read.error.message)}`;
  const ids = crqs.map((c) => `[${safe(c.id)}] `).join('');
  const subject = (read.snapshot.message ?? '').trim().split('\n')[0] ?? '';
  return `${short} ${ago(read.snapshot.savedAt)} ${ids}${subject === '' ? `(${extent(entry)})` : safe(subject)}`;
}

function extent({ read }: SnapshotEntry): string {
  if ('error' in read) return '';
  const { windows } = read.snapshot.tmux;
  const panes = windows.reduce((sum, w) => sum + w.panes.length, 0);
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
  return `${count(windows.length, 'window')}, ${count(panes, 'pane')}`;
}

function commit({ read }: SnapshotEntry): string {
  if ('error' in read) return '';
  const { head, branch, work } = read.snapshot.git;
  if (head === null) return 'none yet';
  return `${head} (${branch === null ? 'detached' : `on ${safe(branch)}`}${work === null ? '' : ', with uncommitted work'})`;
}

function eventLine({ name, remote, record }: EventEntry): string {
  const { type, data, clone, sequence } = record;
  const session = safe(remote === null ? name : `${remote}/${name}`);
  const which = data.snapshots.length === 1 ? safe(data.snapshots[0]!) : `${data.snapshots.length} snapshots`;
  const when = new Date(sequence);
  const what = {
    deleted: typeof data.renamedTo === 'string' ? `renamed to ${safe(data.renamedTo)}` : `deleted ${which}`,
    'crq-linked': `linked ${which} to ${safe(data.crq ?? '')}${data.title == null ? '' : ` ${safe(data.title)}`}`,
    'crq-unlinked': `unlinked ${which} from ${safe(data.crq ?? '')}`,
  }[type];
  // Others may have written any number.
  const at = Number.isNaN(when.getTime()) ? '' : `, ${date(when.toISOString())}`;
  return `event ${session}: ${what}${at} (clone ${safe(clone.slice(0, 8))})`;
}

function entryJson(entry: HistoryEntry) {
  if (entry.kind === 'command') return commandJson(entry);
  return entry.kind === 'snapshot' ? snapshotJson(entry) : eventJson(entry);
}

function commandJson({ session, command: c, output }: CommandEntry) {
  return {
    ...{ type: 'command', session: session.name, session_id: session.id, at: c.at },
    ...{ command: commandText(c.argv), argv: c.argv, state: c.state },
    ...{ exit_code: c.exitCode, duration_ms: c.durationMs, preview: c.preview, more: c.more },
    ...(output === null ? {} : { output: output.join('\n') }),
  };
}

function snapshotJson({ read, form, crqs }: SnapshotEntry) {
  const { stored } = read;
  const s = 'snapshot' in read ? read.snapshot : null;
  return {
    type: 'snapshot',
    ...{ name: stored.name, remote: stored.remote, id: stored.id, form },
    ...{ ref: stored.ref, oid: stored.oid, context: stored.context },
    saved_at: s?.savedAt ?? timeOf(stored.id),
    saved_by: s?.savedBy ?? null,
    host: s?.host.name ?? null,
    message: s?.message ?? null,
    head: s?.git.head ?? null,
    branch: s?.git.branch ?? null,
    work: s?.git.work ?? null,
    windows: s?.tmux.windows.length ?? null,
    panes: s?.tmux.windows.reduce((sum, w) => sum + w.panes.length, 0) ?? null,
    crqs,
    ...('error' in read ? { error: read.error.toJSON().error } : {}),
  };
}

function eventJson({ name, remote, record }: EventEntry) {
  const { type, clone, sequence, at, data } = record;
  const { title, path, ...rest } = data;
  return {
    ...{ type, name, remote, at, clone, sequence, ...rest },
    ...(title == null ? {} : { title }),
    ...(path == null ? {} : { path: displayText(path) }),
  };
}
