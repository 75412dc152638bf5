import * as fc from 'fast-check';
import { canonicalize } from 'json-canonicalize';
import { describe, expect, it } from 'vitest';
import {
  canonicalJson,
  decodeSnapshot,
  encodeSnapshot,
  parseUntrusted,
  snapshotFromValue,
} from '../../src/session/codec.ts';
import {
  DamagedSnapshotError,
  SessionError,
  SnapshotTooLargeError,
  UnsupportedVersionError,
} from '../../src/session/errors.ts';
import { FORMAT_VERSION, MAX_DEPTH, MAX_SNAPSHOT_BYTES, type Snapshot } from '../../src/session/schema.ts';
import { anySnapshot } from '../support/arbitrary.ts';
import { plainPane, plainSnapshot, plainWindow, typedPane } from '../support/forge.ts';

const HEAD = 'a'.repeat(40);
const plain = () => plainSnapshot(HEAD);
const plainText = () => canonicalJson(plain());
const decodeText = (text: string) => decodeSnapshot(Buffer.from(text));
/** Changes the one place where `from` stands, so that a test can't change nothing. */
function changed(from: string, to: string, text = plainText()): string {
  expect(text.split(from)).toHaveLength(2);
  return text.replace(from, () => to);
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

/** Every object inside a value, as the path that leads to it. */
function objectsIn(value: unknown, at: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.entries(value).flatMap(([key, v]) =>
    objectsIn(v, [...at, Array.isArray(value) ? Number(key) : key]),
  );
  return Array.isArray(value) ? inner : [at, ...inner];
}

/** A snapshot with something in every list and every nullable object, so that every level of the schema is there. */
function fullSnapshot(): Snapshot {
  const snapshot = plain();
  snapshot.crqs = [{ id: 'CRQ-1', title: 't', status: 'Open', path: { base64: '/w==' } }];
  snapshot.git.remotes = [{ name: 'origin', url: 'https://example.org/x' }];
  snapshot.git.leftOut = [{ path: '.env', reason: 'secret' }];
  snapshot.redactions = [{ rule: 'r', where: 'w' }];
  snapshot.tmux.windows = [
    plainWindow({
      panes: [
        typedPane(['sleep', { base64: '/w==' }], {
          start: { argv: ['sleep', '1'] },
          dead: { status: 1 },
          processes: [{ pid: 2, ppid: 1, argv: ['sleep'] }],
          scrollback: { path: 'scrollback/0.0', lines: 1, bytes: 2, truncated: false },
        }),
        plainPane({ index: 1, start: { shell: 'vi' } }),
      ],
    }),
  ];
  return snapshot;
}

describe('K2, S8: encoding', () => {
  it('gives back any snapshot, from bytes that are their own canonical form', () => {
    fc.assert(
      fc.property(anySnapshot(), (snapshot) => {
        const bytes = encodeSnapshot(snapshot);
        expect(decodeSnapshot(bytes)).toEqual(snapshot);
        expect(canonicalize(JSON.parse(bytes.toString('utf8')))).toBe(bytes.toString('utf8'));
        expect(encodeSnapshot(decodeSnapshot(bytes))).toEqual(bytes);
      }),
      { numRuns: 300 },
    );
  });

  it('does not depend on the order in which keys were set', () => {
    const reversed = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(reversed);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([k, v]) => [k, reversed(v)]),
      );
    };
    fc.assert(
      fc.property(anySnapshot(), (snapshot) => {
        expect(encodeSnapshot(reversed(snapshot) as Snapshot)).toEqual(encodeSnapshot(snapshot));
      }),
      { numRuns: 50 },
    );
  });

  it('sorts keys by UTF-16 units and writes no space and no line break (RFC 8785)', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'ü' }], a: true, '\u{1f600}': 1, '\ufb33': 2 })).toBe(
      '{"a":true,"b":[1,{"c":"ü","d":null}],"\u{1f600}":1,"\ufb33":2}',
    );
    expect(encodeSnapshot(plain()).toString('utf8')).toMatch(/^\{"crqs":\[\],"env":\{\},.*\}$/u);
  });

  it('refuses what the schema refuses, and names the place but not the value', () => {
    const snapshot = plain();
    snapshot.env = { TOKEN: 'se\0cret' };
    const error = thrownBy(() => encodeSnapshot(snapshot)) as SessionError;
    expect(error).toBeInstanceOf(DamagedSnapshotError);
    expect(error.message).toBe('snapshot is not valid: bad value at env.TOKEN');
    expect(JSON.stringify(error)).not.toContain('cret');
  });

  it('D1: refuses a snapshot of more than 4 MiB and takes one of exactly that size', () => {
    const sized = (bytes: number): Snapshot => {
      const snapshot = plain();
      // Below the limit of a single text, which is 1 MiB.
      const words = ['a', 'b', 'c', 'd'].map((c) => c.repeat(1024 * 1024 - 1000));
      snapshot.tmux.windows = [plainWindow({ panes: [plainPane({ start: { argv: [...words, ''] } })] })];
      const rest = bytes - encodeSnapshot(snapshot).length;
      snapshot.tmux.windows = [
        plainWindow({ panes: [plainPane({ start: { argv: [...words, 'e'.repeat(rest)] } })] }),
      ];
      return snapshot;
    };
    const largest = encodeSnapshot(sized(MAX_SNAPSHOT_BYTES));
    expect(largest).toHaveLength(MAX_SNAPSHOT_BYTES);
    expect(() => decodeSnapshot(largest)).not.toThrow();
    expect(() => encodeSnapshot(sized(MAX_SNAPSHOT_BYTES + 1))).toThrow(SnapshotTooLargeError);
  });
});

describe('decoding bytes that another one made', () => {
  /** Each is JSON for the same or nearly the same value, and none is what our encoder writes. */
  const forms: [id: string, how: string, text: () => string][] = [
    ['D5', 'a space after it', () => `${plainText()} `],
    ['D5', 'a line break after it', () => `${plainText()}\n`],
    ['D5', 'a space in it', () => changed('"message":null', '"message": null')],
    [
      'D5',
      'keys out of order',
      () => changed('"bare":false,"branch":"main"', '"branch":"main","bare":false'),
    ],
    ['D5', 'the same key twice', () => changed('"message":null', '"message":"x","message":null')],
    [
      'D5',
      'the same key twice, once escaped',
      () => {
        const snapshot = plain();
        snapshot.tmux.windows = [plainWindow({ panes: [plainPane({ start: { argv: ['ls'] } })] })];
        return changed('"argv":["ls"]', '"\\u0061rgv":["rm"],"argv":["ls"]', canonicalJson(snapshot));
      },
    ],
    ['D5', 'an escape where none is needed', () => changed('"branch":"main"', '"branch":"m\\u0061in"')],
    ['D6', 'a byte order mark', () => `\ufeff${plainText()}`],
    ['D6', '1e400', () => changed('"createdAt":1790000000', '"createdAt":1e400')],
    ['D6', '-1e400', () => changed('"createdAt":1790000000', '"createdAt":-1e400')],
    ['D6', '2^53+1', () => changed('"createdAt":1790000000', '"createdAt":9007199254740993')],
    ['D6', '-0', () => changed('"attachedClients":0', '"attachedClients":-0')],
    ['D6', '0.0', () => changed('"attachedClients":0', '"attachedClients":0.0')],
    ['D6', '1.79e9', () => changed('"createdAt":1790000000', '"createdAt":1.79e9')],
    ['D6', 'a fraction', () => changed('"createdAt":1790000000', '"createdAt":1790000000.5')],
    ['D6', 'a lone surrogate, escaped', () => changed('"title":"title"', '"title":"\\ud800"')],
    ['D6', 'two low surrogates', () => changed('"title":"title"', '"title":"\\udc00\\udc00"')],
    ['D4', '__proto__ at the top', () => changed('"crqs":[]', '"__proto__":{"approved":true},"crqs":[]')],
    ['D4', '__proto__ inside', () => changed('"env":{}', '"env":{"__proto__":"x"}')],
    ['D4', 'constructor', () => changed('"env":{}', '"env":{"constructor":"x"}')],
    ['D8', 'NUL in a text', () => changed('"title":"title"', '"title":"\\u0000"')],
    ['D7', 'base64 of what is text', () => changed('"title":"title"', '"title":{"base64":"YQ=="}')],
    ['D7', 'base64 without padding', () => changed('"title":"title"', '"title":{"base64":"/w"}')],
    ['D7', 'base64 in the other alphabet', () => changed('"title":"title"', '"title":{"base64":"_w=="}')],
    ['D7', 'base64 with a line break', () => changed('"title":"title"', '"title":{"base64":"/w==\\n"}')],
    // 0xff 0x00: an argument or a path can hold no NUL, whatever its form.
    ['D8', 'NUL in base64', () => changed('"title":"title"', '"title":{"base64":"/wA="}')],
    ['A7', 'options of tmux', () => changed('"env":{}', '"env":{},"options":{"status-left":"#(id)"}')],
    ['E2', 'a variable name with =', () => changed('"env":{}', '"env":{"A=B":"c"}')],
    ['E2', 'a variable name with a line break', () => changed('"env":{}', '"env":{"A\\nB":"c"}')],
    ['C18', 'a worktree path', () => changed('"work":null', '"work":null,"worktree":"../../x"')],
    ['A21', 'a socket', () => changed('"tool":"0.1.0"', '"socket":"../../x","tool":"0.1.0"')],
    ['D6', 'a cut at the end', () => plainText().slice(0, -1)],
    ['D6', 'nothing', () => ''],
    ['D6', 'no JSON', () => 'snapshot'],
    ['D6', 'an array', () => '[]'],
    ['D6', 'null', () => 'null'],
    ['D6', 'a string', () => '"git-session/snapshot"'],
    ['D9', 'another format', () => changed('"git-session/snapshot"', '"other"')],
    ['D9', 'no version', () => changed('"version":1', '"versions":1')],
    ['D9', 'version 0', () => changed('"version":1', '"version":0')],
    ['D9', 'a version that is text', () => changed('"version":1', '"version":"1"')],
    ['D9', 'a version that is no integer', () => changed('"version":1', '"version":1.5')],
    ['S1', 'no window', () => canonicalJson({ ...plain(), tmux: { ...plain().tmux, windows: [] } })],
    ['S11', 'no tmux session', () => canonicalJson({ ...plain(), tmux: { ...plain().tmux, sessions: [] } })],
    ['C5', 'a hostile session name', () => changed('"name":"forged"},"state"', '"name":"../x"},"state"')],
  ];
  it.each(forms)('%s: %s is refused as damaged', (_, __, text) => {
    const error = thrownBy(() => decodeText(text()));
    expect(error).toBeInstanceOf(DamagedSnapshotError);
    expect((error as SessionError).exit).toBe(128);
  });

  it('D4: leaves Object.prototype alone', () => {
    expect(() => decodeText(changed('"crqs":[]', '"__proto__":{"approved":true},"crqs":[]'))).toThrow();
    expect((Object.prototype as { approved?: boolean }).approved).toBeUndefined();
  });

  it('D5: any byte that is put in, left out or changed is noticed', () => {
    const bytes = encodeSnapshot(fullSnapshot());
    const position = fc.nat({ max: bytes.length - 1 });
    const byte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...Buffer.from(' \n\t"\\{}[],:0-')));
    fc.assert(
      fc.property(position, byte, fc.constantFrom('insert', 'remove', 'change'), (at, value, how) => {
        const after = bytes.subarray(how === 'insert' ? at : at + 1);
        const mutant = Buffer.concat([
          bytes.subarray(0, at),
          Buffer.from(how === 'remove' ? [] : [value]),
          after,
        ]);
        if (mutant.equals(bytes)) return;
        let decoded: Snapshot;
        try {
          decoded = decodeSnapshot(mutant);
        } catch (error) {
          expect(error).toBeInstanceOf(SessionError);
          return;
        }
        // A letter of a title may change; what was read is then exactly what the bytes say.
        expect(encodeSnapshot(decoded)).toEqual(mutant);
      }),
      { numRuns: 3000 },
    );
  });

  it('D5: random bytes never raise anything but a SessionError', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.json().map((s) => Buffer.from(s)),
        ),
        (bytes) => {
          expect(thrownBy(() => decodeSnapshot(bytes))).toBeInstanceOf(SessionError);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['a bad byte', [0xff]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a cut character', [0xe2, 0x82]],
  ])('D6: %s in a string is refused, not replaced', (_, bad) => {
    const [before = '', after = ''] = plainText().split('"title":"title"');
    const bytes = Buffer.concat([
      Buffer.from(`${before}"title":"`),
      Buffer.from(bad),
      Buffer.from(`"${after}`),
    ]);
    expect(() => decodeSnapshot(bytes)).toThrow('not UTF-8');
  });

  it('F31: an unknown field is refused at every level of the schema, and the level is named', () => {
    const full = fullSnapshot();
    expect(() => decodeText(canonicalJson(full))).not.toThrow();
    const levels = objectsIn(full);
    // Each kind of object in the schema is among them.
    expect(new Set(levels.map((l) => l.filter((p) => typeof p === 'string').join('.'))).size).toBeGreaterThan(
      20,
    );
    for (const level of levels) {
      const copy = structuredClone(full);
      const target = level.reduce<Record<string, unknown>>(
        (o, p) => o[p] as Record<string, unknown>,
        copy as never,
      );
      target['surprise?'] = 1;
      const error = thrownBy(() => decodeText(canonicalJson(copy)));
      expect(error, level.join('.')).toBeInstanceOf(DamagedSnapshotError);
      expect((error as Error).message).toMatch(/unknown field in|bad value at/u);
    }
  });

  it('F31: a missing field is refused at every level', () => {
    const full = fullSnapshot();
    for (const level of objectsIn(full)) {
      const keys = Object.keys(level.reduce<object>((o, p) => (o as never)[p], full));
      for (const key of level[0] === 'env' ? [] : keys) {
        const copy = structuredClone(full);
        const target = level.reduce<Record<string, unknown>>(
          (o, p) => o[p] as Record<string, unknown>,
          copy as never,
        );
        delete target[key];
        expect(
          thrownBy(() => decodeText(canonicalJson(copy))),
          [...level, key].join('.'),
        ).toBeInstanceOf(DamagedSnapshotError);
      }
    }
  });

  it('names the place of a missing and of an unknown field', () => {
    const { message: _, ...without } = plain();
    expect(() => decodeText(canonicalJson(without))).toThrow('snapshot is damaged: missing field message');
    expect(() => decodeText(canonicalJson({ ...plain(), zzz: 1 }))).toThrow('unknown field in zzz');
    expect(() =>
      decodeText(changed('"active":true,"automaticRename"', '"active":1,"automaticRename"')),
    ).toThrow('bad value at tmux.windows.0.active');
  });

  it('D3: depth is bounded before anything is parsed', () => {
    const nested = (depth: number, open = '[', close = ']') =>
      Buffer.from(open.repeat(depth) + close.repeat(depth));
    expect(parseUntrusted(nested(MAX_DEPTH), 'x')).toBeInstanceOf(Array);
    expect(() => parseUntrusted(nested(MAX_DEPTH + 1), 'x')).toThrow('nested deeper than 32');
    expect(() => parseUntrusted(nested(100_000), 'x')).toThrow(DamagedSnapshotError);
    expect(() => parseUntrusted(nested(100_000, '{"a":', '}'), 'x')).toThrow(DamagedSnapshotError);
    expect(() => parseUntrusted(Buffer.from('['.repeat(1_000_000)), 'x')).toThrow(DamagedSnapshotError);
    expect(() => decodeSnapshot(nested(MAX_DEPTH + 1), 'x')).toThrow(DamagedSnapshotError);
  });

  it('D3: brackets in strings, also behind escaped quotes, are not depth', () => {
    const text = JSON.stringify({ a: '['.repeat(100), b: `\\"${'{'.repeat(100)}`, c: '\\\\' });
    expect(parseUntrusted(Buffer.from(text), 'x')).toEqual(JSON.parse(text));
    const siblings = `[${'[],'.repeat(100)}[]]`;
    expect(parseUntrusted(Buffer.from(siblings), 'x')).toHaveLength(101);
  });

  it('D2: more than 4 MiB is refused without being parsed', () => {
    const bytes = Buffer.alloc(MAX_SNAPSHOT_BYTES + 1, '[');
    const error = thrownBy(() => decodeSnapshot(bytes, 'snapshot abc of x')) as SessionError;
    expect(error).toBeInstanceOf(SnapshotTooLargeError);
    expect(error.message).toContain('snapshot abc of x has 4194305 bytes');
    expect(() => decodeSnapshot(Buffer.alloc(MAX_SNAPSHOT_BYTES, '['))).toThrow(DamagedSnapshotError);
  });

  it('D9, F31: a newer version is refused before its fields are looked at, and both versions are named', () => {
    const error = thrownBy(() =>
      decodeText(canonicalJson({ format: 'git-session/snapshot', version: 3, more: {} })),
    ) as SessionError;
    expect(error).toBeInstanceOf(UnsupportedVersionError);
    expect(error.message).toBe(`snapshot uses format 3; this git-session reads up to ${FORMAT_VERSION}`);
    expect(error.data).toEqual({ version: 3, supported: FORMAT_VERSION });
    expect(error.hints.join()).toContain('npm install');
  });

  it('hints at an older snapshot where one is damaged', () => {
    const error = thrownBy(() => decodeSnapshot(Buffer.from('x'), 'snapshot abc')) as SessionError;
    expect(error.message).toBe('snapshot abc is damaged: not JSON');
    expect(error.hints).toEqual(['an older snapshot may be whole: git session log']);
  });
});

describe('S9: a snapshot from a value', () => {
  it('takes any valid value, whatever the order of its keys', () => {
    fc.assert(
      fc.property(anySnapshot(), (snapshot) => {
        const value: unknown = JSON.parse(
          JSON.stringify(Object.fromEntries(Object.entries(snapshot).toReversed())),
        );
        expect(snapshotFromValue(value)).toEqual(snapshot);
      }),
      { numRuns: 50 },
    );
  });

  it('takes -0 for 0: a readable form need not be canonical', () => {
    const snapshot = plain();
    snapshot.tmux.sessions[0]!.attachedClients = -0;
    expect(Object.is(snapshotFromValue(snapshot).tmux.sessions[0]?.attachedClients, 0)).toBe(true);
  });

  it.each([
    ['null', null],
    ['a list', []],
    ['a string', 'x'],
    ['a date', new Date()],
    ['another format', { format: 'x' }],
    ['an unknown field', { ...plainSnapshot(HEAD), more: 1 }],
    ['an undefined field', { ...plainSnapshot(HEAD), message: undefined }],
    ['a bigint', { ...plainSnapshot(HEAD), message: 1n }],
    ['NaN', { ...plainSnapshot(HEAD), state: { name: 'running', iteration: Number.NaN } }],
    ['a lone surrogate', { ...plainSnapshot(HEAD), message: '\ud800' }],
  ])('refuses %s', (_, value) => {
    expect(thrownBy(() => snapshotFromValue(value))).toBeInstanceOf(DamagedSnapshotError);
  });

  it('refuses a newer version and one that is too large', () => {
    expect(() => snapshotFromValue({ ...plain(), version: 2 })).toThrow(UnsupportedVersionError);
    const big = plain();
    const argv = Array.from({ length: 5 }, () => 'x'.repeat(1024 * 1024));
    big.tmux.windows = [plainWindow({ panes: [plainPane({ start: { argv } })] })];
    expect(() => snapshotFromValue(big)).toThrow(SnapshotTooLargeError);
  });
});
