/**
 * The base of the bundle: of the whole history only the commits that snapshots were taken on, and how
 * they descend from each other.
 */
export interface HistoryCommit {
  oid: string;
  parents: readonly string[];
}

/** The nearest ancestors among `bases` of each of them. `history` has children before their parents. */
export function reduceHistory(
  history: readonly HistoryCommit[],
  bases: ReadonlySet<string>,
): Map<string, string[]> {
  // Along a line of commits all share one array.
  const near = new Map<string, string[]>();
  const reduced = new Map<string, string[]>();
  for (const { oid, parents } of history.toReversed()) {
    const lists = parents.map((p) => near.get(p) ?? []);
    const [first = [], ...others] = lists;
    const found = others.every((list) => list.every((o) => first.includes(o)))
      ? first
      : [...new Set(lists.flat())];
    if (bases.has(oid)) reduced.set(oid, found);
    near.set(oid, bases.has(oid) ? [oid] : found);
  }
  return reduced;
}

/** What stands to the left of a commit and of the lines about it. */
export interface LaneRow {
  oid: string;
  /** In front of the commit; its own lane has a `*`. */
  node: string;
  /** In front of every further line about it. */
  below: string;
  /** Lines of their own, behind it: where lanes part and join. */
  links: string[];
}

interface Glyphs {
  bar: string;
  dash: string;
  cross: string;
  /** The line goes on, and one branches off to the right or left. */
  toRight: string;
  toLeft: string;
  /** A lane begins right or left of the other, or ends toward the left or right. */
  beginRight: string;
  beginLeft: string;
  endLeft: string;
  endRight: string;
}

const GLYPHS: Glyphs = {
  ...{ bar: '│', dash: '─', cross: '┼', toRight: '├', toLeft: '┤' },
  ...{ beginRight: '╮', beginLeft: '╭', endLeft: '╯', endRight: '╰' },
};
const ASCII: Glyphs = {
  ...{ bar: '|', dash: '-', cross: '+', toRight: '+', toLeft: '+' },
  ...{ beginRight: '.', beginLeft: '.', endLeft: "'", endRight: '`' },
};

/** Draws the commits' descent, as `git log --graph` does: children before their parents, one lane per line. */
export function drawLanes(commits: readonly HistoryCommit[], ascii = false): LaneRow[] {
  const glyphs = ascii ? ASCII : GLYPHS;
  /** The commit that each lane leads to. */
  const lanes: (string | null)[] = [];
  const free = () => {
    const at = lanes.indexOf(null);
    return at < 0 ? lanes.length : at;
  };
  const known = new Set(commits.map((c) => c.oid));
  return commits.map(({ oid, parents: all }) => {
    const parents = all.filter((p) => known.has(p) && p !== oid);
    const waiting = lanes.indexOf(oid);
    const column = waiting < 0 ? free() : waiting;
    lanes[column] = oid;
    const node = prefix(lanes, (i) => (i === column ? '*' : glyphs.bar));
    const links: string[] = [];
    const [first, ...others] = parents;
    const below = prefix(lanes, (i) => (i === column && first === undefined ? ' ' : glyphs.bar));
    for (const parent of others) {
      const at = lanes.indexOf(parent);
      const to = at < 0 ? free() : at;
      links.push(link(lanes, column, to, at < 0 ? 'begin' : 'join', glyphs));
      lanes[to] = parent;
    }
    const joined = first === undefined ? -1 : lanes.indexOf(first);
    if (joined >= 0) links.push(link(lanes, column, joined, 'end', glyphs));
    lanes[column] = joined >= 0 || first === undefined ? null : first;
    while (lanes.length > 0 && lanes.at(-1) === null) lanes.pop();
    return { oid, node, below, links };
  });
}

function prefix(lanes: readonly (string | null)[], glyph: (lane: number) => string): string {
  return lanes.map((lane, i) => (lane === null ? ' ' : glyph(i))).join(' ');
}

/** A line from the lane of a commit to another one, across those between them. */
function link(
  lanes: readonly (string | null)[],
  from: number,
  to: number,
  how: 'begin' | 'join' | 'end',
  g: Glyphs,
): string {
  const [left, right] = [Math.min(from, to), Math.max(from, to)];
  const cells = Array.from({ length: Math.max(lanes.length, right + 1) }, (_, i) => {
    const active = lanes[i] != null;
    if (i < left || i > right) return active ? g.bar : ' ';
    if (i > left && i < right) return active ? g.cross : g.dash;
    const faces = i === left ? g.toRight : g.toLeft;
    if (i === from) return how === 'end' ? (i === left ? g.endRight : g.endLeft) : faces;
    return how === 'begin' ? (i === left ? g.beginLeft : g.beginRight) : faces;
  });
  return cells
    .map((cell, i) => cell + (i >= left && i < right ? g.dash : ' '))
    .join('')
    .trimEnd();
}
