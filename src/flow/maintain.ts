import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Repository } from '../git/repository.ts';
import { QUARANTINE_NAME } from '../git/quarantine.ts';
import { gitEnvironment } from '../git/git.ts';
import { processStartTime } from '../process/identity.ts';

/** Packs after which git is asked to tidy up: its own default (gc.autoPackLimit). */
const PACK_LIMIT = 50;

/**
 * Each save leaves one small pack, and a killed one may leave a quarantine or a `.keep`. The first is
 * handed to git's own maintenance, in the background; the others go once their process is dead.
 */
export function maintain(repo: Repository): void {
  const objects = path.join(repo.commonDir, 'objects');
  removeDead(objects, QUARANTINE_NAME);
  const packs = list(path.join(objects, 'pack'));
  for (const file of packs.filter((f) => f.endsWith('.keep')))
    removeDeadKeep(path.join(objects, 'pack', file));
  if (packs.filter((f) => f.endsWith('.pack')).length <= PACK_LIMIT) return;
  const child = spawn('git', ['--git-dir', repo.gitDir, 'maintenance', 'run', '--auto', '--quiet'], {
    detached: true,
    stdio: 'ignore',
    env: gitEnvironment(),
  });
  child.on('error', () => undefined); // tidying up later is as good
  child.unref();
}

function removeDead(dir: string, pattern: RegExp): void {
  for (const entry of list(dir)) {
    const pid = pattern.exec(entry)?.[1];
    if (pid !== undefined && processStartTime(Number(pid)) === null) {
      rmSync(path.join(dir, entry), { recursive: true, force: true });
    }
  }
}

function removeDeadKeep(file: string): void {
  try {
    const pid = /^git-session (\d+)/u.exec(readFileSync(file, 'utf8'))?.[1];
    if (pid !== undefined && processStartTime(Number(pid)) === null) rmSync(file, { force: true });
  } catch {
    // removed by its owner meanwhile
  }
}

function list(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
