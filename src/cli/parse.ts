import { Cli } from 'clipanion';
import { SessionError, UsageError } from '../session/errors.ts';
import type { CommandEntry } from './commands.ts';
import { commandHelp, firstWord, literalCommand, splitShortOptions, usageProblem } from './help.ts';

/** Parses the arguments of one command by clipanion, of which only that command is registered, and runs it. */
export async function run(verb: string, given: readonly string[], entry: CommandEntry): Promise<number> {
  const command = await entry.load();
  const cli = new Cli({ binaryName: 'git session', binaryLabel: 'git session', enableColors: false });
  cli.register(command);
  const [definition = null] = cli.definitions();
  const own =
    entry.ownArguments === undefined ? given : literalCommand(given, definition, entry.ownArguments);
  const word = entry.horizontal === undefined ? undefined : firstWord(own, definition);
  const args = word !== undefined && word === entry.horizontal ? horizontal(own) : own;
  const separator = args.indexOf('--');
  const options = separator < 0 ? args : args.slice(0, separator);
  if (definition !== null && (options.includes('-h') || options.includes('--help'))) {
    (await import('./output.ts')).printText(commandHelp(verb, definition.options, command.usage));
    return 0;
  }
  const input = [entry.name ?? verb, ...splitShortOptions(args, definition)];
  let parsed;
  try {
    parsed = cli.process(input);
  } catch (error) {
    throw new UsageError(usageProblem(args, definition, error), [`see: git session ${verb} -h`]);
  }
  try {
    return (await parsed.execute()) ?? 0;
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    // A `--json` of the command line that `run` and `exec` pass on is none of ours.
    (await import('./error.ts')).printError(error, 'json' in parsed && parsed.json === true);
    return error.exit;
  }
}

/** `-h` as tmux has it. */
function horizontal(argv: readonly string[]): string[] {
  const separator = argv.indexOf('--');
  return argv.map((arg, i) => (arg === '-h' && (separator < 0 || i < separator) ? '--horizontal' : arg));
}
