import { spawn } from 'node:child_process';
import { GitFailedError, GitMissingError } from '../session/errors.ts';

/** What a finished git gave. A non-zero exit code is data here; `ok()` turns it into an error. */
export interface GitResult {
  code: number;
  stdout: Buffer;
  stderr: string;
}

export interface GitRunOptions {
  input?: Buffer | string;
  /** An open file, which is read from where it is. */
  stdin?: number;
  env?: Record<string, string>;
  /** Bytes of stdout after which git is killed and the call fails. */
  maxStdout?: number;
  cwd?: string;
  /** Pass our own terminal through (pager, credential prompts); stdout is then empty. */
  inheritStderr?: boolean;
  inheritStdout?: boolean;
  config?: string[];
}

/**
 * Variables by which git tells its children about a repository (`git rev-parse --local-env-vars`).
 * They are read once, when the repository is looked for, and never handed on: a hook's
 * GIT_INDEX_FILE would make us write the wrong index. What git sets for us to say *configuration*
 * (`git -c`), and the user's own GIT_CONFIG_COUNT, stay.
 */
const LOCAL_ENV = [
  'GIT_ALTERNATE_OBJECT_DIRECTORIES',
  'GIT_CONFIG',
  'GIT_OBJECT_DIRECTORY',
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_IMPLICIT_WORK_TREE',
  'GIT_GRAFT_FILE',
  'GIT_INDEX_FILE',
  'GIT_NO_REPLACE_OBJECTS',
  'GIT_REPLACE_REF_BASE',
  'GIT_PREFIX',
  'GIT_INTERNAL_SUPER_PREFIX',
  'GIT_SHALLOW_FILE',
  'GIT_COMMON_DIR',
  'GIT_NAMESPACE',
  'GIT_QUARANTINE_PATH',
  'GIT_NOTES_REF',
  'GIT_NOTES_DISPLAY_REF',
  'GIT_NOTES_REWRITE_REF',
  'GIT_NOTES_REWRITE_MODE',
  'GIT_LITERAL_PATHSPECS',
  'GIT_GLOB_PATHSPECS',
  'GIT_NOGLOB_PATHSPECS',
  'GIT_ICASE_PATHSPECS',
  'GIT_EXTERNAL_DIFF',
  'GIT_DIFF_OPTS',
];

/** Settings for every call: no program that the repository's configuration names may run by accident. */
const ALWAYS = [
  'core.fsmonitor=false',
  // A directory of a commit can look like a repository, with a configuration of its own (attack C13).
  'safe.bareRepository=explicit',
  'submodule.recurse=false',
  'fetch.fsckObjects=true',
  'fetch.recurseSubmodules=false',
  'core.quotePath=true',
  'advice.detachedHead=false',
  'core.fsync=all',
  'gc.auto=0',
  'maintenance.auto=false',
];

export interface GitLocation {
  /** Absolute; that of the linked worktree where there is one. */
  gitDir: string;
  /** Absolute path of the worktree, or null in a bare repository. */
  workTree: string | null;
}

/**
 * The one place that starts git. Every call names the repository explicitly, so that nothing is
 * discovered twice. Where none is named yet, git takes no bare repository for ours by itself.
 */
export class Git {
  readonly location: GitLocation | null;
  private readonly program: string;

  constructor(location: GitLocation | null, program = 'git') {
    this.location = location;
    this.program = program;
  }

  /** Runs git and gives what it said, whatever the exit code. Throws only where git can't be started. */
  run(args: string[], options: GitRunOptions = {}): Promise<GitResult> {
    const env = gitEnvironment();
    const settings = [...ALWAYS, ...(options.config ?? [])].flatMap((s) => ['-c', s]);
    if (this.location !== null) {
      env['GIT_DIR'] = this.location.gitDir;
      if (this.location.workTree !== null) env['GIT_WORK_TREE'] = this.location.workTree;
    }
    Object.assign(env, options.env);
    const cwd = options.cwd ?? this.location?.workTree ?? this.location?.gitDir ?? process.cwd();
    return spawnBuffered(this.program, [...settings, ...args], { ...options, env, cwd });
  }

  /** Runs git and throws GitFailedError with git's own words where it exits with anything but 0. */
  async ok(args: string[], options: GitRunOptions = {}): Promise<Buffer> {
    const result = await this.run(args, options);
    if (result.code !== 0) throw failed(args, result);
    return result.stdout;
  }

  /** One trimmed line of output, or null where git says no (exit code 1 or a missing object). */
  async line(args: string[], options: GitRunOptions = {}): Promise<string | null> {
    const result = await this.run(args, options);
    return result.code === 0 ? result.stdout.toString('utf8').replace(/\n$/u, '') : null;
  }
}

export function failed(args: string[], result: GitResult): GitFailedError {
  const verb = args.find((a) => !a.startsWith('-')) ?? '';
  const said = result.stderr
    .trim()
    .split('\n')
    .filter((l) => l !== '')
    .map((l) => l.replace(/^(?:fatal|error): /u, ''));
  return new GitFailedError(`git ${verb} failed: ${said[0] ?? `exit code ${result.code}`}`, [], {
    stderr: result.stderr,
    code: result.code,
  });
}

/** Our environment for git: the user's, without what points at another repository. */
export function gitEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [key, value] of Object.entries(process.env)) {
    if (value !== undefined && !LOCAL_ENV.includes(key)) env[key] = value;
  }
  env['GIT_NO_REPLACE_OBJECTS'] = '1';
  env['GIT_OPTIONAL_LOCKS'] = '0';
  env['GIT_MERGE_AUTOEDIT'] = 'no';
  if (!process.stdin.isTTY) env['GIT_TERMINAL_PROMPT'] = '0';
  return env;
}

interface SpawnOptions extends GitRunOptions {
  env: Record<string, string>;
  cwd: string;
}

function spawnBuffered(program: string, args: string[], options: SpawnOptions): Promise<GitResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: [
        options.stdin ?? (options.input === undefined ? 'ignore' : 'pipe'),
        options.inheritStdout === true ? 'inherit' : 'pipe',
        options.inheritStderr === true ? 'inherit' : 'pipe',
      ],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    let size = 0;
    let over = false;
    child.stdout?.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (options.maxStdout !== undefined && size > options.maxStdout) {
        over = true;
        child.kill('SIGKILL');
      } else out.push(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') {
        reject(new GitMissingError(`'${program}' was not found`, ['install git 2.34 or later']));
      } else reject(new GitFailedError(`cannot start git: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      if (over) return reject(new GitFailedError(`git gave more than ${options.maxStdout} bytes`));
      resolve({
        code: code ?? (signal === null ? 1 : 128),
        stdout: Buffer.concat(out),
        stderr: Buffer.concat(err).toString('utf8'),
      });
    });
    if (options.input !== undefined) {
      // git may exit before it read everything; its exit code then says why.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(options.input);
    }
  });
}
