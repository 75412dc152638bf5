import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openSessions, type SessionEvent, type Sessions } from '../../src/index.ts';
import { forge, forgeBytes, plainSnapshot } from '../support/forge.ts';
import { type Person, person } from '../support/harness.ts';

const command = (text: string): SessionEvent => ({
  type: 'command-executed',
  data: { command: text, success: true, exitCode: 0, durationMs: 1 },
});

interface World {
  ann: Person;
  repo: string;
  /** Ended, of this clone. */
  done: string;
  /** It is paused, and its last event is in the journal only. */
  paused: string;
  /** Of another clone, fetched. */
  fetched: string;
}

async function world(): Promise<World> {
  const ann = person();
  const repo = await ann.repo();
  const sessions = await openSessions({ dir: repo });
  const done = (await sessions.createSession({ tmux: false, name: 'team/done', config: { focus: 'x' } })).id;
  await sessions.startSession(done);
  await sessions.recordEvent(done, command('make'));
  await sessions.saveCheckpoint(done, { message: 'here' });
  await sessions.completeSession(done);
  const paused = (await sessions.createSession({ tmux: false, name: 'work' })).id;
  await sessions.startSession('work');
  await sessions.recordEvent(paused, { type: 'paused', data: { reason: 'lunch' } });
  const other = await ann.repo('other');
  const there = await openSessions({ dir: other });
  const fetched = (await there.createSession({ tmux: false, name: 'far' })).id;
  await there.startSession(fetched);
  await ann.git(repo, 'fetch', '-q', other, 'refs/sessions/*:refs/remote-sessions/origin/*');
  await forge(ann, repo, plainSnapshot(await ann.git(repo, 'rev-parse', 'HEAD')));
  return { ann, repo, done, paused, fetched };
}

describe.each([
  ['native git', true],
  ['isomorphic-git', false],
])('sessions opened with %s', (_, git) => {
  const open = ({ repo }: World) => openSessions({ dir: repo, git });

  test.each(['loose', 'packed'])(
    'L7: read the same states, events and documents from %s objects',
    async (how) => {
      const w = await world();
      if (how === 'packed') {
        await w.ann.git(w.repo, 'pack-refs', '--all');
        await w.ann.git(w.repo, 'repack', '-adq');
      }
      const sessions = await open(w);
      expect((await sessions.list()).map((s) => s.name)).toEqual(['forged']);
      expect(await sessions.getState('work')).toEqual({ name: 'paused', reason: 'lunch', iteration: 0 });
      expect(await sessions.getState(w.paused)).toEqual(await sessions.getState('work'));
      expect(await sessions.getState('team/done')).toMatchObject({
        name: 'completed',
        summary: { commands: 1 },
      });
      expect(await sessions.getState('origin/far')).toEqual({ name: 'running', iteration: 0 });
      expect(await sessions.getState(w.fetched)).toEqual({ name: 'running', iteration: 0 });
      await expect(sessions.getState('nope')).rejects.toMatchObject({ code: 'not-found' });
      expect(await sessions.getSession('nope')).toBeNull();
      expect(await sessions.getSession('team/done')).toMatchObject({
        ...{ id: w.done, name: 'team/done', config: { focus: 'x' }, state: { name: 'completed' } },
        checkpoints: [{ message: 'here', state: 'running' }],
      });
      const types: string[] = [];
      for await (const { event } of sessions.events('team/done', { follow: true })) types.push(event.type);
      expect(types).toEqual(['started', 'command-executed', 'checkpoint-saved', 'completed']);
      expect((await sessions.getProgress(w.done)).commandsExecuted.length).toBe(1);
      const active = await sessions.listActiveSessions();
      expect(active.map((s) => s.name).toSorted()).toEqual(['far', 'work']);
    },
  );

  test('L7: see what is recorded after they were opened, also what is fetched', async () => {
    const w = await world();
    const sessions = await open(w);
    expect((await sessions.getState('work')).name).toBe('paused');
    const writing = await openSessions({ dir: w.repo });
    await writing.recordEvent('work', { type: 'resumed', data: {} });
    expect((await sessions.getState('work')).name).toBe('running');
    const there = await openSessions({ dir: path.join(w.ann.dir, 'other') });
    await there.completeSession('far');
    await w.ann.git(w.repo, 'fetch', '-q', '../other', 'refs/sessions/*:refs/remote-sessions/origin/*');
    expect((await sessions.getState(w.fetched)).name).toBe('completed');
  });

  test('E6: verify finds nothing wrong in what is whole, and counts it', async () => {
    const w = await world();
    const found = await (await open(w)).verify();
    expect(found).toEqual({ snapshots: 1, segments: 4, journals: 2, events: 6, problems: [] });
  });

  test('E6: verify names every damaged snapshot, segment and journal, and nothing else', async () => {
    const w = await world();
    const { ann, repo } = w;
    await forgeBytes(ann, repo, Buffer.from('{"not":"a snapshot"}'), { name: 'broken' });
    const lost = await forge(ann, repo, { ...plainSnapshot(null), message: 'lost' }, { name: 'lost' });
    rmSync(path.join(repo, '.git/objects', lost.oid.slice(0, 2), lost.oid.slice(2)));
    const [segment = ''] = (
      await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions/team/done')
    ).split('\n');
    const text = await ann.git(repo, 'cat-file', 'blob', segment);
    writeFileSync(path.join(ann.dir, 'segment'), text.replace('"sequence":1', '"sequence":8'));
    const forged = await ann.git(repo, 'hash-object', '-w', path.join(ann.dir, 'segment'));
    await ann.git(repo, 'update-ref', segment, forged);
    appendFileSync(path.join(repo, '.git/git-session/journal', `${w.paused}.jsonl`), 'garbage\nunfinished');
    const { problems } = await (await open(w)).verify();
    expect(
      problems.map(({ where, session, code }) => [where.replace(/[^/]*Z-[^/]*/u, 'ID'), session, code]),
    ).toEqual([
      [`git-session/journal/${w.paused}.jsonl`, 'work', 'damaged'],
      [`git-session/journal/${w.paused}.jsonl`, 'work', 'damaged'],
      ['refs/sessions/broken/ID/snapshot', 'broken', 'damaged'],
      ['refs/sessions/lost/ID/snapshot', 'lost', 'damaged'],
      ['refs/sessions/team/done/ID/events', 'team/done', 'damaged'],
    ]);
    expect(problems[0]!.message).toContain('line 3');
    // What is whole is read all the same.
    expect((await (await open(w)).getState('work')).name).toBe('paused');
  });

  test('E6: verify finds an object that is not the one that it says', async () => {
    const w = await world();
    const { ann, repo } = w;
    const one = await forge(ann, repo, { ...plainSnapshot(null), message: 'one' }, { name: 'one' });
    const two = await forge(ann, repo, { ...plainSnapshot(null), message: 'two' }, { name: 'two' });
    const file = (oid: string) => path.join(repo, '.git/objects', oid.slice(0, 2), oid.slice(2));
    rmSync(file(one.oid));
    writeFileSync(file(one.oid), readFileSync(file(two.oid)));
    const { problems } = await (await open(w)).verify();
    expect(problems).toMatchObject([{ where: one.ref, session: 'one', code: 'damaged' }]);
  });
});

test('L7: what writes is refused where sessions were opened without git, and nothing is written', async () => {
  const w = await world();
  const sessions = await openSessions({ dir: w.repo, git: false });
  const files = () => readdirSync(path.join(w.repo, '.git'), { recursive: true }).map(String).toSorted();
  const before = files();
  const writes: ((s: Sessions) => Promise<unknown>)[] = [
    (s) => s.createSession({ tmux: false }),
    (s) => s.createSession(),
    (s) => s.startSession('work'),
    (s) => s.recordEvent('work', command('x')),
    (s) => s.completeSession('work'),
    (s) => s.saveCheckpoint('work'),
    (s) => s.flush('work'),
  ];
  for (const write of writes) await expect(write(sessions)).rejects.toMatchObject({ code: 'git-missing' });
  expect(files()).toEqual(before);
});

test('L7: what a reader without git would misread is refused with a typed error', async () => {
  const ann = person();
  const code = async (dir: string) => {
    try {
      await (await openSessions({ dir, git: false })).listActiveSessions();
      return 'read';
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  expect(await code(await ann.repo())).toBe('read');
  expect(await code(await ann.repo('sha256', '--object-format=sha256'))).toBe('unsupported-repository');
  const reftable = await ann.repo('reftable');
  appendFileSync(path.join(reftable, '.git/config'), '[extensions]\n\trefStorage = reftable\n');
  expect(await code(reftable)).toBe('unsupported-repository');
  const alternates = await ann.repo('alternates');
  expect(await code(alternates)).toBe('read');
  // Also where that comes when they are open already.
  writeFileSync(path.join(alternates, '.git/objects/info/alternates'), '/nowhere\n');
  expect(await code(alternates)).toBe('unsupported-repository');
});
