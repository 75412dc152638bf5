import { Command, Option } from 'clipanion';
import { warnings } from '../flow/warnings.ts';
import { safe, safeJson } from '../trust/safe.ts';

warnings.tell = (text) => process.stderr.write(`warning: ${safe(text)}\n`);

/** What every command shares: `--json`, and how answers, warnings and notes are printed. */
export abstract class SessionCommand extends Command {
  json = Option.Boolean('--json', false, { description: 'print one JSON document on stdout' });

  /** Gives the exit code. Errors are thrown as SessionError and end in `main`. */
  abstract override execute(): Promise<number>;

  /** A line of the answer. Foreign text in it has gone through `safe()`. */
  protected out(text: string): void {
    process.stdout.write(`${text}\n`);
  }

  protected printJson(value: unknown): void {
    process.stdout.write(`${safeJson(value, process.stdout.isTTY ? 2 : undefined)}\n`);
  }

  protected warn(text: string): void {
    process.stderr.write(`warning: ${safe(text)}\n`);
  }

  protected hint(text: string): void {
    process.stderr.write(`hint: ${safe(text)}\n`);
  }

  /** Something that a person may want to know and a script need not. */
  protected note(text: string): void {
    process.stderr.write(`${safe(text)}\n`);
  }
}
