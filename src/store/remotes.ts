import { shellWord } from '../session/command-line.ts';
import { GitFailedError, NoRemoteError, UsageError } from '../session/errors.ts';
import { REMOTE_SESSIONS, SESSIONS } from '../session/names.ts';
import type { Config } from '../git/config.ts';
import type { Git, GitResult } from '../git/git.ts';

/**
 * Remotes are named by their names in the configuration and by nothing else: a URL could start a
 * program (`ext::`), and so could a word that git takes for an option (attacks C1, C3).
 */
export function requireRemote(config: Config, name: string): string {
  const known = config.remotes().map((r) => r.name);
  const hints = [
    known.length === 0 ? 'add one: git remote add origin <url>' : `there is ${known.join(', ')}`,
  ];
  if (known.includes(name) && name.includes('/') && fitsRef(name)) {
    throw new UsageError(`remotes with a slash in their name are not supported: '${name}'`, [
      `git remote rename ${shellWord(name)} ${shellWord(name.replaceAll('/', '-'))}`,
    ]);
  }
  if (!isRemoteName(name)) throw new UsageError(`'${name}' is not the name of a remote`, hints);
  if (!known.includes(name)) throw new UsageError(`there is no remote '${name}'`, hints);
  return name;
}

/** Every remote that can be worked with. */
export function remoteNames(config: Config): string[] {
  return config
    .remotes()
    .map((r) => r.name)
    .filter(isRemoteName);
}

/** Without a slash: copies of a remote `a/b` could not be told from those of a session `b/...` of `a`. */
function isRemoteName(name: string): boolean {
  return !name.includes('/') && fitsRef(name);
}

/** What git itself allows in `git remote add`, so that the name fits into a ref. */
function fitsRef(name: string): boolean {
  if (/^[-./]|[/.]$|\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)|[\s~^:?*[\\\p{Cc}]/u.test(name)) return false;
  return name !== '' && name !== '@';
}

/** The remote for a push, or a fetch, as git chooses it; where git would take a URL, the next rule counts. */
export async function defaultRemote(git: Git, config: Config, direction: 'push' | 'fetch'): Promise<string> {
  const known = remoteNames(config);
  const branch = await git.line(['symbolic-ref', '--quiet', '--short', 'HEAD']);
  const wanted = [
    ...(direction === 'push' && branch !== null ? [config.get(`branch.${branch}.pushRemote`)] : []),
    ...(direction === 'push' ? [config.get('remote.pushDefault')] : []),
    ...(branch === null ? [] : [config.get(`branch.${branch}.remote`)]),
    'origin',
    ...(known.length === 1 ? known : []),
  ];
  const found = wanted.find((name) => name !== null && known.includes(name));
  if (found != null) return found;
  throw new NoRemoteError(
    known.length === 0 ? 'there is no remote' : 'there are several remotes, and none is the default',
    [
      known.length === 0
        ? 'add one: git remote add origin <url>'
        : `name one: git session ${direction} ${known[0]}`,
    ],
  );
}

/** Where a remote's notes are kept; `notes merge` reads them from there. */
export function remoteNotes(remote: string): string {
  return `refs/notes/remotes/${remote}/crq`;
}

/** The pattern is for a remote without notes: git fails on a name that is not there, and not on a pattern. */
export function fetchRefspecs(remote: string): { sessions: string; notes: string } {
  return {
    sessions: `+${SESSIONS}*:${REMOTE_SESSIONS}${remote}/*`,
    notes: `+refs/notes/crq*:refs/notes/remotes/${remote}/crq*`,
  };
}

/**
 * Fetches into the places for copies of the remote, and nowhere else: no tags, nothing that the
 * user's own refspecs say, and nothing is removed unless asked, whatever fetch.prune says (attack C8).
 */
export async function fetchRefs(
  git: Git,
  remote: string,
  refspecs: string[],
  prune: boolean,
): Promise<string[]> {
  const args = [
    ...['fetch', '--quiet', '--no-tags', '--refmap=', '--no-write-fetch-head', '--no-auto-maintenance'],
    ...['--no-recurse-submodules', '--no-prune-tags', prune ? '--prune' : '--no-prune'],
    ...['--end-of-options', remote, ...refspecs],
  ];
  const result = await git.run(args);
  if (result.code !== 0) throw remoteFailure('fetch', remote, result);
  return remoteLines(result.stderr);
}

export type PushStatus = 'pushed' | 'deleted' | 'up-to-date' | 'rejected';
export interface PushedRef {
  /** The ref on the remote. */
  ref: string;
  status: PushStatus;
  /** Why it was rejected, in git's or the remote's words; else ''. */
  reason: string;
}

export interface PushReport {
  refs: PushedRef[];
  /** What the remote said, without the `remote: `. */
  said: string[];
}

export interface PushFlags {
  dryRun: boolean;
  /** Run the user's pre-push hook, as git does. */
  verify: boolean;
  /** All refs or none, where the remote can do that. */
  atomic: boolean;
}

/** So many refs for one git: far from what the system takes as arguments. */
const BATCH = 2000;

/** Pushes and tells per ref how it went. Throws where there was no talk with the remote at all. */
export async function pushRefs(
  git: Git,
  remote: string,
  refspecs: string[],
  flags: PushFlags,
): Promise<PushReport> {
  const report: PushReport = { refs: [], said: [] };
  for (let at = 0; at < refspecs.length; at += BATCH) {
    const args = [
      ...['push', '--porcelain', '--no-follow-tags', '--recurse-submodules=no', '--no-force'],
      flags.verify ? '--verify' : '--no-verify',
      ...(flags.dryRun ? ['--dry-run'] : []),
      ...(flags.atomic ? ['--atomic'] : []),
      ...['--end-of-options', remote, ...refspecs.slice(at, at + BATCH)],
    ];
    // A mirror takes no refspecs, and would push everything that is here, copies of other remotes too.
    const mirror = remote.includes('=') ? [] : [`remote.${remote}.mirror=false`];
    const result = await git.run(args, { config: mirror });
    const refs = parsePorcelain(result.stdout);
    report.refs.push(...refs);
    report.said.push(...remoteLines(result.stderr));
    if (result.code !== 0 && !refs.some((r) => r.status === 'rejected')) {
      throw remoteFailure('push', remote, result);
    }
  }
  return report;
}

const FLAGS: Record<string, PushStatus> = {
  ' ': 'pushed',
  '*': 'pushed',
  '+': 'pushed',
  '-': 'deleted',
  '=': 'up-to-date',
  '!': 'rejected',
};

/** `<flag> TAB <from>:<to> TAB <summary> (<reason>)`; other lines tell the URL and the end. */
function parsePorcelain(out: Buffer): PushedRef[] {
  return out
    .toString('utf8')
    .split('\n')
    .flatMap((line): PushedRef[] => {
      const m = /^([ *+\-=!])\t[^\t:]*:([^\t]+)\t([^(]*?)(?: \((.*)\))?$/u.exec(line);
      if (m === null) return [];
      const [, flag = '!', ref = '', summary = '', why] = m;
      const status = FLAGS[flag] ?? 'rejected';
      return [{ ref, status, reason: status === 'rejected' ? (why ?? summary) : '' }];
    });
}

/** Refs of a remote below `prefix`, as it has them now. */
export async function listRemoteRefs(git: Git, remote: string, prefix: string): Promise<string[]> {
  const result = await git.run(['ls-remote', '--refs', '--end-of-options', remote, `${prefix}*`]);
  if (result.code !== 0) throw remoteFailure('ls-remote', remote, result);
  return result.stdout
    .toString('utf8')
    .split('\n')
    .map((line) => line.split('\t')[1] ?? '')
    .filter((ref) => ref.startsWith(prefix));
}

/** git's own text, whole: it says what is wrong with the address, the key or the network. */
function remoteFailure(verb: string, remote: string, result: GitResult): GitFailedError {
  const lines = result.stderr
    .split('\n')
    .map((l) => l.trimEnd())
    .filter((l) => l !== '' && !l.startsWith('remote: ') && !l.startsWith('hint: '));
  const first = lines.findIndex((l) => /^(?:fatal|error): /u.test(l));
  const why = (lines[Math.max(first, 0)] ?? `exit code ${result.code}`).replace(/^(?:fatal|error): /u, '');
  const rest = lines
    .filter((_, i) => i !== Math.max(first, 0))
    .map((l) => l.replace(/^(?:fatal|error): /u, ''));
  return new GitFailedError(
    `cannot ${verb === 'push' ? 'push to' : 'fetch from'} '${remote}': ${why}`,
    rest,
    {
      stderr: result.stderr,
      code: result.code,
    },
  );
}

function remoteLines(stderr: string): string[] {
  return stderr
    .split(/[\r\n]+/u)
    .filter((l) => l.startsWith('remote: '))
    .map((l) => l.slice('remote: '.length).trimEnd())
    .filter((l) => l !== '');
}
