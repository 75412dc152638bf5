import { parseDocument, stringify } from 'yaml';
import { DamagedSnapshotError } from '../session/errors.ts';

/** YAML for people, which gives the same value back. Long strings are not folded. */
export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** YAML from a file of someone else: plain data only, no aliases (they can expand without bound). */
export function parseYaml(bytes: Buffer, what: string): unknown {
  const document = parseDocument(bytes.toString('utf8'), { schema: 'core', uniqueKeys: true, merge: false });
  const problem = document.errors[0];
  if (problem !== undefined) throw new DamagedSnapshotError(`${what} is not YAML: ${problem.code}`);
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw new DamagedSnapshotError(`${what} is damaged: YAML with aliases`);
  }
}
