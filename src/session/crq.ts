import { InvalidConfigError, InvalidNameError } from './errors.ts';
import { isSessionName, isSnapshotId } from './names.ts';

/**
 * CRQ ids, and the lines in `refs/notes/crq` that link a session to them. An id is a label, not an
 * identity: in the repositories that use CRQs, numbers collide (requirements.md section 17).
 */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/u;

/**
 * Ids as people write them in branch names and commits: `CRQ-7`, `crq_021`, `CRQ-20250821-001`,
 * `CRQ_20250822`. Words behind the number are a description (`feature/CRQ-021-add-script`).
 */
const IN_TEXT = /(?<![A-Za-z0-9])CRQ[-_](?:\d{8}(?:[-_]\d{1,4}(?![A-Za-z0-9]))?|\d{1,7})(?![A-Za-z0-9])/giu;

/** A note line's title is for people who read `git log --notes=crq`; the snapshot has the whole one. */
const MAX_NOTE_TITLE = 200;

export function isCrqId(text: string): boolean {
  return ID.test(text);
}

export function checkCrqId(text: string): string {
  if (isCrqId(text)) return text;
  throw new InvalidNameError(`'${text}' is not a valid CRQ id`, [
    "use up to 100 letters, digits, '.', '_' and '-', for example CRQ-42",
  ]);
}

/** What two spellings of one id have in common; only for comparing. */
export function crqKey(id: string): string {
  return id.toUpperCase().replaceAll('_', '-');
}

/** `crq_21` as `CRQ-21`; an id of another form stays as it is. */
export function canonicalCrqId(id: string): string {
  return id.replace(/^crq[-_]/iu, 'CRQ-');
}

/** The user's own pattern (`session.crqPattern`); its first group is the id, or the whole match. */
export function compileCrqPattern(source: string): RegExp {
  try {
    return new RegExp(source, 'gi');
  } catch (error) {
    throw new InvalidConfigError(
      `session.crqPattern is not a regular expression: ${error instanceof Error ? error.message : ''}`,
      ['git config session.crqPattern "CRQ-[0-9]+"'],
      undefined,
      error,
    );
  }
}

/** All ids in `text`, as written there, each once. */
export function findCrqIds(text: string, pattern: RegExp = IN_TEXT): string[] {
  const found = new Map<string, string>();
  for (const match of text.matchAll(pattern)) {
    const id = match[1] ?? match[0];
    if (isCrqId(id) && !found.has(crqKey(id))) found.set(crqKey(id), id);
  }
  return [...found.values()];
}

/**
 * The CRQ that a branch is for, or null. Only the first one: one CRQ, one branch (CRQ-019), and a
 * second id is part of the description (`CRQ-34-crq-003-context-introspector`).
 */
export function crqOfBranch(branch: string, pattern: RegExp = IN_TEXT): string | null {
  const first = findCrqIds(branch, pattern)[0];
  return first === undefined ? null : canonicalCrqId(first);
}

/**
 * Foreign text as one line without control, bidi and lone surrogate characters, at most `max` UTF-16
 * units. Notes are shown raw by `git log`, so what would steer a terminal never gets in.
 */
export function oneLine(text: string, max: number): string {
  return text
    .toWellFormed()
    .replace(/[\u061C\u200B\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/gu, '')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, max)
    .replace(/[\uD800-\uDBFF]$/, '')
    .trimEnd();
}

/** One link of a snapshot (`<name>/<id>`) to a CRQ. */
export interface CrqLink {
  crq: string;
  name: string;
  id: string;
  title: string | null;
}

export function formatNoteLine(link: CrqLink): string {
  const title = link.title === null ? '' : oneLine(link.title, MAX_NOTE_TITLE);
  return `CRQ: ${link.crq} ${link.name}/${link.id}${title === '' ? '' : ` ${title}`}`;
}

function parseNoteLine(line: string): CrqLink | null {
  const m = /^CRQ: (\S+) (\S+)\/([^\s/]+)(?: ([^]*))?$/u.exec(line);
  const [, crq, name, id, title] = m ?? [];
  if (crq === undefined || name === undefined || id === undefined) return null;
  if (!isCrqId(crq) || !isSessionName(name) || !isSnapshotId(id)) return null;
  return { crq, name, id, title: oneLine(title ?? '', MAX_NOTE_TITLE) || null };
}

/** A note's text: our links, and every other line as it is. Blank lines mean nothing and are dropped. */
export function parseNote(text: string): { links: CrqLink[]; other: string[] } {
  const links: CrqLink[] = [];
  const other: string[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const link = parseNoteLine(line);
    if (link === null) other.push(line);
    else links.push(link);
  }
  return { links, other };
}

/**
 * A note's text of these lines: unique, without blank ones, in the order of their bytes. That is what
 * `git notes merge -s cat_sort_uniq` writes too, so that a merge of equal notes changes nothing.
 */
export function mergeNoteLines(lines: Iterable<string>): string {
  const unique = new Set([...lines].filter((line) => line.trim() !== ''));
  return [...unique]
    .toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map((line) => `${line}\n`)
    .join('');
}

/** True where both link the same snapshot to the same CRQ, whatever the title. */
export function sameLink(a: Omit<CrqLink, 'title'>, b: Omit<CrqLink, 'title'>): boolean {
  return a.name === b.name && a.id === b.id && crqKey(a.crq) === crqKey(b.crq);
}

/** The note with the links in it; a link that was there already gets the new title. */
export function addLinks(text: string, added: CrqLink[]): string {
  const { links, other } = parseNote(text);
  const kept = links.filter((link) => !added.some((a) => sameLink(a, link)));
  return mergeNoteLines([...other, ...[...kept, ...added].map(formatNoteLine)]);
}

export function removeLink(text: string, removed: Omit<CrqLink, 'title'>): string {
  const { links, other } = parseNote(text);
  const kept = links.filter((link) => !sameLink(removed, link));
  return mergeNoteLines([...other, ...kept.map(formatNoteLine)]);
}
