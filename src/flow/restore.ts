import { randomBytes } from 'node:crypto';
import { SessionError, SessionExistsError } from '../session/errors.ts';
import {
  type PlannedPane,
  planRestore,
  type RestoreFacts,
  type RestorePlan,
  type RestoreRequest,
} from '../session/plan.ts';
import { type Crq, MAX_SCROLLBACK_BYTES, type Snapshot } from '../session/schema.ts';
import { displayText, fromText, type Text } from '../session/text.ts';
import { carryOut, differsFrom, readSituation } from '../git/checkout.ts';
import { readBlob } from '../git/objects.ts';
import type { Repository } from '../git/repository.ts';
import { NoServerError } from '../session/errors.ts';
import { listSessions } from '../tmux/capture.ts';
import {
  type BuildSession,
  buildStructure,
  discard,
  finishCommands,
  publish,
  readGlobals,
  sessionIds,
} from '../tmux/build.ts';
import { ControlClient } from '../tmux/control.ts';
import { DEFAULT_ALLOW, restorableEnvironment } from '../trust/environment.ts';
import { sanitizeScrollback } from '../trust/scrollback.ts';
import { safe } from '../trust/safe.ts';
import { type Consent, consentFor, recheck } from './consent.ts';
import { crqsOf } from './crq.ts';
import { directoryFacts, findMissingPrograms } from './facts.ts';
import type { Loaded } from './load.ts';
import { RunDirectory } from './run-directory.ts';
import { startCommands } from './start.ts';
import { placesOf, type Workspace } from './workspace.ts';

export interface RestoreOptions extends RestoreRequest {
  /** `--run`, `--no-run`, or neither. */
  run: boolean | null;
  /** Asks a person; absent where there is no terminal. */
  ask?: (plan: RestorePlan, loaded: Loaded) => Promise<'yes' | 'no' | 'always'>;
}

export interface RestoreResult {
  label: string;
  tmuxName: Text;
  /** `$1` */
  tmuxId: string;
  plan: RestorePlan;
  consent: Consent;
  crqs: Crq[];
  workTree: string | null;
  stash: string | null;
  started: number;
  notes: string[];
  warnings: string[];
  partial: boolean;
}

/** The plan alone: reads, decides, changes nothing. */
export async function preview(ws: Workspace, loaded: Loaded, options: RestoreOptions) {
  const live = await liveSessions(ws);
  const facts = await gatherFacts(ws.repo, loaded.snapshot, options, live, true);
  const plan = planRestore(loaded.snapshot, options, facts);
  const consent = await consentFor(ws, loaded, plan, { run: options.run });
  return { plan, consent };
}

/** Restores one snapshot: git first, then tmux under a temporary name, then the commands, then the name. */
export async function restore(ws: Workspace, loaded: Loaded, options: RestoreOptions): Promise<RestoreResult> {
  const { snapshot } = loaded;
  const live = await liveSessions(ws);
  const first = planRestore(snapshot, options, await gatherFacts(ws.repo, snapshot, options, live, true));
  const consent = await consentFor(ws, loaded, first, options);
  const notes: string[] = [];
  const outcome = await carryOut(ws.repo, first.git);
  await explainGit(ws.repo, snapshot, first, outcome.stash, notes);

  // What the checkout brought decides which directories there are, and where links lead (attack C16).
  const inPlace = { ...options, git: false, worktree: null, autostash: false };
  const facts = await gatherFacts(outcome.repo, snapshot, inPlace, live, false);
  const plan = { ...planRestore(snapshot, inPlace, facts), git: first.git };
  const warnings = [...new Set([...first.warnings, ...plan.warnings])];
  if (first.partial && !plan.partial) removeStale(warnings, first, plan);
  const crqs = loaded.stored === null ? snapshot.crqs : crqsOf(loaded.catalog, loaded.stored, snapshot);
  const { set, dropped } = restorableEnvironment(snapshot.env, {
    allow: [...DEFAULT_ALLOW, ...ws.config.getAll('session.env').flatMap((v) => v.split(/[\s,]+/u))],
    approved: consent.approved,
  });
  for (const { name, reason } of dropped) warnings.push(`environment variable ${name} is not set: ${reason}`);
  if (!consent.approved) withoutCommands(plan);

  const run = new RunDirectory();
  const client = await ControlClient.open(ws.tmux);
  const nonce = randomBytes(6).toString('hex');
  const build = await toBuild(outcome.repo, loaded, plan, run, nonce, set, crqs, options);
  const owner = `${process.pid} ${nonce}`;
  let published = false;
  try {
    const globals = await readGlobals(client);
    const built = await buildStructure(client, build, owner, globals.shell);
    await client.run(finishCommands(build, built, globals));
    recheck(ws, loaded, consent);
    const { started, problems } = await startCommands(client, plan, built, run);
    warnings.push(...problems);
    const ids = await sessionIds(client);
    if (!(await publish(client, built.id, build.name))) throw taken(plan.tmuxName);
    published = true;
    for (const m of build.members) {
      const id = ids.get(m.temporaryName);
      if (id !== undefined && !(await publish(client, id, m.name))) {
        warnings.push(`tmux session '${safe(m.name)}' of the group exists already and is left alone`);
        await discard(client, [id]);
      }
    }
    return {
      ...{ label: loaded.label, tmuxName: plan.tmuxName, tmuxId: built.id, plan, consent, crqs },
      ...{ workTree: outcome.repo.workTree, stash: outcome.stash, started, notes, warnings },
      partial: plan.partial || problems.length > 0 || (!consent.approved && consent.commands.length > 0 && options.run !== false),
    };
  } finally {
    if (!published) await discardUnfinished(client, build);
    await client.close();
    run.removeUnused();
  }
}

function taken(name: Text): SessionExistsError {
  const shown = displayText(name);
  return new SessionExistsError(`tmux session '${shown}' already exists`, [`restore beside it: --as ${shown}-2`]);
}

async function discardUnfinished(client: ControlClient, build: BuildSession): Promise<void> {
  try {
    const ids = await sessionIds(client);
    const ours = [build, ...build.members].flatMap((s) => ids.get(s.temporaryName) ?? []);
    await discard(client, ours);
  } catch (error) {
    // The server is gone, and the unfinished session with it; the first error says so.
    if (!(error instanceof SessionError)) throw error;
  }
}

async function liveSessions(ws: Workspace) {
  try {
    return await listSessions(ws.tmux);
  } catch (error) {
    if (error instanceof NoServerError) return null;
    throw error;
  }
}

async function gatherFacts(
  repo: Repository,
  snapshot: Snapshot,
  options: RestoreRequest,
  server: Awaited<ReturnType<typeof liveSessions>>,
  before: boolean,
): Promise<RestoreFacts> {
  const places = placesOf(repo);
  const git = await readSituation(repo, snapshot.git);
  const moves = before && options.git && (options.worktree !== null || git.head !== snapshot.git.head);
  const directories = await directoryFacts(repo, snapshot, places, moves);
  return {
    places,
    liveSessions: (server?.sessions ?? []).map((s) => s.name),
    tmuxVersion: server?.version ?? null,
    git,
    directories,
    missingPrograms: findMissingPrograms(snapshot, places),
  };
}

/** Says in words what happened to the worktree, most of all when nothing was done on purpose. */
async function explainGit(
  repo: Repository,
  snapshot: Snapshot,
  plan: RestorePlan,
  stash: string | null,
  notes: string[],
): Promise<void> {
  const step = plan.git[0];
  if (step?.kind === 'leave' && step.reason === 'dirty-same-head') {
    const differs = await differsFrom(repo, snapshot.git);
    const against = (snapshot.git.work ?? snapshot.git.head ?? '').slice(0, 12);
    notes.push(
      differs.length === 0
        ? 'your working tree already holds the saved work; it was left as it is'
        : `your working tree has changes of its own and was left as it is; ${differs.length} ${differs.length === 1 ? 'file differs' : 'files differ'} from the saved work (git diff ${against})`,
    );
  }
  if (stash !== null) notes.push(`your changes are on the stash: git stash pop --index`);
  if (snapshot.git.branch !== null && plan.git.some((s) => s.kind === 'checkout' && s.branch === null)) {
    notes.push(`HEAD is detached at ${snapshot.git.head?.slice(0, 7)}; saved on branch '${snapshot.git.branch}'`);
  }
}

/** A directory that the checkout has brought is no problem any more. */
function removeStale(warnings: string[], first: RestorePlan, plan: RestorePlan): void {
  const gone = first.warnings.filter((w) => !plan.warnings.includes(w) && w.startsWith('pane '));
  for (const w of gone) warnings.splice(warnings.indexOf(w), 1);
}

function withoutCommands(plan: RestorePlan): void {
  for (const p of plan.windows.flatMap((w) => w.panes)) Object.assign(p, { start: null, steps: [], prefill: null });
}

async function toBuild(
  repo: Repository,
  loaded: Loaded,
  plan: RestorePlan,
  run: RunDirectory,
  nonce: string,
  environment: Record<string, Text>,
  crqs: Crq[],
  options: RestoreOptions,
): Promise<BuildSession> {
  const { snapshot, stored } = loaded;
  const ids = crqs.map((c) => c.id);
  const env: [string, Buffer][] = Object.entries(environment).map(([name, value]) => [name, fromText(value)]);
  if (ids.length > 0) env.push(['GIT_SESSION_CRQS', Buffer.from(ids.join(' '))]);
  const home = plan.windows[0]!.panes[0]!.cwd;
  const budget = { left: 64 * 1024 * 1024 };
  const windows = [];
  for (const w of plan.windows) {
    const panes = [];
    for (const p of w.panes) {
      panes.push({
        cwd: p.cwd,
        title: fromText(p.title),
        start: p.start === null ? null : p.start.map((word) => fromText(word)),
        prelude: await prelude(repo, loaded, p, run, budget),
        ...{ active: p.active, last: p.last, remainOnExit: p.remainOnExit, synchronized: p.synchronized },
      });
    }
    windows.push({ ...w, name: fromText(w.name), panes });
  }
  return {
    temporaryName: `git-session-restore-${nonce}`,
    name: fromText(plan.tmuxName),
    environment: env,
    cwd: home,
    activeWindow: plan.activeWindow,
    lastWindow: plan.lastWindow,
    windows,
    members: plan.members.map((m, i) => ({
      ...m,
      name: fromText(m.name),
      temporaryName: `git-session-restore-${nonce}-${i}`,
    })),
    options: [
      // Under another name it is another session, whose life begins here.
      ...(options.as === null ? [['@git-session-id', snapshot.session.id] as [string, string]] : []),
      ['@git-session-snapshot', stored === null ? loaded.oid : loaded.label],
      ...(ids.length > 0 ? [['@crq', ids.join(' ')] as [string, string]] : []),
    ],
    statusLabel: ids.length > 0 ? `[${ids.slice(0, 5).join(' ')}]` : '',
  };
}

/** The text that a pane shows before anything runs in it: its scrollback, and what went wrong. */
async function prelude(
  repo: Repository,
  loaded: Loaded,
  pane: PlannedPane,
  run: RunDirectory,
  budget: { left: number },
): Promise<string | null> {
  const parts: Buffer[] = [];
  const context = loaded.stored?.context ?? null;
  if (pane.scrollback !== null && context !== null && budget.left > 0) {
    const oid = await repo.git.line(['rev-parse', '--verify', '--quiet', '--end-of-options', `${context}:${pane.scrollback}`]);
    if (oid !== null) {
      const bytes = await readBlob(repo.git, oid, MAX_SCROLLBACK_BYTES);
      budget.left -= bytes.length;
      parts.push(sanitizeScrollback(bytes));
    }
  }
  if (pane.problem !== null) parts.push(Buffer.from(`git session: ${safe(pane.problem)}\n`));
  if (pane.shown !== null) parts.push(Buffer.from(`git session: this ran here: ${safe(pane.shown)}\n`));
  return parts.length === 0 ? null : run.write('text', Buffer.concat(parts));
}
