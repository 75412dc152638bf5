import { Command, Option } from 'clipanion';
import { SessionError } from '../session/errors.ts';
import { fetchFrom, type FetchResult, remotesToFetch } from '../flow/fetch.ts';
import { SessionCommand } from './command.ts';
import { fetchJson, printFetch } from './sharing.ts';

export class FetchCommand extends SessionCommand {
  static override paths = [['fetch']];
  static override usage = Command.Usage({
    description:
      "Fetch sessions into refs/remote-sessions/<remote>, and join the remote's CRQ notes with yours.",
    details: 'git session fetch [<options>] [<remote>]\n   or: git session fetch [<options>] --all',
    examples: [
      ['From the default remote', 'git session fetch'],
      ['Then restore what came', 'git session restore origin/work'],
    ],
  });

  all = Option.Boolean('--all', false, { description: 'from all remotes' });
  prune = Option.Boolean('-p,--prune', false, {
    description: 'forget copies of what the remote no longer has; your own sessions stay',
  });
  quiet = Option.Boolean('-q,--quiet', false, { description: 'print nothing but errors and warnings' });
  remote = Option.String({ required: false });

  async execute(): Promise<number> {
    const { ws, remotes } = await remotesToFetch({ remote: this.remote, all: this.all, prune: this.prune });
    const results: FetchResult[] = [];
    const failures: { remote: string; error: SessionError }[] = [];
    for (const remote of remotes) {
      try {
        const result = await fetchFrom(ws, remote, this.prune);
        results.push(result);
        if (!this.json && !this.quiet) {
          printFetch(
            result,
            (text) => this.out(text),
            (text) => this.note(text),
          );
        }
      } catch (error) {
        // One remote that can't be reached does not stop the others.
        if (!(error instanceof SessionError) || remotes.length === 1) throw error;
        failures.push({ remote, error });
        this.problem(error.message);
        for (const hint of error.hints) this.hint(hint);
      }
    }
    if (this.json) {
      const failed = failures.map(({ remote, error }) => ({ remote, ...error.toJSON() }));
      this.printJson({ ok: failed.length === 0, remotes: results.map(fetchJson), failed });
    } else if (failures.length === 0 && !this.quiet && results.every((r) => r.fetched.length === 0)) {
      this.note('no new sessions');
    }
    return failures.length === 0 ? 0 : 1;
  }
}
