import { AmbiguousRefError, CancelledError, UnknownRefError, UsageError } from '../session/errors.ts';
import { matchSessions } from '../session/live.ts';
import { nearestName } from '../session/nearest.ts';
import { setting } from '../session/settings.ts';
import type { LiveView } from '../flow/live.ts';
import type { Workspace } from '../flow/workspace.ts';
import { safe } from '../trust/safe.ts';
import { commandText } from './live-json.ts';
import { canAsk, pick } from './picker.ts';
import { ago } from './table.ts';

export interface Choice {
  /** What the command is called, for hints: `attach`. */
  verb: string;
  pattern: string | null;
  /** `-i`: ask also where one is meant. */
  interactive: boolean;
  /** Several may be chosen from the picker. */
  multiple: boolean;
  /** With `--json` nothing is asked. */
  json: boolean;
}

/** Whether a word names this one exactly, and does not only match it. */
export function isNamed(view: LiveView, word: string): boolean {
  return view.id === word || view.tmuxId === word || view.names.includes(word);
}

/** The sessions that are meant, at least one (design.md section 9). Those that live come before those that have ended. */
export async function chooseSessions(
  ws: Workspace,
  views: readonly LiveView[],
  choice: Choice,
): Promise<[LiveView, ...LiveView[]]> {
  const { pattern, interactive, json } = choice;
  const ask = canAsk() && !json;
  const matching = pattern === null ? views : matchSessions(views, pattern);
  const alive = matching.filter((v) => v.tmux !== null);
  const found = alive.length > 0 && pattern !== null ? alive : matching;
  const [first, ...others] = found.toSorted((a, b) => Number(a.tmux === null) - Number(b.tmux === null));
  if (first === undefined) throw nothingFound(views, pattern);
  if (interactive && !ask) throw new UsageError('-i needs a terminal to ask on');
  if (pattern !== null && others.length === 0 && !interactive) return [first];
  if (!ask)
    throw pattern === null ? missing(choice, [first, ...others]) : ambiguous(choice, [first, ...others]);
  const command = setting(ws.config, 'picker', process.env);
  return askFor([first, ...others], { ...choice, command });
}

/** Lets a person choose from these, at least one. `command` is `session.picker`. */
export async function askFor<T extends LiveView>(
  views: readonly T[],
  { verb, multiple, command }: Pick<Choice, 'verb' | 'multiple'> & { command: string | null },
): Promise<[T, ...T[]]> {
  const width = Math.min(40, Math.max(...views.map((v) => safe(v.name).length)));
  const items = views.map((view, i) => ({
    label: [labelOf(view, width), ...(isAlone(view, views) ? [] : [toTell(view)])].join('  '),
    value: String(i),
  }));
  const picked = await pick(items, { prompt: `${verb} `, multiple, command });
  if ('cancelled' in picked) {
    // As Ctrl-C ends any other program.
    if (picked.cancelled === 'interrupt') process.kill(process.pid, 'SIGINT');
    throw new CancelledError('nothing was chosen');
  }
  const [first, ...others] = picked.chosen.map((item) => views[Number(item.value)]!);
  if (first === undefined) throw new CancelledError('nothing was chosen');
  return [first, ...others];
}

function labelOf({ name, tmux, judgement, current, stored }: LiveView, width: number): string {
  const status = judgement?.status ?? (tmux === null ? 'saved' : 'running');
  const clients = tmux?.attachedClients ?? 0;
  const shown = current ? 'here' : clients > 0 ? 'attached' : '';
  const task = stored?.record.identifier ?? '';
  const parts = [
    safe(name).padEnd(width),
    status.padEnd(10),
    shown.padEnd(8),
    task === name ? '' : safe(task),
  ];
  return parts.join('  ').trimEnd();
}

/** No other is called so. */
function isAlone(view: LiveView, among: readonly LiveView[]): boolean {
  return !among.some((v) => v !== view && v.name === view.name);
}

/** What tells it from others of its name: when it began, the start of its id, and what it ran. */
function toTell({ id, tmuxId, stored }: LiveView): string {
  if (stored === null) return (id ?? tmuxId ?? '').slice(0, 8);
  const { createdAt, argv } = stored.record;
  return [ago(createdAt), id!.slice(0, 8), safe(commandText(argv) ?? '')].filter(Boolean).join('  ');
}

function nothingFound(views: readonly LiveView[], pattern: string | null): UnknownRefError {
  if (pattern === null)
    return new UnknownRefError('there is no session', ['make one: git session create work']);
  const near = nearestName(
    pattern,
    views.flatMap((v) => v.names),
  );
  return new UnknownRefError(`no session matches '${pattern}'`, [
    ...(near === null ? [] : [`did you mean '${near}'?`]),
    'see what there is: git session list',
  ]);
}

/** As many as a person reads. */
const HINTS = 5;

function missing({ verb }: Choice, views: readonly LiveView[]): UsageError {
  return new UsageError('which session? an argument is missing: <pattern>', hintsFor(verb, views));
}

function ambiguous({ verb, pattern }: Choice, views: readonly LiveView[]): AmbiguousRefError {
  return new AmbiguousRefError(`'${pattern}' matches ${views.length} sessions`, hintsFor(verb, views), {
    candidates: views.map((v) => (isAlone(v, views) ? v.name : (v.id ?? v.tmuxId ?? v.name))),
  });
}

function hintsFor(verb: string, views: readonly LiveView[]): string[] {
  const hints = views.slice(0, HINTS).map((view) => {
    return `git session ${verb} ${isAlone(view, views) ? view.name : (view.id ?? view.tmuxId)}`;
  });
  return views.length > HINTS ? [...hints, `and ${views.length - HINTS} more`] : hints;
}
