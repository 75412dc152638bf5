import { displayText, type Text } from './text.ts';

const SHELLS = new Set([
  ...['sh', 'bash', 'rbash', 'dash', 'zsh', 'ksh', 'mksh', 'oksh', 'ash', 'posh', 'yash', 'osh'],
  ...['fish', 'csh', 'tcsh', 'nu', 'elvish', 'xonsh', 'pwsh', 'ysh'],
]);

/** Long options that take the next word as their value, over all the shells above. */
const VALUE_OPTIONS = new Set([
  '--rcfile',
  '--init-file',
  '--init-command',
  '--rc',
  '--features',
  '--debug',
  '--debug-output',
  '--profile',
  '--config',
  '--env-config',
  '--plugin-config',
  '--execute',
  '--emulate',
]);
const COMMAND_OPTIONS = new Set(['--command', '--commands']);
const PWSH_COMMAND = /^-(?:c|command|cwa|commandwithargs|f|file|e|ec|encodedcommand)$/iu;
/** Short options whose value is the next word, by family. `c` is never among them: it makes a command. */
const SHORT_VALUES: Readonly<Record<string, string>> = { bash: 'oO', fish: 'Cdfop', nu: 'e', elvish: '' };

/** The shell's name in `argv[0]`: no directory, no `-` of a login shell, no version (`zsh-5.9`). */
export function shellName(argv0: string): string {
  const base = argv0.slice(argv0.lastIndexOf('/') + 1);
  return base.replace(/^-/u, '').replace(/-?\d[\d.]*$/u, '');
}

/**
 * True where this argument vector is an interactive shell: a known shell with neither a script nor `-c`.
 * It can't tell an interactive shell from one that reads a script from a redirected standard input.
 */
export function isShell(argv: readonly Text[]): boolean {
  const words = argv.map(displayText);
  if (shellName(words[0] ?? '') === 'busybox') words.shift();
  const first = words[0];
  if (first === undefined) return false;
  const name = shellName(first);
  if (!SHELLS.has(name)) return false;
  const rest = words.slice(1);
  if (name === 'pwsh') return isInteractivePwsh(rest);
  return isInteractive(rest, SHORT_VALUES[name] ?? (name === 'rbash' ? 'oO' : 'o'));
}

/** True where a shell command line only starts an interactive shell, such as `bash` or `exec /bin/zsh -l`. */
export function isShellLine(line: Text): boolean {
  if (typeof line !== 'string') return false;
  // Anything the shell would interpret makes it a program: only plain words are looked into.
  if (!/^[\w\s./:=@%+,-]+$/u.test(line)) return false;
  const words = line.trim().split(/\s+/u);
  if (words[0] === 'exec') words.shift();
  return isShell(words);
}

function isInteractive(rest: readonly string[], shortValues: string): boolean {
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] ?? '';
    if (word === '--' || word === '-') return rest[i + 1] === undefined;
    if (word.startsWith('--')) {
      const [option = ''] = word.split('=', 1);
      if (COMMAND_OPTIONS.has(option)) return false;
      if (VALUE_OPTIONS.has(word)) i++;
      continue;
    }
    if (!/^[-+]./u.test(word)) return false; // a script
    const letters = word.slice(1);
    const valueAt = [...letters].findIndex((letter) => shortValues.includes(letter));
    const flags = valueAt < 0 ? letters : letters.slice(0, valueAt);
    if (word.startsWith('-') && flags.includes('c')) return false;
    if (word.startsWith('-') && flags.includes('s')) return true; // what follows are $1, $2
    if (valueAt === letters.length - 1 && valueAt >= 0) i++;
  }
  return true;
}

function isInteractivePwsh(rest: readonly string[]): boolean {
  const keepsOpen = rest.some((word) => /^-noe(?:xit)?$/iu.test(word));
  return keepsOpen || !rest.some((word) => PWSH_COMMAND.test(word) || /\.ps1$/iu.test(word));
}
