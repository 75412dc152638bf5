import { randomBytes } from 'node:crypto';
import { captureFailure } from './capture.ts';
import { HAS_DEAD_LINE } from './dead-pane.ts';
import { quote } from './syntax.ts';
import type { Tmux } from './tmux.ts';

export interface ScrollbackRequest {
  /** `%1` */
  paneId: string;
  alternate: boolean;
}

/**
 * The last `lines` lines of each pane's history with its screen: text and SGR (colors) only, lines
 * joined where they were wrapped. One tmux call for all panes. Where a full-screen program is on the
 * alternate screen, that is the shell's own history and screen, not the program's picture.
 */
export async function readScrollback(
  tmux: Tmux,
  requests: ScrollbackRequest[],
  lines: number,
): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  if (requests.length === 0) return found;
  const marker = `S${randomBytes(12).toString('hex')} `;
  const script = requests.flatMap(({ paneId, alternate }) => {
    const capture = `capture-pane -p -e -J -t ${quote(paneId)}`;
    const mark = `display-message -p -t ${quote(paneId)} ${quote(`${marker}#{pane_id} ${HAS_DEAD_LINE}`)}`;
    if (!alternate) return [mark, `${capture} -S -${lines}`];
    return [mark, `${capture} -S -${lines} -E -1`, `${capture} -a -q`];
  });
  const result = await tmux.run(['source-file', '-'], script.join('\n') + '\n');
  if (result.code !== 0) throw captureFailure(result.stderr);
  for (const part of result.stdout.toString('latin1').split(marker).slice(1)) {
    const end = part.indexOf('\n');
    const [pane = '', hasDeadLine] = part.slice(0, end).split(' ');
    let text = part.slice(end + 1).replace(/(?:[ \t]*\n)+$/u, '\n');
    if (hasDeadLine === '1') text = text.replace(/[^\n]*Pane is dead[^\n]*\n$/u, '');
    found.set(pane, Buffer.from(text === '\n' ? '' : text, 'latin1'));
  }
  return found;
}
