import { isUtf8 } from 'node:buffer';
import { parseDocument, stringify } from 'yaml';
import { DamagedSnapshotError } from '../session/errors.ts';

/**
 * YAML for people, which gives the same value back. Every string is on one line: yaml 2.9 loses spaces and
 * line breaks of some in blocks, and in quoted strings of several lines.
 */
export function toYaml(value: unknown): string {
  const oneLine = {
    lineWidth: 0,
    blockQuote: false,
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
  };
  return stringify(value, { ...oneLine, aliasDuplicateObjects: false });
}

/** YAML from a file of someone else: plain data only, no aliases (they can expand without bound). */
export function parseYaml(bytes: Buffer, what: string): unknown {
  if (!isUtf8(bytes)) throw new DamagedSnapshotError(`${what} is not UTF-8`);
  const document = parseDocument(bytes.toString('utf8'), { schema: 'core', uniqueKeys: true, merge: false });
  const problem = document.errors[0];
  if (problem !== undefined) throw new DamagedSnapshotError(`${what} is not YAML: ${problem.code}`);
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    throw new DamagedSnapshotError(`${what} is damaged: YAML with aliases`);
  }
}
