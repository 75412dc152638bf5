import { fromText, type Text, toText } from '../session/text.ts';
import { findTokens, type SecretRange } from './secret-tokens.ts';
import { argvWords, type Certainty, findInWords, lineWords } from './secret-words.ts';

/**
 * Removes secrets from what is about to be stored (attacks.md E6 to E8): each becomes `[redacted:<rule>]`.
 * Redacting twice changes nothing. It finds what its rules know, so it lowers the risk and ends none: the
 * environment is chosen by name, credential files are left out, and push asks again.
 */
export interface Finding {
  rule: string;
}

export interface Redaction {
  /** Rules that are left alone: a person has said so on this call. Nothing in the data can (E7). */
  allow?: ReadonlySet<string>;
  /** What another detector has found: taken out wherever it stands. */
  known?: readonly KnownSecret[];
}

export interface KnownSecret {
  rule: string;
  secret: string;
}

/** Escape sequences stand between a token's characters where a program colored a part of it (E8). */
const ESCAPES =
  /\u001B(?:\[[0-?]{0,256}[ -/]{0,8}[@-~]|\][^\u0007\u001B]{0,4096}(?:\u0007|\u001B\\)|[@-Z\\^_])/gu;

/** A running text: scrollback, a title, a message. */
export function redactText(text: Text, options: Redaction = {}): { text: Text; findings: Finding[] } {
  return mapText(text, (s) => findInText(s, 'text'), options);
}

/** Where in a text what is, without overlaps, in order. */
export function findRanges(text: string, options: Redaction = {}): SecretRange[] {
  return chosen(text, findInText(text, 'text'), options);
}

/** A line that is known to be a command, as it was typed. */
export function redactCommand(line: Text, options: Redaction = {}): { text: Text; findings: Finding[] } {
  return mapText(line, (s) => findInText(s, 'command'), options);
}

/** What a shell prints before the command in a pane's text. */
const PROMPT = /^[^$#%❯➜λ»]{0,200}(?:[$❯➜λ»]|(?<=.)[#%])\s/u;

export function redactArgv(
  argv: readonly Text[],
  options: Redaction = {},
): { argv: Text[]; findings: Finding[] } {
  const strings = argv.map(viewOf);
  // Nearly every argument vector holds nothing to be found: one look at all of it tells.
  const all = strings.join('\n');
  const inside = findTokens(all).length > 0 || /[ \t\u001B]/u.test(all);
  const shapes = findInWords(argvWords(strings), 'argv');
  const findings: Finding[] = [];
  const redacted = argv.map((word, i) => {
    const previous = strings[i - 1] ?? '';
    const script =
      /^-[a-z]*c$/u.test(previous) || (i > 0 && /(?:^|\/)(?:ssh|watch|su)$/u.test(strings[0] ?? ''));
    const view = strings[i] ?? '';
    const own = !inside ? [] : findInText(view, script && /\s/u.test(view) ? 'command' : 'text');
    const ranges = [...own, ...shapes.filter((range) => range.word === i)];
    const result = mapText(word, () => ranges, options);
    findings.push(...result.findings);
    return result.text;
  });
  return { argv: redacted, findings };
}

/** A remote's URL without credentials. The user of an ssh URL is no secret and needed to connect. */
export function redactUrl(url: string, options: Redaction = {}): string {
  const [start = '', scheme = ''] = /^([a-z][a-z0-9+.-]*):\/\//iu.exec(url) ?? [];
  const rest = url.slice(start.length);
  const at = scheme === '' ? -1 : credentialsEnd(rest);
  const user = /ssh/iu.test(scheme) ? (rest.slice(0, Math.max(at, 0)).split(':')[0] ?? '') : '';
  const cleaned = at === -1 ? url : `${start}${user === '' ? '' : `${user}@`}${rest.slice(at + 1)}`;
  const { text } = redactText(cleaned, options);
  return typeof text === 'string' ? text : cleaned;
}

/** Where the `@` behind the credentials stands, or -1. A password may hold `@`, and by mistake `/`. */
function credentialsEnd(rest: string): number {
  const authority = /^[^/?#]*/u.exec(rest)?.[0] ?? '';
  const at = authority.lastIndexOf('@');
  const noPort = /^[^\s:/?#[]*:(?!\d{0,5}(?:[/?#]|$))/u.test(rest);
  return at === -1 && noPort ? rest.lastIndexOf('@') : at;
}

function findInText(text: string, certainty: Exclude<Certainty, 'argv'>): SecretRange[] {
  const found = findSecrets(text, certainty);
  if (!text.includes('\u001B')) return found;
  const { plain, at } = withoutEscapes(text);
  for (const { start, end, rule } of findSecrets(plain, certainty)) {
    found.push({ start: at[start] ?? text.length, end: (at[end - 1] ?? text.length - 1) + 1, rule });
  }
  return found;
}

function findSecrets(text: string, certainty: Certainty): SecretRange[] {
  const found = findTokens(text);
  let offset = 0;
  for (const line of text.split('\n')) {
    const sure = certainty === 'text' && PROMPT.test(line) ? 'command' : certainty;
    // Every rule about words needs an option, but for NAME=value, which a command may hold as a word.
    if (
      /\s[-/]{1,2}\w|authtoken|aws_secret|password\s/u.test(line) ||
      (sure !== 'text' && line.includes('='))
    ) {
      for (const { start, end, rule } of findInWords(lineWords(line), sure)) {
        found.push({ start: start + offset, end: end + offset, rule });
      }
    }
    offset += line.length + 1;
  }
  return found;
}

function withoutEscapes(text: string): { plain: string; at: Uint32Array } {
  const at = new Uint32Array(text.length);
  const kept: string[] = [];
  let length = 0;
  let from = 0;
  const keep = (to: number): void => {
    kept.push(text.slice(from, to));
    for (let i = from; i < to; i++) at[length++] = i;
  };
  for (const match of text.matchAll(ESCAPES)) {
    keep(match.index);
    from = match.index + match[0].length;
  }
  keep(text.length);
  return { plain: kept.join(''), at: at.subarray(0, length) };
}

/** Text that is no UTF-8 is looked at byte by byte, so that a secret in it is found and the rest is kept. */
export function viewOf(text: Text): string {
  return typeof text === 'string' ? text : fromText(text).toString('latin1');
}

function mapText(
  text: Text,
  find: (view: string) => SecretRange[],
  options: Redaction,
): { text: Text; findings: Finding[] } {
  const view = viewOf(text);
  const ranges = chosen(view, find(view), options);
  if (ranges.length === 0) return { text, findings: [] };
  const result = replace(view, ranges);
  return {
    text: typeof text === 'string' ? result : toText(Buffer.from(result, 'latin1')),
    findings: ranges.map(({ rule }) => ({ rule })),
  };
}

function chosen(view: string, found: readonly SecretRange[], { allow, known }: Redaction): SecretRange[] {
  const all = [...found];
  for (const { rule, secret } of known ?? []) {
    for (let at = view.indexOf(secret); at !== -1; at = view.indexOf(secret, at + secret.length)) {
      all.push({ start: at, end: at + secret.length, rule });
    }
  }
  return merge(allow === undefined ? all : all.filter(({ rule }) => !allow.has(rule)));
}

/** Disjoint ranges in order; of those that overlap, the first and longest names the rule. */
function merge(ranges: readonly SecretRange[]): SecretRange[] {
  const merged: SecretRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last !== undefined && range.start < last.end) last.end = Math.max(last.end, range.end);
    else if (range.end > range.start) merged.push({ ...range });
  }
  return merged;
}

function replace(text: string, ranges: readonly SecretRange[]): string {
  const out: string[] = [];
  let from = 0;
  for (const { start, end, rule } of ranges) {
    // Colors that begin or end inside the secret still have to.
    const escapes = text.slice(start, end).match(ESCAPES) ?? [];
    out.push(text.slice(from, start), `[redacted:${rule}]`, ...escapes);
    from = end;
  }
  out.push(text.slice(from));
  return out.join('');
}
