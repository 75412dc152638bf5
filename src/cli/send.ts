import { readFileSync } from 'node:fs';
import { Command, Option } from 'clipanion';
import { FileProblemError, UsageError } from '../session/errors.ts';
import { send, type Sent } from '../flow/send.ts';
import { openSession } from '../flow/window.ts';
import { SessionCommand } from './command.ts';
import { oneSession } from './one-session.ts';

export class SendCommand extends SessionCommand {
  static override paths = [['send']];
  static override usage = Command.Usage({
    description: 'Type a line into a session, and press Enter.',
    details:
      'git session send [--pane=<pane>] [--no-enter] <session> [--] <text>...\n   or: git session send --keys <session> <key>...\n   or: git session send --paste <session> [<text>]',
    examples: [
      ['', 'git session send auth "make test"'],
      ['Interrupt what runs', 'git session send --keys auth C-c'],
      ['Several lines, as one piece', 'git session send --paste auth <notes.txt'],
    ],
  });

  pane = Option.String('--pane', {
    description: '=<pane> into this one: <window>.<pane> or its id (else the active one)',
  });
  enter = Option.Boolean('--enter', {
    description: 'press Enter behind it; --no-enter: leave the line as it is',
  });
  literal = Option.Boolean('-l,--literal', false, {
    description: 'names of keys too are text, as they are without it',
  });
  keys = Option.Boolean('--keys', false, { description: 'press keys: C-c, Enter, Escape, F5' });
  paste = Option.Boolean('--paste', false, {
    description: 'paste text, or what is read from stdin, lines and all',
  });
  session = Option.String();
  words = Option.Rest();

  async execute(): Promise<number> {
    const what = this.what();
    const { ws, view } = await oneSession(this.session, 'send', this.json);
    const enter = this.enter ?? !this.keys;
    const { id } = await send(await openSession(ws, view), what, { pane: this.pane ?? null, enter });
    if (this.json) this.printJson({ ok: true, session: view.name, id: view.id, pane: id, enter });
    else this.note(`Sent to ${view.name} (${id})`);
    return 0;
  }

  private what(): Sent {
    if ([this.literal, this.keys, this.paste].filter(Boolean).length > 1) {
      throw new UsageError('--literal, --keys and --paste exclude each other');
    }
    const { words } = this;
    if (this.keys) {
      if (words.length === 0)
        throw new UsageError('a key is missing', ['git session send --keys <session> C-c']);
      return { keys: words };
    }
    if (!this.paste) {
      if (words.length === 0)
        throw new UsageError('a text is missing', ['git session send <session> "make test"']);
      return { text: words.join(' ') };
    }
    const text = words.length > 0 ? words.join(' ') : readInput();
    if (text === '') throw new UsageError('there is nothing to paste');
    return { paste: text };
  }
}

function readInput(): string {
  if (process.stdin.isTTY)
    throw new UsageError('a text is missing', ['git session send --paste <session> <file']);
  const bytes = readFileSync(0);
  const text = bytes.toString('utf8');
  if (Buffer.from(text, 'utf8').equals(bytes)) return text;
  throw new FileProblemError('what is to be pasted is not UTF-8');
}
