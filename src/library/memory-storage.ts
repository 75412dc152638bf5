import { type AppliedRecord, type LogRecord, nextClock } from '../session/event-log.ts';
import { INITIAL, type SessionState, transition } from '../session/lifecycle.ts';
import type { SessionHeader } from '../session/persisted.ts';
import { refusedEvent } from '../session/refused-event.ts';
import type { SessionStorage, StoredSession, WantedEvents } from './storage.ts';
import { idTaken, unknownSession } from './unknown-session.ts';

interface Kept {
  header: SessionHeader;
  records: LogRecord[];
  state: SessionState;
}

/** Sessions that go with the process: for tests, and for programs that keep nothing. */
export class MemoryStorage implements SessionStorage {
  private readonly sessions = new Map<string, Kept>();

  async create(header: SessionHeader): Promise<void> {
    if (this.sessions.has(header.id)) throw idTaken(header.id);
    this.sessions.set(header.id, { header: structuredClone(header), records: [], state: INITIAL });
  }

  async append(id: string, wanted: WantedEvents): Promise<AppliedRecord[]> {
    const kept = this.sessions.get(id);
    if (kept === undefined) throw unknownSession(id);
    const events = typeof wanted === 'function' ? wanted(kept.state, () => kept.records) : wanted;
    let { state } = kept;
    const now = Date.now();
    let clock = kept.records.at(-1)?.clock ?? 0;
    const made = events.map((event, i): LogRecord => {
      const next = transition(state, event);
      if (next === null) throw refusedEvent(kept.header.name, state.name, event.type);
      state = next;
      clock = nextClock(now, clock);
      const sequence = kept.records.length + i + 1;
      return {
        ...{ version: 1, session: id, clone: 'memory', sequence, clock, at: new Date(now).toISOString() },
        // What a program changes later in its own objects is not what it has recorded.
        event: structuredClone(event),
      };
    });
    kept.records.push(...made);
    kept.state = state;
    return made.map((record) => ({ ...record, applied: true }));
  }

  async load(id: string): Promise<StoredSession | null> {
    const kept = this.sessions.get(id);
    if (kept === undefined) return null;
    return { ...structuredClone(kept.header), state: kept.state, records: [...kept.records], damaged: 0 };
  }

  async list(): Promise<string[]> {
    return [...this.sessions.keys()];
  }

  async delete(id: string): Promise<boolean> {
    return this.sessions.delete(id);
  }
}
