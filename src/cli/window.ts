import path from 'node:path';
import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import {
  closeWindow,
  findWindow,
  makeWindow,
  nameOf,
  type Opened,
  openSession,
  renameWindow,
  selectWindow,
} from '../flow/window.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { oneSession, splitArguments } from './one-session.ts';
import { table, terminalWidth } from './table.ts';

const VERBS = ['list', 'new', 'close', 'select', 'rename'];

export class WindowCommand extends SessionCommand {
  static override paths = [['window']];
  static override usage = Command.Usage({
    description:
      'The windows of a live session; inside tmux, of that one. A window is its index, name or id (@3).',
    details:
      'git session window list [<session>]\n   or: git session window new [-d] [-n <name>] [-c <directory>] [<session> [--] [<command>...]]\n   or: git session window close [--force] [<session>] <window>\n   or: git session window select [<session>] <window>\n   or: git session window rename [<session>] <window> <name>',
    examples: [
      ['', 'git session window new -n logs auth -- tail -f log'],
      ['', 'git session window close -s auth logs'],
    ],
  });

  session = Option.String('-s,--session', { description: '=<session> instead of the argument' });
  name = Option.String('-n,--name', { description: '=<name> of a new window' });
  directory = Option.String('-c,--cwd', {
    description: '=<directory> of a new window (else that of the session)',
  });
  detach = Option.Boolean('-d,--detach', false, { description: 'do not go to the new window' });
  force = Option.Boolean('-f,--force', false, { description: 'close the last one too, and end the session' });
  words = Option.Rest();

  async execute(): Promise<number> {
    const [verb = 'list', ...given] = this.words;
    if (!VERBS.includes(verb)) {
      throw new UsageError(`unknown: git session window ${verb}`, [`one of ${VERBS.join(', ')}`]);
    }
    const takes = verb === 'rename' ? 2 : verb === 'close' || verb === 'select' ? 1 : 0;
    const free = verb === 'new';
    const { session, words } = splitArguments(this.session ?? null, given, takes, free);
    const { ws, view } = await oneSession(session, `window ${verb}`, this.json);
    const opened = await openSession(ws, view);
    if (verb === 'list') return this.list(opened);
    if (verb === 'new') return this.make(opened, words);
    return this.change(opened, verb, words);
  }

  private list({ view, windows, panes }: Opened): number {
    const rows = windows.map((w) => ({
      ...{ id: w.id, index: w.index, name: nameOf(w), active: w.active, zoomed: w.zoomed },
      ...{ panes: panes.filter((p) => p.windowId === w.id).length, width: w.width, height: w.height },
    }));
    if (this.json) {
      this.printJson({ ok: true, session: view.name, id: view.id, windows: rows });
      return 0;
    }
    const cells = rows.map((w) => [
      ...[`${w.index}${w.active ? '*' : ''}`, safe(w.name), w.panes === 1 ? '1 pane' : `${w.panes} panes`],
      ...[`${w.width}x${w.height}`, w.id],
    ]);
    for (const line of table(cells, terminalWidth())) this.out(line);
    return 0;
  }

  private async make(opened: Opened, argv: string[]): Promise<number> {
    const cwd = this.directory === undefined ? null : path.resolve(this.directory);
    const spec = { name: this.name ?? null, cwd, background: this.detach, argv };
    const { window, pane } = await makeWindow(opened, spec);
    if (this.json) this.printJson({ ok: true, session: opened.view.name, id: opened.view.id, window, pane });
    else this.out(window);
    return 0;
  }

  private async change(opened: Opened, verb: string, [wanted = '', name = '']: string[]): Promise<number> {
    const window = findWindow(opened, wanted);
    const label = `window ${window.index} (${safe(nameOf(window))}) of ${safe(opened.view.name)}`;
    let done = `Renamed ${label} to ${safe(name)}`;
    if (verb === 'close') {
      for (const w of await closeWindow(opened, window, this.force)) this.warn(w);
      done = `Closed ${label}`;
    } else if (verb === 'select') {
      await selectWindow(opened, window);
      done = `Selected ${label}`;
    } else await renameWindow(opened, window, name);
    if (this.json) {
      const { view } = opened;
      this.printJson({
        ok: true,
        session: view.name,
        id: view.id,
        window: window.id,
        ...(name ? { name } : {}),
      });
    } else this.out(done);
    return 0;
  }
}
