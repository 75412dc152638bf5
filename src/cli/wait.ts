import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { TIMED_OUT } from '../flow/exec.ts';
import { type Waited, waitForSessions } from '../flow/wait.ts';
import { SessionCommand } from './command.ts';
import { parseTimeout, timeoutText } from './duration.ts';

export class WaitCommand extends SessionCommand {
  static override paths = [['wait']];
  static override usage = Command.Usage({
    description:
      'Wait until sessions have ended: the command of a run, the tmux session of others. The exit code is\nthat of the command; of several sessions 0 where all are completed, else 1.',
    details: 'git session wait [<options>] <session>...',
    examples: [
      ['', 'git session wait build'],
      ['All that are called so, ten minutes at most', "git session wait --timeout 10m 'gs-task-*'"],
    ],
  });

  timeout = Option.String('--timeout', {
    description: '=<duration> no longer than that; exit code 124 then',
  });
  sessions = Option.Rest({ name: 'session' });

  async execute(): Promise<number> {
    if (this.sessions.length === 0) throw new UsageError('which session?', ['git session wait <session>']);
    const { waited, timedOut } = await waitForSessions(this.sessions, parseTimeout(this.timeout));
    const code = timedOut ? TIMED_OUT : codeOf(waited);
    if (timedOut) {
      const going = waited.filter((w) => w.status === 'running').map((w) => w.name);
      this.note(`error: still running after ${timeoutText(this.timeout!)}: ${going.join(', ')}`);
    }
    if (this.json) {
      this.printJson({ ok: code === 0, timed_out: timedOut, sessions: waited.map(waitedJson) });
      return code;
    }
    const [only] = waited;
    if (waited.length === 1 && only?.error != null) throw only.error;
    for (const { name, status, exitCode, error } of waited) {
      if (error !== null) this.warn(error.message);
      else if (status === 'failed' && waited.length > 1)
        this.warn(`${name} failed (exit code ${exitCode ?? 'unknown'})`);
    }
    return code;
  }
}

/** A session without a command of its own that has ended is done. */
function codeOf(waited: readonly Waited[]): number {
  const codes = waited.map(({ kind, status, exitCode, error }) => {
    if (kind !== 'run') return 0;
    if (error !== null) return error.exit;
    return status === 'completed' ? 0 : exitCode || 1;
  });
  return codes.length === 1 ? codes[0]! : Math.min(1, Math.max(...codes));
}

function waitedJson({ id, name, kind, status, exitCode, error }: Waited) {
  return {
    ...{ id, name, kind, status, exit_code: exitCode },
    ...(error === null ? {} : { error: error.toJSON().error }),
  };
}
