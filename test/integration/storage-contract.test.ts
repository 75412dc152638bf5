import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  FileStorage,
  GitRefStorage,
  MemoryStorage,
  type SessionEvent,
  type SessionHeader,
  SessionManager,
  type SessionStorage,
} from '../../src/index.ts';
import { sessionConfig } from '../../src/session/persisted.ts';
import { type Person, person, temporaryFolder, waitFor } from '../support/harness.ts';

const library = pathToFileURL(path.resolve(import.meta.dirname, '../../dist/index.mjs')).href;

/** A place that several storages, and several processes, may look at. */
interface Place {
  open: () => Promise<SessionStorage>;
  /** An expression of the built library that opens it in another process; null where that can't be. */
  elsewhere: string | null;
}

const PLACES: [string, () => Promise<Place>][] = [
  [
    'memory',
    () => {
      const storage = new MemoryStorage();
      return Promise.resolve({ open: () => Promise.resolve(storage), elsewhere: null });
    },
  ],
  [
    'files',
    () => {
      const basePath = path.join(temporaryFolder(), 'deep/base');
      return Promise.resolve({
        open: () => Promise.resolve(new FileStorage({ basePath })),
        elsewhere: `new FileStorage({ basePath: ${JSON.stringify(basePath)} })`,
      });
    },
  ],
  [
    'git refs',
    async () => {
      const dir = await person().repo();
      return {
        open: () => GitRefStorage.open({ dir }),
        elsewhere: `await GitRefStorage.open({ dir: ${JSON.stringify(dir)} })`,
      };
    },
  ],
];

function header(name = 'work'): SessionHeader {
  return {
    ...{ id: randomUUID(), name, createdAt: '2026-11-21T08:00:00.000Z' },
    config: sessionConfig({ maxIterations: 3, focus: 'tests' }, '/somewhere'),
  };
}

const command = (text: string): SessionEvent => ({
  type: 'command-executed',
  data: { command: text, success: true, exitCode: 0, durationMs: 1 },
});
const started = (name = 'work'): SessionEvent => ({ type: 'started', data: { name } });

async function commandsOf(storage: SessionStorage, id: string): Promise<string[]> {
  const { records } = (await storage.load(id))!;
  return records.flatMap(({ event }) => (event.type === 'command-executed' ? [event.data.command] : []));
}

/** Runs a program of the built library in a process of its own, with `storage` open. */
function run(elsewhere: string, body: string): Promise<{ code: number | null; stdout: string; pid: number }> {
  const file = path.join(temporaryFolder(), 'program.mjs');
  writeFileSync(
    file,
    `import { FileStorage, GitRefStorage, SessionManager } from ${JSON.stringify(library)};
const storage = ${elsewhere};
${body}`,
  );
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, pid: child.pid! }));
  });
}

describe.each(PLACES)('T8 the storage in %s', (_, make) => {
  test('T8: null for what is absent, also for what is no id', async () => {
    const storage = await (await make()).open();
    expect(await storage.list()).toEqual([]);
    for (const id of [randomUUID(), 'nope', '..', '']) {
      expect(await storage.load(id)).toBeNull();
      expect(await storage.delete(id)).toBe(false);
      await expect(storage.append(id, [started()])).rejects.toMatchObject({ code: 'not-found' });
    }
    expect(await storage.list()).toEqual([]);
  });

  test('T8 T12: what is made and appended is loaded again, by another one too', async () => {
    const place = await make();
    const storage = await place.open();
    const made = header();
    await storage.create(made);
    await expect(storage.create(made)).rejects.toMatchObject({ code: 'session-exists' });
    expect(await storage.load(made.id)).toEqual({
      ...made,
      state: { name: 'created' },
      records: [],
      damaged: 0,
    });
    const odd = 'it\'s "ok" \u2028 \u{1F600} \n\0 \\ ';
    const records = await storage.append(made.id, [started(), command(odd)]);
    expect(records.map((r) => [r.session, r.sequence, r.applied])).toEqual([
      [made.id, 1, true],
      [made.id, 2, true],
    ]);
    await storage.publish?.(made.id, records);
    for (const other of [storage, await place.open()]) {
      const loaded = (await other.load(made.id))!;
      expect(loaded).toMatchObject({ ...made, state: { name: 'running', iteration: 0 }, damaged: 0 });
      expect(loaded.records).toEqual(records.map(({ applied: _, ...record }) => record));
      expect(await other.list()).toEqual([made.id]);
      expect(await commandsOf(other, made.id)).toEqual([odd]);
    }
  });

  test('T8: all or none of a call, and what is refused leaves no trace', async () => {
    const storage = await (await make()).open();
    const { id } = header();
    await storage.create({ ...header(), id });
    await expect(storage.append(id, [command('x'), { type: 'resumed', data: {} }])).rejects.toMatchObject({
      code: 'invalid-transition',
      data: { state: 'created', event: 'resumed' },
    });
    const own = new Error('no');
    const refuse = () => {
      throw own;
    };
    await expect(storage.append(id, refuse)).rejects.toBe(own);
    expect((await storage.load(id))!.records).toEqual([]);
    await storage.append(id, [started()]);
    expect((await storage.load(id))!.records.length).toBe(1);
  });

  test('T8: a function sees the state and all records that are there, also those of the same moment', async () => {
    const storage = await (await make()).open();
    const made = header();
    await storage.create(made);
    const seen: unknown[] = [];
    await Promise.all([
      storage.append(made.id, [started(), command('a')]),
      storage.append(made.id, (state, records) => {
        seen.push(
          state.name,
          records().map((r) => r.event.type),
        );
        return [command('b')];
      }),
      storage.append(made.id, () => []),
    ]);
    expect(seen).toEqual(['running', ['started', 'command-executed']]);
    expect(await commandsOf(storage, made.id)).toEqual(['a', 'b']);
  });

  test('T8: what was loaded does not change any more, and changing it changes nothing', async () => {
    const storage = await (await make()).open();
    const made = header();
    await storage.create(made);
    const event = command('before');
    await storage.append(made.id, [event]);
    const loaded = (await storage.load(made.id))!;
    (event.data as { command: string }).command = 'after';
    await storage.append(made.id, [command('more')]);
    expect(loaded.records.length).toBe(1);
    expect(await commandsOf(storage, made.id)).toEqual(['before', 'more']);
  });

  test('T8: deleted is gone, for those as well who had it open', async () => {
    const place = await make();
    const [one, two] = [await place.open(), await place.open()];
    const [made, other] = [header(), header('other')];
    for (const h of [made, other]) await one.create(h);
    await two.append(made.id, [started()]);
    expect(await one.delete(made.id)).toBe(true);
    for (const storage of [one, two]) {
      expect(await storage.load(made.id)).toBeNull();
      expect(await storage.list()).toEqual([other.id]);
      await expect(storage.append(made.id, [command('late')])).rejects.toMatchObject({ code: 'not-found' });
      expect(await storage.delete(made.id)).toBe(false);
    }
  });

  test('T8 V10: 300 appends at once to three sessions: each once, in order, none in a neighbor', async () => {
    const storage = await (await make()).open();
    const all = [header('a'), header('b'), header('c')];
    for (const h of all) await storage.create(h);
    await Promise.all(
      Array.from({ length: 300 }, (_, i) => storage.append(all[i % 3]!.id, [command(`${i}`)])),
    );
    for (const [k, { id }] of all.entries()) {
      const expected = Array.from({ length: 100 }, (_, i) => `${i * 3 + k}`);
      expect(await commandsOf(storage, id)).toEqual(expected);
      const { records } = (await storage.load(id))!;
      expect(records.map((r) => r.sequence)).toEqual(expected.map((_, i) => i + 1));
    }
  });

  test('T8 V10: two processes and this one append at once: every acknowledged event is there once', async () => {
    const place = await make();
    if (place.elsewhere === null) return;
    const storage = await place.open();
    const made = header();
    await storage.create(made);
    const body = `for (let i = 0; i < 150; i++) {
  const data = { command: process.pid + ' ' + i, success: true, exitCode: 0, durationMs: 1 };
  await storage.append(${JSON.stringify(made.id)}, [{ type: 'command-executed', data }]);
}`;
    const others = [run(place.elsewhere, body), run(place.elsewhere, body)];
    for (let i = 0; i < 150; i++) await storage.append(made.id, [command(`0 ${i}`)]);
    const ended = await Promise.all(others);
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    const commands = await commandsOf(storage, made.id);
    expect(commands.length).toBe(450);
    for (const pid of [0, ...ended.map((e) => e.pid)]) {
      const own = commands.filter((c) => c.startsWith(`${pid} `));
      expect(own).toEqual(Array.from({ length: 150 }, (_, i) => `${pid} ${i}`));
    }
    const { records } = (await storage.load(made.id))!;
    expect(records.map((r) => r.sequence)).toEqual(commands.map((_, i) => i + 1));
  });

  test('T8 V6: a writer that is killed in the middle loses nothing that it had acknowledged', async () => {
    const place = await make();
    if (place.elsewhere === null) return;
    const storage = await place.open();
    const made = header();
    await storage.create(made);
    const { stdout, code } = await run(
      place.elsewhere,
      `import { writeSync } from 'node:fs';
for (let i = 0; ; i++) {
  const data = { command: 'c' + i, success: true, exitCode: 0, durationMs: 1 };
  const wanted = () => {
    if (i === 40) process.kill(process.pid, 'SIGKILL');
    return [{ type: 'command-executed', data }];
  };
  await storage.append(${JSON.stringify(made.id)}, wanted);
  writeSync(1, data.command + ' ');
}`,
    );
    expect(code).toBeNull();
    const acknowledged = stdout.trim().split(' ');
    expect(acknowledged.length).toBe(40);
    expect(await commandsOf(storage, made.id)).toEqual(acknowledged);
    // Its lock is no hindrance.
    await storage.append(made.id, [command('next')]);
    expect((await commandsOf(storage, made.id)).at(-1)).toBe('next');
  });

  test('L7: the nine operations of a manager', async () => {
    const place = await make();
    const manager = new SessionManager({ storage: await place.open() });
    const config = { maxIterations: 2, focus: 'speed' };
    const { id, name, state } = await manager.createSession({ name: 'import', config });
    expect([name, state]).toEqual(['import', { name: 'created' }]);
    await manager.startSession(id);
    expect(await manager.getState(id)).toEqual({ name: 'running', iteration: 0 });
    await manager.recordEvent(id, { type: 'iteration-started', data: { number: 1 } });
    await manager.recordEvent(id, command('make'));
    const changes = {
      filesModified: ['a', 'b'],
      linesAdded: 3,
      linesRemoved: 1,
      commandsRun: [],
      gitCommits: ['c1'],
    };
    await manager.recordEvent(id, { type: 'iteration-completed', data: { number: 1, changes } });
    expect(await manager.getProgress(id)).toMatchObject({
      ...{ iterationsCompleted: 1, totalIterations: 2, filesChanged: ['a', 'b'], commits: ['c1'] },
      ...{ commandsExecuted: [{ command: 'make', success: true }], currentPhase: 'after iteration 1' },
    });
    expect(await manager.saveCheckpoint(id, { message: 'good' })).toMatchObject({
      ...{ iteration: 1, state: 'running', resumable: true, snapshot: null, message: 'good' },
    });
    expect((await manager.listActiveSessions()).map((s) => s.id)).toEqual([id]);
    const late = { type: 'iteration-started', data: { number: 3 } } as const;
    await expect(manager.recordEvent(id, late)).rejects.toMatchObject({ code: 'iteration-limit' });

    // Another manager goes on where this one stopped.
    const second = new SessionManager({ storage: await place.open() });
    const restored = await second.restoreSession(id);
    expect(Object.keys(restored).toSorted()).toEqual(
      ['checkpoints', 'config', 'createdAt', 'events', 'id', 'name', 'state'].toSorted(),
    );
    expect(restored).toMatchObject({ id, name: 'import', config, state: { name: 'running', iteration: 1 } });
    expect(restored.events.map(({ event }) => event.type)).toEqual([
      ...['started', 'iteration-started', 'command-executed', 'iteration-completed', 'checkpoint-saved'],
    ]);
    expect(restored.checkpoints.length).toBe(1);
    const summary = await second.completeSession(id);
    expect(summary).toMatchObject({
      iterations: 1,
      filesChanged: 2,
      commits: 1,
      commands: 1,
      successRate: 1,
    });
    expect(await manager.getState(id)).toEqual({ name: 'completed', summary });
    expect(await manager.listActiveSessions()).toEqual([]);
    await expect(manager.recordEvent(id, command('x'))).rejects.toMatchObject({ code: 'invalid-transition' });
    expect(await manager.getSession(randomUUID())).toBeNull();
  });

  test('L7: of two that complete at the same moment one does, and its summary has what came before', async () => {
    const manager = new SessionManager({ storage: await (await make()).open() });
    const { id } = await manager.createSession();
    await manager.startSession(id);
    const [, first, second] = await Promise.allSettled([
      manager.recordEvent(id, command('make')),
      manager.completeSession(id),
      manager.completeSession(id),
    ]);
    expect(first).toMatchObject({ status: 'fulfilled', value: { commands: 1 } });
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'invalid-transition' } });
  });

  test('E1 events() gives all that is recorded, each once, and follows until the end', async () => {
    const place = await make();
    const [writer, reader] = [
      new SessionManager({ storage: await place.open() }),
      new SessionManager({ storage: await place.open() }),
    ];
    const { id } = await writer.createSession();
    await writer.startSession(id);
    const types: string[] = [];
    const following = (async () => {
      for await (const { event } of reader.events(id, { follow: true })) types.push(event.type);
    })();
    for (let i = 0; i < 20; i++) await writer.recordEvent(id, command(`${i}`));
    await writer.completeSession(id);
    await following;
    expect(types).toEqual(['started', ...Array.from({ length: 20 }, () => 'command-executed'), 'completed']);
    const again: string[] = [];
    for await (const { event } of reader.events(id)) again.push(event.type);
    expect(again).toEqual(types);
    await expect(reader.events(randomUUID()).next()).rejects.toMatchObject({ code: 'not-found' });
  });

  test('E1 events() ends by its signal, and when the session is deleted', async () => {
    const storage = await (await make()).open();
    const manager = new SessionManager({ storage });
    const { id } = await manager.createSession();
    await manager.startSession(id);
    const controller = new AbortController();
    const aborted = manager.events(id, { follow: true, signal: controller.signal });
    expect((await aborted.next()).value).toMatchObject({ event: { type: 'started' } });
    const waiting = aborted.next();
    controller.abort();
    expect(await waiting).toEqual({ done: true, value: undefined });
    const deleted = manager.events(id, { follow: true });
    await deleted.next();
    const next = deleted.next();
    await storage.delete(id);
    expect((await next).done).toBe(true);
  });
});

describe('FileStorage', () => {
  const open = () => {
    const basePath = path.join(temporaryFolder(), 'base');
    return { basePath, manager: new SessionManager({ storage: new FileStorage({ basePath }) }) };
  };

  test('T6 T9: one directory for each session, with state.json and the log as lines of JSON', async () => {
    const { basePath, manager } = open();
    const { id } = await manager.createSession({ name: 'work' });
    const file = path.join(basePath, id, 'state.json');
    const state = () => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    expect(state()).toMatchObject({ id, name: 'work', state: { name: 'created' }, checkpoints: [] });
    await manager.startSession(id);
    await manager.recordEvent(id, { type: 'paused', data: { reason: 'lunch' } });
    expect(state()).toMatchObject({ state: { name: 'paused', reason: 'lunch' }, config: { mode: 'direct' } });
    await manager.saveCheckpoint(id, { message: 'm' });
    expect(state()).toMatchObject({ checkpoints: [{ message: 'm', state: 'paused' }] });
    expect(readdirSync(basePath)).toEqual([id]);
    // The writer gives its lock back when nothing more comes.
    const files = () => readdirSync(path.join(basePath, id)).toSorted().join(' ');
    await waitFor(() => files() === 'events.jsonl state.json', 'the two files');
    const lines = readFileSync(path.join(basePath, id, 'events.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
      ...['started', 'paused', 'checkpoint-saved'],
    ]);
  });

  test('T9: the log decides, whatever state.json says', async () => {
    const { basePath, manager } = open();
    const { id } = await manager.createSession();
    await manager.startSession(id);
    const file = path.join(basePath, id, 'state.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"running"', '"failed"'));
    const other = new SessionManager({ storage: new FileStorage({ basePath }) });
    expect(await other.getState(id)).toEqual({ name: 'running', iteration: 0 });
    await other.recordEvent(id, { type: 'iteration-started', data: { number: 7 } });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      state: { name: 'running', iteration: 7 },
    });
  });

  test('T9: a damaged line is told and hides no other; a state.json that is none is told by its name', async () => {
    const { basePath, manager } = open();
    const { id } = await manager.createSession();
    await manager.startSession(id);
    appendFileSync(path.join(basePath, id, 'events.jsonl'), 'garbage\n');
    await manager.recordEvent(id, command('behind'));
    const loaded = await new FileStorage({ basePath }).load(id);
    expect(loaded).toMatchObject({ damaged: 1, state: { name: 'running' } });
    expect(loaded!.records.map(({ event }) => event.type)).toEqual(['started', 'command-executed']);
    writeFileSync(path.join(basePath, id, 'state.json'), '{');
    await expect(new FileStorage({ basePath }).load(id)).rejects.toMatchObject({
      code: 'file',
      message: expect.stringContaining(`${id}/state.json`),
    });
  });

  test('T9: what is deleted while it is written to says so, and does not come back', async () => {
    const { basePath, manager } = open();
    const { id } = await manager.createSession();
    const append = manager.storage.append(id, () => {
      rmSync(path.join(basePath, id), { recursive: true });
      return [started()];
    });
    await expect(append).rejects.toMatchObject({ code: 'not-found' });
    expect(readdirSync(basePath)).toEqual([]);
  });

  test('T9: a base that is no directory is a typed error', async () => {
    const file = path.join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    const manager = new SessionManager({ storage: new FileStorage({ basePath: file }) });
    await expect(manager.createSession()).rejects.toMatchObject({ code: 'file' });
    await expect(manager.listActiveSessions()).rejects.toMatchObject({ code: 'file' });
  });
});

describe('GitRefStorage', () => {
  const open = async (ann: Person, dir: string) => ({
    storage: await GitRefStorage.open({ dir }),
    refs: () => ann.git(dir, 'for-each-ref', '--format=%(refname)', 'refs/sessions'),
  });

  test('T5 T13: a session is in the refs at its start and at its end, and by flush in between', async () => {
    const ann = person();
    const { storage, refs } = await open(ann, await ann.repo());
    const manager = new SessionManager({ storage });
    const { id } = await manager.createSession({ name: 'team/work' });
    expect(await refs()).toBe('');
    await manager.startSession(id);
    expect(await refs()).toMatch(/^refs\/sessions\/team\/work\/\d{8}T\d{9}Z-[0-9a-f]{8}\/events$/u);
    for (let i = 0; i < 5; i++) await manager.recordEvent(id, command(`${i}`));
    expect((await refs()).split('\n').length).toBe(1);
    const flushed = await Promise.all([storage.flush(id), storage.flush(id)]);
    expect(flushed).toEqual([5, 0]);
    await manager.completeSession(id);
    expect((await refs()).split('\n').length).toBe(3);
    expect(await storage.flush(id)).toBe(0);
  });

  test('V10 T14: another clone that fetched the refs has the same session, and what both record is merged', async () => {
    const ann = person();
    const dir = await ann.repo();
    const one = await open(ann, dir);
    const manager = new SessionManager({ storage: one.storage });
    const { id } = await manager.createSession({ name: 'work' });
    await manager.startSession(id);
    const clone = path.join(ann.dir, 'clone');
    await ann.git(ann.dir, 'clone', '-q', dir, clone);
    const fetch = (from: string, to: string) =>
      ann.git(to, 'fetch', '-q', from, 'refs/sessions/*:refs/sessions/*');
    const two = await open(ann, clone);
    const second = new SessionManager({ storage: two.storage });
    expect(await second.getSession(id)).toBeNull();
    await fetch(dir, clone);
    expect(await second.getState(id)).toEqual({ name: 'running', iteration: 0 });
    await second.recordEvent(id, command('there'));
    await manager.recordEvent(id, command('here'));
    await two.storage.flush(id);
    await fetch(clone, dir);
    expect((await commandsOf(one.storage, id)).toSorted()).toEqual(['here', 'there']);
    await manager.completeSession(id);
    await fetch(dir, clone);
    expect((await second.getProgress(id)).commandsExecuted.length).toBe(2);
    expect(await second.getState(id)).toEqual(await manager.getState(id));
    // Deleted there, and so here.
    await two.storage.delete(id);
    await fetch(clone, dir);
    expect(await one.storage.load(id)).toBeNull();
  });

  test('L7 E1: the commands see what a program records, and a program what the commands record', async () => {
    const ann = person();
    const dir = await ann.repo();
    const { storage } = await open(ann, dir);
    const manager = new SessionManager({ storage });
    const { id } = await manager.createSession({ name: 'driven' });
    await manager.startSession(id);
    const told = JSON.parse(await ann.ok(dir, 'state', id, '--json')) as { state: string };
    expect(JSON.stringify(told)).toContain('running');
    await ann.ok(dir, 'pause', 'driven', '-m', 'lunch');
    expect(await manager.getState(id)).toEqual({ name: 'paused', reason: 'lunch', iteration: 0 });
    expect(await storage.find('driven')).toBe(id);
  });

  test('T8: a session that a command has deleted is gone for who had it open', async () => {
    const ann = person();
    const dir = await ann.repo();
    const { storage } = await open(ann, dir);
    await ann.ok(dir, 'create', 'live');
    const id = (await storage.find('live'))!;
    expect((await storage.load(id))!.state).toEqual({ name: 'running', iteration: 0 });
    await storage.append(id, [command('x')]);
    await expect(storage.delete(id)).rejects.toMatchObject({ code: 'usage' });
    await ann.ok(dir, 'kill', 'live');
    await ann.ok(dir, 'delete', 'live');
    expect(await storage.load(id)).toBeNull();
    await expect(storage.append(id, [command('y')])).rejects.toMatchObject({ code: 'not-found' });
    expect(await storage.list()).toEqual([]);
  });

  test('T8: durable writes are there, and a repository that can only be read is still read', async () => {
    const ann = person();
    const dir = await ann.repo();
    const storage = await GitRefStorage.open({ dir, durable: true });
    const manager = new SessionManager({ storage });
    const { id } = await manager.createSession();
    await manager.startSession(id);
    expect(existsSync(path.join(dir, '.git/git-session/journal', `${id}.jsonl`))).toBe(true);
    const reading = await GitRefStorage.open({ dir, git: false });
    expect((await reading.load(id))!.state).toEqual({ name: 'running', iteration: 0 });
    for (const refused of [
      reading.append(id, [command('x')]),
      reading.create(header()),
      reading.delete(id),
      reading.flush(id),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: 'git-missing' });
    }
  });
});
