import path from 'node:path';
import { expect, it } from 'vitest';
import { person } from '../support/harness.ts';

interface Counts {
  runs: number;
  killed: number;
  acknowledged: number;
}

/** The short form of what `node test/faults/kill.mjs --runs 1000` does. */
it.each(['save', 'append'])(
  'F1, F2, V4: 10 times kill -9 at random moments of a %s: nothing is broken, half there or lost',
  async (only) => {
    const script = path.join(import.meta.dirname, 'kill.mjs');
    const args = [script, '--runs', '10', '--only', only, '--seed', String(Date.now() % 1e6)];
    const result = await person().run(process.execPath, args);
    const found = JSON.parse(result.stdout) as Record<string, Counts> & { problems: string[] };
    expect(found.problems, args.join(' ')).toEqual([]);
    expect(found[only]!.runs).toBe(10);
    expect(found[only]!.killed + found[only]!.acknowledged).toBeGreaterThanOrEqual(10);
    expect(result.code).toBe(0);
  },
  600_000,
);
