import { describe, expect, test } from 'vitest';
import { parseCount } from '../../src/cli/count.ts';
import { listLines } from '../../src/cli/session-rows.ts';
import { ago, date, isAscii, table } from '../../src/cli/table.ts';
import { DamagedSnapshotError } from '../../src/session/errors.ts';
import type { SessionRow } from '../../src/flow/listing.ts';
import { pagerOf } from '../../src/flow/pager.ts';
import { widthOf } from '../../src/session/width.ts';
import { plainSnapshot } from '../support/forge.ts';

function row(change: Partial<SessionRow> = {}): SessionRow {
  return {
    ...{
      label: 'work',
      name: 'work',
      remote: null,
      status: 'saved',
      snapshot: 'work/id',
      ref: 'r',
      oid: 'o',
    },
    ...{ context: null, snapshots: 1, savedAt: '2020-01-01T00:00:00.000Z', content: plainSnapshot(null) },
    ...{ crqs: [], live: null, error: null },
    ...change,
  };
}

describe('S13, R9: the table', () => {
  test('columns are as wide as their contents, and a pipe cuts nothing', () => {
    const message = 'm'.repeat(500);
    const rows = [
      row({ content: { ...plainSnapshot(null), message } }),
      row({ label: '日本', name: '日本' }),
    ];
    const [header, first, second] = listLines(rows, null);
    expect(header).toMatch(/^NAME +STATUS +SAVED +BRANCH +WINDOWS\/PANES +CRQS +MESSAGE$/u);
    expect(first).toContain(message);
    expect(first!.indexOf('saved')).toBe(header!.indexOf('STATUS'));
    expect(widthOf(second!.slice(0, second!.indexOf('saved')))).toBe(header!.indexOf('STATUS'));
  });

  test('a terminal gets what fits, and sees where something is left out', () => {
    const rows = [row({ content: { ...plainSnapshot(null), message: 'm'.repeat(500) } })];
    for (const line of listLines(rows, 70)) expect(widthOf(line)).toBeLessThanOrEqual(70);
    expect(listLines(rows, 70)[1]).toMatch(/…$/u);
    for (const line of listLines(rows, 20)) expect(widthOf(line)).toBeLessThanOrEqual(20);
  });

  test('C2: the session one is in has a mark', () => {
    const live = { name: 'work', createdAt: 0, attachedClients: 1, current: true };
    const lines = listLines([row({ live, status: 'running' }), row()], null, false);
    expect(lines.map((l) => l.slice(0, 6))).toEqual(['  NAME', '● work', '  work']);
    expect(listLines([row({ live })], null, true)[1]).toMatch(/^\* work/u);
  });

  test('B1: hostile names, branches and messages are visible', () => {
    const content = { ...plainSnapshot('a'.repeat(40)), message: 'a\u001b]0;x\u0007\nsecond line' };
    content.git.branch = 'b\u202e';
    const text = listLines([row({ label: 'refs\u009d', content })], null).join('\n');
    expect(text).not.toMatch(/[\p{Cf}\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
    expect(text).toContain('<U+202E>');
    expect(text).not.toContain('second line');
  });

  test('what is damaged has a row that says so', () => {
    const error = new DamagedSnapshotError('x');
    expect(listLines([row({ status: 'damaged', content: null, error })], null)[1]).toMatch(
      /^work +damaged +\dy ago.*work\/id$/u,
    );
    expect(listLines([row({ status: 'newer-format', content: null, error })], null)[1]).toContain(
      'newer format',
    );
  });

  test('no rows make no lines but the header, an empty table none', () => {
    expect(listLines([], null)).toHaveLength(1);
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
