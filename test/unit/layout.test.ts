import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidLayoutError } from '../../src/session/errors.ts';
import {
  formatLayout,
  type LayoutCell,
  leaves,
  MAX_SIDE,
  parseLayout,
  sameLayout,
} from '../../src/session/layout.ts';
import { anyLayout, layoutText } from '../support/layouts.ts';

/** The cells' own numbers, without the pane ids, which carry no meaning. */
const withoutPaneIds = (text: string) =>
  text.replace(/^[0-9a-f]{4},/u, '').replace(/(\d+x\d+,\d+,\d+),\d+/gu, '$1');

describe('S1: layouts', () => {
  // Written by tmux 3.3a; the pane ids are those that it had.
  it.each([
    ['one pane', 'b25d,80x24,0,0,0', 1],
    ['two beside each other', '8205,80x24,0,0{40x24,0,0,0,39x24,41,0,1}', 2],
    ['nested', 'd67e,80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]}', 3],
    ['large ids out of order', 'db00,80x24,0,0[80x12,0,0,1,80x2,0,13,2,80x2,0,16,11,80x5,0,19,10]', 4],
  ])('%s is read as tmux wrote it', (_, text, panes) => {
    const root = parseLayout(text);
    expect(leaves(root)).toHaveLength(panes);
    expect(withoutPaneIds(formatLayout(root))).toBe(withoutPaneIds(text));
    expect(formatLayout(parseLayout(formatLayout(root)))).toBe(formatLayout(root));
  });

  it('gives the cells with their places', () => {
    const root = parseLayout('d67e,80x24,0,0{40x24,0,0,0,39x24,41,0[39x12,41,0,1,39x11,41,13,2]}');
    expect(root).toMatchObject({ kind: 'row', width: 80, height: 24, x: 0, y: 0 });
    expect(root.children[1]).toMatchObject({ kind: 'column', x: 41, width: 39 });
    expect(leaves(root).map(({ x, y, width, height }) => [x, y, width, height])).toEqual([
      [0, 0, 40, 24],
      [41, 0, 39, 12],
      [41, 13, 39, 11],
    ]);
  });

  it('takes leaves without pane ids, which older programs write', () => {
    const root = parseLayout(layoutText('80x24,0,0{40x24,0,0,39x24,41,0[39x12,41,0,39x11,41,13]}'));
    expect(leaves(root)).toHaveLength(3);
  });

  it('any window that can be split comes back from its own text', () => {
    fc.assert(
      fc.property(anyLayout(), (root) => {
        const text = formatLayout(root);
        expect(parseLayout(text)).toEqual(root);
        expect(formatLayout(parseLayout(text))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it('are the same where all but the pane ids is', () => {
    expect(
      sameLayout(
        '8205,80x24,0,0{40x24,0,0,0,39x24,41,0,1}',
        layoutText('80x24,0,0{40x24,0,0,7,39x24,41,0,3}'),
      ),
    ).toBe(true);
    expect(
      sameLayout(
        '8205,80x24,0,0{40x24,0,0,0,39x24,41,0,1}',
        layoutText('80x24,0,0{39x24,0,0,0,40x24,40,0,1}'),
      ),
    ).toBe(false);
    expect(sameLayout('8205,80x24,0,0{40x24,0,0,0,39x24,41,0,1}', 'b25d,80x24,0,0,0')).toBe(false);
  });
});

describe('what is no layout never reaches tmux', () => {
  const nested = (depth: number): string => {
    // Each level is a column of the rest and a leaf of one row.
    const cell = (level: number, height: number, y: number): string =>
      level === 0
        ? `80x${height},0,${y},0`
        : `80x${height},0,${y}[80x1,0,${y},0,${cell(level - 1, height - 2, y + 2)}]`;
    return cell(depth, 100, 0);
  };

  it.each([
    ['A8', '', 'no checksum'],
    ['A8', 'garbage', 'no checksum'],
    ['A8', '80x24,0,0,0', 'no checksum'],
    ['A8', 'B25D,80x24,0,0,0', 'no checksum'],
    ['A8', 'b25d', 'no checksum'],
    ['A8', '0000,80x24,0,0,0', 'wrong checksum'],
    ['A8', 'b25d,80x24,0,0,0\n', 'wrong checksum'],
    ['A8', 'b25d,80x24,0,0,0 ; kill-server', 'wrong checksum'],
    ['A8', layoutText(''), 'a number is missing'],
    ['A8', layoutText('80'), "'x' is missing"],
    ['A8', layoutText('80x'), 'a number is missing'],
    ['A8', layoutText('80x24'), "',' is missing"],
    ['A8', layoutText('80x24,0'), "',' is missing"],
    ['A8', layoutText('80x24,0,0,'), 'unexpected text'],
    ['A8', layoutText('80x24,0,0,0;'), 'unexpected text'],
    ['A8', layoutText('80x24,0,0,0,0'), 'unexpected text'],
    ['A8', layoutText('80x24,0,0,#(touch x)'), 'unexpected text'],
    ['A8', layoutText('80x24,0,0,0日'), 'unexpected text'],
    ['A8', layoutText('-80x24,0,0,0'), 'a number is missing'],
    ['A8', layoutText('80x24,0,0{'), 'a number is missing'],
    ['A8', layoutText('80x24,0,0{40x24,0,0,0,39x24,41,0,1'), "'}' is missing"],
    ['A8', layoutText('80x24,0,0{40x24,0,0,0,39x24,41,0,1]'), "'}' is missing"],
    ['A8', layoutText('80x24,0,0[80x12,0,0,0,80x11,0,13,1}'), "']' is missing"],
    ['A9', layoutText('4000000000x4000000000,0,0,0'), 'a number is too large'],
    ['A9', layoutText('99999x24,0,0,0'), 'a cell of 99999x24'],
    ['A9', layoutText(`${MAX_SIDE + 1}x24,0,0,0`), 'a cell of 1001x24'],
    ['A9', layoutText(`80x${MAX_SIDE + 1},0,0,0`), 'a cell of 80x1001'],
    ['A10', layoutText('0x0,0,0,0'), 'a cell of 0x0'],
    ['A10', layoutText('80x0,0,0,0'), 'a cell of 80x0'],
    ['A10', layoutText(`${2 ** 32 + 100}x24,0,0,0`), 'a number is too large'],
    ['A10', layoutText('80x24,0,0{80x24,0,0,0}'), 'a split with one cell'],
    ['A10', layoutText('80x24,0,0[80x24,0,0,0]'), 'a split with one cell'],
    ['A10', layoutText('80x24,1,0,0'), 'does not start at 0,0'],
    ['A10', layoutText('80x24,0,1,0'), 'does not start at 0,0'],
    ['A10', layoutText('80x24,0,0{40x24,0,0,0,38x24,41,0,1}'), 'do not add up'],
    ['A10', layoutText('80x24,0,0{40x24,0,0,0,40x24,41,0,1}'), 'do not add up'],
    ['A10', layoutText('80x24,0,0[80x12,0,0,0,80x12,0,13,1]'), 'do not add up'],
    ['A10', layoutText('80x24,0,0{40x24,0,0,0,39x24,40,0,1}'), 'out of place'],
    ['A10', layoutText('80x24,0,0{40x24,0,0,0,39x24,41,1,1}'), 'out of place'],
    ['A10', layoutText('80x24,0,0[80x12,0,0,0,80x11,1,13,1]'), 'out of place'],
    ['A10', layoutText('80x24,0,0{40x24,0,0,0,39x23,41,0,1}'), 'does not fill'],
    ['A10', layoutText('80x24,0,0[80x12,0,0,0,79x11,0,13,1]'), 'does not fill'],
    ['A11', layoutText(nested(33)), 'nested too deeply'],
    ['A11', layoutText('80x24,0,0{'.repeat(900)), 'nested too deeply'],
  ])('%s: %j is refused: %s', (_, text, why) => {
    expect(() => parseLayout(text)).toThrow(InvalidLayoutError);
    expect(() => parseLayout(text)).toThrow(why);
  });

  it('A11: 32 levels are read', () => {
    expect(leaves(parseLayout(layoutText(nested(32))))).toHaveLength(33);
  });

  it('A8: random text is refused with InvalidLayoutError or is a layout, and nothing else is thrown', () => {
    const alphabet = fc.constantFrom(...'0123456789x,{}[] a');
    const body = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: alphabet, maxLength: 60 }));
    const text = fc.oneof(body, body.map(layoutText), fc.constantFrom('80x24,0,0{40x24,0,0,0,39x24,41,0,1}'));
    fc.assert(
      fc.property(text, (candidate) => {
        let root: LayoutCell;
        try {
          root = parseLayout(candidate);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidLayoutError);
          return;
        }
        expect(parseLayout(formatLayout(root))).toEqual(root);
      }),
      { numRuns: 3000 },
    );
  });

  it('A10: a layout with one number changed is refused, or is still a whole one', () => {
    const mutated = fc.tuple(anyLayout(), fc.nat(), fc.nat({ max: 2000 })).map(([root, at, value]) => {
      const body = formatLayout(root).slice(5);
      const numbers = [...body.matchAll(/\d+/gu)];
      const hit = numbers[at % numbers.length]!;
      return layoutText(`${body.slice(0, hit.index)}${value}${body.slice(hit.index + hit[0].length)}`);
    });
    fc.assert(
      fc.property(mutated, (text) => {
        try {
          const area = leaves(parseLayout(text)).reduce((sum, c) => sum + (c.width + 1) * (c.height + 1), 0);
          const root = parseLayout(text);
          expect(area).toBe((root.width + 1) * (root.height + 1));
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidLayoutError);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
