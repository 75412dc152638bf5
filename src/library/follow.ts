import { type AppliedRecord, fold } from '../session/event-log.ts';
import { isFinal } from '../session/lifecycle.ts';
import type { SessionStorage } from './storage.ts';
import { unknownSession } from './unknown-session.ts';

/** Where a storage can't tell that something has changed, one looks this often. */
const EVERY_MS = 250;

/**
 * The events of a session, each once; with `follow` also those to come, until it has ended or is no more. An event that
 * another clone has recorded long ago comes when it is known here.
 */
export async function* follow(
  storage: SessionStorage,
  id: string,
  { follow = false, signal }: { follow?: boolean | undefined; signal?: AbortSignal | undefined },
): AsyncGenerator<AppliedRecord, void, undefined> {
  const told = new Set<string>();
  const own = new AbortController();
  const end = own.signal;
  const abort = () => own.abort();
  signal?.addEventListener('abort', abort);
  if (signal?.aborted === true) own.abort();
  try {
    for (let first = true; !end.aborted; first = false) {
      // Before one looks: what comes behind the look is not missed.
      const changed = follow ? change(storage, id, end) : null;
      const stored = await storage.load(id);
      if (stored === null && first) throw unknownSession(id);
      if (stored === null) return;
      const { state, applied } = fold(stored.records);
      for (const record of applied) {
        const key = `${record.clone} ${record.sequence}`;
        if (told.has(key)) continue;
        told.add(key);
        yield record;
        if (end.aborted) return;
      }
      if (changed === null || isFinal(state.name)) return;
      await changed;
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    own.abort();
  }
}

function change(storage: SessionStorage, id: string, signal: AbortSignal): Promise<void> {
  return storage.changed?.(id, signal).catch(() => pause(signal)) ?? pause(signal);
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, EVERY_MS);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
