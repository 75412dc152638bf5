import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import { panes, type Scene, scene, settle, snapshot, windowsOf } from '../support/attack.ts';
import { forge, typedPane } from '../support/forge.ts';
import { PROGRAM, waitFor } from '../support/harness.ts';
import {
  beforeBuilding,
  forgeSigned,
  global,
  gpgMissing,
  type Key,
  keyring,
  known,
  type SignedForgery,
  sshKey,
  trap,
  trust,
} from '../support/signing.ts';
import { terminal } from '../support/terminal.ts';

const ALICE = 'alice@example.org';

/** A snapshot that touches a file, the canary where nothing else is said. */
function touching(s: Scene, file = s.canary, change: (x: Snapshot) => void = () => undefined): Snapshot {
  return snapshot(s.head, (x) => {
    x.tmux.windows = windowsOf([typedPane(['touch', file])]);
    change(x);
  });
}

interface Looked {
  status: string;
  signer: string | null;
  fingerprint: string | null;
  state: string;
}

async function look(s: Scene, ref = 'forged'): Promise<Looked> {
  const out = JSON.parse(await s.who.ok(s.repo, 'show', '--json', ref)) as {
    signature: Omit<Looked, 'state'>;
    approval: { state: string };
  };
  return { ...out.signature, state: out.approval.state };
}

let count = 0;

/** A restore that starts nothing, and has the exit code for that. */
async function startsNothing(s: Scene, ref = 'forged', ...args: string[]): Promise<void> {
  const name = `quiet${++count}`;
  const result = await s.who.gs(s.repo, 'restore', ref, '--no-git', '--as', name, ...args);
  expect([result.code, result.stderr]).toEqual([1, expect.stringContaining('not started')]);
  for (const p of await panes(s.who, name)) await settle(s.who, p.id);
  expect(existsSync(s.canary)).toBe(false);
}

/** A restore that starts the command, and says whose signature that is. */
async function starts(s: Scene, by: string, ref = 'forged', file = s.canary): Promise<void> {
  const result = await s.who.gs(s.repo, 'restore', ref, '--no-git', '--as', `loud${++count}`);
  expect([result.code, result.stderr]).toEqual([0, expect.stringContaining(`approved: signed by ${by}`)]);
  await waitFor(() => existsSync(file), 'the command of a signer that is trusted');
  rmSync(file);
}

/** Alice's key, which the user knows, and a snapshot that she has signed. */
async function signed(
  change: (x: Snapshot) => void = () => undefined,
): Promise<Scene & SignedForgery & { alice: Key }> {
  const s = await scene();
  const alice = await sshKey(s.who, 'alice');
  await known(s.who, ALICE, alice);
  const forged = await forgeSigned(s.who, s.repo, touching(s, s.canary, change), alice);
  return { ...s, ...forged, alice };
}

describe('a signature of a key that is known', () => {
  test('says who it was, and approves only where the user trusts this signer', async () => {
    const s = await signed((x) => void (x.env = { FOO_FROM: 'alice' }));
    const good = { status: 'good', signer: ALICE, fingerprint: s.alice.fingerprint };
    await trust(s.who, 'bob@example.org', 'alice', `${ALICE} `, '*', 'SHA256:', '');
    expect(await look(s)).toEqual({ ...good, state: 'none' });
    const dry = await s.who.ok(s.repo, 'allow', '--dry-run', 'forged');
    expect(dry).toContain(`\n  it is signed by ${ALICE} (${s.alice.fingerprint})\n`);
    expect(dry).toContain('\nIt is not approved\n');
    const t = terminal(s.who, s.repo, 'restore', 'forged', '--as', 'asked');
    await waitFor(() => t.text().includes('Start them?'), 'the question');
    expect(t.text()).toContain(`It is signed by ${ALICE} (${s.alice.fingerprint}).`);
    t.type('n\r');
    expect(await t.ended).toBe(1);
    expect(existsSync(s.canary)).toBe(false);

    await trust(s.who, ALICE);
    expect(await look(s)).toEqual({ ...good, state: 'signed' });
    expect(await s.who.ok(s.repo, 'show', 'forged')).toContain(
      'signed by whom you trust: a restore starts them',
    );
    expect(await s.who.ok(s.repo, 'allow', '--dry-run', 'forged')).toContain(
      'It is approved by its signature (session.trustSigner)',
    );
    const plan = await s.who.ok(s.repo, 'restore', '--dry-run', 'forged');
    expect(plan).toContain(`commands start: signed by ${ALICE}`);
    await starts(s, `${ALICE} (${s.alice.fingerprint})`);
    const json = JSON.parse(
      await s.who.ok(s.repo, 'restore', 'forged', '--no-git', '--json', '--run', '--as', 'json'),
    ) as { restored: object[]; warnings: string[] };
    expect(json.restored).toMatchObject([
      { commands: { approved: true, reason: 'signed', signature: good }, warnings: [] },
    ]);
    expect(await s.who.tmux('show-environment', '-t', '=json', 'FOO_FROM')).toBe('FOO_FROM=alice');
    await waitFor(() => existsSync(s.canary), 'the command');
  });

  test('counts for nothing against a denial, and where denials can’t be read', async () => {
    const s = await signed();
    // By the fingerprint of the key.
    await trust(s.who, s.alice.fingerprint);
    await s.who.ok(s.repo, 'deny', 'forged');
    await startsNothing(s, 'forged', '--run');
    // Whoever pushes it once more, under another id, does not get around that.
    const again = s.ref.replace(/forged\/\d+/u, 'forged/20271121');
    await s.who.git(s.repo, 'update-ref', again, s.oid);
    await s.who.git(s.repo, 'update-ref', again.replace(/snapshot$/u, 'context'), s.context);
    expect(await look(s)).toMatchObject({ status: 'good', state: 'denied' });
    await startsNothing(s, 'forged', '--run');
    const approvals = path.join(s.who.home, '.local/state/git-session/approvals');
    await s.who.run('chmod', ['777', approvals]);
    await startsNothing(s);
    await s.who.run('chmod', ['700', approvals]);
    await s.who.ok(s.repo, 'allow', '--revoke', 'forged');
    await starts(s, ALICE);
  });

  test('C26 is asked for again where the commands start', async () => {
    const s = await signed();
    await trust(s.who, ALICE);
    await beforeBuilding(s.who, 'git config --global --unset-all session.trustSigner');
    const late = await s.who.gs(s.repo, 'restore', 'forged', '--json');
    expect([late.code, late.stdout]).toEqual([1, expect.stringContaining('"code":"not-approved"')]);
    expect([existsSync(s.canary), await s.who.tmuxAlive()]).toEqual([false, false]);
    await trust(s.who, ALICE);
    rmSync(path.join(s.who.dir, 'behind'));
    await beforeBuilding(s.who, `cd '${s.repo}' && '${PROGRAM}' deny forged`);
    const denied = await s.who.gs(s.repo, 'restore', 'forged', '--json');
    expect([denied.code, denied.stdout]).toEqual([1, expect.stringContaining('"code":"denied"')]);
    expect([existsSync(s.canary), await s.who.tmuxAlive()]).toEqual([false, false]);
  });
});

describe('a signature that proves nothing', () => {
  test('C23 of a key that is not in the allowed signers: only a good one counts', async () => {
    const s = await scene();
    const mallory = await sshKey(s.who, 'mallory');
    await forgeSigned(s.who, s.repo, touching(s), mallory);
    await trust(s.who, ALICE, mallory.fingerprint);
    await known(s.who, ALICE, await sshKey(s.who, 'alice'));
    const unknown = { status: 'unknown-key', signer: null, fingerprint: mallory.fingerprint, state: 'none' };
    expect(await look(s)).toEqual(unknown);
    await startsNothing(s);
  });

  test('C22 the author is free text: shown and trusted is who has signed', async () => {
    const s = await scene();
    const mallory = await sshKey(s.who, 'mallory');
    await known(s.who, 'mallory@example.org', mallory);
    await known(s.who, ALICE, await sshKey(s.who, 'alice'));
    const value = touching(s, s.canary, (x) => void (x.savedBy = { name: 'Alice', email: ALICE }));
    await forgeSigned(s.who, s.repo, value, mallory, { author: `Alice <${ALICE}>` });
    await trust(s.who, ALICE, 'Alice', `Alice <${ALICE}>`);
    expect(await look(s)).toMatchObject({ status: 'good', signer: 'mallory@example.org', state: 'none' });
    const [line] = /^Signature:.*$/mu.exec(await s.who.ok(s.repo, 'show', 'forged')) ?? [];
    expect(line).toBe(`Signature: signed by mallory@example.org (${mallory.fingerprint})`);
    await startsNothing(s);
  });

  test('C19 of another snapshot: beside a signed context, or by a replacement', async () => {
    const s = await signed();
    await trust(s.who, ALICE);
    const evil = await forge(s.who, s.repo, touching(s), { name: 'evil' });
    const ref = evil.ref.replace(/snapshot$/u, 'context');
    const context = await s.who.git(s.repo, 'rev-parse', ref);
    const none = { status: 'none', signer: null, fingerprint: null, state: 'none' };
    // A context of Alice's own for the very same bytes: with replacements Mallory's would look like it.
    const hers = await forgeSigned(s.who, s.repo, touching(s), s.alice, { name: 'hers' });
    expect(hers.oid).toBe(evil.oid);
    await s.who.git(s.repo, 'replace', context, hers.context);
    expect(await s.who.git(s.repo, 'log', '-1', '--format=%G?', context)).toBe('G');
    expect(await look(s, 'evil')).toEqual(none);
    await startsNothing(s, 'evil');
    // The ref beside a signed context leads to other bytes.
    const harmless = await forgeSigned(s.who, s.repo, touching(s, path.join(s.who.dir, 'x')), s.alice, {
      name: 'harmless',
    });
    await s.who.git(s.repo, 'update-ref', ref, harmless.context);
    expect(await look(s, 'evil')).toEqual(none);
    await startsNothing(s, 'evil');
  });

  test('of a key that is revoked, and one that was changed', async () => {
    const s = await signed();
    await trust(s.who, ALICE, s.alice.fingerprint);
    expect((await look(s)).state).toBe('signed');
    const revoked = path.join(s.who.home, 'revoked');
    writeFileSync(revoked, `${s.alice.text}\n`);
    await global(s.who, 'gpg.ssh.revocationFile', revoked);
    expect(await look(s)).toEqual({
      ...{ status: 'revoked', signer: ALICE, fingerprint: s.alice.fingerprint, state: 'none' },
    });
    await startsNothing(s);
    rmSync(revoked);
    await s.who.git(s.who.dir, 'config', '--global', '--unset', 'gpg.ssh.revocationFile');
    const commit = await s.who.git(s.repo, 'cat-file', 'commit', s.context);
    const made = await s.who.run('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], {
      cwd: s.repo,
      input: `${commit.replace('\n\nforged', '\n\nchanged')}\n`,
    });
    await s.who.git(s.repo, 'update-ref', s.ref.replace(/snapshot$/u, 'context'), made.stdout.trim());
    expect(await look(s)).toEqual({ status: 'bad', signer: null, fingerprint: null, state: 'none' });
    expect(await s.who.ok(s.repo, 'show', 'forged')).toContain('signed by nobody: THE SIGNATURE IS BAD');
    await startsNothing(s);
  });
});

/** Signatures by hand: whatever says so is asked about them, no key is needed for that. */
const HEADERS = {
  'gpg.program': 'PGP SIGNATURE',
  'gpg.openpgp.program': 'PGP SIGNATURE',
  'gpg.x509.program': 'SIGNED MESSAGE',
  'gpg.ssh.program': 'SSH SIGNATURE',
};

describe('C21 the repository’s own configuration has no say', () => {
  test('C21 no program of the repository is run', async () => {
    const s = await scene();
    const forged = await forge(s.who, s.repo, touching(s));
    const ref = forged.ref.replace(/snapshot$/u, 'context');
    const commit = await s.who.git(s.repo, 'cat-file', 'commit', ref);
    const [head, message] = commit.split('\n\n');
    const touched = (setting: string) => path.join(s.who.dir, `touched-${setting}`);
    await s.who.git(s.repo, 'config', 'gpg.ssh.allowedSignersFile', '/dev/null');
    await s.who.git(s.repo, 'config', 'log.showSignature', 'true');
    await s.who.git(s.repo, 'config', 'session.trustSigner', ALICE);
    for (const [setting, kind] of Object.entries(HEADERS)) {
      const signature = `gpgsig -----BEGIN ${kind}-----\n AAAA\n -----END ${kind}-----`;
      const made = await s.who.run('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], {
        cwd: s.repo,
        input: `${head}\n${signature}\n\n${message}\n`,
      });
      await s.who.git(s.repo, 'update-ref', ref, made.stdout.trim());
      await s.who.git(s.repo, 'config', setting, trap(s.who, touched(setting), setting));
      // Plain git runs it: the attack works without a defense.
      await s.who.run('git', ['log', '-1', '--format=%G?', ref], { cwd: s.repo });
      expect([setting, existsSync(touched(setting))]).toEqual([setting, true]);
      rmSync(touched(setting));
      expect(['bad', 'no-key']).toContain((await look(s)).status);
      expect([setting, existsSync(touched(setting))]).toEqual([setting, false]);
    }
    await s.who.ok(s.repo, 'show', 'forged');
    await s.who.ok(s.repo, 'allow', '--dry-run', 'forged');
    // With a signer that the user trusts a restore looks too.
    await trust(s.who, ALICE);
    await startsNothing(s);
    const t = terminal(s.who, s.repo, 'restore', 'forged', '--as', 'asked');
    await waitFor(() => t.text().includes('Start them?'), 'the question');
    t.type('n\r');
    expect(await t.ended).toBe(1);
    expect(Object.keys(HEADERS).filter((setting) => existsSync(touched(setting)))).toEqual([]);
  });

  test('C21 neither its keys count, nor whom it trusts', async () => {
    const s = await scene();
    const mallory = await sshKey(s.who, 'mallory');
    const list = path.join(s.repo, 'signers');
    writeFileSync(list, `${ALICE} ${mallory.text}\n`);
    await forgeSigned(s.who, s.repo, touching(s), mallory);
    await s.who.git(s.repo, 'config', 'session.trustSigner', ALICE);
    await s.who.git(s.repo, 'config', '--add', 'session.trustSigner', mallory.fingerprint);
    await s.who.git(s.repo, 'config', 'gpg.ssh.allowedSignersFile', list);
    const unknown = { status: 'unknown-key', signer: null, fingerprint: mallory.fingerprint, state: 'none' };
    // Also where the user trusts that name.
    await trust(s.who, ALICE, mallory.fingerprint);
    expect(await look(s)).toEqual(unknown);
    await startsNothing(s);
    // The signer is known by now, and nobody but the repository trusts her.
    await global(s.who, 'gpg.ssh.allowedSignersFile', list);
    await s.who.git(s.who.dir, 'config', '--global', '--unset-all', 'session.trustSigner');
    expect(await look(s)).toMatchObject({ status: 'good', signer: ALICE, state: 'none' });
    await startsNothing(s);
    // Not the environment of a call either (E10), nor git -c.
    const env = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'session.trustSigner', GIT_CONFIG_VALUE_0: ALICE };
    expect((await s.who.gsWith({ cwd: s.repo, env }, 'restore', 'forged', '--as', 'env')).code).toBe(1);
    const option = ['-c', `session.trustSigner=${ALICE}`, 'session', 'restore', 'forged', '--as', 'option'];
    expect((await s.who.run('git', option, { cwd: s.repo })).code).toBe(1);
    for (const name of ['env', 'option']) await settle(s.who, (await panes(s.who, name))[0]!.id);
    expect(existsSync(s.canary)).toBe(false);
  });

  test('C21 config says that it passes over what the repository says of trust', async () => {
    const s = await scene();
    await s.who.git(s.repo, 'config', 'session.trustSigner', `${ALICE}\u202e`);
    const all = await s.who.gs(s.repo, 'config');
    expect(all.stderr).toContain(
      `warning: session.trustSigner '${ALICE}<U+202E>' is ignored (local ${s.repo}/.git/config): only the global or system configuration counts\n`,
    );
    expect(all.stdout).toMatch(/^session\.trustSigner +\(unset\) +default$/mu);
    await trust(s.who, ALICE, 'two words');
    const one = await s.who.gs(s.repo, 'config', 'trustSigner');
    expect(one.stdout).toBe(`${ALICE}\ntwo words\n`);
    expect(one.stderr).toContain('is ignored');
    const json = JSON.parse(await s.who.ok(s.repo, 'config', '--json', 'trustSigner')) as object;
    expect(json).toMatchObject({
      ...{ value: [ALICE, 'two words'], origin: { scope: 'global' } },
      ignored: [{ value: `${ALICE}\u202e`, origin: { scope: 'local' } }],
    });
  });
});

describe.skipIf(gpgMissing())('signatures of gpg (skipped where there is no gpg)', () => {
  test('a good one counts by the fingerprint of its key or primary key, never by the user id', async () => {
    const s = await scene();
    const ring = keyring();
    s.who.env['GNUPGHOME'] = ring.dir;
    const uid = `Alice <${ALICE}>`;
    const primary = ring.make(uid);
    ring.gpg('--quick-add-key', primary, 'ed25519', 'sign', 'never');
    const [, subkey] = ring.fingerprints(uid);
    await forgeSigned(s.who, s.repo, touching(s), ring.key(`${subkey}!`));
    const good = { status: 'good', signer: uid, fingerprint: subkey };
    await trust(s.who, uid, ALICE, 'Alice', subkey!.slice(-16), primary.slice(0, -1));
    expect(await look(s)).toEqual({ ...good, state: 'none' });
    await startsNothing(s);
    await trust(s.who, `0x${primary}`);
    await starts(s, `${uid} (${subkey})`);
  });

  test('C22 C23 one of a key that is missing, or that nobody vouches for, does not, whatever its user id', async () => {
    const s = await scene();
    const [hers, his] = [keyring(), keyring()];
    const uid = `Alice <${ALICE}>`;
    const alice = his.make(uid);
    const mallory = hers.make(uid);
    s.who.env['GNUPGHOME'] = hers.dir;
    await forgeSigned(s.who, s.repo, touching(s), hers.key(mallory));
    s.who.env['GNUPGHOME'] = his.dir;
    await trust(s.who, uid, ALICE, alice, mallory);
    expect(await look(s)).toEqual({
      ...{ status: 'no-key', signer: null, fingerprint: mallory.slice(-16), state: 'none' },
    });
    expect(await s.who.ok(s.repo, 'show', 'forged')).toContain(
      `\nSignature: signed, but the signature can't be checked here: no key ${mallory.slice(-16)}\n`,
    );
    mkdirSync(path.join(s.who.dir, 'keys'));
    const file = path.join(s.who.dir, 'keys/mallory.asc');
    hers.gpg('--armor', '--output', file, '--export', mallory);
    his.gpg('--import', file);
    expect(await look(s)).toEqual({
      ...{ status: 'unknown-key', signer: null, fingerprint: mallory, state: 'none' },
    });
    await startsNothing(s);
  });
});
