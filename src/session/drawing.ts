import { leaves, type LayoutCell } from './layout.ts';
import { clusters, cut, widthOf } from './width.ts';

/** What stands in a pane's cell. The texts are safe to print. */
export interface DrawnPane {
  /** Short: a small cell may have room for nothing else. */
  label: string;
  /** In the order in which they are shown; the last one is shown where there is room for one only. */
  lines: readonly string[];
}

export interface DrawingSize {
  columns: number;
  rows: number;
}

export interface Drawing {
  lines: string[];
  /** Positions in `panes` of those that are too small to be drawn, or to have their label in them. */
  hidden: number[];
}

interface Rect {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** A terminal's cells are about twice as high as they are wide, and a picture need not be as high as the window. */
const FLATTEN = 2.6;
const MIN_COLUMNS = 40;
const MIN_ROWS = 5;

/** Bits of the directions in which a line leaves a cell of the canvas: up, right, down, left. */
const LINES = ' ╵╶└╷│┌├╴┘─┴┐┤┬┼';
const ASCII_LINES = ' |-+||++-+-+++++';
const [UP, RIGHT, DOWN, LEFT] = [1, 2, 4, 8];

/**
 * Draws a window's layout, scaled to `size` at most. Small panes are drawn larger than they are, so
 * that they can be seen; where not even that is possible, they are left to the caller's legend.
 */
export function drawWindow(
  root: LayoutCell,
  panes: readonly DrawnPane[],
  { size, ascii = false }: { size: DrawingSize; ascii?: boolean },
): Drawing {
  const cells = leaves(root);
  const columns = Math.min(size.columns, Math.max(root.width + 2, MIN_COLUMNS));
  const scaled = Math.round(((root.height + 2) * columns) / (root.width + 2) / FLATTEN);
  const labels = Math.max(1, ...panes.map((p) => widthOf(p.label)));
  const texts = Math.max(1, ...panes.map((p) => p.lines.length));
  const x = place(
    cells.map((c) => [c.x, c.x + c.width + 1]),
    root.width + 1,
    { length: columns, most: size.columns, gaps: [labels + 8, labels + 1, 2] },
  );
  // Higher than the texts only where panes lie beside several others.
  const levels = new Set(cells.map((c) => c.y)).size;
  const wanted = Math.min(scaled, levels * (texts + 3));
  const y = place(
    cells.map((c) => [c.y, c.y + c.height + 1]),
    root.height + 1,
    {
      length: Math.min(size.rows, Math.max(wanted, MIN_ROWS)),
      most: size.rows,
      gaps: [texts + 2, texts + 1, 2],
    },
  );
  const rects = cells.map((c) => ({
    left: x(c.x),
    right: x(c.x + c.width + 1),
    top: y(c.y),
    bottom: y(c.y + c.height + 1),
  }));
  const canvas = new Canvas(x(root.width + 1) + 1, y(root.height + 1) + 1);
  const hidden: number[] = [];
  rects.forEach((r, i) => {
    if (r.right - r.left < 2 || r.bottom - r.top < 2) hidden.push(i);
    else canvas.box(r);
  });
  rects.forEach((r, i) => {
    const pane = panes[i];
    if (pane === undefined || hidden.includes(i)) return;
    if (widthOf(pane.label) > r.right - r.left - 1) hidden.push(i);
    else canvas.text(r, pane, ascii ? '~' : '…');
  });
  return { lines: canvas.toLines(ascii ? ASCII_LINES : LINES), hidden };
}

/**
 * Where each line between panes lies on the canvas: as near as possible to its place in the window, and no
 * pane smaller than the first of `gaps` with which all fit. Where none fits, lines fall onto each other.
 */
function place(
  spans: [start: number, end: number][],
  last: number,
  { length, most, gaps }: { length: number; most: number; gaps: number[] },
): (line: number) => number {
  const lines = [...new Set([0, last, ...spans.flat()])].toSorted((a, b) => a - b);
  const at = new Map(lines.map((line, i) => [line, i]));
  const starts = lines.map((): number[] => []);
  for (const [start, end] of spans) starts[at.get(end)!]!.push(at.get(start)!);
  const ends = lines.map((): number[] => []);
  for (const [start, end] of spans) ends[at.get(start)!]!.push(at.get(end)!);
  for (const gap of [...gaps, 0]) {
    const p: number[] = [];
    lines.forEach((line, i) => {
      const wanted = Math.round((line * (length - 1)) / last);
      p.push(Math.max(wanted, p[i - 1] ?? 0, ...starts[i]!.map((s) => p[s]! + gap)));
    });
    p[p.length - 1] = Math.min(p.at(-1)!, most - 1);
    for (let i = p.length - 2; i >= 0; i--) {
      p[i] = Math.min(p[i]!, p[i + 1]!, ...ends[i]!.map((e) => p[e]! - gap));
    }
    if (p[0]! >= 0) return (line) => p[at.get(line)!]!;
  }
  return () => 0;
}

class Canvas {
  private readonly lines: Uint8Array[];
  private readonly glyphs: (string | null)[][];

  constructor(columns: number, rows: number) {
    this.lines = Array.from({ length: rows }, () => new Uint8Array(columns));
    this.glyphs = Array.from({ length: rows }, () => Array.from({ length: columns }, () => null));
  }

  box({ left, right, top, bottom }: Rect): void {
    for (let x = left; x <= right; x++) {
      const bits = (x > left ? LEFT : 0) | (x < right ? RIGHT : 0);
      this.lines[top]![x]! |= bits;
      this.lines[bottom]![x]! |= bits;
    }
    for (let y = top; y <= bottom; y++) {
      const bits = (y > top ? UP : 0) | (y < bottom ? DOWN : 0);
      this.lines[y]![left]! |= bits;
      this.lines[y]![right]! |= bits;
    }
  }

  text({ left, right, top, bottom }: Rect, { label, lines }: DrawnPane, mark: string): void {
    const width = right - left - 1;
    const height = bottom - top - 1;
    const indent = width >= widthOf(label) + 2 && width >= 6 ? 1 : 0;
    const rows = arrange(label, lines, height, width - 2 * indent);
    rows.forEach((row, i) => this.write(left + 1 + indent, top + 1 + i, cut(row, width - 2 * indent, mark)));
  }

  private write(x: number, y: number, text: string): void {
    for (const cluster of clusters(text)) {
      const width = widthOf(cluster);
      this.glyphs[y]![x] = cluster;
      for (let i = 1; i < width; i++) this.glyphs[y]![x + i] = '';
      x += width;
    }
  }

  toLines(charset: string): string[] {
    return this.lines.map((row, y) =>
      Array.from(row, (bits, x) => this.glyphs[y]![x] ?? charset[bits]!)
        .join('')
        .trimEnd(),
    );
  }
}

function arrange(label: string, lines: readonly string[], height: number, width: number): string[] {
  if (height > lines.length) return [label, ...lines];
  // Not room for all: what comes last says most, and the label goes in front.
  const [first = '', ...kept] = lines.slice(lines.length - height);
  const room = width - widthOf(label);
  return [first === '' || room < Math.min(5, widthOf(first) + 1) ? label : `${label} ${first}`, ...kept];
}
