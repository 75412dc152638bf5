/** A TOML document that was read: its tables, and where their keys are. */
export interface Toml {
  /** Whole numbers are bigints, so that they are told from floats. */
  document: Record<string, unknown>;
  /** The line of `table` or `table.key`; null where it can't be told. */
  lineOf: (key: string) => number | null;
}

export interface TomlFault {
  line: number;
  message: string;
}

type Parse = (text: string) => Record<string, unknown>;

/** The parser is loaded at its first use: only `config import` needs one. */
export async function parseToml(text: string): Promise<Toml | { fault: TomlFault }> {
  const toml = await import('smol-toml');
  const parse: Parse = (part) => toml.parse(part, { integersAsBigInt: true, maxDepth: 16 });
  try {
    const document = parse(text);
    let lines: Map<string, number> | null = null;
    return { document, lineOf: (key) => (lines ??= findLines(text, parse)).get(key) ?? null };
  } catch (error) {
    if (!(error instanceof toml.TomlError)) throw error;
    const [message = ''] = error.message.replace(/^Invalid TOML document: /u, '').split('\n');
    return { fault: { line: error.line, message } };
  }
}

/**
 * The parser tells no positions of what is right, so statement after statement is parsed alone, each behind
 * the header of its table. A statement ends with the first line with which it can be parsed.
 */
function findLines(text: string, parse: Parse): Map<string, number> {
  const found = new Map<string, number>();
  let header = '';
  let statement = '';
  let start = 1;
  for (const [i, line] of text.split('\n').entries()) {
    if (statement === '') start = i + 1;
    statement += `${line}\n`;
    const isHeader = /^\s*\[/u.test(statement);
    let value;
    try {
      value = parse(isHeader ? statement : header + statement);
    } catch {
      continue;
    }
    if (isHeader) header = statement;
    statement = '';
    for (const key of keysOf(value)) if (!found.has(key)) found.set(key, start);
  }
  return found;
}

function keysOf(document: Record<string, unknown>): string[] {
  return Object.entries(document).flatMap(([table, value]) => [
    table,
    ...(typeof value === 'object' && value !== null
      ? Object.keys(value).map((key) => `${table}.${key}`)
      : []),
  ]);
}
