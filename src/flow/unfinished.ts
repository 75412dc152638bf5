import { processStartTime } from '../process/identity.ts';
import { BUILDING, discard, TEMPORARY } from '../tmux/build.ts';
import type { ControlClient } from '../tmux/control.ts';
import { quote } from '../tmux/syntax.ts';

/**
 * Removes what a restore that was killed has left: sessions that a dead process was building, and those
 * that have a temporary name and no builder.
 */
export async function removeUnfinished(client: ControlClient): Promise<number> {
  const [out] = await client.run([
    `list-sessions -F ${quote(`#{session_id} #{s/ .*//:${BUILDING}} #{session_name}`)}`,
  ]);
  const dead = (out ?? []).flatMap((line) => {
    const [id = '', pid = '', name = ''] = line.toString('latin1').split(' ');
    if (pid === '') return name.startsWith(TEMPORARY) ? [id] : [];
    const owner = Number(pid);
    return Number.isSafeInteger(owner) && owner > 0 && processStartTime(owner) === null ? [id] : [];
  });
  await discard(client, dead);
  return dead.length;
}
