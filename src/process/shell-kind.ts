import type { Text } from '../session/text.ts';
import { displayText } from '../session/text.ts';
import { shellName } from '../session/shell-argv.ts';
import { readExe, readProcess } from './linux.ts';
import { listProcesses } from './ps.ts';

/** `posix`: our quoting is exact in it. `fish` and `other` need their own quoting or a file. */
export type ShellKind = 'posix' | 'fish' | 'other';

const POSIX = new Set([
  'sh',
  'bash',
  'rbash',
  'zsh',
  'dash',
  'ash',
  'ksh',
  'mksh',
  'oksh',
  'posh',
  'yash',
  'busybox',
]);
/** They read a prompt's line in the terminal's own canonical mode, or may do so. */
const PLAIN_READERS = new Set(['dash', 'posh']);

/** Which quoting a running shell takes, by its executable, else by its argv[0]; `other` where it is gone. */
export function shellKind(pid: number): ShellKind {
  if (process.platform !== 'linux') {
    return kindOf(null, listProcesses().find((p) => p.pid === pid)?.argv ?? []);
  }
  return kindOf(readExe(pid), readProcess(pid)?.argv ?? []);
}

/** As `shellKind`, from facts already read. */
export function kindOf(exe: string | null, argv: readonly Text[]): ShellKind {
  const names = namesOf(exe, argv);
  if (names.includes('fish')) return 'fish';
  return names.some((name) => POSIX.has(name)) ? 'posix' : 'other';
}

/** True for shells that never leave canonical mode at their prompt (dash; bash without line editing). */
export function readsPlainly(exe: string | null, argv: readonly Text[]): boolean {
  return namesOf(exe, argv).some((name) => PLAIN_READERS.has(name)) || argv.includes('--noediting');
}

/** The executable's name where it is known: `sh` may be dash, bash or busybox. */
function namesOf(exe: string | null, argv: readonly Text[]): string[] {
  return exe === null ? [shellName(displayText(argv[0] ?? ''))] : [shellName(exe)];
}
