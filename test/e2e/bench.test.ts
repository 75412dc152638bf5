import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const root = path.resolve(import.meta.dirname, '../..');

test(
  'the benchmark runs in its smoke form: nothing is lost, and every row has its figure',
  { timeout: 180_000 },
  async () => {
    const { stdout } = await run(process.execPath, ['bench/run.mjs', '--smoke', '--json'], { cwd: root });
    const { rows } = JSON.parse(stdout) as { rows: { what: string; ms?: number; mb?: number }[] };
    expect(rows.length).toBeGreaterThanOrEqual(13);
    for (const row of rows) expect(row.ms ?? row.mb, row.what).toBeGreaterThan(0);
  },
);
