import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { observe } from '../../src/flow/observers.ts';
import { warnings } from '../../src/flow/warnings.ts';
import { type AppliedRecord, fold, type LogRecord } from '../../src/session/event-log.ts';
import { INITIAL, type SessionEvent } from '../../src/session/lifecycle.ts';
import { temporaryFolder, waitFor } from '../support/harness.ts';

const config = (command: string) => ({
  getAll: (key: string) => (key === 'session.onEvent' ? [command] : []),
});

function records(session: string, first: number, count: number): AppliedRecord[] {
  const all = Array.from({ length: count }, (_, i): LogRecord => {
    const sequence = first + i;
    const event: SessionEvent = { type: 'analysis-completed', data: { results: sequence } };
    return {
      version: 1,
      session,
      clone: 'c',
      sequence,
      clock: sequence,
      at: new Date(0).toISOString(),
      event,
    };
  });
  return fold(all, { name: 'running', iteration: 0 }).applied;
}

describe('E2 observe', () => {
  test('of one process, the events of a session come in order, and few processes get them', async () => {
    const place = temporaryFolder();
    const file = path.join(place, 'observer.sh');
    const go = path.join(place, 'go');
    // The first one stays until all has been said.
    writeFileSync(
      file,
      `until [ -e '${go}' ]; do sleep 0.02; done; cat >>'${place}/seen'; : >'${place}/'p$$`,
    );
    const session = { id: randomUUID(), name: 'work' };
    const state = { name: 'running' as const, iteration: 0 };
    for (let i = 0; i < 300; i++)
      observe(config(`sh '${file}'`), session, records(session.id, i + 1, 1), state);
    writeFileSync(go, '');
    const seen = () =>
      existsSync(path.join(place, 'seen'))
        ? readFileSync(path.join(place, 'seen'), 'utf8').split('\n').slice(0, -1)
        : [];
    await waitFor(() => seen().length === 300, 'all events');
    const sequences = seen().map((line) => (JSON.parse(line) as { sequence: number }).sequence);
    expect(sequences).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    await waitFor(() => processes(place) === 2, 'two observers to end');
  });

  test('what can’t be started, or is no command, is told once for each time, and throws nothing', async () => {
    const told: string[] = [];
    const before = warnings.tell;
    warnings.tell = (text) => told.push(text);
    try {
      const session = { id: randomUUID(), name: 'work' };
      observe(config('/nowhere/x'), session, records(session.id, 1, 3), INITIAL);
      observe(config('"'), session, records(session.id, 4, 1), INITIAL);
      observe(config('true'), session, [], INITIAL);
      await waitFor(() => told.length === 2, 'both warnings');
      expect(told.toSorted((a, b) => a.length - b.length)[0]).toContain('session.onEvent is not a command');
      expect(told.some((text) => text.includes("'/nowhere/x' can't be started"))).toBe(true);
    } finally {
      warnings.tell = before;
    }
  });
});

function processes(place: string): number {
  return readdirSync(place).filter((name) => /^p\d+$/u.test(name)).length;
}
