import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { allowSnapshot, type Allowed, listApprovals, revoke } from '../flow/allow.ts';
import { looksConfusable, safe, safeArgv } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

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

  list = Option.Boolean('-l,--list', false, { description: 'list what is approved on this machine' });
  revoke = Option.String('--revoke', { description: 'take this approval back' });
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
      if (this.json) this.printJson({ ok: true, revoked: approval });
      else this.out(`Revoked the approval of ${safe(approval.ref)}`);
      return 0;
    }
    const allowed = await allowSnapshot(this.ref!, this.dryRun);
    if (this.json)
      this.printJson({
        ok: true,
        approved: allowed.before !== null || !this.dryRun,
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
    for (const c of a.commands) {
      const flag = looksConfusable(c.argv[0] ?? '') ? '  <- has characters that look like others' : '';
      this.out(`  ${c.pane}  ${safe(c.cwd)}  $ ${safeArgv(c.argv)}${flag}`);
    }
    if (a.commands.length === 0) this.out('  it starts no command');
    for (const [name, value] of Object.entries(a.env)) this.out(`  env  ${safe(name)}=${safeArgv([value])}`);
    if (a.before !== null) this.out(`It is approved already (${a.before.reason} ${a.before.at})`);
    else if (this.dryRun) this.out('It is not approved');
    else {
      this.out(`Approved (${a.digest.slice(0, 12)})`);
      this.hint(`to take it back: git session allow --revoke ${a.digest.slice(0, 12)}`);
    }
  }
}

function allowedJson({ label, digest, savedBy, savedAt, host, commands, env, before }: Allowed) {
  return { snapshot: label, digest, saved_by: savedBy, saved_at: savedAt, host, commands, env, before };
}
