import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { person, type Person, waitFor } from '../support/harness.ts';
import { forge, plainSnapshot } from '../support/forge.ts';

const live = (repo: string) => path.join(repo, '.git/git-session/live');
const idOf = (ann: Person, name: string) =>
  ann.tmux('display-message', '-p', '-t', `=${name}:`, '#{@git-session-id}');

describe('a session whose tmux is gone', () => {
  test('R12, O5 exec brings it back where it was, with its id, its name and its log', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'x');
    const id = await idOf(ann, 'x');
    await ann.ok(repo, 'exec', 'x', 'true');
    await ann.killServer();
    const first = await ann.gs(repo, 'exec', 'x', 'pwd');
    expect(first).toMatchObject({ code: 0, stdout: `${repo}\n` });
    expect(first.stderr).toContain("made the tmux session 'x' anew");
    expect(await ann.gs(repo, 'exec', 'x', 'pwd')).toMatchObject({ stderr: '' });
    expect(await idOf(ann, 'x')).toBe(id);
    expect(readdirSync(live(repo))).toEqual([id]);
    expect((JSON.parse(await ann.ok(repo, 'log', '--json', 'x')) as unknown[]).length).toBe(3);
  });

  test('R12 one that was killed comes back too, and does not say that it was killed', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'x');
    const id = await idOf(ann, 'x');
    await ann.ok(repo, 'kill', '--yes', 'x');
    const ended = path.join(live(repo), id, 'ended.json');
    expect(existsSync(ended)).toBe(true);
    await ann.ok(repo, 'exec', 'x', 'true');
    expect(existsSync(ended)).toBe(false);
  });

  test('R12 the command of a run is not run again', async () => {
    const ann = person();
    const repo = await ann.repo();
    const name = (await ann.ok(repo, 'run', '--', 'sh', '-c', 'echo ran >> ran; exit 3')).trim();
    expect((await ann.gs(repo, 'wait', name)).code).toBe(3);
    await ann.ok(repo, 'save', '-t', name);
    await ann.killServer();
    expect(await ann.ok(repo, 'exec', name, 'cat ran')).toBe('ran\n');
    expect((await ann.gs(repo, 'wait', name)).code).toBe(3);
    expect(readFileSync(path.join(repo, 'ran'), 'utf8')).toBe('ran\n');
  });

  test('O5, O6 a saved one is restored from its newest snapshot, with its windows', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'x');
    await ann.tmux('new-window', '-d', '-t', '=x:', '-n', 'second', '-c', '/');
    await ann.ok(repo, 'save', '-t', 'x');
    const id = await idOf(ann, 'x');
    await ann.killServer();
    const back = await ann.gs(repo, 'exec', 'x', 'pwd');
    expect(back).toMatchObject({ code: 0, stdout: `${repo}\n` });
    expect(back.stderr).toContain("restored 'x' from x/");
    expect(await ann.tmux('list-windows', '-t', '=x:', '-F', '#{window_name}')).toContain('second');
    expect(await idOf(ann, 'x')).toBe(id);
  });

  test('C26, R12 nobody is asked: what no one approved is not started, and that is said', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'x');
    const id = await idOf(ann, 'x');
    const s = plainSnapshot(await ann.git(repo, 'rev-parse', 'HEAD'));
    s.session.name = 'x';
    s.session.id = id;
    s.tmux.sessions[0]!.name = 'x';
    const pane = s.tmux.windows[0]!.panes[0]!;
    pane.start = { argv: ['touch', 'pwned'] };
    await forge(ann, repo, s, { name: 'x', time: '20260101T000000000Z' });
    await ann.killServer();
    const back = await ann.gs(repo, 'exec', 'x', 'pwd');
    expect(back.code).toBe(0);
    expect(back.stderr).toContain('not started');
    expect(existsSync(path.join(repo, 'pwned'))).toBe(false);
  });

  test('R12 several at once bring it back once', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', 'x');
    await ann.killServer();
    const all = await Promise.all(Array.from({ length: 5 }, () => ann.gs(repo, 'exec', 'x', 'pwd')));
    expect(all.map((r) => [r.code, r.stdout])).toEqual(all.map(() => [0, `${repo}\n`]));
    await waitFor(async () => !(await ann.tmux('list-windows', '-a')).includes('exec'), 'the windows to go');
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe('x');
  });

  test('R12 one that was adopted comes back, and nothing in its name runs', async () => {
    const ann = person();
    const repo = await ann.repo();
    const name = `odd #(touch ${ann.dir}/pwned) "y"`;
    // tmux reads the name as a format.
    await ann.tmux('new-session', '-d', '-s', name.replaceAll('#', '##'), '-c', repo);
    await ann.ok(repo, 'adopt', name);
    await ann.killServer();
    expect(await ann.ok(repo, 'exec', name, 'pwd')).toBe(`${repo}\n`);
    expect(await ann.tmux('list-sessions', '-F', '#{session_name}')).toBe(name);
    expect(existsSync(path.join(ann.dir, 'pwned'))).toBe(false);
  });

  test('R12 its directory is gone: the shell is elsewhere, and that is said', async () => {
    const ann = person();
    const repo = await ann.repo();
    const place = path.join(ann.dir, 'place');
    await ann.run('mkdir', [place]);
    await ann.ok(repo, 'create', '-c', place, 'x');
    await ann.killServer();
    rmSync(place, { recursive: true });
    const back = await ann.gs(repo, 'exec', 'x', 'pwd');
    expect(back).toMatchObject({ code: 0, stdout: `${repo}\n` });
    expect(back.stderr).toContain('is gone: its shell is in');
  });
});

describe('a session of a name that tmux reads otherwise', () => {
  /** Adopted, and its tmux gone; somebody else's session has the id `$0` in the new server. */
  async function gone(name: string) {
    const ann = person();
    const repo = await ann.repo();
    await ann.tmux('new-session', '-d', '-s', name, '-c', repo);
    await ann.ok(repo, 'adopt', name);
    const [id, ...shown] = (
      await ann.tmux('list-sessions', '-F', '#{@git-session-id} #{session_name}')
    ).split(' ');
    await ann.killServer();
    await ann.tmux('new-session', '-d', '-s', 'other', '--', 'sleep', '1000');
    return { ann, repo, id: id!, shown: shown.join(' ') };
  }

  const sessions = async (ann: Person, format: string) =>
    (await ann.tmux('list-sessions', '-F', format)).split('\n').toSorted();

  for (const name of ['$0', 'a\\b', 'ä b']) {
    test(`R12 ${name} comes back under its name, and another session stays as it is`, async () => {
      const { ann, repo, id, shown } = await gone(name);
      const other = () => ann.tmux('list-panes', '-s', '-t', '$0:', '-F', '#{session_name} #{pane_pid}');
      const before = await other();
      expect(before).toMatch(/^other /u);
      expect(await ann.gs(repo, 'exec', id, 'pwd')).toMatchObject({ code: 0, stdout: `${repo}\n` });
      expect(await other()).toBe(before);
      const format = '#{session_id} #{@git-session-id} #{session_name}';
      expect(await sessions(ann, format)).toEqual(['$0  other', `$1 ${id} ${shown}`]);
    });
  }

  test('R12 several at once bring it back once, and nothing else stays', async () => {
    const { ann, repo, id } = await gone('$0');
    const all = await Promise.all(Array.from({ length: 5 }, () => ann.gs(repo, 'exec', id, 'pwd')));
    expect(all.map((r) => [r.code, r.stdout])).toEqual(all.map(() => [0, `${repo}\n`]));
    expect(await sessions(ann, '#{session_name}')).toEqual(['$0', 'other']);
  });

  test('R12 somebody else has its name now: that is said, and nothing is left behind', async () => {
    const { ann, repo, id } = await gone('$0');
    await ann.tmux('rename-session', '-t', '=other:', '$0');
    const back = await ann.gs(repo, 'exec', id, 'pwd');
    expect(back.code).toBe(128);
    expect(back.stderr).toContain("another tmux session is called '$0'");
    expect(await sessions(ann, '#{session_id} #{session_name}')).toEqual(['$0 $0']);
  });
});
