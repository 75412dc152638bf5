import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person, PROGRAM, type Result, waitFor } from '../support/harness.ts';
import { shellTerminal } from '../support/terminal.ts';

/** Names that a shell, or tmux itself, could take for something else. */
const HOSTILE = [
  'two  words',
  '*',
  'o?e',
  'on',
  '$(touch pwned)',
  '`touch pwned`',
  "it's",
  'a"b',
  'a;b',
  '=one',
  '#(touch pwned)',
  '#{pid}',
  '100%',
  '~',
  'ünïcödé',
  '[a-z]',
  '$0',
  '@1',
  '%0',
  '!',
  '{last}',
  'switch',
];

class Machine {
  readonly who: Person;
  readonly repo: string;
  private readonly node: string;

  constructor(who: Person, repo: string) {
    this.who = who;
    this.repo = repo;
    this.node = path.join(who.dir, 'fake node');
    // Writes its arguments down, and does nothing.
    writeFileSync(this.node, `#!/bin/sh\nprintf '%s\\0' "$@" >'${this.node}.log'\nexit 7\n`);
    chmodSync(this.node, 0o755);
  }

  /** What node was started with by the last command; null where it was not. */
  nodeArguments(): string[] | null {
    const log = `${this.node}.log`;
    return existsSync(log) ? readFileSync(log, 'utf8').split('\0').slice(0, -1) : null;
  }

  /** The session that the one terminal shows. */
  shown(): Promise<string> {
    return this.who.tmux('list-clients', '-F', '#{session_id}');
  }

  id(name: string): Promise<string> {
    return this.who.tmux('list-sessions', '-F', '#{session_id}', '-f', `#{==:#{session_name},${name}}`);
  }

  /** As a program in the pane of the session that the terminal shows. */
  async environment(session?: string): Promise<Record<string, string>> {
    const own = session ?? (await this.shown());
    const format = '#{socket_path},#{pid}\n#{pane_id}';
    const [server, pane] = (await this.who.tmux('display-message', '-p', '-t', `${own}:`, format)).split(
      '\n',
    );
    return { TMUX: `${server},${own.slice(1)}`, TMUX_PANE: pane! };
  }

  /** Runs the program with the node that does nothing. */
  async front(args: string[], shell: string[] = [], env: Record<string, string | undefined> = {}) {
    rmSync(`${this.node}.log`, { force: true });
    const inside = await this.environment();
    const [program = PROGRAM, ...words] = [...shell, PROGRAM, ...args];
    return this.who.run(program, words, {
      cwd: this.repo,
      env: { ...inside, GIT_SESSION_NODE: this.node, ...env },
    });
  }

  async viaNode(args: string[], env: Record<string, string | undefined> = {}): Promise<Result> {
    const inside = await this.environment();
    return this.who.gsWith({ cwd: this.repo, env: { ...inside, ...env } }, 'switch', ...args);
  }
}

/** Sessions `one`, which a terminal shows, and `other`. */
async function machine(): Promise<Machine> {
  const who = person();
  const m = new Machine(who, await who.repo());
  await who.tmux('new-session', '-d', '-s', 'one', '-x', '80', '-y', '24', '-c', m.repo);
  await who.tmux('new-session', '-d', '-s', 'other', '-c', m.repo);
  shellTerminal(who, m.repo, 'tmux', ['-S', who.socket, 'attach-session', '-t', '=one']);
  const one = await m.id('one');
  await waitFor(async () => (await m.shown()) === one, 'the terminal');
  return m;
}

/** Where a command for a shell leads to; null where there is none. */
function programOf(shell: string): string | null {
  const places = (process.env['PATH'] ?? '').split(':').map((dir) => path.resolve(dir, shell.split(' ')[0]!));
  const found = places.find((file) => existsSync(file));
  return found === undefined ? null : realpathSync(found);
}

/** Each once: `/bin/sh` is one of the others on most systems. */
const SHELLS = ['/bin/sh', 'dash', 'bash --posix', 'busybox sh'].filter((shell, i, all) => {
  const program = programOf(shell);
  const before = all.slice(0, i).map(programOf);
  return program !== null && (shell !== 'dash' || !before.includes(program));
});

describe('the front without node', () => {
  test.each(SHELLS)('C15 Z2 switches by name and by identifier, and prints nothing (%s)', async (shell) => {
    const m = await machine();
    const words = shell.split(' ');
    const other = await m.id('other');
    expect(await m.front(['switch', 'other'], words)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect([await m.shown(), m.nodeArguments()]).toEqual([other, null]);
    await m.who.tmux('set-option', '-t', '=one:', '@git-session-identifier', 'fix the parser, #1');
    expect(await m.front(['switch', 'fix the parser, #1'], words)).toMatchObject({
      ...{ code: 0, stdout: '', stderr: '' },
    });
    expect([await m.shown(), m.nodeArguments()]).toEqual([await m.id('one'), null]);
  });

  test('C15 as a git command, also with another configuration of tmux', async () => {
    const m = await machine();
    const env = { ...(await m.environment()), GIT_SESSION_NODE: '/no/such node' };
    const other = await m.id('other');
    expect(await m.who.gsWith({ cwd: m.repo, env }, 'switch', 'other')).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(await m.shown()).toBe(other);
    // Without a setting the server is that of $TMUX.
    await m.who.git(m.repo, 'config', '--global', '--unset', 'session.tmuxCommand');
    expect(await m.front(['switch', 'one'])).toMatchObject({ code: 0, stderr: '' });
    expect([await m.shown(), m.nodeArguments()]).toEqual([await m.id('one'), null]);
  });

  test.each(SHELLS)(
    'names of any kind mean one session or none (%s)',
    { timeout: 240_000 },
    async (shell) => {
      const m = await machine();
      const words = shell.split(' ');
      for (const [i, name] of HOSTILE.entries()) {
        const from = await m.shown();
        // While no session is called so, nothing is switched.
        expect(await m.front(['switch', name], words), name).toMatchObject({
          code: 7,
          stdout: '',
          stderr: '',
        });
        expect(m.nodeArguments()?.slice(-2), name).toEqual(['switch', name]);
        expect(await m.shown(), name).toBe(from);
        const id = await m.who.tmux('new-session', '-d', '-P', '-F', '#{session_id}', '-c', m.repo);
        await m.who.tmux('set-option', '-t', `${id}:`, '@git-session-identifier', `id ${i} ${name}`);
        await m.who.tmux('rename-session', '-t', id, '--', name.replace(/#/gu, '##'));
        expect(await m.front(['switch', `id ${i} ${name}`], words), name).toMatchObject({
          code: 0,
          stderr: '',
        });
        expect([await m.shown(), m.nodeArguments()], name).toEqual([id, null]);
        await m.front(['switch', 'one'], words);
        await m.front(['switch', name], words);
        // What tmux stores in another form is left to node, and switches nowhere else.
        expect([id, await m.id('one')], name).toContain(await m.shown());
        if (m.nodeArguments() === null) expect(await m.shown(), name).toBe(id);
        await m.front(['switch', 'one'], words);
      }
      expect(existsSync(path.join(m.repo, 'pwned'))).toBe(false);
    },
  );

  test.each([
    ['an option', ['switch', '-h']],
    ['--json', ['switch', 'other', '--json']],
    ['an option before', ['switch', '--json', 'other']],
    ['no name', ['switch']],
    ['two names', ['switch', 'other', 'one']],
    ['an empty name', ['switch', '']],
    ['the last session', ['switch', '-']],
    ['a name like an option', ['switch', '-x']],
    ['a part of a name', ['switch', 'othe']],
    ['a pattern', ['switch', 'oth*']],
    ['two lines', ['switch', 'one\nother']],
    ['a line break at the end', ['switch', 'other\n']],
    ['a tab', ['switch', 'other\t']],
    ['a backslash', ['switch', 'oth\\er']],
    ['an id', ['switch', '$1']],
    ['another command', ['list', 'other']],
    ['another word', ['switches', 'other']],
  ])('leaves %s to node, with the arguments as they are', async (_, args) => {
    const m = await machine();
    const from = await m.shown();
    expect(await m.front(args)).toMatchObject({ code: 7, stdout: '', stderr: '' });
    expect(m.nodeArguments()).toEqual(['--', PROGRAM, ...args]);
    expect(await m.shown()).toBe(from);
  });

  test.each<[string, Record<string, string | undefined>]>([
    ['outside of tmux', { TMUX: undefined }],
    ['with an empty $TMUX', { TMUX: '' }],
    ['in no pane', { TMUX_PANE: undefined }],
    ['in a pane that is none', { TMUX_PANE: '%1 x' }],
    ['in a pane that has gone', { TMUX_PANE: '%999' }],
    ['inside of another server', { TMUX: '/elsewhere/tmux,1,0' }],
    ['with a broken $TMUX', { TMUX: 'x' }],
  ])('leaves it to node %s', async (_, env) => {
    const m = await machine();
    const from = await m.shown();
    expect(await m.front(['switch', 'other'], [], env)).toMatchObject({ code: 7, stderr: '' });
    expect(m.nodeArguments()?.slice(-2)).toEqual(['switch', 'other']);
    expect(await m.shown()).toBe(from);
  });

  test.each(["tmux -S '%s'", 'tmux -S "%s"', String.raw`tm\ux -S %s`, 'no-such-tmux -S %s', '', '-S'])(
    'leaves a session.tmuxCommand of %j to node, where the tmux of the PATH is not enough',
    async (command) => {
      const m = await machine();
      const from = await m.shown();
      await m.who.tmux('rename-session', '-t', '=other', 'not plain');
      const value = command.replace('%s', m.who.socket);
      await m.who.git(m.repo, 'config', '--global', 'session.tmuxCommand', value);
      expect((await m.front(['switch', 'not plain'])).code).toBe(7);
      expect(m.nodeArguments()?.slice(-2)).toEqual(['switch', 'not plain']);
      expect(await m.shown()).toBe(from);
    },
  );

  test('leaves it to node where git has no answer, and the tmux of the PATH is not enough', async () => {
    const m = await machine();
    const from = await m.shown();
    await m.who.tmux('rename-session', '-t', '=other', 'not plain');
    const env = { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_COUNT: 'x' };
    expect(await m.front(['switch', 'not plain'], [], env)).toMatchObject({ code: 7, stderr: '' });
    expect(await m.shown()).toBe(from);
  });

  test.each(['exit 1', 'echo "server version is too old for client" >&2; exit 1', null])(
    'takes the tmux of the setting where the one of the PATH is of no use (%s)',
    async (script) => {
      const m = await machine();
      const other = await m.id('other');
      const places = path.join(m.who.dir, 'places');
      mkdirSync(places);
      for (const name of ['sh', 'git']) symlinkSync(programOf(name)!, path.join(places, name));
      if (script !== null) {
        writeFileSync(path.join(places, 'tmux'), `#!/bin/sh\n${script}\n`);
        chmodSync(path.join(places, 'tmux'), 0o755);
      }
      const real = `${programOf('tmux')} -S ${m.who.socket}`;
      await m.who.git(m.repo, 'config', '--global', 'session.tmuxCommand', real);
      expect(await m.front(['switch', 'other'], [], { PATH: places })).toMatchObject({ code: 0, stderr: '' });
      expect([await m.shown(), m.nodeArguments()]).toEqual([other, null]);
    },
  );

  test('does not take a session that is still built, nor one of two with an identifier', async () => {
    const m = await machine();
    const from = await m.shown();
    await m.who.tmux('set-option', '-t', '=other:', '@git-session-building', '4194999 nonce');
    expect((await m.front(['switch', 'other'])).code).toBe(7);
    await m.who.tmux('set-option', '-u', '-t', '=other:', '@git-session-building');
    for (const name of ['one', 'other']) {
      await m.who.tmux('set-option', '-t', `=${name}:`, '@git-session-identifier', 'twice');
    }
    expect((await m.front(['switch', 'twice'])).code).toBe(7);
    // A forged identifier is one text, whatever it holds.
    await m.who.tmux('set-option', '-t', '=one:', '@git-session-identifier', `x\n1 $9 forged\ty`);
    expect((await m.front(['switch', 'forged'])).code).toBe(7);
    expect(await m.shown()).toBe(from);
  });

  test('one tmux is enough for a plain name, and a name counts before an identifier', async () => {
    const m = await machine();
    const log = path.join(m.who.dir, 'tmux.log');
    const places = path.join(m.who.dir, 'places');
    mkdirSync(places);
    const wrapper = path.join(places, 'tmux');
    // What it says itself is no failure.
    writeFileSync(
      wrapper,
      `#!/bin/sh\necho tmux >>'${log}'\necho warning >&2\nexec '${programOf('tmux')}' "$@"\n`,
    );
    chmodSync(wrapper, 0o755);
    const env = { PATH: `${places}:${process.env['PATH']}` };
    const [one, other] = [await m.id('one'), await m.id('other')];
    await m.who.tmux('set-option', '-t', '=one:', '@git-session-identifier', 'other');
    expect(await m.front(['switch', 'other'], [], env)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect([await m.shown(), m.nodeArguments()]).toEqual([other, null]);
    await m.who.tmux('set-option', '-t', '=one:', '@git-session-identifier', 'issue-7');
    expect(await m.front(['switch', 'issue-7'], [], env)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect([await m.shown(), m.nodeArguments()]).toEqual([one, null]);
    expect(readFileSync(log, 'utf8')).toBe('tmux\ntmux\n');
  });

  test('does not switch another terminal from a session that none shows', async () => {
    const m = await machine();
    const from = await m.shown();
    const env = await m.environment(await m.id('other'));
    expect((await m.front(['switch', 'other'], [], env)).code).toBe(7);
    expect(await m.shown()).toBe(from);
  });
});

describe('git session switch', () => {
  test('C15 takes the only session that has the word in its name', async () => {
    const m = await machine();
    const other = await m.id('other');
    expect(await m.viaNode(['the'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await m.shown()).toBe(other);
    const back = await m.viaNode(['-']);
    expect(back).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(await m.shown()).toBe(await m.id('one'));
  });

  test('--json says where it went, also for an exact name', async () => {
    const m = await machine();
    const other = await m.id('other');
    const { code, stdout } = await m.viaNode(['--json', 'other']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ ok: true, id: null, name: 'other', tmux_id: other });
    expect(await m.shown()).toBe(other);
  });

  test('outside of a repository', async () => {
    const m = await machine();
    const env = await m.environment();
    const other = await m.id('other');
    expect(await m.who.gsWith({ cwd: m.who.home, env }, 'switch', 'the')).toMatchObject({
      code: 0,
      stderr: '',
    });
    expect(await m.shown()).toBe(other);
  });

  test('lists the candidates where there are several, and exits with 1', async () => {
    const m = await machine();
    await m.who.tmux('new-session', '-d', '-s', 'another');
    const from = await m.shown();
    const { code, stdout, stderr } = await m.viaNode(['--json', 'other']);
    expect([code, stderr]).toEqual([0, '']); // exact
    await m.front(['switch', 'one']);
    const several = await m.viaNode(['--json', 'othe']);
    expect(several.code).toBe(1);
    expect(JSON.parse(several.stdout).error).toMatchObject({
      code: 'ambiguous',
      data: { candidates: expect.arrayContaining(['other', 'another']) },
      hints: expect.arrayContaining(['git session switch other']),
    });
    expect(JSON.parse(stdout).ok).toBe(true);
    expect(await m.shown()).toBe(from);
  });

  test.each([
    ['a name that no session has', ['nothing'], 1, /no live session is called 'nothing'/u],
    ['no session before', ['-'], 1, /no session before/u],
    ['two names', ['one', 'other'], 129, /^error: /u],
  ])('says so: %s', async (_, args, code, message) => {
    const m = await machine();
    const result = await m.viaNode(args);
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
  });

  test('C14 C15 without a name it asks, and offers neither the current one nor what is left of a command', async () => {
    const m = await machine();
    await m.who.git(m.repo, 'config', 'session.picker', 'builtin');
    await m.who.ok(m.repo, 'run', '--wait', '--id', 'over', 'true');
    const other = await m.id('other');
    // Without a terminal nobody is asked.
    const none = await m.viaNode([]);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('say which session to switch to')]);
    await m.who.tmux('send-keys', '-t', '=one:', `clear; ${PROGRAM} switch`, 'Enter');
    await waitFor(async () => (await m.who.screen('=one:')).includes('other'), 'the list');
    const shown = await m.who.screen('=one:');
    expect(shown).not.toMatch(/gs-run-over|^\W*one\b/mu);
    await m.who.tmux('send-keys', '-t', '=one:', 'Enter');
    await waitFor(async () => (await m.shown()) === other, 'the switch');
    // The same outside of a repository; and where there is no other one, that is said.
    await m.who.tmux('send-keys', '-t', '=other:', `clear; cd /; ${PROGRAM} switch; echo code $?`, 'Enter');
    await waitFor(async () => /^\W*one\b/mu.test(await m.who.screen('=other:')), 'the list');
    await m.who.tmux('send-keys', '-t', '=other:', 'Escape');
    await waitFor(async () => (await m.who.screen('=other:')).includes('code 1'), 'the end of the list');
    await m.who.tmux('kill-session', '-t', '=one');
    await m.who.tmux('send-keys', '-t', '=other:', `clear; cd '${m.repo}'; ${PROGRAM} switch`, 'Enter');
    await waitFor(
      async () => (await m.who.screen('=other:')).includes('there is no other live session'),
      'the refusal',
    );
  });

  test('says how to attach where there is no terminal to switch', async () => {
    const m = await machine();
    const from = await m.shown();
    const outside = { TMUX: undefined, TMUX_PANE: undefined };
    expect(await m.viaNode(['other'], outside)).toMatchObject({
      code: 128,
      stderr: expect.stringMatching(/^fatal: not inside tmux.*\nhint: git session attach other\n$/u),
    });
    const unseen = await m.environment(await m.id('other'));
    expect(await m.viaNode(['other'], unseen)).toMatchObject({
      code: 128,
      stderr: expect.stringContaining('no terminal shows'),
    });
    expect(await m.viaNode(['other'], { TMUX: '/elsewhere/tmux,1,0' })).toMatchObject({
      code: 128,
      stderr: expect.stringContaining('another tmux server'),
    });
    expect(await m.shown()).toBe(from);
  });
});
