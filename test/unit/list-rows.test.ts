import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseInterval, parseSort, parseStatuses } from '../../src/cli/list-options.ts';
import { frameOf } from '../../src/cli/list-watch.ts';
import { csvRecords, rowJson } from '../../src/cli/session-rows.ts';
import { frame } from '../../src/cli/watch-screen.ts';
import { csv } from '../../src/session/csv.ts';
import {
  distinctLabels,
  type Listed,
  partsOfName,
  runTime,
  type SortKey,
  sortListed,
} from '../../src/session/listed.ts';
import { widthOf } from '../../src/session/width.ts';
import { ended, listed, running, saved } from '../support/listed.ts';

const NOW = Date.parse('2026-11-21T12:00:00.000Z');

describe('C9: the order', () => {
  const at = (hour: number) => `2026-11-21T${String(hour).padStart(2, '0')}:00:00.000Z`;
  const rows = [
    listed({ label: 'old', saved: { ...saved, savedAt: at(1) } }),
    running({ label: 'first', startedAt: at(2), context: 'test', status: 'detached' }),
    running({ ...ended, label: 'done', startedAt: at(3), endedAt: at(9), context: 'run' }),
    listed({ label: 'new', saved: { ...saved, savedAt: at(10) } }),
    running({ label: 'stranger', startedAt: at(11), status: 'unmanaged' }),
    running({ label: 'last', startedAt: at(4) }),
  ];
  const order = (key: SortKey | null) => sortListed(rows, key, NOW).map((r) => r.label);

  test.each([
    [null, ['last', 'first', 'stranger', 'done', 'new', 'old']],
    ['duration' as const, ['first', 'last', 'done', 'stranger', 'new', 'old']],
    ['task' as const, ['done', 'first', 'last', 'new', 'old', 'stranger']],
    ['context' as const, ['done', 'last', 'stranger', 'new', 'old', 'first']],
    ['status' as const, ['last', 'first', 'done', 'new', 'old', 'stranger']],
    ['started' as const, ['stranger', 'last', 'done', 'first', 'new', 'old']],
  ])('%s', (key, expected) => {
    expect(order(key)).toEqual(expected);
  });
});

describe('C5: how long a session runs, or ran', () => {
  const startedAt = '2026-11-21T10:00:00.000Z';
  test.each<[string, Partial<Listed>, number | null]>([
    ['until now', { startedAt, alive: true }, NOW - Date.parse(startedAt)],
    ['until its end', { startedAt, endedAt: '2026-11-21T10:00:05.000Z' }, 5000],
    ['an end that is before its start', { startedAt, endedAt: '2026-11-21T09:00:00.000Z' }, 0],
    ['an end that nobody knows', { startedAt }, null],
    ['no start', {}, null],
    ['no time', { startedAt: 'yesterday', alive: true }, null],
  ])('%s', (_, change, expected) => {
    expect(runTime(listed(change), NOW)).toBe(expected);
  });
});

describe('what a session is called', () => {
  test.each([
    ['gs-task-api-dev-20261121101112', { context: 'task', identifier: 'api-dev' }],
    ['work', { context: 'session', identifier: 'work' }],
    [null, { context: 'session', identifier: null }],
  ])('N1 the parts of %s', (name, expected) => {
    expect(partsOfName(name)).toEqual(expected);
  });

  test('the identifier where it is alone, else the full name', () => {
    expect(distinctLabels([['tests', 'gs-run-tests-1'], ['api'], ['build', 'gs-run-build-1']])).toEqual([
      ...['tests', 'api', 'build'],
    ]);
    expect(
      distinctLabels([
        ['tests', 'gs-run-tests-1'],
        ['tests', 'gs-run-tests-2'],
      ]),
    ).toEqual([...['gs-run-tests-1', 'gs-run-tests-2']]);
    expect(distinctLabels([['api', 'gs-run-api-1'], ['api']])).toEqual(['gs-run-api-1', 'api']);
    expect(distinctLabels([['same', 'same']])).toEqual(['same']);
  });
});

describe('C8: the words of options', () => {
  test('--filter takes statuses, and names them where it is given something else', () => {
    expect(parseStatuses(['running', 'failed'])).toEqual(['running', 'failed']);
    expect(parseStatuses(['running,failed', 'saved'])).toEqual(['running', 'failed', 'saved']);
    expect(() => parseStatuses(['running,'])).toThrow("--filter does not know ''");
    expect(() => parseStatuses(['runing'])).toThrow("--filter does not know 'runing'");
    expect(() => parseSort('size')).toThrow("--sort does not know 'size'");
    expect(parseSort(undefined)).toBeNull();
  });

  test.each(['0', '0.05', 'x', '', '-1', '1e3', '86401'])('--interval refuses %j', (text) => {
    expect(() => parseInterval(text)).toThrow('--interval takes seconds');
  });
  test('--interval takes seconds', () => {
    expect([parseInterval(), parseInterval('0.1'), parseInterval('5')]).toEqual([2000, 100, 5000]);
  });
});

/** As RFC 4180 says, and nothing else: what is written here is independent of what writes. */
function parseCsv(text: string): string[][] {
  const records: string[][] = [];
  let at = 0;
  while (at < text.length) {
    const record: string[] = [];
    for (;;) {
      const m = /"((?:[^"]|"")*)"|([^",\r\n]*)/uy;
      m.lastIndex = at;
      const found = m.exec(text)!;
      record.push(found[1] === undefined ? found[2]! : found[1].replaceAll('""', '"'));
      at = m.lastIndex;
      if (text[at] !== ',') break;
      at++;
    }
    if (text.slice(at, at + 2) !== '\r\n') throw new Error(`no line break at ${at}`);
    at += 2;
    records.push(record);
  }
  return records;
}

describe('C6: --csv', () => {
  const field = fc.string({ unit: fc.constantFrom('"', ',', '\r', '\n', ' ', '=', 'a', 'é', '\u202e') });

  test('every value comes back from RFC 4180 as it was', () => {
    fc.assert(
      fc.property(
        fc
          .integer({ min: 1, max: 4 })
          .chain((n) => fc.array(fc.array(field, { minLength: n, maxLength: n }))),
        (records) => {
          expect(parseCsv(csv(records))).toEqual(records);
        },
      ),
    );
  });

  test('only what needs quotes has them', () => {
    expect(csv([['a b', 'a,b', 'a"b', 'a\nb', '']])).toBe('a b,"a,b","a""b","a\nb",\r\n');
  });

  test('one record for each session behind the names of the fields', () => {
    const [header, record] = csvRecords([running({ label: 'x', command: '=1+1', exitCode: 0 })], NOW);
    expect(record).toHaveLength(header!.length);
    const values = Object.fromEntries(header!.map((name, i) => [name, record![i]]));
    expect(values).toMatchObject({
      ...{ command: '=1+1', exit_code: '0', duration_seconds: '3600', snapshot: '', current: 'false' },
    });
  });
});

describe('S13, S15, S17: --json', () => {
  test('every name is there, also of what is only saved', () => {
    const names = [
      ...['id', 'session_name', 'context', 'identifier', 'working_dir', 'command', 'pid', 'start_time'],
      ...[
        'status',
        'history_size',
        'metadata',
        'exit_code',
        'reason',
        'end_time',
        'created_at',
        'kind',
        'argv',
      ],
      ...['last_accessed_at', 'last_attached_at', 'attached_clients', 'worktree', 'agent', 'config'],
    ];
    for (const row of [listed(), running()]) {
      expect(Object.keys(rowJson(row))).toEqual(expect.arrayContaining(names));
    }
    expect(rowJson(running({ ai: true, workingDir: '/w' })).config).toEqual({
      ...{ name: 'work', working_dir: '/w', ai: true },
    });
  });
});

describe('C7: what --watch draws', () => {
  const listing = (rows: Listed[], change = {}) => ({
    ...{ rows, now: NOW, serverRuns: true, tmuxProblem: null, broken: [] },
    ...change,
  });
  const options = { verbose: false, intervalMs: 2000 };

  test.each([
    [1, 40],
    [2, 40],
    [5, 40],
    [5, 9],
    [30, 1],
  ])('%d rows of %d columns hold it', (rows, columns) => {
    const many = Array.from({ length: 20 }, (_, i) =>
      running({ label: `session-${i}`, command: 'x'.repeat(99) }),
    );
    const lines = frameOf(listing(many), { rows, columns }, options);
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
  });

  test('it says how many are left out', () => {
    const many = Array.from({ length: 20 }, (_, i) => running({ label: `session-${i}` }));
    const lines = frameOf(listing(many), { rows: 10, columns: 80 }, options);
    expect(lines).toHaveLength(10);
    expect(lines.at(-1)).toBe('  and 13 more');
    expect(frameOf(listing(many), { rows: 22, columns: 80 }, options).at(-1)).toContain('session-19');
  });

  test('it says where no server runs, and what is wrong with tmux, visibly', () => {
    const [head] = frameOf(listing([], { serverRuns: false }), { rows: 5, columns: 80 }, options);
    expect(head).toContain('no tmux server runs');
    const [other] = frameOf(listing([], { tmuxProblem: 'a\u001b[2J' }), { rows: 5, columns: 99 }, options);
    expect(other).toContain("can't tell what is running: a\\x1b[2J");
  });

  test('a frame goes over the one before, line by line', () => {
    expect(frame(['a', 'b', 'c'], 2)).toBe('\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J');
  });
});
