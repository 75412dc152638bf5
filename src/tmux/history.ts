import { randomBytes } from 'node:crypto';
import { HAS_DEAD_LINE } from './dead-pane.ts';
import { quote } from './syntax.ts';
import type { Tmux } from './tmux.ts';

/**
 * The text of panes, by their ids: history and screen, lines joined where they were wrapped, with `color` also SGR. Under
 * a full-screen program there are history, the screen that it hides, and its picture. A pane that is gone is left out.
 * One tmux call.
 */
export async function readPaneTexts(
  tmux: Tmux,
  paneIds: readonly string[],
  { color }: { color: boolean },
): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  if (paneIds.length === 0) return found;
  // A pane can show any line: nobody can guess this one.
  const marker = `H${randomBytes(12).toString('hex')} `;
  const between = marker.replace('H', 'A');
  const script = paneIds.flatMap((id) => {
    const capture = `capture-pane -p -J${color ? ' -e' : ''} -t ${id}`;
    const when = (condition: string, command: string) =>
      `if-shell -F -t ${id} ${quote(condition)} ${quote(command)}`;
    return [
      `display-message -p -t ${id} ${quote(`${marker}#{pane_id} ${HAS_DEAD_LINE}`)}`,
      when('#{&&:#{alternate_on},#{history_size}}', `${capture} -S - -E -1`),
      when('#{alternate_on}', `${capture} -a -q ; display-message -p ${quote(between)}`),
      // The picture, or all there is.
      `if-shell -F -t ${id} ${quote('#{alternate_on}')} ${quote(capture)} ${quote(`${capture} -S -`)}`,
    ];
  });
  const { stdout } = await tmux.run(['source-file', '-'], `${script.join('\n')}\n`);
  // Byte by byte: a pane may show what is no UTF-8.
  for (const part of stdout.toString('latin1').split(marker).slice(1)) {
    const end = part.indexOf('\n');
    const [, id, hasDeadLine] = /^(%\d+) ([01])$/u.exec(part.slice(0, end)) ?? [];
    if (id === undefined) continue;
    const pieces = part.slice(end + 1).split(`${between}\n`);
    const texts = pieces.map((piece) => withoutEnd(piece, hasDeadLine === '1'));
    found.set(id, Buffer.from(texts.join(''), 'latin1'));
  }
  return found;
}

/** Without the empty rest of the screen, and tmux's own last line. */
function withoutEnd(text: string, hasDeadLine: boolean): string {
  const lines = text.split('\n');
  dropEmpty(lines);
  if (hasDeadLine && /^(?:\u001B\[[0-9;:]*m)*Pane is dead/u.test(lines.at(-1) ?? '')) lines.pop();
  dropEmpty(lines);
  return lines.map((line) => `${line}\n`).join('');
}

function dropEmpty(lines: string[]): void {
  while (lines.length > 0 && /^[ \t]*$/u.test(lines.at(-1)!)) lines.pop();
}
