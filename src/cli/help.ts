import type { Definition } from 'clipanion';
import { COMMANDS, type CommandEntry } from './commands.ts';

const GROUPS: [NonNullable<CommandEntry['group']>, string][] = [
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

export function commandHelp(verb: string, definition: Definition): string {
  const { options } = definition;
  const rows = [...options]
    .map((o) => [optionText(o.definition), o.description ?? ''] as const)
    .toSorted(([a], [b]) => (a.replace(/^-+/u, '') < b.replace(/^-+/u, '') ? -1 : 1));
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  const lines = [`usage: ${(definition.details ?? `git session ${verb}`).trim()}`, ''];
  if (definition.description !== undefined) lines.push(definition.description.trim(), '');
  lines.push(...rows.map(([left, right]) => `    ${left.padEnd(width + 2)}${right}`), '');
  for (const [what, line] of definition.examples ?? []) lines.push(`  ${what}:`, `    ${line}`, '');
  return lines.join('\n');
}

/** clipanion writes values as `#0`. */
function optionText(definition: string): string {
  return definition.replace(/ #0/gu, '=<value>').replaceAll(',', ', ');
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
  if (/extraneous/iu.test(message)) return 'too many arguments';
  const line = message.split('\n')[0] ?? 'usage';
  return /while running|Unknown Syntax/iu.test(line)
    ? 'the arguments do not fit this command'
    : line.replace(/\.$/u, '');
}
