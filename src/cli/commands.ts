import type { CommandClass } from 'clipanion';

export interface CommandEntry {
  /** The command's own name, where this entry is another word for it. */
  name?: string;
  /** Group in the overview; absent for other words. */
  group?: 'work' | 'look' | 'share' | 'crq' | 'other';
  summary?: string;
  /** Only the command that is asked for is loaded: the others' start-up is not paid for. */
  load: () => Promise<CommandClass>;
}

const save = async () => (await import('./save.ts')).SaveCommand;
const restore = async () => (await import('./restore.ts')).RestoreCommand;

export const COMMANDS: Record<string, CommandEntry> = {
  save: { group: 'work', summary: 'Save a tmux session with its commit and uncommitted work', load: save },
  restore: { group: 'work', summary: 'Bring a saved session back', load: restore },
};

/** The command that was most likely meant; null where none is near. */
export function nearest(word: string): string | null {
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const name of Object.keys(COMMANDS)) {
    const d = name.startsWith(word) && word.length > 1 ? 0 : distance(word, name);
    if (d < bestDistance) [best, bestDistance] = [name, d];
  }
  return best;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost));
    }
    row = next;
  }
  return row[b.length]!;
}
