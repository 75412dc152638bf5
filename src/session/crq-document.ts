import { canonicalCrqId, crqKey, findCrqIds, isCrqId, oneLine } from './crq.ts';
import { displayText, type Text } from './text.ts';

/**
 * What a CRQ document says about itself. The forms are those of the repositories that use CRQs
 * (requirements.md section 17): fields as headings, bullets or bold text, YAML front matter, titles in
 * headings, and documents with nothing but a title. The path is the identity; ids collide there.
 */
export interface CrqDocument {
  path: Text;
  id: string;
  title: string | null;
  status: string | null;
  priority: string | null;
  /** Further labels by which people mean this document; not unique either. */
  aliases: string[];
  /** A row of a register (`CRQ_STATUS.md`) that no document goes with; `path` is the register. */
  fromRegister: boolean;
}

/** Characters of a document that are looked at. */
export const MAX_DOCUMENT = 256 * 1024;
/** A document's head: fields further down belong to its text. */
const HEAD_LINES = 100;
/** Fields without any markup (`Status: Open`) count only at the very top. */
const PLAIN_LINES = 20;

const MAX_TITLE = 1000;
const MAX_FIELD = 100;

type Field = 'id' | 'title' | 'status' | 'priority';
type Fields = Partial<Record<Field, string>>;

export function parseCrqDocument(path: Text, text: string): CrqDocument {
  const lines = linesOf(text);
  const { fields: front, end } = frontMatter(lines);
  const head = withoutCode(lines.slice(end, end + HEAD_LINES));
  const body = bodyFields(head);
  const stem = stemOf(path);
  const heading = headingOf(head, stem);

  const [inName] = findCrqIds(stem);
  const named = inName === undefined ? undefined : canonicalCrqId(inName);
  // Several documents of one day share a bare date: then the whole name is the better label.
  const exact = named !== undefined && /^CRQ-\d{8}$/u.test(named) ? undefined : named;
  const numbered = /^(\d{1,3})[-_]/u.exec(stem)?.[1];
  const declared = idValue(front.id) ?? idValue(body.id);
  const id = declared ?? exact ?? heading.id ?? stemId(stem);

  const labels = [named, heading.id, stemId(stem), numbered === undefined ? undefined : `CRQ-${numbered}`];
  const title = textValue(front.title, MAX_TITLE) ?? textValue(body.title, MAX_TITLE) ?? heading.title;
  return {
    path,
    id,
    title: title === null ? null : withoutId(title),
    status: textValue(front.status, MAX_FIELD) ?? textValue(body.status, MAX_FIELD),
    priority: textValue(front.priority, MAX_FIELD) ?? textValue(body.priority, MAX_FIELD),
    aliases: distinct(labels, id),
    fromRegister: false,
  };
}

/** `CRQ_STATUS.md` and its like: a table of CRQs, itself none. */
export function isCrqRegister(path: Text): boolean {
  return /^crqs?[-_]?(?:status|register|index)$/iu.test(stemOf(path));
}

/** The rows of all tables in a register that have a column for the id and one for the status. */
export function parseCrqRegister(path: Text, text: string): CrqDocument[] {
  const rows: CrqDocument[] = [];
  let columns: Map<string, number> | null = null;
  for (const line of withoutCode(linesOf(text))) {
    const cells = tableCells(line);
    if (cells === null) {
      columns = null;
    } else if (columns === null) {
      columns = new Map(cells.map((cell, i) => [columnName(cell), i]));
    } else {
      const id = idValue(cellOf(cells, columns, 'id'));
      const status = textValue(cellOf(cells, columns, 'status'), MAX_FIELD);
      if (id === null || status === null) continue;
      const title = textValue(cellOf(cells, columns, 'title'), MAX_TITLE);
      const priority = textValue(cellOf(cells, columns, 'priority'), MAX_FIELD);
      rows.push({ path, id, title, status, priority, aliases: [], fromRegister: true });
    }
  }
  return rows;
}

/**
 * Documents, completed by what registers say about them: a document's own word counts more. A row
 * names a document by its file or by its id; the file counts more, as ids collide. Rows that go with
 * no document are documents of their own, described only in the register.
 */
export function withRegisters(documents: CrqDocument[], rows: CrqDocument[]): CrqDocument[] {
  const byKey = new Map(rows.map((row) => [crqKey(row.id), row]));
  const files = new Set(documents.map((document) => crqKey(stemOf(document.path))));
  const known = new Set<CrqDocument>();
  const completed = documents.map((document) => {
    const id = crqKey(document.id);
    const row = byKey.get(crqKey(stemOf(document.path))) ?? (files.has(id) ? undefined : byKey.get(id));
    if (row === undefined) return document;
    known.add(row);
    const { title, status, priority } = document;
    return {
      ...document,
      title: title ?? row.title,
      status: status ?? row.status,
      priority: priority ?? row.priority,
    };
  });
  return [...completed, ...[...byKey.values()].filter((row) => !known.has(row))];
}

const OPEN =
  /^(?:re ?)?(?:open(?:ed)?|proposed|ongoing|in ?progress|active|draft|new|planned|planning|pending|started|in ?review|under ?review|todo|to do)(?: |$)/u;

/**
 * True where the status says that the work is not finished. A document without a status is not open:
 * most of the real ones have none, and stay in the repository long after the work.
 */
export function isOpen(status: string | null): boolean {
  if (status === null) return false;
  const words = status
    .toLowerCase()
    .replace(/^[^\p{L}]+/u, '')
    .replace(/[-_\s]+/gu, ' ');
  return OPEN.test(words.replace(/[^a-z ][^]*$/u, ' '));
}

export interface MatchHints {
  branch: string | null;
  /** True for a document that was changed on this branch. */
  changed: (document: CrqDocument) => boolean;
}

/**
 * The document that `id` means, or null where none does or where several do equally: with three
 * documents named CRQ-060, guessing one would link the session to the wrong work.
 */
export function matchDocument(id: string, documents: CrqDocument[], hints: MatchHints): CrqDocument | null {
  const key = crqKey(id);
  const score = (document: CrqDocument): number =>
    (branchNames(hints.branch, key, document) ? 8 : 0) +
    (hints.changed(document) ? 4 : 0) +
    (crqKey(document.id) === key ? 2 : 0) +
    (isOpen(document.status) ? 1 : 0);
  const matching = documents
    .filter((d) => crqKey(d.id) === key || d.aliases.some((alias) => crqKey(alias) === key))
    .map((document) => ({ document, score: score(document) }))
    .toSorted((a, b) => b.score - a.score);
  const [best, second] = matching;
  if (best === undefined || best.score === second?.score) return null;
  return best.document;
}

/** True where the branch goes on after the id as the file does: `CRQ-059-wikipedia` is one of two CRQ-059. */
function branchNames(branch: string | null, key: string, document: CrqDocument): boolean {
  if (branch === null || document.fromRegister) return false;
  const at = crqKey(branch).indexOf(key);
  if (at < 0) return false;
  const wanted = crqKey(branch).slice(at).split('/')[0] ?? '';
  const stem = crqKey(stemOf(document.path));
  return (
    wanted.length > key.length &&
    stem.length > key.length &&
    (stem.startsWith(wanted) || wanted.startsWith(stem))
  );
}

function linesOf(text: string): string[] {
  return text
    .slice(0, MAX_DOCUMENT)
    .replace(/^\uFEFF/u, '')
    .split(/\r?\n/u);
}

/** YAML front matter, by hand: only `key: value` at the top level, which is all that is in use. */
function frontMatter(lines: string[]): { fields: Fields; end: number } {
  const none = { fields: {}, end: 0 };
  if (lines[0]?.trimEnd() !== '---') return none;
  const length = lines.slice(1, HEAD_LINES).findIndex((line) => /^(?:---|\.\.\.)\s*$/u.test(line));
  if (length < 0) return none;
  const fields: Fields = {};
  for (const line of lines.slice(1, 1 + length)) {
    const m = /^(crq[-_ ]?id|crq|id|title|status|priority)\s*:\s+(\S.*)$/iu.exec(line);
    if (m?.[1] === undefined || m[2] === undefined) continue;
    fields[fieldName(m[1])] ??= yamlScalar(m[2]);
  }
  return { fields, end: length + 2 };
}

function yamlScalar(value: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"|^'((?:[^']|'')*)'/u.exec(value);
  if (quoted?.[1] !== undefined) return quoted[1].replace(/\\(.)/gu, '$1');
  if (quoted?.[2] !== undefined) return quoted[2].replaceAll("''", "'");
  // Block scalars, lists, anchors and null have no text on this line.
  if (/^(?:[|>&*!{[]|~$|null$)/u.test(value)) return '';
  return value.replace(/\s+#.*$/u, '');
}

/** Lines outside of fenced code, where a `Status:` would be an example. */
function withoutCode(lines: string[]): string[] {
  let fence: string | null = null;
  return lines.map((line) => {
    const mark = /^ {0,3}(`{3,}|~{3,})/u.exec(line)?.[1];
    if (mark === undefined) return fence === null ? line : '';
    if (fence === null) fence = mark;
    else if (mark.startsWith(fence)) fence = null;
    return '';
  });
}

const NAME = '(?:(?:CRQ|Change Request)[ _-]+)?(?:ID|Number|Title|Status|Priority)';
const MARK = '(?:\\*\\*|__)';
/** `## Status: Open`, `*   **CRQ ID:** X`, `**Title**: X`, `**1. Title:**`, `Status: Open` */
const FIELD = new RegExp(
  `^(\\s*(?:#{1,6}\\s+|[*+>-]\\s+)?${MARK}?)(?:\\d+\\.\\s*)?(${NAME})${MARK}?\\s*:\\s*${MARK}?(.*)$`,
  'iu',
);
/** `## Status`, with the value in the next paragraph. */
const SECTION = new RegExp(`^#{1,6}\\s+(?:\\d+\\.\\s*)?(${NAME})\\s*$`, 'iu');
const ANY_FIELD = /^\s*(?:[*+-]\s+)?(?:\*\*|__)[^*_]+:/u;

function bodyFields(head: string[]): Fields {
  const fields: Fields = {};
  head.forEach((line, i) => {
    const cells = tableCells(line);
    if (cells?.length === 2 && new RegExp(`^${MARK}?${NAME}:?${MARK}?:?$`, 'iu').test(cells[0] ?? '')) {
      fields[fieldName(cells[0] ?? '')] ??= cells[1] ?? '';
      return;
    }
    const section = SECTION.exec(line)?.[1];
    if (section !== undefined) {
      fields[fieldName(section)] ??= paragraphAfter(head, i);
      return;
    }
    const m = FIELD.exec(line);
    if (m?.[2] === undefined || (m[1]?.trim() === '' && i >= PLAIN_LINES)) return;
    // A bare `ID:` is anyone's.
    if (/^(?:id|number)$/iu.test(m[2])) return;
    const value = m[3]?.trim() ?? '';
    fields[fieldName(m[2])] ??= value === '' ? paragraphAfter(head, i) : value;
  });
  return fields;
}

function paragraphAfter(head: string[], i: number): string {
  const next = head.slice(i + 1, i + 4).find((line) => line.trim() !== '') ?? '';
  return next.startsWith('#') || ANY_FIELD.test(next) ? '' : next.replace(/^\s*[*+-]\s+/u, '');
}

function fieldName(label: string): Field {
  const lower = label.toLowerCase();
  return (['title', 'status', 'priority'] as const).find((field) => lower.includes(field)) ?? 'id';
}

/** Id and title from the first heading that has one: many documents start with one that is only their file name. */
function headingOf(head: string[], stem: string): { id: string | undefined; title: string | null } {
  let id: string | undefined;
  for (const line of head) {
    const heading =
      /^#{1,6}\s+(.*?)\s*#*$/u.exec(line) ?? /^\*\*((?:CRQ|Change Request)\b.*)\*\*\s*$/iu.exec(line);
    const text = heading?.[1] ?? '';
    if (text === '' || FIELD.test(line) || SECTION.test(line)) continue;
    const [first] = findCrqIds(text.slice(0, 60));
    if (first !== undefined && /^(?:change request\s*\(?)?crq[-_]/iu.test(text)) id ??= canonicalCrqId(first);
    const title = headingTitle(text, stem);
    if (title !== null) return { id, title: textValue(title, MAX_TITLE) };
  }
  return { id, title: null };
}

function headingTitle(text: string, stem: string): string | null {
  if (/\.md$/iu.test(text) || text.toLowerCase() === stem.toLowerCase()) return null;
  const request = /^(?:change request|crq)(?:\s*\([^)]*\))?\s*(?:(?::|\s[-–—])\s*(.*))?$/iu.exec(text);
  if (request !== null) return request[1] ?? null;
  return withoutId(text);
}

/** `CRQ-056: Web Spider` as `Web Spider`: the id stands beside the title everywhere. */
function withoutId(title: string): string {
  const rest = /^CRQ[-_][A-Za-z0-9_-]*(?::|\s+[-–—])\s+(\S.*)$/iu.exec(title)?.[1];
  return rest ?? title;
}

/** A field's text without the markup around it; null where it is empty or a template's choice. */
function textValue(value: string | undefined, max: number): string | null {
  if (value === undefined) return null;
  const text = oneLine(value, max * 2)
    .replace(/^(?:\*\*|__)\s*|\s*(?:\*\*|__)$/gu, '')
    .replace(/^`([^`]*)`$/u, '$1')
    .trim();
  if (text === '' || /^\[.*\]$/u.test(text) || /^<.*>$/u.test(text)) return null;
  return oneLine(text, max) || null;
}

/** The id at the start of a field; what follows (`(Auto-generated ...)`) is a remark. A word without a digit is prose. */
function idValue(value: string | undefined): string | null {
  const first = /^[\s`*]*([^\s`*,;()]+)/u.exec(value ?? '')?.[1] ?? '';
  if (!isCrqId(first) || !/\d/u.test(first)) return null;
  return first;
}

function tableCells(line: string): string[] | null {
  const inner = /^\s*\|(.*)\|\s*$/u.exec(line)?.[1];
  return inner === undefined ? null : inner.split('|').map((cell) => cell.trim());
}

function columnName(cell: string): string {
  const lower = cell.toLowerCase().replace(/[*_`]/gu, '');
  if (/^(?:crq|crq id|id|crq number)$/u.test(lower)) return 'id';
  return lower;
}

function cellOf(cells: string[], columns: Map<string, number>, name: string): string | undefined {
  const column = columns.get(name);
  return column === undefined ? undefined : cells[column];
}

function stemOf(path: Text): string {
  const base = displayText(path).split('/').at(-1) ?? '';
  return base.replace(/(?<=.)\.[A-Za-z0-9]{1,10}$/u, '');
}

/** The file's name in the grammar of ids. */
function stemId(stem: string): string {
  const id = stem
    .replace(/[^A-Za-z0-9._-]+/gu, '-')
    .replace(/^[^A-Za-z0-9]+|-+$/gu, '')
    .slice(0, 100);
  return isCrqId(id) ? id : 'CRQ';
}

function distinct(labels: (string | undefined)[], id: string): string[] {
  const found = new Map<string, string>();
  for (const label of labels) if (label !== undefined) found.set(crqKey(label), label);
  found.delete(crqKey(id));
  return [...found.values()];
}
