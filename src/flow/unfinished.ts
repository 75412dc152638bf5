import { processStartTime } from '../process/identity.ts';
import { discard, TEMPORARY } from '../tmux/build.ts';
import type { ControlClient } from '../tmux/control.ts';
import { quote } from '../tmux/syntax.ts';

/**
 * Removes what a restore that was killed has left: sessions with a temporary name, which holds the pid of
 * the restore, where that process is dead. One that has its final name is finished, whatever marks it has.
 */
export async function removeUnfinished(client: ControlClient): Promise<number> {
  const [out] = await client.run([`list-sessions -F ${quote('#{session_id} #{session_name}')}`]);
  const dead = (out ?? []).flatMap((line) => {
    const [id = '', name = ''] = line.toString('latin1').split(' ');
    const pid = name.startsWith(TEMPORARY) ? Number(/^\d+/u.exec(name.slice(TEMPORARY.length))?.[0] ?? 0) : 0;
    return pid > 0 && processStartTime(pid) === null ? [id] : [];
  });
  await discard(client, dead);
  return dead.length;
}
