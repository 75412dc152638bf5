import * as v from 'valibot';
import { UsageError } from '../session/errors.ts';
import { quoteCommand } from '../session/command-line.ts';
import type { SessionConfig } from '../session/lifecycle.ts';
import { sessionConfig } from '../session/persisted.ts';
import { displayText, type Text } from '../session/text.ts';
import { startIn } from './run.ts';

/** A new live session, as `git session create` makes it; with `command` or `argv` as `git session run` does. */
export interface CreateOptions {
  /** What tmux calls it. Default: made of the context, the identifier and the time. */
  name?: string | undefined;
  /** What kind of work it is. Default `run` with a command, else `session`. */
  context?: string | undefined;
  /** What it is called in lists. Default: the name, else the program, else the branch. */
  identifier?: string | undefined;
  /** Notes for programs. A key is not empty and has no `=`. */
  metadata?: Record<string, string> | undefined;
  /** It is for an AI assistant: `git session show --json` then tells what one that takes over needs. */
  ai?: boolean | undefined;
  /** A line for a shell, which runs in the session. Goes without `argv`. */
  command?: string | undefined;
  /** A program with its arguments, which runs in the session; no shell reads them. Goes without `command`. */
  argv?: readonly string[] | undefined;
  /** Where it starts. Relative to the worktree where one is given, else to `dir` of `openSessions`, which is the default. */
  cwd?: string | undefined;
  /** Start in this worktree: a branch, or a path that is relative to `dir`. */
  worktree?: string | undefined;
  /** Make the worktree, and its branch, where they are missing. */
  create?: boolean | undefined;
  /** false: its state is `created` until `startSession`. Its shell is there. Only without a command. Default true. */
  start?: boolean | undefined;
  /** How it is to be worked in. With mode `worktree`, the session is in the worktree of that name. */
  config?: Partial<SessionConfig> | undefined;
}

/** A live session right after its start. */
export interface CreatedSession {
  /** UUID; stays when the session is renamed, saved and restored. */
  id: string;
  /** What tmux calls it, and what every command takes. */
  name: string;
  kind: 'run' | 'create';
  context: string;
  identifier: string;
  /** What runs in it; one word is a line for a shell. Null for the user's shell. */
  argv: Text[] | null;
  cwd: string;
  /** Null in a bare repository. */
  worktree: string | null;
  /** Null where HEAD is detached. */
  branch: string | null;
  metadata: Record<string, string>;
  ai: boolean;
  status: 'created' | 'running';
  /** ISO 8601 UTC. */
  startTime: string;
  /** Lines of scrollback: none yet. */
  historySize: number;
  historyLimit: number;
  /** `$1`: the session within its tmux server. */
  tmuxId: string;
  /** `%1` */
  paneId: string;
  /** Of the first process in the pane. */
  pid: number;
}

/** Neither tmux nor a shell takes a NUL, and a command line has none. */
const Words = v.pipe(
  v.string(),
  v.check((text) => !text.includes('\0'), 'a NUL is in it'),
);
const Word = v.pipe(Words, v.minLength(1, 'it is empty'));
const OptionsSchema = v.strictObject({
  name: v.optional(Words),
  context: v.optional(Words),
  identifier: v.optional(Words),
  metadata: v.optional(v.record(v.pipe(Word, v.excludes('=', "a key has '='")), Words)),
  ai: v.optional(v.boolean()),
  command: v.optional(v.pipe(Words, v.regex(/\S/u, 'it is empty'))),
  argv: v.optional(
    v.pipe(
      v.array(Words),
      v.check(([first = '']) => first !== '', 'there is no program'),
    ),
  ),
  cwd: v.optional(Word),
  worktree: v.optional(Word),
  create: v.optional(v.boolean()),
  start: v.optional(v.boolean()),
  config: v.optional(
    v.custom<Partial<SessionConfig>>((config) => typeof config === 'object' && config !== null),
  ),
});

/**
 * Makes a live session in the repository of a physical directory. Programs need not be written in TypeScript: what is
 * not of its type would lie in a record that nobody can read any more.
 */
export async function createSession(directory: string, given: CreateOptions): Promise<CreatedSession> {
  const parsed = v.safeParse(OptionsSchema, given);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const key = v.getDotPath(issue);
    throw new UsageError(`createSession: ${key === null ? '' : `'${key}' can't be used: `}${issue.message}`);
  }
  const options = parsed.output;
  if (options.command !== undefined && options.argv !== undefined) {
    throw new UsageError("createSession: 'command' and 'argv' exclude each other");
  }
  const argv = argvOf(options);
  if (options.start === false && argv.length > 0) {
    throw new UsageError('createSession: a command runs at once: it goes without start: false');
  }
  if (options.worktree !== undefined && options.config?.worktree != null) {
    throw new UsageError("createSession: 'worktree' and 'config.worktree' exclude each other");
  }
  const kind = argv.length === 0 ? 'create' : 'run';
  const { stored, tmuxId, paneId, pid } = await startIn(directory, kind, {
    ...{ name: options.name ?? null, identifier: options.identifier ?? null, argv },
    context: options.context ?? (kind === 'run' ? 'run' : 'session'),
    ...{ cwd: options.cwd ?? null, worktree: options.worktree ?? null, create: options.create ?? false },
    ...{ metadata: options.metadata ?? {}, ai: options.ai ?? false },
    ...lifeOf(options),
  });
  const { record } = stored;
  return {
    ...{ id: record.id, name: record.name, kind, context: record.context, identifier: record.identifier },
    ...{ argv: record.argv, cwd: displayText(record.cwd), branch: record.branch },
    worktree: record.worktree === null ? null : displayText(record.worktree),
    ...{
      metadata: record.metadata,
      ai: record.ai,
      status: options.start === false ? 'created' : 'running',
      startTime: record.createdAt,
    },
    ...{ historySize: 0, historyLimit: record.historyLimit, tmuxId, paneId, pid },
  };
}

function lifeOf({ start = true, config: given }: Pick<CreateOptions, 'start' | 'config'>) {
  if (start && given === undefined) return {};
  const { projectPath: _, mode: __, worktree, ...config } = sessionConfig(given ?? {}, '');
  const project = given?.projectPath ?? null;
  return { life: { ...config, worktree, later: !start, project } };
}

/** One word is a line for a shell further on, so that a program without arguments is quoted for one. */
function argvOf({ command, argv = [] }: Pick<CreateOptions, 'command' | 'argv'>): string[] {
  if (command !== undefined) return [command];
  return argv.length === 1 ? [displayText(quoteCommand(argv))] : [...argv];
}
