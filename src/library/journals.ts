import type { Journal } from '../store/journal.ts';

/** Logs that are kept in memory. A program may drive one session after the other for months. */
const MOST = 64;

interface Entry {
  promise: Promise<Journal>;
  /** Null while it is being opened. */
  journal: Journal | null;
}

/** The journals that are open, each once: those who write through one object need not wait for each other's lock. */
export class Journals {
  private readonly entries = new Map<string, Entry>();
  private readonly open: (id: string) => Promise<Journal>;

  constructor(open: (id: string) => Promise<Journal>) {
    this.open = open;
  }

  get(id: string): Promise<Journal> {
    const known = this.entries.get(id);
    const entry = known ?? { promise: this.open(id), journal: null };
    if (known === undefined) {
      entry.promise.then(
        (journal) => (entry.journal = journal),
        () => this.forget(id),
      );
    }
    this.keep(id, entry);
    return entry.promise;
  }

  /** Null where it is not open. */
  peek(id: string): Journal | null {
    return this.entries.get(id)?.journal ?? null;
  }

  set(id: string, journal: Journal): void {
    this.keep(id, { promise: Promise.resolve(journal), journal });
  }

  forget(id: string): void {
    this.entries.delete(id);
  }

  /** The one that was used last goes last. */
  private keep(id: string, entry: Entry): void {
    this.entries.delete(id);
    this.entries.set(id, entry);
    const [oldest] = this.entries.keys();
    if (this.entries.size > MOST && oldest !== undefined) this.entries.delete(oldest);
  }
}
