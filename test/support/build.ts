import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const built = [
  'dist/launch.cjs',
  'dist/cli.cjs',
  'dist/detectors.cjs',
  'dist/index.mjs',
  'dist/snapshot.schema.json',
];
const sources = ['src', 'scripts/build.mjs', 'package.json'];

/** The e2e tests run the built program: builds it, once per run, where the sources are newer. */
export default function setup(): void {
  const newest = Math.max(...sources.flatMap((file) => files(file)).map((file) => changed(file)));
  const oldest = Math.min(...built.map((file) => changed(file)));
  if (oldest >= newest) return;
  execFileSync(process.execPath, ['scripts/build.mjs', '--fast'], { cwd: root, stdio: 'inherit' });
}

function files(file: string): string[] {
  if (!statSync(path.join(root, file)).isDirectory()) return [file];
  const entries = readdirSync(path.join(root, file), { withFileTypes: true, recursive: true });
  // A folder counts too: its time tells of a file that was removed.
  return [file, ...entries.map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)))];
}

/** When the file was written last; a file that is not there is older than all. */
function changed(file: string): number {
  return statSync(path.join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
