import { randomUUID } from 'node:crypto';
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { SessionEvent } from '../../src/session/lifecycle.ts';
import { Journal, journalFile } from '../../src/store/journal.ts';
import { journalState } from '../../src/store/journal-state.ts';
import { temporaryFolder } from '../support/harness.ts';

const STARTED: SessionEvent = { type: 'started', data: {} };
const PAUSED: SessionEvent = { type: 'paused', data: { reason: 'to eat' } };
const RESUMED: SessionEvent = { type: 'resumed', data: {} };
const executed = (command: string): SessionEvent => ({
  type: 'command-executed',
  data: { command, success: true, exitCode: 0, durationMs: 1 },
});

function scene() {
  const directory = temporaryFolder();
  const session = randomUUID();
  const options = { name: 'work', clone: randomUUID(), durable: false, known: [] };
  const journal = new Journal({ directory, session, ...options });
  return {
    ...{ directory, session, journal, file: journalFile(directory, session) },
    state: () => journalState(directory, session),
  };
}

describe('journalState', () => {
  test('is what the whole log says, after every event', async () => {
    const { journal, state } = scene();
    expect(state()).toBeNull();
    const events: SessionEvent[] = [
      ...[executed('before'), STARTED, executed('one'), PAUSED, executed('two'), RESUMED],
      { type: 'iteration-started', data: { number: 1 } },
      { type: 'analysis-completed', data: { results: null } },
      { type: 'failed', data: { error: 'no luck' } },
      { type: 'deleted', data: {} },
    ];
    for (const event of events) {
      await journal.append([event]);
      expect(state()?.name).toBe(journal.state.name);
    }
    expect(state()).toMatchObject({ name: 'failed', text: 'no luck', at: journal.records.at(-2)!.at });
  });

  test('is found behind more than one look, and behind a record that is longer than one', async () => {
    const { journal, state } = scene();
    await journal.append([STARTED, PAUSED]);
    await journal.append(Array.from({ length: 2000 }, (_, i) => executed(`command ${i} ${'x'.repeat(100)}`)));
    expect(state()).toMatchObject({ name: 'paused', text: 'to eat' });
    await journal.append([{ type: 'analysis-completed', data: { results: 'x'.repeat(300_000) } }]);
    expect(state()).toMatchObject({ name: 'paused', text: 'to eat' });
    await journal.append([RESUMED]);
    expect(state()?.name).toBe('running');
  });

  test('a torn end, a damaged line and a record of another session change nothing', async () => {
    const { journal, state, file } = scene();
    const other = scene();
    await other.journal.append([STARTED, { type: 'failed', data: { error: 'not ours' } }]);
    await journal.append([STARTED, PAUSED]);
    const whole = readFileSync(file);
    appendFileSync(file, readFileSync(other.file));
    expect(state()?.name).toBe('paused');
    writeFileSync(file, whole);
    appendFileSync(file, 'nonsense\n{"at":"');
    expect(state()?.name).toBe('paused');
    writeFileSync(file, whole);
    for (let length = whole.length - 1; length > 0; length -= 7) {
      truncateSync(file, length);
      const { state: read } = new Journal({
        ...{ directory: file.slice(0, file.lastIndexOf('/')), session: journalId(file) },
        ...{ name: '', clone: '', durable: false, known: [] },
      });
      expect(state()?.name).toBe(read.name);
    }
  });
});

function journalId(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1, -'.jsonl'.length);
}
