import { MAX_SCROLLBACK_BYTES } from '../session/schema.ts';
import { displayText, toText } from '../session/text.ts';
import { type AddedFile, addedFiles } from '../git/added-files.ts';
import type { Git } from '../git/git.ts';
import type { ObjectInfo } from '../git/objects.ts';
import { viewOf } from '../trust/redact.ts';
import { type Allowed, type Part, placedPart } from './parts.ts';

/** The commits that hold uncommitted work: of the worktree, its index, its untracked files. */
export interface WorkCommits {
  /** The worktree's commit. */
  work: string;
  /** All of them that are there. */
  commits: string[];
}

/** Bytes of a file that are looked at; what is longer is named. */
const MAX_FILE = MAX_SCROLLBACK_BYTES;
/** As git does it: what has a zero among so many bytes is no text. */
const BINARY_BYTES = 8000;

/** Files of uncommitted work, by the worktree's commit; null where git could not tell. */
export async function workFiles(
  git: Git,
  works: readonly WorkCommits[],
): Promise<Map<string, AddedFile[]> | null> {
  const files = await addedFiles(git, [...new Set(works.flatMap(({ commits }) => commits))]);
  if (files === null) return null;
  return new Map(
    works.map(({ work, commits }) => [work, files.filter(({ commit }) => commits.includes(commit))]),
  );
}

/** The ids of all contents that are needed to tell which lines are new. */
export function contentsOf(files: Iterable<AddedFile>): string[] {
  return [...new Set(Array.from(files, ({ oid, old }) => [oid, ...(old === null ? [] : [old])]).flat())];
}

export function fits(info: ObjectInfo): boolean {
  return info.type === 'blob' && info.size <= MAX_FILE;
}

/** The lines that a file of the uncommitted work adds; null for a binary one, a name for what is not looked at. */
export function workPart(
  { path, oid, old }: AddedFile,
  contents: ReadonlyMap<string, Buffer>,
  allow: Allowed,
): Part | string | null {
  const name = displayText(toText(path));
  const bytes = contents.get(oid);
  if (bytes === undefined) return `${name} of the uncommitted work`;
  if (bytes.subarray(0, BINARY_BYTES).includes(0)) return null;
  const view = viewOf(toText(bytes));
  const before = old === null ? undefined : contents.get(old);
  const known = new Set(before === undefined ? [] : viewOf(toText(before)).split('\n'));
  let lines: string[] | null = null;
  let starts: number[] = [];
  const place = (start: number, end: number) => {
    lines ??= view.split('\n');
    if (starts.length === 0) {
      let at = 0;
      starts = lines.map(({ length }) => {
        const start = at;
        at += length + 1;
        return start;
      });
    }
    for (let n = lineAt(starts, start); n < lines.length && starts[n]! <= end; n++) {
      if (!known.has(lines[n]!)) return `${name}:${n + 1} of the uncommitted work`;
    }
    return null;
  };
  return placedPart(view, place, allow);
}

/** The last line that begins at or before the offset. */
function lineAt(starts: readonly number[], offset: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (starts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}
