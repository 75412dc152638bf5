import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { type Left, restoreAll, restoreOne } from '../flow/restore-command.ts';
import { attach } from '../flow/attach.ts';
import type { RestoreResult } from '../flow/restore-result.ts';
import type { RestoreOptions } from '../flow/restore-plan.ts';
import { displayText } from '../session/text.ts';
import { counted } from '../session/words.ts';
import { isTerminal } from '../process/own-terminal.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { askConsent } from './consent.ts';
import { printError } from './error.ts';
import { planJson, printPlan } from './plan.ts';
import { approvedBy } from './signature.ts';

/** As many names as a person reads. */
const NAMED = 10;

export class RestoreCommand extends SessionCommand {
  static override paths = [['restore']];
  static override usage = Command.Usage({
    description: 'Bring a saved session back: the commit, the uncommitted work, and the tmux session.',
    details: 'git session restore [<options>] <ref>\n   or: git session restore [<options>] --all',
    examples: [
      ['The newest snapshot of a session', 'git session restore work'],
      ['The one before, under another name', 'git session restore work~1 --as work-old'],
      ["A colleague's, in a worktree of its own", 'git session restore origin/work --worktree'],
    ],
  });

  ref = Option.String({ required: false });
  all = Option.Boolean('-a,--all', false, {
    description: 'every saved session that is not alive and has not ended',
  });
  dryRun = Option.Boolean('-n,--dry-run', false, { description: 'print what would be done, change nothing' });
  as = Option.String('--as', { description: '=<name> name of the tmux session' });
  attach = Option.Boolean('--attach', false, { description: 'go to the session afterwards' });
  worktree = Option.String('--worktree', {
    tolerateBoolean: true,
    description: '[=<path>] restore into a new linked worktree',
  });
  autostash = Option.Boolean('--autostash', false, {
    description: 'put your own changes on the stash first',
  });
  git = Option.Boolean('--git', true, {
    description: 'restore commit and uncommitted work (default)',
  });
  window = Option.String('--window', { description: '=<n> only the window with this index' });
  run = Option.Boolean('--run', { description: 'start the commands without asking; --no-run starts none' });

  launch = Option.String('--launch', {
    description: '=<all|none> none: commands are typed and wait for Enter',
  });

  async execute(): Promise<number> {
    if (this.all === (this.ref !== undefined)) {
      throw new UsageError(this.all ? '--all takes no reference' : 'which session? a reference is missing', [
        'see what there is: git session list',
      ]);
    }
    if (
      this.all &&
      (this.as !== undefined || this.attach || this.window !== undefined || this.worktree !== undefined)
    ) {
      throw new UsageError('--all does not go with --as, --attach, --window or --worktree');
    }
    const options = this.options();
    if (this.dryRun) return this.preview(options);
    if (this.all) return this.many(options);
    const { result, tmux } = await restoreOne(this.ref!, options, this.worktree);
    const code = this.report(result);
    if (this.json) {
      const refused = result.refused?.toJSON() ?? {};
      this.printJson({ ...refused, ok: code === 0, restored: [restoredJson(result)] });
    }
    if (this.attach) return attach(tmux, result.tmuxId, code);
    return code;
  }

  private options(): RestoreOptions {
    const window = this.window === undefined ? null : Number(this.window);
    if (window !== null && !/^\d{1,9}$/u.test(this.window ?? '')) {
      throw new UsageError(`--window takes a window's index, not '${this.window}'`);
    }
    const launch = this.launch ?? 'all';
    if (launch !== 'all' && launch !== 'none') {
      throw new UsageError(`--launch is all or none, not '${launch}'`);
    }
    if (this.as === '') throw new UsageError('--as takes a name');
    const terminal = process.stdin.isTTY && isTerminal('stderr') && !this.json;
    return {
      as: this.as ?? null,
      window,
      git: this.git,
      autostash: this.autostash,
      worktree: null,
      run: this.run ?? null,
      launch,
      ...(terminal ? { ask: askConsent } : {}),
    };
  }

  private async preview(options: RestoreOptions): Promise<number> {
    const { previewAll } = await import('../flow/restore-command.ts');
    const { previews, left } = await previewAll(this.all ? null : this.ref!, options, this.worktree);
    if (this.json) this.printJson({ ok: true, plans: previews.map((p) => planJson(p)) });
    else for (const p of previews) printPlan(p, (text) => this.out(text));
    this.noteLeft(left);
    return 0;
  }

  private async many(options: RestoreOptions): Promise<number> {
    const { results, failures, notes, left } = await restoreAll(options);
    let code = 0;
    for (const result of results) code = Math.max(code, this.report(result));
    if (!this.json) for (const n of notes) this.note(n);
    for (const { name, error } of failures) {
      this.problem(`${name}: ${error.message}`);
      for (const hint of error.hints) this.hint(hint);
      code = 1;
    }
    this.noteLeft(left);
    if (this.json) {
      const failed = failures.map(({ name, error }) => ({ name, ...error.toJSON() }));
      const { neverSaved: never_saved } = left;
      this.printJson({ ok: code === 0, restored: results.map(restoredJson), failed, never_saved });
    } else if (results.length === 0 && failures.length === 0 && left.ended === 0) {
      this.note(left.saved === 0 ? 'no session is saved here' : 'every saved session is alive already');
    }
    return code;
  }

  private noteLeft({ ended, neverSaved }: Left): void {
    if (ended > 0) this.note(`${ended} that ${ended === 1 ? 'has ended is' : 'have ended are'} left out`);
    const { length } = neverSaved;
    if (length === 0) return;
    const names = [...neverSaved.slice(0, NAMED), ...(length > NAMED ? [`and ${length - NAMED} more`] : [])];
    this.note(`${length} ${length === 1 ? 'session was' : 'sessions were'} never saved: ${names.join(', ')}`);
  }

  private report(r: RestoreResult): number {
    for (const w of [...r.consent.warnings, ...r.warnings]) this.warn(w);
    if (!this.json) {
      const name = safe(displayText(r.tmuxName));
      const panes = r.plan.windows.reduce((n, w) => n + w.panes.length, 0);
      const what = [
        counted(r.plan.windows.length, 'window'),
        counted(panes, 'pane'),
        counted(r.started, 'command'),
      ];
      this.out(`Restored ${safe(r.label)} as tmux session '${name}' (${what.join(', ')})`);
      if (r.consent.approved && r.consent.commands.length > 0)
        this.note(`approved: ${approvedBy(r.consent)}`);
      for (const n of r.notes) this.note(n);
      for (const c of r.crqs) {
        const parts = [
          c.id,
          c.title,
          c.status === null ? null : `[${c.status}]`,
          c.path === null ? null : displayText(c.path),
        ];
        this.out(`  ${safe(parts.filter((p) => p !== null).join('  '))}`);
      }
    }
    if (r.refused !== null) printError(r.refused, false);
    return r.partial ? 1 : 0;
  }
}

export function restoredJson(r: RestoreResult) {
  return {
    snapshot: r.label,
    session: displayText(r.tmuxName),
    tmux_id: r.tmuxId,
    worktree: r.workTree,
    stash: r.stash,
    commands: {
      planned: r.consent.commands.length,
      started: r.started,
      approved: r.consent.approved,
      reason: r.consent.reason,
      signature: r.consent.signature,
    },
    crqs: r.crqs,
    git: r.plan.git,
    notes: r.notes,
    warnings: r.warnings,
    partial: r.partial,
  };
}
