import { Command, Option } from 'clipanion';
import { sync } from '../flow/share.ts';
import { allowedRules } from '../trust/rules.ts';
import { SessionCommand } from './command.ts';
import { fetchJson, printFetch, printPush, pushJson, rejectedOf } from './sharing.ts';

export class SyncCommand extends SessionCommand {
  static override paths = [['sync']];
  static override usage = Command.Usage({
    description: 'Fetch, merge the CRQ notes, push: afterwards both sides have what either had.',
    details: 'git session sync [<options>] [<remote>]',
    examples: [['With the default remote', 'git session sync']],
  });

  allowSecrets = Option.Boolean('--allow-secrets', false, {
    description: 'push also what looks like a secret',
  });
  allowSecret = Option.Array('--allow-secret', [], {
    description: '=<rule> push also what this rule finds (repeatable)',
  });
  verify = Option.Boolean('--verify', true, { description: 'run the pre-push hook (default)' });
  quiet = Option.Boolean('-q,--quiet', false, { description: 'print nothing but errors and warnings' });
  remote = Option.String({ required: false });

  async execute(): Promise<number> {
    const { remote, verify, allowSecrets } = this;
    const { fetched, pushed } = await sync({
      ...{ remote, names: [], dryRun: false, atomic: false },
      ...{ verify, allowSecrets, allow: allowedRules(this.allowSecret) },
    });
    for (const w of pushed.warnings) this.warn(w);
    if (!this.json && !this.quiet) {
      const out = (text: string) => this.out(text);
      const note = (text: string) => this.note(text);
      printFetch(fetched, (text) => out(`Fetched ${text}`), note);
      printPush(pushed, out, note);
    }
    const rejected = rejectedOf(pushed);
    if (rejected !== null) {
      for (const line of rejected.more) this.problem(line);
      throw rejected.error;
    }
    if (this.json) this.printJson({ ok: true, fetched: fetchJson(fetched), pushed: pushJson(pushed) });
    return 0;
  }
}
