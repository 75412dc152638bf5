import type { SessionError } from '../session/errors.ts';
import { safe, safeJson } from '../trust/safe.ts';

/** The end of a command that failed: git's own form on stderr, and with `--json` the error document. */
export function printError(error: SessionError, json: boolean): void {
  if (json) process.stdout.write(`${safeJson(error.toJSON())}\n`);
  const word = error.exit === 128 ? 'fatal' : 'error';
  process.stderr.write(`${word}: ${safe(error.message)}\n`);
  for (const hint of error.hints) process.stderr.write(`hint: ${safe(hint)}\n`);
}
