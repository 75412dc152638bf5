import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { FileProblemError } from '../session/errors.ts';
import { type AppliedRecord, fold } from '../session/event-log.ts';
import { ConfigSchema } from '../session/event-schema.ts';
import { isSessionId } from '../session/live.ts';
import { checkpointsOf, configOf, type SessionHeader } from '../session/persisted.ts';
import { Journal } from '../store/journal.ts';
import { writeWhole } from '../store/records.ts';
import { lockSession } from '../store/session-lock.ts';
import { Journals } from './journals.ts';
import { fileChanged } from './log-changes.ts';
import type { SessionStorage, StoredSession, WantedEvents } from './storage.ts';
import { idTaken, unknownSession } from './unknown-session.ts';

export interface FileStorageOptions {
  /** Made where it is missing. */
  basePath: string;
  /** An acknowledged event survives a loss of power, and not only the death of the process. Default false. */
  durable?: boolean | undefined;
}

const HeaderSchema = v.object({
  version: v.literal(1),
  id: v.string(),
  name: v.string(),
  config: v.nullable(ConfigSchema),
  createdAt: v.nullable(v.string()),
});

/**
 * One directory for each session: `<base>/<id>/events.jsonl` is its log, which only grows; `state.json` says what that
 * leads to, for people and for other programs. The log decides. Several processes may write to one session.
 */
export class FileStorage implements SessionStorage {
  readonly basePath: string;
  private readonly durable: boolean;
  private readonly journals = new Journals((id) => Promise.resolve(this.journal(id)));

  constructor({ basePath, durable = false }: FileStorageOptions) {
    this.basePath = path.resolve(basePath);
    this.durable = durable;
  }

  async create(header: SessionHeader): Promise<void> {
    const directory = this.directory(header.id);
    try {
      mkdirSync(this.basePath, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw problem(error);
    }
    try {
      mkdirSync(directory, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw idTaken(header.id);
      throw problem(error);
    }
    this.write(header, []);
  }

  async append(id: string, wanted: WantedEvents): Promise<AppliedRecord[]> {
    if (!this.has(id)) throw unknownSession(id);
    const records = await (await this.journals.get(id)).append(wanted);
    if (this.has(id)) return records;
    // Deleted meanwhile: the writer has made the directory anew.
    this.journals.forget(id);
    rmSync(this.directory(id), { recursive: true, force: true });
    throw unknownSession(id);
  }

  async load(id: string): Promise<StoredSession | null> {
    const header = this.header(id);
    if (header === null) return null;
    const journal = await this.journals.get(id);
    journal.read();
    const { state, records, damaged } = journal;
    return { ...header, state, records: [...records], damaged: damaged.length };
  }

  async list(): Promise<string[]> {
    let entries: string[];
    try {
      entries = readdirSync(this.basePath);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw problem(error);
    }
    return entries.filter((id) => this.has(id));
  }

  async delete(id: string): Promise<boolean> {
    if (!this.has(id)) return false;
    const directory = this.directory(id);
    const lock = await this.lock(id);
    try {
      // At once: nobody sees a half session.
      const gone = path.join(this.basePath, `.deleted-${id}`);
      rmSync(gone, { recursive: true, force: true });
      renameSync(directory, gone);
      rmSync(gone, { recursive: true, force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw problem(error);
    } finally {
      lock.release();
      this.journals.forget(id);
    }
    return true;
  }

  /** `state.json`, where one of these events changes what it says. */
  async publish(id: string, records: readonly AppliedRecord[]): Promise<void> {
    if (records.every(({ event }) => CHANGES_NOTHING.has(event.type)) || !this.has(id)) return;
    const lock = await this.lock(id);
    try {
      // Of two writers the later one has read what both have appended.
      const stored = await this.load(id);
      if (stored !== null) this.write(stored, fold(stored.records).applied);
    } finally {
      lock.release();
    }
  }

  changed(id: string, signal: AbortSignal): Promise<void> {
    return fileChanged(this.directory(id), 'events.jsonl', 250, signal);
  }

  private write(header: SessionHeader, records: readonly AppliedRecord[]): void {
    const { id, name, createdAt } = header;
    const state = {
      ...{ version: 1, id, name, createdAt, config: configOf(header, records) },
      ...{ state: fold(records).state, checkpoints: checkpointsOf(records) },
    };
    try {
      writeWhole(this.stateFile(id), `${JSON.stringify(state, null, 2)}\n`);
    } catch (error) {
      throw problem(error);
    }
  }

  private header(id: string): SessionHeader | null {
    if (!this.has(id)) return null;
    let value: unknown;
    try {
      value = JSON.parse(readFileSync(this.stateFile(id), 'utf8'));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      if (code !== undefined) throw problem(error);
      throw new FileProblemError(`'${this.stateFile(id)}' can't be read: ${message}`);
    }
    const parsed = v.safeParse(HeaderSchema, value);
    if (!parsed.success || parsed.output.id !== id) {
      throw new FileProblemError(`'${this.stateFile(id)}' does not say what session this is`);
    }
    const { name, config, createdAt } = parsed.output;
    return { id, name, config, createdAt };
  }

  private journal(id: string): Journal {
    const directory = this.directory(id);
    return new Journal({
      ...{ directory, file: path.join(directory, 'events.jsonl'), session: id },
      name: this.header(id)?.name ?? id,
      ...{ clone: 'file', durable: this.durable, known: [] },
    });
  }

  private lock(id: string) {
    return lockSession(path.join(this.directory(id), 'events.jsonl.lock'), `session '${id}'`);
  }

  private has(id: string): boolean {
    return isSessionId(id) && existsSync(this.stateFile(id));
  }

  private directory(id: string): string {
    return path.join(this.basePath, id);
  }

  private stateFile(id: string): string {
    return path.join(this.directory(id), 'state.json');
  }
}

const CHANGES_NOTHING: ReadonlySet<string> = new Set([
  ...['command-executed', 'iteration-completed', 'analysis-completed'],
]);

function problem(error: unknown): FileProblemError {
  return new FileProblemError(`cannot write the session's files: ${(error as Error).message}`);
}
