import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  FileStorage,
  MemoryStorage,
  openSessions,
  type RecordedEvent,
  type SessionEvent,
  SessionManager,
  type SessionStorage,
} from '../../src/index.ts';
import { person, temporaryFolder, waitFor } from '../support/harness.ts';

const library = pathToFileURL(path.resolve(import.meta.dirname, '../../dist/index.mjs')).href;

const command = (text: string): SessionEvent => ({
  type: 'command-executed',
  data: { command: text, success: true, exitCode: 0, durationMs: 1 },
});

describe('observers', () => {
  test('E1: create, start, iterate, complete: an observer gets exactly the three events that are recorded', async () => {
    const manager = new SessionManager();
    const seen: [string, SessionEvent, RecordedEvent][] = [];
    manager.subscribe({ onEvent: (id, event, record) => void seen.push([id, event, record]) });
    const { id } = await manager.createSession();
    await manager.startSession(id);
    await manager.recordEvent(id, { type: 'iteration-started', data: { number: 1 } });
    await manager.completeSession(id);
    await manager.observed();
    expect(seen.map(([of, { type }]) => [of, type])).toEqual([
      [id, 'started'],
      [id, 'iteration-started'],
      [id, 'completed'],
    ]);
    const { events } = (await manager.getSession(id))!;
    expect(seen.map(([, event]) => event)).toEqual(events.map(({ event }) => event));
    expect(seen.map(([, , { sequence }]) => sequence)).toEqual([1, 2, 3]);
  });

  test('E1: what is refused is told to nobody', async () => {
    const manager = new SessionManager();
    const seen: string[] = [];
    manager.subscribe((_, { type }) => void seen.push(type));
    const { id } = await manager.createSession();
    await expect(manager.recordEvent(id, { type: 'resumed', data: {} })).rejects.toMatchObject({
      code: 'invalid-transition',
    });
    await expect(manager.recordEvent(id, { type: 'paused', data: {} } as SessionEvent)).rejects.toMatchObject(
      {
        code: 'usage',
      },
    );
    await manager.observed();
    expect(seen).toEqual([]);
  });

  test('E2: in order, one after the other, also where 500 are recorded at once and each takes its time', async () => {
    const manager = new SessionManager({ storage: new FileStorage({ basePath: temporaryFolder() }) });
    const { id } = await manager.createSession();
    const seen: number[] = [];
    let busy = 0;
    manager.subscribe(async (_, __, { sequence }) => {
      expect(++busy).toBe(1);
      if (sequence % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      else await Promise.resolve();
      seen.push(sequence);
      busy--;
    });
    await Promise.all(Array.from({ length: 500 }, (_, i) => manager.recordEvent(id, command(`${i}`))));
    await manager.observed();
    expect(seen).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
  });

  test('E2: one that never ends delays neither who records nor who else observes', async () => {
    const manager = new SessionManager();
    const { id } = await manager.createSession();
    let asked = 0;
    const stop = manager.subscribe(() => {
      asked++;
      return new Promise(() => undefined);
    });
    const seen: string[] = [];
    manager.subscribe((_, { type }) => void seen.push(type));
    for (let i = 0; i < 50; i++) await manager.recordEvent(id, command(`${i}`));
    await waitFor(() => seen.length === 50, 'the other observer');
    expect(asked).toBe(1);
    stop();
    await manager.observed();
  });

  test('E2: one that throws or rejects is told on, and the others are told everything', async () => {
    const failures: unknown[] = [];
    const manager = new SessionManager({
      onObserverError: (error, of, event) => failures.push([(error as Error).message, of, event.type]),
    });
    const { id } = await manager.createSession();
    let thrown = 0;
    manager.subscribe(() => {
      throw new Error(`thrown ${++thrown}`);
    });
    manager.subscribe({ onEvent: () => Promise.reject(new Error('rejected')) });
    const seen: string[] = [];
    manager.subscribe((_, { type }) => void seen.push(type));
    await manager.startSession(id);
    await manager.recordEvent(id, command('x'));
    await manager.observed();
    expect(seen).toEqual(['started', 'command-executed']);
    expect(failures).toContainEqual(['thrown 1', id, 'started']);
    expect(failures).toContainEqual(['thrown 2', id, 'command-executed']);
    expect(failures.filter((f) => (f as string[])[0] === 'rejected').length).toBe(2);
  });

  test('E2: without a handler, what an observer throws is a warning of the process', async () => {
    const manager = new SessionManager();
    const { id } = await manager.createSession();
    manager.subscribe(() => {
      throw new Error('oops');
    });
    const warned = once(process, 'warning');
    await manager.startSession(id);
    expect(await warned).toMatchObject([
      { code: 'GIT_SESSION_OBSERVER', message: expect.stringContaining('oops') },
    ]);
    expect((await manager.getState(id)).name).toBe('running');
  });

  test('E1: after unsubscribing there is nothing more', async () => {
    const manager = new SessionManager();
    const { id } = await manager.createSession();
    const seen: string[] = [];
    const stop = manager.subscribe((_, { type }) => void seen.push(type));
    await manager.startSession(id);
    await manager.observed();
    stop();
    stop();
    await manager.recordEvent(id, command('x'));
    await manager.observed();
    expect(seen).toEqual(['started']);
  });

  test('E2: one that kills the program loses nothing that was acknowledged', async () => {
    const ann = person();
    const basePath = path.join(ann.dir, 'base');
    const file = path.join(ann.dir, 'program.mjs');
    writeFileSync(
      file,
      `import { FileStorage, SessionManager } from ${JSON.stringify(library)};
import { writeSync } from 'node:fs';
const manager = new SessionManager({ storage: new FileStorage({ basePath: ${JSON.stringify(basePath)} }) });
const { id } = await manager.createSession();
writeSync(1, id + '\\n');
let told = 0;
manager.subscribe(() => {
  // Outside of what it returns: nobody can catch this.
  if (++told === 20) setImmediate(() => { throw new Error('dead'); });
});
for (let i = 0; ; i++) {
  const { sequence } = await manager.recordEvent(id, {
    type: 'command-executed', data: { command: 'c', success: true, exitCode: 0, durationMs: null },
  });
  writeSync(1, sequence + '\\n');
}`,
    );
    const { code, stdout } = await ann.run(process.execPath, [file]);
    expect(code).not.toBe(0);
    const [id = '', ...acknowledged] = stdout.trim().split('\n');
    expect(acknowledged.length).toBeGreaterThanOrEqual(20);
    const { records } = (await new FileStorage({ basePath }).load(id))!;
    expect(records.slice(0, acknowledged.length).map((r) => `${r.sequence}`)).toEqual(acknowledged);
  });
});

describe('the manager', () => {
  test("T8: a storage of one's own may have the five operations and nothing else", async () => {
    const kept = new MemoryStorage();
    const storage: SessionStorage = {
      create: (header) => kept.create(header),
      append: (id, events) => kept.append(id, events),
      load: (id) => kept.load(id),
      list: () => kept.list(),
      delete: (id) => kept.delete(id),
    };
    const manager = new SessionManager({ storage });
    const { id } = await manager.createSession();
    const types: string[] = [];
    const following = (async () => {
      for await (const { event } of manager.events(id, { follow: true })) types.push(event.type);
    })();
    await manager.startSession(id);
    await manager.completeSession(id);
    await following;
    expect(types).toEqual(['started', 'completed']);
  });

  test("L7: an event is kept also where it can't be published, and that is a warning", async () => {
    const storage = new MemoryStorage() as SessionStorage;
    storage.publish = () => Promise.reject(new Error('no room'));
    const manager = new SessionManager({ storage });
    const { id } = await manager.createSession();
    const warned = once(process, 'warning');
    await manager.startSession(id);
    expect(await warned).toMatchObject([
      { code: 'GIT_SESSION_PUBLISH', message: expect.stringContaining('no room') },
    ]);
    expect((await manager.getState(id)).name).toBe('running');
  });

  test('S18: a configuration is whole, and what is not of its type is refused', async () => {
    const manager = new SessionManager({ projectPath: '/project' });
    const { config } = await manager.createSession({ config: { maxIterations: 3 } });
    expect(config).toEqual({
      ...{ projectPath: '/project', workflow: null, mode: 'direct', worktree: null, maxIterations: 3 },
      ...{ focus: null, failFast: false, autoMerge: false, collectMetrics: false, verbose: false },
    });
    for (const wrong of [{ maxIterations: -1 }, { mode: 'worktree' }, { mode: 'x' }, { focsu: 'y' }]) {
      await expect(manager.createSession({ config: wrong as object })).rejects.toMatchObject({
        code: 'usage',
      });
    }
    await expect(manager.createSession({ name: 'a b' })).rejects.toMatchObject({ code: 'invalid-name' });
    expect((await manager.listActiveSessions()).length).toBe(1);
  });

  test('S18: with failFast a failed command fails the session, and without it does not', async () => {
    const failed: SessionEvent = {
      type: 'command-executed',
      data: { command: 'make', success: false, exitCode: 2, durationMs: 1 },
    };
    for (const failFast of [true, false]) {
      const manager = new SessionManager();
      const { id } = await manager.createSession({ config: { failFast } });
      await manager.startSession(id);
      await manager.recordEvent(id, failed);
      const expected = failFast ? { name: 'failed', error: 'command failed: make' } : { name: 'running' };
      expect(await manager.getState(id)).toMatchObject(expected);
    }
  });

  test('L7: results of an analysis are kept as JSON has them', async () => {
    const manager = new SessionManager();
    const { id } = await manager.createSession();
    await manager.startSession(id);
    const analysis = (results: unknown) =>
      manager.recordEvent(id, { type: 'analysis-completed', data: { results } });
    expect((await analysis({ at: new Date(0), no: undefined })).event.data).toEqual({
      results: { at: '1970-01-01T00:00:00.000Z' },
    });
    expect((await analysis(undefined)).event.data).toEqual({ results: null });
    await expect(analysis(1n)).rejects.toMatchObject({ code: 'usage' });
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    await expect(analysis(circle)).rejects.toMatchObject({ code: 'usage' });
  });

  test('E1: the program of session.onEvent is told of what a program records in a repository', async () => {
    const ann = person();
    const repo = await ann.repo();
    const heard = path.join(ann.dir, 'heard');
    const hook = path.join(ann.dir, 'hook');
    writeFileSync(hook, `#!/bin/sh\ncat >> '${heard}'\n`, { mode: 0o755 });
    await ann.git(repo, 'config', 'session.onEvent', hook);
    const sessions = await openSessions({ dir: repo });
    const { id } = await sessions.createSession({ tmux: false, name: 'work' });
    await sessions.startSession('work');
    const text = () => {
      try {
        return readFileSync(heard, 'utf8');
      } catch {
        return '';
      }
    };
    await waitFor(() => text().endsWith('\n'), 'the hook');
    expect(JSON.parse(text())).toMatchObject({
      session: id,
      name: 'work',
      type: 'started',
      state: { name: 'running' },
    });
  });
});
