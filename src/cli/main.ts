import { SessionError, UsageError } from '../session/errors.ts';
import { VERSION } from '../version.ts';
import { COMMANDS, nearest } from './commands.ts';
import { endWithReader, printLine, printText } from './output.ts';

/** Runs one command line (without `git session`) and gives its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  endWithReader();
  const json = argv.includes('--json');
  try {
    return await dispatch(argv);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    (await import('./error.ts')).printError(error, json);
    return error.exit;
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  const [verb, ...rest] = argv;
  if (verb === undefined || verb === '-h' || verb === '--help' || verb === 'help') {
    const topic = verb === undefined ? undefined : rest[0];
    if (topic !== undefined && topic in COMMANDS) return dispatch([topic, '-h']);
    printText((await import('./help.ts')).overview());
    return 0;
  }
  if (verb === '--version' || verb === 'version') {
    printLine(`git-session ${VERSION}`);
    return 0;
  }
  const entry = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined;
  if (entry === undefined) {
    const near = nearest(verb);
    throw new UsageError(
      verb.startsWith('-') ? `unknown option '${verb}'` : `unknown command '${verb}'`,
      near === null ? ['see all commands: git session -h'] : [`did you mean '${near}'?`],
    );
  }
  // git answers while the rest of the program is loaded.
  const isHelp = rest.includes('-h') || rest.includes('--help');
  if (entry.repository === true && !isHelp) {
    void (await import('../flow/workspace.ts')).openAhead();
  }
  const asked = isHelp ? undefined : entry.ahead?.();
  const { run } = await import('./parse.ts');
  await asked;
  return run(verb, rest, entry);
}
