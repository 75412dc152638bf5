import { Command, Option } from 'clipanion';
import { SearchFailedError, SessionError, UnknownRefError, UsageError } from '../session/errors.ts';
import { matchSessions } from '../session/live.ts';
import type { Search } from '../flow/history-grep.ts';
import {
  type History,
  type HistoryWorld,
  openHistories,
  readHistory,
  readSavedHistory,
  wasLost,
  writeHistory,
} from '../flow/history-read.ts';
import type { LiveView } from '../flow/live.ts';
import { chooseSessions, isNamed } from './choose-session.ts';
import { SessionCommand } from './command.ts';
import { parseCount } from './count.ts';
import { writeBytes } from './output.ts';
import { pageCleaned } from './page.ts';
import { historyJson, historyLines, matchJson, matchLines, search, type Match } from './history-lines.ts';

export class HistoryCommand extends SessionCommand {
  static override paths = [['history']];
  static override usage = Command.Usage({
    description:
      'Print what the panes of a session show and have shown, also when it has ended, or search in it.\nWith --grep the exit code is 0 where something was found, 1 where not, and 2 or more for an error.',
    details:
      'git session history [<options>] [<session>]\n   or: git session history --grep=<regex> [<options>] (<session> | --all)',
    examples: [
      ['The last 100 lines', 'git session history -n 100 auth'],
      ['Which session has touched a file', 'git session history --all --grep auth.go'],
      ['Into a file', 'git session history -o history.txt auth'],
    ],
  });

  count = Option.String('-n,--lines', { description: '=<number> only the last lines of each pane' });
  output = Option.String('-o,--output', { description: '=<file> write it into this file; -: stdout' });
  force = Option.Boolean('-f,--force', false, { description: 'replace the file where it is there' });
  grep = Option.String('--grep', { description: '=<regex> only lines with this in it, as grep -E finds it' });
  ignoreCase = Option.Boolean('-i,--ignore-case', false, {
    description: 'upper and lower case are the same',
  });
  around = Option.String('-C,--context', { description: '=<number> lines before and behind each match' });
  pane = Option.String('--pane', { description: '=<window>.<pane> only this pane' });
  color = Option.Boolean('--color', false, { description: 'keep the colors, as escape sequences' });
  all = Option.Boolean('-a,--all', false, { description: 'of every session of this repository' });
  session = Option.String({ required: false });

  async execute(): Promise<number> {
    if (this.grep === undefined) return this.run(null);
    try {
      return await this.run(this.searchOf(this.grep));
    } catch (error) {
      // As grep: 1 says that nothing was found, and nothing else.
      if (!(error instanceof SessionError) || error.exit !== 1) throw error;
      throw new SearchFailedError(error.message, error.hints, { code: error.code, data: error.data ?? null });
    }
  }

  private searchOf(expression: string): Search {
    if (this.color) throw new UsageError('--color and --grep exclude each other');
    const context = number('--context', this.around) ?? 0;
    return { expression, ignoreCase: this.ignoreCase, context };
  }

  private async run(wanted: Search | null): Promise<number> {
    this.check(wanted);
    const world = await openHistories();
    if (world.problem !== null) this.warn(`can't tell what is alive: ${world.problem.message}`);
    const histories = await this.histories(world, wanted !== null);
    if (wanted === null) {
      await this.print(
        () => historyLines(histories, this.all),
        () => (this.all ? { sessions: histories.map(historyJson) } : historyJson(histories[0]!)),
      );
      return 0;
    }
    const found: Match[] = [];
    for (const history of histories) found.push(...(await search(history, wanted)));
    await this.print(
      () => matchLines(found, this.all),
      () => ({ matches: matchJson(found) }),
    );
    return found.length === 0 ? 1 : 0;
  }

  private check(wanted: Search | null): void {
    if (this.all && this.session !== undefined) throw new UsageError('--all goes without a session');
    if (this.all && this.pane !== undefined) throw new UsageError('--all and --pane exclude each other');
    if (wanted === null && (this.around !== undefined || this.ignoreCase)) {
      throw new UsageError('--context and --ignore-case go with --grep');
    }
    if (this.output === undefined && this.force) throw new UsageError('--force goes with --output');
  }

  private async histories(world: HistoryWorld, isSearch: boolean): Promise<History[]> {
    const options = { pane: this.pane ?? null, color: this.color, lines: parseCount(this.count) };
    if (!this.all) {
      const view = await this.choose(world);
      const found = view === null ? null : await readHistory(world, view, options);
      const history = found ?? (view === null ? await readSavedHistory(world, this.session!, options) : null);
      if (history === null)
        throw nothingKept(view?.name ?? this.session!, view !== null && wasLost(world, view));
      this.tellSource(history);
      return [history];
    }
    const histories: History[] = [];
    for (const view of world.own) {
      const history = await readHistory(world, view, options);
      if (history !== null) histories.push(history);
    }
    if (histories.length === 0 && !isSearch) this.note('no session of this repository has a history');
    return histories;
  }

  /** Null where only a snapshot can be meant. */
  private async choose({ ws, views, own }: HistoryWorld): Promise<LiveView | null> {
    const pattern = this.session ?? null;
    const current = views.find((v) => v.current);
    if (pattern === null && current !== undefined) return current;
    // Another repository's are here only for whoever knows their names.
    const foreign = pattern === null ? [] : views.filter((v) => v.tmux !== null && isNamed(v, pattern));
    const among = pattern !== null && matchSessions(own, pattern).length === 0 ? foreign : own;
    if (pattern !== null && matchSessions(among, pattern).length === 0) return null;
    const choice = { verb: 'history', pattern, interactive: false, multiple: false, json: this.json };
    return (await chooseSessions(ws, among, choice))[0];
  }

  private tellSource({ name, source, from }: History): void {
    if (this.json || source === 'tmux') return;
    if (source === 'file') this.note(`'${name}' has ended; this is its saved history: ${from}`);
    else if (source === 'output') this.note(`'${name}' has ended; this is its output as it was recorded`);
    else this.note(`'${name}' is not alive; this is what was saved with ${from}`);
  }

  private async print(lines: () => string[], json: () => object): Promise<void> {
    const text =
      this.json && this.output === undefined
        ? ''
        : lines()
            .map((line) => `${line}\n`)
            .join('');
    const { output } = this;
    if (output !== undefined && output !== '-') {
      await writeHistory(output, text, this.force);
      if (this.json) this.printJson({ ok: true, file: output, bytes: Buffer.byteLength(text) });
    } else if (this.json) this.printJson({ ok: true, ...json() });
    else if (output === '-') await writeBytes(text);
    else if (text !== '') await pageCleaned(text);
  }
}

function number(option: string, value: string | undefined): number | null {
  if (value === undefined) return null;
  if (!/^\d{1,6}$/u.test(value)) throw new UsageError(`${option} takes a number, not '${value}'`);
  return Number(value);
}

function nothingKept(name: string, lost: boolean): UnknownRefError {
  return new UnknownRefError(`nothing is kept of what '${name}' printed`, [
    lost
      ? 'its tmux session, or the tmux server, went away before it could be saved'
      : 'a history is saved where session.historyAutoSave is true',
    'a snapshot has it with: git session save --scrollback',
  ]);
}
