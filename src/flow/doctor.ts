import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { NoServerError, NotARepositoryError, SessionError } from '../session/errors.ts';
import { setting } from '../session/settings.ts';
import { Config } from '../git/config.ts';
import { Git } from '../git/git.ts';
import { listRefs } from '../git/refs.ts';
import { openRepository, type Repository } from '../git/repository.ts';
import { isRunning } from '../process/identity.ts';
import { findLeftovers } from '../store/leftovers.ts';
import { listCrqDocuments } from '../store/crq-discovery.ts';
import { type Catalog, readCatalog } from '../store/sessions.ts';
import { listSessions } from '../tmux/capture.ts';
import { parseVersion, requireVersion, type Tmux } from '../tmux/tmux.ts';
import { Approvals, approvalsDirectory } from '../trust/approvals.ts';
import { safeWord } from '../trust/safe.ts';
import { crqConfig } from './crq.ts';
import { setupState } from './setup.ts';
import { tmuxOf } from './workspace.ts';

export interface Check {
  /** What was looked at, one word. */
  name: string;
  status: 'ok' | 'warning' | 'problem';
  message: string;
  /** What to type. */
  hints: string[];
}

type Report = (name: string, status: Check['status'], message: string, hints?: string[]) => void;

/** Oldest git with all that is used (`worktree list -z`), and the oldest with safe.bareRepository. */
const OLDEST_GIT = [2, 36] as const;
const SAFE_GIT = [2, 38] as const;

/** Looks at everything that git session needs, changes nothing. Works without repository and without tmux. */
export async function doctor(): Promise<Check[]> {
  const checks: Check[] = [];
  const report: Report = (name, status, message, hints = []) => checks.push({ name, status, message, hints });
  const guarded = async (name: string, look: () => Promise<void> | void) => {
    try {
      await look();
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      report(name, 'problem', error.message, error.hints);
    }
  };
  report('node', 'ok', `node ${process.version.slice(1)}`);
  await guarded('git', () => checkGit(report));
  if (checks.some((c) => c.name === 'git' && c.status === 'problem')) return checks;
  let config: Config | null = null;
  await guarded('configuration', async () => {
    config = await Config.read(new Git(null), environment());
    checkConfig(config, report);
  });
  const known = config as Config | null;
  if (known !== null) await guarded('tmux', () => checkTmux(tmuxOf(known), report));
  await guarded('approvals', () => checkApprovals(report));
  checkRunFiles(report);
  if (known !== null) await guarded('repository', () => checkRepository(known, report));
  return checks;
}

function environment(): Record<string, string> {
  const pairs = ['GIT_DIR', 'GIT_COMMON_DIR'].map((key) => [key, process.env[key]] as const);
  return Object.fromEntries(pairs.filter((p): p is readonly [string, string] => p[1] !== undefined));
}

function atLeast(version: readonly [number, number], wanted: readonly [number, number]): boolean {
  return version[0] > wanted[0] || (version[0] === wanted[0] && version[1] >= wanted[1]);
}

async function checkGit(report: Report): Promise<void> {
  const text = (await new Git(null).ok(['--version']))
    .toString('utf8')
    .trim()
    .replace(/^git version /u, '');
  const version = parseVersion(text);
  if (version !== null && !atLeast(version, OLDEST_GIT)) {
    report('git', 'problem', `git ${text} is too old; ${OLDEST_GIT.join('.')} or later is needed`, [
      'install a newer git',
    ]);
  } else if (version !== null && !atLeast(version, SAFE_GIT)) {
    report('git', 'warning', `git ${text} can not refuse bare repositories inside of a worktree`, [
      `install git ${SAFE_GIT.join('.')} or later`,
    ]);
  } else report('git', 'ok', `git ${text}`);
}

function checkConfig(config: Config, report: Report): void {
  if (!setting(config, 'enabled')) {
    report('enabled', 'warning', 'git session is switched off here (session.enabled is false)', [
      'git config session.enabled true',
    ]);
  }
  const named = process.env['GIT_COMMITTER_EMAIL'] ?? config.get('user.email');
  if (named === null) {
    report('identity', 'warning', 'git does not know who you are: snapshots will not say who saved them', [
      'git config --global user.name "Your Name"',
      'git config --global user.email you@example.org',
    ]);
  }
}

async function checkTmux(tmux: Tmux, report: Report): Promise<void> {
  const text = (await tmux.ok(['-V']))
    .toString('utf8')
    .trim()
    .replace(/^tmux /u, '');
  requireVersion(text);
  report('tmux', 'ok', `tmux ${text}${tmux.command.length > 1 ? ` (${tmux.command.join(' ')})` : ''}`);
  try {
    const server = await listSessions(tmux);
    const [client, its] = [parseVersion(text), parseVersion(server.version)];
    if (client !== null && its !== null && !atLeast(client, its)) {
      report(
        'server',
        'warning',
        `the tmux server is version ${server.version}, newer than the tmux that is called (${text})`,
        ['name the newer one: git config session.tmuxCommand /path/to/tmux'],
      );
    } else {
      const count = server.sessions.length;
      report('server', 'ok', `tmux server ${server.version}, ${count} session${count === 1 ? '' : 's'}`);
    }
    for (const s of server.sessions) {
      const pid = Number(s.building.split(' ')[0]);
      if (s.building === '' || isRunning(pid)) continue;
      const words = [...tmux.command, 'kill-session', '-t', `${s.id}:`];
      report(
        'restore',
        'warning',
        `tmux session ${s.id} is an unfinished restore of process ${pid}, which is gone`,
        [words.map(safeWord).join(' ')],
      );
    }
  } catch (error) {
    if (!(error instanceof NoServerError)) throw error;
    report('server', 'ok', 'no tmux server is running');
  }
}

function checkApprovals(report: Report): void {
  const all = new Approvals().list();
  const denied = all.filter((a) => a.reason === 'denied').length;
  const count = all.length - denied;
  const beside = denied === 0 ? '' : ` and ${denied} denial${denied === 1 ? '' : 's'}`;
  report('approvals', 'ok', `${count} approval${count === 1 ? '' : 's'}${beside} in ${approvalsDirectory()}`);
}

const DAY = 24 * 60 * 60 * 1000;

/** Files for panes of earlier restores, which hold what was on their screens. */
function checkRunFiles(report: Report): void {
  const folder = path.join(path.dirname(approvalsDirectory()), 'run');
  const stale = list(folder).filter((f) => {
    const found = statSync(path.join(folder, f), { throwIfNoEntry: false });
    return found?.isFile() === true && Date.now() - found.mtimeMs > DAY;
  });
  if (stale.length === 0) return;
  report('files', 'warning', `${stale.length} files of earlier restores were never read, in ${folder}`, [
    'the next restore removes them',
  ]);
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

async function checkRepository(config: Config, report: Report): Promise<void> {
  let repo: Repository;
  try {
    repo = await openRepository();
  } catch (error) {
    if (!(error instanceof NotARepositoryError)) throw error;
    report('repository', 'ok', 'not in a repository: nothing more to check');
    return;
  }
  const kind = [
    repo.bare ? 'bare' : null,
    repo.linked ? 'linked worktree' : null,
    repo.shallow ? 'shallow' : null,
  ];
  const words = [...kind.filter((k) => k !== null), repo.objectFormat].join(', ');
  report('repository', 'ok', `${repo.workTree ?? repo.gitDir} (${words})`);
  const catalog = await readCatalog(repo.git);
  const local = catalog.snapshots.filter((s) => s.remote === null);
  const names = new Set(local.map((s) => s.name)).size;
  const copies = catalog.snapshots.length - local.length;
  const counts = `saved sessions: ${names}, snapshots: ${local.length}, copies of remotes: ${copies}`;
  report('sessions', 'ok', counts);
  if (catalog.foreign.length > 0) {
    report(
      'refs',
      'warning',
      `${catalog.foreign.length} refs below refs/sessions or refs/remote-sessions are not made by git session`,
      ['see them: git session list', 'remove one by the id of its object: git session delete <oid>'],
    );
  }
  checkSharing(config, repo, await hasCrqs(config, repo, catalog), report);
  await checkLeftovers(repo, report);
}

/** Somebody works with CRQs here: there are notes, links, or documents. */
async function hasCrqs(config: Config, repo: Repository, { events }: Catalog): Promise<boolean> {
  if (events.some(({ record }) => record.type === 'crq-linked')) return true;
  const notes = await listRefs(repo.git, ['refs/notes']);
  if (notes.some((ref) => /^refs\/notes\/(?:remotes\/.+\/)?crq/u.test(ref.name))) return true;
  if (repo.workTree === null) return false;
  return (await listCrqDocuments(repo, crqConfig(config))).length > 0;
}

function checkSharing(config: Config, repo: Repository, crqs: boolean, report: Report): void {
  const { missingRemotes, notesShown } = setupState({ repo, config, tmux: tmuxOf(config) });
  for (const remote of missingRemotes) {
    report('fetch', 'warning', `plain 'git fetch ${remote}' does not bring sessions`, [
      `git session init ${remote}`,
    ]);
  }
  if (!notesShown && crqs)
    report('notes', 'warning', "'git log' does not show CRQ notes", ['git session init']);
  if (missingRemotes.length === 0 && notesShown)
    report('setup', 'ok', 'git fetch brings sessions, git log shows CRQ notes');
  if (config.getBoolean('fetch.prune', false)) {
    report(
      'prune',
      'warning',
      "fetch.prune is set: fetching 'refs/sessions/*:refs/sessions/*' deletes your own sessions",
      ['fetch with: git session fetch', "or: git fetch --no-prune origin 'refs/sessions/*:refs/sessions/*'"],
    );
  }
  // A fetch into our own sessions replaces them, and with pruning deletes them (attack C8).
  for (const { name } of config.remotes()) {
    const into = config.getAll(`remote.${name}.fetch`).filter((r) => /:refs\/(?:sessions\/)?\*$/u.test(r));
    if (into.length === 0) continue;
    const prunes = config.getBoolean(`remote.${name}.prune`, config.getBoolean('fetch.prune', false));
    report(
      'fetch',
      prunes ? 'problem' : 'warning',
      prunes
        ? `'git fetch ${name}' deletes the sessions of this clone that '${name}' does not have (${into[0]})`
        : `'git fetch --prune ${name}' would delete the sessions of this clone that '${name}' does not have (${into[0]})`,
      [
        `git config --fixed-value --unset-all remote.${name}.fetch '${into[0]}'`,
        `then: git session init ${name}`,
      ],
    );
  }
}

async function checkLeftovers(repo: Repository, report: Report): Promise<void> {
  const { contexts, scratch, locks, files } = await findLeftovers(repo, isRunning);
  if (contexts.length > 0) {
    report(
      'saves',
      'warning',
      `${contexts.length} unfinished saves: contexts without a snapshot`,
      contexts.slice(0, 5).map(removal),
    );
  }
  if (scratch.length > 0) {
    report(
      'notes',
      'warning',
      `${scratch.length} refs of unfinished merges of CRQ notes`,
      scratch.slice(0, 5).map(removal),
    );
  }
  for (const lock of locks) {
    report('lock', 'problem', `${lock} was left by a git that did not end well`, [
      `if no other git is running: rm ${safeWord(lock)}`,
    ]);
  }
  if (files.length > 0) {
    report('files', 'warning', `${files.length} temporary files of saves that did not end well`, [
      'the next save removes them',
    ]);
  }
}

function removal(ref: string): string {
  return `git update-ref --no-deref -d ${ref}`;
}
