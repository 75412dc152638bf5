/**
 * The one of `names` that was most likely meant; null where none is near. As git's own: what begins so is meant, and so
 * is what a slip of the fingers away is. A pattern is no slip, and of two letters most names are near.
 */
export function nearestName(word: string, names: Iterable<string>): string | null {
  if (/[*?]/u.test(word)) return null;
  let best: string | null = null;
  // One slip in three letters, two in five.
  let bestDistance = Math.max(1, Math.floor((word.length + 1) / 3)) + 1;
  for (const name of names) {
    if (word.length < 3 && Math.abs(name.length - word.length) > 1) continue;
    const d = name.startsWith(word) && word.length > 2 ? 0 : distance(word, name);
    if (d < bestDistance && d < Math.max(word.length, name.length)) [best, bestDistance] = [name, d];
  }
  return best;
}

/** Letters that were changed, left out, put in, or typed in the wrong order. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const straight = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + cost);
      next.push(swapped ? Math.min(straight, before[j - 2]! + 1) : straight);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
