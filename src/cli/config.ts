import { Command, Option } from 'clipanion';
import { InvalidSettingsError, UsageError } from '../session/errors.ts';
import { importSettings, listSettings, readOne, type SettingRow } from '../flow/config.ts';
import { safe, safeWord } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { table, terminalWidth } from './table.ts';

export class ConfigCommand extends SessionCommand {
  static override paths = [['config']];
  static override usage = Command.Usage({
    description:
      'List the settings with their values and origins, print one, or import them from a TOML file.',
    details: [
      'git session config [--list] [--verbose]',
      '   or: git session config <key>',
      '   or: git session config import [--global | --local] [--dry-run] <file>',
    ].join('\n'),
    examples: [
      ['Where histories go', 'git session config historySaveDir'],
      ['Set one, by git itself', 'git config session.historyLimit 100000'],
      ['What a file would set', 'git session config import --dry-run gwq.toml'],
    ],
  });

  list = Option.Boolean('-l,--list', false, { description: 'list all settings, as without arguments' });
  verbose = Option.Boolean('-v,--verbose', false, { description: 'say what each setting is for' });
  global = Option.Boolean('--global', false, { description: "import into the user's configuration" });
  local = Option.Boolean('--local', false, {
    description: 'import into that of the repository; this is what happens without an option',
  });
  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'print what would be set, set nothing' });
  args = Option.Rest();

  async execute(): Promise<number> {
    const [word, file, ...more] = this.args;
    if (word === 'import') {
      if (file === undefined) throw new UsageError('which file? an argument is missing', [HELP]);
      if (more.length > 0) throw new UsageError('too many arguments', [HELP]);
      return this.import(file);
    }
    if (this.global || this.local || this.dryRun) {
      throw new UsageError("'--global', '--local' and '--dry-run' are for 'config import'", [HELP]);
    }
    if (word === undefined) return this.all();
    if (this.list) throw new UsageError(`'--list' takes no argument`, [HELP]);
    if (file !== undefined) {
      throw new UsageError('this command sets nothing', ['git config session.<key> <value>']);
    }
    return this.one(word);
  }

  private async all(): Promise<number> {
    const rows = await listSettings();
    for (const row of rows) {
      this.tellIgnored(row);
      if (row.problem === null) continue;
      const value = [row.raw].flat().at(-1) ?? '';
      this.warn(
        row.type === 'unknown'
          ? `${row.key} is set (${originText(row)}), but there is ${row.problem}`
          : `${row.key} is ${row.problem}: '${value}' (${originText(row)})`,
      );
    }
    if (this.json) this.printJson(rows);
    else
      this.out(
        table(
          rows.map((r) => this.cells(r)),
          terminalWidth(),
        ).join('\n'),
      );
    return 0;
  }

  private tellIgnored({ key, ignored = [] }: SettingRow): void {
    for (const { value, origin } of ignored) {
      this.warn(
        `${key} '${value}' is ignored (${originText({ origin })}): only the global or system configuration counts`,
      );
    }
  }

  private cells(row: SettingRow): string[] {
    const mark = row.problem === null ? '' : row.type === 'unknown' ? ' (unknown)' : ' (invalid)';
    const value = row.problem === null ? valueWords(row) : [row.raw].flat().map(word);
    const cells = [safe(row.key), (value.join(' ') || '(unset)') + mark, safe(originText(row))];
    return this.verbose ? [...cells, row.description ?? ''] : cells;
  }

  private async one(key: string): Promise<number> {
    const row = await readOne(key);
    this.tellIgnored(row);
    if (this.json) this.printJson(row);
    else {
      for (const value of valueTexts(row)) this.out(safe(value));
      if (this.verbose) this.note(`${row.key} (${originText(row)}): ${row.description}`);
      else if (valueTexts(row).length === 0) this.note(`${row.key} is not set, and has no default`);
    }
    return 0;
  }

  private async import(file: string): Promise<number> {
    if (this.global && this.local)
      throw new UsageError("'--global' and '--local' exclude each other", [HELP]);
    if (this.list || this.verbose)
      throw new UsageError("'--list' and '--verbose' are not for 'config import'", [HELP]);
    const scope = this.global ? 'global' : 'local';
    try {
      const { set, ignored } = await importSettings(file, scope, this.dryRun);
      for (const { key, line } of ignored)
        this.warn(`${place(file, line)}'${key}' is no setting here, it is left out`);
      if (this.json) this.printJson({ ok: true, dry_run: this.dryRun, scope, set, ignored });
      else {
        const verb = this.dryRun ? 'Would set' : 'Set';
        for (const { key, value } of set) this.out(`${verb} ${safe(key)} to ${safeWord(value)}`);
      }
      return 0;
    } catch (error) {
      if (error instanceof InvalidSettingsError) {
        for (const { line, key, message } of error.problems) {
          this.note(`${place(file, line)}${key === null ? message : `${key} ${message}`}`);
        }
      }
      throw error;
    }
  }
}

const HELP = 'see: git session config -h';

function place(file: string, line: number | null): string {
  return line === null ? `${file}: ` : `${file}:${line}: `;
}

function originText({ origin }: Pick<SettingRow, 'origin'>): string {
  if (origin === null) return 'default';
  return origin.file === null ? origin.scope : `${origin.scope} ${origin.file}`;
}

/** The value as text, one for each of a list. A duration stays as it is written. */
function valueTexts({ type, value, raw }: SettingRow): string[] {
  if (value === null) return [];
  if (type === 'duration') return [raw].flat().map(String);
  return [value].flat().map(String);
}

function valueWords(row: SettingRow): string[] {
  const texts = valueTexts(row);
  // Several words in one value need no quotes: nothing stands behind them but the origin.
  return row.type === 'list' ? texts.map(word) : texts.map((t) => safe(t) || "''");
}

function word(text: string | null): string {
  return safeWord(text ?? '');
}
