import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Person, person } from '../support/harness.ts';
import { refs, world } from '../support/two-clones.ts';

async function scene(...options: string[]): Promise<{ ann: Person; repo: string; id: string }> {
  const ann = person();
  const repo = await ann.repo();
  const made = JSON.parse(await ann.ok(repo, 'create', '--json', ...options, 'work')) as { id: string };
  return { ann, repo, id: made.id };
}

const segments = async (ann: Person, repo: string) =>
  (await refs(ann, repo)).filter((ref) => ref.endsWith('/events'));
const types = async (ann: Person, repo: string, name = 'work') =>
  (JSON.parse(await ann.ok(repo, 'events', '--json', name)) as { events: { type: string }[] }).events.map(
    (e) => e.type,
  );
/** A run that has ended; its name. */
const ended = async (ann: Person, repo: string) =>
  (
    JSON.parse(await ann.ok(repo, 'run', '--wait', '--json', '--id', 'once', '--', 'true')) as {
      name: string;
    }
  ).name;
const journals = (repo: string) => readdirSync(path.join(repo, '.git/git-session/journal'));
const status = async (ann: Person, repo: string, name = 'work') =>
  (JSON.parse(await ann.ok(repo, 'list', '--json')) as { name: string; status: string }[]).find(
    (row) => row.name === name,
  )?.status;

describe('P3 V5 list and show tell the state', () => {
  test('L2 L10 created, running, paused, completed, failed, terminated', async () => {
    const { ann, repo } = await scene('--no-start');
    expect(await status(ann, repo)).toBe('created');
    await ann.ok(repo, 'exec', 'work', 'true');
    expect(await status(ann, repo)).toBe('created');
    await ann.ok(repo, 'start', 'work');
    expect(await status(ann, repo)).toBe('running');
    await ann.ok(repo, 'pause', '-m', 'to eat', 'work');
    expect(await status(ann, repo)).toBe('paused');
    expect(await ann.ok(repo, 'show', 'work')).toMatch(/^Status: +paused, to eat$/mu);
    expect(JSON.parse(await ann.ok(repo, 'show', '--json', 'work'))).toMatchObject({ status: 'paused' });
    await ann.ok(repo, 'complete', 'work');
    expect(await status(ann, repo)).toBe('completed');
    await ann.ok(repo, 'create', 'other');
    await ann.ok(repo, 'fail', '-m', 'no luck', 'other');
    expect(await ann.ok(repo, 'list', '--verbose', 'other')).toMatch(/ failed .* no luck$/mu);
    await ann.ok(repo, 'create', 'third');
    await ann.ok(repo, 'kill', 'third');
    expect(await status(ann, repo, 'third')).toBe('terminated');
    await ann.killServer();
    expect(await status(ann, repo)).toBe('completed');
    expect(await status(ann, repo, 'other')).toBe('failed');
  });

  test('L7 --filter paused finds it, --active is created, running and paused', async () => {
    const { ann, repo } = await scene();
    await ann.ok(repo, 'create', '--no-start', 'new');
    await ann.ok(repo, 'create', 'done');
    await ann.ok(repo, 'create', 'running');
    await ann.ok(repo, 'pause', '-m', 'x', 'work');
    await ann.ok(repo, 'complete', 'done');
    const names = async (...args: string[]) =>
      (JSON.parse(await ann.ok(repo, 'list', '--json', ...args)) as { name: string }[])
        .map((row) => row.name)
        .toSorted();
    expect(await names('--filter', 'paused')).toEqual(['work']);
    expect(await names('--filter', 'created')).toEqual(['new']);
    expect(await names('--active')).toEqual(['new', 'running', 'work']);
  });

  test('V5 a session that lives again after it was killed is not shown as dead', async () => {
    const { ann, repo } = await scene();
    await ann.killServer();
    expect(await status(ann, repo)).toBe('terminated');
    await ann.ok(repo, 'exec', 'work', 'true');
    expect(await status(ann, repo)).toBe('running');
    await ann.ok(repo, 'kill', 'work');
    await ann.ok(repo, 'exec', 'work', 'true');
    expect(await status(ann, repo)).toBe('running');
  });
});

describe('O13 exec', () => {
  test('writes an event, with what looks like a secret taken out', async () => {
    const { ann, repo } = await scene();
    const secret = `ghp_${'a1B2'.repeat(9)}`;
    await ann.ok(repo, 'exec', 'work', `: token ${secret}`);
    const text = await ann.ok(repo, 'events', 'work');
    expect(text).toMatch(/command-executed +ok in [^:]*: : token/u);
    expect(text).not.toContain(secret);
  });

  test('an event that cannot be written is a warning, and the exit code is the command’s', async () => {
    const { ann, repo } = await scene();
    await ann.run('rm', ['-rf', path.join(repo, '.git/git-session/journal')]);
    await ann.run('touch', [path.join(repo, '.git/git-session/journal')]);
    const result = await ann.gs(repo, 'exec', 'work', 'echo out; exit 7');
    expect(result).toMatchObject({ code: 7, stdout: 'out\n' });
    expect(result.stderr).toMatch(/^warning: the command is not in the log of 'work': /mu);
  });
});

describe('flush, push, gc', () => {
  test('flush puts new events into one segment, and nothing twice', async () => {
    const { ann, repo } = await scene();
    await ann.ok(repo, 'create', 'other');
    await ann.ok(repo, 'exec', 'work', 'true');
    await ann.ok(repo, 'exec', 'work', 'true');
    await ann.ok(repo, 'pause', '-m', 'x', 'other');
    expect(await segments(ann, repo)).toHaveLength(2);
    expect(await ann.ok(repo, 'flush', 'work')).toBe('Flushed work (2 events)\n');
    expect(await segments(ann, repo)).toHaveLength(3);
    const all = JSON.parse(await ann.ok(repo, 'flush', '--all', '--json')) as { flushed: unknown[] };
    expect(all.flushed).toMatchObject([{ name: 'other', records: 1 }]);
    const again = await ann.gs(repo, 'flush', '--all');
    expect(again).toMatchObject({ code: 0, stdout: '' });
    expect(again.stderr).toContain('nothing to flush');
    expect((await ann.gs(repo, 'flush', '--all', 'work')).code).toBe(129);
  });

  test('push flushes first, also by the name of a session that was never saved; --dry-run does not', async () => {
    const { ann, bob, a, b } = await world();
    await ann.ok(a, 'create', 'work');
    await ann.ok(a, 'create', 'other');
    await ann.ok(a, 'pause', '-m', 'x', 'work');
    await ann.ok(a, 'push', '--dry-run');
    expect(await segments(ann, a)).toHaveLength(2);
    expect(await ann.ok(a, 'push', 'origin', 'work')).toBe('Pushed work (events) to origin\n');
    await bob.ok(b, 'fetch');
    expect(await types(bob, b)).toEqual(['started', 'paused']);
    expect((await bob.gs(b, 'events', 'other')).code).toBe(1);
  });

  test('gc joins the segments of this clone, and says how many', async () => {
    const { ann, repo } = await scene();
    await ann.ok(repo, 'pause', '-m', 'x', 'work');
    await ann.ok(repo, 'flush', 'work');
    await ann.ok(repo, 'complete', 'work');
    const before = await types(ann, repo);
    expect(await segments(ann, repo)).toHaveLength(3);
    await ann.ok(repo, 'gc', '--dry-run');
    expect(await segments(ann, repo)).toHaveLength(3);
    expect(await ann.ok(repo, 'gc')).toBe('Joined the log of work: 3 segments are 1 now\n');
    expect(await segments(ann, repo)).toHaveLength(1);
    expect(await types(ann, repo)).toEqual(before);
    expect(await ann.ok(repo, 'state', 'work')).toBe('completed\n');
  });

  test('kill notes the end of every session in git, and of a run that was faster its exit code', async () => {
    const { ann, repo } = await scene();
    await ann.ok(repo, 'create', 'other');
    await ended(ann, repo);
    await ann.ok(repo, 'kill', '--all', '--yes');
    expect(await types(ann, repo)).toEqual(['started', 'failed']);
    expect(await types(ann, repo, 'other')).toEqual(['started', 'failed']);
    expect(await types(ann, repo, 'once')).toEqual(['started', 'completed']);
    expect(await segments(ann, repo)).toHaveLength(6);
    expect((await ann.gs(repo, 'flush', '--all')).stderr).toContain('nothing to flush');
  });
});

describe('delete and rename', () => {
  test('O14 delete of a whole session leaves nothing of its log, and that of others alone', async () => {
    const { ann, repo, id } = await scene();
    await ann.ok(repo, 'create', 'other');
    await ann.ok(repo, 'save', '-t', 'work');
    await ann.ok(repo, 'kill', 'work');
    expect(journals(repo)).toHaveLength(2);
    await ann.ok(repo, 'delete', 'work');
    expect(journals(repo).filter((file) => file.startsWith(id))).toEqual([]);
    const left = await segments(ann, repo);
    expect(left.filter((ref) => ref.startsWith('refs/sessions/other/'))).toHaveLength(1);
    expect((await ann.gs(repo, 'events', 'work')).code).toBe(1);
    expect(await types(ann, repo, 'other')).toEqual(['started']);
    // Only the tombstone of the snapshot.
    expect(left.filter((ref) => ref.startsWith('refs/sessions/work/'))).toHaveLength(1);
  });

  test('O14 a session that was never saved goes too; one snapshot of several takes no log away', async () => {
    const { ann, repo } = await scene();
    await ann.ok(repo, 'save', '-t', 'work');
    await ann.ok(repo, 'save', '-t', 'work', '-m', 'second');
    await ann.ok(repo, 'delete', 'work~1');
    expect(await types(ann, repo)).toContain('started');
    const name = await ended(ann, repo);
    expect((await segments(ann, repo)).filter((ref) => ref.includes(name))).toHaveLength(1);
    await ann.ok(repo, 'delete', name);
    expect((await segments(ann, repo)).filter((ref) => ref.includes(name))).toEqual([]);
    expect(journals(repo)).toHaveLength(1);
  });

  test('O14 a session of which only the log is left goes too', async () => {
    const { ann, repo, id } = await scene();
    await ann.ok(repo, 'kill', 'work');
    await ann.run('rm', ['-r', path.join(repo, '.git/git-session/live', id)]);
    expect(await types(ann, repo)).toEqual(['started', 'failed']);
    await ann.ok(repo, 'delete', 'work');
    expect(await segments(ann, repo)).toEqual([]);
    expect(journals(repo)).toEqual([]);
    expect((await ann.gs(repo, 'events', 'work')).code).toBe(1);
    expect((await ann.gs(repo, 'delete', 'work')).code).toBe(1);
  });

  test('with a remote, other clones get to know that the session is gone', async () => {
    const { ann, bob, a, b, origin } = await world();
    const name = await ended(ann, a);
    await ann.ok(a, 'push');
    await bob.ok(b, 'fetch');
    expect(await types(bob, b, name)).toEqual(['started']);
    await ann.ok(a, 'delete', '--remote', name);
    await bob.ok(b, 'fetch');
    expect((await bob.gs(b, 'events', name)).code).toBe(1);
    expect((await ann.gs(a, 'events', name)).code).toBe(1);
    expect((await refs(ann, origin)).filter((ref) => ref.includes(name))).toHaveLength(1);
  });

  test('M5 rename takes the log along, of a session that was never saved as well', async () => {
    const { ann, repo } = await scene();
    await ann.ok(repo, 'pause', '-m', 'x', 'work');
    await ann.ok(repo, 'flush', 'work');
    const before = await types(ann, repo);
    await ann.ok(repo, 'rename', 'work', 'project');
    expect((await segments(ann, repo)).every((ref) => ref.startsWith('refs/sessions/project/'))).toBe(true);
    expect(await types(ann, repo, 'project')).toEqual(before);
    expect(await ann.ok(repo, 'flush', '--all')).toBe('');
    await ann.ok(repo, 'save', '-t', 'project');
    await ann.ok(repo, 'rename', 'project', 'third');
    expect(await types(ann, repo, 'third')).toEqual(before);
    const logs = (await segments(ann, repo)).filter((ref) => ref.startsWith('refs/sessions/third/'));
    expect(logs).toHaveLength(2);
    expect(existsSync(path.join(repo, '.git/git-session/journal'))).toBe(true);
  });
});
