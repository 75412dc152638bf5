import { realpathSync } from 'node:fs';
import path from 'node:path';
import type { SessionConfig } from '../session/lifecycle.ts';
import { type JobStatus, slug } from '../session/live.ts';
import { displayText, type Text, toText } from '../session/text.ts';
import { setting } from '../session/settings.ts';
import { exactArguments } from '../process/arguments.ts';
import { jobRuns, readJob, waitInDirectory } from '../process/job.ts';
import { isTerminal } from '../process/own-terminal.ts';
import type { StoredRecord } from '../store/records.ts';
import { SessionFailedError, UsageError } from '../session/errors.ts';
import { attach, type OwnTerminal, requireTerminal } from './attach.ts';
import { withoutSecrets } from './redact-event.ts';
import { launch, type Launched, type LaunchSpec } from './launch.ts';
import { openWorkspace, requireEnabled, type Workspace } from './workspace.ts';
import { findWorktree, namedWorktree, type Worktree } from './worktree.ts';

export interface StartOptions {
  name: string | null;
  context: string;
  identifier: string | null;
  argv: string[];
  cwd: string | null;
  /** A branch or a path. */
  worktree: string | null;
  /** Make the worktree, and the branch, where they are not there. */
  create: boolean;
  /** Is told of what is made on the way. */
  note?: (text: string) => void;
  metadata: Record<string, string>;
  ai: boolean;
  /** How it is to be worked in. */
  life?: LifeOptions;
  /** Undefined: as `session.detachOnCreate` says. */
  attach: boolean | undefined;
}

/** Options of a session's life: all but the first are kept, and said to whoever works in it. */
export interface LifeOptions extends Omit<SessionConfig, 'projectPath' | 'mode'> {
  /** Only make it; `git session start` starts it. */
  later: boolean;
  /** Null: where it starts. */
  project: string | null;
}

export interface Started extends Launched {
  ws: Workspace;
  /** The terminal goes to the session next. */
  attach: boolean;
  terminal: OwnTerminal | null;
}

export function run(options: StartOptions): Promise<Started> {
  return start('run', options, exactArguments(options.argv));
}

export function create(options: StartOptions): Promise<Started> {
  return start('create', options, exactArguments(options.argv));
}

/** For a program: in the repository of that directory, wherever the program itself is, and without its terminal. */
export function startIn(
  directory: string,
  kind: LaunchSpec['kind'],
  options: Omit<StartOptions, 'attach'>,
): Promise<Started> {
  const argv = options.argv.map((word) => toText(Buffer.from(word)));
  return start(kind, { ...options, attach: false }, argv, directory);
}

async function start(
  kind: LaunchSpec['kind'],
  options: StartOptions,
  argv: Text[],
  directory?: string,
): Promise<Started> {
  const ws = await openWorkspace(directory);
  requireEnabled(ws.config);
  const terminal = options.attach === true ? await requireTerminal(ws.tmux) : null;
  const place = await placeOf(ws, options, directory);
  const identifier = options.identifier ?? options.name ?? defaultIdentifier(options, place.branch);
  const launched = await launch(ws, {
    ...{ kind, name: options.name, context: options.context, identifier, ...place },
    argv: argv.length === 0 ? null : argv,
    ...{ metadata: options.metadata, ai: options.ai },
    ...lifeOf(options.life, place),
  });
  const wanted = options.attach ?? !setting(ws.config, 'detachOnCreate', process.env);
  return { ...launched, ws, terminal, attach: wanted && (terminal !== null || isTerminal('stdout')) };
}

function lifeOf(life: LifeOptions | undefined, place: { cwd: string; project: string | null }) {
  if (life === undefined) return {};
  const { later, project: _, ...config } = life;
  const mode = life.worktree === null ? ('direct' as const) : ('worktree' as const);
  const focus = life.focus === null ? null : withoutSecrets(life.focus);
  return { later, config: { ...config, focus, projectPath: place.project ?? path.resolve(place.cwd), mode } };
}

async function placeOf(ws: Workspace, options: StartOptions, from?: string) {
  const project = options.life?.project == null ? null : path.resolve(from ?? '.', options.life.project);
  if (options.life?.worktree != null) {
    const worktree = await namedWorktree(ws, options.life.worktree);
    noteMade(worktree, options);
    const { directory, branch } = worktree;
    const inside = project === null ? '' : insideOf(ws, project);
    const cwd = path.resolve(directory, inside, options.cwd ?? '.');
    return { cwd, worktree: directory, branch, project: path.resolve(directory, inside) };
  }
  if (options.worktree !== null) {
    const worktree = await findWorktree(ws, options.worktree, options.create, from);
    noteMade(worktree, options);
    const { directory, branch } = worktree;
    const cwd = options.cwd === null ? directory : path.resolve(directory, options.cwd);
    return { cwd, worktree: directory, branch, project };
  }
  const branch = await ws.repo.git.line(['symbolic-ref', '--quiet', '--short', 'HEAD']);
  const cwd = path.resolve(from ?? '.', options.cwd ?? options.life?.project ?? '.');
  return { cwd, worktree: ws.repo.workTree, branch, project };
}

/** Also where the session then can't be made: the worktree stays. */
function noteMade({ directory, branch, made }: Worktree, { note }: StartOptions): void {
  if (made === undefined) return;
  const shown = path.relative(realpath('.'), directory);
  note?.(`Made worktree '${shown}' (${made.branch ? 'new branch' : 'branch'} '${branch}')`);
}

/** The same directory in another worktree. */
function insideOf(ws: Workspace, project: string): string {
  const top = ws.repo.workTree;
  const inside = top === null ? '..' : path.relative(realpath(top), realpath(project));
  if (inside !== '..' && !inside.startsWith('../') && !path.isAbsolute(inside)) return inside;
  throw new UsageError(`--project: '${project}' is not in this worktree, and has no place in another one`);
}

function realpath(directory: string): string {
  try {
    return realpathSync(directory);
  } catch {
    return directory;
  }
}

/** The program's name, as somebody would call the task; for a session of shells, the branch. */
function defaultIdentifier(options: StartOptions, branch: string | null): string {
  const [first = ''] = (options.argv[0] ?? '').trim().split(/\s+/u);
  const program = slug(path.basename(first), 40);
  return program || branch || 'session';
}

/** Gives the terminal to the session; the exit code is tmux's. */
export function attachTo({ ws, tmuxId, terminal }: Started): Promise<number> {
  return attach(ws.tmux, tmuxId, 0, terminal === null ? {} : { terminal });
}

/** The end of a run's command, however long it takes. What is gone without a trace ends it too. */
export async function waitForEnd(stored: StoredRecord, signal?: AbortSignal): Promise<JobStatus | null> {
  return waitInDirectory(
    stored.directory,
    () => {
      const job = readJob(stored.directory);
      if (job === null || job.state !== 'running') return job;
      if (jobRuns(job)) return null;
      // It may have written its end between the two looks.
      const again = readJob(stored.directory);
      if (again !== null && again.state !== 'running') return again;
      throw noStatus(stored, job);
    },
    signal === undefined ? {} : { signal },
  );
}

/** The process of a run ended with its script, as by SIGKILL. */
export function noStatus({ record }: StoredRecord, job: JobStatus): SessionFailedError {
  return new SessionFailedError(
    `the command of '${record.name}' is gone and left no exit status`,
    [`see what it printed: git session history ${record.name}`],
    { name: record.name, pid: job.pid, command: (record.argv ?? []).map(displayText) },
  );
}

/** tmux ended, or the session did, before the command of a run. */
export function wentAway({ record }: StoredRecord): SessionFailedError {
  return new SessionFailedError(`the tmux session of '${record.name}' went away while it ran`, [
    `see what it printed: git session history ${record.name}`,
  ]);
}
