import { randomBytes } from 'node:crypto';
import { ServerGoneError, SessionError, SessionExistsError } from '../session/errors.ts';
import { shellWord } from '../session/command-line.ts';
import type { RestorePlan } from '../session/plan.ts';
import { displayText } from '../session/text.ts';
import { carryOut, type GitOutcome } from '../git/checkout.ts';
import {
  type BuildSession,
  type BuiltSession,
  buildStructure,
  discard,
  finishCommands,
  lateCommands,
  publish,
  readGlobals,
  type Replaced,
  sessionIds,
  TEMPORARY,
} from '../tmux/build.ts';
import { ControlClient } from '../tmux/control.ts';
import { safe } from '../trust/safe.ts';
import { carryTranscripts } from './agents.ts';
import { type Consent, consentFor, recheck } from './consent.ts';
import type { Loaded } from './load.ts';
import { toBuild } from './restore-build.ts';
import { environmentFor, linkedCrqs, planNow, type RestoreOptions, Surroundings } from './restore-plan.ts';
import { explainGit, type RestoreResult, toResult } from './restore-result.ts';
import { requireHeadroom } from './headroom.ts';
import { RunDirectory } from './run-directory.ts';
import { onSignals } from './signals.ts';
import { startCommands } from './start.ts';
import { removeUnfinished } from './unfinished.ts';
import type { Workspace } from './workspace.ts';

export interface RestoreFailure {
  loaded: Loaded;
  error: SessionError;
}

/** Restores one snapshot, or throws why not. */
export async function restore(
  ws: Workspace,
  loaded: Loaded,
  options: RestoreOptions,
): Promise<RestoreResult> {
  const { results, failures } = await restoreTogether(ws, [loaded], options);
  const failure = failures[0];
  if (failure !== undefined) throw failure.error;
  return results[0]!;
}

/** One session on its way through a restore. */
interface Job {
  loaded: Loaded;
  first: RestorePlan;
  plan: RestorePlan;
  consent: Consent;
  warnings: string[];
  notes: string[];
  build: BuildSession;
  built: BuiltSession | null;
  started: number;
  problems: string[];
}

/**
 * Restores snapshots: git first, then tmux under temporary names, then the commands, and at last the
 * names. They share the commit and the work (the caller sees to that), one connection, and one wait
 * for the shells. What fails for one of them is reported and does not stop the others.
 */
export async function restoreTogether(
  ws: Workspace,
  all: Loaded[],
  options: RestoreOptions,
): Promise<{ results: RestoreResult[]; failures: RestoreFailure[] }> {
  const failures: RestoreFailure[] = [];
  const around = await Surroundings.read(ws);
  const plans = await collect(all, failures, async (loaded) => ({
    loaded,
    first: await planNow(ws.repo, loaded, options, around, true),
  }));
  const planned: { item: (typeof plans)[0]['item'] & { consent: Consent } }[] = [];
  for (const { item } of plans) {
    // One question after the other.
    const consent = await consentFor(ws, item.loaded, item.first, options);
    planned.push({ item: { ...item, consent } });
  }
  if (planned.length === 0) return { results: [], failures };
  // Before git moves anything: a tmux that can't be started must change nothing.
  const client = await ControlClient.open(ws.tmux);
  try {
    const items = planned.map((p) => p.item);
    return { results: await restoreOver(client, ws, items, options, around, failures), failures };
  } finally {
    await client.close();
  }
}

type PlannedItem = { loaded: Loaded; first: RestorePlan; consent: Consent };

async function restoreOver(
  client: ControlClient,
  ws: Workspace,
  planned: PlannedItem[],
  options: RestoreOptions,
  around: Surroundings,
  failures: RestoreFailure[],
): Promise<RestoreResult[]> {
  const git = await carryOut(ws.repo, planned[0]!.first.git);
  around.forgetGit();
  const notes = await explainGit(ws, planned[0]!, git.stash);
  const run = new RunDirectory();
  const nonce = `${process.pid}-${randomBytes(6).toString('hex')}`;
  const jobs = await collect(
    planned,
    failures,
    (item, i) => {
      const named = { ...item, notes: i === 0 ? notes : [] };
      return prepare(ws, git, named, options, around, run, `${TEMPORARY}${nonce}-${i}`);
    },
    (item) => item.loaded,
  );
  const results: RestoreResult[] = [];
  const forget = onSignals(() =>
    killNow(
      ws,
      jobs.map((j) => j.item.build),
    ),
  );
  try {
    await removeUnfinished(client);
    const globals = await readGlobals(client);
    requireHeadroom(
      globals.serverPid,
      jobs.reduce((n, j) => n + paneCount(j.item.plan), 0),
    );
    const owner = `${process.pid} ${nonce}`;
    const built = await collect(
      jobs.map((j) => j.item),
      failures,
      async (job) => {
        job.built = await buildStructure(client, job.build, owner, globals.shell);
        await client.run(finishCommands(job.build, job.built, globals, owner));
        await recheck(ws, job.loaded, job.consent);
        return job;
      },
      (job) => job.loaded,
    );
    const ready = built.map((b) => b.item);
    await startCommands(client, ready, run);
    await client.run(ready.flatMap((job) => lateCommands(job.build, job.built!)));
    const ids = await sessionIds(client);
    const named = await collect(
      ready,
      failures,
      async (job) => {
        await name(client, job, ids, replacedBy(options, nonce, owner));
        return toResult({ ...job, tmuxId: job.built!.id }, git, options);
      },
      (job) => job.loaded,
    );
    results.push(...named.map((n) => n.item));
  } catch (error) {
    throw keptWorktree(error, ws, git);
  } finally {
    forget();
    const failed = new Set(failures.map((f) => f.loaded));
    const finished = new Set(results.map((r) => r.label));
    const left = jobs.filter((j) => failed.has(j.item.loaded) || !finished.has(j.item.loaded.label));
    await discardAll(
      client,
      left.map((j) => j.item.build),
    );
    run.removeUnused();
    if (options.replace !== undefined && results.length === 0) {
      const problem = await git.undo();
      if (problem !== null) options.replace.onProblem(problem);
    }
  }
  return results;
}

function replacedBy({ replace }: RestoreOptions, nonce: string, owner: string): Replaced | null {
  return replace === undefined ? null : { id: replace.tmuxId, aside: `${TEMPORARY}${nonce}-old`, owner };
}

/** Runs one step for every item at the same time; who fails leaves the list. Other errors are passed on. */
async function collect<T, R>(
  items: T[],
  failures: RestoreFailure[],
  step: (item: T, index: number) => Promise<R>,
  loadedOf: (item: T) => Loaded = (item) => item as unknown as Loaded,
): Promise<{ item: R }[]> {
  const done = await Promise.all(
    items.map(async (item, i) => {
      try {
        return { item: await step(item, i) };
      } catch (error) {
        if (!(error instanceof SessionError)) throw error;
        failures.push({ loaded: loadedOf(item), error });
        return null;
      }
    }),
  );
  return done.filter((d) => d !== null);
}

/** Says where the worktree is that was made before the server went away. */
function keptWorktree(error: unknown, ws: Workspace, git: GitOutcome): unknown {
  if (!(error instanceof ServerGoneError) || git.repo.workTree === ws.repo.workTree) return error;
  return new ServerGoneError(`tmux server went away; worktree kept at ${git.repo.workTree}`, [
    'run the restore again',
  ]);
}

/** The plan again, now that the files are there: links may lead elsewhere (attack C16). */
async function prepare(
  ws: Workspace,
  git: GitOutcome,
  item: { loaded: Loaded; first: RestorePlan; consent: Consent; notes: string[] },
  options: RestoreOptions,
  around: Surroundings,
  run: RunDirectory,
  temporaryName: string,
): Promise<Job> {
  const { loaded, first, consent } = item;
  const inPlace = { ...options, git: false, worktree: null, autostash: false };
  const plan = { ...(await planNow(git.repo, loaded, inPlace, around, false)), git: first.git };
  // What the first look found missing may have come with the checkout.
  const kept = first.warnings.filter((w) => !w.startsWith('pane ') || plan.warnings.includes(w));
  const warnings = [...new Set([...kept, ...plan.warnings])];
  if (!consent.approved) withoutCommands(plan);
  carryTranscripts(plan, item.notes, warnings);
  const crqs = linkedCrqs(loaded);
  const environment = environmentFor(ws, loaded, consent, warnings);
  const missing: string[] = [];
  const build = await toBuild(
    git.repo,
    loaded,
    plan,
    run,
    temporaryName,
    environment,
    crqs,
    options.as !== null && options.replace === undefined,
    missing,
    around.historyLimit,
  );
  return { ...item, plan, warnings, build, built: null, started: 0, problems: missing };
}

function paneCount(plan: RestorePlan): number {
  return plan.windows.reduce((n, w) => n + w.panes.length, 0);
}

function withoutCommands(plan: RestorePlan): void {
  for (const p of plan.windows.flatMap((w) => w.panes)) {
    Object.assign(p, { start: null, steps: [], prefill: null });
  }
}

/** The last step: from here on the session is a finished one. */
async function name(
  client: ControlClient,
  job: Job,
  ids: Map<string, string>,
  replaced: Replaced | null,
): Promise<void> {
  if (!(await publish(client, job.built!.id, job.build.name, replaced))) {
    const shown = displayText(job.plan.tmuxName);
    throw new SessionExistsError(`tmux session '${shown}' already exists`, [
      `restore beside it: --as=${shellWord(`${shown}-2`)}`,
    ]);
  }
  for (const m of job.build.members) {
    const id = ids.get(m.temporaryName);
    if (id === undefined || (await publish(client, id, m.name))) continue;
    job.warnings.push(`tmux session '${safe(m.name)}' of the group exists already and is left alone`);
    await discard(client, [id]);
  }
}

/** For a signal: there is no time for the connection, which the terminal has interrupted as well. */
function killNow(ws: Workspace, builds: BuildSession[]): void {
  for (const name of builds.flatMap((b) => [b, ...b.members]).map((s) => s.temporaryName)) {
    ws.tmux.runNow(['kill-session', '-t', `=${name}`]);
  }
}

async function discardAll(client: ControlClient, builds: BuildSession[]): Promise<void> {
  if (builds.length === 0) return;
  try {
    const ids = await sessionIds(client);
    const ours = builds.flatMap((b) => [b, ...b.members]).flatMap((s) => ids.get(s.temporaryName) ?? []);
    await discard(client, ours);
  } catch (error) {
    // The server is gone, and the unfinished sessions with it; the first error says so.
    if (!(error instanceof SessionError)) throw error;
  }
}
