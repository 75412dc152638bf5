import { MAX_SCROLLBACK_BYTES, type Snapshot } from '../session/schema.ts';
import { fromText, type Text, toText } from '../session/text.ts';
import { type Redaction, redactText, viewOf } from '../trust/redact.ts';
import { lookAgain } from '../trust/second-look.ts';
import type { Scrollback } from './describe.ts';

interface Draft {
  snapshot: Snapshot;
  files: { bytes: Buffer }[];
}

/**
 * Makes the snapshots of a save, and looks at all their texts once more before anything is written. Only where that finds
 * what our own rules did not, they are made again, without it.
 */
export async function lookAtDrafts<D extends Draft>(
  make: (rules: Redaction, scrollback: Map<string, Scrollback>, told: string[]) => D[],
  scrollback: Map<string, Scrollback>,
  allow: ReadonlySet<string> = new Set(),
  warnings: string[] = [],
): Promise<D[]> {
  const told: string[] = [];
  let drafts = make({ allow }, scrollback, told);
  const found = await lookAgain(drafts.flatMap((draft) => textsOf(draft, allow.size > 0)));
  const known = found.filter(({ rule }) => !allow.has(rule));
  if (known.length > 0) {
    told.length = 0;
    drafts = make({ allow, known }, without(scrollback, { allow, known }), told);
  }
  warnings.push(...told);
  return drafts;
}

/** What our own rules know is not asked for again, also where they are left alone. */
function textsOf({ snapshot, files }: Draft, again: boolean): string[] {
  const texts = [...stringsIn(snapshot), ...files.map(({ bytes }) => viewOf(toText(bytes)))];
  return again ? texts.map((text) => viewOf(redactText(text).text)) : texts;
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  if ('base64' in value) return [viewOf(value as Text)];
  return Object.values(value).flatMap(stringsIn);
}

function without(scrollback: Map<string, Scrollback>, rules: Redaction): Map<string, Scrollback> {
  return new Map(
    Array.from(scrollback, ([id, { bytes, truncated }]) => {
      const all = fromText(redactText(toText(bytes), rules).text);
      const kept =
        all.length > MAX_SCROLLBACK_BYTES
          ? all.subarray(all.indexOf(10, all.length - MAX_SCROLLBACK_BYTES) + 1)
          : all;
      const lines = kept.reduce((n, c) => (c === 10 ? n + 1 : n), 0);
      return [id, { bytes: kept, lines, truncated: truncated || kept.length < all.length }];
    }),
  );
}

/** Titles and the like come from documents of the repository. */
export function cleanCrqs(crqs: Snapshot['crqs'], rules: Redaction): Snapshot['crqs'] {
  const clean = (text: string, length: number) => viewOf(redactText(text, rules).text).slice(0, length);
  return crqs.map((crq) => ({
    ...crq,
    title: crq.title === null ? null : clean(crq.title, 1000),
    status: crq.status === null ? null : clean(crq.status, 100),
  }));
}

/** What a log says of its session was redacted when it was written; other programs write logs too. */
export function cleanState(state: Snapshot['state'], rules: Redaction): Snapshot['state'] {
  const cleaned = Object.entries(state).map(([key, value]: [string, Text | number]) => [
    key,
    typeof value === 'string' ? redactText(value, rules).text : value,
  ]);
  return Object.fromEntries(cleaned) as Snapshot['state'];
}
