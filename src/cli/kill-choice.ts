import {
  ClientsAttachedError,
  NotConfirmedError,
  NotRunningError,
  UnknownRefError,
} from '../session/errors.ts';
import { isGlob, matchSessions } from '../session/live.ts';
import { isOrphan } from '../flow/kill.ts';
import { type LiveView, ownViews } from '../flow/live.ts';
import type { Workspace } from '../flow/workspace.ts';
import { safe } from '../trust/safe.ts';
import { chooseSessions, isNamed } from './choose-session.ts';
import { confirm } from './confirm.ts';
import { canAsk } from './picker.ts';
import { tell } from './output.ts';

export interface KillOptions {
  patterns: readonly string[];
  all: boolean;
  completed: boolean;
  failed: boolean;
  interactive: boolean;
  yes: boolean;
  force: boolean;
  json: boolean;
}

interface Chosen {
  views: Set<LiveView>;
  /** Those that somebody has named or picked, each for itself: a terminal that shows them is no reason to refuse. */
  knowingly: Set<LiveView>;
  /** More than one word has said; it must be confirmed. */
  wide: boolean;
}

/** What `git session kill` is to end. Throws, or asks, where that is not clear or not agreed on. */
export async function chooseToKill(
  ws: Workspace,
  all: readonly LiveView[],
  options: KillOptions,
): Promise<LiveView[]> {
  const own = await ownViews(ws, all);
  const chosen: Chosen = { views: new Set(), knowingly: new Set(), wide: false };
  if (options.all || options.completed || options.failed) byState(own.filter(isKillable), options, chosen);
  else if (options.patterns.length === 0) await byPattern(ws, own.filter(isKillable), null, options, chosen);
  for (const pattern of options.patterns) {
    const named = all.filter((v) => isNamed(v, pattern));
    await byPattern(ws, [...new Set([...own, ...named])], pattern, options, chosen);
  }
  const views = [...chosen.views];
  if (!options.force) refuseAttached(views.filter((v) => !chosen.knowingly.has(v)));
  if (chosen.wide && !options.yes) await requireYes(views, options.json);
  return views;
}

function isKillable(view: LiveView): boolean {
  return view.tmux !== null || isOrphan(view);
}

function byState(own: LiveView[], { all, completed, failed }: KillOptions, chosen: Chosen): void {
  const statuses = [...(completed ? ['completed'] : []), ...(failed ? ['failed'] : [])];
  const found = all ? own : own.filter((v) => statuses.includes(v.judgement?.status ?? ''));
  if (found.length === 0) {
    throw new UnknownRefError(`there is no ${all ? 'live' : statuses.join(' or ')} session to end`);
  }
  for (const view of found) chosen.views.add(view);
  chosen.wide = all || found.length > 1;
}

async function byPattern(
  ws: Workspace,
  candidates: LiveView[],
  pattern: string | null,
  { interactive, json }: KillOptions,
  chosen: Chosen,
): Promise<void> {
  const exact = pattern !== null && candidates.some((v) => isNamed(v, pattern));
  if (pattern !== null && isGlob(pattern) && !exact && !interactive) {
    const found = matchSessions(candidates.filter(isKillable), pattern);
    if (found.length > 0) {
      for (const view of found) chosen.views.add(view);
      chosen.wide ||= found.length > 1;
      return;
    }
  }
  const choice = { verb: 'kill', pattern, interactive, multiple: true, json };
  const views = await chooseSessions(ws, candidates, choice);
  const picked = exact || interactive || views.length > 1 || pattern === null;
  for (const view of views) {
    if (!isKillable(view)) throw notRunning(view);
    chosen.views.add(view);
    if (picked) chosen.knowingly.add(view);
  }
}

function notRunning({ name, stored }: LiveView): NotRunningError {
  return new NotRunningError(
    `'${name}' is not running`,
    stored === null ? [] : [`take its record away too: git session delete ${name}`],
  );
}

function refuseAttached(views: LiveView[]): void {
  const names = views.filter((v) => (v.tmux?.attachedClients ?? 0) > 0).map((v) => v.name);
  const [first] = names;
  if (first === undefined) return;
  throw new ClientsAttachedError(
    names.length === 1 ? `a terminal shows '${first}'` : `terminals show ${names.length} of these sessions`,
    [`end one by its exact name: git session kill ${first}`, 'or all of them: --force'],
    { sessions: names },
  );
}

async function requireYes(views: LiveView[], json: boolean): Promise<void> {
  const names = views.map((v) => v.name);
  const what = names.length === 1 ? '1 session' : `${names.length} sessions`;
  if (!canAsk() || json) {
    throw new NotConfirmedError(`this would end ${what}: ${names.join(', ')}`, ['to do it: --yes'], {
      sessions: names,
    });
  }
  for (const name of names) tell(`  ${safe(name)}`);
  if (await confirm(`End ${what}?`)) return;
  throw new NotConfirmedError('nothing was ended', [], { sessions: names });
}
