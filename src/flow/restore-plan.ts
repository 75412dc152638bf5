import { shellWord } from '../session/command-line.ts';
import { NoServerError } from '../session/errors.ts';
import type { GitSituation, GitStep } from '../session/git-plan.ts';
import { planRestore, type RestorePlan, type RestoreRequest } from '../session/plan.ts';
import type { Crq } from '../session/schema.ts';
import { setting } from '../session/settings.ts';
import { readSituation } from '../git/checkout.ts';
import type { Config } from '../git/config.ts';
import { filtersOf } from '../git/filters.ts';
import type { Repository } from '../git/repository.ts';
import type { HistoryLimit } from '../tmux/build.ts';
import { listSessions, type Server } from '../tmux/capture.ts';
import { DEFAULT_ALLOW, restorableEnvironment } from '../trust/environment.ts';
import { agentFacts } from './agents.ts';
import { type Consent, consentFor, type ConsentOptions } from './consent.ts';
import { crqsOf } from '../store/crq-links.ts';
import { directoryFacts, findMissingPrograms } from './facts.ts';
import { type Loaded, tmuxNameOf } from './load.ts';
import { placesOf, type Workspace } from './workspace.ts';

export interface RestoreOptions extends RestoreRequest, ConsentOptions {}

/** What is asked of the machine once for all sessions that are restored together. */
export class Surroundings {
  readonly server: Server | null;
  /** The user's tmux, as one would type it. */
  readonly tmuxCommand: string;
  readonly historyLimit: HistoryLimit;
  readonly config: Config;
  private readonly situations = new Map<string, Promise<GitSituation>>();

  private constructor(ws: Workspace, server: Server | null) {
    this.server = server;
    this.config = ws.config;
    this.tmuxCommand = ws.tmux.command.map(shellWord).join(' ');
    // The default takes nothing from somebody whose own tmux keeps more.
    this.historyLimit = {
      lines: setting(ws.config, 'historyLimit', process.env),
      orMore: ws.config.getAll('session.historyLimit').length === 0,
    };
  }

  static async read(ws: Workspace): Promise<Surroundings> {
    try {
      return new Surroundings(ws, await listSessions(ws.tmux));
    } catch (error) {
      if (error instanceof NoServerError) return new Surroundings(ws, null);
      throw error;
    }
  }

  situation(repo: Repository, loaded: Loaded): Promise<GitSituation> {
    const { head, branch, work } = loaded.snapshot.git;
    const key = JSON.stringify([repo.gitDir, head, branch, work]);
    const known = this.situations.get(key) ?? readSituation(repo, { head, branch, work });
    this.situations.set(key, known);
    return known;
  }

  /** After git has moved, what was asked before does not count any more. */
  forgetGit(): void {
    this.situations.clear();
  }
}

/** The plan of one session as things are now. `before`: git has not been moved yet. */
export async function planNow(
  repo: Repository,
  loaded: Loaded,
  options: RestoreRequest,
  around: Surroundings,
  before: boolean,
): Promise<RestorePlan> {
  const { snapshot } = loaded;
  const places = placesOf(repo);
  const git = await around.situation(repo, loaded);
  const moves = before && options.git && (options.worktree !== null || git.head !== snapshot.git.head);
  const plan = planRestore(snapshot, options, {
    places,
    liveSessions: (around.server?.sessions ?? []).map((s) => s.name),
    tmuxVersion: around.server?.version ?? null,
    tmuxCommand: around.tmuxCommand,
    defaultName: tmuxNameOf(loaded),
    git,
    directories: await directoryFacts(repo, snapshot, places, moves),
    missingPrograms: findMissingPrograms(snapshot, places),
    agents: agentFacts(snapshot, places),
  });
  const commits = plan.git.flatMap((step) => {
    if (step.kind === 'apply') return [step.work];
    return step.kind === 'checkout' || step.kind === 'worktree' ? [step.commit] : [];
  });
  const filters = !before || commits.length === 0 ? [] : await filtersOf(repo, around.config, commits);
  return { ...plan, git: [...plan.git, ...filters.map((name): GitStep => ({ kind: 'filter', name }))] };
}

/** The plan and the consent alone: reads, decides, changes nothing. */
export async function preview(
  ws: Workspace,
  loaded: Loaded,
  options: RestoreOptions,
): Promise<{ plan: RestorePlan; consent: Consent }> {
  const plan = await planNow(ws.repo, loaded, options, await Surroundings.read(ws), true);
  return { plan, consent: await consentFor(ws, loaded, plan, { run: options.run }) };
}

export function linkedCrqs(loaded: Loaded): Crq[] {
  return loaded.stored === null
    ? loaded.snapshot.crqs
    : crqsOf(loaded.catalog, loaded.stored, loaded.snapshot);
}

/**
 * The variables that the restored session gets, and warnings for those that it does not. Those on the
 * restorer's own list always; others where this clone or a signer that is trusted saved them, or a person saw and approved them.
 * `--run` says yes to commands that one knows, not to whatever a stranger's environment may do.
 */
export function environmentFor(ws: Workspace, loaded: Loaded, consent: Consent, warnings: string[]) {
  const own = ws.config.getAll('session.env').flatMap((v) => v.split(/[\s,]+/u));
  const { set, dropped } = restorableEnvironment(loaded.snapshot.env, {
    allow: [...DEFAULT_ALLOW, ...own],
    approved: ['saved', 'allowed', 'signed', 'answered'].includes(consent.reason),
  });
  for (const { name, reason } of dropped) {
    const how = reason === 'not-allowed' ? ` (git config --add session.env ${name})` : '';
    warnings.push(`environment variable ${name} is not set: ${reason}${how}`);
  }
  return set;
}
