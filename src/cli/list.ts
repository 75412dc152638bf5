import { Command, Option } from 'clipanion';
import { quoteCommand } from '../session/command-line.ts';
import { checkCrqId } from '../session/crq.ts';
import { UsageError } from '../session/errors.ts';
import type { Places } from '../session/paths.ts';
import { displayText } from '../session/text.ts';
import { type Listing, listSessions, mainPane, type SessionRow, workingDirectory } from '../flow/listing.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { ago, isAscii, table, terminalWidth } from './table.ts';

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
    else if (listing.rows.length > 0)
      for (const line of listLines(listing.rows, terminalWidth())) this.out(line);
    else this.note(this.nothing());
    return 0;
  }

  private nothing(): string {
    if (this.pattern !== undefined) return `no saved session matches '${this.pattern}'`;
    if (this.crq !== undefined) return `no saved session is linked to ${this.crq}`;
    return 'no sessions are saved here yet: git session save';
  }
}

export function parseCount(option: string | undefined): number | null {
  if (option === undefined) return null;
  if (!/^\d{1,9}$/u.test(option)) throw new UsageError(`-n takes a number, not '${option}'`);
  return Number(option);
}

const HEADER = ['NAME', 'STATUS', 'SAVED', 'BRANCH', 'WINDOWS/PANES', 'CRQS', 'MESSAGE'];
const STATUS: Record<SessionRow['status'], string> = {
  ...{ running: 'running', saved: 'saved', damaged: 'damaged', foreign: 'foreign' },
  'newer-format': 'newer format',
};

export function listLines(rows: readonly SessionRow[], width: number | null, ascii = isAscii()): string[] {
  const marked = rows.some((r) => r.live?.current === true);
  const mark = (row: SessionRow | null) =>
    !marked ? '' : row?.live?.current === true ? (ascii ? '* ' : '● ') : '  ';
  return table(
    [
      HEADER.map((title, i) => (i === 0 ? mark(null) + title : title)),
      ...rows.map((row) => cells(row).map((cell, i) => (i === 0 ? mark(row) + cell : cell))),
    ],
    width,
  );
}

function cells(row: SessionRow): string[] {
  const { content } = row;
  const name = safe(row.label);
  const saved = row.savedAt === null ? '' : ago(row.savedAt);
  if (content === null) return [name, STATUS[row.status], saved, '', '', '', row.snapshot];
  const { branch, head } = content.git;
  return [
    name,
    STATUS[row.status],
    saved,
    branch === null ? (head === null ? '' : `(${head.slice(0, 7)})`) : safe(branch),
    `${content.tmux.windows.length}/${countPanes(row)}`,
    safe(row.crqs.map((c) => c.id).join(' ')),
    safe((content.message ?? '').trim().split('\n')[0] ?? ''),
  ];
}

function countPanes(row: SessionRow): number | null {
  return row.content?.tmux.windows.reduce((sum, w) => sum + w.panes.length, 0) ?? null;
}

/** The names of the first eleven are those that gwq's users know (requirement S13). */
function rowJson(row: SessionRow, { places }: Listing) {
  const { content, live } = row;
  return {
    id: content?.session.id ?? null,
    session_name: live?.name ?? (content === null ? null : displayText(content.tmux.sessions[0]!.name)),
    ...contextOf(row.name),
    ...paneFacts(row, places),
    status: row.status,
    metadata: {},
    ...{ name: row.name, snapshot: row.snapshot, ref: row.ref, oid: row.oid, remote: row.remote },
    context_commit: row.context,
    saved_at: row.savedAt,
    saved_by: content?.savedBy ?? null,
    host: content?.host.name ?? null,
    branch: content?.git.branch ?? null,
    head: content?.git.head ?? null,
    crqs: row.crqs,
    message: content?.message ?? null,
    windows: content?.tmux.windows.length ?? null,
    panes: countPanes(row),
    snapshots: row.snapshots,
    attached_clients: live?.attachedClients ?? 0,
    current: live?.current ?? false,
    ...(row.error === null ? {} : { error: row.error.toJSON().error }),
  };
}

/** The parts of a name that `run` gives, `gs-<context>-<identifier>-<time>`; of another one, the name itself. */
function contextOf(name: string | null): { context: string; identifier: string | null } {
  const m = /^gs-([^-]+)-(.+)-\d{14}$/u.exec(name ?? '');
  return m === null ? { context: 'session', identifier: name } : { context: m[1]!, identifier: m[2]! };
}

function paneFacts({ content, live }: SessionRow, places: Places) {
  if (content === null) {
    return { working_dir: null, command: null, pid: null, start_time: null, history_size: null };
  }
  const pane = mainPane(content);
  const argv = pane.command ?? pane.processes[0]?.argv ?? [];
  const { createdAt } = content.tmux.sessions[0]!;
  return {
    working_dir: workingDirectory(content, places),
    command: argv.length === 0 ? null : displayText(quoteCommand(argv)),
    // A process id of an earlier life may be somebody else's now.
    pid: live?.createdAt === createdAt ? (pane.processes[0]?.pid ?? null) : null,
    start_time: new Date((live?.createdAt ?? createdAt) * 1000).toISOString(),
    history_size: content.tmux.windows.flatMap((w) => w.panes).reduce((sum, p) => sum + p.historyLines, 0),
  };
}
