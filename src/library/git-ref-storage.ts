import { existsSync, readdirSync } from 'node:fs';
import { Config } from '../git/config.ts';
import { Git } from '../git/git.ts';
import { nativeReader, type Reader } from '../git/reader.ts';
import { liesInGitDir, openRepository, type Repository } from '../git/repository.ts';
import { GitMissingError, UsageError } from '../session/errors.ts';
import type { AppliedRecord, LogRecord } from '../session/event-log.ts';
import type { EventType, SessionState } from '../session/lifecycle.ts';
import { INITIAL } from '../session/lifecycle.ts';
import { isSessionId } from '../session/live.ts';
import { isSessionName, nameFromTmux } from '../session/names.ts';
import type { SessionHeader } from '../session/persisted.ts';
import { setting, type SettingSource } from '../session/settings.ts';
import { cloneId } from '../store/clone.ts';
import { Headers } from '../store/headers.ts';
import { Journal, journalDirectory } from '../store/journal.ts';
import {
  type LogSegment,
  readLogSegments,
  recordsOf,
  unflushed,
  writeLogSegments,
} from '../store/log-segments.ts';
import { SessionRecords } from '../store/records.ts';
import { readCatalog } from '../store/sessions.ts';
import { Journals } from './journals.ts';
import { fileChanged } from './log-changes.ts';
import type { SessionStorage, StoredSession, WantedEvents } from './storage.ts';
import { idTaken, unknownSession } from './unknown-session.ts';
import { verify, type Verification } from './verify.ts';

export interface GitRefStorageOptions {
  /** A directory of the repository; with `git: false` its top. */
  dir: string;
  /** false: read by isomorphic-git, and write nothing. Default true. */
  git?: boolean | undefined;
  /** An acknowledged event survives a loss of power. Default: what the setting `session.fsync` says. */
  durable?: boolean | undefined;
}

interface Place {
  reader: () => Reader;
  commonDir: string;
  /** Null: only for reading. */
  repo: Repository | null;
  durable: boolean;
  hooks: Hooks;
}

/** What the layers above add. */
interface Hooks {
  /** Gets what was appended, with the state that it found. */
  appended?: Appended;
  /** Writes down what has happened in tmux since somebody last looked. */
  settle?: (id: string) => Promise<void>;
}

type Appended = (session: SessionHeader, records: readonly AppliedRecord[], before: SessionState) => void;

/** Of a journal that is open. */
interface Open {
  header: SessionHeader;
  /** The file that goes when the session is deleted; null where there is none. */
  marker: string | null;
  /** Object ids of the segments whose records it has. */
  segments: string;
}

/** Behind these others see the log in the refs, and get it by push and fetch. */
const PUBLISHED: readonly EventType[] = ['started', 'completed', 'failed', 'deleted'];

/**
 * The sessions of a repository, also those that the commands have made. Events go to the journal of this clone
 * (`<common directory>/git-session/journal/<id>.jsonl`); at the start and at the end of a session they become a segment
 * below `refs/sessions/<name>`, and `flush` makes one at any time. What other clones have recorded counts as well.
 */
export class GitRefStorage implements SessionStorage {
  private readonly place: Place;
  private readonly headers: Headers;
  private readonly live: SessionRecords;
  private readonly journals = new Journals((id) => this.openJournal(id));
  private readonly opened = new WeakMap<Journal, Open>();
  private readonly flushing = new Map<string, Promise<number>>();

  private constructor(place: Place) {
    this.place = place;
    this.headers = new Headers(place);
    this.live = new SessionRecords(place);
  }

  /** Rejects with NotARepositoryError, and with `git: false` with UnsupportedRepositoryError. */
  static async open({ dir, git = true, durable }: GitRefStorageOptions): Promise<GitRefStorage> {
    if (!git) {
      const { gitDirectory, isomorphicReader } = await import('../git/isomorphic.ts');
      // One for each look: it holds the packs that it has read, and this lives as long as the process.
      const reader = () => isomorphicReader(dir);
      return new GitRefStorage({
        commonDir: gitDirectory(dir),
        reader,
        repo: null,
        durable: false,
        hooks: {},
      });
    }
    const [repo, found] = await Promise.all([
      openRepository(dir, false),
      Config.read(new Git(null), {}, dir),
    ]);
    const config = liesInGitDir(repo, dir) ? await Config.read(repo.git) : found;
    return GitRefStorage.of(repo, config, durable === undefined ? {} : { durable });
  }

  /** Of a repository that is open. */
  static of(
    repo: Repository,
    config: SettingSource,
    { durable, ...hooks }: Hooks & Pick<GitRefStorageOptions, 'durable'> = {},
  ): GitRefStorage {
    return new GitRefStorage({
      ...{ repo, hooks, reader: () => nativeReader(repo.git), commonDir: repo.commonDir },
      durable: durable ?? setting(config, 'fsync') === 'always',
    });
  }

  async create(header: SessionHeader): Promise<void> {
    this.writable();
    if (this.live.read(header.id) !== null || !this.headers.create(header)) throw idTaken(header.id);
  }

  async append(id: string, wanted: WantedEvents): Promise<AppliedRecord[]> {
    this.writable();
    const journal = await this.journals.get(id);
    const { header, marker } = this.opened.get(journal)!;
    const gone = () => marker !== null && !existsSync(marker);
    let before = INITIAL;
    const records = await journal.append((state, known) => {
      if (gone()) throw unknownSession(id);
      before = state;
      return typeof wanted === 'function' ? wanted(state, known) : wanted;
    });
    this.place.hooks.appended?.(header, records, before);
    return records;
  }

  async load(id: string): Promise<StoredSession | null> {
    if (!isSessionId(id)) return null;
    if (this.isLive(id)) await this.place.hooks.settle?.(id);
    return this.recorded(id);
  }

  /** As `load`, of what is written down so far, whatever has happened in tmux. */
  async recorded(id: string): Promise<StoredSession | null> {
    const journal = this.journalOf(id, await this.segmentsOf(id));
    if (journal === null) return null;
    this.journals.set(id, journal);
    return this.stored(journal);
  }

  async loadAll(): Promise<StoredSession[]> {
    const segments = await readLogSegments(this.place.reader());
    const ids = new Set([
      ...this.headers.ids(),
      ...this.live.list().map(({ record }) => record.id),
      ...this.journalIds(),
      ...segments.flatMap((s) => s.records.map((r) => r.session)).filter(isSessionId),
    ]);
    return [...ids].flatMap((id) => {
      const journal = this.journalOf(id, segments);
      return journal === null ? [] : [this.stored(journal)];
    });
  }

  async list(): Promise<string[]> {
    return (await this.loadAll()).map(({ id }) => id);
  }

  /**
   * The log stays, with the event `deleted` at its end, which other clones get as well. A session that lives in tmux, or
   * has lived there, is not for this: `git session delete`.
   */
  async delete(id: string): Promise<boolean> {
    this.writable();
    if ((await this.load(id)) === null) return false;
    if (this.isLive(id)) {
      throw new UsageError('a session of tmux is not deleted from here', [`git session delete ${id}`]);
    }
    await this.append(id, (_, records) => (isDeleted(records()) ? [] : [{ type: 'deleted', data: {} }]));
    await this.flush(id);
    this.headers.remove(id);
    this.journals.forget(id);
    return true;
  }

  async publish(id: string, records: readonly AppliedRecord[]): Promise<void> {
    if (records.some(({ event }) => PUBLISHED.includes(event.type))) await this.flush(id);
  }

  /** What a fetch brings is no file of ours: one looks for it each second. */
  changed(id: string, signal: AbortSignal): Promise<void> {
    return fileChanged(journalDirectory(this.place.commonDir), `${id}.jsonl`, 1000, signal);
  }

  /** Puts what this clone has recorded, and no ref has yet, into a new segment. Gives how many events went there. */
  async flush(id: string): Promise<number> {
    // Two at a time would write the same.
    const before = this.flushing.get(id);
    const flushing = (async () => {
      await before?.catch(() => 0);
      return this.flushNow(id);
    })();
    this.flushing.set(id, flushing);
    try {
      return await flushing;
    } finally {
      if (this.flushing.get(id) === flushing) this.flushing.delete(id);
    }
  }

  /** Reads all snapshots and logs whole, and names what is damaged. */
  async verify(): Promise<Verification> {
    const reader = this.place.reader();
    const segments = await readLogSegments(reader);
    const logs = this.journalIds().map((id) => {
      // Anew: what is in memory is whole.
      const journal = this.newJournal(id, segments);
      return { id, name: this.opened.get(journal)!.header.name, journal };
    });
    return verify(reader, logs);
  }

  /** The id of the newest session of a name; of a remote's as `<remote>/<name>`. Null where there is none. */
  async find(name: string): Promise<string | null> {
    const segments = await readLogSegments(this.place.reader());
    const local = [
      ...this.headers.list().map((h) => ({ id: h.id, name: h.name, at: h.createdAt ?? '' })),
      ...this.live.list().map(({ record: r }) => ({ id: r.id, name: r.name, at: r.createdAt })),
    ];
    const fetched = segments.flatMap(({ remote, name, records }) =>
      records.map((r) => ({ id: r.session, name: remote === null ? name : `${remote}/${name}`, at: r.at })),
    );
    for (const candidates of [local, fetched]) {
      const ids = candidates.filter((c) => c.name === name).toSorted((a, b) => (a.at < b.at ? 1 : -1));
      for (const id of new Set(ids.map((c) => c.id))) {
        if (isSessionId(id) && this.journalOf(id, segments) !== null) return id;
      }
    }
    return null;
  }

  /** It lives in tmux, or has lived there. */
  isLive(id: string): boolean {
    return this.live.read(id) !== null;
  }

  private async flushNow(id: string): Promise<number> {
    const repo = this.writable();
    const journal = await this.journals.get(id);
    const { name } = this.opened.get(journal)!.header;
    journal.read();
    const segments = await readLogSegments(repo.git, new Set([name]));
    const records = unflushed(journal.records, segments, cloneId(repo));
    if (records.length === 0) return 0;
    await writeLogSegments(repo, name, (await readCatalog(repo.git)).newestId(name), records);
    return records.length;
  }

  /** What this clone knows of a session beside its events. */
  private known(id: string): (SessionHeader & { marker: string }) | null {
    const header = this.headers.read(id);
    if (header !== null) return { ...header, marker: this.headers.file(id) };
    const stored = this.live.read(id);
    if (stored === null) return null;
    const { name, config = null, createdAt } = stored.record;
    return {
      ...{ id, config, createdAt, marker: this.live.directoryOf(id) },
      // Below which its refs are: tmux takes more for a name than git does.
      name: isSessionName(name) ? name : nameFromTmux(Buffer.from(name)),
    };
  }

  private segmentsOf(id: string): Promise<LogSegment[]> {
    const known = this.known(id);
    return readLogSegments(this.place.reader(), known === null ? null : new Set([known.name]));
  }

  private async openJournal(id: string): Promise<Journal> {
    const journal = isSessionId(id) ? this.journalOf(id, await this.segmentsOf(id)) : null;
    if (journal === null) throw unknownSession(id);
    return journal;
  }

  /** The journal as it is now. Null where there is no such session, or none any more. */
  private journalOf(id: string, segments: readonly LogSegment[]): Journal | null {
    const journal = this.openedBefore(id, segments) ?? this.newJournal(id, segments);
    journal.read();
    const { marker } = this.opened.get(journal)!;
    return (marker === null && journal.records.length === 0) || isDeleted(journal.records) ? null : journal;
  }

  /** The journal that is open already, unless others have brought what it does not know, or it is another session now. */
  private openedBefore(id: string, segments: readonly LogSegment[]): Journal | null {
    const journal = this.journals.peek(id);
    if (journal === null) return null;
    const open = this.opened.get(journal)!;
    if (open.marker !== null && !existsSync(open.marker)) return null;
    const now = identity(id, segments);
    if (open.segments === now) return journal;
    const there = new Set(journal.records.map(keyOf));
    if (!recordsOf(segments, id).every((r) => there.has(keyOf(r)))) return null;
    open.segments = now;
    return journal;
  }

  private stored(journal: Journal): StoredSession {
    const { header } = this.opened.get(journal)!;
    const { state, records, damaged } = journal;
    const createdAt = header.createdAt ?? records[0]?.at ?? null;
    return { ...header, createdAt, state, records: [...records], damaged: damaged.length };
  }

  private newJournal(id: string, segments: readonly LogSegment[]): Journal {
    const { commonDir, repo, durable } = this.place;
    const known = this.known(id);
    const name = known?.name ?? segments.findLast((s) => isOf(s, id))?.name ?? id;
    const journal = new Journal({
      ...{ directory: journalDirectory(commonDir), session: id, name, durable },
      clone: repo === null ? '' : ownId(repo),
      known: recordsOf(segments, id),
    });
    const { config = null, createdAt = null, marker = null } = known ?? {};
    this.opened.set(journal, {
      ...{ header: { id, name, config, createdAt }, marker },
      segments: identity(id, segments),
    });
    return journal;
  }

  private journalIds(): string[] {
    try {
      return readdirSync(journalDirectory(this.place.commonDir)).flatMap((file) => {
        const id = file.replace(/\.jsonl$/u, '');
        return id !== file && isSessionId(id) ? [id] : [];
      });
    } catch {
      return [];
    }
  }

  private writable(): Repository {
    const { repo } = this.place;
    if (repo !== null) return repo;
    throw new GitMissingError('sessions are written with git, and these were opened with git: false', [
      'openSessions({ dir })',
    ]);
  }
}

function isDeleted(records: readonly LogRecord[]): boolean {
  return records.some(({ event }) => event.type === 'deleted');
}

function isOf({ records }: LogSegment, id: string): boolean {
  return records.some((r) => r.session === id);
}

function identity(id: string, segments: readonly LogSegment[]): string {
  return segments.flatMap((s) => (isOf(s, id) ? [s.oid] : [])).join(' ');
}

function keyOf({ clone, sequence }: LogRecord): string {
  return `${clone} ${sequence}`;
}

/** Where nothing can be written, reading goes on: it needs no id. */
function ownId(repo: Repository): string {
  try {
    return cloneId(repo);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return '';
  }
}
