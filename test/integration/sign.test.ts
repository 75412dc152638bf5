import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { SigningFailedError, StoreFailedError } from '../../src/session/errors.ts';
import { makeId, sessionRef } from '../../src/session/names.ts';
import { hashObject } from '../../src/git/objects.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { type PendingSnapshot, storeSnapshots } from '../../src/store/objects.ts';
import type { Person } from '../support/harness.ts';
import { global, sshKey } from '../support/signing.ts';
import { gitBytes, resident } from '../support/store.ts';

/** A time zone of half an hour, and names that git would complain about at most. */
const IDENTS = [
  'Ann <ann@example.org> 1790000000 +0530',
  'Ann Ünï, Jr <> 1790000001 -0330',
  'unknown <unknown> 5 +0000',
];

function pending(repo: Repository, name: string, parent: string | null, message: string): PendingSnapshot {
  const bytes = Buffer.from(JSON.stringify({ name, message }));
  const oid = hashObject(repo.objectFormat, 'blob', bytes);
  const files = [{ path: 'scrollback/0.0', bytes: Buffer.from('text\n') }];
  return { name, bytes, oid, files, parent, message, id: makeId(1_790_000_000_000, oid) };
}

async function signer(): Promise<{ who: Person; dir: string; repo: Repository; head: string }> {
  const who = resident();
  const dir = await who.repo();
  const key = await sshKey(who, 'key');
  await global(who, 'gpg.format', 'ssh');
  await global(who, 'user.signingKey', key.id);
  return { who, dir, repo: await openRepository(dir), head: await who.git(dir, 'rev-parse', 'HEAD') };
}

const refs = (who: Person, dir: string) =>
  who.git(dir, 'for-each-ref', '--format=%(refname)', 'refs/sessions');

describe('storeSnapshots with a signature', () => {
  it.each(IDENTS)('writes the commit that it writes without one, and the signature: %s', async (ident) => {
    const { who, dir, repo, head } = await signer();
    // What git would take instead, where nothing else is said.
    await who.git(dir, 'config', 'i18n.commitEncoding', 'ISO-8859-1');
    await who.git(dir, 'config', 'commit.gpgSign', 'true');
    const parents = { based: head, unborn: null };
    for (const [name, parent] of Object.entries(parents)) {
      const message = ' ünï\n\n# no comment\n\n\nCRQ: CRQ-1  ';
      const [plain, signed] = [`${name}-plain`, `${name}-signed`];
      const one = pending(repo, plain, parent, message);
      await storeSnapshots(repo, [one], null, ident);
      await storeSnapshots(repo, [{ ...one, name: signed }], null, ident, true);
      const read = async (session: string) => {
        const context = sessionRef(session, one.id, 'context');
        return (await gitBytes(who, dir, ['cat-file', 'commit', context])).toString('utf8');
      };
      const header = /^gpgsig -----BEGIN SSH SIGNATURE-----\n(?: .*\n)+/mu;
      expect(await read(signed)).toMatch(header);
      expect((await read(signed)).replace(header, '')).toBe(await read(plain));
    }
  });

  it('signs all of one save, and sets all of their refs or none', async () => {
    const { who, dir, repo, head } = await signer();
    const all = ['one', 'two'].map((name) => pending(repo, name, head, name));
    await storeSnapshots(repo, all, null, IDENTS[0]!, true);
    for (const { name, id } of all) {
      const context = sessionRef(name, id, 'context');
      expect(await who.git(dir, 'cat-file', 'commit', context)).toContain('\ngpgsig ');
    }
    const before = await refs(who, dir);
    expect(before.split('\n')).toHaveLength(4);
    // The second one can't be signed.
    const once = path.join(who.dir, 'once');
    writeFileSync(
      once,
      `#!/bin/sh\n[ -e '${once}.done' ] && exit 1\n: > '${once}.done'\nexec ssh-keygen "$@"\n`,
      {
        mode: 0o755,
      },
    );
    await who.git(dir, 'config', 'gpg.ssh.program', once);
    const next = ['three', 'four'].map((name) => pending(repo, name, head, name));
    const failed = storeSnapshots(repo, next, null, IDENTS[0]!, true);
    await expect(failed).rejects.toBeInstanceOf(SigningFailedError);
    expect(await refs(who, dir)).toBe(before);
  });

  it('does not touch a context that somebody else has moved meanwhile', async () => {
    const { who, dir, repo, head } = await signer();
    const one = pending(repo, 'one', head, 'one');
    const context = sessionRef(one.name, one.id, 'context');
    const program = path.join(who.dir, 'mover');
    writeFileSync(
      program,
      `#!/bin/sh\ngit -C '${dir}' update-ref '${context}' ${head}\nexec ssh-keygen "$@"\n`,
      {
        mode: 0o755,
      },
    );
    await who.git(dir, 'config', 'gpg.ssh.program', program);
    const failed = storeSnapshots(repo, [one], null, IDENTS[0]!, true);
    await expect(failed).rejects.toBeInstanceOf(StoreFailedError);
    expect(await refs(who, dir)).not.toContain('/snapshot');
  });
});
