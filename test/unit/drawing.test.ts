import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { windowLines } from '../../src/cli/drawing.ts';
import { drawWindow } from '../../src/session/drawing.ts';
import { formatLayout, leaves, parseLayout } from '../../src/session/layout.ts';
import { clusters, cut, pad, widthOf } from '../../src/session/width.ts';
import { safe } from '../../src/trust/safe.ts';
import { anyString, anyText } from '../support/arbitrary.ts';
import { plainPane, plainWindow, typedPane } from '../support/forge.ts';
import { anyLayout, layoutText } from '../support/layouts.ts';

const BOX = /[─│┌┐└┘├┤┬┴┼╵╶╷╴]/u;
const style = { columns: 80, ascii: false, hostName: 'host' };

function draw(layout: string, labels: string[], size = { columns: 40, rows: 20 }, ascii = false): string {
  const panes = labels.map((label) => ({ label, lines: ['~/x', `run ${label}`] }));
  return drawWindow(parseLayout(layoutText(layout)), panes, { size, ascii }).lines.join('\n');
}

describe('S1: a drawing of a window', () => {
  test('panes beside and above each other, the active one marked', () => {
    expect(draw('81x24,0,0{40x24,0,0,0,40x24,41,0[40x12,41,0,1,40x11,41,13,2]}', ['0', '1*', '2'])).toBe(
      [
        '┌───────────────────┬──────────────────┐',
        '│ 0                 │ 1*               │',
        '│ ~/x               │ ~/x              │',
        '│ run 0             │ run 1*           │',
        '│                   ├──────────────────┤',
        '│                   │ 2                │',
        '│                   │ ~/x              │',
        '│                   │ run 2            │',
        '└───────────────────┴──────────────────┘',
      ].join('\n'),
    );
  });

  test('lines that meet in a cross, and no other characters than ASCII where the locale has none', () => {
    const layout = '81x25,0,0[81x12,0,0{40x12,0,0,0,40x12,41,0,1},81x12,0,13{40x12,0,13,2,40x12,41,13,3}]';
    const text = draw(layout, ['0', '1', '2', '3'], { columns: 21, rows: 9 }, true);
    expect(text.split('\n')[4]).toBe('+---------+---------+');
    expect(text).toMatch(/^[ -~\n]*$/u);
    expect(draw(layout, ['0', '1', '2', '3'], { columns: 21, rows: 9 })).toContain('┼');
  });

  test('a pane of one cell is drawn larger than it is', () => {
    const text = draw('80x24,0,0{78x24,0,0,0,1x24,79,0,1}', ['0', '1*']);
    expect(text).toMatch(/│ ?1\*/u);
  });

  test('panes for which there is no room at all are named', () => {
    const cells = Array.from({ length: 100 }, (_, i) => `1x5,${i * 2},0,${i}`).join(',');
    const root = parseLayout(layoutText(`199x5,0,0{${cells}}`));
    const panes = Array.from({ length: 100 }, (_, i) => ({ label: String(i), lines: ['x'] }));
    const { hidden } = drawWindow(root, panes, { size: { columns: 60, rows: 20 } });
    expect(hidden.length).toBeGreaterThan(0);
  });

  test('what is wide counts as two columns, and what is cut says so', () => {
    const panes = [{ label: '0', lines: ['日本語日本語日本語日本語日本語日本語日本語日本語'] }];
    const { lines } = drawWindow(parseLayout(layoutText('20x5,0,0,0')), panes, {
      size: { columns: 20, rows: 9 },
    });
    expect(lines.every((line) => widthOf(line) === 20)).toBe(true);
    expect(lines.join('')).toContain('…');
  });
});

test('every layout is drawn, within its bounds, with closed borders', () => {
  const size = { columns: 76, rows: 40 };
  fc.assert(
    fc.property(anyLayout(), fc.boolean(), fc.array(anyString()), (root, ascii, texts) => {
      const count = leaves(root).length;
      const panes = Array.from({ length: count }, (_, i) => ({
        label: `(${i})`,
        lines: texts.slice(0, 2).map((t) => safe(t)),
      }));
      const { lines, hidden } = drawWindow(root, panes, { size, ascii });
      expect(lines.length).toBeLessThanOrEqual(size.rows);
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(size.columns);
      if (ascii && texts.length === 0) expect(lines.join('')).toMatch(/^[ -~]*$/u);
      const text = lines.join('\n');
      for (let i = 0; i < count; i++) if (!hidden.includes(i)) expect(text).toContain(`(${i})`);
      if (hidden.length === 0 && !ascii) {
        expect(lines[0]).toMatch(/^┌[─┬]*┐$/u);
        expect(lines.at(-1)).toMatch(/^└[─┴]*┘$/u);
      }
    }),
    { numRuns: 300 },
  );
});

describe('the legend', () => {
  test('names every pane of every layout, also where the drawing has no room or the layout is none', () => {
    fc.assert(
      fc.property(
        anyLayout(),
        anyText(),
        fc.boolean(),
        fc.integer({ min: 1, max: 200 }),
        (root, text, broken, columns) => {
          const panes = leaves(root).map((_, index) => typedPane([text, 'arg'], { index, title: text }));
          const layout = broken ? 'garbage' : formatLayout(root);
          const lines = windowLines(plainWindow({ index: 7, name: text, layout, panes }), {
            ...style,
            columns,
          });
          for (const { index } of panes) expect(lines.some((l) => l.startsWith(`  7.${index}* `))).toBe(true);
          // B1: nothing that a terminal obeys, in any place.
          expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
          for (const line of lines.filter((l) => BOX.test(l) && !l.includes('$'))) {
            expect(widthOf(line)).toBeLessThanOrEqual(78);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('says what a restore does with the pane, and how sure that is', () => {
    const lines = (pane: Parameters<typeof plainPane>[0]) =>
      windowLines(plainWindow({ panes: [plainPane(pane)] }), style)
        .filter((l) => !BOX.test(l))
        .slice(2)
        .map((l) => l.trim());
    const relaunch = {
      source: 'foreground',
      confidence: 'argv',
      reason: 'foreground-leader',
      steps: [['vim', 'a b']],
      line: null,
    } as const;
    const at = (change: object) => ({ ...relaunch, steps: relaunch.steps.map((s) => [...s]), ...change });
    expect(lines({ command: ['vim', 'a b'], relaunch: at({}) })).toEqual([
      'title: title',
      "$ vim 'a b'",
      'a restore types it (it ran in the foreground; arguments exact)',
    ]);
    expect(
      lines({ command: ['x'], relaunch: at({ confidence: 'rebuilt', reason: 'fds-unknown' }) }).at(-1),
    ).toBe(
      "a restore types, without Enter: vim 'a b' (its redirections could not be read; put together again, may differ from what was typed)",
    );
    expect(
      lines({ command: ['x'], relaunch: at({ confidence: 'unknown', reason: 'redacted', steps: [] }) }).at(
        -1,
      ),
    ).toBe('a restore opens a shell (a secret was taken out of it; not sure enough to be started)');
    expect(
      lines({
        command: ['x'],
        relaunch: at({ confidence: 'rebuilt', reason: 'pipeline', steps: [], line: 'a | b' }),
      }).at(-1),
    ).toContain('a restore only shows: a | b (a pipeline;');
    expect(
      lines({
        start: { shell: 'sleep 9' },
        relaunch: at({ source: 'start', confidence: 'exact', reason: 'start-command', steps: [] }),
      }).at(-1),
    ).toBe('a restore starts, by the shell: sleep 9 (the pane was created with it; exact)');
    expect(lines({ dead: { status: 3 } }).at(-1)).toBe('dead, exit status 3: a restore opens a shell');
    // A word that this version does not know is shown as it is.
    expect(lines({ relaunch: at({ source: 'none', reason: 'new-reason' }) }).at(-1)).toContain(
      '(new-reason;',
    );
  });

  test('no argument is cut, and a name that looks like another one is marked (B3, B4)', () => {
    const long = 'x'.repeat(5000);
    const lines = windowLines(
      plainWindow({ panes: [typedPane(['sudо', long, 'evil\r echo ok', 'a\u202eb'])] }),
      style,
    );
    const shown = lines.find((l) => l.includes('$ '))!;
    expect(shown).toContain(long);
    expect(shown).toContain(String.raw`$'evil\r echo ok'`);
    expect(shown).toContain('<U+202E>');
    expect(shown).toContain('characters that look like others');
  });
});

describe('columns of a text', () => {
  test('a cut leaves at most the width and never half a character', () => {
    fc.assert(
      fc.property(
        anyString().map((s) => safe(s)),
        fc.integer({ min: 1, max: 12 }),
        (text, width) => {
          const shown = cut(text, width);
          expect(widthOf(shown)).toBeLessThanOrEqual(width);
          if (shown !== text) {
            expect(shown.endsWith('…')).toBe(true);
            expect(text.startsWith(shown.slice(0, -1))).toBe(true);
          }
          expect(clusters(text).join('')).toBe(text);
          expect(widthOf(pad(shown, width))).toBe(width);
        },
      ),
    );
  });
});
