import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { commandOf, programKey, startedProgram } from '../session/pane-command.ts';
import type { DirectoryFact } from '../session/plan.ts';
import { fromSnapshotPath, type Places, staysBelow } from '../session/paths.ts';
import type { Snapshot } from '../session/schema.ts';
import { displayText, fromText } from '../session/text.ts';
import type { Repository } from '../git/repository.ts';
import { tmuxEnvironment } from '../tmux/tmux.ts';

/**
 * What is at each directory that a pane wants. A path of the repository must stay in it also when its
 * symbolic links are followed: the tree, and so its links, may be someone else's (attack C16).
 */
export async function directoryFacts(
  repo: Repository,
  snapshot: Snapshot,
  places: Places,
  checkoutAhead: boolean,
): Promise<Map<string, DirectoryFact>> {
  const facts = new Map<string, DirectoryFact>();
  const coming = checkoutAhead ? await directoriesOf(repo, snapshot) : new Set<string>();
  for (const pane of snapshot.tmux.windows.flatMap((w) => w.panes)) {
    const wanted = fromSnapshotPath(pane.cwd, places);
    if (wanted === null) continue;
    const key = wanted.toString('latin1');
    if (facts.has(key)) continue;
    const relative = fromText(pane.cwd.path);
    if (pane.cwd.in === 'repo' && coming.has(relative.toString('latin1'))) facts.set(key, { state: 'ok' });
    else
      facts.set(
        key,
        directoryFact(wanted, pane.cwd.in === 'root' ? null : relative, placeOf(pane.cwd.in, places)),
      );
  }
  return facts;
}

function placeOf(where: Snapshot['tmux']['windows'][0]['panes'][0]['cwd']['in'], places: Places): Buffer {
  return (where === 'repo' ? places.repo : where === 'home' ? places.home : null) ?? Buffer.from('/');
}

function directoryFact(wanted: Buffer, relative: Buffer | null, base: Buffer): DirectoryFact {
  if (relative !== null && !staysBelow(relative)) return { state: 'outside', nearest: base };
  const real = realDirectory(wanted);
  if (real === null) return { state: 'missing', nearest: nearestParent(wanted, base, relative !== null) };
  if (relative !== null && !isBelow(real, base)) return { state: 'outside', nearest: base };
  return { state: 'ok' };
}

function realDirectory(directory: Buffer): Buffer | null {
  try {
    if (!statSync(directory).isDirectory()) return null;
    accessSync(directory, constants.X_OK);
    return realpathSync.native(directory, { encoding: 'buffer' });
  } catch {
    return null;
  }
}

/** The nearest directory above that exists, and for a relative path still below its base. */
function nearestParent(wanted: Buffer, base: Buffer, bounded: boolean): Buffer {
  for (let at = wanted.lastIndexOf(0x2f); at > 0; at = wanted.lastIndexOf(0x2f, at - 1)) {
    const parent = wanted.subarray(0, at);
    const real = realDirectory(parent);
    if (real !== null && (!bounded || isBelow(real, base))) return parent;
  }
  return realDirectory(base) ?? Buffer.from('/');
}

function isBelow(real: Buffer, base: Buffer): boolean {
  if (real.equals(base)) return true;
  const root = base.at(-1) === 0x2f ? base : Buffer.concat([base, Buffer.from('/')]);
  return real.subarray(0, root.length).equals(root);
}

/** Directories of the saved trees, which a checkout is about to make. '' is the root. */
async function directoriesOf(repo: Repository, snapshot: Snapshot): Promise<Set<string>> {
  const { head, work } = snapshot.git;
  const found = new Set(['']);
  for (const tree of [work ?? head, work === null ? null : `${work}^3`]) {
    if (tree === null) continue;
    const out = await repo.git.run(['ls-tree', '-r', '-d', '-z', '--name-only', tree]);
    if (out.code !== 0) continue;
    for (const name of out.stdout.toString('latin1').split('\0')) if (name !== '') found.add(name);
  }
  return found;
}

/**
 * Commands that this machine does not have, as the user's own PATH says: `<window>.<pane>` and the
 * program's name, because a relative one is looked for in its pane's directory.
 */
export function findMissingPrograms(snapshot: Snapshot, places: Places): Set<string> {
  const missing = new Set<string>();
  const search = (tmuxEnvironment()['PATH'] ?? '').split(':').filter((d) => d !== '');
  for (const w of snapshot.tmux.windows) {
    for (const pane of w.panes) {
      const { start, steps } = commandOf(pane);
      const cwd = fromSnapshotPath(pane.cwd, places)?.toString('utf8') ?? '/';
      const started = startedProgram(start);
      for (const word of [...(started === undefined ? [] : [started]), ...steps.map((step) => step[0]!)]) {
        const name = displayText(word);
        if (!isProgram(name.replace(/^-/u, ''), cwd, search))
          missing.add(programKey(w.index, pane.index, name));
      }
    }
  }
  return missing;
}

function isProgram(name: string, cwd: string, search: string[]): boolean {
  if (name === '' || name.includes('\0')) return false;
  const places = name.includes('/') ? [path.resolve(cwd, name)] : search.map((d) => path.join(d, name));
  return places.some((file) => {
    try {
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}
