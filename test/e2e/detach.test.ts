import { expect, test } from 'vitest';
import { type Person, person, processExists, PROGRAM, waitFor } from '../support/harness.ts';
import { terminal } from '../support/terminal.ts';

const create = async (ann: Person, repo: string, name: string) =>
  JSON.parse(await ann.ok(repo, 'create', '--json', name)) as { id: string; pid: number };

async function clients(ann: Person): Promise<string[]> {
  const out = await ann.tmux('list-clients', '-F', '#{session_name} #{client_name}');
  return out.split('\n').filter(Boolean).toSorted();
}

/** Opens terminals on sessions, one after the other. */
async function show(ann: Person, repo: string, ...names: string[]) {
  const terminals = [];
  for (const name of names) {
    const before = (await clients(ann)).length;
    terminals.push(terminal(ann, repo, 'attach', name));
    await waitFor(async () => (await clients(ann)).length > before, `a terminal on ${name}`);
  }
  return terminals;
}

test('M4 C28 detach takes all terminals of a session and leaves its neighbor and what runs', async () => {
  const ann = person();
  const repo = await ann.repo();
  const { pid } = await create(ann, repo, 'auth');
  await create(ann, repo, 'auth-2');
  const [one, two] = await show(ann, repo, 'auth', 'auth', 'auth-2');
  expect(await ann.ok(repo, 'detach', 'auth')).toBe('Detached 2 terminals from auth\n');
  expect(await Promise.all([one!.ended, two!.ended])).toEqual([0, 0]);
  expect((await clients(ann)).map((c) => c.split(' ')[0])).toEqual(['auth-2']);
  expect(processExists(pid)).toBe(true);
  const none = await ann.gs(repo, 'detach', 'auth');
  expect([none.code, none.stderr]).toEqual([1, "error: no terminal shows 'auth'\n"]);
  expect((await ann.gs(repo, 'detach')).code).toBe(128);
  expect((await ann.gs(repo, 'detach', '--all', 'auth')).code).toBe(129);
});

test('M4 detach one terminal by its name, or those of all sessions of this repository', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'a');
  await create(ann, repo, 'b');
  await ann.tmux('new-session', '-d', '-s', 'own');
  await show(ann, repo, 'a', 'a', 'b', 'own');
  const first = (await clients(ann)).find((c) => c.startsWith('a '));
  const name = first!.split(' ')[1]!;
  const one = JSON.parse(await ann.ok(repo, 'detach', '--client', name.replace('/dev/', ''), '--json'));
  expect(one).toEqual({ ok: true, detached: [{ client: name, session: 'a' }] });
  expect((await ann.gs(repo, 'detach', '--client', name)).code).toBe(1);
  expect(JSON.parse(await ann.ok(repo, 'detach', '--all', '--json')).detached).toHaveLength(2);
  expect((await clients(ann)).map((c) => c.split(' ')[0])).toEqual(['own']);
});

test('detach inside tmux takes the terminal that one sits at', async () => {
  const ann = person();
  const repo = await ann.repo();
  await create(ann, repo, 'a');
  await create(ann, repo, 'b');
  const [a] = await show(ann, repo, 'a', 'b');
  await ann.tmux('send-keys', '-t', '=a:', `${PROGRAM} detach`, 'Enter');
  expect(await a!.ended).toBe(0);
  expect((await clients(ann)).map((c) => c.split(' ')[0])).toEqual(['b']);
});
