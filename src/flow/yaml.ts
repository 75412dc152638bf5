import { isUtf8 } from 'node:buffer';
import { CST, isMap, isScalar, Lexer, parseDocument, stringify, visit } from 'yaml';
import { DamagedSnapshotError } from '../session/errors.ts';
import { MAX_DEPTH } from '../session/schema.ts';

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

/** More than the largest snapshot has; reading takes as long as there are tokens. */
const MAX_TOKENS = 1_000_000;
/** Of indentation, and of `-`, `?` and `:` in one line: each of them can be one level. */
const MAX_COLUMNS = 128;

/**
 * YAML from a file of someone else: plain data only, no aliases (they can expand without bound). What yaml does for
 * people with small files is left to us or left out: its search for duplicate keys takes the square of their number, and
 * its messages have a line of the file in each.
 */
export function parseYaml(bytes: Buffer, what: string): unknown {
  if (!isUtf8(bytes)) throw new DamagedSnapshotError(`${what} is not UTF-8`);
  const text = bytes.toString('utf8');
  requireModest(text, what);
  let document;
  try {
    // Its warnings would go to the terminal past us, with words of the file in them.
    const quiet = { prettyErrors: false, logLevel: 'error' } as const;
    document = parseDocument(text, { schema: 'core', uniqueKeys: false, merge: false, ...quiet });
  } catch {
    throw new DamagedSnapshotError(`${what} is not YAML`);
  }
  const problem = document.errors[0];
  if (problem !== undefined) throw new DamagedSnapshotError(`${what} is not YAML: ${problem.code}`);
  let value: unknown;
  let twice: string | null = null;
  try {
    value = document.toJS({ maxAliasCount: 0 });
    visit(document, { Map: (_, node) => void (twice ??= duplicateIn(node)) });
  } catch {
    throw new DamagedSnapshotError(`${what} is damaged: YAML with aliases, or nested too deep`);
  }
  if (twice !== null) throw new DamagedSnapshotError(`${what} is not YAML: DUPLICATE_KEY`);
  return value;
}

/** yaml calls itself for each level; where the stack ends, V8 has been seen to end the program. */
function requireModest(text: string, what: string): void {
  let tokens = 0;
  let flow = 0;
  let columns = 0;
  for (const token of new Lexer().lex(text)) {
    const type = CST.tokenType(token);
    if (type === 'flow-map-start' || type === 'flow-seq-start') flow++;
    else if (type === 'flow-map-end' || type === 'flow-seq-end') flow = Math.max(0, flow - 1);
    else if (type === 'newline') columns = 0;
    else if (type === 'space' && columns === 0) columns = token.length;
    else if (flow === 0 && /^(?:seq-item|explicit-key|map-value)-ind$/u.test(type ?? '')) columns++;
    if (flow > MAX_DEPTH || columns > MAX_COLUMNS) {
      throw new DamagedSnapshotError(`${what} is damaged: nested deeper than ${MAX_DEPTH}`);
    }
    if (++tokens > MAX_TOKENS) throw new DamagedSnapshotError(`${what} is too long for a snapshot in YAML`);
  }
}

function duplicateIn(map: unknown): string | null {
  const seen = new Set<string>();
  for (const { key } of isMap(map) ? map.items : []) {
    // As toJS makes a property's name of it.
    const name = String(isScalar(key) ? key.value : key);
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return null;
}
