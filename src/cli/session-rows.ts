import { quoteCommand } from '../session/command-line.ts';
import type { Places } from '../session/paths.ts';
import { displayText } from '../session/text.ts';
import { type Listing, mainPane, type SessionRow, workingDirectory } from '../flow/listing.ts';
import { safe } from '../trust/safe.ts';
import { ago, isAscii, table } from './table.ts';

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
export function rowJson(row: SessionRow, { places }: Listing) {
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
