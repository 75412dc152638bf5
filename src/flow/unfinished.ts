import { processStartTime } from '../process/identity.ts';
import { BUILDING, discard } from '../tmux/build.ts';
import type { ControlClient } from '../tmux/control.ts';
import { quote } from '../tmux/syntax.ts';

/** Removes what a restore that was killed has left: sessions marked as being built by a dead process. */
export async function removeUnfinished(client: ControlClient): Promise<number> {
  const [out] = await client.run([
    `list-sessions -f ${quote(`#{!=:#{${BUILDING}},}`)} -F ${quote(`#{session_id} #{${BUILDING}}`)}`,
  ]);
  const dead = (out ?? []).flatMap((line) => {
    const [id = '', pid = ''] = line.toString('latin1').split(' ');
    const owner = Number(pid);
    return Number.isSafeInteger(owner) && owner > 0 && processStartTime(owner) === null ? [id] : [];
  });
  await discard(client, dead);
  return dead.length;
}
