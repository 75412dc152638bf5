import type { Look } from './look.ts';

/** A snapshot, a log or the notes (whose name is null) that stays here, with the reason. */
export interface Held {
  kind: Look['kind'];
  name: string | null;
  /** The snapshot's; null for others. */
  id: string | null;
  why: string;
  /** `<rule> in <where>` */
  found: string[];
}

/** What of the things that were looked at stays here, and what is to be said of the others. */
export function heldBack(looks: readonly Look[]): { held: Held[]; warnings: string[] } {
  const held: Held[] = [];
  const warnings: string[] = [];
  for (const { kind, name, id, found, unseen, unreadable } of looks) {
    const label = kind === 'snapshot' ? `${name}/${id}` : 'the CRQ notes';
    for (const one of unseen) warnings.push(`${label}: not looked at for secrets: ${one}`);
    if (found.length === 0 && unreadable === null) continue;
    const more = found.length > 3 ? `, and ${found.length - 3} more` : '';
    const why = `it holds what looks like a secret (${found.slice(0, 3).join(', ')}${more})`;
    held.push({ kind, name: kind === 'notes' ? null : name, id, why: unreadable ?? why, found });
  }
  return { held, warnings };
}

/** The rules that have found something, as `--allow-secret` takes them. */
export function rulesOf(held: readonly Pick<Held, 'found'>[]): string[] {
  return [...new Set(held.flatMap(({ found }) => found.map((one) => one.split(' ')[0]!)))].toSorted();
}
