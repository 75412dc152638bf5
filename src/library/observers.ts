import { LimitError } from '../session/errors.ts';
import type { AppliedRecord } from '../session/event-log.ts';
import type { SessionEvent } from '../session/lifecycle.ts';

/** Is told of every event that is recorded through this manager, once it is kept. */
export interface SessionObserver {
  /** The next event waits until this is done; nothing else does. */
  onEvent(id: string, event: SessionEvent, record: AppliedRecord): void | Promise<void>;
}

export type ObserverFunction = SessionObserver['onEvent'];

/** What went wrong in an observer: no event is lost by it, and no other observer hears of it. */
export type ObserverFailure = (error: unknown, id: string, event: SessionEvent) => void;

/** Events that wait for one observer. One that never comes to an end would take all memory otherwise. */
const LONGEST_QUEUE = 100_000;

/** Tells observers of events: each gets them in order, one after the other, at its own pace. */
export class Observers {
  private readonly queues = new Set<Queue>();
  private readonly failed: ObserverFailure;

  constructor(failed: ObserverFailure = warn) {
    this.failed = failed;
  }

  /** Gives what takes it away again; what waits for it then is not delivered. */
  add(observer: SessionObserver | ObserverFunction): () => void {
    const queue = new Queue(observer, (error, id, event) => this.tell(error, id, event));
    this.queues.add(queue);
    return () => this.remove(queue);
  }

  notify(records: readonly AppliedRecord[]): void {
    for (const queue of this.queues) {
      if (queue.add(records)) continue;
      this.remove(queue);
      const last = records.at(-1)!;
      const why = new LimitError(
        `an observer is ${LONGEST_QUEUE} events behind, and is told no more of them`,
      );
      this.tell(why, last.session, last.event);
    }
  }

  /** Resolves when every observer has dealt with what it was told so far. */
  async idle(): Promise<void> {
    await Promise.all(Array.from(this.queues, (queue) => queue.done));
  }

  private remove(queue: Queue): void {
    queue.close();
    this.queues.delete(queue);
  }

  private tell(error: unknown, id: string, event: SessionEvent): void {
    try {
      this.failed(error, id, event);
    } catch (second) {
      warn(second, id, event);
    }
  }
}

class Queue {
  done: Promise<void> = Promise.resolve();
  private readonly observer: SessionObserver | ObserverFunction;
  private readonly failed: ObserverFailure;
  private waiting: AppliedRecord[] = [];
  private working = false;
  private closed = false;

  constructor(observer: SessionObserver | ObserverFunction, failed: ObserverFailure) {
    this.observer = observer;
    this.failed = failed;
  }

  /** False where too many wait already. */
  add(records: readonly AppliedRecord[]): boolean {
    if (this.waiting.length + records.length > LONGEST_QUEUE) return false;
    this.waiting.push(...records);
    if (!this.working) this.done = this.work();
    return true;
  }

  close(): void {
    this.closed = true;
    this.waiting = [];
  }

  private async work(): Promise<void> {
    this.working = true;
    // Not in the call that records: what an observer does at once would delay it.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.waiting.length > 0) {
      for (const record of this.waiting.splice(0)) {
        if (this.closed) return;
        try {
          await this.call(record);
        } catch (error) {
          this.failed(error, record.session, record.event);
        }
      }
    }
    this.working = false;
  }

  private call(record: AppliedRecord): void | Promise<void> {
    const { observer } = this;
    return typeof observer === 'function'
      ? observer(record.session, record.event, record)
      : observer.onEvent(record.session, record.event, record);
  }
}

function warn(error: unknown, id: string, event: SessionEvent): void {
  const said = error instanceof Error ? error.message : String(error);
  process.emitWarning(`an observer failed at '${event.type}' of session ${id}: ${said}`, {
    code: 'GIT_SESSION_OBSERVER',
  });
}
