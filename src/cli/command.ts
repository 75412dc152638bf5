import { Command, Option } from 'clipanion';
import { warnings } from '../flow/warnings.ts';
import { safe } from '../trust/safe.ts';
import { printJson, printLine, tell } from './output.ts';

warnings.tell = (text) => tell(`warning: ${safe(text)}`);

/** What every command shares: `--json`, and how answers, warnings and notes are printed. */
export abstract class SessionCommand extends Command {
  json = Option.Boolean('--json', false, { description: 'print one JSON document on stdout' });

  /** Gives the exit code. Errors are thrown as SessionError and end in `main`. */
  abstract override execute(): Promise<number>;

  /** A line of the answer. Foreign text in it has gone through `safe()`. */
  protected out(text: string): void {
    printLine(text);
  }

  protected printJson(value: unknown): void {
    printJson(value);
  }

  protected warn(text: string): void {
    tell(`warning: ${safe(text)}`);
  }

  protected hint(text: string): void {
    tell(`hint: ${safe(text)}`);
  }

  /** Something that has failed, where the rest goes on. */
  protected problem(text: string): void {
    tell(`error: ${safe(text)}`);
  }

  /** Something that a person may want to know and a script need not. */
  protected note(text: string): void {
    tell(safe(text));
  }
}
