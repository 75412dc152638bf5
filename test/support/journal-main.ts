import { writeSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Journal } from '../../src/store/journal.ts';

/**
 * A writer of a session's log as a program of its own: `journal-main <options as JSON>`. Appends `count` events, `each` of
 * them at a time, and prints the number of each when it was acknowledged; or its error. journal-writer.ts bundles it.
 */
export interface WriterOptions {
  directory: string;
  session: string;
  clone: string;
  tag: string;
  count: number;
  each: number;
  durable?: boolean;
  /** Characters that each command is made longer by. */
  padding?: number;
  /** Ends the process at once when all is acknowledged. */
  exit?: boolean;
}

const given = JSON.parse(process.argv[2]!) as WriterOptions;
const { directory, session, clone, tag, count, each, durable = false, padding = 0 } = given;
try {
  const journal = new Journal({
    directory,
    session,
    name: 'work',
    clone,
    durable,
    known: [],
    patienceMs: 120_000,
  });
  await journal.append((state) => (state.name === 'created' ? [{ type: 'started', data: {} }] : []));
  for (let n = 0; n < count; n += each) {
    const events = Array.from({ length: Math.min(each, count - n) }, (_, i) => ({
      type: 'command-executed' as const,
      data: { command: `${tag} ${n + i}${' '.repeat(padding)}`, success: true, exitCode: 0, durationMs: 1 },
    }));
    const records = await journal.append(events);
    writeSync(1, records.map((r) => `${r.sequence} ${tag} ${n + records.indexOf(r)}\n`).join(''));
    if (n % 3 === 0 && given.exit !== true) await nextTurn();
  }
  if (given.exit === true) process.exit();
} catch (error) {
  writeSync(1, `error ${(error as Error).name}: ${(error as Error).message}\n`);
}
