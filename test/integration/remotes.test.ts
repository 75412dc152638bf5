import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { Config } from '../../src/git/config.ts';
import { Git } from '../../src/git/git.ts';
import { openRepository, type Repository } from '../../src/git/repository.ts';
import { GitFailedError, NoRemoteError, type SessionError, UsageError } from '../../src/session/errors.ts';
import {
  defaultRemote,
  fetchRefs,
  fetchRefspecs,
  listRemoteRefs,
  type PushFlags,
  pushRefs,
  remoteNames,
  remoteNotes,
  requireRemote,
} from '../../src/store/remotes.ts';
import type { Person } from '../support/harness.ts';
import { resident } from '../support/store.ts';
import { hook, refs } from '../support/two-clones.ts';

const ID = '20261121T080000000Z-aaaa0001';
const WORK = `refs/sessions/work/${ID}/snapshot`;
const PLAIN: PushFlags = { dryRun: false, verify: true, atomic: false };

interface Pair {
  who: Person;
  /** The clone, with `origin` as its one remote. */
  dir: string;
  origin: string;
  repo: Repository;
  head: string;
}

async function pair(): Promise<Pair> {
  const who = resident();
  const origin = path.join(who.dir, 'origin.git');
  await who.git(who.dir, 'init', '-q', '--bare', origin);
  const dir = await who.repo();
  await who.git(dir, 'remote', 'add', 'origin', origin);
  await who.git(dir, 'push', '-q', 'origin', 'main');
  const head = await who.git(dir, 'rev-parse', 'HEAD');
  return { who, dir, origin, head, repo: await openRepository(dir) };
}

async function rejection(promise: Promise<unknown>): Promise<SessionError> {
  try {
    await promise;
  } catch (error) {
    return error as SessionError;
  }
  throw new Error('it went well');
}

function thrown(run: () => unknown): SessionError {
  try {
    run();
  } catch (error) {
    return error as SessionError;
  }
  throw new Error('it went well');
}

/** A git that says what it is told to. */
function gitThat(who: Person, script: string): Git {
  const file = path.join(who.dir, 'told-git');
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return new Git(null, file);
}

const withRemotes = (...names: string[]) =>
  new Config(names.map((name): [string, string] => [`remote.${name}.url`, `/srv/${name}`]));

describe('the name of a remote (attacks C1, C3)', () => {
  it('one that is configured is taken as it is, but for a slash, which would make its copies ambiguous', () => {
    expect(() => requireRemote(withRemotes('origin', 'team/alice'), 'team/alice')).toThrow(/slash/u);
  });

  it('one that is not configured is refused with those that are there', () => {
    const error = thrown(() => requireRemote(withRemotes('origin', 'zoe'), 'upstream'));
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toMatchObject({ code: 'usage', exit: 129, message: "there is no remote 'upstream'" });
    expect(error.hints).toEqual(['there is origin, zoe']);
  });

  it('without any remote the hint says how to add one', () => {
    const error = thrown(() => requireRemote(withRemotes(), 'origin'));
    expect(error.hints).toEqual(['add one: git remote add origin <url>']);
  });

  it.each([
    '',
    '@',
    '.',
    '..',
    '--upload-pack=touch x',
    '-f',
    '/abs',
    './rel',
    'trailing/',
    'trailing.',
    'a..b',
    'a//b',
    'a/.b',
    'a@{1}',
    'a.lock',
    'a.lock/b',
    'a b',
    'a\tb',
    'a\u0001b',
    'a~1',
    'a^',
    'a?',
    'a*',
    'a[b',
    String.raw`a\b`,
    'ext::sh -c id',
    'https://example.org/x',
    'ann@example.org:repo',
  ])('%j is no name of a remote, even where the configuration has it', (name) => {
    const config = withRemotes('origin', name);
    const error = thrown(() => requireRemote(config, name));
    expect(error).toMatchObject({ code: 'usage', message: `'${name}' is not the name of a remote` });
    expect(remoteNames(config)).toEqual(['origin']);
  });

  it.each(['origin', 'a=b', 'x@y', 'a.b', 'locked', 'a.locks', 'ümläut', 'a-b_c'])('%j is one', (name) => {
    const config = withRemotes(name);
    expect(requireRemote(config, name)).toBe(name);
    expect(remoteNames(config)).toEqual([name]);
  });
});

describe('the remote that git would choose', () => {
  async function chosen(settings: Record<string, string>, detached = false) {
    const { who, dir, repo } = await pair();
    await who.git(dir, 'remote', 'add', 'zoe', '/srv/zoe');
    await who.git(dir, 'remote', 'add', 'yan', '/srv/yan');
    for (const [key, value] of Object.entries(settings)) await who.git(dir, 'config', key, value);
    if (detached) await who.git(dir, 'checkout', '-q', '--detach');
    const config = await Config.read(repo.git);
    return {
      push: await defaultRemote(repo.git, config, 'push'),
      fetch: await defaultRemote(repo.git, config, 'fetch'),
    };
  }

  it('is origin where nothing is said', async () => {
    expect(await chosen({})).toEqual({ push: 'origin', fetch: 'origin' });
  });

  it("is the branch's remote, for a push its pushRemote before remote.pushDefault", async () => {
    expect(await chosen({ 'branch.main.remote': 'zoe' })).toEqual({ push: 'zoe', fetch: 'zoe' });
    const push = { 'branch.main.remote': 'zoe', 'remote.pushDefault': 'yan' };
    expect(await chosen(push)).toEqual({ push: 'yan', fetch: 'zoe' });
    const own = { ...push, 'remote.pushDefault': 'zoe', 'branch.main.pushRemote': 'yan' };
    expect(await chosen(own)).toEqual({ push: 'yan', fetch: 'zoe' });
  });

  it('on no branch the settings of branches do not count', async () => {
    const settings = { 'branch.main.remote': 'zoe', 'branch.main.pushRemote': 'zoe' };
    expect(await chosen(settings, true)).toEqual({ push: 'origin', fetch: 'origin' });
    expect(await chosen({ ...settings, 'remote.pushDefault': 'yan' }, true)).toEqual({
      push: 'yan',
      fetch: 'origin',
    });
  });

  it('a URL or a name that is unknown is passed over', async () => {
    const settings = { 'branch.main.pushRemote': 'ext::sh', 'remote.pushDefault': '/srv/x' };
    expect(await chosen({ ...settings, 'branch.main.remote': '.' })).toEqual({
      push: 'origin',
      fetch: 'origin',
    });
  });

  it('is the only one there is, whatever its name', async () => {
    const { repo } = await pair();
    expect(await defaultRemote(repo.git, withRemotes('zoe'), 'push')).toBe('zoe');
    expect(await defaultRemote(repo.git, withRemotes('zoe', '-x'), 'fetch')).toBe('zoe');
  });

  it('is none where there are several without a rule, or none at all', async () => {
    const { repo } = await pair();
    const several = await rejection(defaultRemote(repo.git, withRemotes('yan', 'zoe'), 'fetch'));
    expect(several).toBeInstanceOf(NoRemoteError);
    expect(several).toMatchObject({ code: 'no-remote', exit: 128 });
    expect(several.message).toBe('there are several remotes, and none is the default');
    expect(several.hints).toEqual(['name one: git session fetch yan']);
    const none = await rejection(defaultRemote(repo.git, withRemotes('-x'), 'push'));
    expect(none).toMatchObject({ code: 'no-remote', message: 'there is no remote' });
    expect(none.hints).toEqual(['add one: git remote add origin <url>']);
  });
});

describe('fetchRefs', () => {
  const all = () => Object.values(fetchRefspecs('origin'));

  it('brings sessions and notes to the places for copies, and nothing else (attack C8)', async () => {
    const { who, dir, origin, repo, head } = await pair();
    for (const ref of [WORK, 'refs/notes/crq', 'refs/tags/v1', 'refs/heads/other']) {
      await who.git(origin, 'update-ref', ref, head);
    }
    await who.git(dir, 'config', 'remote.origin.tagOpt', '--tags');
    await who.git(dir, 'config', '--add', 'remote.origin.fetch', '+refs/heads/*:refs/heads/mine/*');
    const before = await refs(who, dir, 'refs');
    expect(await fetchRefs(repo.git, 'origin', all(), false)).toEqual([]);
    expect(await refs(who, dir, 'refs')).toEqual(
      [...before, `refs/remote-sessions/origin/work/${ID}/snapshot`, remoteNotes('origin')].toSorted(),
    );
    expect(existsSync(path.join(dir, '.git/FETCH_HEAD'))).toBe(false);
  });

  it('a remote without sessions and notes is no failure', async () => {
    const { who, dir, repo } = await pair();
    expect(await fetchRefs(repo.git, 'origin', all(), true)).toEqual([]);
    expect(await refs(who, dir, 'refs/remote-sessions')).toEqual([]);
  });

  it('removes copies only when asked, whatever fetch.prune says, and never those of another remote', async () => {
    const { who, dir, repo, head } = await pair();
    await who.git(dir, 'config', 'fetch.prune', 'true');
    await who.git(dir, 'config', 'fetch.pruneTags', 'true');
    await who.git(dir, 'tag', 'mine');
    const [ours, theirs] = ['origin', 'zoe'].map((r) => `refs/remote-sessions/${r}/work/${ID}/snapshot`);
    for (const ref of [ours!, theirs!, WORK]) await who.git(dir, 'update-ref', ref, head);
    await fetchRefs(repo.git, 'origin', all(), false);
    expect(await refs(who, dir, 'refs/remote-sessions')).toEqual([ours, theirs]);
    await fetchRefs(repo.git, 'origin', all(), true);
    expect(await refs(who, dir, 'refs/remote-sessions')).toEqual([theirs]);
    expect(await refs(who, dir, 'refs/sessions')).toEqual([WORK]);
    expect(await refs(who, dir, 'refs/tags')).toEqual(['refs/tags/mine']);
  });

  it('a remote that is not there fails with the words of git, and changes nothing', async () => {
    const { who, dir, repo } = await pair();
    await who.git(dir, 'remote', 'set-url', 'origin', '/nowhere/at/all');
    const before = await refs(who, dir, 'refs');
    const error = await rejection(fetchRefs(repo.git, 'origin', all(), false));
    expect(error).toBeInstanceOf(GitFailedError);
    expect(error).toMatchObject({ code: 'git-failed', exit: 128 });
    expect(error.message).toBe(
      "cannot fetch from 'origin': '/nowhere/at/all' does not appear to be a git repository",
    );
    expect(error.hints[0]).toBe('Could not read from remote repository.');
    expect(error.data).toMatchObject({ code: 128 });
    expect(await refs(who, dir, 'refs')).toEqual(before);
  });

  it("what ssh says before git's own error is kept as a hint", async () => {
    const { who, dir, repo } = await pair();
    await who.git(dir, 'remote', 'set-url', 'origin', 'ssh://ann@localhost/x');
    vi.stubEnv('GIT_SSH_COMMAND', 'echo "Permission denied (publickey)." >&2; exit 255; :');
    vi.stubEnv('GIT_SSH_VARIANT', 'simple');
    const error = await rejection(fetchRefs(repo.git, 'origin', all(), false));
    expect(error.message).toBe("cannot fetch from 'origin': Could not read from remote repository.");
    expect(error.hints[0]).toBe('Permission denied (publickey).');
  });

  it('what the remote and the hints of git say is no reason', async () => {
    const who = resident();
    const says = gitThat(
      who,
      String.raw`printf 'remote: hello\nhint: try\nall is lost  \nsecond\n' >&2; exit 9`,
    );
    const error = await rejection(fetchRefs(says, 'origin', [], false));
    expect(error.message).toBe("cannot fetch from 'origin': all is lost");
    expect(error.hints).toEqual(['second']);
    expect(error.data).toEqual({ code: 9, stderr: 'remote: hello\nhint: try\nall is lost  \nsecond\n' });
  });

  it('a git that says nothing is told by its exit code', async () => {
    const silent = gitThat(resident(), 'exit 9');
    const error = await rejection(fetchRefs(silent, 'origin', [], false));
    expect(error).toMatchObject({ message: "cannot fetch from 'origin': exit code 9", hints: [] });
  });

  it('gives what the remote says, line by line, without the empty ones', async () => {
    const says = gitThat(
      resident(),
      String.raw`printf 'remote: 50%%\rremote: all  \nremote:  \nFrom x\n' >&2`,
    );
    expect(await fetchRefs(says, 'origin', [], false)).toEqual(['50%', 'all']);
  });
});

describe('pushRefs', () => {
  it('tells per ref: new, up to date, deleted, rejected with the reason', async () => {
    const { who, dir, origin, repo, head } = await pair();
    const [kept, gone, stale] = ['refs/sessions/kept', 'refs/sessions/gone', 'refs/sessions/stale'];
    const next = await who.git(dir, 'commit-tree', `${head}^{tree}`, '-p', head, '-m', 'next');
    await who.git(dir, 'push', '-q', 'origin', `${head}:${kept}`, `${head}:${gone}`, `${next}:${stale}`);
    const specs = [`HEAD:${WORK}`, `HEAD:${kept}`, `:${gone}`, `HEAD:${stale}`];
    const report = await pushRefs(repo.git, 'origin', specs, PLAIN);
    expect(report.said).toEqual([]);
    expect(Object.fromEntries(report.refs.map((r) => [r.ref, [r.status, r.reason]]))).toEqual({
      [WORK]: ['pushed', ''],
      [kept]: ['up-to-date', ''],
      [gone]: ['deleted', ''],
      [stale]: ['rejected', 'non-fast-forward'],
    });
    // The one that was rejected stops no other, and stays what it was.
    expect(await refs(who, origin)).toEqual([kept, stale, WORK]);
    expect(await who.git(origin, 'rev-parse', stale)).toBe(next);
  });

  it('nothing to push starts no git', async () => {
    const { repo } = await pair();
    expect(await pushRefs(repo.git, 'no-such-remote', [], PLAIN)).toEqual({ refs: [], said: [] });
  });

  it('a fast-forward and a forced update are pushed too', async () => {
    const { who, dir, origin, repo, head } = await pair();
    const make = (message: string) =>
      who.git(dir, 'commit-tree', `${head}^{tree}`, '-p', head, '-m', message);
    const [one, two] = [await make('one'), await make('two')];
    await who.git(dir, 'push', '-q', 'origin', `${head}:refs/sessions/a`, `${one}:refs/sessions/b`);
    const specs = [`${one}:refs/sessions/a`, `+${two}:refs/sessions/b`];
    const report = await pushRefs(repo.git, 'origin', specs, PLAIN);
    expect(report.refs.map((r) => r.status)).toEqual(['pushed', 'pushed']);
    expect(report.refs.map((r) => r.reason)).toEqual(['', '']);
    expect(await who.git(origin, 'rev-parse', 'refs/sessions/a', 'refs/sessions/b')).toBe(`${one}\n${two}`);
  });

  it('atomic: with one that is rejected none arrives', async () => {
    const { who, dir, origin, repo, head } = await pair();
    const next = await who.git(dir, 'commit-tree', `${head}^{tree}`, '-p', head, '-m', 'next');
    await who.git(dir, 'push', '-q', 'origin', `${next}:refs/sessions/stale`);
    const specs = [`HEAD:${WORK}`, 'HEAD:refs/sessions/stale'];
    const report = await pushRefs(repo.git, 'origin', specs, { ...PLAIN, atomic: true });
    expect(report.refs.map((r) => r.status)).toEqual(['rejected', 'rejected']);
    expect(report.refs.map((r) => r.reason)).toContain('atomic push failed');
    expect(await refs(who, origin)).toEqual(['refs/sessions/stale']);
  });

  it('a dry run reports, and sends nothing', async () => {
    const { who, origin, repo } = await pair();
    const report = await pushRefs(repo.git, 'origin', [`HEAD:${WORK}`], { ...PLAIN, dryRun: true });
    expect(report.refs).toEqual([{ ref: WORK, status: 'pushed', reason: '' }]);
    expect(await refs(who, origin)).toEqual([]);
  });

  it('what a hook of the remote says and why it declined', async () => {
    const { who, origin, repo } = await pair();
    hook(origin, 'update', 'echo "no $1 here"; exit 1');
    const report = await pushRefs(repo.git, 'origin', [`HEAD:${WORK}`], PLAIN);
    expect(report.refs).toEqual([{ ref: WORK, status: 'rejected', reason: 'hook declined' }]);
    expect(report.said[0]).toBe(`no ${WORK} here`);
    expect(await refs(who, origin)).toEqual([]);
  });

  it("the user's pre-push hook stops a push that verifies, and no other", async () => {
    const { who, dir, origin, repo } = await pair();
    hook(path.join(dir, '.git'), 'pre-push', 'exit 1');
    const error = await rejection(pushRefs(repo.git, 'origin', [`HEAD:${WORK}`], PLAIN));
    expect(error).toMatchObject({ code: 'git-failed' });
    expect(error.message).toMatch(/^cannot push to 'origin': failed to push some refs/u);
    expect(await refs(who, origin)).toEqual([]);
    await pushRefs(repo.git, 'origin', [`HEAD:${WORK}`], { ...PLAIN, verify: false });
    expect(await refs(who, origin)).toEqual([WORK]);
  });

  it("sends the refs it is told, whatever the user's settings send along", async () => {
    const { who, dir, origin, repo } = await pair();
    await who.git(dir, 'tag', '-a', '-m', 'v1', 'v1');
    await who.git(dir, 'update-ref', `refs/remote-sessions/zoe/work/${ID}/snapshot`, 'HEAD');
    await who.git(dir, 'config', 'push.followTags', 'true');
    await who.git(dir, 'config', 'remote.origin.mirror', 'true');
    const before = await refs(who, origin, 'refs');
    await pushRefs(repo.git, 'origin', [`HEAD:${WORK}`], PLAIN);
    expect(await refs(who, origin, 'refs')).toEqual([...before, WORK]);
  });

  it('a remote with = in its name is pushed to', async () => {
    const { who, dir, origin, repo } = await pair();
    await who.git(dir, 'remote', 'rename', 'origin', 'a=b');
    const report = await pushRefs(repo.git, 'a=b', [`HEAD:${WORK}`], PLAIN);
    expect(report.refs).toEqual([{ ref: WORK, status: 'pushed', reason: '' }]);
    expect(await refs(who, origin)).toEqual([WORK]);
  });

  it('many refs go in parts, and are reported as one', async () => {
    const { repo } = await pair();
    const names = Array.from({ length: 2001 }, (_, i) => `refs/sessions/n${i}`);
    const specs = names.map((name) => `HEAD:${name}`);
    const report = await pushRefs(repo.git, 'origin', specs, { ...PLAIN, dryRun: true });
    expect(report.refs.map((r) => r.ref).toSorted()).toEqual(names.toSorted());
    expect(new Set(report.refs.map((r) => r.status))).toEqual(new Set(['pushed']));
  });

  it('a remote that is not there fails with the words of git', async () => {
    const { who, dir, repo } = await pair();
    await who.git(dir, 'remote', 'set-url', 'origin', '/nowhere/at/all');
    const error = await rejection(pushRefs(repo.git, 'origin', [`HEAD:${WORK}`], PLAIN));
    expect(error).toMatchObject({ code: 'git-failed' });
    expect(error.message).toBe(
      "cannot push to 'origin': '/nowhere/at/all' does not appear to be a git repository",
    );
  });

  it('a source that is not there fails, and says so', async () => {
    const { who, origin, repo } = await pair();
    const error = await rejection(pushRefs(repo.git, 'origin', [`refs/no/such:${WORK}`], PLAIN));
    expect(error.message).toBe("cannot push to 'origin': src refspec refs/no/such does not match any");
    expect(await refs(who, origin)).toEqual([]);
  });

  it('a rejection without words in brackets is told by its summary', async () => {
    const lines = String.raw`To /srv/x\n!\tHEAD:refs/sessions/a\t[remote rejected]\nDone\n`;
    const says = gitThat(resident(), `printf '${lines}'; exit 1`);
    expect((await pushRefs(says, 'origin', ['x'], PLAIN)).refs).toEqual([
      { ref: 'refs/sessions/a', status: 'rejected', reason: '[remote rejected]' },
    ]);
  });
});

describe('listRemoteRefs', () => {
  it('gives the refs below a prefix as the remote has them now, and no others', async () => {
    const { who, dir, origin, repo, head } = await pair();
    const outside = ['refs/heads/refs/sessions/work', 'refs/sessionsx/y'];
    for (const ref of [WORK, 'refs/sessions/a', ...outside]) {
      await who.git(origin, 'update-ref', ref, head);
    }
    expect(await listRemoteRefs(repo.git, 'origin', 'refs/sessions/')).toEqual(['refs/sessions/a', WORK]);
    expect(await listRemoteRefs(repo.git, 'origin', 'refs/sessions/work/')).toEqual([WORK]);
    expect(await listRemoteRefs(repo.git, 'origin', 'refs/none/')).toEqual([]);
    expect(await refs(who, dir, 'refs/sessions')).toEqual([]);
  });

  it('a remote that is not there fails with the words of git', async () => {
    const { who, dir, repo } = await pair();
    await who.git(dir, 'remote', 'set-url', 'origin', '/nowhere/at/all');
    const error = await rejection(listRemoteRefs(repo.git, 'origin', 'refs/sessions/'));
    expect(error).toMatchObject({ code: 'git-failed' });
    expect(error.message).toMatch(/^cannot fetch from 'origin': '\/nowhere\/at\/all' does not appear/u);
  });
});
