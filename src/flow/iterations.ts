import { existsSync } from 'node:fs';
import { FileProblemError, InvalidTransitionError } from '../session/errors.ts';
import type { AppliedRecord } from '../session/event-log.ts';
import type { EventData, IterationChanges, SessionEvent } from '../session/lifecycle.ts';
import { displayText, fromText, toText } from '../session/text.ts';
import { type Changes, changesSince, standingOf } from '../git/changes.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { requireIteration } from './iteration-limit.ts';
import { change, type Change, openToWrite } from './lifecycle.ts';
import { appliedOf, progressOfLog, type SessionLog } from './session-log.ts';

export interface IterationChange extends Change {
  number: number;
  /** Null at its start. */
  changes: IterationChanges | null;
}

export async function startIteration(word: string | null): Promise<IterationChange> {
  const log = await openToWrite(word);
  const { head, base } = await standingOf(await worktreeOf(log));
  let number = 0;
  const changed = await change(log, () => {
    const open = openIteration(log);
    // Where the state takes no iteration at all, it says so.
    if (open !== null && log.journal.state.name === 'running') throw goesOn(log, open.number);
    number = Math.max(0, ...progressOfLog(log).iterations.map((i) => i.number)) + 1;
    requireIteration(log, number);
    return [{ type: 'iteration-started', data: { number, head, ...(base === null ? {} : { base }) } }];
  });
  return { ...changed, number, changes: null };
}

export async function endIteration(word: string | null): Promise<IterationChange> {
  const log = await openToWrite(word);
  const open = openIteration(log);
  if (open === null) {
    // In a final state, or before the start, that is the reason.
    if (log.journal.state.name !== 'running') await change(log, () => [emptyEnd()]);
    throw none(log);
  }
  const { number, head = null, base = null, record } = open;
  requireIteration(log, number);
  const found = await changesSince(await worktreeOf(log), { head, base }, Date.parse(record.at));
  const warnings: string[] = [];
  if (found.lost) warnings.push(`commit ${head} is gone: only what is not committed was counted`);
  let changes = bounded(found, []);
  const changed = await change(log, () => {
    const now = openIteration(log);
    if (now?.record.clock !== record.clock && log.journal.state.name === 'running') throw none(log);
    changes = bounded(found, commandsSince(log, record));
    return [{ type: 'iteration-completed', data: { number, changes } }];
  });
  if (changes.filesModified.length < found.files.length) {
    warnings.push(`${found.files.length} files were changed, too many for the log: it has the first of them`);
  }
  return { ...changed, warnings: [...warnings, ...changed.warnings], number, changes };
}

type Open = EventData['iteration-started'] & { record: AppliedRecord };

/** The iteration that was started and not ended. */
function openIteration(log: SessionLog): Open | null {
  let open: Open | null = null;
  for (const record of appliedOf(log)) {
    if (!record.applied) continue;
    if (record.event.type === 'iteration-started') open = { ...record.event.data, record };
    else if (record.event.type === 'iteration-completed' && record.event.data.number === open?.number)
      open = null;
  }
  return open;
}

function commandsSince(log: SessionLog, start: AppliedRecord): string[] {
  const all = appliedOf(log);
  const from = all.findIndex((r) => r.clone === start.clone && r.sequence === start.sequence);
  return all
    .slice(from + 1)
    .flatMap(({ event, applied }) =>
      applied && event.type === 'command-executed' ? [event.data.command] : [],
    );
}

/** The worktree that the session works in, whichever the command is typed in. */
async function worktreeOf({ ws, name, view }: SessionLog): Promise<Repository> {
  const place = view?.stored?.record.worktree ?? null;
  if (place === null) return ws.repo;
  const directory = fromText(place).toString('utf8');
  if (existsSync(directory)) return openRepository(directory, false);
  throw new FileProblemError(`the worktree of '${name}' is gone: ${directory}`);
}

/** Bytes of one list. A record of the log has an end, and so have a list's entries and what one of them is. */
const LIST_BYTES = 128 * 1024;
const LIST_ENTRIES = 10_000;
const ENTRY = 4096;

function bounded(found: Changes, commands: readonly string[]): IterationChanges {
  return {
    filesModified: limited(found.files.map((file) => shownPath(file)).toSorted()),
    linesAdded: found.linesAdded,
    linesRemoved: found.linesRemoved,
    commandsRun: limited(commands),
    gitCommits: limited(found.commits),
  };
}

function limited(lines: readonly string[]): string[] {
  let bytes = 0;
  return lines
    .slice(0, LIST_ENTRIES)
    .filter((line) => line.length <= ENTRY && (bytes += Buffer.byteLength(line)) <= LIST_BYTES);
}

/** Bytes that are not UTF-8 are escaped, as git does it. */
function shownPath(file: Buffer): string {
  const text = toText(file);
  if (typeof text === 'string') return displayText(text);
  return Array.from(file, (byte) =>
    byte < 128 ? String.fromCodePoint(byte) : `\\${byte.toString(8).padStart(3, '0')}`,
  ).join('');
}

/** For its refusal only. */
function emptyEnd(): SessionEvent {
  const changes = { filesModified: [], linesAdded: 0, linesRemoved: 0, commandsRun: [], gitCommits: [] };
  return { type: 'iteration-completed', data: { number: 0, changes } };
}

function goesOn(log: SessionLog, number: number): InvalidTransitionError {
  return new InvalidTransitionError(
    `iteration ${number} of '${log.name}' goes on`,
    [`end it: git session iterate end ${log.name}`],
    { state: log.journal.state.name, event: 'iteration-started' },
  );
}

function none(log: SessionLog): InvalidTransitionError {
  return new InvalidTransitionError(
    `no iteration of '${log.name}' goes on`,
    [`start one: git session iterate start ${log.name}`],
    { state: log.journal.state.name, event: 'iteration-completed' },
  );
}
