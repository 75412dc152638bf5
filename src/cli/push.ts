import { Command, Option } from 'clipanion';
import { push } from '../flow/share.ts';
import { allowedRules } from '../trust/rules.ts';
import { SessionCommand } from './command.ts';
import { printPush, pushJson, rejectedOf } from './sharing.ts';

export class PushCommand extends SessionCommand {
  static override paths = [['push']];
  static override usage = Command.Usage({
    description:
      'Push sessions and CRQ notes. Notes that somebody else pushed meanwhile are merged, not replaced.',
    details: 'git session push [<options>] [<remote> [<name>...]]',
    examples: [
      ['All sessions, to the default remote', 'git session push'],
      ['One session', 'git session push origin work'],
      ['The same by plain git', "git push origin 'refs/sessions/*' refs/notes/crq"],
    ],
  });

  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'ask the remote, change nothing' });
  verify = Option.Boolean('--verify', true, { description: 'run the pre-push hook (default)' });
  atomic = Option.Boolean('--atomic', false, { description: 'all or nothing' });
  allowSecrets = Option.Boolean('--allow-secrets', false, {
    description: 'push also what looks like a secret',
  });
  allowSecret = Option.Array('--allow-secret', [], {
    description: '=<rule> push also what this rule finds (repeatable)',
  });
  quiet = Option.Boolean('-q,--quiet', false, { description: 'print nothing but errors and warnings' });
  /** The remote, then names. clipanion would give a single word to the rest. */
  words = Option.Rest();

  async execute(): Promise<number> {
    const { dryRun, verify, atomic, allowSecrets } = this;
    const allow = allowedRules(this.allowSecret);
    const [remote, ...names] = this.words;
    const result = await push({ remote, names, dryRun, verify, atomic, allowSecrets, allow });
    for (const w of result.warnings) this.warn(w);
    if (!this.json && !this.quiet) {
      printPush(
        result,
        (text) => this.out(text),
        (text) => this.note(text),
      );
    }
    const rejected = rejectedOf(result);
    if (rejected !== null) {
      for (const line of rejected.more) this.problem(line);
      throw rejected.error;
    }
    if (this.json) this.printJson({ ok: true, ...pushJson(result) });
    return 0;
  }
}
