import type { Definition } from 'clipanion';
import { COMMANDS, type CommandEntry } from './commands.ts';

const GROUPS: [NonNullable<CommandEntry['group']>, string][] = [
  ['live', 'live sessions'],
  ['life', 'the life of a session'],
  ['work', 'save and restore'],
  ['look', 'look at what is saved'],
  ['share', 'share with other clones'],
  ['crq', 'change requests'],
  ['other', 'other'],
];

export function overview(): string {
  const lines = ['usage: git session <command> [<args>]', ''];
  for (const [group, title] of GROUPS) {
    lines.push(title);
    for (const [name, entry] of Object.entries(COMMANDS)) {
      if (entry.group === group) lines.push(`   ${name.padEnd(10)} ${entry.summary}`);
    }
    lines.push('');
  }
  lines.push("'git session <command> -h' shows the options of a command, 'git help session' the manual.", '');
  return lines.join('\n');
}

/** The usage that a command declares; clipanion's own rendering of it wraps and reformats. */
export interface Usage {
  description?: string;
  /** The lines behind `usage:`. */
  details?: string;
  examples?: [string, string][];
}

export function commandHelp(verb: string, options: Definition['options'], usage: Usage | undefined): string {
  const rows = options
    .map((o) => optionRow(o.definition, o.description ?? ''))
    .toSorted(([a], [b]) => (sortKey(a) < sortKey(b) ? -1 : 1));
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  const lines = [`usage: ${usage?.details ?? `git session ${verb}`}`, ''];
  if (usage?.description !== undefined) lines.push(usage.description, '');
  lines.push(...rows.map(([left, right]) => `    ${left.padEnd(width + 2)}${right}`), '');
  for (const [what, line] of usage?.examples ?? []) {
    lines.push(`${what === '' ? 'For example' : what}:`, `    ${line}`, '');
  }
  return lines.join('\n');
}

function sortKey(option: string): string {
  return option.replace(/\[no-\]/u, '').replace(/^-+/u, '');
}

/**
 * clipanion writes a value as `#0`, and knows neither its name nor that a flag is on by default. A
 * description that begins with `=<path>` or `[=<path>]` names the value; one with `(default)` says so.
 */
function optionRow(definition: string, description: string): [string, string] {
  const named = /^(\[?=<[^>]+>\]?) /u.exec(description)?.[1];
  const flag = definition.replace(/ #0/gu, '').replaceAll(',', ', ');
  const value = named ?? (definition.includes('#0') ? '=<value>' : '');
  const onByDefault = value === '' && /\(default\)|--no-/u.test(description);
  const both = onByDefault ? flag.replace('--', '--[no-]') : flag;
  return [both + value, named === undefined ? description : description.slice(named.length + 1)];
}

/** clipanion's `-m,--message #0` as the option's names; a flag that is on by default has a `--no-` form too. */
function names(definition: string): string[] {
  const own = definition.replace(/ #0.*$/u, '').split(',');
  return [...own, ...own.filter((n) => n.startsWith('--')).map((n) => `--no-${n.slice(2)}`)];
}

function takesValue(definition: Definition | null, option: string): boolean {
  const found = definition?.options.find((o) => names(o.definition).includes(option));
  return found !== undefined && found.definition.includes('#0');
}

/** `-n5` is `-n 5`, as git's users expect; clipanion would read a group of flags. */
export function splitShortOptions(argv: readonly string[], definition: Definition | null): string[] {
  const out: string[] = [];
  let literal = false;
  for (const arg of argv) {
    if (arg === '--' || arg === '--end-of-options') literal = true;
    const short = arg.slice(0, 2);
    if (!literal && /^-[A-Za-z]./u.test(arg) && takesValue(definition, short)) out.push(short, arg.slice(2));
    else out.push(arg === '--end-of-options' ? '--' : arg);
  }
  return out;
}

/** The places of the arguments that are neither options nor their values, before a `--`. */
function* wordsOf(argv: readonly string[], definition: Definition | null): Generator<number> {
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i]!;
    if (arg === '--') return;
    if (arg.startsWith('-') && arg !== '-') {
      const short = !arg.startsWith('--');
      const whole = short ? arg.length === 2 : !arg.includes('=');
      if (whole && takesValue(definition, arg)) i++;
    } else yield i;
  }
}

export function firstWord(argv: readonly string[], definition: Definition | null): string | undefined {
  for (const at of wordsOf(argv, definition)) return argv[at];
  return undefined;
}

/** Puts `--` before the first word of a command that follows, whose options are not ours. */
export function literalCommand(
  argv: readonly string[],
  definition: Definition | null,
  ownArguments: NonNullable<CommandEntry['ownArguments']>,
): string[] {
  let before = 0;
  let own = Infinity;
  for (const at of wordsOf(argv, definition)) {
    if (before === 0) own = ownBehind(ownArguments, argv[at]!);
    const named = argv.slice(0, at).some((arg) => isSession(definition, arg)) ? 1 : 0;
    if (before++ === own - named) return [...argv.slice(0, at), '--', ...argv.slice(at)];
  }
  return [...argv];
}

function ownBehind(own: NonNullable<CommandEntry['ownArguments']>, first: string): number {
  return typeof own === 'number' ? own : ((Object.hasOwn(own, first) ? own[first] : undefined) ?? Infinity);
}

function isSession(definition: Definition | null, arg: string): boolean {
  const option = arg.startsWith('--') ? arg.split('=')[0]! : arg.slice(0, 2);
  const found = definition?.options.find((o) => names(o.definition).includes('--session'));
  return found !== undefined && names(found.definition).includes(option);
}

/** Says in one line what is wrong with a command line that clipanion did not accept. */
export function usageProblem(argv: readonly string[], definition: Definition | null, error: unknown): string {
  const known = new Set(definition?.options.flatMap((o) => names(o.definition)) ?? []);
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i]!;
    if (arg === '--') break;
    const [option = arg] = arg.startsWith('--') ? arg.split('=') : [arg.slice(0, 2)];
    if (!arg.startsWith('-') || arg === '-') continue;
    if (!known.has(option)) return `unknown option '${arg}'`;
    if (takesValue(definition, option)) {
      if (arg === option && (argv[i + 1] === undefined || argv[i + 1]!.startsWith('-')))
        return `option '${option}' needs a value`;
      if (arg === option) i++;
    } else if (arg.includes('=')) return `option '${option}' takes no value`;
  }
  const message = error instanceof Error ? error.message : String(error);
  if (/not enough|missing/iu.test(message)) return 'an argument is missing';
  if (/extraneous|command not found/iu.test(message)) return 'too many arguments';
  const line = message.split('\n')[0] ?? 'usage';
  return /while running|Unknown Syntax/iu.test(line)
    ? 'the arguments do not fit this command'
    : line.replace(/\.$/u, '');
}
