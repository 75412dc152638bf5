import { createInterface } from 'node:readline';
import { menuAnswer, type PickedRows } from '../session/picker.ts';
import { ask, questionStream } from './output.ts';

/** More are not listed: the person types a part of the name. */
const LISTED = 50;

/** A numbered menu, for a terminal that can do nothing but print lines. It stays in line mode throughout. */
export function pickFromMenu(
  labels: readonly string[],
  options: { prompt: string; multiple: boolean },
): Promise<PickedRows> {
  const which = options.multiple ? 'numbers (1 3-5)' : 'a number';
  const question = `${options.prompt} ${which} or part of a name (nothing leaves): `;
  const lines = createInterface({ input: process.stdin, output: questionStream(), terminal: false });
  let rows = labels.map((_, i) => i);
  let picked: PickedRows = { cancelled: 'escape' };
  const list = () => {
    const width = String(Math.min(rows.length, LISTED)).length;
    const shown = rows
      .slice(0, LISTED)
      .map((row, i) => `${String(i + 1).padStart(width)}) ${labels[row]!}\n`);
    if (rows.length > LISTED) shown.push(`... and ${rows.length - LISTED} more\n`);
    ask(`${shown.join('')}${question}`);
  };
  return new Promise((resolve) => {
    const interrupt = () => {
      picked = { cancelled: 'interrupt' };
      lines.close();
    };
    process.on('SIGINT', interrupt);
    lines.on('close', () => {
      process.off('SIGINT', interrupt);
      // After Ctrl-C or Ctrl-D the cursor is behind the question.
      if ('cancelled' in picked) ask('\n');
      resolve(picked);
    });
    lines.on('line', (answer) => {
      const next = menuAnswer(labels, rows, answer, options.multiple);
      if ('picked' in next) {
        picked = next.picked;
        lines.close();
        return;
      }
      if (next.rows.length === 0) ask('nothing matches\n');
      else rows = next.rows;
      list();
    });
    list();
  });
}
