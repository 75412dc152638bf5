import { AGENT_TITLES } from '../session/agent.ts';
import { quoteCommand } from '../session/command-line.ts';
import { drawWindow } from '../session/drawing.ts';
import { SessionError } from '../session/errors.ts';
import { leaves, parseLayout } from '../session/layout.ts';
import { commandOf } from '../session/pane-command.ts';
import type { PaneAgent, SnapshotPath, TmuxPane, TmuxWindow } from '../session/schema.ts';
import { displayText, equalText, type Text } from '../session/text.ts';
import { looksConfusable, safe, safeArgv } from '../trust/safe.ts';

export interface WindowStyle {
  columns: number;
  ascii: boolean;
  /** A title that says no more than this is left out. */
  hostName: string;
}

const MAX_COLUMNS = 76;
const MAX_ROWS = 40;

/** A window for people: its name, a picture of its panes, and a legend that leaves nothing out. */
export function windowLines(w: TmuxWindow, style: WindowStyle): string[] {
  const flags = [w.active ? 'active' : '', w.last ? 'last' : '', w.zoomed ? 'zoomed' : ''].filter(
    (f) => f !== '',
  );
  const noted = flags.length === 0 ? '' : ` (${flags.join(', ')})`;
  return [
    `Window ${w.index} '${safe(w.name)}' ${w.width}x${w.height}${noted}`,
    ...picture(w, style).map((line) => `  ${line}`),
    ...w.panes.flatMap((p) => paneLines(w, p, style)),
  ];
}

function picture(w: TmuxWindow, { columns, ascii }: WindowStyle): string[] {
  try {
    const root = parseLayout(w.layout);
    if (leaves(root).length !== w.panes.length) {
      return [`(not drawn: the layout is for ${leaves(root).length} panes)`];
    }
    const panes = w.panes.map((p) => ({
      label: `${p.index}${p.active ? '*' : ''}${p.dead === null ? '' : ' dead'}`,
      lines: [shownPath(p.cwd), commandWords(p)].filter((line) => line !== ''),
    }));
    const size = { columns: Math.max(20, Math.min(MAX_COLUMNS, columns - 2)), rows: MAX_ROWS };
    const { lines, hidden } = drawWindow(root, panes, { size, ascii });
    if (hidden.length === 0) return lines;
    const some = hidden.length === 1 ? '1 pane is' : `${hidden.length} panes are`;
    return [...lines, `(${some} too small to be drawn or named here)`];
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return [`(not drawn: ${safe(error.message)})`];
  }
}

/** `.` is the root of the repository, `~` the home directory: a restore maps both to this machine's. */
export function shownPath(path: SnapshotPath): string {
  const text = safe(path.path);
  if (path.in === 'root') return text;
  const base = path.in === 'repo' ? '.' : '~';
  return text === '' ? base : `${base}/${text}`;
}

function commandWords(p: TmuxPane): string {
  const { start, steps, prefill } = commandOf(p);
  const argv = p.command ?? prefill ?? steps.at(-1) ?? start;
  return argv === null ? '' : safeArgv(argv);
}

function paneLines(w: TmuxWindow, p: TmuxPane, { hostName }: WindowStyle): string[] {
  const facts = [
    p.synchronized ? 'synchronized' : '',
    p.remainOnExit === 'off' ? '' : `remain-on-exit ${p.remainOnExit}`,
  ];
  const title = displayText(p.title);
  const lines = [
    `  ${w.index}.${p.index}${p.active ? '*' : ''}  ${shownPath(p.cwd)}${p.cwdDeleted ? ' (was deleted)' : ''}`,
  ];
  const more = (text: string) => lines.push(`        ${text}`);
  if (title !== '' && title !== hostName) more(`title: ${safe(p.title)}`);
  if (p.command !== null) {
    const odd = looksConfusable(p.command[0]!) ? '  <- has characters that look like others' : '';
    more(`$ ${safeArgv(p.command)}${odd}`);
  }
  if (p.agent !== null) more(agentLine(p.agent));
  for (const line of restoreLines(p)) more(line);
  const noted = facts.filter((f) => f !== '').join(', ');
  if (noted !== '') more(noted);
  if (p.scrollback !== null) {
    more(`scrollback: ${p.scrollback.lines} lines${p.scrollback.truncated ? ', cut' : ''}`);
  }
  return lines;
}

function agentLine({ name, conversation, confidence, evidence }: PaneAgent): string {
  if (conversation === null) return `agent: ${AGENT_TITLES[name]}, conversation not known`;
  const sure = confidence === 'guessed' ? 'guessed: ' : '';
  return `agent: ${AGENT_TITLES[name]}, conversation ${safe(conversation)} (${sure}${FOUND_BY[evidence]})`;
}

const FOUND_BY: Record<PaneAgent['evidence'], string> = {
  hook: 'a hook told it',
  registry: 'from the list of its processes',
  argv: 'from its arguments',
  fd: 'from its open file',
  transcript: 'the newest transcript of the directory',
  none: 'not known how',
};

/** What a restore does with the pane, and how that was found out. */
function restoreLines(p: TmuxPane): string[] {
  const { start, steps, prefill, shown } = commandOf(p);
  const why = `(${[REASONS[p.relaunch.reason] ?? p.relaunch.reason, CONFIDENCE[p.relaunch.confidence]].join('; ')})`;
  if (p.dead !== null) {
    return [`dead, exit status ${p.dead.status ?? 'unknown'}: a restore opens a shell`];
  }
  const lines: string[] = [];
  const say = (what: string, argv: Text[]) =>
    lines.push(isCommand(p, argv) ? `a restore ${what} it` : `a restore ${what}: ${safeArgv(argv)}`);
  if (start !== null) {
    // One word is a line for the user's shell.
    if (start.length === 1) lines.push(`a restore starts, by the shell: ${safe(start[0]!)}`);
    else say('starts', start);
  }
  for (const step of steps) say('types', step);
  if (prefill !== null) lines.push(`a restore types, without Enter: ${safeArgv(prefill)}`);
  if (shown !== null) lines.push(`a restore only shows: ${safe(shown)}`);
  if (lines.length === 0) lines.push('a restore opens a shell');
  lines[lines.length - 1] += ` ${why}`;
  return lines;
}

function isCommand(p: TmuxPane, argv: Text[]): boolean {
  return p.command !== null && equalText(quoteCommand(argv), quoteCommand(p.command));
}

const CONFIDENCE: Record<TmuxPane['relaunch']['confidence'], string> = {
  exact: 'exact',
  argv: 'arguments exact',
  rebuilt: 'put together again, may differ from what was typed',
  unknown: 'not sure enough to be started',
};

/** The words of `decideRelaunch`. */
const REASONS: Readonly<Record<string, string>> = {
  'start-command': 'the pane was created with it',
  'idle-shell': 'the shell was at its prompt',
  'dead-pane': 'the program had ended',
  'no-process': 'its process could not be found',
  'no-terminal': 'its process had no terminal',
  'leader-dead': 'the program in the foreground had just ended',
  'nested-too-deep': 'too many shells inside each other',
  subshell: 'a loop or group that only the shell knows',
  'nested-shell': 'a shell inside the shell, at its prompt',
  'nested-program': 'started from inside another program',
  'argv-inexact': 'this system does not tell where one argument ends',
  'process-substitution': 'it reads from a process substitution',
  pipeline: 'a pipeline',
  'pipeline-broken': 'a pipeline of which a part had ended',
  'deleted-file': 'redirected to a file that was deleted',
  redirected: 'its input or output was redirected',
  'fds-unknown': 'its redirections could not be read',
  'orphan-leader': 'not started by the shell of the pane',
  'foreground-leader': 'it ran in the foreground',
  'title-rewritten': 'it had written over its own arguments',
  redacted: 'a secret was taken out of it',
};
