import { Command, Option } from 'clipanion';
import { crqKey } from '../session/crq.ts';
import { isOpen } from '../session/crq-document.ts';
import { UnknownRefError, UsageError } from '../session/errors.ts';
import { crqOverview, type CrqOverview } from '../flow/crq.ts';
import { displayText } from '../session/text.ts';
import { safe, safeLine } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class CrqCommand extends SessionCommand {
  static override paths = [['crq']];
  static override usage = Command.Usage({
    description: 'List change requests with their documents and snapshots, or show one.',
    details: 'git session crq [list] [--open]\n   or: git session crq show <id>',
    examples: [
      ['What is open', 'git session crq list --open'],
      ['Everything about one', 'git session crq show CRQ-42'],
    ],
  });

  open = Option.Boolean('--open', false, { description: 'only those whose document has an open status' });
  verb = Option.String({ required: false });
  id = Option.String({ required: false });

  async execute(): Promise<number> {
    const { verb = 'list', id } = this;
    if (verb === 'show' && id !== undefined) return this.show(await overview(), id);
    if (verb === 'list' && id === undefined) return this.list(await overview());
    throw new UsageError(
      verb === 'show' ? 'which change request? its id is missing' : `unknown arguments after 'crq'`,
      ['see: git session crq -h'],
    );
  }

  private list(all: CrqOverview[]): number {
    const rows = this.open ? all.filter((r) => r.crq.status !== null && isOpen(r.crq.status)) : all;
    if (this.json) {
      this.printJson({ ok: true, crqs: rows.map(overviewJson) });
      return 0;
    }
    if (rows.length === 0)
      this.note(this.open ? 'no change request is open' : 'there are no change requests');
    const width = (of: (r: CrqOverview) => string, most: number) =>
      Math.min(most, Math.max(0, ...rows.map((r) => of(r).length)));
    const status = (r: CrqOverview) => safeLine(r.crq.status ?? '-', 16);
    const [ids, states] = [width((r) => safe(r.crq.id), 24), width(status, 20)];
    for (const r of rows) {
      const count = `${r.snapshots.length} snapshot${r.snapshots.length === 1 ? '' : 's'}`;
      const path = r.crq.path === null ? '(no document)' : safe(displayText(r.crq.path));
      const parts = [
        safe(r.crq.id).padEnd(ids),
        status(r).padEnd(states),
        safeLine(r.crq.title ?? '-', 60),
        path,
        count,
      ];
      this.out(parts.join('  '));
    }
    return 0;
  }

  /** Several documents can have one id: all of them are shown. A path names exactly one. */
  private show(all: CrqOverview[], id: string): number {
    const byPath = all.filter((r) => r.crq.path !== null && displayText(r.crq.path) === id);
    const found = byPath.length > 0 ? byPath : all.filter((r) => crqKey(r.crq.id) === crqKey(id));
    if (found.length === 0) {
      throw new UnknownRefError(`no change request '${id}'`, ['see what there is: git session crq list']);
    }
    if (this.json) this.printJson({ ok: true, crqs: found.map(overviewJson) });
    else for (const [i, r] of found.entries()) this.print(r, i > 0);
    return 0;
  }

  private print({ crq, document, snapshots }: CrqOverview, again: boolean): void {
    if (again) this.out('');
    this.out(`${safe(crq.id)}  ${safe(crq.title ?? '(no title)')}`);
    const facts: [string, string | null][] = [
      ['status', crq.status],
      ['priority', document?.priority ?? null],
      ['document', crq.path === null ? 'none found' : displayText(crq.path)],
      ['known as', document === null || document.aliases.length === 0 ? null : document.aliases.join(', ')],
    ];
    for (const [name, value] of facts) if (value !== null) this.out(`  ${name.padEnd(10)}${safe(value)}`);
    if (snapshots.length === 0) this.out('  no snapshot is linked to it');
    else {
      this.out(`  ${snapshots.length} snapshot${snapshots.length === 1 ? '' : 's'}:`);
      for (const label of snapshots) this.out(`    ${safe(label)}`);
    }
  }
}

/** A snapshot of this clone and a remote's copy of it are one. */
async function overview(): Promise<CrqOverview[]> {
  return (await crqOverview()).map((row) => {
    const own = new Set(row.snapshots);
    return {
      ...row,
      snapshots: row.snapshots.filter((label) => !own.has(label.slice(label.indexOf('/') + 1))),
    };
  });
}

function overviewJson({ crq, document, snapshots }: CrqOverview) {
  return {
    ...crq,
    priority: document?.priority ?? null,
    aliases: document?.aliases ?? [],
    from_register: document?.fromRegister ?? false,
    open: crq.status !== null && isOpen(crq.status),
    snapshots,
  };
}
