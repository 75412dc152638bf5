import type { LiveSession } from '../tmux/capture.ts';
import { quote, statusValue } from '../tmux/syntax.ts';

/** What a status line can show of a session of ours (docs/git-session.1.md, STATUS LINE). */
export interface StatusValues {
  /** The name that it is saved under. */
  name: string;
  crqs: readonly string[];
}

type Option = [name: string, value: string];

/** The options of a session that comes back. */
export function statusOptions({ name, crqs }: StatusValues): Option[] {
  const shown: Option[] = [
    ['@git-session-name', statusValue(name)],
    ['@git-session-state', 'running'],
  ];
  return crqs.length === 0 ? shown : [...shown, ['@crq', crqList(crqs)]];
}

/** The tmux commands that mark a saved session. None where all is as it should be: most saves need no tmux call more. */
export function markCommands(session: LiveSession, id: string, { name, crqs }: StatusValues): string[] {
  const { shown, boundId } = session;
  const target = quote(`${session.id}:`);
  const set = (option: string, value: string, now: string) => {
    if (value === now) return [];
    return [
      `set-option ${value === '' ? '-u ' : ''}-t ${target} ${option} ${value === '' ? '' : quote(value)}`,
    ];
  };
  return [
    ...set('@git-session-id', id, boundId),
    ...set('@git-session-name', statusValue(name), shown.name),
    ...set('@crq', crqList(crqs), shown.crqs),
    // A run that has ended says so itself.
    ...(shown.state === '' ? set('@git-session-state', 'running', '') : []),
  ];
}

function crqList(crqs: readonly string[]): string {
  return statusValue(crqs.join(' '));
}
