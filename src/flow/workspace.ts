import { realpathSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { DisabledError } from '../session/errors.ts';
import type { Places } from '../session/paths.ts';
import { setting } from '../session/settings.ts';
import { Config } from '../git/config.ts';
import { Git } from '../git/git.ts';
import { liesInGitDir, openRepository, type Repository } from '../git/repository.ts';
import type { Identity } from '../store/objects.ts';
import { Tmux } from '../tmux/tmux.ts';

/** What every command works with: the repository, git's configuration, and the tmux to use. */
export interface Workspace {
  repo: Repository;
  config: Config;
  tmux: Tmux;
}

let ahead: Promise<Workspace> | null = null;

/** Begins what the next `openWorkspace` will give. What goes wrong is told there. */
export function openAhead(): Promise<Workspace> {
  ahead = openNow(process.cwd());
  ahead.catch(() => undefined);
  return ahead;
}

/** Opens the repository of the current directory, or of the named one. Two gits, at the same time. */
export function openWorkspace(directory?: string): Promise<Workspace> {
  if (directory !== undefined) return openNow(directory, false);
  const opened = ahead ?? openNow(process.cwd());
  ahead = null;
  return opened;
}

/** `told`: what the environment says of a repository counts. It is about the current directory and no other. */
async function openNow(cwd: string, told = true): Promise<Workspace> {
  const env: Record<string, string> = {};
  for (const key of told ? ['GIT_DIR', 'GIT_COMMON_DIR'] : []) {
    const value = process.env[key];
    if (value !== undefined) env[key] = value;
  }
  const [found, repo] = await Promise.all([Config.read(new Git(null), env, cwd), openRepository(cwd, told)]);
  // A bare repository's own is read where it is known that it is one of ours.
  const config = liesInGitDir(repo, cwd) ? await Config.read(repo.git, env) : found;
  return { repo, config, tmux: tmuxOf(config) };
}

export function tmuxOf(config: Config): Tmux {
  return Tmux.fromConfig(setting(config, 'tmuxCommand'));
}

/** `session.enabled=false` stops what writes or starts something; reading goes on. */
export function requireEnabled(config: Config): void {
  if (!setting(config, 'enabled')) {
    throw new DisabledError('git session is switched off here (session.enabled is false)', [
      'git config session.enabled true',
    ]);
  }
}

/** Who saves: as git would say it, and where git would refuse for want of a name, the login name. */
export function identity(config: Config): Identity {
  const name = process.env['GIT_COMMITTER_NAME'] ?? config.get('user.name') ?? process.env['USER'] ?? login();
  const email = process.env['GIT_COMMITTER_EMAIL'] ?? config.get('user.email') ?? '';
  return { name, email };
}

function login(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}

/** The physical places that snapshot paths are relative to. */
export function placesOf(repo: Repository): Places {
  return {
    repo: repo.workTree === null ? null : real(repo.workTree),
    home: real(process.env['HOME'] ?? homedir()),
  };
}

function real(directory: string): Buffer {
  try {
    return realpathSync.native(directory, { encoding: 'buffer' });
  } catch {
    return Buffer.from(directory);
  }
}
