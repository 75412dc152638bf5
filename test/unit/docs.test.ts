import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { snapshotJsonSchema } from '../../scripts/schema.ts';
import * as errors from '../../src/session/errors.ts';
import { settingNames } from '../../src/session/settings.ts';

const root = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const documents = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  ...readdirSync(path.join(root, 'docs')).map((f) => `docs/${f}`),
];

/** Every name of a property, at any depth. */
function keysOf(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { properties } = schema as { properties?: object };
  return [...Object.keys(properties ?? {}), ...Object.values(schema).flatMap((value) => keysOf(value))];
}

function isErrorClass(value: unknown): value is new (message: string) => errors.SessionError {
  return typeof value === 'function' && value.prototype instanceof errors.SessionError;
}

/** Keys of configuration that a document names. */
function configKeys(text: string): Set<string> {
  return new Set(text.match(/(?<![\w.>/-])session\.[a-z]+(?:[A-Z][A-Za-z]*)?\b(?!\.)/gu));
}

describe('the documents', () => {
  it('T16 docs/format.md explains every key of the schema', () => {
    const text = read('docs/format.md');
    const isNamed = (key: string) =>
      new RegExp(`\`(?:[\\w.]+\\.)?${key}(?:\\[\\])?\`|"${key}"`, 'u').test(text);
    const missing = [...new Set(keysOf(snapshotJsonSchema()))].filter((key) => !isNamed(key));
    expect(missing).toEqual([]);
  });

  it('docs/json.md lists every error code with its exit code, and no other', () => {
    const rows = [...read('docs/json.md').matchAll(/^\| `([a-z-]+)` \| (\d+) \|/gmu)].map(
      (m) => `${m[1]} ${m[2]}`,
    );
    const real = (Object.values(errors) as unknown[])
      .filter(isErrorClass)
      .map((E) => new E(''))
      .map((error) => `${error.code} ${error.exit}`);
    expect(rows.toSorted()).toEqual(real.toSorted());
  });

  it('Y5 the manual says which keys search in copy mode', () => {
    const keys = /copy mode searches too: `C-b \['?`, then `C-s` .* `C-r` .* `\/` and `\?`/u;
    expect(read('docs/git-session.1.md')).toMatch(keys);
  });

  it('the manual names exactly the configuration that there is, and README.md no other', () => {
    const real = settingNames().map((name) => `session.${name}`);
    expect([...configKeys(read('docs/git-session.1.md'))].toSorted()).toEqual(real.toSorted());
    const named = [...configKeys(read('README.md'))];
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter((key) => !real.includes(key))).toEqual([]);
  });

  it.each(documents)('%s has no dead link', (file) => {
    const targets = [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/gu)].map((m) => m[1]!);
    const dead = targets.filter((target) => !existsSync(path.resolve(root, path.dirname(file), target)));
    expect(dead).toEqual([]);
  });

  it('ARCHITECTURE.md names files that exist', () => {
    const named = [
      ...read('ARCHITECTURE.md').matchAll(/`((?:src|test|scripts|docs|completions)\/[A-Za-z0-9./-]+)`/gu),
    ].map((m) => m[1]!);
    expect(named.length).toBeGreaterThan(30);
    expect(named.filter((file) => !existsSync(path.join(root, file)))).toEqual([]);
  });
});
