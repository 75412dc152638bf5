import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person } from '../support/harness.ts';
import { global, gpgMissing, type Key, keyring, known, sshKey } from '../support/signing.ts';

interface Shown {
  context: string;
  oid: string;
  ref: string;
  message: string | null;
  savedAt: string;
  git: { work: string | null; head: string };
  approval: { state: string };
  signature: { status: string; signer: string | null; fingerprint: string | null };
}

interface Clone {
  ann: Person;
  repo: string;
  key: Key;
}

/** A live session 'work', a change in the worktree, and a key that git signs with. */
async function clone(...init: string[]): Promise<Clone> {
  const ann = person();
  const repo = await ann.repo('repo', ...init);
  writeFileSync(path.join(repo, 'file.txt'), 'two\n');
  await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo, 'exec sleep 1000');
  const key = await sshKey(ann, 'key');
  await global(ann, 'gpg.format', 'ssh');
  await global(ann, 'user.signingKey', key.id);
  await known(ann, 'ann@example.org', key);
  return { ann, repo, key };
}

async function show({ ann, repo }: Clone, ref = 'work'): Promise<Shown> {
  return JSON.parse(await ann.ok(repo, 'show', '--json', ref)) as Shown;
}

const refs = ({ ann, repo }: Clone) => ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions');

/** What a save has left in the object database that it should not. */
function leftOvers(repo: string): string[] {
  const objects = path.join(repo, '.git/objects');
  return [...readdirSync(objects), ...readdirSync(path.join(objects, 'pack'))].filter((f) =>
    /^git-session|^tmp_|\.keep$/u.test(f),
  );
}

describe('git session save --sign', () => {
  test.each(['sha1', 'sha256'])(
    'signs the context as git would, and nothing else of it changes (%s)',
    async (format) => {
      const c = await clone(`--object-format=${format}`);
      const { ann, repo, key } = c;
      await ann.ok(repo, 'save', '--sign', '-m', 'signed öne\n\n second line \n', 'work');
      const shown = await show(c);
      expect(shown.signature).toEqual({
        ...{ status: 'good', signer: 'ann@example.org', fingerprint: key.fingerprint },
      });
      expect(await ann.ok(repo, 'show', 'work')).toContain(
        `\nSignature: signed by ann@example.org (${key.fingerprint})\n`,
      );
      // Plain git agrees.
      const verified = await ann.run('git', ['verify-commit', shown.context], { cwd: repo });
      expect([verified.code, verified.stderr]).toEqual([0, expect.stringContaining('Good "git" signature')]);
      expect(await ann.git(repo, 'rev-parse', `${shown.context}:snapshot.json`)).toBe(shown.oid);
      expect(await ann.git(repo, 'rev-parse', `${shown.context}^@`)).toBe(shown.git.work);
      const [head, ...message] = (await ann.git(repo, 'cat-file', 'commit', shown.context)).split('\n\n');
      const [tree, parent, author, committer, ...more] = head!.split('\n');
      expect([tree, parent]).toEqual([expect.stringMatching(/^tree /u), expect.stringMatching(/^parent /u)]);
      const seconds = Math.trunc(Date.parse(shown.savedAt) / 1000);
      expect(author).toMatch(new RegExp(`^author ann <ann@example\\.org> ${seconds} [+-]\\d{4}$`, 'u'));
      expect(committer).toBe(author!.replace('author', 'committer'));
      expect(more[0]).toMatch(/^gpgsig(?:-sha256)? -----BEGIN SSH SIGNATURE-----$/u);
      expect(message.join('\n\n')).toBe('signed öne\n\n second line \n');
      const fsck = await ann.run('git', ['fsck', '--strict', '--no-dangling'], { cwd: repo });
      expect([fsck.code, fsck.stderr]).toEqual([0, '']);
      expect(leftOvers(repo)).toEqual([]);
      // A save of the same without one differs in the signature alone.
      await ann.ok(repo, 'save', 'work');
      const plain = await show(c);
      expect(plain.signature).toEqual({ status: 'none', signer: null, fingerprint: null });
      expect(await ann.ok(repo, 'show', 'work')).toContain('\nSignature: not signed\n');
      // It restores like any other.
      await ann.ok(repo, 'restore', 'work~1', '--as', 'again');
    },
  );

  test('session.sign signs every save, also checkpoint, rollback and --all; --no-sign leaves it out', async () => {
    const c = await clone();
    const { ann, repo } = c;
    await ann.git(repo, 'config', 'session.sign', 'true');
    await ann.tmux('new-session', '-d', '-s', 'other', '-c', repo, 'exec sleep 1000');
    await ann.ok(repo, 'save', '--all');
    expect([(await show(c)).signature.status, (await show(c, 'other')).signature.status]).toEqual([
      'good',
      'good',
    ]);
    await ann.ok(repo, 'save', '--no-sign', 'work');
    expect((await show(c)).signature.status).toBe('none');
    await ann.ok(repo, 'create', '--name', 'life', '--no-attach');
    await ann.ok(repo, 'checkpoint', 'life');
    expect((await show(c, 'life')).signature.status).toBe('good');
    await ann.ok(repo, 'rollback', 'life');
    expect((await show(c, 'life')).message).toContain('before rollback');
    expect((await show(c, 'life')).signature.status).toBe('good');
    await ann.git(repo, 'config', 'session.sign', 'maybe');
    const bad = await ann.gs(repo, 'save', 'work');
    expect([bad.code, bad.stderr]).toEqual([128, expect.stringContaining('session.sign is not a boolean')]);
  });

  test('a signature that can’t be made saves nothing, and says why', async () => {
    const c = await clone();
    const { ann, repo } = c;
    await ann.ok(repo, 'save', 'work');
    const before = await refs(c);
    const reasons: [config: [string, string], why: RegExp][] = [
      [['user.signingKey', path.join(ann.home, 'none')], /none: No such file or directory/u],
      [['gpg.ssh.program', path.join(ann.home, 'none')], /none: No such file or directory/u],
      [['gpg.ssh.program', 'false'], /./u],
    ];
    for (const [[key, value], why] of reasons) {
      const { ann: who } = c;
      const result = await who.run(
        'git',
        ['-c', `${key}=${value}`, 'session', 'save', '--sign', '--json', 'work'],
        {
          cwd: repo,
        },
      );
      expect(result.code).toBe(128);
      const { error } = JSON.parse(result.stdout) as {
        error: { code: string; message: string; hints: string[] };
      };
      expect([key, error.code]).toEqual([key, 'signing-failed']);
      expect(error.message).toMatch(/^cannot sign, nothing was saved: /u);
      expect(error.message).toMatch(why);
      expect(error.message).not.toContain('failed to write commit object');
      expect(error.hints.join('\n')).toContain('--no-sign');
      expect(await refs(c)).toBe(before);
      expect(leftOvers(repo)).toEqual([]);
    }
    // Nothing of a rollback is done where its save can't be signed.
    await ann.ok(repo, 'create', '--name', 'life', '--no-attach');
    await ann.ok(repo, 'checkpoint', 'life');
    writeFileSync(path.join(repo, 'file.txt'), 'three\n');
    const life = await refs(c);
    const args = ['-c', 'session.sign=true', '-c', 'user.signingKey=/none', 'session', 'rollback', 'life'];
    expect((await ann.run('git', args, { cwd: repo })).code).toBe(128);
    expect(await refs(c)).toBe(life);
    expect(readFileSync(path.join(repo, 'file.txt'), 'utf8')).toBe('three\n');
  });

  test('F19 a prune between signature and ref takes nothing, and the key is asked for once', async () => {
    const c = await clone();
    const { ann, repo, key } = c;
    const hooks = path.join(repo, '.git/hooks');
    const log = path.join(ann.dir, 'asked');
    const program = path.join(ann.dir, 'signer');
    mkdirSync(hooks, { recursive: true });
    // The refs are locked then and lead to nothing yet.
    writeFileSync(
      path.join(hooks, 'reference-transaction'),
      `#!/bin/sh\n[ "$1" = prepared ] && git prune --expire=now && echo pruned >> '${log}.prune'\nexit 0\n`,
    );
    writeFileSync(
      program,
      `#!/bin/sh\necho asked >> '${log}'\ngit -C '${repo}' prune --expire=now\nexec ssh-keygen "$@"\n`,
    );
    chmodSync(path.join(hooks, 'reference-transaction'), 0o755);
    chmodSync(program, 0o755);
    await ann.git(repo, 'config', 'gpg.ssh.program', program);
    await ann.ok(repo, 'save', '--sign', 'work');
    expect(existsSync(`${log}.prune`)).toBe(true);
    expect(readFileSync(log, 'utf8')).toBe('asked\n');
    const { signature, context } = await show(c);
    expect(signature).toMatchObject({ status: 'good', fingerprint: key.fingerprint });
    await ann.git(repo, 'rev-list', '--objects', '--quiet', context);
    expect(leftOvers(repo)).toEqual([]);
  });

  test('without a signature no git runs for one, neither at a save nor at a restore', async () => {
    const c = await clone();
    const { ann, repo } = c;
    const trace = path.join(ann.dir, 'trace');
    const traced = async (...args: string[]) => {
      writeFileSync(trace, '');
      expect((await ann.gsWith({ cwd: repo, env: { GIT_TRACE: trace } }, ...args)).code).toBe(0);
      return readFileSync(trace, 'utf8');
    };
    const ofSignatures = /commit-tree|pack-objects|%G\?|gpg\./u;
    await ann.git(repo, 'checkout', '-q', '.');
    expect(await traced('save', '--sign', 'work')).toMatch(ofSignatures);
    const plain = await traced('save', 'work');
    expect(plain).toContain('fast-import');
    expect(plain).not.toMatch(ofSignatures);
    // An own one needs no signature to be looked at, whoever is trusted.
    await global(ann, 'session.trustSigner', 'ann@example.org');
    expect(await traced('show', 'work~1')).toMatch(ofSignatures);
    expect(await traced('restore', 'work~1', '--as', 'again')).not.toMatch(ofSignatures);
    expect(await traced('list')).not.toMatch(ofSignatures);
  });

  test.skipIf(gpgMissing())(
    'gpg signs and is checked in its own keyring (skipped where there is no gpg)',
    async () => {
      const c = await clone();
      const { ann, repo } = c;
      const ring = keyring();
      ann.env['GNUPGHOME'] = ring.dir;
      const fingerprint = ring.make('Ann <ann@example.org>');
      await global(ann, 'gpg.format', 'openpgp');
      await global(ann, 'user.signingKey', fingerprint);
      await ann.ok(repo, 'save', '--sign', 'work');
      expect((await show(c)).signature).toEqual({
        ...{ status: 'good', signer: 'Ann <ann@example.org>', fingerprint },
      });
      const args = [
        '-c',
        'user.signingKey=nobody@example.org',
        'session',
        'save',
        '--sign',
        '--json',
        'work',
      ];
      const failed = await ann.run('git', args, { cwd: repo });
      expect([failed.code, failed.stdout]).toEqual([128, expect.stringContaining('"code":"signing-failed"')]);
      expect((await refs(c)).split('\n')).toHaveLength(2);
    },
  );

  test('signatures travel by push, fetch and bundle, and are checked with the keys of who looks', async () => {
    const c = await clone();
    const { ann, repo, key } = c;
    await ann.git(ann.dir, 'init', '-q', '--bare', 'hub.git');
    await ann.git(repo, 'remote', 'add', 'origin', path.join(ann.dir, 'hub.git'));
    await ann.git(repo, 'push', '-q', 'origin', 'main');
    await ann.ok(repo, 'save', '--sign', 'work');
    await ann.ok(repo, 'push');
    await ann.ok(repo, 'export', '--format=bundle', '-o', path.join(ann.dir, 'x.bundle'), 'work');
    const bob = person('bob');
    const his = path.join(bob.dir, 'repo');
    await bob.git(bob.dir, 'clone', '-q', path.join(ann.dir, 'hub.git'), 'repo');
    await bob.ok(his, 'fetch');
    const look = async (ref: string) => (await show({ ann: bob, repo: his, key }, ref)).signature;
    const unknown = { status: 'unknown-key', signer: null, fingerprint: key.fingerprint };
    expect(await look('origin/work')).toEqual(unknown);
    expect(await bob.ok(his, 'show', 'origin/work')).toContain(
      `\nSignature: signed by a key that is not known here: ${key.fingerprint}\n`,
    );
    await known(bob, 'ann-from-work', key);
    expect(await look('origin/work')).toMatchObject({ status: 'good', signer: 'ann-from-work' });
    await bob.ok(his, 'import', path.join(ann.dir, 'x.bundle'));
    expect(await look('work')).toMatchObject({ status: 'good', signer: 'ann-from-work' });
    // A file holds the snapshot alone.
    await bob.ok(his, 'export', '-o', 'x.json', 'work');
    expect(await look('./x.json')).toMatchObject({ status: 'none' });
  });
});
