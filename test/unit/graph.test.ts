import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawLanes, type HistoryCommit, reduceHistory } from '../../src/session/graph.ts';

/** Commits from `child: parent parent`, children before their parents. */
function history(...lines: string[]): HistoryCommit[] {
  return lines.map((line) => {
    const [oid = '', rest = ''] = line.split(':');
    return { oid, parents: rest.split(' ').filter((p) => p !== '') };
  });
}

function picture(commits: HistoryCommit[], ascii = false): string[] {
  return drawLanes(commits, ascii).flatMap((row) => [`${row.node} ${row.oid}`, ...row.links]);
}

/** Any history: each commit has parents among those behind it. */
const anyHistory = fc
  .array(fc.array(fc.nat({ max: 9 }), { maxLength: 3 }), { minLength: 1, maxLength: 14 })
  .map((steps) =>
    steps.map((offsets, i): HistoryCommit => ({
      oid: `c${i}`,
      parents: [...new Set(offsets.map((o) => i + 1 + o).filter((p) => p < steps.length))].map(
        (p) => `c${p}`,
      ),
    })),
  );

describe('Q2: the base of the bundle', () => {
  test('of a line of commits the nearest ones stay', () => {
    const found = reduceHistory(history('d:c', 'c:b', 'b:a', 'a:'), new Set(['d', 'b', 'a']));
    expect(Object.fromEntries(found)).toEqual({ d: ['b'], b: ['a'], a: [] });
  });

  test('a merge leads to both sides', () => {
    const found = reduceHistory(history('m:x y', 'x:r', 'y:r', 'r:'), new Set(['m', 'x', 'y', 'r']));
    expect(Object.fromEntries(found)).toEqual({ m: ['x', 'y'], x: ['r'], y: ['r'], r: [] });
  });

  test('is what a search of the whole history finds', () => {
    fc.assert(
      fc.property(anyHistory, fc.array(fc.nat({ max: 13 })), (commits, picked) => {
        const bases = new Set(picked.map((i) => `c${i}`).filter((oid) => commits.some((c) => c.oid === oid)));
        const parents = new Map(commits.map((c) => [c.oid, c.parents]));
        const search = (oid: string): string[] =>
          (parents.get(oid) ?? []).flatMap((p) => (bases.has(p) ? [p] : search(p)));
        const found = reduceHistory(commits, bases);
        expect(new Set(found.keys())).toEqual(bases);
        for (const [oid, near] of found) {
          expect(new Set(near)).toEqual(new Set(search(oid)));
          expect(near).toHaveLength(new Set(near).size);
        }
      }),
    );
  });
});

describe('Q2: the drawing of the base', () => {
  test('one line of history is one lane', () => {
    expect(picture(history('c:b', 'b:a', 'a:'))).toEqual(['* c', '* b', '* a']);
  });

  test('two branches join at their common ancestor', () => {
    expect(picture(history('x:r', 'y:r', 'r:'))).toEqual(['* x', '│ * y', '├─╯', '* r']);
    expect(picture(history('x:r', 'y:r', 'r:'), true)).toEqual(['* x', '| * y', "+-'", '* r']);
  });

  test('a merge opens a lane, and its end closes it', () => {
    expect(picture(history('m:x y', 'x:r', 'y:r', 'r:'))).toEqual([
      '* m',
      '├─╮',
      '* │ x',
      '│ * y',
      '├─╯',
      '* r',
    ]);
  });

  test('an unrelated commit does not hang on the lane beside it', () => {
    const rows = drawLanes(history('x:', 'y:z', 'z:'));
    expect(rows.map((r) => r.below)).toEqual([' ', '│', ' ']);
  });

  test('every commit of every history gets one row and one star, and lanes end where commits do', () => {
    fc.assert(
      fc.property(anyHistory, fc.boolean(), (commits, ascii) => {
        const rows = drawLanes(commits, ascii);
        expect(rows.map((r) => r.oid)).toEqual(commits.map((c) => c.oid));
        for (const row of rows) {
          expect([...row.node].filter((c) => c === '*')).toHaveLength(1);
          for (const link of row.links) expect(link).toMatch(ascii ? /^[ |+.'`-]+$/u : /^[ │─┼├┤╮╭╯╰]+$/u);
        }
        // The last commit has no lane beside it that leads nowhere.
        expect(rows.at(-1)!.node.trim()).toBe('*');
      }),
    );
  });
});
