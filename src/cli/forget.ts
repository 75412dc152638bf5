import { Command, Option } from 'clipanion';
import { NotConfirmedError, RejectedError, UsageError } from '../session/errors.ts';
import { counted } from '../session/words.ts';
import { forget, type Forgotten, type ForgetPlan, planForget } from '../flow/forget.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { confirm } from './confirm.ts';
import { canAsk } from './picker.ts';

export class ForgetCommand extends SessionCommand {
  static override paths = [['forget']];
  static override usage = Command.Usage({
    description:
      'Remove a snapshot, or all of a session, everywhere it can be removed: for a secret that was saved.',
    details: 'git session forget [--purge] [--remote[=<remote>]] [--dry-run] [--yes] <ref>...',
    examples: [
      ['A snapshot, here and on the remote, with its objects', 'git session forget --purge --remote work~0'],
      ['All of a session; look first', 'git session forget --dry-run work'],
    ],
  });

  purge = Option.Boolean('--purge', false, { description: 'take its objects away at once' });
  remote = Option.String('--remote', { tolerateBoolean: true, description: 'remove it on this remote too' });
  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'say what would go, change nothing' });
  yes = Option.Boolean('-y,--yes', false, { description: 'do it without a question' });
  refs = Option.Rest();

  async execute(): Promise<number> {
    if (this.refs.length === 0) {
      throw new UsageError('forget what? a reference is missing', ['look for secrets: git session scan']);
    }
    const plan = await planForget({ refs: this.refs, purge: this.purge, remote: this.remote });
    if (this.dryRun) return this.printPlan(plan);
    await this.requireYes(plan);
    const result = await forget(plan, this.purge);
    for (const w of result.warnings) this.warn(w);
    if (!this.json) this.print(result);
    const [first] = result.remote?.rejected ?? [];
    if (first !== undefined) {
      throw new RejectedError(
        `remote '${result.remote!.name}' rejected ${first.ref}: ${first.reason}`,
        ['it is forgotten here; ask those who run the remote to delete it there'],
        forgottenJson(result),
      );
    }
    if (this.json) this.printJson({ ok: true, dry_run: false, ...forgottenJson(result) });
    return 0;
  }

  private printPlan({ targets, refs, remote }: ForgetPlan): number {
    if (this.json) {
      const names = refs.map(({ ref }) => ref);
      this.printJson({ ok: true, dry_run: true, forgotten: targets, refs: names, remote });
      return 0;
    }
    for (const target of targets) this.out(`Would forget ${safe(labelOf(target))}`);
    for (const { ref } of refs) this.out(`  ${safe(ref)}`);
    if (remote !== null) this.out(`  the same on ${safe(remote)}`);
    return 0;
  }

  private async requireYes({ targets }: ForgetPlan): Promise<void> {
    if (this.yes) return;
    const names = targets.map(labelOf);
    if (!canAsk() || this.json) {
      throw new NotConfirmedError(
        `this would remove ${names.join(', ')}, and nothing brings it back`,
        ['to do it: --yes', 'to see what would go: --dry-run'],
        { forgotten: targets },
      );
    }
    for (const name of names) this.note(`  ${name}`);
    if (await confirm('Remove it for good?')) return;
    throw new NotConfirmedError('nothing was removed', [], { forgotten: targets });
  }

  private print({ targets, refs, remote, purged, stays }: Forgotten): void {
    for (const target of targets) this.out(`Forgot ${safe(labelOf(target))}`);
    this.out(
      `${counted(refs.length, 'ref')} here${purged === null ? '' : ` and ${counted(purged, 'object')}`}`,
    );
    if (remote !== null) this.out(`${counted(remote.deleted.length, 'ref')} on ${safe(remote.name)}`);
    if (purged === null) {
      this.note("its objects stay in this repository until git's own gc; with --purge they would be gone");
      this.hint('to take away all that nothing reaches, dropped stashes too: git gc --prune=now');
    }
    for (const text of stays) this.note(`it may still be ${text}`);
    this.hint('a secret that was saved counts as known: change it where it is valid');
  }
}

function labelOf({ name, id }: { name: string; id: string | null }): string {
  return id === null ? `session '${name}'` : `${name}/${id}`;
}

function forgottenJson({ targets, refs, approvals, remote, purged, stays, warnings }: Forgotten) {
  return { forgotten: targets, refs, approvals, remote, purged, stays, warnings };
}
