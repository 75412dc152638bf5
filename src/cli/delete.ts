import { Command, Option } from 'clipanion';
import { RejectedError, UsageError } from '../session/errors.ts';
import { type DeleteResult, remove } from '../flow/remove.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class DeleteCommand extends SessionCommand {
  static override paths = [['delete']];
  static override usage = Command.Usage({
    description:
      'Delete a session with all its snapshots, its record and its saved history, or single snapshots.',
    details:
      'git session delete [--force] [--remote[=<remote>]] <name>...\n   or: git session delete [--remote[=<remote>]] <name>/<id>...',
    examples: [
      ['A session, here and for everybody', 'git session delete --remote work'],
      ['The snapshot before the newest', 'git session delete work~1'],
    ],
  });

  remote = Option.String('--remote', { tolerateBoolean: true, description: 'delete it on this remote too' });
  force = Option.Boolean('-f,--force', false, { description: 'also where a terminal shows the session' });
  refs = Option.Rest();

  async execute(): Promise<number> {
    if (this.refs.length === 0) {
      throw new UsageError('which session? a reference is missing', ['see what there is: git session list']);
    }
    const result = await remove({ refs: this.refs, remote: this.remote, force: this.force });
    for (const w of result.warnings) this.warn(w);
    if (!this.json) this.print(result);
    const [first, ...more] = new Set(
      (result.remote?.rejected ?? []).map(
        ({ ref, reason }) => `remote '${result.remote!.name}' rejected ${ref}: ${reason}`,
      ),
    );
    for (const line of more) this.problem(line);
    if (first !== undefined) {
      const hint = 'it is deleted here; other clones hide it once they get the tombstone: git session push';
      throw new RejectedError(first, [hint], resultJson(result));
    }
    if (this.json) this.printJson({ ok: true, ...resultJson(result) });
    return 0;
  }

  private print({ deleted, records, foreign, remote }: DeleteResult): void {
    for (const { name, whole, snapshots } of deleted) {
      const newest = snapshots.at(-1)!;
      const what = whole ? `session '${name}'` : `${name}/${snapshots.length === 1 ? newest.id : '...'}`;
      const count = snapshots.length === 1 ? '' : `${snapshots.length} snapshots, the newest `;
      this.out(`Deleted ${safe(what)} (${count}was ${newest.oid.slice(0, 7)})`);
    }
    for (const { name, history } of records) {
      this.out(`Deleted the record of ${safe(name)}${history === null ? '' : ', and its history'}`);
    }
    for (const { ref, oid } of foreign) this.out(`Deleted ${safe(ref)} (was ${oid.slice(0, 7)})`);
    if (remote !== null && remote.deleted.length > 0) {
      this.out(`Deleted ${remote.deleted.length} refs on ${safe(remote.name)}`);
    }
    for (const { name, savedAs, snapshots } of deleted) {
      const objects = snapshots.map((s) => (s.context ?? s.oid).slice(0, 12));
      const named = savedAs === name ? '' : ` --name ${name}`;
      this.hint(`to undo: git session import${named} ${objects.join(' ')}`);
    }
    for (const { ref, oid } of foreign) this.hint(`to undo: git update-ref ${ref} ${oid}`);
    if (deleted.length > 0 && remote === null) {
      this.hint('the next push tells the other clones, which then hide it too');
    }
  }
}

function resultJson({ deleted, records, foreign, remote, warnings }: DeleteResult) {
  return {
    deleted: deleted.map(({ name, savedAs, whole, snapshots }) => ({
      name,
      saved_as: savedAs,
      whole,
      snapshots,
    })),
    ...{ records, foreign, remote, warnings },
  };
}
