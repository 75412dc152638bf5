import type { SessionError } from '../session/errors.ts';
import { safe } from '../trust/safe.ts';
import { printJsonLine, tell } from './output.ts';

/** The end of a command that failed: git's own form on stderr, and with `--json` the error document. */
export function printError(error: SessionError, json: boolean): void {
  if (json) printJsonLine(error.toJSON());
  const word = error.exit === 128 ? 'fatal' : 'error';
  tell(`${word}: ${safe(error.message)}`);
  for (const hint of error.hints) tell(`hint: ${safe(hint)}`);
}
