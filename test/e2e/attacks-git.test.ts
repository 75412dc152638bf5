import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import {
  eachOf,
  exits,
  panes,
  type Scene,
  scene,
  settle,
  snapshot,
  stateOf,
  Terminal,
  windowsOf,
} from '../support/attack.ts';
import { forge, type Forged, typedPane } from '../support/forge.ts';
import { waitFor } from '../support/harness.ts';

interface File {
  mode?: string;
  content?: string;
  /** Instead of contents: an object that is there, or none, as for a submodule. */
  oid?: string;
}

/** A commit with these files in it, by plumbing: neither index nor worktree are touched. */
async function commitOf(
  s: Scene,
  files: Record<string, File>,
  parents: string[] = [s.head],
): Promise<string> {
  const env = { GIT_INDEX_FILE: path.join(s.who.dir, `index-${Math.random()}`) };
  const git = async (args: string[], input?: string) => {
    const result = await s.who.run('git', args, {
      cwd: s.repo,
      env,
      ...(input === undefined ? {} : { input }),
    });
    exits(result, 0);
    return result.stdout.trim();
  };
  if (parents[0] !== undefined) await git(['read-tree', parents[0]]);
  const lines: string[] = [];
  for (const [name, { mode = '100644', content = '', oid }] of Object.entries(files)) {
    lines.push(`${mode} ${oid ?? (await git(['hash-object', '-w', '--stdin'], content))}\t${name}\0`);
  }
  await git(['update-index', '-z', '--index-info'], lines.join(''));
  return git(['commit-tree', await git(['write-tree']), '-m', 'x', ...parents.flatMap((p) => ['-p', p])]);
}

/** A worktree commit in the shape of a stash, with these untracked files. */
async function workOf(s: Scene, base: string, untracked: Record<string, File>): Promise<string> {
  const index = await commitOf(s, {}, [base]);
  const others = await commitOf(s, untracked, []);
  const parents = [base, index, others].flatMap((p) => ['-p', p]);
  return s.who.git(s.repo, 'commit-tree', `${base}^{tree}`, ...parents, '-m', 'WIP on main: x');
}

/** A snapshot on a commit of a stranger. */
function on(s: Scene, head: string, work: string | null = null, name = 'forged'): Promise<Forged> {
  const value = snapshot(head, (x) => Object.assign(x.git, { branch: null, detached: true, work }));
  return forge(s.who, s.repo, value, { name });
}

/** A program that leaves a trace, whatever it is called with. */
function spyOf(s: Scene): string {
  const spy = path.join(s.who.dir, 'spy');
  writeFileSync(spy, `#!/bin/sh\necho "$0 $*" >> '${s.canary}'\ncat\n`, { mode: 0o755 });
  return spy;
}

function untouched({ canary }: Scene): void {
  expect(existsSync(canary) ? readFileSync(canary, 'utf8') : '').toBe('');
}

describe('attacks C: git', () => {
  test('attack C2, C4, C5: no word and no ref is an option of git, and no url', async () => {
    const s = await scene();
    const forged = await on(s, s.head);
    const file = s.canary;
    const words = [`--output=${file}`, `--upload-pack=touch ${file}`, `--exec=touch ${file}`, `-O${file}`];
    // git itself writes it.
    await s.who.git(s.repo, 'log', '-p', `--output=${file}-naive`);
    expect(existsSync(`${file}-naive`)).toBe(true);
    const verbs = [
      'show',
      'log',
      'diff',
      'graph',
      'restore',
      'allow',
      'link',
      'rename',
      'delete',
      'events',
      'list',
    ];
    await eachOf(
      [
        ...verbs.map((verb, i) => [verb, '--', words[i % words.length]!]),
        ['show', words[0]!],
        ['log', words[0]!],
      ],
      async (args) => {
        const result = await s.who.gs(s.repo, ...args);
        expect([args, result.code === 0 ? result.stdout : '']).toEqual([args, '']);
      },
    );
    // The same as refs of a remote, and in fields of a snapshot that is asked for by its name.
    const [option] = words;
    for (const [i, name] of ['$(id)', option!.replaceAll('/', '_'), '-x'].entries()) {
      const ref = `refs/sessions/${name}/${forged.id}/snapshot`;
      const made = await s.who.run('git', ['update-ref', '--stdin'], {
        cwd: s.repo,
        input: `create ${ref} ${forged.oid}\n`,
      });
      exits(made, 0);
      const value = snapshot(s.head, (x) => {
        Object.assign(x.git, {
          branch: name,
          upstream: option,
          remotes: [{ name: option!, url: `ssh://-oProxyCommand=touch ${file}/x` }],
        });
        Object.assign(x.tmux.sessions[0]!, { name: `odd ${i}` });
      });
      await forge(s.who, s.repo, value, { name: `odd${i}` });
      const byName = await s.who.gs(s.repo, 'restore', '--', name);
      expect([name, byName.code]).toEqual([name, expect.toBeOneOf([1, 128, 129])]);
      await s.who.gs(s.repo, 'restore', `odd${i}`);
    }
    for (const verb of ['fetch', 'push', 'sync']) {
      const result = await s.who.gs(s.repo, verb, '--', `ssh://-oProxyCommand=touch ${file}/x`);
      exits(result, 129);
    }
    untouched(s);
    expect(await s.who.git(s.repo, 'rev-parse', 'HEAD')).toBe(s.head);
  });

  test('attack C3, C11: neither a remote of the snapshot nor a submodule of its commit is fetched', async () => {
    const s = await scene();
    const ext = `ext::touch ${s.canary}`;
    await s.who.git(s.who.dir, 'config', '--global', 'protocol.ext.allow', 'always');
    await s.who.git(s.who.dir, 'config', '--global', 'submodule.recurse', 'true');
    await s.who.git(s.who.dir, 'config', '--global', 'fetch.recurseSubmodules', 'true');
    const missing = '1234567890123456789012345678901234567890';
    const remotes = [
      { name: 'origin', url: ext },
      { name: ext, url: ext },
    ];
    await forge(
      s.who,
      s.repo,
      snapshot(missing, (x) => Object.assign(x.git, { remotes, upstream: 'origin/main' })),
    );
    exits(await s.who.gs(s.repo, 'restore', '--run', 'forged'), 128);
    exits(await s.who.gs(s.repo, 'restore', '--run', '--no-git', 'forged'), 0);
    await s.who.ok(s.repo, 'show', 'forged');

    const modules = `[submodule "sub"]\n\tpath = sub\n\turl = ${ext}\n\tupdate = !touch ${s.canary}\n`;
    const evil = await commitOf(s, {
      '.gitmodules': { content: modules },
      sub: { mode: '160000', oid: missing },
    });
    await on(s, evil, null, 'modules');
    await s.who.ok(s.repo, 'restore', '--run', 'modules', '--worktree', '--as', 'tree');
    await s.who.ok(s.repo, 'restore', '--run', 'modules', '--as', 'here');
    expect(await s.who.git(s.repo, 'rev-parse', 'HEAD')).toBe(evil);
    untouched(s);
    // Whoever does ask for it gets it.
    await s.who.run('git', ['fetch', ext], { cwd: s.repo });
    expect(existsSync(s.canary)).toBe(true);
  });

  test('attack C6: names that differ in case only, or lie below each other, are sessions of their own', async () => {
    const s = await scene();
    const names = ['a', 'A', 'a/b', 'a/B/c', 'x'.repeat(100)];
    for (const name of names) {
      const value = snapshot(s.head, (x) => {
        x.message = name;
        x.tmux.sessions[0]!.name = name;
      });
      await forge(s.who, s.repo, value, { name });
    }
    for (const name of names) {
      expect(JSON.parse(await s.who.ok(s.repo, 'show', '--json', name))).toMatchObject({ message: name });
    }
    await s.who.ok(s.repo, 'delete', 'a');
    const left = JSON.parse(await s.who.ok(s.repo, 'list', '--json')) as { name: string }[];
    expect(left.map((r) => r.name).toSorted()).toEqual(names.slice(1).toSorted());
  });

  test('attack C7: a symbolic ref in the place of ours moves no branch', async () => {
    const s = await scene();
    const { id } = await on(s, s.head);
    await s.who.tmux('new-session', '-d', '-s', 'work', '-c', s.repo);
    const link = (ref: string) => s.who.git(s.repo, 'symbolic-ref', ref, 'refs/heads/main');
    for (const ref of [
      'refs/notes/crq',
      `refs/sessions/work/${id}/snapshot`,
      `refs/sessions/work/${id}/context`,
    ]) {
      await link(ref);
    }
    await link(`refs/sessions/forged/${id}/events`);
    await link(`refs/remote-sessions/origin/forged/${id}/snapshot`);
    for (const args of [
      ['save', '--crq', 'CRQ-1', 'work'],
      ['link', 'forged', 'CRQ-2'],
      ['unlink', 'forged', 'CRQ-2'],
      ['rename', 'forged', 'other'],
      ['fsck', '--repair'],
      ['gc'],
      ['delete', 'work'],
      ['delete', 'other'],
    ]) {
      await s.who.gs(s.repo, ...args);
      expect([args, await s.who.git(s.repo, 'rev-parse', 'refs/heads/main')]).toEqual([args, s.head]);
    }
    expect(await s.who.git(s.repo, 'log', '--oneline', 'main')).not.toContain('\n');
  });

  test('attack C12, C13, C21: nothing runs that the repository names, nor one that a commit has brought with it', async () => {
    const s = await scene();
    const spy = spyOf(s);
    // A whole bare repository as files of a commit.
    const programs = [
      'fsmonitor',
      'pager',
      'editor',
      'sshCommand',
      'hooksPath',
      'askPass',
      'gitProxy',
      'alternateRefsCommand',
    ];
    const config = [
      `[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = ..`,
      ...programs.map((key) => `\t${key} = ${spy}`),
      `[diff]\n\texternal = ${spy}`,
      `[session]\n\ttmuxCommand = ${spy}\n\tpicker = ${spy}\n\tonEvent = ${spy}`,
      `[pager]\n\tsession = ${spy}`,
      '',
    ].join('\n');
    const evil = await commitOf(s, {
      'emb/HEAD': { content: 'ref: refs/heads/main\n' },
      'emb/config': { content: config },
      'emb/objects/x': {},
      'emb/refs/x': {},
    });
    const value = snapshot(evil, (x) => {
      Object.assign(x.git, { branch: null, detached: true });
      x.tmux.windows = windowsOf([{ cwd: { in: 'repo', path: 'emb' } }]);
    });
    await forge(s.who, s.repo, value);
    await s.who.ok(s.repo, 'restore', 'forged');
    await s.who.ok(s.repo, 'save', 'forged');
    untouched(s);
    const emb = path.join(s.repo, 'emb');
    for (const args of [
      ['list'],
      ['save', 'forged'],
      ['show', 'forged'],
      ['restore', 'forged'],
      ['status'],
    ]) {
      const result = await s.who.run('git-session', args, { cwd: emb });
      expect([args, result.code]).toEqual([args, 128]);
      expect(result.stderr).toMatch(/inside the worktree of another/u);
    }
    untouched(s);
    await s.who.run('git', ['status'], { cwd: emb });
    expect(existsSync(s.canary)).toBe(true);
  });

  test('attack C21, C22, C23: a signature is not checked by a program that the repository names, and an author is nobody', async () => {
    const s = await scene();
    const spy = spyOf(s);
    for (const key of [
      'gpg.program',
      'gpg.ssh.program',
      'gpg.x509.program',
      'gpg.openpgp.program',
      'gpg.ssh.defaultKeyCommand',
    ]) {
      await s.who.git(s.repo, 'config', key, spy);
    }
    await s.who.git(s.repo, 'config', 'gpg.ssh.allowedSignersFile', path.join(s.repo, 'signers'));
    await s.who.git(s.repo, 'config', 'log.showSignature', 'true');
    writeFileSync(
      path.join(s.repo, 'signers'),
      'ann@example.org ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNvbm5lY3Rpbmc=\n',
    );
    await s.who.git(s.repo, 'config', 'session.trustSigner', 'ann@example.org');
    for (const [i, kind] of ['SSH SIGNATURE', 'PGP SIGNATURE'].entries()) {
      const value = snapshot(
        s.head,
        (x) => void (x.tmux.windows = windowsOf([typedPane(['touch', s.canary])])),
      );
      value.savedBy = { name: 'ann', email: 'ann@example.org' };
      const made = await forge(s.who, s.repo, value, { name: `signed${i}` });
      const context = made.ref.replace(/snapshot$/u, 'context');
      const text = await s.who.git(s.repo, 'cat-file', 'commit', context);
      const block = `gpgsig -----BEGIN ${kind}-----\n \n U1NIU0lH\n -----END ${kind}-----\n`;
      const signed = `${text.replace(/^author .*$/mu, 'author ann <ann@example.org> 1790000000 +0000').replace('\n\n', `\n${block}\n`)}\n`;
      const hashed = await s.who.run('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], {
        cwd: s.repo,
        input: signed,
      });
      await s.who.git(s.repo, 'update-ref', context, hashed.stdout.trim());
      for (const args of [
        ['show', `signed${i}`],
        ['log', `signed${i}`],
        ['allow', '--dry-run', `signed${i}`],
      ]) {
        await s.who.ok(s.repo, ...args);
      }
      exits(await s.who.gs(s.repo, 'restore', `signed${i}`, '--as', `as${i}`), 1);
      const [pane] = await panes(s.who, `as${i}`);
      await settle(s.who, pane!.id);
    }
    for (const args of [['list'], ['graph'], ['fsck']]) await s.who.gs(s.repo, ...args);
    untouched(s);
    // git itself asks that program.
    await s.who.run(
      'git',
      [
        'verify-commit',
        await s.who.git(s.repo, 'for-each-ref', '--format=%(objectname)', 'refs/sessions/signed0/*/context'),
      ],
      { cwd: s.repo },
    );
    expect(existsSync(s.canary)).toBe(true);
  });

  test('attack C10: a filter of the user that the commit asks for is shown before it runs, and no other runs', async () => {
    const s = await scene();
    const ran = path.join(s.who.dir, 'ran');
    const filter = (name: string, file: string) =>
      s.who.git(s.who.dir, 'config', '--global', `filter.${name}.smudge`, `touch ${file}; cat`);
    await filter('x', ran);
    await filter('other', s.canary);
    const evil = await commitOf(s, {
      'dir/.gitattributes': { content: '* filter=unknown\n*.txt text filter=x\n' },
      'dir/new.txt': { content: 'x' },
      'filter=other.txt': { content: 'filter=other' },
    });
    const value = snapshot(evil, (x) => {
      Object.assign(x.git, { branch: null, detached: true });
      x.tmux.windows = windowsOf([typedPane(['true'])]);
    });
    await forge(s.who, s.repo, value);
    const step = "its files go through your filter 'x'";
    expect(await s.who.ok(s.repo, 'restore', '--dry-run', 'forged')).toContain(step);
    expect(JSON.parse(await s.who.ok(s.repo, 'restore', '--dry-run', '--json', 'forged'))).toMatchObject({
      plans: [{ git: expect.arrayContaining([{ kind: 'filter', name: 'x' }]) }],
    });
    const t = new Terminal(s.who, s.repo, 'git', ['session', 'restore', 'forged', '--as', 'asked']);
    await t.shows('Start them?');
    expect(t.output).toContain(step);
    expect(existsSync(ran)).toBe(false);
    t.pty.write('\u0003');
    expect(await t.ended()).not.toBe(0);
    expect(existsSync(ran)).toBe(false);
    const result = await s.who.gs(s.repo, 'restore', 'forged', '--no-run');
    expect(result.stderr).toContain("files of this snapshot went through your filter 'x'");
    expect(existsSync(ran)).toBe(true);
    untouched(s);
  });

  test('attack C14: a bundle with a .git in a tree is refused, and nothing of it is stored', async () => {
    const s = await scene();
    const blob = await s.who.git(s.repo, 'rev-parse', 'HEAD:file.txt');
    const tree = await s.who.run('git', ['mktree'], { cwd: s.repo, input: `100644 blob ${blob}\t.git\n` });
    const evil = await s.who.git(s.repo, 'commit-tree', tree.stdout.trim(), '-p', s.head, '-m', 'evil');
    const made = await forge(s.who, s.repo, snapshot(evil), { parent: evil });
    const file = path.join(s.who.dir, 'evil.bundle');
    await s.who.git(
      s.repo,
      'bundle',
      'create',
      '-q',
      file,
      made.ref,
      made.ref.replace(/snapshot$/u, 'context'),
    );
    const victim = await s.who.repo('victim');
    const before = await stateOf(s.who, victim);
    const result = await s.who.gs(victim, 'import', file);
    exits(result, 128);
    expect(result.stderr).toMatch(/is damaged: .*hasDotgit/u);
    expect(await stateOf(s.who, victim)).toBe(before);
    expect((await s.who.run('git', ['cat-file', '-e', evil], { cwd: victim })).code).not.toBe(0);
  });

  test('attack C15: odd names in the saved work come back as they are, and none is more than a file', async () => {
    const s = await scene();
    const names = [
      'nl\nx',
      '.g\u200Cit/config',
      ' lead',
      'tab\tx',
      '-x',
      '"q"',
      '\u202Ebidi',
      ':(top)x',
      'a\\b',
      '*',
    ];
    const work = await workOf(s, s.head, Object.fromEntries(names.map((n) => [n, { content: n }])));
    await on(s, s.head, work);
    const result = await s.who.gs(s.repo, 'restore', 'forged');
    exits(result, 0);
    for (const name of names) expect(readFileSync(path.join(s.repo, name), 'utf8')).toBe(name);
    const { saved } = JSON.parse(await s.who.ok(s.repo, 'save', 'forged', '--json')) as {
      saved: { oid: string }[];
    };
    const again = JSON.parse(await s.who.git(s.repo, 'cat-file', 'blob', saved[0]!.oid)) as Snapshot;
    const listed = await s.who.git(s.repo, 'ls-tree', '-r', '-z', '--name-only', `${again.git.work!}^3`);
    expect(listed.split('\0').slice(0, -1).toSorted()).toEqual(names.toSorted());
    const linked = await s.who.gs(s.repo, 'restore', 'forged', '--worktree', '--as', 'second');
    exits(linked, 0);
    const [tree] = readdirSync(`${s.repo}.sessions`);
    for (const name of names)
      expect(readFileSync(path.join(`${s.repo}.sessions`, tree!, name), 'utf8')).toBe(name);
  });

  test('attack C26: the ref moves while the question is asked: what was shown is what runs', async () => {
    const s = await scene();
    const shown = path.join(s.who.dir, 'shown');
    const pane = (file: string) =>
      snapshot(s.head, (x) => void (x.tmux.windows = windowsOf([typedPane(['touch', file])])));
    const good = await forge(s.who, s.repo, pane(shown));
    const evil = await forge(s.who, s.repo, pane(s.canary), { name: 'evil' });
    const t = new Terminal(s.who, s.repo, 'git', ['session', 'restore', 'forged']);
    await t.shows('Start them?');
    expect(t.output).toContain(shown);
    expect(t.output).not.toContain(s.canary);
    await s.who.git(s.repo, 'update-ref', good.ref, evil.oid);
    await s.who.git(s.repo, 'replace', good.oid, evil.oid);
    t.pty.write('always\r');
    expect(await t.ended()).toBe(0);
    await waitFor(() => existsSync(shown), 'the command that was shown');
    const [first] = await panes(s.who, 'forged');
    await settle(s.who, first!.id);
    untouched(s);
    // What was approved for good is what was shown too.
    const again = await s.who.gs(s.repo, 'restore', 'forged', '--as', 'again');
    expect(again.code).not.toBe(0);
    if ((await stateOf(s.who, s.repo)).includes(' again ')) {
      const [second] = await panes(s.who, 'again');
      await settle(s.who, second!.id);
    }
    untouched(s);
  });
});
