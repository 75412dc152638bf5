import { SigningFailedError } from '../session/errors.ts';
import type { Git } from './git.ts';
import { inQuarantine } from './quarantine.ts';
import type { Repository } from './repository.ts';

/** A commit that is there already, and is to be made anew with a signature. */
export interface Unsigned {
  ref: string;
  parent: string | null;
  message: string;
}

export interface Signed {
  ref: string;
  /** The commit without a signature. */
  old: string;
  oid: string;
}

/**
 * Makes the commits of these refs anew, with signatures by git's own configuration (gpg.format, user.signingKey), as
 * `git fast-import` can't sign. A key is asked for once, whatever a `git gc --prune=now` does meanwhile: what is signed
 * goes through the quarantine. The refs are not moved; call `release()` when they lead to the new commits.
 */
export async function signCommits(
  repo: Repository,
  commits: readonly Unsigned[],
  ident: string,
): Promise<{ signed: Signed[]; release: () => void }> {
  const asked = commits.flatMap(({ ref }) => [ref, `${ref}^{tree}`]);
  const found = (await repo.git.ok(['rev-parse', ...asked])).toString('latin1').trimEnd().split('\n');
  const { made, release } = await inQuarantine(repo, async (_, env) => {
    const signed: Signed[] = [];
    // One after the other: a key may ask for its passphrase.
    for (const [i, commit] of commits.entries()) {
      const [old, tree] = found.slice(2 * i);
      const oid = await signOne(repo.git, commit, tree!, { ...env, ...who(ident) });
      signed.push({ ref: commit.ref, old: old!, oid });
    }
    return signed;
  });
  return { signed: made, release };
}

async function signOne(
  git: Git,
  { parent, message }: Unsigned,
  tree: string,
  env: Record<string, string>,
): Promise<string> {
  const args = ['commit-tree', '-S', ...(parent === null ? [] : ['-p', parent]), tree];
  const config = ['i18n.commitEncoding=UTF-8'];
  const result = await git.run(args, { input: `${message}\n`, env: { ...env, LC_ALL: 'C.UTF-8' }, config });
  if (result.code === 0) return result.stdout.toString('latin1').trim();
  throw new SigningFailedError(`cannot sign, nothing was saved: ${reasonIn(result.stderr)}`, [
    "see what git signs with: git config --show-origin --get-regexp '^(user.signingkey|gpg[.])'",
    'save without a signature: git session save --no-sign (or: git config session.sign false)',
  ]);
}

/** What git, or the program that signs, says; without what says only that it came to nothing. */
function reasonIn(stderr: string): string {
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^(?:fatal|error): /u, '').trim())
    .filter((line) => line !== '' && !/^(?:failed to write commit object|\[GNUPG:\])/u.test(line));
  const [first = 'git does not say why', ...more] = lines.map((line) => line.replace(/[?:]$/u, ''));
  return [first, ...more.slice(0, 2)].join('; ');
}

/** Author and committer as they are in the commit without a signature. */
function who(ident: string): Record<string, string> {
  const [, name = '', email = '', seconds = '', zone = ''] =
    /^(.*) <([^>]*)> (\d+) ([+-]\d{4})$/u.exec(ident) ?? [];
  const date = `@${seconds} ${zone}`;
  return {
    ...{ GIT_AUTHOR_NAME: name, GIT_AUTHOR_EMAIL: email, GIT_AUTHOR_DATE: date },
    ...{ GIT_COMMITTER_NAME: name, GIT_COMMITTER_EMAIL: email, GIT_COMMITTER_DATE: date },
  };
}
