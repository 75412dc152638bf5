import { Command, Option } from 'clipanion';
import { counted } from '../session/words.ts';
import type { Look } from '../flow/look.ts';
import { scan } from '../flow/scan.ts';
import { allowedRules } from '../trust/rules.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class ScanCommand extends SessionCommand {
  static override paths = [['scan']];
  static override usage = Command.Usage({
    description:
      'Look for what looks like a secret in saved sessions: snapshots, text of panes, uncommitted work, logs.',
    details: 'git session scan [<options>] [<ref>...]',
    examples: [
      ['All that this clone has saved', 'git session scan'],
      ['What came from a remote', 'git session scan origin/work'],
    ],
  });

  allowSecret = Option.Array('--allow-secret', [], {
    description: '=<rule> leave this rule alone (repeatable)',
  });
  refs = Option.Rest();

  async execute(): Promise<number> {
    const { snapshots, logs, looks } = await scan(this.refs, allowedRules(this.allowSecret));
    const bad = looks.filter(({ found, unreadable }) => found.length > 0 || unreadable !== null);
    if (this.json) {
      this.printJson({ ok: bad.length === 0, snapshots, logs, looks: looks.map(lookJson) });
    } else {
      for (const look of looks) {
        const label = safe(labelOf(look));
        for (const one of look.found) this.out(`${label}: ${safe(one)}`);
        if (look.unreadable !== null) this.out(`${label}: ${safe(look.unreadable)}`);
        for (const one of look.unseen) this.warn(`${labelOf(look)}: not looked at: ${one}`);
      }
      const what = `${counted(snapshots, 'snapshot')} and ${counted(logs, 'log')}`;
      if (bad.length === 0) this.note(`nothing found in ${what}`);
      else {
        const first = bad.find(({ kind }) => kind === 'snapshot');
        if (first !== undefined && first.remote === null)
          this.hint(`remove one everywhere here: git session forget ${labelOf(first)}`);
      }
    }
    return bad.length === 0 ? 0 : 1;
  }
}

/** What to call it in a message. */
export function labelOf({ kind, name, remote, id }: Look): string {
  const session = remote === null ? name : `${remote}/${name}`;
  if (kind === 'notes') return 'the CRQ notes';
  return kind === 'log' ? `the log of '${session}'` : `${session}/${id}`;
}

function lookJson({ kind, name, remote, id, found, unseen, unreadable }: Look) {
  return {
    ...{ kind, name: kind === 'notes' ? null : name, remote, id },
    found: found.map((one) => {
      const [rule = '', ...where] = one.split(' in ');
      return { rule, where: where.join(' in ') };
    }),
    ...{ unseen, unreadable },
  };
}
