import fastStringWidth from 'fast-string-width';

/** Columns that `text` takes on a terminal. The text has no control characters: it has gone through `safe()`. */
export function widthOf(text: string): number {
  return /^[ -~]*$/u.test(text) ? text.length : fastStringWidth(text);
}

/** At most `width` columns of `text`; where something is left out, the last of them says so. */
export function cut(text: string, width: number, mark = '…'): string {
  if (widthOf(text) <= width) return text;
  const room = width - widthOf(mark);
  if (room < 0) return '';
  let out = '';
  let used = 0;
  for (const cluster of clusters(text)) {
    used += widthOf(cluster);
    if (used > room) break;
    out += cluster;
  }
  return out + mark;
}

/** As `cut`; what is left out is at the start. */
export function cutStart(text: string, width: number, mark = '…'): string {
  if (widthOf(text) <= width) return text;
  const room = width - widthOf(mark);
  if (room < 0) return '';
  const all = clusters(text);
  let used = 0;
  let from = all.length;
  while (from > 0 && used + widthOf(all[from - 1]!) <= room) used += widthOf(all[--from]!);
  return mark + all.slice(from).join('');
}

export function pad(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

let segmenter: Intl.Segmenter | undefined;

/** What a terminal shows as one character: a letter with its marks, an emoji with what is joined to it. */
export function clusters(text: string): string[] {
  if (/^[ -~]*$/u.test(text)) return [...text];
  segmenter ??= new Intl.Segmenter('en', { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), (s) => s.segment);
}
