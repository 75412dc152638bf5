import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Person, person, waitFor } from '../support/harness.ts';

const create = async (ann: Person, repo: string, name: string) =>
  JSON.parse(await ann.ok(repo, 'create', '--json', name)) as { id: string };

const sessions = async (ann: Person) =>
  (await ann.tmux('list-sessions', '-F', '#{session_name} #{@git-session-name}')).split('\n').toSorted();

const recordName = (repo: string, id: string) =>
  JSON.parse(readFileSync(path.join(repo, '.git/git-session/live', id, 'record.json'), 'utf8'))
    .name as string;

test('M5 rename gives a live session another name everywhere, keeps its id, and leaves its neighbor', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { id } = await create(ann, repo, 'auth');
  const neighbor = await create(ann, repo, 'auth-2');
  const result = JSON.parse(await ann.ok(repo, 'rename', '--json', 'auth', 'team/login'));
  expect(result).toMatchObject({
    ok: true,
    id,
    from: 'auth',
    to: 'team/login',
    snapshots: 0,
    tmux: 'team/login',
  });
  expect(await sessions(ann)).toEqual(['auth-2 auth-2', 'team/login team/login']);
  expect([recordName(repo, id), recordName(repo, neighbor.id)]).toEqual(['team/login', 'auth-2']);
  expect(await ann.tmux('show-options', '-v', '-t', '=team/login:', '@git-session-id')).toBe(id);
  expect(await ann.ok(repo, 'rename', id, 'auth')).toBe('Renamed team/login to auth (the tmux session)\n');
  // With snapshots, these go along.
  await ann.ok(repo, 'save', '-t', 'auth');
  expect(await ann.ok(repo, 'rename', 'auth', 'both')).toBe(
    'Renamed auth to both (1 snapshot, and the tmux session)\n',
  );
  expect(await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions/both')).toContain(
    '/snapshot',
  );
  expect(recordName(repo, id)).toBe('both');
});

test('M5 a name that is taken, unknown, or not for tmux changes nothing', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { id } = await create(ann, repo, 'auth');
  await create(ann, repo, 'auth-2');
  await ann.tmux('new-session', '-d', '-s', 'own');
  const other = await ann.repo('other');
  await create(ann, other, 'theirs');
  const before = await sessions(ann);
  const cases: [string[], string][] = [
    [['auth', 'auth-2'], 'session-exists'],
    [['auth', 'own'], 'session-exists'],
    [['auth', 'v1.2'], 'invalid-name'],
    [['aut', 'x'], 'not-found'],
    [['auth*', 'x'], 'not-found'],
    [['theirs', 'x'], 'not-found'],
  ];
  for (const [args, code] of cases) {
    const result = await ann.gs(repo, 'rename', '--json', ...args);
    expect([args, JSON.parse(result.stdout).error.code]).toEqual([args, code]);
  }
  expect(await sessions(ann)).toEqual(before);
  expect(recordName(repo, id)).toBe('auth');
});

test('M5 the old name may be an identifier, exactly; the new one takes its place, and one of a neighbor is free', async () => {
  const ann = person();
  const repo = await ann.repo();
  const run = async (id: string) =>
    JSON.parse(await ann.ok(repo, 'run', '--json', '--id', id, 'exec cat')) as { id: string; name: string };
  const [api, web] = [await run('api'), await run('web')];
  expect((await ann.gs(repo, 'rename', 'ap', 'x')).code).toBe(1);
  expect(await ann.ok(repo, 'rename', 'api', 'web')).toBe(`Renamed ${api.name} to web (the tmux session)\n`);
  expect(await ann.tmux('show-options', '-v', '-t', '=web:', '@git-session-id')).toBe(api.id);
  expect(await ann.tmux('show-options', '-v', '-t', '=web:', '@git-session-identifier')).toBe('web');
  // The other one is called by its name as long as the word is taken.
  await ann.ok(repo, 'rename', 'web', 'server');
  const rows = JSON.parse(await ann.ok(repo, 'list', '--json')) as Record<string, unknown>[];
  expect(new Set(rows.map((r) => [r['id'], r['identifier'], r['name']].join(' ')))).toEqual(
    new Set([`${api.id} server server`, `${web.id} web ${web.name}`]),
  );
  expect(await ann.ok(repo, 'list')).not.toContain('api');
  // Names are told apart, identifiers asked for.
  await run('web');
  const several = await ann.gs(repo, 'rename', '--json', 'web', 'x');
  expect(JSON.parse(several.stdout).error.code).toBe('ambiguous');
});

test('M5 with a new name alone it is the session that it runs in', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { id } = await create(ann, repo, 'auth');
  await create(ann, repo, 'auth-2');
  expect((await ann.gs(repo, 'rename', 'login')).code).toBe(129);
  await ann.tmux('set-environment', '-g', 'PATH', ann.env['PATH']!);
  await ann.tmux('new-window', '-t', '=auth:', '-c', repo, 'git session rename login');
  await waitFor(() => recordName(repo, id) === 'login', 'the new name');
  expect(await sessions(ann)).toEqual(['auth-2 auth-2', 'login login']);
});

test('M5 the history of a session that has ended follows to its new name', async () => {
  const ann = person();
  const repo = await ann.repo();
  const directory = path.join(ann.home, '.local/share/git-session/history');
  const saved = () => (existsSync(directory) ? readdirSync(directory).filter((f) => f.endsWith('.txt')) : []);
  const { id } = await create(ann, repo, 'auth');
  await ann.ok(repo, 'kill', 'auth');
  await waitFor(() => saved().length === 1, 'the history');
  expect(await ann.ok(repo, 'rename', 'auth', 'login')).toBe('Renamed auth to login\n');
  expect(saved()).toEqual([`login-${id.slice(0, 8)}.txt`]);
  expect(recordName(repo, id)).toBe('login');
});

test('M5 of two that have ended and are called alike the id must be said, and one that lives is meant', async () => {
  const ann = person();
  const repo = await ann.repo();
  const made: string[] = [];
  for (let i = 0; i < 2; i++) {
    made.push((await create(ann, repo, 'twin')).id);
    await ann.ok(repo, 'kill', '--yes', 'twin');
  }
  const several = await ann.gs(repo, 'rename', '--json', 'twin', 'other');
  expect([several.code, JSON.parse(several.stdout).error]).toMatchObject([
    1,
    {
      ...{ code: 'ambiguous', data: { candidates: made } },
      hints: made.map((id) =>
        expect.stringMatching(
          new RegExp(`^git session rename ${id} other {2}# terminated, \\d{4}-.*Z$`, 'u'),
        ),
      ),
    },
  ]);
  await ann.ok(repo, 'rename', made[0]!, 'first');
  expect([recordName(repo, made[0]!), recordName(repo, made[1]!)]).toEqual(['first', 'twin']);
  const { id } = await create(ann, repo, 'twin');
  await ann.ok(repo, 'rename', 'twin', 'alive');
  expect([recordName(repo, id), recordName(repo, made[1]!)]).toEqual(['alive', 'twin']);
});
