import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { crc32 } from '../../src/session/checksum.ts';
import { canonicalJson } from '../../src/session/codec.ts';
import {
  decodeRecord,
  encodeRecord,
  fold,
  inOrder,
  type LogRecord,
  MAX_CLOCK,
  MAX_RECORD_BYTES,
  mergeRecords,
  missingRecords,
  nextClock,
  scanLog,
} from '../../src/session/event-log.ts';
import { parseEvent } from '../../src/session/event-schema.ts';
import type { SessionEvent } from '../../src/session/lifecycle.ts';
import {
  anyEvent,
  anyRecord,
  executed,
  logOf,
  OTHER_SESSION,
  record,
  SESSION,
} from '../support/log-records.ts';

const lineOf = (r: LogRecord) => encodeRecord(r).slice(0, -1);

/** A line with a right checksum, whatever it says. */
function signed(body: string): string {
  const bytes = Buffer.from(body);
  const sum = crc32(bytes, 0, bytes.length).toString(16).padStart(8, '0');
  return `${body.slice(0, -1)},"sum":"${sum}"}`;
}

function forged(change: Record<string, unknown>): string {
  const { event, ...rest } = record(1);
  return signed(canonicalJson({ ...rest, ...event, ...change }));
}

/** The numbers come out the same on every run. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('one record', () => {
  it('E6: is read as it was written, whatever it says', () => {
    fc.assert(
      fc.property(anyRecord, (r) => {
        const line = encodeRecord(r);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(decodeRecord(line.slice(0, -1))).toEqual(r);
        expect(encodeRecord(decodeRecord(line.slice(0, -1))!)).toBe(line);
      }),
      { numRuns: 500 },
    );
  });

  it('is canonical JSON with a checksum as its last key', () => {
    fc.assert(
      fc.property(anyRecord, (r) => {
        const { event, ...rest } = r;
        const body = canonicalJson({ ...rest, type: event.type, data: event.data });
        expect(encodeRecord(r)).toBe(`${signed(body)}\n`);
      }),
    );
  });

  it('has the CRC-32 that everybody has', () => {
    const bytes = Buffer.from('123456789');
    expect(crc32(bytes, 0, 9)).toBe(0xcbf43926);
    expect(crc32(bytes, 4, 9, crc32(bytes, 0, 4))).toBe(0xcbf43926);
    expect(crc32(bytes, 0, 0)).toBe(0);
  });

  it.each([
    ['another version', { version: 2 }],
    ['a session that is no id', { session: '../x' }],
    ['a session that is a number', { session: 1 }],
    ['no clone', { clone: '' }],
    ['a sequence of 0', { sequence: 0 }],
    ['a sequence that is no whole number', { sequence: 1.5 }],
    ['a sequence that is not exact any more', { sequence: 2 ** 53 }],
    ['a clock that is text', { clock: '1' }],
    ['a clock behind the end of the calendar', { clock: MAX_CLOCK + 1 }],
    ['a time that is none', { at: 'yesterday' }],
    ['a time that is far too long', { at: '2'.repeat(10_000) }],
    ['an unknown type', { type: 'exploded' }],
    ['a type that every object has', { type: 'constructor' }],
    ['no data', { data: null }],
    ['data of another event', { type: 'paused', data: {} }],
    ['results that are too deep', { type: 'analysis-completed', data: { results: nested(33) } }],
  ])('F4: %s is refused, right checksum or not', (_, change) => {
    expect(decodeRecord(forged({}))).toEqual(record(1));
    expect(decodeRecord(forged(change))).toBeNull();
  });

  it.each([['null'], ['[]'], ['5'], ['"x"'], ['{}'], ['{"version":1}'], ['{"version":1,}'], [''], ['}']])(
    'F4: %s is no record',
    (text) => {
      expect(decodeRecord(text)).toBeNull();
      expect(decodeRecord(signed(text))).toBeNull();
    },
  );

  it('V11: what a later version adds is left out, and the rest is read', () => {
    expect(decodeRecord(forged({ host: 'x', data: { name: 'n', more: [1] } }))).toEqual(
      record(1, { event: { type: 'started', data: { name: 'n' } } }),
    );
  });

  it('Z7: the fast way to check an event says what the schema says', () => {
    const odd = fc.oneof(
      fc.constantFrom(null, true, 0, -1, 1.5, NaN, Infinity, 2 ** 53, '', 'x'.repeat(5000), [], ['x'], [1]),
      fc.anything(),
    );
    const touched = fc.tuple(anyEvent, fc.string(), odd, fc.nat({ max: 9 })).map(([event, key, value, n]) => {
      const data = structuredClone(event.data) as Record<string, unknown>;
      const inner = n > 4 && typeof data['changes'] === 'object' ? (data['changes'] as typeof data) : data;
      const keys = [...Object.keys(inner), key];
      if (n % 5 === 4) delete inner[keys[0]!];
      else inner[keys[n % keys.length]!] = value;
      return { type: event.type, data };
    });
    fc.assert(
      fc.property(fc.oneof(touched, anyEvent), ({ type, data }) => {
        // With one more key it goes to the schema, which leaves that key out.
        const bySchema = parseEvent(type, { ...data, ' no key of ours ': 1 });
        expect(parseEvent(type, data)).toEqual(bySchema);
      }),
      { numRuns: 3000 },
    );
  });

  it('Z7: the fast way to read a line says what JSON and the schema say, whatever is in it', () => {
    const fields = ['at', 'clock', 'clone', 'sequence', 'session', 'type', 'version'];
    const data = ['command', 'durationMs', 'exitCode', 'success'];
    const number = fc.constantFrom('0', '-0', '-1', '1', '01', '1.0', '1e3', '2147483648', '', '+1', ' 1');
    const large = fc.constantFrom(`${MAX_CLOCK}`, `${MAX_CLOCK + 1}`, '999999999999999', '9'.repeat(16));
    const text = fc.constantFrom(
      ...[
        '"x"',
        '"\\n"',
        '"\\u0041"',
        '"ü"',
        '"\x7f"',
        '"a b!#~"',
        '"\t"',
        '"""',
        '"\\"',
        '"command-executed"',
      ],
      ...[4096, 4097].map((n) => `"${'x'.repeat(n)}"`),
      ...['null', 'true', '[]', '{}'],
    );
    const value = fc.oneof(number, large, text);
    const change = fc.tuple(fc.constantFrom(...fields, ...data), value);
    const line = fc.tuple(fc.array(change, { maxLength: 2 }), fc.boolean()).map(([changes, more]) => {
      const { event, ...rest } = record(2);
      const values = (of: object) =>
        Object.entries(of).map(([key, own]): [string, string] => [
          key,
          changes.find(([name]) => name === key)?.[1] ?? JSON.stringify(own),
        ]);
      const object = (entries: [string, string][]) =>
        `{${entries
          .toSorted(([x], [y]) => (x < y ? -1 : 1))
          .map(([key, own]) => `"${key}":${own}`)
          .join(',')}}`;
      const inner = object([...values(event.data), ...(more ? [['more', '1'] as [string, string]] : [])]);
      return signed(object([...values({ ...rest, type: event.type }), ['data', inner]]));
    });
    const wrong = fc.tuple(line, fc.nat(), fc.integer({ min: 32, max: 126 })).map(([whole, at, sign]) => {
      const place = at % whole.length;
      return whole.slice(0, place) + String.fromCodePoint(sign) + whole.slice(place + 1);
    });
    const written = anyRecord.map((r) => encodeRecord(r).slice(0, -1));
    fc.assert(
      fc.property(fc.array(fc.oneof(line, line, wrong, written), { minLength: 1, maxLength: 4 }), (lines) => {
        const { records, damaged, tail } = scanLog(Buffer.from(lines.map((l) => `${l}\n`).join('')));
        const one = lines.map((l) => decodeRecord(l));
        expect(records).toEqual(one.filter((r) => r !== null));
        expect(damaged.map((d) => d.line)).toEqual(one.flatMap((r, i) => (r === null ? [i + 1] : [])));
        expect(tail).toBeNull();
      }),
      { numRuns: 5000 },
    );
    // And it is the way that is taken.
    const parse = vi.spyOn(JSON, 'parse');
    expect(scanLog(logOf([record(2), record(3)])).records).toEqual([record(2), record(3)]);
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });
});

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

describe('a log, whatever its bytes are', () => {
  const records = Array.from({ length: 12 }, (_, i) =>
    record(i + 1, i === 5 ? { event: executed('echo "ü \u{1f600} \ufffd \\n"') } : {}),
  );
  const bytes = logOf(records);

  it('F2, F3: cut at every byte: exactly the records before are there, and the rest is told', () => {
    let whole = 0;
    for (let cut = 0; cut <= bytes.length; cut++) {
      const found = scanLog(bytes.subarray(0, cut));
      if (cut > 0 && bytes[cut - 1] === 10) whole++;
      const start = bytes.lastIndexOf(10, cut - 1) + 1;
      // The last one may lack its line end only.
      const isRecord = bytes[cut] === 10 && cut > start;
      expect(found.records).toEqual(records.slice(0, whole + (isRecord ? 1 : 0)));
      expect(found.damaged).toEqual([]);
      expect(found.tail).toEqual(
        cut === 0 || start === cut ? null : { offset: start, length: cut - start, isRecord },
      );
    }
    expect(whole).toBe(records.length);
  });

  it('F4: 20,000 flipped bits: never a record that was not written, and every one is told', () => {
    const next = random(1);
    const written = records.map((r) => encodeRecord(r));
    for (let n = 0; n < 20_000; n++) {
      const changed = Buffer.from(bytes);
      const [at, bit] = [Math.floor(next() * bytes.length), Math.floor(next() * 8)];
      changed[at] = changed[at]! ^ (1 << bit);
      const { records: found, damaged, tail } = scanLog(changed);
      const texts = found.map((r) => encodeRecord(r));
      // In order, each once, and no more than two lost: a line end joins two lines.
      const kept = written.filter((text) => texts.includes(text));
      expect(texts).toEqual(kept);
      expect(kept.length).toBeGreaterThanOrEqual(written.length - 2);
      expect(damaged.length + (tail === null ? 0 : 1)).toBeGreaterThan(0);
      for (const { line, offset, length } of damaged) {
        expect(offset + length).toBeGreaterThan(at);
        expect(offset).toBeLessThanOrEqual(at + 1);
        expect(line).toBeGreaterThan(0);
      }
    }
  });

  it('F4: damaged in many places at once, and any bytes at all: nothing is thrown', () => {
    const next = random(2);
    const written = new Set(records.map((r) => encodeRecord(r)));
    for (let n = 0; n < 2000; n++) {
      const changed = Buffer.from(bytes);
      for (let k = 0; k < 40; k++) changed[Math.floor(next() * bytes.length)] = Math.floor(next() * 256);
      const { records: found, damaged, tail } = scanLog(changed);
      for (const r of found) expect(written).toContain(encodeRecord(r));
      expect(damaged.length + (tail === null ? 0 : 1)).toBeGreaterThan(0);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (any) => {
        const { damaged, tail, records: found } = scanLog(any);
        expect(found).toEqual([]);
        const told = damaged.reduce((sum, d) => sum + d.length, tail?.length ?? 0);
        expect(told).toBe(any.length);
      }),
    );
  });

  it('F4: one damaged line hides no other, and its place is told', () => {
    const changed = Buffer.from(bytes);
    const at = bytes.indexOf('echo 9');
    changed[at] = 0x45;
    const { records: found, damaged } = scanLog(changed, 1000, 50);
    expect(found.map((r) => r.sequence)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12]);
    const start = bytes.lastIndexOf(10, at) + 1;
    const length = bytes.indexOf(10, at) + 1 - start;
    expect(damaged).toEqual([{ line: 58, offset: 1000 + start, length }]);
  });

  it('F4: one byte that turns into a sign which UTF-8 has not is told as well', () => {
    const one = logOf([record(1, { event: { type: 'paused', data: { reason: '\ufffd' } } })]);
    const at = one.indexOf('\ufffd');
    const broken = Buffer.concat([one.subarray(0, at), Buffer.from([0x80]), one.subarray(at + 3)]);
    expect(broken.toString('utf8')).toBe(one.toString('utf8'));
    expect(scanLog(broken)).toMatchObject({ records: [], damaged: [{ line: 1 }] });
  });

  it('V10: a record of another session counts as damage where one is asked for', () => {
    const mixed = logOf([record(1), record(2, { session: OTHER_SESSION }), record(3)]);
    expect(scanLog(mixed).records).toHaveLength(3);
    const found = scanLog(mixed, 0, 1, SESSION);
    expect(found.records.map((r) => r.sequence)).toEqual([1, 3]);
    expect(found.damaged.map((d) => d.line)).toEqual([2]);
  });

  it('E7: batches and lines longer than a batch are read alike', () => {
    const long = Array.from({ length: 40 }, (_, i) =>
      record(i + 1, {
        event: {
          type: 'analysis-completed',
          data: { results: 'ü'.repeat([3, 100, 40_000, 200_000][i % 4]!) },
        },
      }),
    );
    const all = logOf(long);
    expect(scanLog(all).records).toEqual(long);
    const damaged = Buffer.from(all);
    damaged[all.length - 100] = 0;
    expect(scanLog(damaged).records).toEqual(long.slice(0, -1));
  });

  it('D2: a line that is too long is not even decoded', () => {
    const huge = Buffer.alloc(MAX_RECORD_BYTES + 10, 'x');
    expect(scanLog(Buffer.concat([huge, Buffer.from('\n'), bytes])).damaged).toEqual([
      { line: 1, offset: 0, length: huge.length + 1 },
    ]);
    const most = record(1, { event: { type: 'analysis-completed', data: { results: '' } } });
    const room = MAX_RECORD_BYTES - encodeRecord(most).length;
    const fit = {
      ...most,
      event: { type: 'analysis-completed', data: { results: 'y'.repeat(room) } } as const,
    };
    const over = {
      ...most,
      event: { type: 'analysis-completed', data: { results: 'y'.repeat(room + 1) } } as const,
    };
    expect(scanLog(logOf([fit, over]))).toMatchObject({ records: [fit], damaged: [{ line: 2 }] });
  });
});

describe('records of several clones', () => {
  const a = [record(1), record(2), record(4)];
  const b = [
    record(1, { clone: 'b', clock: record(2).clock }),
    record(2, { clone: 'b', clock: record(3).clock }),
  ];

  it('E6: are merged each once, by their clocks, in whatever order they come', () => {
    const merged = mergeRecords([a, b]);
    expect(merged.map((r) => `${r.clone}${r.sequence}`)).toEqual(['a1', 'a2', 'b1', 'b2', 'a4']);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(anyRecord, fc.nat({ max: 2 }), fc.nat({ max: 5 }), fc.nat({ max: 4 })), {
          maxLength: 30,
        }),
        fc.infiniteStream(fc.nat()),
        (given, numbers) => {
          const all = given.map(([r, clone, sequence, clock]) => ({
            ...{ ...r, session: SESSION, clone: 'abc'[clone]! },
            ...{ sequence: sequence + 1, clock: clock + 1 },
          }));
          const once = mergeRecords([all]);
          const shuffled = all.toSorted(() => (numbers.next().value % 3) - 1);
          const half = shuffled.splice(0, shuffled.length / 2);
          expect(mergeRecords([half, once, shuffled])).toEqual(once);
          expect(mergeRecords([once])).toEqual(once);
          expect(once).toEqual(once.toSorted(inOrder));
          expect(new Set(once.map((r) => `${r.clone} ${r.sequence}`)).size).toBe(once.length);
          expect(fold(once)).toEqual(fold(mergeRecords([once, all])));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('E6: two that claim one place: every clone takes the same', () => {
    const other = record(2, { event: executed('echo other') });
    expect(mergeRecords([a, [other]])).toEqual(mergeRecords([[other], a]));
    expect(mergeRecords([a, [other]])).toHaveLength(3);
  });

  it('E4, E6: fold is total, and tells which event came too late', () => {
    const end = (clone: string, event: SessionEvent) => record(2, { clone, event });
    const { state, applied } = fold(
      mergeRecords([
        [record(1), end('a', { type: 'failed', data: { error: 'x' } })],
        [end('b', { type: 'failed', data: { error: 'y' } })],
      ]),
    );
    expect(state).toEqual({ name: 'failed', error: 'x' });
    expect(applied.map((r) => r.applied)).toEqual([true, true, false]);
    fc.assert(
      fc.property(fc.array(anyEvent), fc.nat(), (events, n) => {
        const all = events.map((event, i) => record(i + 1, { event }));
        const [before, after] = [all.slice(0, n % 5), all.slice(n % 5)];
        expect(fold(after, fold(before).state).state).toEqual(fold(all).state);
      }),
    );
  });

  it('F4: gaps are told, by clone', () => {
    expect(missingRecords([])).toEqual([]);
    expect(missingRecords([...a, ...b])).toEqual([{ clone: 'a', from: 3, to: 3 }]);
    expect(missingRecords([record(3), record(9, { clone: 'b' }), record(4), record(4)])).toEqual([
      { clone: 'a', from: 1, to: 2 },
      { clone: 'b', from: 1, to: 8 },
    ]);
  });

  it('F35: hostile clocks and numbers cost neither time nor memory, and lead to no clock that is none', () => {
    const far = record(Number.MAX_SAFE_INTEGER, { clone: 'z', clock: MAX_CLOCK });
    expect(decodeRecord(lineOf(far))).toEqual(far);
    expect(missingRecords([far])).toEqual([{ clone: 'z', from: 1, to: Number.MAX_SAFE_INTEGER - 1 }]);
    const merged = mergeRecords([[far], a]);
    expect(merged.at(-1)).toEqual(far);
    const clock = nextClock(Date.now(), merged.at(-1)!.clock);
    expect(decodeRecord(lineOf(record(5, { clock })))).toMatchObject({ sequence: 5, clock: MAX_CLOCK });
    expect(nextClock(50, 100)).toBe(101);
    expect(nextClock(500, 100)).toBe(500);
    expect(nextClock(-5, 0)).toBe(1);
  });
});
