import path from 'node:path';
import { type JobStatus, slug } from '../session/live.ts';
import { displayText, toText } from '../session/text.ts';
import { setting } from '../session/settings.ts';
import { jobRuns, readJob, waitInDirectory } from '../process/job.ts';
import type { StoredRecord } from '../store/records.ts';
import { SessionFailedError } from '../session/errors.ts';
import { attach } from './attach.ts';
import { launch, type Launched, type LaunchSpec } from './launch.ts';
import { openWorkspace, requireEnabled, type Workspace } from './workspace.ts';
import { findWorktree } from './worktree.ts';

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
  metadata: Record<string, string>;
  ai: boolean;
  /** Undefined: as `session.detachOnCreate` says. */
  attach: boolean | undefined;
}

export interface Started extends Launched {
  ws: Workspace;
  /** The terminal goes to the session next. */
  attach: boolean;
}

export function run(options: StartOptions): Promise<Started> {
  return start('run', options);
}

export function create(options: StartOptions): Promise<Started> {
  return start('create', options);
}

async function start(kind: LaunchSpec['kind'], options: StartOptions): Promise<Started> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const place = await placeOf(ws, options);
  const argv = options.argv.map((word) => toText(Buffer.from(word)));
  const identifier = options.identifier ?? options.name ?? defaultIdentifier(options, place.branch);
  const launched = await launch(ws, {
    ...{ kind, name: options.name, context: options.context, identifier, ...place },
    argv: argv.length === 0 ? null : argv,
    ...{ metadata: options.metadata, ai: options.ai },
  });
  const wanted = options.attach ?? !setting(ws.config, 'detachOnCreate', process.env);
  return { ...launched, ws, attach: wanted && (options.attach === true || process.stdout.isTTY) };
}

async function placeOf(ws: Workspace, options: StartOptions) {
  if (options.worktree !== null) {
    const { directory, branch } = await findWorktree(ws, options.worktree, options.create);
    const cwd = options.cwd === null ? directory : path.resolve(directory, options.cwd);
    return { cwd, worktree: directory, branch };
  }
  const branch = await ws.repo.git.line(['symbolic-ref', '--quiet', '--short', 'HEAD']);
  return { cwd: path.resolve(options.cwd ?? '.'), worktree: ws.repo.workTree, branch };
}

/** The program's name, as somebody would call the task; for a session of shells, the branch. */
function defaultIdentifier(options: StartOptions, branch: string | null): string {
  const [first = ''] = (options.argv[0] ?? '').trim().split(/\s+/u);
  const program = slug(path.basename(first), 40);
  return program || branch || 'session';
}

/** Gives the terminal to the session; the exit code is tmux's. */
export function attachTo({ ws, tmuxId }: Started): Promise<number> {
  return attach(ws.tmux, tmuxId, 0);
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
      throw new SessionFailedError(
        `the command of '${stored.record.name}' is gone and left no exit status`,
        [`see what it printed: git session history ${stored.record.name}`],
        { name: stored.record.name, pid: job.pid, command: (stored.record.argv ?? []).map(displayText) },
      );
    },
    signal === undefined ? {} : { signal },
  );
}
