import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { FileProblemError } from '../session/errors.ts';
import { ConfigSchema } from '../session/event-schema.ts';
import type { Ended, SessionRecord } from '../session/live.ts';
import { TextSchema } from '../session/schema.ts';
import type { Repository } from '../git/repository.ts';

const RecordSchema = v.object({
  version: v.literal(1),
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/u)),
  name: v.string(),
  kind: v.picklist(['run', 'create', 'adopt']),
  context: v.string(),
  identifier: v.string(),
  argv: v.nullable(v.pipe(v.array(TextSchema), v.minLength(1))),
  cwd: TextSchema,
  worktree: v.nullable(TextSchema),
  branch: v.nullable(v.string()),
  createdAt: v.pipe(v.string(), v.isoTimestamp()),
  metadata: v.record(v.string(), v.string()),
  historyLimit: v.number(),
  ai: v.boolean(),
  config: v.optional(ConfigSchema),
});
const EndedSchema = v.object({ at: v.string(), how: v.literal('killed') });

/** A record with the place where its session's files lie. */
export interface StoredRecord {
  record: SessionRecord;
  directory: string;
  ended: Ended | null;
  /** Its tmux session was brought back. What a run has run is not run again: something else is in there now. */
  revived: boolean;
  /** Milliseconds since 1970: when somebody last worked in it by one of our commands. */
  accessedMs: number;
}

/**
 * Records of live sessions: `<common directory>/git-session/live/<id>/`, one directory for each, readable by the user
 * only. `record.json` is written once; what happens later are files of their own beside it, each put there whole.
 */
export class SessionRecords {
  readonly directory: string;

  constructor(repo: Pick<Repository, 'commonDir'>) {
    this.directory = path.join(repo.commonDir, 'git-session', 'live');
  }

  directoryOf(id: string): string {
    return path.join(this.directory, id);
  }

  /** Makes the record's directory and writes it. */
  create(record: SessionRecord): StoredRecord {
    const directory = this.directoryOf(record.id);
    try {
      orProblem(() => {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        writeWhole(path.join(directory, 'record.json'), `${JSON.stringify(record)}\n`);
      });
    } catch (error) {
      removeEmpty(directory);
      throw error;
    }
    return { record, directory, ended: null, revived: false, accessedMs: Date.now() };
  }

  /** Replaces the record, for a new name. */
  update(record: SessionRecord): void {
    const file = path.join(this.directoryOf(record.id), 'record.json');
    orProblem(() => writeWhole(file, `${JSON.stringify(record)}\n`));
  }

  /** All records that can be read, the oldest first. One that can't be read hides no other. */
  list(): StoredRecord[] {
    let ids: string[];
    try {
      ids = readdirSync(this.directory);
    } catch {
      return [];
    }
    return ids
      .flatMap((id) => this.read(id) ?? [])
      .toSorted((a, b) => (a.record.createdAt < b.record.createdAt ? -1 : 1));
  }

  /** Whether it could be read again once it is written. */
  isReadable(record: unknown): boolean {
    return v.is(RecordSchema, record);
  }

  read(id: string): StoredRecord | null {
    const directory = this.directoryOf(id);
    const parsed = v.safeParse(RecordSchema, readJson(path.join(directory, 'record.json')));
    if (!parsed.success || parsed.output.id !== id) return null;
    const ended = v.safeParse(EndedSchema, readJson(path.join(directory, 'ended.json')));
    return {
      record: parsed.output,
      directory,
      ended: ended.success ? ended.output : null,
      revived: existsSync(path.join(directory, 'revived')),
      accessedMs: statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 0,
    };
  }

  /** Says that a person ends the session now, before tmux is told so. */
  markEnded(stored: StoredRecord, ended: Ended): void {
    const file = path.join(stored.directory, 'ended.json');
    orProblem(() => writeWhole(file, `${JSON.stringify(ended)}\n`));
  }

  /** Says that its tmux session is brought back, before it is. Without one the mark means nothing. */
  markRevived(stored: StoredRecord): void {
    orProblem(() => writeWhole(path.join(stored.directory, 'revived'), ''));
  }

  /** The session lives again. */
  unmarkEnded(stored: StoredRecord): void {
    orProblem(() => rmSync(path.join(stored.directory, 'ended.json'), { force: true }));
  }

  remove(id: string): void {
    const directory = this.directoryOf(id);
    // Below another name: what is still running writes by the old one, and would keep the directory from going.
    const gone = `${directory}.gone`;
    orProblem(() => {
      try {
        renameSync(directory, gone);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
      rmSync(gone, { recursive: true, force: true });
    });
  }
}

/** A full disk or a repository that can only be read is the user's to mend, and no fault in here. */
function orProblem(write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new FileProblemError(`cannot write the session's record: ${(error as Error).message}`);
  }
}

function removeEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // It was never made, or holds something.
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** Whole or not there, also where the program is killed meanwhile. */
export function writeWhole(file: string, text: string | Uint8Array): void {
  const draft = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, file);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
