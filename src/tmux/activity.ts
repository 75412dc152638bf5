import { number, records, text } from './records.ts';
import { type Tmux, tmuxFailure } from './tmux.ts';

/**
 * Seconds since 1970 of the last key, attachment or output in each session, by its id. A session alone does not tell:
 * tmux notes output with the window. One tmux call.
 */
export async function readActivity(tmux: Tmux): Promise<Map<string, number>> {
  const format = 'A\t#{session_id}\t#{session_activity}\t#{session_last_attached}\t#{window_activity}';
  const result = await tmux.run(['list-windows', '-a', '-F', format]);
  if (result.code !== 0) throw tmuxFailure(result.stderr);
  const found = new Map<string, number>();
  for (const f of records(result.stdout, 'A', 5)) {
    const id = text(f[1]);
    const times = [f[2], f[3], f[4]].map((field) => (text(field) === '' ? 0 : number(field)));
    found.set(id, Math.max(found.get(id) ?? 0, ...times));
  }
  return found;
}
