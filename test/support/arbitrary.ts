import * as fc from 'fast-check';
import { isSessionName, isSnapshotId } from '../../src/session/names.ts';
import {
  PathSchema,
  type Snapshot,
  type SnapshotPath,
  SnapshotSchema,
  TextSchema,
} from '../../src/session/schema.ts';
import { type Text, toText } from '../../src/session/text.ts';

/** Characters that something on the way (tmux, a shell, JSON, a terminal, git) reads as more than themselves. */
export const HOSTILE = [
  ...[
    '',
    ' ',
    '#(touch x)',
    '#{pane_id}',
    '##',
    '#[fg=red]',
    '%1',
    '$HOME',
    '`id`',
    '$(id)',
    '~',
    '-x',
    '--',
    '*',
  ],
  ...[
    "it's",
    '"quoted"',
    'back\\slash',
    '\\',
    'semi;',
    ';',
    '{',
    '}',
    'a\tb',
    'a\nb',
    '\r',
    '\x1b]0;x\x07',
    '\x7f',
  ],
  ...[
    '\u0080',
    '\u202e',
    '\u200b',
    '\u2028',
    '\ufeff',
    '日本',
    'é',
    'e\u0301',
    '🙂',
    '\u{10ffff}',
    '\ufffd',
    '__proto__',
  ],
];

const charactersWithoutNul = fc.string({ unit: 'binary', maxLength: 12 }).map((s) => s.replaceAll('\0', '.'));

/** Well-formed text without NUL: any code points, and what is hostile. */
export const anyString = (): fc.Arbitrary<string> =>
  fc.oneof(charactersWithoutNul, fc.constantFrom(...HOSTILE), fc.string({ maxLength: 20 }));

/** Any byte string without NUL: mostly text, and often bytes that are no UTF-8. */
export const anyBytes = (): fc.Arbitrary<Buffer> =>
  fc.oneof(
    anyString().map((s) => Buffer.from(s)),
    fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes.map((b) => b || 0xff))),
  );

export const anyText = (): fc.Arbitrary<Text> => anyBytes().map((bytes) => toText(bytes));

const component = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/u);

export const anyName = (): fc.Arbitrary<string> =>
  fc
    .array(component, { minLength: 1, maxLength: 3 })
    .map((parts) => parts.join('/'))
    .filter((name) => isSessionName(name));

export const anySnapshotId = (): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true }),
      fc.stringMatching(/^[0-9a-f]{8}$/u),
    )
    .map(([date, hash]) => `${date.toISOString().replace(/[-:.]/gu, '')}-${hash}`);

const isAbsolute = (bytes: Buffer) => bytes[0] === 0x2f;

/** A root path is absolute, the others are relative. */
const anyPath = (): fc.Arbitrary<SnapshotPath> =>
  fc
    .tuple(fc.constantFrom('repo' as const, 'home' as const, 'root' as const), anyBytes())
    .filter(([where, bytes]) => where === 'root' || !isAbsolute(bytes))
    .map(([where, bytes]) => ({
      in: where,
      path: toText(where === 'root' && !isAbsolute(bytes) ? Buffer.concat([Buffer.from('/'), bytes]) : bytes),
    }));

/** What is read of a valibot schema. */
interface Node {
  type: string;
  pipe?: Node[];
  requirement?: unknown;
  entries?: Record<string, Node>;
  item?: Node;
  wrapped?: Node;
  options?: readonly unknown[];
  literal?: unknown;
  key?: Node;
  value?: Node;
}

/** Values of a schema, made from the schema itself, so that a new field is in every property test at once. */
function valuesOf(node: Node): fc.Arbitrary<unknown> {
  if (node === (TextSchema as unknown as Node)) return anyText();
  if (node === (PathSchema as unknown as Node)) return anyPath();
  const rules = node.pipe?.slice(1) ?? [];
  const rule = (type: string): unknown => rules.find((r) => r.type === type)?.requirement;
  switch (node.type) {
    case 'strict_object':
      return fc.record(
        Object.fromEntries(Object.entries(node.entries!).map(([key, n]) => [key, valuesOf(n)])),
      );
    case 'nullable':
      return fc.option(valuesOf(node.wrapped!));
    case 'union':
    case 'variant':
      return fc.oneof(...(node.options as Node[]).map((option) => valuesOf(option)));
    case 'picklist':
      return fc.constantFrom(...node.options!);
    case 'literal':
      return fc.constant(node.literal);
    case 'boolean':
      return fc.boolean();
    case 'array': {
      const minLength = Number(rule('min_length') ?? 0);
      return fc.array(valuesOf(node.item!), { minLength, maxLength: minLength + 2 });
    }
    case 'record':
      return fc.dictionary(valuesOf(node.key!) as fc.Arbitrary<string>, valuesOf(node.value!), {
        maxKeys: 3,
      });
    case 'number':
      return fc.integer({
        min: Number(rule('min_value')),
        max: Math.min(Number(rule('max_value')), 2 ** 31 - 1),
      });
    case 'string': {
      const regex = rule('regex');
      if (regex !== undefined) return fc.stringMatching(regex as RegExp);
      if (rule('check') === isSessionName) return anyName();
      if (rule('check') === isSnapshotId) return anySnapshotId();
      return anyString();
    }
    default:
      throw new Error(`no values for a schema of type ${node.type}`);
  }
}

/** Every snapshot that the schema allows, with all variants of each field. */
export function anySnapshot(): fc.Arbitrary<Snapshot> {
  // A variable of these names is no own property of a plain object, and is never saved.
  const inherited = new Set(['__proto__', 'prototype', 'constructor']);
  return (valuesOf(SnapshotSchema as unknown as Node) as fc.Arbitrary<Snapshot>).map((snapshot) => ({
    ...snapshot,
    env: Object.fromEntries(Object.entries(snapshot.env).filter(([name]) => !inherited.has(name))),
  }));
}
