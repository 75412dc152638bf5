import path from 'node:path';
import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { displayText, toText } from '../session/text.ts';
import { send } from '../flow/send.ts';
import { closePane, findPane, focusPane, type Opened, openSession, splitPane } from '../flow/window.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { oneSession, splitArguments } from './one-session.ts';
import { table, terminalWidth } from './table.ts';

/** How many words each takes behind the session. */
const VERBS = new Map([
  ['list', 0],
  ['split', 0],
  ['close', 1],
  ['focus', 1],
  ['send', 2],
]);

export class PaneCommand extends SessionCommand {
  static override paths = [['pane']];
  static override usage = Command.Usage({
    description:
      'The panes of a live session; inside tmux, of that one. A pane is <window>.<pane>, or its id (%3).',
    details:
      'git session pane list [<session>]\n   or: git session pane split [-h | -v] [-d] [--pane=<pane>] [-c <directory>] [<session> [--] [<command>...]]\n   or: git session pane close [--force] [<session>] <pane>\n   or: git session pane focus [<session>] <pane>\n   or: git session pane send [--no-enter] (<session> | -s <session>) <pane> [--] <text>...',
    examples: [
      ['Beside the active one', 'git session pane split -h auth'],
      ['', 'git session pane send auth 1.0 "make test"'],
    ],
  });

  session = Option.String('-s,--session', { description: '=<session> instead of the argument' });
  pane = Option.String('--pane', { description: '=<pane> the one to split (else the active one)' });
  horizontal = Option.Boolean('--horizontal', false, { description: 'side by side; behind `split` also -h' });
  vertical = Option.Boolean('-v,--vertical', false, { description: 'one above the other, as it is without' });
  directory = Option.String('-c,--cwd', {
    description: '=<directory> of the new pane (else that of the session)',
  });
  detach = Option.Boolean('-d,--detach', false, { description: 'do not go to the new pane' });
  enter = Option.Boolean('--enter', true, { description: 'press Enter behind a text (default)' });
  force = Option.Boolean('-f,--force', false, { description: 'close the last one too, and end the session' });
  words = Option.Rest();

  async execute(): Promise<number> {
    const [verb = 'list', ...given] = this.words;
    const takes = VERBS.get(verb);
    if (takes === undefined) {
      throw new UsageError(`unknown: git session pane ${verb}`, [`one of ${[...VERBS.keys()].join(', ')}`]);
    }
    if (this.horizontal && this.vertical) throw new UsageError('-h and -v exclude each other');
    const free = verb === 'split' || verb === 'send';
    const { session, words } = splitArguments(this.session ?? null, given, takes, free);
    const { ws, view } = await oneSession(session, `pane ${verb}`, this.json);
    const opened = await openSession(ws, view);
    if (verb === 'list') return this.list(opened);
    if (verb === 'split') return this.split(opened, words);
    return this.change(opened, verb, words);
  }

  private list({ view, panes }: Opened): number {
    const rows = panes.map((p) => ({
      ...{
        id: p.id,
        pane: `${p.windowIndex}.${p.index}`,
        window: p.windowId,
        active: p.active,
        dead: p.dead,
      },
      ...{ pid: p.pid, command: displayText(toText(p.command)), working_dir: displayText(toText(p.path)) },
      ...{ width: p.width, height: p.height },
    }));
    if (this.json) {
      this.printJson({ ok: true, session: view.name, id: view.id, panes: rows });
      return 0;
    }
    const cells = rows.map((p) => [
      ...[`${p.pane}${p.active ? '*' : ''}`, p.dead ? 'ended' : safe(p.command), safe(p.working_dir)],
      ...[`${p.width}x${p.height}`, p.id],
    ]);
    for (const line of table(cells, terminalWidth())) this.out(line);
    return 0;
  }

  private async split(opened: Opened, argv: string[]): Promise<number> {
    const from = findPane(opened, this.pane ?? null);
    const cwd = this.directory === undefined ? null : path.resolve(this.directory);
    const spec = { horizontal: this.horizontal, cwd, background: this.detach, argv };
    const pane = await splitPane(opened, from, spec);
    if (this.json) this.printJson({ ok: true, session: opened.view.name, id: opened.view.id, pane });
    else this.out(pane);
    return 0;
  }

  private async change(opened: Opened, verb: string, [wanted = '', ...text]: string[]): Promise<number> {
    const pane = findPane(opened, wanted);
    const label = `pane ${pane.windowIndex}.${pane.index} of ${safe(opened.view.name)}`;
    let done = `Selected ${label}`;
    if (verb === 'close') {
      for (const w of await closePane(opened, pane, this.force)) this.warn(w);
      done = `Closed ${label}`;
    } else if (verb === 'focus') await focusPane(opened, pane);
    else {
      await send(opened, { text: text.join(' ') }, { pane: pane.id, enter: this.enter });
      done = `Sent to ${label}`;
    }
    const { view } = opened;
    if (this.json) this.printJson({ ok: true, session: view.name, id: view.id, pane: pane.id });
    else this.out(done);
    return 0;
  }
}
