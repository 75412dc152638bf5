import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { SessionRecord } from '../session/live.ts';
import { setting, type SettingSource } from '../session/settings.ts';
import { displayText, toText } from '../session/text.ts';
import { writeWhole } from '../store/records.ts';
import { HAS_DEAD_LINE } from '../tmux/dead-pane.ts';
import { quote } from '../tmux/syntax.ts';
import type { Tmux } from '../tmux/tmux.ts';
import type { PaneRow } from '../tmux/windows.ts';
import { historyFile } from './history-save.ts';
import type { LiveView } from './live.ts';
import type { Workspace } from './workspace.ts';

/** Lines that tmux is asked for at a time: the text of many large histories is not held at once. */
const LINES_AT_ONCE = 500_000;

/**
 * Saves the text of the sessions' panes, before they end. What a run has saved by itself at its end is left alone.
 * Gives warnings: a history that can't be saved keeps nobody from ending a session.
 */
export async function saveHistories(
  ws: Workspace,
  views: readonly LiveView[],
  panes: readonly PaneRow[],
): Promise<string[]> {
  if (!setting(ws.config, 'historyAutoSave', process.env)) return [];
  const wanted = views.flatMap(({ stored, job, tmuxId }) => {
    if (stored === null) return [];
    if (job?.state === 'exited' && savedHistory(ws.config, stored.record) !== null) return [];
    const file = historyFile(ws.config, stored.record);
    return [{ file, panes: panes.filter((p) => p.sessionId === tmuxId) }];
  });
  const warnings: string[] = [];
  for (const batch of batches(wanted)) {
    const texts = await capture(
      ws.tmux,
      batch.flatMap((w) => w.panes),
    );
    for (const { file, panes } of batch) {
      try {
        mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
        writeWhole(file, together(panes, texts));
      } catch (error) {
        warnings.push(`the history is not saved: ${(error as Error).message}`);
      }
    }
  }
  return warnings;
}

function batches<T extends { panes: readonly PaneRow[] }>(wanted: readonly T[]): T[][] {
  const found: T[][] = [];
  let lines = Infinity;
  for (const one of wanted) {
    const own = one.panes.reduce((sum, p) => sum + p.historyLines + p.height, 0);
    if (lines + own > LINES_AT_ONCE) {
      found.push([]);
      lines = 0;
    }
    found.at(-1)!.push(one);
    lines += own;
  }
  return found;
}

/** The own text of each pane, by its id. One tmux call. */
async function capture(tmux: Tmux, panes: readonly PaneRow[]): Promise<Map<string, string>> {
  // A pane can show any line: nobody can guess this one.
  const marker = `P${randomBytes(12).toString('hex')} `;
  const script = panes.flatMap(({ id }) => [
    // tmux would expand a `%` as a time.
    `display-message -p -t ${quote(id)} ${quote(`${marker}${id.slice(1)} ${HAS_DEAD_LINE}`)}`,
    `capture-pane -p -J -S - -t ${quote(id)}`,
  ]);
  if (script.length === 0) return new Map();
  const { stdout } = await tmux.run(['source-file', '-'], `${script.join('\n')}\n`);
  // Byte by byte: a pane may show what is no UTF-8.
  const parts = stdout.toString('latin1').split(marker).slice(1);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf('\n');
      const [id, hasDeadLine] = part.slice(0, end).split(' ');
      return [`%${id}`, withoutEnd(part.slice(end + 1), hasDeadLine === '1')];
    }),
  );
}

/** One pane as it is; several each under a line that says which. */
function together(panes: readonly PaneRow[], texts: Map<string, string>): Buffer {
  const parts = panes.map((pane) => {
    const text = texts.get(pane.id) ?? '';
    if (panes.length === 1) return text;
    const command = displayText(toText(pane.command)).replace(/[^\p{L}\p{N} ./_@+:=-]/gu, '_');
    const title = Buffer.from(`=== ${pane.windowIndex}.${pane.index} ${command} ===`).toString('latin1');
    return `${title}\n${text}`;
  });
  return Buffer.from(parts.join(panes.length === 1 ? '' : '\n'), 'latin1');
}

/** Without the empty rest of the screen, and tmux's own last line. */
function withoutEnd(text: string, hasDeadLine: boolean): string {
  const lines = text.trimEnd().split('\n');
  if (hasDeadLine && lines.at(-1)?.startsWith('Pane is dead') === true) lines.pop();
  const own = lines.join('\n').trimEnd();
  return own === '' ? '' : `${own}\n`;
}

/**
 * Where the history of an ended session is, null where none was saved. A run that was renamed while it ran has saved
 * it under its first name: the id tells.
 */
export function savedHistory(
  config: SettingSource,
  record: Pick<SessionRecord, 'id' | 'name'>,
): string | null {
  const file = historyFile(config, record);
  if (existsSync(file)) return file;
  const end = `-${record.id.slice(0, 8)}.txt`;
  const directory = path.dirname(file);
  try {
    const found = readdirSync(directory).find((name) => name.endsWith(end));
    return found === undefined ? null : path.join(directory, found);
  } catch {
    return null;
  }
}

/** The file follows the session to its new name. */
export function moveHistory(config: SettingSource, from: SessionRecord, to: SessionRecord): void {
  const file = savedHistory(config, from);
  if (file !== null) renameSync(file, historyFile(config, to));
}

/** Gives the file that is gone; null where there was none. */
export function removeHistory(config: SettingSource, record: SessionRecord): string | null {
  const file = savedHistory(config, record);
  if (file !== null) rmSync(file, { force: true });
  return file;
}
