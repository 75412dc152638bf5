import { closeSync, mkdirSync, openSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { isSessionId } from '../session/live.ts';
import type { Repository } from '../git/repository.ts';
import { SessionRecords } from './records.ts';

/**
 * Notes that somebody looks at a session now, and gives that time; null where the repository can't be written to, which
 * must keep nobody from looking. It is the time of the record's directory, or of an empty file where there is no record.
 */
export function noteAccess(repo: Repository, id: string, now = new Date()): Date | null {
  if (!isSessionId(id)) return null;
  try {
    const record = new SessionRecords(repo).read(id);
    if (record !== null) {
      utimesSync(record.directory, now, now);
      return now;
    }
    const directory = path.join(repo.commonDir, 'git-session', 'accessed');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const file = path.join(directory, id);
    closeSync(openSync(file, 'a', 0o600));
    utimesSync(file, now, now);
    return now;
  } catch {
    return null;
  }
}
