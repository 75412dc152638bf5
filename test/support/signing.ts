import { appendFileSync, chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import { forge, type Forged } from './forge.ts';
import type { Person } from './harness.ts';

export interface Key {
  /** What `-c user.signingKey=` takes. */
  id: string;
  /** `-c` options by which git signs with it. */
  config: string[];
  fingerprint: string;
  /** Type and key, as files of public keys have them. */
  text: string;
}

/** A new ssh key without a passphrase. */
export async function sshKey(who: Person, name: string): Promise<Key> {
  const file = path.join(who.home, name);
  const made = await who.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', file]);
  if (made.code !== 0) throw new Error(made.stderr);
  const { stdout } = await who.run('ssh-keygen', ['-l', '-f', `${file}.pub`]);
  const shown = await who.run('ssh-keygen', ['-y', '-f', file]);
  const config = ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${file}`];
  const text = shown.stdout.trim().split(' ').slice(0, 2).join(' ');
  return { id: file, config, fingerprint: /SHA256:\S+/u.exec(stdout)![0], text };
}

/** Puts a key into the user's own list of allowed signers. */
export async function known(who: Person, principal: string, key: Key, options = ''): Promise<void> {
  const file = path.join(who.home, 'allowed_signers');
  appendFileSync(file, `${principal} ${options} ${key.text}\n`);
  await global(who, 'gpg.ssh.allowedSignersFile', file);
}

export async function global(who: Person, key: string, value: string): Promise<void> {
  await who.git(who.dir, 'config', '--global', key, value);
}

export async function trust(who: Person, ...names: string[]): Promise<void> {
  for (const name of names)
    await who.git(who.dir, 'config', '--global', '--add', 'session.trustSigner', name);
}

export interface SignedForgery extends Forged {
  context: string;
}

export interface SignOptions {
  name?: string;
  /** `Name <email>`, as free text of the commit. */
  author?: string;
}

/** Forges a snapshot with plain git plumbing, and signs its context. */
export async function forgeSigned(
  who: Person,
  repo: string,
  value: Snapshot,
  key: Key,
  { name = 'forged', author = 'Mallory <mallory@example.org>' }: SignOptions = {},
): Promise<SignedForgery> {
  const forged = await forge(who, repo, value, { name });
  const ref = forged.ref.replace(/snapshot$/u, 'context');
  const [, by = '', email = ''] = /^(.*) <(.*)>$/u.exec(author) ?? [];
  const env = {
    ...{ GIT_AUTHOR_NAME: by, GIT_AUTHOR_EMAIL: email },
    ...{ GIT_COMMITTER_NAME: by, GIT_COMMITTER_EMAIL: email },
  };
  const args = [...key.config, 'commit-tree', '-S', '-m', 'forged', `${ref}^{tree}`];
  const made = await who.run('git', args, { cwd: repo, env });
  if (made.code !== 0) throw new Error(`git commit-tree -S: ${made.stderr}`);
  const context = made.stdout.trim();
  await who.git(repo, 'update-ref', ref, context);
  return { ...forged, context };
}

/** A program that leaves a mark where it was run. */
export function trap(who: Person, canary: string, name = 'trap'): string {
  const file = path.join(who.dir, name);
  writeFileSync(file, `#!/bin/sh\ntouch '${canary}'\nexit 0\n`);
  chmodSync(file, 0o755);
  return file;
}

/**
 * Puts a program in tmux's place that runs a command before a restore builds its session: behind the question and the
 * decision, and before anything starts.
 */
export async function beforeBuilding(who: Person, command: string): Promise<void> {
  const file = path.join(who.dir, 'tmux-behind');
  const once = path.join(who.dir, 'behind');
  writeFileSync(
    file,
    `#!/bin/sh
case " $* " in
*' -C '*) [ -e '${once}' ] || { : > '${once}'; ( ${command} ) </dev/null >'${once}.out' 2>&1; } ;;
esac
exec tmux -S '${who.socket}' -f /dev/null "$@"
`,
  );
  chmodSync(file, 0o755);
  await global(who, 'session.tmuxCommand', file);
}

/** What this machine's gpg can't do, or null. */
export function gpgMissing(): boolean {
  try {
    execFileSync('gpg', ['--version'], { stdio: 'ignore' });
    execFileSync('gpgconf', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}

/** A keyring of gpg of its own. Its path is short: a socket is made in it. The agent ends with the test. */
export function keyring(): Keyring {
  const dir = mkdtempSync('/tmp/gpg-');
  onTestFinished(() => {
    execFileSync('gpgconf', ['--homedir', dir, '--kill', 'all'], { stdio: 'ignore' });
    rmSync(dir, { recursive: true, force: true });
  });
  return new Keyring(dir);
}

export class Keyring {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  gpg(...args: string[]): string {
    const all = ['--homedir', this.dir, '--batch', '--quiet', '--passphrase', '', '--no-tty', ...args];
    return execFileSync('gpg', all, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** A key that this keyring trusts, as one's own, and the fingerprint of its primary key. */
  make(userId: string): string {
    this.gpg('--quick-generate-key', userId, 'ed25519', 'sign', 'never');
    return this.fingerprints(userId)[0]!;
  }

  /** Of the primary key and its subkeys. */
  fingerprints(userId: string): string[] {
    const lines = this.gpg('--with-colons', '--list-keys', userId).split('\n');
    return lines.filter((l) => l.startsWith('fpr:')).map((l) => l.split(':')[9]!);
  }

  key(id: string): Key {
    const config = ['-c', 'gpg.format=openpgp', '-c', `user.signingKey=${id}`];
    return { id, config, fingerprint: id, text: '' };
  }
}
