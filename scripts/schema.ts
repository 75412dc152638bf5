import { toJsonSchema } from '@valibot/to-json-schema';
import { SnapshotSchema } from '../src/session/schema.ts';

/**
 * The snapshot's schema for other programs. Checks that are code (well-formed text, unique ids) have no form in
 * JSON Schema and are left out: what it refuses is never a snapshot, what it accepts may still be refused by us.
 */
export function snapshotJsonSchema(): object {
  const { $schema, ...schema } = toJsonSchema(SnapshotSchema, { errorMode: 'ignore', typeMode: 'input' });
  return { $schema, title: 'Snapshot of git session', ...schema };
}
