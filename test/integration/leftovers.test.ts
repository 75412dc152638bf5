import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { QUARANTINE_NAME } from '../../src/git/quarantine.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { makeId } from '../../src/session/names.ts';
import { findLeftovers, type Leftovers } from '../../src/store/leftovers.ts';
import type { Person } from '../support/harness.ts';
import { resident, saveLike } from '../support/store.ts';
import { refs } from '../support/two-clones.ts';

const NOW = Date.UTC(2026, 10, 21, 8);
const MINUTE = 60_000;
const NONE: Leftovers = { contexts: [], scratch: [], locks: [], files: [] };
const nobody = () => false;
const everybody = () => true;

async function plain(): Promise<{ who: Person; dir: string; repo: Repository }> {
  const who = resident();
  const dir = await who.repo();
  return { who, dir, repo: await openRepository(dir) };
}

/** A file below the git directory that was last changed so many minutes before NOW. */
function put(repo: Repository, name: string, minutes = 0, content = ''): string {
  const file = path.join(repo.commonDir, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  utimesSync(file, NOW / 1000 - minutes * 60, NOW / 1000 - minutes * 60);
  return file;
}

describe('what killed commands leave', () => {
  it('a new repository and one with whole snapshots have none', async () => {
    const { repo } = await plain();
    expect(await findLeftovers(repo, nobody)).toEqual(NONE);
    await saveLike(repo, { name: 'work', ms: NOW - 60 * MINUTE });
    expect(await findLeftovers(repo, nobody, NOW)).toEqual(NONE);
  });

  it('a context without its snapshot, where it is older than ten minutes', async () => {
    const { who, dir, repo } = await plain();
    const context = (minutes: number, folder = 'refs/sessions') =>
      `${folder}/deep/work/${makeId(NOW - minutes * MINUTE, 'aaaa0001')}/context`;
    const [old, edge, young] = [context(11), context(10), context(1)];
    const copy = context(60, 'refs/remote-sessions/origin');
    const foreign = ['refs/sessions/work/other/context', 'refs/sessions/notes'];
    const events = context(60).replace(/context$/u, 'events');
    for (const ref of [old, edge, young, copy, events, ...foreign]) {
      await who.git(dir, 'update-ref', ref, 'HEAD');
    }
    const before = await refs(who, dir, 'refs');
    expect(await findLeftovers(repo, nobody, NOW)).toEqual({ ...NONE, contexts: [old] });
    // Looking removes nothing.
    expect(await refs(who, dir, 'refs')).toEqual(before);
    const whole = old.replace(/context$/u, 'snapshot');
    await who.git(dir, 'update-ref', whole, 'HEAD');
    expect(await findLeftovers(repo, nobody, NOW)).toEqual(NONE);
  });

  it('without a moment given the clock counts', async () => {
    const { who, dir, repo } = await plain();
    const ref = (ms: number) => `refs/sessions/work/${makeId(ms, 'aaaa0001')}/context`;
    const old = ref(Date.now() - 60 * MINUTE);
    for (const name of [old, ref(Date.now())]) await who.git(dir, 'update-ref', name, 'HEAD');
    expect((await findLeftovers(repo, nobody)).contexts).toEqual([old]);
  });

  it('scratch refs of merges of notes, and no other notes', async () => {
    const { who, dir, repo } = await plain();
    const scratch = 'refs/notes/crq-merge-0123456789abcdef';
    const others = ['crq', 'crq-merge-0123', 'crq-merge-0123456789abcdef0', 'remotes/origin/crq', 'mine'];
    for (const ref of [scratch, ...others.map((n) => `refs/notes/${n}`)]) {
      await who.git(dir, 'update-ref', ref, 'HEAD');
    }
    expect(await findLeftovers(repo, everybody, NOW)).toEqual({ ...NONE, scratch: [scratch] });
  });

  it('locks that are older than any command takes, where the program writes', async () => {
    const { repo } = await plain();
    const ours = ['packed-refs.lock', 'config.lock', 'shallow.lock'];
    const refLocks = ['sessions/work/x/snapshot', 'remote-sessions/origin/work/x/context', 'notes/crq'];
    const names = [...ours, ...refLocks.map((name) => `refs/${name}.lock`)];
    const old = names.map((name) => put(repo, name, 11));
    // Not the program's: the index and the branches.
    for (const name of ['index.lock', 'refs/heads/main.lock']) put(repo, name, 60);
    put(repo, 'refs/sessions/work/x/lock', 60);
    const found = await findLeftovers(repo, nobody, NOW);
    expect({ ...found, locks: found.locks.toSorted() }).toEqual({ ...NONE, locks: old.toSorted() });
    // The same files ten minutes earlier may belong to a command that runs.
    expect(await findLeftovers(repo, nobody, NOW - 5 * MINUTE)).toEqual(NONE);
  });

  it('a folder with the name of a lock is none', async () => {
    const { repo } = await plain();
    for (const name of ['config.lock', 'refs/sessions/a.lock']) {
      put(repo, `${name}/inside`);
      utimesSync(path.join(repo.commonDir, name), 0, 0);
    }
    expect((await findLeftovers(repo, nobody, NOW)).locks).toEqual([]);
  });

  it('.keep files of processes that are gone', async () => {
    const { repo } = await plain();
    // Of git itself, and of nobody that is known.
    for (const name of ['tmp_objdir-incoming-Xyz', 'git-session-', 'git-session-x-1', 'git-session-303']) {
      put(repo, `objects/${name}/xx`);
    }
    const keep = (name: string, content: string) => put(repo, `objects/pack/${name}`, 0, content);
    const dead = keep('pack-1.keep', 'git-session 101\n');
    keep('pack-2.keep', 'git-session 202\n');
    keep('pack-3.keep', '');
    keep('pack-4.keep', 'fetch-pack 101 on host\n');
    keep('pack-5.pack', 'git-session 101\n');
    put(repo, 'objects/pack/pack-6.keep/a-folder');
    const objects = path.join(repo.commonDir, 'objects');
    const before = readdirSync(objects, { recursive: true });
    const asked: number[] = [];
    const found = await findLeftovers(
      repo,
      (pid) => {
        asked.push(pid);
        return pid === 202;
      },
      NOW,
    );
    expect(found).toEqual({ ...NONE, files: [dead] });
    expect(asked.toSorted((a, b) => a - b)).toEqual([101, 202]);
    // Looking removes nothing.
    expect(readdirSync(objects, { recursive: true })).toEqual(before);
    expect(await findLeftovers(repo, everybody, NOW)).toEqual(NONE);
  });

  // leftovers.ts looks for a name that quarantines do not have any more.
  it('quarantines of processes that are gone, by the name that saves give them', async () => {
    const { repo } = await plain();
    const [dead, living] = ['git-session-101-abc', 'git-session-202-abc'] as const;
    for (const name of [dead, living]) {
      if (!QUARANTINE_NAME.test(name)) throw new Error(`${name} is no quarantine`);
      put(repo, `objects/${name}/xx`);
    }
    const found = await findLeftovers(repo, (pid) => pid === 202, NOW);
    expect(found).toEqual({ ...NONE, files: [path.join(repo.commonDir, 'objects', dead)] });
  });

  it('a linked worktree finds those of the repository', async () => {
    const { who, dir, repo } = await plain();
    const linked = path.join(who.dir, 'linked');
    await who.git(dir, 'worktree', 'add', '-q', linked);
    const lock = put(repo, 'refs/sessions/a.lock', 11);
    const keep = put(repo, 'objects/pack/pack-1.keep', 0, 'git-session 1\n');
    const found = await findLeftovers(await openRepository(linked), nobody, NOW);
    expect(found).toEqual({ ...NONE, locks: [lock], files: [keep] });
  });
});
