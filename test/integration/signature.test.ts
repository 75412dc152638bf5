import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { type CheckedSignature, checkSignature, UNSIGNED } from '../../src/store/signature.ts';
import { eachOf } from '../support/attack.ts';
import { forge, plainSnapshot } from '../support/forge.ts';
import { Person } from '../support/harness.ts';
import {
  forgeSigned,
  global,
  gpgMissing,
  type Key,
  keyring,
  known,
  type SignedForgery,
  sshKey,
  trap,
} from '../support/signing.ts';
import { live, resident } from '../support/store.ts';

const ALICE = 'alice@example.org';
const SIGNATURE = /^gpgsig .*\n(?: .*\n)+/mu;

interface World {
  who: Person;
  dir: string;
  repo: Repository;
}

/** Two keys that are not listed yet, and a snapshot that Alice has signed. */
interface Signed extends World, SignedForgery {
  alice: Key;
  other: Key;
}

async function world(who: Person, ...init: string[]): Promise<World> {
  const dir = await who.repo('repo', ...init);
  return { who, dir, repo: await openRepository(dir) };
}

/** A snapshot with a signed context; of the same bytes only where the message is the same. */
function sign({ who, dir }: World, key: Key, name = 'forged', author?: string): Promise<SignedForgery> {
  const value = { ...plainSnapshot(null), message: name };
  return forgeSigned(who, dir, value, key, author === undefined ? { name } : { name, author });
}

async function make(who: Person, ...init: string[]): Promise<Signed> {
  const w = await world(who, ...init);
  const [alice, other] = await Promise.all([sshKey(who, 'alice'), sshKey(who, 'other')]);
  return { ...w, ...(await sign(w, alice)), alice, other };
}

let root: string;
let made: Promise<Omit<Signed, 'who'>> | null = null;

beforeAll(() => {
  root = realpathSync(mkdtempSync(path.join(tmpdir(), 'gs-')));
});

afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

/** One repository for all tests: each begins without the settings of the one before. */
async function signed(): Promise<Signed> {
  // Writes the user's configuration anew.
  const who = new Person('ann', root);
  live(who);
  rmSync(path.join(who.home, 'allowed_signers'), { force: true });
  made ??= make(who);
  const s = { ...(await made), who };
  const file = path.join(s.repo.gitDir, 'config');
  const config = readFileSync(file);
  onTestFinished(() => {
    writeFileSync(file, config);
    rmSync(`${file}.worktree`, { force: true });
  });
  return s;
}

/** Stores the bytes of a commit as they are. */
async function commit({ who, dir }: World, bytes: string): Promise<string> {
  const args = ['hash-object', '-t', 'commit', '-w', '--stdin'];
  const made = await who.run('git', args, { cwd: dir, input: bytes });
  expect([made.code, made.stderr]).toEqual([0, '']);
  return made.stdout.trim();
}

/** A signature by hand: a program is asked about it, no key is needed for that. */
async function scribbled(s: Signed, kind: string): Promise<{ context: string; oid: string }> {
  const bytes = await s.who.git(s.dir, 'cat-file', 'commit', s.context);
  const signature = `gpgsig -----BEGIN ${kind}-----\n AAAA\n -----END ${kind}-----\n`;
  return { oid: s.oid, context: await commit(s, `${bytes.replace(SIGNATURE, signature)}\n`) };
}

/** A signature of an ssh key. */
function of({ fingerprint }: Key, status: CheckedSignature['status'], signer: string | null = null): object {
  return { status, signer, fingerprint, primary: null };
}

const without = (status: CheckedSignature['status']) => ({ ...UNSIGNED, status });

describe('a signature of an ssh key', () => {
  it.each(['sha1', 'sha256'])('is good where the user has listed the key (%s)', async (format) => {
    const s = format === 'sha1' ? await signed() : await make(resident(), '--object-format=sha256');
    await known(s.who, ALICE, s.alice);
    expect(await checkSignature(s.repo, s)).toEqual(of(s.alice, 'good', ALICE));
    // One with the header of the other format is not one of this commit.
    const bytes = await s.who.git(s.dir, 'cat-file', 'commit', s.context);
    const other = bytes.replace(/^gpgsig\S*/mu, format === 'sha1' ? 'gpgsig-sha256' : 'gpgsig');
    expect(other).not.toBe(bytes);
    const context = await commit(s, `${other}\n`);
    expect(await checkSignature(s.repo, { oid: s.oid, context })).toEqual(UNSIGNED);
  });

  it('C23 is of an unknown key without a list, with one that lacks it, with one that is not there', async () => {
    const s = await signed();
    expect(await checkSignature(s.repo, s)).toEqual(of(s.alice, 'unknown-key'));
    await known(s.who, ALICE, s.other);
    expect(await checkSignature(s.repo, s)).toEqual(of(s.alice, 'unknown-key'));
    await global(s.who, 'gpg.ssh.allowedSignersFile', path.join(s.who.home, 'none'));
    expect(await checkSignature(s.repo, s)).toEqual(of(s.alice, 'unknown-key'));
  });

  it('C22 is of the principal in the list, whoever the author claims to be', async () => {
    const { alice, other: mallory, ...w } = await signed();
    const forged = await sign(w, mallory, 'mallory', `Alice <${ALICE}>`);
    await known(w.who, ALICE, alice);
    expect(await checkSignature(w.repo, forged)).toEqual(of(mallory, 'unknown-key'));
    await known(w.who, 'mallory@example.org', mallory);
    expect(await checkSignature(w.repo, forged)).toEqual(of(mallory, 'good', 'mallory@example.org'));
  });

  it('is bad where the commit was changed, whether keys can be revoked or not', async () => {
    const s = await signed();
    await known(s.who, ALICE, s.alice);
    const bytes = await s.who.git(s.dir, 'cat-file', 'commit', s.context);
    const changed = [
      bytes.replace('\n\nforged', '\n\nchanged'),
      bytes.replace(/^author .*$/mu, 'author A <a> 1 +0000'),
    ];
    const others = await Promise.all(changed.map((text) => commit(s, `${text}\n`)));
    for (const context of others) {
      expect(await checkSignature(s.repo, { oid: s.oid, context })).toEqual(without('bad'));
    }
    const revoked = path.join(s.who.home, 'revoked');
    writeFileSync(revoked, `${s.other.text}\n`);
    await global(s.who, 'gpg.ssh.revocationFile', revoked);
    expect(await checkSignature(s.repo, { oid: s.oid, context: others[0]! })).toEqual(without('bad'));
    // Another key of the list does not matter to hers, and her own does.
    expect(await checkSignature(s.repo, s)).toEqual(of(s.alice, 'good', ALICE));
    writeFileSync(revoked, `${s.alice.text}\n`);
    expect(await checkSignature(s.repo, s)).toEqual(of(s.alice, 'revoked', ALICE));
    expect(await checkSignature(s.repo, { oid: s.oid, context: others[0]! })).toEqual(without('bad'));
  });

  it('is none that counts behind the time that the list gives the key', async () => {
    const s = await signed();
    await known(s.who, ALICE, s.alice, 'valid-before="20200101"');
    const late = await checkSignature(s.repo, s);
    expect(late).toMatchObject({ signer: null, fingerprint: s.alice.fingerprint });
    // Not every ssh-keygen says why.
    expect(['expired', 'unknown-key']).toContain(late.status);
    rmSync(path.join(s.who.home, 'allowed_signers'));
    await known(s.who, ALICE, s.alice, 'valid-after="20200101",valid-before="20991231"');
    expect((await checkSignature(s.repo, s)).status).toBe('good');
  });

  it('is good only as far as the user’s gpg.minTrustLevel says', async () => {
    const s = await signed();
    await known(s.who, ALICE, s.alice);
    const levels = { undefined: 'good', Marginal: 'good', fully: 'good', ULTIMATE: 'unknown-key' } as const;
    for (const [level, status] of Object.entries(levels)) {
      await global(s.who, 'gpg.minTrustLevel', level);
      const wanted = of(s.alice, status, status === 'good' ? ALICE : null);
      expect([level, await checkSignature(s.repo, s)]).toEqual([level, wanted]);
    }
    // git stops at one that it does not know: then nothing is known of the signature.
    await global(s.who, 'gpg.minTrustLevel', 'much');
    expect(await checkSignature(s.repo, s)).toEqual(without('no-key'));
  });

  it('can’t be checked where the user’s program is missing', async () => {
    const s = await signed();
    await known(s.who, ALICE, s.alice);
    await global(s.who, 'gpg.ssh.program', path.join(s.who.dir, 'none'));
    expect(await checkSignature(s.repo, s)).toEqual(without('no-key'));
  });
});

describe('no signature of this snapshot', () => {
  it('is what an unsigned context has, and what is no context of it', async () => {
    const s = await signed();
    await known(s.who, ALICE, s.alice);
    const { who, dir, oid, context } = s;
    expect((await checkSignature(s.repo, s)).status).toBe('good');
    const plain = await forge(who, dir, plainSnapshot(null), { name: 'plain' });
    const tree = async (line: string) =>
      (await who.run('git', ['mktree'], { cwd: dir, input: `${line}\n` })).stdout.trim();
    const signTree = async (id: string, message = 'x') => {
      const args = [...s.alice.config, 'commit-tree', '-S', '-F', '-', id];
      return (await who.run('git', args, { cwd: dir, input: message })).stdout.trim();
    };
    const inner = await who.git(dir, 'rev-parse', `${context}^{tree}`);
    const bytes = await who.git(dir, 'cat-file', 'commit', context);
    await who.git(dir, 'tag', '-a', '-m', 'tag', 'tag', context);
    const cases = {
      'a null': null,
      'a name': 'HEAD',
      'a short id': context.slice(0, 12),
      'an option': '--all',
      'nothing that is there': '1'.repeat(40),
      'a tree': inner,
      'the blob': oid,
      'a tag of the signed commit': await who.git(dir, 'rev-parse', 'tag'),
      'a commit without a signature': await who.git(dir, 'commit-tree', inner, '-m', 'plain'),
      'one that has it in its message': await commit(
        s,
        `${bytes.replace(SIGNATURE, '')}\n\n${SIGNATURE.exec(bytes)![0]}`,
      ),
      'a signed commit of another blob': (await sign(s, s.alice, 'other')).context,
      'one that has it deeper': await signTree(await tree(`040000 tree ${inner}\tsub`)),
      'one with a folder of that name': await signTree(await tree(`040000 tree ${inner}\tsnapshot.json`)),
      'one that is too large': await signTree(inner, 'x'.repeat(1024 * 1024)),
    };
    const found = await eachOf(Object.entries(cases), async ([what, id]) => {
      expect(id).not.toBe('');
      return [what, await checkSignature(s.repo, { oid, context: id })];
    });
    expect(found).toEqual(Object.keys(cases).map((what) => [what, UNSIGNED]));
    // The ref beside a signed context leads to other bytes.
    expect(await checkSignature(s.repo, { oid: plain.oid, context })).toEqual(UNSIGNED);
    // As above, and not too large.
    const large = await signTree(inner, 'x'.repeat(1000 * 1024));
    expect((await checkSignature(s.repo, { oid, context: large })).status).toBe('good');
  });

  it('C19 is made by a replacement of the context, of its tree, of the blob', async () => {
    const s = await make(resident());
    const { who, dir, repo } = s;
    await known(who, ALICE, s.alice);
    const evil = await forge(who, dir, { ...plainSnapshot(null), message: 'evil' }, { name: 'evil' });
    const context = await who.git(dir, 'rev-parse', evil.ref.replace(/snapshot$/u, 'context'));
    // A context of Alice's own for the very same bytes: with replacements Mallory's would look like it.
    const hers = await sign(s, s.alice, 'evil');
    expect(hers.oid).toBe(evil.oid);
    await who.git(dir, 'replace', context, hers.context);
    expect(await who.git(dir, 'log', '-1', '--format=%G?', context)).toBe('G');
    expect(await checkSignature(repo, { oid: evil.oid, context })).toEqual(UNSIGNED);
    // The other way around: a signed tree, or its blob, that is replaced by the evil one.
    await who.git(dir, 'replace', `${s.context}^{tree}`, `${hers.context}^{tree}`);
    await who.git(dir, 'replace', s.oid, evil.oid);
    expect(await who.git(dir, 'rev-parse', `${s.context}:snapshot.json`)).toBe(evil.oid);
    expect(await checkSignature(repo, { oid: evil.oid, context: s.context })).toEqual(UNSIGNED);
    expect((await checkSignature(repo, s)).status).toBe('good');
  });
});

const PROGRAMS = {
  'gpg.program': 'PGP SIGNATURE',
  'gpg.openpgp.program': 'PGP SIGNATURE',
  'gpg.x509.program': 'SIGNED MESSAGE',
  'gpg.ssh.program': 'SSH SIGNATURE',
};

describe('C21 settings of the repository', () => {
  it.each(Object.entries(PROGRAMS))('C21 do not run a program: %s', async (setting, kind) => {
    const w = await signed();
    const forged = await scribbled(w, kind);
    const touched = path.join(w.who.dir, `touched-${setting}`);
    const program = trap(w.who, touched);
    await w.who.git(w.dir, 'config', setting, program);
    await w.who.git(w.dir, 'config', 'gpg.ssh.allowedSignersFile', '/dev/null');
    await w.who.git(w.dir, 'config', 'log.showSignature', 'true');
    // Plain git runs it: the attack works without a defense.
    await w.who.run('git', ['log', '-1', '--format=%G?', forged.context], { cwd: w.dir });
    expect(existsSync(touched)).toBe(true);
    rmSync(touched);
    expect(['bad', 'no-key']).toContain((await checkSignature(w.repo, forged)).status);
    expect(existsSync(touched)).toBe(false);
    // The user's own is run, beside the repository's too.
    await global(w.who, setting, program);
    await w.who.git(w.dir, 'config', setting, path.join(w.who.dir, 'none'));
    expect(['bad', 'no-key']).toContain((await checkSignature(w.repo, forged)).status);
    expect(existsSync(touched)).toBe(true);
  });

  it('C21 list no key, revoke none and want no trust', async () => {
    const s = await signed();
    const { who, dir, repo } = s;
    const list = path.join(dir, 'signers');
    writeFileSync(list, `${ALICE} ${s.alice.text}\n`);
    const unknown = of(s.alice, 'unknown-key');
    await who.git(dir, 'config', 'gpg.ssh.allowedSignersFile', list);
    expect(await who.git(dir, 'log', '-1', '--format=%G?', s.context)).toBe('G');
    expect(await checkSignature(repo, s)).toEqual(unknown);
    // Nor by a file that it includes, nor by the configuration of the worktree.
    const included = path.join(dir, 'included');
    writeFileSync(included, `[gpg "ssh"]\n\tallowedSignersFile = ${list}\n`);
    await who.git(dir, 'config', 'include.path', included);
    await who.git(dir, 'config', 'extensions.worktreeConfig', 'true');
    await who.git(dir, 'config', '--worktree', 'gpg.ssh.allowedSignersFile', list);
    expect(await checkSignature(repo, s)).toEqual(unknown);
    // Nor by the environment of one call.
    vi.stubEnv('GIT_CONFIG_COUNT', '1');
    vi.stubEnv('GIT_CONFIG_KEY_0', 'gpg.ssh.allowedSignersFile');
    vi.stubEnv('GIT_CONFIG_VALUE_0', list);
    expect(await checkSignature(repo, s)).toEqual(unknown);
    vi.stubEnv('GIT_CONFIG_COUNT', undefined);
    // A list by a relative path is one of the repository's, in the worktree or in its own folder.
    copyFileSync(list, path.join(repo.gitDir, 'signers'));
    await global(who, 'gpg.ssh.allowedSignersFile', 'signers');
    expect(await checkSignature(repo, s)).toEqual(unknown);
    // The user's own list counts, whatever the repository revokes and wants.
    await known(who, ALICE, s.alice);
    const revoked = path.join(dir, 'revoked');
    writeFileSync(revoked, `${s.alice.text}\n`);
    writeFileSync(list, '');
    await who.git(dir, 'config', 'gpg.ssh.revocationFile', revoked);
    await who.git(dir, 'config', 'gpg.minTrustLevel', 'ultimate');
    expect(await who.git(dir, 'log', '-1', '--format=%G?', s.context)).not.toBe('G');
    expect(await checkSignature(repo, s)).toEqual(of(s.alice, 'good', ALICE));
  });
});

const KEY = 'A'.repeat(40);
const PRIMARY = 'B'.repeat(40);
const VALID = `VALIDSIG ${KEY} 2026-11-21 0 0 4 0 22 8 00 ${PRIMARY}`;
const NAMED = { signer: 'Alice', fingerprint: KEY, primary: PRIMARY };

describe('what the user’s gpg says', () => {
  it('is told by a status, and names a signer only where it is one', async () => {
    const w = await signed();
    const forged = await scribbled(w, 'PGP SIGNATURE');
    const id = KEY.slice(-16);
    const program = path.join(w.who.dir, 'says');
    // Of the two names of one setting the last one counts.
    await global(w.who, 'gpg.openpgp.program', path.join(w.who.dir, 'none'));
    await global(w.who, 'gpg.program', program);
    const cases: [lines: string[], expected: CheckedSignature][] = [
      [[`GOODSIG ${id} Alice`, VALID, 'TRUST_FULLY 0 pgp'], { ...NAMED, status: 'good' }],
      [
        [`GOODSIG ${id} Alice`, VALID, 'TRUST_UNDEFINED 0 pgp'],
        { ...NAMED, status: 'unknown-key', signer: null },
      ],
      [[`EXPSIG ${id} Alice`, VALID], { ...NAMED, status: 'expired' }],
      [[`EXPKEYSIG ${id} Alice`, VALID], { ...NAMED, status: 'expired' }],
      [[`REVKEYSIG ${id} Alice`, VALID], { ...NAMED, status: 'revoked' }],
      [[`BADSIG ${id} Alice`], without('bad')],
      [[`ERRSIG ${id} 22 8 00 0 9`], { ...without('no-key'), fingerprint: id }],
      [[`NO_PUBKEY ${id}`], without('no-key')],
    ];
    for (const [lines, expected] of cases) {
      const said = ['', ...lines.map((line) => `[GNUPG:] ${line}`), ''].join('\\n');
      writeFileSync(program, `#!/bin/sh\nprintf '${said}'\necho 'gpg: said' >&2\n`, { mode: 0o755 });
      expect([lines, await checkSignature(w.repo, forged)]).toEqual([lines, expected]);
    }
    rmSync(program);
    expect(await checkSignature(w.repo, forged)).toEqual(without('no-key'));
  });

  describe.skipIf(gpgMissing())('(skipped where there is no gpg)', () => {
    it('C22 C23 is good only of a key that the user vouches for, whatever its user id', async () => {
      const w = await signed();
      const [hers, his] = [keyring(), keyring()];
      const use = (dir: string) => {
        w.who.env['GNUPGHOME'] = dir;
        vi.stubEnv('GNUPGHOME', dir);
      };
      const uid = `Alice <${ALICE}>`;
      const mallory = hers.make(uid);
      hers.gpg('--quick-add-key', mallory, 'ed25519', 'sign', 'never');
      const subkey = hers.fingerprints(uid)[1]!;
      use(hers.dir);
      const forged = await sign(w, hers.key(`${subkey}!`), 'gpg');
      const named = { signer: uid, fingerprint: subkey, primary: mallory };
      expect(await checkSignature(w.repo, forged)).toEqual({ ...named, status: 'good' });

      his.make(uid);
      use(his.dir);
      const missing = { ...without('no-key'), fingerprint: subkey.slice(-16) };
      expect(await checkSignature(w.repo, forged)).toEqual(missing);
      const file = path.join(w.who.dir, 'mallory.asc');
      hers.gpg('--armor', '--output', file, '--export', mallory);
      his.gpg('--import', file);
      const unknown = { ...named, status: 'unknown-key', signer: null };
      expect(await checkSignature(w.repo, forged)).toEqual(unknown);
      // Signed by the user's own key it is vouched for; gpg.minTrustLevel may still want more.
      his.gpg('--quick-lsign-key', mallory);
      expect(await checkSignature(w.repo, forged)).toEqual({ ...named, status: 'good' });
      await global(w.who, 'gpg.minTrustLevel', 'fully');
      expect((await checkSignature(w.repo, forged)).status).toBe('good');
      await global(w.who, 'gpg.minTrustLevel', 'ultimate');
      expect(await checkSignature(w.repo, forged)).toEqual(unknown);
    });
  });
});
