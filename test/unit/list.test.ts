import { describe, expect, test } from 'vitest';
import { parseCount } from '../../src/cli/count.ts';
import { listLines, type RowOptions, shortLines } from '../../src/cli/session-rows.ts';
import { ago, date, isAscii, table } from '../../src/cli/table.ts';
import { DamagedSnapshotError } from '../../src/session/errors.ts';
import { pagerOf } from '../../src/flow/pager.ts';
import { widthOf } from '../../src/session/width.ts';
import type { Listed } from '../../src/session/listed.ts';
import { ended, listed, running, saved } from '../support/listed.ts';

const NOW = Date.parse('2026-11-21T12:00:00.000Z');

function lines(rows: Listed[], change: Partial<RowOptions> = {}): string[] {
  return listLines(rows, { verbose: false, now: NOW, width: null, ascii: false, ...change });
}

describe('C1, S13, R9: the table', () => {
  test('C1: its columns, with nothing but what there is', () => {
    expect(lines([listed()])[0]).toBe('  CONTEXT  IDENTIFIER  STATUS  DURATION  COMMAND');
    const rows = [listed({ crqs: [{ id: 'CRQ-7', title: null, status: null, path: null }] }), running()];
    expect(lines(rows)[0]).toMatch(/^ {2}CONTEXT +IDENTIFIER +STATUS +DURATION +COMMAND +CRQS$/u);
    expect(lines([running({ agents: ['waiting', 'idle'] })])).toEqual([
      expect.stringMatching(/COMMAND +AGENT$/u),
      expect.stringMatching(/waiting idle$/u),
    ]);
  });

  test('columns are as wide as their contents, and a pipe cuts nothing', () => {
    const command = 'm'.repeat(500);
    const [header, first, second] = lines([listed({ command }), listed({ label: '日本' })]);
    expect(first).toContain(command);
    expect(first!.indexOf('saved')).toBe(header!.indexOf('STATUS'));
    expect(widthOf(second!.slice(0, second!.indexOf('saved')))).toBe(header!.indexOf('STATUS'));
  });

  test('a terminal gets what fits, and sees where something is left out', () => {
    const rows = [listed({ command: 'm'.repeat(500) })];
    for (const line of lines(rows, { width: 70 })) expect(widthOf(line)).toBeLessThanOrEqual(70);
    expect(lines(rows, { width: 70 })[1]).toMatch(/…$/u);
    for (const line of lines(rows, { width: 20 })) expect(widthOf(line)).toBeLessThanOrEqual(20);
  });

  describe('C4: --verbose on a terminal', () => {
    const dir = `/home/ann/${'deep/'.repeat(9)}server`;
    const row = (change: Partial<Listed> = {}) =>
      running({
        ...{ id: '2c559c93-0000-4000-8000-000000000000', kind: 'run', name: 'gs-run-big-20261121110000' },
        ...{ label: 'a-rather-long-identifier', workingDir: dir, pid: 12345, status: 'terminated' },
        ...{ command: `make ${'x'.repeat(200)}`, branch: 'main', windows: 1, panes: 1, ...change },
      });

    test.each([80, 130])('%d columns: more below each row, and what it is called by is whole', (width) => {
      const rows = [row(), row({ label: 'b', command: 'true', reason: 'lost: x', workingDir: '/w' })];
      const all = lines(rows, { verbose: true, width });
      for (const line of all) expect(widthOf(line)).toBeLessThanOrEqual(width);
      const text = all.join('\n');
      expect(all[0]).toMatch(/^ {2}CONTEXT +IDENTIFIER +STATUS +DURATION +COMMAND$/u);
      expect(all[1]).toMatch(/^ {2}session +a-rather-long-identifier +terminated +1h +make x+…$/u);
      expect(text).toContain(
        '\n    id: 2c559c93  pid: 12345  clients: 0  branch: main  windows/panes: 1/1\n',
      );
      expect(text).toContain(`\n    dir: ${dir}\n`);
      expect(text).toMatch(/\n {4}command: make x+…?\n {4}name: gs-run-big-20261121110000\n/u);
      expect(text).toMatch(/ true\n {4}id: [^]*\n {4}dir: \/w\n {4}reason: lost: x$/u);
      expect(text).not.toMatch(/message|saved:|crqs/u);
    });

    test('where it fits: one row, directories cut from the left, and no empty column', () => {
      const all = lines([row()], { verbose: true, width: 170 });
      expect(all[0]).toMatch(/COMMAND +ID +NAME +DIR +PID +CLIENTS +BRANCH +WINDOWS\/PANES$/u);
      expect(all).toHaveLength(2);
      expect(all[1]).toMatch(
        / a-rather-long-identifier +terminated .*… +2c559c93 .* …\S*\/server +12345 +0 +main +1\/1$/u,
      );
      for (const line of all) expect(widthOf(line)).toBeLessThanOrEqual(170);
    });

    test('a place that is too long is cut from the left there too', () => {
      const all = lines([row()], { verbose: true, width: 40 });
      for (const line of all) expect(widthOf(line)).toBeLessThanOrEqual(40);
      expect(all.join('\n')).toMatch(/\n {4}dir: …\S*deep\/server$/u);
    });
  });

  test('identifier and status are whole where the command can give way', () => {
    const label = 'i'.repeat(30);
    const [, line] = lines([running({ label, command: 'c'.repeat(99), context: 'context' })], { width: 70 });
    expect(line).toMatch(/^ {2}context {2}i{30} {2}running {2}1h {8}c+…$/u);
  });

  test('C2: the session one is in has a mark', () => {
    const rows = [running({ current: true }), listed()];
    expect(lines(rows).map((l) => l.slice(0, 9))).toEqual(['  CONTEXT', '● session', '  session']);
    expect(lines(rows, { ascii: true })[1]).toMatch(/^\* session/u);
  });

  test.each([
    [{ startedAt: '2026-11-21T10:35:00.000Z' }, '1h 25m'],
    [{ startedAt: '2026-11-21T11:15:00.000Z' }, '45m'],
    [{ startedAt: '2026-11-21T11:59:48.000Z' }, '12s'],
    [{ startedAt: '2026-11-18T08:00:00.000Z' }, '3d 4h'],
    [{ startedAt: '2026-11-20T11:59:00.000Z' }, '1d'],
    [{ startedAt: '2026-11-21T12:01:00.000Z' }, '0s'],
    [{ ...ended, startedAt: '2026-11-21T08:00:00.000Z', endedAt: '2026-11-21T10:15:00.000Z' }, '2h 15m'],
    [{ ...ended, startedAt: '2026-11-21T08:00:00.000Z', saved: null }, ''],
    // Nobody saw it end: when something was known of it last.
    [
      { ...ended, startedAt: '2026-11-21T08:00:00.000Z', lastAccessedAt: '2026-11-21T11:15:00.000Z' },
      '45m ago',
    ],
  ])('C3: the duration of %j is %s', (change, text) => {
    const [header, line] = lines([running({ command: null, ...change })]);
    expect(line!.slice(header!.indexOf('DURATION')).trim()).toBe(text);
  });

  test('C4: --verbose tells more, and why something failed', () => {
    const failed = running({ ...ended, kind: 'run', status: 'failed', exitCode: 3 });
    const lost = running({ ...ended, kind: 'run', status: 'failed', reason: 'it was never started' });
    const [header, ...others] = lines([failed, lost], { verbose: true });
    expect(header).toMatch(
      /COMMAND +ID +NAME +DIR +PID +CLIENTS +BRANCH +WINDOWS\/PANES +SAVED +CRQS +MESSAGE +REASON$/u,
    );
    expect(others).toEqual([
      expect.stringMatching(/exit code 3$/u),
      expect.stringMatching(/never started$/u),
    ]);
  });

  test('B1: hostile names, commands, branches and messages are visible', () => {
    const hostile = 'a\u001b]0;x\u0007\u009d\u202e\nsecond line';
    const row = running({
      ...{ label: hostile, name: hostile, context: hostile, command: hostile, branch: hostile },
      ...{
        workingDir: hostile,
        reason: hostile,
        crqs: [{ id: hostile, title: null, status: null, path: null }],
      },
      saved: { ...saved, message: hostile },
    });
    const text = [...lines([row], { verbose: true }), ...shortLines([row], NOW)].join('\n');
    expect(text).not.toMatch(/[\p{Cf}\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
    expect(text).toContain('<U+202E>');
    expect(text).not.toMatch(/^second line/mu);
  });

  test('what is damaged has a row that says so, and what it is addressed by', () => {
    const error = new DamagedSnapshotError('x');
    expect(lines([listed({ status: 'damaged', command: null, error })])[1]).toMatch(
      /^ {2}session +work +damaged +\dy ago +\(work\/id\)$/u,
    );
    expect(lines([listed({ status: 'newer-format', error })])[1]).toContain('newer format');
  });

  test('O2: --short is an id, a name, a time and a status', () => {
    expect(shortLines([running({ id: '2c559c93-0000-4000-8000-000000000000' }), listed()], NOW)).toEqual([
      expect.stringMatching(/^2c559c93 - work \(\d\d:\d\d:\d\d\) \[running\]$/u),
      expect.stringMatching(/^-{8} - work \(20(?:19-12-31|20-01-01) \d\d:\d\d:\d\d\) \[saved\]$/u),
    ]);
  });

  test('no rows make no lines but the header, an empty table none', () => {
    expect(lines([])).toHaveLength(1);
    expect(table([], 80)).toEqual([]);
  });
});

describe('times', () => {
  const now = Date.parse('2026-11-21T12:00:00Z');
  test.each([
    ['2026-11-21T12:00:00Z', '0s ago'],
    ['2026-11-21T11:59:30Z', '30s ago'],
    ['2026-11-21T11:15:00Z', '45m ago'],
    ['2026-11-21T10:00:00Z', '2h ago'],
    ['2026-11-18T12:00:00Z', '3d ago'],
    ['2026-11-01T12:00:00Z', '2w ago'],
    ['2026-06-01T12:00:00Z', '5mo ago'],
    ['2020-11-21T12:00:00Z', '6y ago'],
    // Another machine's clock.
    ['2026-11-21T12:05:00Z', 'in 5m'],
    // The schema allows a date that there is not.
    ['2026-99-99T00:00:00.000Z', '2026-99-99T00:00:00.000Z'],
  ])('%s is %s', (iso, text) => {
    expect(ago(iso, now)).toBe(text);
  });

  test("dates are git's, in the reader's time zone", () => {
    expect(date('2026-11-05T08:09:07.000Z')).toMatch(
      /^[A-Z][a-z]{2} Nov \d{1,2} \d\d:\d\d:07 2026 [+-]\d{4}$/u,
    );
    expect(date('2026-99-99T00:00:00.000Z')).toBe('2026-99-99T00:00:00.000Z');
  });
});

describe('the locale', () => {
  test.each([
    [{ LANG: 'C.UTF-8' }, false],
    [{ LANG: 'en_US.utf8' }, false],
    [{ LANG: 'en_US.UTF-8', LC_ALL: 'C' }, true],
    [{ LANG: 'C', LC_CTYPE: 'de_DE.UTF-8' }, false],
    [{ LANG: 'en_US.UTF-8', LC_ALL: '' }, false],
    [{}, true],
  ])('%j', (env, ascii) => {
    expect(isAscii(env)).toBe(ascii);
  });
});

describe("the pager is git's", () => {
  test.each([
    ['nothing set: what git says', null, undefined, 'less', 'less'],
    ['switched off', 'false', undefined, 'less', ''],
    ['switched off by an empty value', '', undefined, 'less', ''],
    ['switched on', 'true', undefined, 'less', 'less'],
    ['another program', 'most -s', undefined, 'less', 'most -s'],
    ['GIT_PAGER comes first', 'most', 'more', 'more', 'more'],
    ['git knows none', null, undefined, null, ''],
  ])('%s', (_, configured, environment, usual, expected) => {
    expect(pagerOf(configured, environment, usual)).toBe(expected);
  });
});

describe('-n', () => {
  test.each(['x', '-1', '1.5', '1e3', ''])('refuses %j', (text) => {
    expect(() => parseCount(text)).toThrow('-n takes a number');
  });
  test('takes a number', () => {
    expect([parseCount('0'), parseCount('25'), parseCount(undefined)]).toEqual([0, 25, null]);
  });
});
