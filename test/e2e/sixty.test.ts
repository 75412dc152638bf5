import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type Person, person, waitFor } from '../support/harness.ts';

const COUNT = 60;

/** Processes that belong to this person: their HOME, or their directory in their arguments. */
function processesOf(ann: Person): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
        return environment.includes(`HOME=${ann.home}\0`) ? [command] : [];
      } catch {
        return [];
      }
    });
}

const filesBelow = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted();

async function inGroups<T>(all: readonly T[], action: (one: T) => Promise<unknown>): Promise<void> {
  const rest = [...all];
  const worker = async () => {
    for (let one = rest.shift(); one !== undefined; one = rest.shift()) await action(one);
  };
  await Promise.all(Array.from({ length: 6 }, worker));
}

test('Z1, M6, M9, C20 sixty sessions: made, listed, executed in, saved, killed by pattern; nothing else is touched', async () => {
  const ann = person();
  const repo = await ann.repo();
  const temporaryBefore = readdirSync(tmpdir()).filter((name) => name.includes('git-session'));
  // Neighbors: one whose name is a prefix of all, one that only begins alike, and one that is nobody's.
  await ann.ok(repo, 'create', 'job');
  await ann.ok(repo, 'create', 'job-');
  await ann.tmux('new-session', '-d', '-s', 'job-x', '-c', ann.dir);
  const names = Array.from({ length: COUNT }, (_, i) => `job-${String(i).padStart(2, '0')}-task`);
  await inGroups(names, (name) => ann.ok(repo, 'create', name));

  const listed = JSON.parse(await ann.ok(repo, 'list', '--json', 'job-')) as {
    name: string;
    status: string;
  }[];
  expect(listed.filter((row) => row.status === 'running').length).toBe(COUNT + 1);
  for (const name of names) expect(listed.map((row) => row.name)).toContain(name);

  await inGroups(names, async (name) => {
    const out = await ann.ok(repo, 'exec', name, '--', 'sh', '-c', 'echo "$GIT_SESSION_NAME $1"', 'sh', name);
    expect(out).toBe(`${name} ${name}\n`);
  });

  await ann.ok(repo, 'save', '--all', '-q');
  const refs = (await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions')).split('\n');
  for (const name of names) {
    expect(
      refs.filter((ref) => ref.startsWith(`refs/sessions/${name}/`) && ref.endsWith('/snapshot')).length,
    ).toBe(1);
  }

  // Nobody is asked without a terminal, and nothing happens.
  const asked = await ann.gs(repo, 'kill', 'job-*-task');
  expect(asked.code).toBe(1);
  expect((await ann.tmux('list-sessions', '-F', '#{session_name}')).split('\n').length).toBe(COUNT + 3);
  const several = await ann.gs(repo, 'kill', 'job-');
  expect(several.code).toBe(0); // an exact name, of which all others are longer forms
  const killed = await ann.ok(repo, 'kill', '--yes', 'job-*-task');
  expect(killed.trimEnd().split('\n').length).toBe(COUNT);
  expect((await ann.tmux('list-sessions', '-F', '#{session_name}')).split('\n').toSorted()).toEqual([
    'job',
    'job-x',
  ]);

  const after = JSON.parse(await ann.ok(repo, 'list', '--json', '--filter', 'terminated')) as {
    name: string;
  }[];
  expect(after.length).toBe(COUNT + 1);

  // Of processes, the server and the shells of the two that live; of files, no temporary one and no lock.
  await waitFor(() => processesOf(ann).length === 3, `processes to end: ${processesOf(ann).join('; ')}`);
  const left = [...filesBelow(path.join(repo, '.git')), ...filesBelow(ann.home)];
  expect(left.filter((file) => /(?:^|\/)tmp_|\.(?:tmp|lock|new)(?:$|[.\d])|index\.lock/u.test(file))).toEqual(
    [],
  );
  expect(left.filter((file) => file.includes('git-session/run/'))).toEqual([]);
  expect(readdirSync(tmpdir()).filter((name) => name.includes('git-session'))).toEqual(temporaryBefore);
  expect((await ann.git(repo, 'worktree', 'list')).split('\n').length).toBe(1);
  expect(await ann.git(repo, 'status', '--porcelain')).toBe('');
});
