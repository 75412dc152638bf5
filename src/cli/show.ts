import { Command, Option } from 'clipanion';
import { UnknownRefError, UsageError } from '../session/errors.ts';
import type { Crq, Snapshot } from '../session/schema.ts';
import { displayText } from '../session/text.ts';
import { type Approval, inspect, type Inspected, rawBytes } from '../flow/show.ts';
import { inspectLive } from '../flow/show-live.ts';
import { isTerminal } from '../process/own-terminal.ts';
import { safe, safeArgv } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { windowLines } from './drawing.ts';
import { aiJson, configJson } from './live-json.ts';
import { liveJson, liveLines } from './show-live.ts';
import { signatureText } from './signature.ts';
import { ago, date, isAscii, terminalWidth } from './table.ts';
import { writeBytes } from './output.ts';
import { page } from './page.ts';

export class ShowCommand extends SessionCommand {
  static override paths = [['show']];
  static override usage = Command.Usage({
    description:
      'Show one snapshot: where it comes from, its windows and panes, and what a restore would start.',
    details: 'git session show [<options>] [<ref>]',
    examples: [
      ['The newest snapshot of all', 'git session show'],
      ['The one before the newest', 'git session show work~1'],
      ['How many windows it has', "git session show work --json | jq '.tmux.windows | length'"],
    ],
  });

  ref = Option.String({ required: false });
  raw = Option.Boolean('--raw', false, { description: "print the blob's bytes as they are" });

  async execute(): Promise<number> {
    if (this.raw) {
      if (this.json) throw new UsageError('--raw and --json exclude each other');
      const bytes = await rawBytes(this.ref ?? null);
      // A terminal would obey them; a program gets every byte.
      if (isTerminal('stdout')) this.out(safe(bytes));
      else await writeBytes(bytes);
      return 0;
    }
    let found;
    try {
      found = await inspect(this.ref ?? null);
    } catch (error) {
      if (!(error instanceof UnknownRefError) || this.ref === undefined) throw error;
      const live = await inspectLive(this.ref);
      if (live === null) throw error;
      if (this.json) this.printJson(liveJson(live));
      else this.out(liveLines(live.view).join('\n'));
      return 0;
    }
    if (found.approval.problem !== null) this.warn(found.approval.problem);
    if (this.json) this.printJson(showJson(found));
    else await page(`${showLines(found).join('\n')}\n`);
    return 0;
  }
}

function showJson({ loaded, crqs, approval, signature, live, accessedAt }: Inspected) {
  const { snapshot, stored, oid, label } = loaded;
  return {
    ...snapshot,
    crqs,
    ...{ ref: stored?.ref ?? null, oid, context: stored?.context ?? null },
    ...{ snapshot: label, remote: stored?.remote ?? null },
    createdAt: new Date(snapshot.tmux.sessions[0]!.createdAt * 1000).toISOString(),
    lastAccessedAt: accessedAt?.toISOString() ?? null,
    approval: { commands: approval.commands, state: approval.state },
    signature,
    config: live === null ? null : configJson(live.stored.record),
    ai_context: aiJson(live?.ai ?? null),
  };
}

function showLines(found: Inspected): string[] {
  const { snapshot } = found.loaded;
  const style = {
    columns: terminalWidth() ?? 80,
    ascii: isAscii(),
    hostName: snapshot.host.name,
  };
  return [...headerLines(found), ...snapshot.tmux.windows.flatMap((w) => ['', ...windowLines(w, style)])];
}

function headerLines({ loaded, crqs, approval, signature, present }: Inspected): string[] {
  const { snapshot: s, stored } = loaded;
  const rows: [string, string][] = [
    ['Session', safe(`${s.session.name} (${s.session.id})`)],
    ['Saved by', safe(`${s.savedBy.name} <${s.savedBy.email}>`)],
    ['Signature', signatureText(signature)],
    ['Date', safe(`${date(s.savedAt)} (${ago(s.savedAt)})`)],
    [
      'Host',
      safe(`${s.host.name} (${s.host.os} ${s.host.arch}, tmux ${s.host.tmux}, git-session ${s.host.tool})`),
    ],
    ['State', stateText(s.state)],
    ['tmux', s.tmux.sessions.map((m) => `'${safe(m.name)}'`).join(', ')],
    ['Commit', commitText(s, present.head)],
    ['Work', workText(s, present.work)],
    ...s.git.leftOut.map(({ path, reason }): [string, string] => [
      'Left out',
      `${safe(path)}: ${safe(reason)}`,
    ]),
    ...crqs.map((c): [string, string] => ['CRQ', crqText(c)]),
    ...Object.entries(s.env).map(([name, value]): [string, string] => [
      'Env',
      `${name}=${safeArgv([value])}`,
    ]),
    ...s.redactions.map((r): [string, string] => ['Redacted', safe(`${r.rule} in ${r.where}`)]),
    ['Commands', approvalText(approval)],
    ['Blob', loaded.oid],
  ];
  if (stored?.context != null) rows.push(['Context', stored.context]);
  const lines = [
    `snapshot ${safe(loaded.label)}`,
    ...rows.map(([name, text]) => `${`${name}:`.padEnd(11)}${text}`),
  ];
  if (s.message !== null) lines.push('', ...messageLines(s.message));
  return lines;
}

export function messageLines(message: string): string[] {
  return message
    .replace(/\n+$/u, '')
    .split('\n')
    .map((line) => `    ${safe(line)}`.trimEnd());
}

function stateText(state: Snapshot['state']): string {
  if (state.name === 'running')
    return state.iteration === 0 ? 'running' : `running, iteration ${state.iteration}`;
  const [, said] = Object.entries(state).find(([key]) => key !== 'name') ?? [];
  return said === undefined ? state.name : `${state.name}: ${safe(said)}`;
}

function commitText({ git }: Snapshot, here: boolean): string {
  if (git.head === null) return 'none yet';
  const on = git.branch === null ? 'detached' : `on ${safe(git.branch)}`;
  const upstream = git.upstream === null ? '' : `, upstream ${safe(git.upstream)}`;
  const busy = git.operation === null ? '' : `, ${git.operation} in progress`;
  return `${git.head} (${on}${upstream}${busy})${here ? '' : ' - not in this repository'}`;
}

function workText({ git }: Snapshot, here: boolean): string {
  const { staged, unstaged, untracked, unmerged } = git.changes;
  const counts = Object.entries({ staged, unstaged, untracked, unmerged }).filter(([, n]) => n > 0);
  const changes = counts.map(([what, n]) => `${n} ${what}`).join(', ');
  if (git.work === null) return changes === '' ? 'clean' : `not saved (${changes})`;
  return `${git.work} (${changes})${here ? '' : ' - not in this repository'}`;
}

export function crqText({ id, title, status, path }: Crq): string {
  const parts = [id, title, status === null ? null : `[${status}]`, path === null ? null : displayText(path)];
  return safe(parts.filter((p) => p !== null).join('  '));
}

const CONSENT: Record<Approval['state'], string> = {
  saved: 'saved by this clone: a restore starts them',
  allowed: 'approved: a restore starts them',
  signed: 'signed by whom you trust: a restore starts them',
  denied: 'denied here: a restore starts none of them',
  none: 'not approved: a restore starts them only with --run, or after you say yes',
};

function approvalText({ commands, state }: Approval): string {
  if (commands === 0) return 'none: a restore opens shells only';
  return `${commands === 1 ? '1 pane starts one' : `${commands} panes start one`}; ${CONSENT[state]}`;
}
