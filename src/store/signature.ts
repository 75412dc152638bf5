import type { SignedBy } from '../session/signer.ts';
import type { Config } from '../git/config.ts';
import { readPersonalConfig } from '../git/config-origins.ts';
import { Git } from '../git/git.ts';
import { objectInfos, readObjects } from '../git/objects.ts';
import type { Repository } from '../git/repository.ts';
import type { StoredSnapshot } from './sessions.ts';

/** What the signature of a snapshot's context commit is worth here. Only `good` says who made it. */
export interface Signature {
  status: 'good' | 'unknown-key' | 'bad' | 'expired' | 'revoked' | 'no-key' | 'none';
  /** The principal in the user's allowed signers, or a gpg user id; never the commit's author (attack C22). */
  signer: string | null;
  /** `SHA256:...` of an ssh key, hexadecimal of others; for `no-key` the id of the key that is missing. */
  fingerprint: string | null;
}

/** As it was checked, with the primary key that a gpg subkey belongs to. */
export interface CheckedSignature extends Signature, SignedBy {}

export const UNSIGNED: CheckedSignature = { status: 'none', signer: null, fingerprint: null, primary: null };

/** No commit of ours is near this. */
const MAX_COMMIT = 1024 * 1024;

/**
 * Checks who signed a snapshot. The signature is that of the context commit, and counts for this snapshot only where the
 * commit's tree has the very same blob: the ref beside it may lead anywhere. What decides about keys and programs is
 * taken from the user's and the system's configuration, never from the repository's (attack C21).
 */
export async function checkSignature(
  repo: Repository,
  { context, oid }: Pick<StoredSnapshot, 'context' | 'oid'>,
): Promise<CheckedSignature> {
  if (context === null || !/^[0-9a-f]{40,64}$/u.test(context)) return UNSIGNED;
  const [commit, blob] = await objectInfos(repo.git, [context, `${context}:snapshot.json`]);
  if (commit?.type !== 'commit' || commit.oid !== context || commit.size > MAX_COMMIT) return UNSIGNED;
  if (blob?.type !== 'blob' || blob.oid !== oid) return UNSIGNED;
  const [bytes] = await readObjects(repo.git, [context]);
  const header = repo.objectFormat === 'sha256' ? 'gpgsig-sha256 ' : 'gpgsig ';
  const head = bytes?.toString('latin1').split('\n\n', 1)[0] ?? '';
  if (!head.split('\n').some((line) => line.startsWith(header))) return UNSIGNED;
  const personal = await readPersonalConfig(repo.git);
  const checked = await ask(repo, context, personal);
  if (checked.status === 'good' && !(await isTrustedEnough(repo, context, personal))) {
    return { ...checked, status: 'unknown-key', signer: null };
  }
  if (checked.status !== 'bad' || personal.get('gpg.ssh.revocationFile') === null) return checked;
  // ssh-keygen does not say that a key is revoked, only that the signature does not count.
  const otherwise = await ask(repo, context, personal, ['gpg.ssh.revocationFile=']);
  return otherwise.status === 'good' ? { ...otherwise, status: 'revoked' } : checked;
}

const LEVELS = ['undefined', 'never', 'marginal', 'fully', 'ultimate'];

/** `gpg.minTrustLevel`, which git looks at in `verify-commit` only. Asked for a good one alone: of another git aborts. */
async function isTrustedEnough(repo: Repository, commit: string, personal: Config): Promise<boolean> {
  const wanted = personal.get('gpg.minTrustLevel')?.toLowerCase();
  if (wanted === undefined) return true;
  const [level = ''] = (await fieldsOf(repo, commit, pinned(personal), ['%GT'])) ?? [];
  return LEVELS.includes(wanted) && LEVELS.indexOf(level.trim()) >= LEVELS.indexOf(wanted);
}

async function ask(
  repo: Repository,
  commit: string,
  personal: Config,
  more: string[] = [],
): Promise<CheckedSignature> {
  const config = [...pinned(personal), ...more];
  const fields = await fieldsOf(repo, commit, config, ['%G?', '%GS', '%GF', '%GP', '%GK', '%GG']);
  if (fields === null) return { ...UNSIGNED, status: 'no-key' };
  const [letter = '', signer = '', key = '', primary = '', id = '', said = ''] = fields;
  const status = statusOf(letter, said);
  const isNamed = status === 'good' || status === 'revoked' || status === 'expired';
  return {
    status,
    signer: isNamed && signer !== '' ? signer : null,
    fingerprint: key || (status === 'no-key' ? id : '') || null,
    primary: primary || null,
  };
}

/** What git says of a commit; null where it can't. */
async function fieldsOf(
  repo: Repository,
  commit: string,
  config: string[],
  fields: string[],
): Promise<string[] | null> {
  const format = `--format=${['%H', ...fields].join('%x00')}`;
  const args = ['log', '-1', '--no-show-signature', '--no-color', '--encoding=UTF-8', format, commit, '--'];
  // Not in the worktree: a relative path is then nothing that the repository holds.
  const git = new Git({ gitDir: repo.gitDir, workTree: null });
  const result = await git.run(args, { config, env: { LC_ALL: 'C.UTF-8' }, cwd: '/' });
  const [hash, ...found] = result.stdout.toString('utf8').split('\0');
  return result.code === 0 && hash === commit ? found : null;
}

/** What git's letter means. The commit has a signature, so `N` is that no program could say anything about it. */
function statusOf(letter: string, said: string): Signature['status'] {
  switch (letter) {
    case 'G':
      return 'good';
    case 'U':
      return /^\S+:\d+: key has expired/mu.test(said) ? 'expired' : 'unknown-key';
    case 'X':
    case 'Y':
      return 'expired';
    case 'R':
      return 'revoked';
    case 'B':
      return said.trim() === '' ? 'no-key' : 'bad';
    default:
      return 'no-key';
  }
}

/**
 * Every setting that chooses a verifier, its keys or what they must be, as the user or the system has it, else git's own
 * default. Given behind the repository's configuration, so that nothing of that counts.
 */
function pinned(personal: Config): string[] {
  const openpgp = personal.get('gpg.openpgp.program') ?? 'gpg';
  const values: [key: string, value: string][] = [
    // Two names of one setting.
    ['gpg.program', openpgp],
    ['gpg.openpgp.program', openpgp],
    ['gpg.x509.program', personal.get('gpg.x509.program') ?? 'gpgsm'],
    ['gpg.ssh.program', personal.get('gpg.ssh.program') ?? 'ssh-keygen'],
    // A key is known by what the user has listed. Where there is no list, none is.
    ['gpg.ssh.allowedSignersFile', personal.get('gpg.ssh.allowedSignersFile') ?? '/dev/null'],
    ['gpg.ssh.revocationFile', personal.get('gpg.ssh.revocationFile') ?? ''],
    ['gpg.ssh.defaultKeyCommand', personal.get('gpg.ssh.defaultKeyCommand') ?? ''],
    ['gpg.minTrustLevel', personal.get('gpg.minTrustLevel') ?? 'undefined'],
    ['log.showSignature', 'false'],
  ];
  return values.map(([key, value]) => `${key}=${value}`);
}
