import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { snapshotJsonSchema } from '../../scripts/schema.ts';
import { encodeSnapshot } from '../../src/session/codec.ts';
import { anySnapshot } from '../support/arbitrary.ts';
import { plainSnapshot } from '../support/forge.ts';
import { accepts, type JsonSchema } from '../support/json-schema.ts';

const published = JSON.parse(
  readFileSync(path.resolve(import.meta.dirname, '../../dist/snapshot.schema.json'), 'utf8'),
) as JsonSchema;
const PLAIN = plainSnapshot('a'.repeat(40));

/** All schemas in a schema, each with the path to it. */
function schemasIn(schema: unknown, at = '$'): [string, JsonSchema][] {
  if (Array.isArray(schema)) return schema.flatMap((s, i) => schemasIn(s, `${at}[${i}]`));
  if (typeof schema !== 'object' || schema === null) return [];
  const inner = Object.entries(schema).flatMap(([key, s]) => schemasIn(s, `${at}.${key}`));
  return 'type' in schema && typeof schema.type === 'string' ? [[at, schema], ...inner] : inner;
}

describe('S8: the published JSON Schema', () => {
  it('is made from the schema that the program checks with', () => {
    expect(published).toEqual(snapshotJsonSchema());
    expect(published['$schema']).toMatch(/^http:\/\/json-schema\.org\/draft-/u);
  });

  it('accepts every snapshot that can be saved', () => {
    fc.assert(
      fc.property(anySnapshot(), (snapshot) => {
        expect(accepts(published, JSON.parse(encodeSnapshot(snapshot).toString('utf8')))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('names every key, and allows no other at any level', () => {
    const objects = schemasIn(published).filter(([, s]) => s['type'] === 'object');
    expect(objects.length).toBeGreaterThan(20);
    for (const [at, schema] of objects) {
      if ('propertyNames' in schema) continue;
      expect(schema['additionalProperties'], at).toBe(false);
      expect(Object.keys(schema['properties'] as object).toSorted(), at).toEqual(
        (schema['required'] as string[]).toSorted(),
      );
    }
    expect(published['required']).toEqual(Object.keys(published['properties'] as object));
    expect((published['required'] as string[]).toSorted()).toEqual(Object.keys(PLAIN).toSorted());
  });

  it('bounds every text, list and number', () => {
    for (const [at, schema] of schemasIn(published)) {
      const { type } = schema;
      // A name and an id are bounded by a check in code: that one is not part of JSON Schema.
      if (type === 'string' && !/\.(?:session\.properties\.name|previous\.anyOf\[0\])$/u.test(at)) {
        expect('maxLength' in schema || 'pattern' in schema || 'enum' in schema, at).toBe(true);
      }
      if (type === 'array') expect(schema, at).toHaveProperty('maxItems');
      if (type === 'integer')
        expect(Object.keys(schema), at).toEqual(expect.arrayContaining(['minimum', 'maximum']));
      expect(type, at).not.toBe('number');
    }
  });

  it.each([
    ['a field more', { ...PLAIN, more: 1 }],
    ['a field less', (({ state: _, ...rest }) => rest)(PLAIN)],
    ['a newer version', { ...PLAIN, version: 2 }],
    ['a state that is none', { ...PLAIN, state: { name: 'lost' } }],
    ['a state with the field of another', { ...PLAIN, state: { name: 'paused', summary: '' } }],
    ['a variable with =', { ...PLAIN, env: { 'A=B': 'c' } }],
    ['a fraction', { ...PLAIN, state: { name: 'running', iteration: 0.5 } }],
    ['a null', null],
  ])('refuses %s', (_, value) => {
    expect(accepts(published, value)).toBe(false);
  });
});
