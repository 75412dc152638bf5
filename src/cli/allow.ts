import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { allowSnapshot, type Allowed, listApprovals, revoke } from '../flow/allow.ts';
import { looksConfusable, safe, safeArgv } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { signatureText } from './signature.ts';

export class AllowCommand extends SessionCommand {
  static override paths = [['allow']];
  static override usage = Command.Usage({
    description: 'Let a snapshot start its commands when it is restored here, without a question.',
    details:
      'git session allow [--dry-run] <ref>\n   or: git session allow --list\n   or: git session allow --revoke (<ref> | <digest>)',
    examples: [
      ['Look first', 'git session allow --dry-run origin/work'],
      ['Take it back', 'git session allow --revoke origin/work'],
    ],
  });

  list = Option.Boolean('-l,--list', false, {
    description: 'list what is approved or denied on this machine',
  });
  revoke = Option.String('--revoke', { description: 'take this approval or denial back' });
  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'show what would run, approve nothing' });
  ref = Option.String({ required: false });

  async execute(): Promise<number> {
    const asked = [this.list, this.revoke !== undefined, this.ref !== undefined].filter(Boolean).length;
    if (asked !== 1) {
      throw new UsageError(
        asked === 0 ? 'which snapshot? a reference is missing' : 'these options exclude each other',
        ['see: git session allow -h'],
      );
    }
    if (this.list) return this.printList();
    if (this.revoke !== undefined) {
      const approval = await revoke(this.revoke);
      const what = approval.reason === 'denied' ? 'denial' : 'approval';
      if (this.json) this.printJson({ ok: true, revoked: approval });
      else this.out(`Revoked the ${what} of ${safe(approval.ref)}`);
      return 0;
    }
    const allowed = await allowSnapshot(this.ref!, this.dryRun);
    if (this.json)
      this.printJson({
        ok: true,
        approved: !this.dryRun || mayStart(allowed),
        ...allowedJson(allowed),
      });
    else this.print(allowed);
    return 0;
  }

  private printList(): number {
    const approvals = listApprovals();
    if (this.json) this.printJson({ ok: true, approvals });
    else {
      for (const a of approvals) {
        this.out(
          `${a.digest.slice(0, 12)}  ${a.at}  ${a.reason.padEnd(7)}  ${safe(a.ref)}  ${safe(a.repository)}`,
        );
      }
      if (approvals.length === 0) this.note('nothing is approved');
    }
    return 0;
  }

  private print(a: Allowed): void {
    this.out(
      `${safe(a.label)}, saved by ${safe(`${a.savedBy.name} <${a.savedBy.email}> on ${a.host}, ${a.savedAt}`)} (as it says)`,
    );
    this.out(`  it is ${signatureText(a.signature)}`);
    for (const c of a.commands) {
      const flag = looksConfusable(c.argv[0] ?? '') ? '  <- has characters that look like others' : '';
      this.out(`  ${c.pane}  ${safe(c.cwd)}  $ ${safeArgv(c.argv)}${flag}`);
    }
    if (a.commands.length === 0) this.out('  it starts no command');
    for (const [name, value] of Object.entries(a.env)) this.out(`  env  ${safe(name)}=${safeArgv([value])}`);
    const { before } = a;
    const isDenied = before?.reason === 'denied';
    if (before !== null && !isDenied) this.out(`It is approved already (${before.reason} ${before.at})`);
    else if (this.dryRun && before !== null) this.out(`It is denied (${before.at})`);
    else if (this.dryRun) {
      this.out(a.trusted ? 'It is approved by its signature (session.trustSigner)' : 'It is not approved');
    } else {
      const lifted = before === null ? '' : '; it was denied before';
      this.out(`Approved (${a.digest.slice(0, 12)})${lifted}`);
      this.hint(`to take it back: git session allow --revoke ${a.digest.slice(0, 12)}`);
    }
  }
}

/** As things were before: of decisions a stored one counts before a signature. */
function mayStart({ before, trusted }: Allowed): boolean {
  return before === null ? trusted : before.reason !== 'denied';
}

function allowedJson(a: Allowed) {
  const { label, digest, savedBy, savedAt, host, commands, env, signature, before } = a;
  const who = { saved_by: savedBy, saved_at: savedAt, host, signature };
  return { snapshot: label, digest, ...who, commands, env, before };
}
