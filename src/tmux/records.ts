import { TmuxFailedError } from '../session/errors.ts';

function lines(out: Buffer): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  while (at < out.length) {
    const end = out.indexOf(10, at);
    const stop = end < 0 ? out.length : end;
    found.push(out.subarray(at, stop));
    at = stop + 1;
  }
  return found;
}

/** The records of one kind: lines that begin with the tag and a TAB, cut at each TAB. */
export function records(out: Buffer, tag: string, fields: number): Buffer[][] {
  const found: Buffer[][] = [];
  for (const line of lines(out)) {
    if (line[0] !== tag.charCodeAt(0) || line[1] !== 9) continue;
    const parts = splitTabs(line);
    if (parts.length !== fields) {
      throw new TmuxFailedError(
        `tmux gave a record of ${parts.length} fields where ${fields} were asked for`,
      );
    }
    found.push(parts);
  }
  return found;
}

function splitTabs(line: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const tab = line.indexOf(9, at);
    if (tab < 0) break;
    parts.push(line.subarray(at, tab));
    at = tab + 1;
  }
  parts.push(line.subarray(at));
  return parts;
}

export function text(field: Buffer | undefined): string {
  return field === undefined ? '' : field.toString('utf8');
}

/** A field as a number; 0 where tmux gave none. */
export function number(field: Buffer | undefined): number {
  const value = Number(text(field));
  return Number.isSafeInteger(value) ? value : 0;
}

export function flag(field: Buffer | undefined): boolean {
  return text(field) === '1';
}
