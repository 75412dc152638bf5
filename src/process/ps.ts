import { execFile, spawnSync } from 'node:child_process';
import type { ProcessInfo } from '../session/relaunch.ts';
import { toText, type Text } from '../session/text.ts';

/** Our columns, in the order we ask for them, and what each prints. `command` is always the last: it holds spaces. */
const PATTERNS = {
  pid: String.raw`\d+`,
  ppid: String.raw`\d+`,
  pgid: String.raw`-?\d+`,
  tpgid: String.raw`-?\d+`,
  tty: String.raw`\S+`,
  stat: String.raw`\S+`,
  lstart: String.raw`\w{3}\s+\w{3}\s+\d{1,2}\s+\d\d:\d\d:\d\d\s+\d{4}`,
  command: '.*',
};
type Column = keyof typeof PATTERNS;
const COLUMNS = Object.keys(PATTERNS) as Column[];
/**
 * One `-o` each: in BSD's ps everything after `=` up to the end of the argument is the column's title. `-ww` for
 * whole commands: without a terminal macOS cuts at 79 columns.
 */
const ARGUMENTS = ['-axww', ...COLUMNS.flatMap((column) => ['-o', `${column}=`])];
/** UTF-8 for the commands, C for the dates that `lstart` prints. */
const ENVIRONMENT = {
  PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
  LC_CTYPE: process.platform === 'darwin' ? 'UTF-8' : 'C.UTF-8',
  LC_TIME: 'C',
};
const MAX_OUTPUT = 64 * 1024 * 1024;
const TIMEOUT_MS = 10_000;

/**
 * Parses what `ps` prints for the columns it was asked for, in their order; a column left out is NaN or empty. The
 * command column joins arguments with spaces, so an argument vector of more than one word is marked inexact. Lines
 * of another form are skipped (a command's newline starts one).
 */
export function parsePs(output: Buffer, columns: readonly Column[] = COLUMNS): ProcessInfo[] {
  const row = rowOf(columns);
  return splitLines(output).flatMap((line) => {
    const match = row.exec(line.toString('latin1'));
    if (!match) return [];
    const { pid, ppid, pgid, tpgid, tty = '', stat = '', lstart = '', command = '' } = match.groups ?? {};
    const state = stat.slice(0, 1);
    const argv = splitCommand(command, state === 'Z');
    return [
      {
        pid: Number(pid),
        ppid: Number(ppid),
        pgrp: Number(pgid),
        tpgid: Number(tpgid),
        tty,
        state,
        argv,
        argvExact: argv.length === 1 && state !== 'Z' && !/^[([]/u.test(command),
        startTime: Math.floor(Date.parse(lstart) / 1000),
      },
    ];
  });
}

/** The trees under the given pids, each from its root down, with an orphaned foreground leader added. */
export function treesOf(
  all: readonly ProcessInfo[],
  panePids: readonly number[],
): Map<number, ProcessInfo[]> {
  const byPid = new Map(all.map((p) => [p.pid, p]));
  const byParent = groupByParent(all);
  return new Map(panePids.map((pid) => [pid, treeOf(pid, byPid, byParent)]));
}

/** All processes; throws where `ps` can't be run. */
export function listProcesses(): ProcessInfo[] {
  const ps = spawnSync('ps', ARGUMENTS, { env: ENVIRONMENT, maxBuffer: MAX_OUTPUT, timeout: TIMEOUT_MS });
  if (ps.error) throw ps.error;
  return parsePs(ps.stdout);
}

/** As `listProcesses`, without blocking. */
export async function listProcessesAsync(): Promise<ProcessInfo[]> {
  return new Promise((resolve, reject) => {
    execFile(
      'ps',
      ARGUMENTS,
      { env: ENVIRONMENT, maxBuffer: MAX_OUTPUT, timeout: TIMEOUT_MS, encoding: 'buffer' },
      (error, stdout) => {
        if (error) reject(error);
        else resolve(parsePs(stdout));
      },
    );
  });
}

function rowOf(columns: readonly Column[]): RegExp {
  const words = columns.filter((column) => column !== 'command');
  const start = words.map((column) => `(?<${column}>${PATTERNS[column]})`).join(String.raw`\s+`);
  const end = columns.includes('command')
    ? String.raw`(?:\s+(?<command>${PATTERNS.command}))?`
    : String.raw`\s*`;
  return new RegExp(String.raw`^\s*${start}${end}$`, 'su');
}

function treeOf(
  root: number,
  byPid: ReadonlyMap<number, ProcessInfo>,
  byParent: ReadonlyMap<number, readonly ProcessInfo[]>,
): ProcessInfo[] {
  const first = byPid.get(root);
  if (!first) return [];
  const tree = new Set([first]);
  // The set grows while it is walked; a process is visited once, so a loop of parents ends.
  for (const p of tree) for (const child of byParent.get(p.pid) ?? []) tree.add(child);
  const leader = byPid.get(first.tpgid);
  if (leader?.pgrp === first.tpgid) tree.add(leader);
  return [...tree];
}

function groupByParent(all: readonly ProcessInfo[]): Map<number, ProcessInfo[]> {
  const byParent = new Map<number, ProcessInfo[]>();
  for (const p of all) {
    const siblings = byParent.get(p.ppid);
    if (siblings) siblings.push(p);
    else byParent.set(p.ppid, [p]);
  }
  return byParent;
}

function splitCommand(latin1: string, zombie: boolean): Text[] {
  const text = (word: string): Text => toText(Buffer.from(word, 'latin1'));
  const trimmed = latin1.trimEnd();
  if (zombie || trimmed === '') return [text(trimmed)];
  return trimmed.split(/ +/u).map(text);
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < bytes.length;) {
    const end = bytes.indexOf(10, from);
    const to = end < 0 ? bytes.length : end;
    lines.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return lines;
}
