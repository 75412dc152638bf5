import { InvalidLayoutError } from './errors.ts';

/**
 * tmux's window layout: `<checksum>,<cell>`, where a cell is `WxH,X,Y` followed by `,<pane id>` for a
 * leaf, `{cell,cell,...}` for cells side by side, `[cell,...]` for cells above each other.
 *
 * tmux 3.3a dies, with all the user's sessions, on a string that is no layout, and accepts impossible
 * sizes silently (attacks A8 to A11). So a foreign string is parsed here, checked, and only our own
 * serialization of the result is ever passed to tmux.
 */
export interface LayoutCell {
  width: number;
  height: number;
  x: number;
  y: number;
  /** `leaf` is a pane; children of `row` lie side by side, those of `column` above each other. */
  kind: 'leaf' | 'row' | 'column';
  children: LayoutCell[];
}

/** Columns and rows that a window may have. */
export const MAX_SIDE = 1000;
const MAX_LAYOUT_DEPTH = 32;

export function parseLayout(text: string): LayoutCell {
  const m = /^([0-9a-f]{4}),/u.exec(text);
  if (m === null) throw bad('no checksum');
  const body = text.slice(5);
  if (checksum(body) !== m[1]) throw bad('wrong checksum');
  const reader = new Reader(body);
  const root = reader.cell(0);
  reader.end();
  if (root.x !== 0 || root.y !== 0) throw bad('does not start at 0,0');
  check(root);
  return root;
}

/** The string for tmux. Pane ids are left out of the meaning: tmux fills leaves in pane order. */
export function formatLayout(root: LayoutCell): string {
  let pane = 0;
  const cell = (c: LayoutCell): string => {
    const head = `${c.width}x${c.height},${c.x},${c.y}`;
    if (c.kind === 'leaf') return `${head},${pane++}`;
    const inner = c.children.map(cell).join(',');
    return c.kind === 'row' ? `${head}{${inner}}` : `${head}[${inner}]`;
  };
  const body = cell(root);
  return `${checksum(body)},${body}`;
}

/** The panes' cells, in pane order. */
export function leaves(root: LayoutCell): LayoutCell[] {
  return root.kind === 'leaf' ? [root] : root.children.flatMap(leaves);
}

/** Two layouts are the same shape where everything but the pane ids is equal. */
export function sameLayout(a: string, b: string): boolean {
  return formatLayout(parseLayout(a)) === formatLayout(parseLayout(b));
}

/** Sum over the body as tmux computes it (layout-custom.c, layout_checksum). */
function checksum(body: string): string {
  let sum = 0;
  for (let i = 0; i < body.length; i++) {
    sum = (sum >> 1) | ((sum & 1) << 15);
    sum = (sum + body.charCodeAt(i)) & 0xffff;
  }
  return sum.toString(16).padStart(4, '0');
}

function bad(why: string): InvalidLayoutError {
  return new InvalidLayoutError(`invalid layout: ${why}`);
}

class Reader {
  private at = 0;
  private readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  cell(depth: number): LayoutCell {
    if (depth > MAX_LAYOUT_DEPTH) throw bad('nested too deeply');
    const width = this.number();
    this.expect('x');
    const height = this.number();
    this.expect(',');
    const x = this.number();
    this.expect(',');
    const y = this.number();
    const base = { width, height, x, y };
    const next = this.text[this.at];
    if (next === '{') return { ...base, kind: 'row', children: this.children('}', depth) };
    if (next === '[') return { ...base, kind: 'column', children: this.children(']', depth) };
    if (next === ',' && /\d/u.test(this.text[this.at + 1] ?? '')) {
      // ",<pane id>" belongs to this leaf unless it begins the next cell ("WxH,..."). tmux always writes the id.
      const rest = /^,\d+(?![\dx])/u.exec(this.text.slice(this.at, this.at + 12));
      if (rest !== null) this.at += rest[0].length;
    }
    return { ...base, kind: 'leaf', children: [] };
  }

  end(): void {
    if (this.at !== this.text.length) throw bad('unexpected text after the last cell');
  }

  private children(close: string, depth: number): LayoutCell[] {
    this.at++;
    const cells = [this.cell(depth + 1)];
    while (this.text[this.at] === ',') {
      this.at++;
      cells.push(this.cell(depth + 1));
    }
    this.expect(close);
    if (cells.length < 2) throw bad('a split with one cell');
    return cells;
  }

  private number(): number {
    const m = /^\d{1,5}/u.exec(this.text.slice(this.at, this.at + 6));
    if (m === null) throw bad('a number is missing');
    this.at += m[0].length;
    if (/\d/u.test(this.text[this.at] ?? '')) throw bad('a number is too large');
    return Number(m[0]);
  }

  private expect(c: string): void {
    if (this.text[this.at] !== c) throw bad(`'${c}' is missing`);
    this.at++;
  }
}

/** Sizes are within bounds and the children of each cell fill it, with one line between neighbors. */
function check(cell: LayoutCell): void {
  const { width, height, kind, children } = cell;
  if (width < 1 || height < 1 || width > MAX_SIDE || height > MAX_SIDE)
    throw bad(`a cell of ${width}x${height}`);
  if (kind === 'leaf') return;
  let at = kind === 'row' ? cell.x : cell.y;
  for (const child of children) {
    const along = kind === 'row' ? child.x : child.y;
    const across = kind === 'row' ? child.y : child.x;
    const acrossStart = kind === 'row' ? cell.y : cell.x;
    if (along !== at || across !== acrossStart) throw bad('a cell is out of place');
    if ((kind === 'row' ? child.height : child.width) !== (kind === 'row' ? height : width))
      throw bad('a cell does not fill its split');
    at += (kind === 'row' ? child.width : child.height) + 1;
    check(child);
  }
  const end = kind === 'row' ? cell.x + width : cell.y + height;
  if (at - 1 !== end) throw bad('the cells of a split do not add up');
}
