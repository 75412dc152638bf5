import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import type { WriterOptions } from './journal-main.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Writes the program of journal-main.ts to a folder, and gives its path. */
export async function journalWriter(folder: string): Promise<string> {
  const result = await build({
    ...{ absWorkingDir: root, entryPoints: ['test/support/journal-main.ts'], bundle: true, write: false },
    ...{ platform: 'node', target: 'node20', format: 'esm' },
  });
  const file = path.join(folder, 'journal-main.mjs');
  writeFileSync(file, result.outputFiles[0]!.contents);
  return file;
}

export function writerArguments(program: string, options: WriterOptions): string[] {
  return [program, JSON.stringify(options)];
}
