import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { decodeFile } from '../../src/flow/load.ts';
import { parseYaml, toYaml } from '../../src/flow/yaml.ts';
import { encodeSnapshot } from '../../src/session/codec.ts';
import { parseNote } from '../../src/session/crq.ts';
import { SessionError } from '../../src/session/errors.ts';
import { isSessionName, isSnapshotId, parseSessionRef, sessionRef } from '../../src/session/names.ts';
import { resolveSnapshot } from '../../src/store/resolve.ts';
import type { Catalog } from '../../src/store/sessions.ts';
import { anyName, anySnapshot, anySnapshotId, anyString } from '../support/arbitrary.ts';
import { plainSnapshot } from '../support/forge.ts';

/** What it gave, or null where it refused in our own words. Anything else that is thrown fails the test. */
async function orRefused<T>(run: () => T | Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    expect(error.message.length).toBeLessThan(1000);
    return null;
  }
}

/** Values in a tree, each as often as it is reached: what an alias bomb makes many of. */
function sizeOf(value: unknown): number {
  if (value === null || typeof value !== 'object') return 1;
  return Object.values(value).reduce((n: number, v) => n + sizeOf(v), 1);
}

/** Pieces of YAML, those that expand, nest and refer among them. */
const yamlish = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'a: ',
        '- ',
        '? ',
        '\n',
        '\n  ',
        '\n    ',
        '[',
        ']',
        '{',
        '}',
        ', ',
        ': ',
        '# x\n',
        '|\n',
        '>-\n',
      ),
      fc.constantFrom(
        '&a ',
        '*a',
        '<<: *a',
        '!!binary ',
        '!!js/function ',
        '!<tag:x> ',
        '%TAG ! x\n',
        '---\n',
        '...\n',
      ),
      fc.constantFrom(
        '"\\x41"',
        "'it''s'",
        '~',
        '0x1F',
        '1e400',
        '.inf',
        '2001-12-14',
        '__proto__: ',
        '"\\ud800"',
      ),
      anyString(),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));

describe('a file of somebody else', () => {
  it('B1: the words of a file reach no warning, which node would print as it is', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    for (const text of [
      '? [\u001B[31m]\n: x\n',
      '? {a: \u202E}\n',
      '%FOO \u001B\n---\na\n',
      'a: !x \u001B\n',
    ]) {
      await orRefused(() => parseYaml(Buffer.from(text), 'it'));
    }
    expect(warned.mock.calls).toEqual([]);
    warned.mockRestore();
  });

  it('D4, D5: any YAML gives plain data no larger than itself, or a typed error', async () => {
    await fc.assert(
      fc.asyncProperty(yamlish, async (text) => {
        const value = await orRefused(() => parseYaml(Buffer.from(text), 'it'));
        expect(sizeOf(value)).toBeLessThanOrEqual(text.length + 1);
        await orRefused(() => decodeFile('it.yaml', Buffer.from(text)));
      }),
      { numRuns: 500 },
    );
    expect(({} as Record<string, unknown>)['approved']).toBeUndefined();
  });

  const many = (n: number, f: (i: number) => string) => Array.from({ length: n }, (_, i) => f(i)).join('');
  const laughs = many(
    30,
    (i) =>
      `${'b'.repeat(i + 1)}: &${'b'.repeat(i + 1)} [*${'b'.repeat(i) || 'a'}, *${'b'.repeat(i) || 'a'}]\n`,
  );
  it.each([
    ['a billion laughs', `a: &a [x, x]\n${laughs}`],
    ['one alias', 'a: &a 1\nb: *a\n'],
    ['a merge', 'a: &a {x: 1}\nb:\n  <<: *a\n'],
    ['100,000 open brackets', '['.repeat(1e5)],
    ['10,000 lists in each other', `${'['.repeat(1e4)}${']'.repeat(1e4)}`],
    ['10,000 maps in each other', '{a: '.repeat(1e4)],
    ['10,000 steps', '- '.repeat(1e4)],
    ['2,000 maps by indentation', many(2000, (i) => `${' '.repeat(i)}a:\n`)],
    ['10,000 empty keys', ': '.repeat(1e4)],
    ['33 lists', `${'['.repeat(33)}${']'.repeat(33)}`],
    ['10,000 errors', '}'.repeat(1e4)],
    ['10,000 tags', '!a '.repeat(1e4)],
    ['more than a million lines', '\n'.repeat(1.1e6)],
    ['a key twice', 'a: 1\nb: 2\n"a": 3\n'],
    ['a key twice, once as a number', '1: a\n"1": b\n'],
  ])('D1, D3, D5: %s: refused, in a time that grows as the file does', (_, text) => {
    expect(() => parseYaml(Buffer.from(text), 'it')).toThrow(SessionError);
  });

  it('D3: what is nested too deep is not even given to the parser, whose stack would end', () => {
    for (const deep of [
      '['.repeat(33),
      '{a: '.repeat(33),
      '- '.repeat(129),
      '? '.repeat(129),
      `${' '.repeat(129)}a: 1`,
    ]) {
      expect(() => parseYaml(Buffer.from(deep), 'it')).toThrow(/nested deeper than 32/u);
    }
    // The deepest that we write.
    const deep = many(14, (i) => `${'    '.repeat(i)}a:\n`);
    expect(sizeOf(parseYaml(Buffer.from(`${deep}${'    '.repeat(14)}a: 1\n`), 'it'))).toBe(16);
  });

  // With the square of their number it would take minutes.
  it('60,000 keys are no more work than 60,000 lines', { timeout: 30_000 }, () => {
    const text = many(60_000, (i) => `k${i}: 1\n`);
    expect(Object.keys(parseYaml(Buffer.from(text), 'it') as object)).toHaveLength(60_000);
  });

  it('what we write comes back; cut or changed anywhere it is the same value, or refused', async () => {
    await fc.assert(
      fc.asyncProperty(
        anySnapshot(),
        fc.nat(),
        fc.nat({ max: 255 }),
        fc.boolean(),
        async (snapshot, at, byte, isYaml) => {
          const text = isYaml ? toYaml(snapshot) : JSON.stringify(snapshot, undefined, 2);
          const bytes = Buffer.from(text);
          expect(encodeSnapshot(await decodeFile('it', bytes))).toEqual(encodeSnapshot(snapshot));
          const changed = Buffer.from(bytes);
          changed[at % bytes.length] = byte;
          for (const odd of [changed, bytes.subarray(0, at % bytes.length)]) {
            const read = await orRefused(() => decodeFile('it', odd));
            // What is taken is a snapshot by all our rules.
            if (read !== null) expect(encodeSnapshot(read).length).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('YAML of anything else is a value, or refused, and never a snapshot', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ maxDepth: 6 }), async (value) => {
        expect(await orRefused(() => decodeFile('it', Buffer.from(stringify(value))))).toBeNull();
        expect(
          await orRefused(() =>
            decodeFile('it', Buffer.from(JSON.stringify({ ...plainSnapshot(null), value }))),
          ),
        ).toBeNull();
      }),
      { numRuns: 200 },
    );
  });
});

describe('names, ids, refs and notes of somebody else', () => {
  const refish = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          'refs/sessions/',
          'refs/remote-sessions/origin/',
          '/',
          '/snapshot',
          '/context',
          '/events',
          '..',
          '@{',
          '~1',
        ),
        fc.oneof(anyName(), anySnapshotId(), anyString()),
      ),
      { maxLength: 6 },
    )
    .map((parts) => parts.join(''));

  /** Most are nearly ours: one part is missing, twice, or something else. */
  const nearly = fc
    .tuple(
      fc.constantFrom('refs/sessions/', 'refs/remote-sessions/or/', 'refs/session/'),
      anyName(),
      anySnapshotId(),
      fc.constantFrom('snapshot', 'context', 'events', 'x', ''),
      refish,
    )
    .map(([prefix, name, id, kind, odd]) =>
      odd.length % 2 === 0 ? `${prefix}${name}/${id}/${kind}` : `${prefix}${name}${odd}/${id}/${kind}`,
    );

  it('C5: a ref that is taken for ours is exactly the one that we would write', () => {
    fc.assert(
      fc.property(fc.oneof(refish, nearly), (text) => {
        const parsed = parseSessionRef(text);
        if (parsed === null) return;
        expect(isSessionName(parsed.name) && isSnapshotId(parsed.id)).toBe(true);
        const { remote, name, id, kind } = parsed;
        const own = sessionRef(name, id, kind);
        const copy = own.replace('refs/sessions/', `refs/remote-sessions/${remote}/`);
        expect(text).toBe(remote === null ? own : copy);
      }),
      { numRuns: 2000 },
    );
  });

  it('C5: a word is resolved to a snapshot that is there, or refused in our own words', async () => {
    const one = {
      ref: 'refs/sessions/a/20261121T080000000Z-01234567/snapshot',
      name: 'a',
      id: '20261121T080000000Z-01234567',
    };
    const snapshots = [{ ...one, oid: '0'.repeat(40), context: null, remote: null }];
    const rest = { foreign: [], notes: null, events: [], newestId: () => null };
    const catalog = { snapshots, ...rest } as unknown as Catalog;
    await fc.assert(
      fc.asyncProperty(refish, async (word) => {
        const found = await orRefused(() => resolveSnapshot(catalog, word));
        if (found !== null) expect(found.ref).toBe(one.ref);
      }),
      { numRuns: 1000 },
    );
  });

  it('F24: any note is links by our grammar and lines that stay as they are', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            anyString(),
            refish.map((r) => `CRQ: CRQ-1 ${r}`),
          ),
        ),
        (lines) => {
          const { links, other } = parseNote(lines.join('\n'));
          for (const { name, id } of links) expect(isSessionName(name) && isSnapshotId(id)).toBe(true);
          expect(links.length + other.length).toBeLessThanOrEqual(lines.join('\n').split('\n').length);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
