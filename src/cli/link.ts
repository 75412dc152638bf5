import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { link, type Linked } from '../flow/crq.ts';
import { displayText } from '../session/text.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class LinkCommand extends SessionCommand {
  static override paths = [['link']];
  static override usage = Command.Usage({
    description: 'Link a snapshot to change requests: an event in its log, and a note on its commit.',
    details: 'git session link <ref> <crq>...',
    examples: [['', 'git session link work CRQ-42']],
  });

  ref = Option.String();
  crqs = Option.Rest();

  async execute(): Promise<number> {
    const result = await link(this.ref, crqIds(this.crqs));
    for (const w of result.warnings) this.warn(w);
    if (this.json) this.printJson(linkedJson(result));
    else this.out(linkedLine(result));
    return 0;
  }
}

/** As with save, several may stand in one argument. */
export function crqIds(words: string[]): string[] {
  const ids = words.flatMap((w) => w.split(/[\s,]+/u)).filter((w) => w !== '');
  if (ids.length > 0) return ids;
  throw new UsageError('which change request? an argument is missing', ['see them: git session crq list']);
}

export function linkedJson({ stored, crqs, warnings }: Linked) {
  const { name, id, remote, oid } = stored;
  return { ok: true, name, id, remote, oid, crqs, warnings };
}

/** What the snapshot is linked to now. */
export function linkedLine({ stored, crqs }: Linked): string {
  const label = `${stored.remote === null ? '' : `${stored.remote}/`}${stored.name}/${stored.id}`;
  const names = crqs.map((c) =>
    [c.id, c.title, c.path === null ? null : displayText(c.path)].filter((p) => p !== null).join(' '),
  );
  return `${safe(label)}: ${names.length === 0 ? 'no CRQs' : names.map((n) => safe(n)).join(', ')}`;
}
