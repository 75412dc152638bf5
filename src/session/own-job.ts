import type { ProcessInfo } from './relaunch.ts';
import { displayText } from './text.ts';

/**
 * A pane's processes without the job that we are part of: a save that is typed at a prompt is not what the pane works
 * on. The shell that waits for it counts as the one in the foreground, which it was a moment before. A job that does more than
 * to call us (a script, `watch`, an editor's `:!`) stays as it is.
 */
export function withoutOwnJob(processes: ProcessInfo[], ownPid: number): ProcessInfo[] {
  const byPid = new Map(processes.map((p) => [p.pid, p]));
  const own = byPid.get(ownPid);
  const leader = own && byPid.get(own.pgrp);
  if (own === undefined || leader === undefined || own.pgrp !== own.tpgid) return processes;
  for (let p = own; p !== leader;) {
    const parent = byPid.get(p.ppid);
    if (parent === undefined || !onlyCalls(parent)) return processes;
    p = parent;
  }
  const shell = byPid.get(leader.ppid);
  if (shell === undefined) return processes;
  return processes
    .filter((p) => p.pgrp !== own.pgrp)
    .map((p) => (p.tpgid === own.pgrp ? { ...p, tpgid: shell.pgrp } : p));
}

/** git, and the shell that git runs for an alias. */
function onlyCalls({ argv }: ProcessInfo): boolean {
  const [program = '', option = ''] = argv.slice(0, 2).map(displayText);
  const name = program.slice(program.lastIndexOf('/') + 1);
  return /^git(?:-session)?$/u.test(name) || (/^(?:ba|da)?sh$/u.test(name) && option === '-c');
}
