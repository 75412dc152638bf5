import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { counted } from '../session/words.ts';
import { DEFAULT_SCROLLBACK_LINES, save, type SavedSession } from '../flow/save.ts';
import { allowedRules } from '../trust/rules.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';

export class SaveCommand extends SessionCommand {
  static override paths = [['save']];
  static override usage = Command.Usage({
    description: 'Save a tmux session: windows, panes, commands, environment, commit and uncommitted work.',
    details: 'git session save [<options>] [<name>]',
    examples: [
      ['Save the session you are in', 'git session save'],
      ['Save another one, with a message', 'git session save -t work -m "before lunch"'],
      ['Save all of them', 'git session save --all'],
    ],
  });

  name = Option.String({ required: false });
  target = Option.String('-t,--target', { description: '=<session> the tmux session to save' });
  all = Option.Boolean('-a,--all', false, { description: 'save every tmux session' });
  message = Option.String('-m,--message', { description: '=<text> say what this is' });
  crq = Option.Array('--crq', [], { description: '=<id> link to this change request (repeatable)' });
  detect = Option.Boolean('--detect-crq', true, {
    description: 'find change requests in the branch name, trailers and documents (default)',
  });
  env = Option.Array('--env', [], { description: '=<name> save this environment variable too (repeatable)' });
  scrollback = Option.String('--scrollback', {
    tolerateBoolean: true,
    description: `[=<lines>] save the panes' text with its colors (${DEFAULT_SCROLLBACK_LINES} lines)`,
  });
  work = Option.Boolean('--work', true, { description: 'take uncommitted work along (default)' });
  sign = Option.Boolean('--sign', {
    description: 'sign it, as session.sign says otherwise; --no-sign does not',
  });
  allowSecret = Option.Array('--allow-secret', [], {
    description: '=<rule> save what this rule finds as it is (repeatable)',
  });
  quiet = Option.Boolean('-q,--quiet', false, { description: 'print nothing but errors and warnings' });

  async execute(): Promise<number> {
    const { saved, warnings } = await save({
      ...(this.name === undefined ? {} : { name: this.name }),
      ...(this.target === undefined ? {} : { target: this.target }),
      all: this.all,
      message: this.message ?? null,
      crqs: this.crq.flatMap((c) => c.split(/[\s,]+/u)).filter((c) => c !== ''),
      detectCrqs: this.detect,
      env: this.env.flatMap((e) => e.split(',')),
      scrollback: scrollbackLines(this.scrollback),
      work: this.work,
      sign: this.sign ?? null,
      allow: allowedRules(this.allowSecret),
    });
    for (const w of warnings) this.warn(w);
    if (this.json) this.printJson({ ok: true, saved, warnings });
    else if (!this.quiet) for (const s of saved) this.out(line(s));
    return 0;
  }
}

function line(s: SavedSession): string {
  const parts = [counted(s.windows, 'window'), counted(s.panes, 'pane')];
  if (s.commands > 0) parts.push(counted(s.commands, 'command'));
  if (s.work !== null) parts.push('uncommitted work');
  if (s.crqs.length > 0) parts.push(s.crqs.map((c) => safe(c.id)).join(' '));
  const from = s.tmux === s.name ? '' : ` from tmux session '${safe(s.tmux)}'`;
  return `Saved ${s.name}/${s.id}${from} (${parts.join(', ')})`;
}

function scrollbackLines(option: string | boolean | undefined): number {
  if (option === undefined || option === false) return 0;
  if (option === true) return DEFAULT_SCROLLBACK_LINES;
  const lines = Number(option);
  if (!/^\d+$/u.test(option) || lines > 100_000) {
    throw new UsageError(`--scrollback takes a number of lines up to 100000, not '${option}'`);
  }
  return lines;
}
