import { configJson } from '../session/event-json.ts';
import { type Listed, type ListStatus, runTime } from '../session/listed.ts';
import { safe } from '../trust/safe.ts';
import { cut, cutStart, widthOf } from '../session/width.ts';
import { ago, duration, fits, type Give, isAscii, table } from './table.ts';

export interface RowOptions {
  verbose: boolean;
  /** Milliseconds since 1970. */
  now: number;
  /** The terminal's; null in a pipe. */
  width: number | null;
  ascii?: boolean;
}

interface Column {
  title: string;
  cell: (row: Listed, now: number) => string;
  /** Only there where a row has something in it. */
  optional?: true;
  verbose?: true;
  /** Where the terminal is too narrow; else it is never cut. */
  give?: Give;
}

/** Cut before all others. */
const FIRST: Give = { order: 0 };
const COLUMNS: readonly Column[] = [
  { title: 'CONTEXT', cell: (row) => safe(row.context), give: { order: 1 } },
  // Only where nothing else is left that could give way.
  { title: 'IDENTIFIER', cell: (row) => safe(row.label), give: { order: 2 } },
  { title: 'STATUS', cell: (row) => statusText(row.status) },
  { title: 'DURATION', cell: durationText },
  { title: 'COMMAND', cell: commandText, give: FIRST },
  { title: 'ID', cell: (row) => (row.id ?? '').slice(0, 8), verbose: true },
  { title: 'NAME', cell: (row) => safe(row.name ?? ''), verbose: true, give: FIRST },
  {
    title: 'DIR',
    cell: (row) => safe(row.workingDir ?? ''),
    verbose: true,
    give: { ...FIRST, fromStart: true },
  },
  { title: 'PID', cell: (row) => String(row.pid ?? ''), verbose: true },
  { title: 'CLIENTS', cell: (row) => (row.alive ? String(row.attachedClients) : ''), verbose: true },
  { title: 'BRANCH', cell: branchText, verbose: true, give: { order: 1 } },
  { title: 'WINDOWS/PANES', cell: sizeText, verbose: true },
  { title: 'SAVED', cell: (row, now) => savedText(row, now), verbose: true },
  {
    title: 'CRQS',
    cell: (row) => safe(row.crqs.map((c) => c.id).join(' ')),
    optional: true,
    give: { order: 1 },
  },
  { title: 'AGENT', cell: (row) => row.agents.join(' '), optional: true, give: { order: 1 } },
  { title: 'MESSAGE', cell: messageText, verbose: true, give: FIRST },
  { title: 'REASON', cell: reasonText, optional: true, verbose: true, give: FIRST },
];

type FilledColumn = Column & { cells: string[] };

/** Narrower than this, a column of a wide table tells too little. */
const READABLE = 16;

/**
 * The table of gwq's users, with a mark before the session one is in. A terminal has no columns that are empty, and where
 * even then `verbose` does not fit, it tells more below each row.
 */
export function listLines(rows: readonly Listed[], options: RowOptions): string[] {
  const { verbose, now, width } = options;
  const isShown = (c: FilledColumn) => {
    if (c.verbose !== true && c.optional !== true) return true;
    if (verbose && width === null) return c.optional !== true || c.title === 'CRQS' || isFilled(c);
    return isFilled(c);
  };
  const columns = COLUMNS.filter((c) => verbose || c.verbose !== true)
    .map((c): FilledColumn => ({ ...c, cells: rows.map((row) => c.cell(row, now)) }))
    .filter(isShown);
  const cells = cellsOf(rows, columns, options);
  if (!verbose || width === null || fits(cells, width, givesOf(columns), READABLE)) {
    return table(cells, width, givesOf(columns));
  }
  const plain = columns.filter((c) => c.verbose !== true);
  const [header, ...lines] = table(cellsOf(rows, plain, options), width, givesOf(plain));
  return [header!, ...lines.flatMap((line, row) => [line, ...detailLines(columns, row, line, width)])];
}

function isFilled({ cells }: FilledColumn): boolean {
  return cells.some((cell) => cell !== '');
}

function givesOf(columns: readonly FilledColumn[]): Give[] {
  return columns.map((c) => c.give ?? { order: null });
}

function cellsOf(
  rows: readonly Listed[],
  columns: readonly FilledColumn[],
  { ascii = isAscii() }: RowOptions,
): string[][] {
  const mark = (row: Listed | null) => (row?.current === true ? (ascii ? '* ' : '● ') : '  ');
  return [
    columns.map(({ title }, i) => (i === 0 ? mark(null) + title : title)),
    ...rows.map((row, r) => columns.map((c, i) => (i === 0 ? mark(row) + c.cells[r]! : c.cells[r]!))),
  ];
}

const INDENT = '    ';

/** What the row above has no column for, or has cut: what is short on one line, what may be long on one of its own. */
function detailLines(columns: readonly FilledColumn[], row: number, line: string, width: number): string[] {
  const label = columns.find((c) => c.title === 'IDENTIFIER')!.cells[row]!;
  const short: string[] = [];
  const long: string[] = [];
  for (const { title, cells, verbose, give } of columns) {
    const cell = cells[row]!;
    const isThere = line.includes(cell) && (verbose !== true || (title === 'NAME' && cell === label));
    if (cell === '' || isThere) continue;
    const name = `${title.toLowerCase()}: `;
    const room = Math.max(0, width - INDENT.length - name.length);
    const text = name + (give?.fromStart === true ? cutStart(cell, room) : cut(cell, room));
    (give?.order === 0 || verbose !== true ? long : short).push(text);
  }
  const lines: string[] = [];
  for (const text of short) {
    const joined = `${lines.at(-1) ?? ''}  ${text}`;
    if (lines.length > 0 && widthOf(joined) + INDENT.length <= width) lines[lines.length - 1] = joined;
    else lines.push(text);
  }
  return [...lines, ...long].map((text) => cut(INDENT + text, width));
}

/** `2c559c93 - name (23:22:36) [running]`: when it began, or for one that is only saved, when that was. */
export function shortLines(rows: readonly Listed[], now: number): string[] {
  return rows.map((row) => {
    const id = row.id === null ? '-'.repeat(8) : row.id.slice(0, 8);
    const time = clock(row.startedAt !== null && row.status !== 'saved' ? row.startedAt : savedAt(row), now);
    return `${id} - ${safe(row.label)}${time === '' ? '' : ` (${time})`} [${statusText(row.status)}]`;
  });
}

function savedAt(row: Listed): string {
  return row.saved?.savedAt ?? '';
}

/** Local time; of another day with the date. */
function clock(iso: string, now: number): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  const two = (n: number) => String(n).padStart(2, '0');
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  if (at.toDateString() === new Date(now).toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

export function statusText(status: ListStatus): string {
  return status === 'newer-format' ? 'newer format' : status;
}

/** How long it has run; for what is only saved, or ended when nobody saw it, how long ago something was known of it. */
function durationText(row: Listed, now: number): string {
  const ms = runTime(row, now);
  if (ms !== null) return duration(ms);
  if (row.kind === null) return savedText(row, now);
  const known = [row.lastAccessedAt ?? '', row.saved?.savedAt ?? ''].toSorted().at(-1)!;
  return known === '' ? '' : ago(known, now);
}

function savedText(row: Listed, now: number): string {
  return row.saved?.savedAt == null ? '' : ago(row.saved.savedAt, now);
}

/** What can't be read has no command. There stands what other commands take for it. */
function commandText(row: Listed): string {
  const unread = row.error !== null || row.status === 'foreign';
  return unread ? `(${safe(row.saved!.snapshot)})` : safe(row.command ?? '');
}

function branchText(row: Listed): string {
  const head = row.saved?.head ?? null;
  return row.branch === null ? (head === null ? '' : `(${head.slice(0, 7)})`) : safe(row.branch);
}

function sizeText({ windows, panes }: Listed): string {
  return windows === null ? '' : panes === null ? String(windows) : `${windows}/${panes}`;
}

function messageText(row: Listed): string {
  return safe((row.saved?.message ?? '').trim().split('\n')[0] ?? '');
}

function reasonText({ reason, exitCode, error }: Listed): string {
  if (error !== null) return safe(error.message);
  return safe(reason ?? '') || (exitCode === null || exitCode === 0 ? '' : `exit code ${exitCode}`);
}

/** The names of the first eleven are those that gwq's users know (requirement S13). */
export function rowJson(row: Listed) {
  const { saved } = row;
  return {
    ...{ id: row.id, session_name: row.sessionName, context: row.context, identifier: row.identifier },
    ...{ working_dir: row.workingDir, command: row.command, pid: row.pid, start_time: row.startedAt },
    ...{ history_size: row.historySize, status: row.status, metadata: row.metadata },
    ...{ exit_code: row.exitCode, reason: row.reason, end_time: row.endedAt, created_at: row.createdAt },
    ...{ last_accessed_at: row.lastAccessedAt, last_attached_at: row.lastAttachedAt },
    ...{
      name: row.name,
      snapshot: saved?.snapshot ?? null,
      ref: saved?.ref ?? null,
      oid: saved?.oid ?? null,
    },
    ...{ remote: saved?.remote ?? null, context_commit: saved?.contextCommit ?? null },
    ...{ saved_at: saved?.savedAt ?? null, saved_by: saved?.savedBy ?? null, host: saved?.host ?? null },
    ...{ branch: row.branch, head: saved?.head ?? null, crqs: row.crqs, message: saved?.message ?? null },
    ...{ windows: row.windows, panes: row.panes, snapshots: saved?.snapshots ?? 0 },
    ...{ attached_clients: row.attachedClients, current: row.current, kind: row.kind, argv: row.argv },
    ...{ worktree: row.worktree, agent: row.agents },
    config: {
      ...{ name: row.name, working_dir: row.workingDir, ai: row.ai },
      ...(row.config === undefined ? {} : configJson(row.config)),
    },
    ...(row.error === null ? {} : { error: row.error.toJSON().error }),
  };
}

/** What `--csv` prints for each session, and in which order. The values are exact: nothing is escaped or cut. */
const CSV: readonly (readonly [
  string,
  (row: Listed, now: number) => string | number | boolean | null | undefined,
])[] = [
  ['id', (row) => row.id],
  ['context', (row) => row.context],
  ['identifier', (row) => row.identifier],
  ['status', (row) => row.status],
  ['duration_seconds', (row, now) => seconds(runTime(row, now))],
  ['command', (row) => row.command],
  ['name', (row) => row.name],
  ['session_name', (row) => row.sessionName],
  ['kind', (row) => row.kind],
  ['exit_code', (row) => row.exitCode],
  ['reason', (row) => row.reason],
  ['working_dir', (row) => row.workingDir],
  ['pid', (row) => row.pid],
  ['start_time', (row) => row.startedAt],
  ['end_time', (row) => row.endedAt],
  ['attached_clients', (row) => row.attachedClients],
  ['current', (row) => row.current],
  ['agent', (row) => row.agents.join(' ')],
  ['branch', (row) => row.branch],
  ['windows', (row) => row.windows],
  ['panes', (row) => row.panes],
  ['remote', (row) => row.saved?.remote],
  ['snapshot', (row) => row.saved?.snapshot],
  ['saved_at', (row) => row.saved?.savedAt],
  ['head', (row) => row.saved?.head],
  ['crqs', (row) => row.crqs.map((c) => c.id).join(' ')],
  ['message', (row) => row.saved?.message],
];

export function csvRecords(rows: readonly Listed[], now: number): string[][] {
  return [
    CSV.map(([name]) => name),
    ...rows.map((row) => CSV.map(([, value]) => String(value(row, now) ?? ''))),
  ];
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.floor(ms / 1000);
}
