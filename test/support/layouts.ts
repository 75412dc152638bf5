import * as fc from 'fast-check';
import type { LayoutCell } from '../../src/session/layout.ts';

/** tmux's layout_checksum(), written down a second time so that the tests do not trust the parser's own. */
function layoutChecksum(body: string): string {
  let sum = 0;
  for (const char of body) {
    sum = (sum >>> 1) + (sum % 2) * 0x8000;
    sum = (sum + char.charCodeAt(0)) % 0x10000;
  }
  return sum.toString(16).padStart(4, '0');
}

/** A layout string with the right checksum, whatever its body is. */
export function layoutText(body: string): string {
  return `${layoutChecksum(body)},${body}`;
}

/** Any window's layout: a cell is split at random as long as there is room, as tmux's own splits are. */
export function anyLayout(): fc.Arbitrary<LayoutCell> {
  const side = fc.integer({ min: 1, max: 1000 });
  return fc
    .tuple(side, side, fc.infiniteStream(fc.nat({ max: 9999 })))
    .map(([width, height, random]) => split({ width, height, x: 0, y: 0 }, random, 0, null));
}

type Box = Pick<LayoutCell, 'width' | 'height' | 'x' | 'y'>;

function split(
  box: Box,
  random: Iterator<number>,
  depth: number,
  within: LayoutCell['kind'] | null,
): LayoutCell {
  const next = (): number => random.next().value as number;
  const kind = next() % 2 === 0 ? 'row' : 'column';
  const room = kind === 'row' ? box.width : box.height;
  // A row in a row would be the same row.
  if (depth > 4 || kind === within || room < 3 || next() % 3 === 0)
    return { ...box, kind: 'leaf', children: [] };
  const count = 2 + (next() % Math.min(3, Math.floor((room - 1) / 2)));
  const children: LayoutCell[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const left = room - at - 2 * (count - 1 - i);
    const size = i === count - 1 ? room - at : 1 + (next() % left);
    const child =
      kind === 'row' ? { ...box, x: box.x + at, width: size } : { ...box, y: box.y + at, height: size };
    children.push(split(child, random, depth + 1, kind));
    at += size + 1;
  }
  return { ...box, kind, children };
}
