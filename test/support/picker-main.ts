import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { canAsk, pick, type PickerItem, type PickerOptions } from '../../src/cli/picker.ts';

/**
 * The picker as a program of its own: `picker-main <file>`, the file as JSON with the items and the options. Prints
 * the answer as JSON on stdout, and the terminal's modes as the next program finds them: at its own end node puts them
 * back by itself. picker.test.ts bundles it.
 */
const { items, ...options } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as PickerOptions & {
  items: PickerItem[];
};
writeFileSync(`${process.argv[2]!}.pid`, String(process.pid));
if (!canAsk()) throw new Error('no terminal');
const picked = await pick(items, options);
const modes = execFileSync('stty', ['-a'], { stdio: ['inherit', 'pipe', 'inherit'], encoding: 'utf8' });
process.stdout.write(`${JSON.stringify({ ...picked, modes: modes.split(/[\s;]+/u) })}\n`);
process.exitCode = 'cancelled' in picked ? 130 : 0;
