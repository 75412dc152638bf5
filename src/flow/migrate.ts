import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { FileProblemError } from '../session/errors.ts';
import { isSessionId, type SessionRecord } from '../session/live.ts';
import { setting } from '../session/settings.ts';
import { toText } from '../session/text.ts';
import { completeCloneFile, oldCloneFile } from '../store/clone.ts';
import { SessionRecords } from '../store/records.ts';
import { openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

/** One file of an older version. */
export interface Migration {
  code: 'clone-id' | 'record';
  file: string;
  message: string;
}

/**
 * Brings files of older versions to the present form. Snapshots and segments are never written anew: every later version
 * reads them as they are. A second time there is nothing to do.
 */
export async function migrate(dryRun: boolean): Promise<{ migrated: Migration[]; left: Migration[] }> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const migrated: Migration[] = [];
  const left: Migration[] = [];
  const clone = oldCloneFile(ws.repo);
  if (clone !== null) {
    if (!dryRun) writing(() => completeCloneFile(clone));
    migrated.push({ code: 'clone-id', file: clone, message: 'the place of this clone is added' });
  }
  const records = new SessionRecords(ws.repo);
  for (const id of list(records.directory).filter((name) => isSessionId(name))) {
    const file = path.join(records.directoryOf(id), 'record.json');
    if (records.read(id) !== null || statSync(file, { throwIfNoEntry: false }) === undefined) continue;
    const old = parse(file);
    const record = old === null || old['id'] !== id ? null : completed(ws, old, file);
    if (record === null || !records.isReadable(record)) {
      left.push({ code: 'record', file, message: 'it is no record of an older version' });
      continue;
    }
    if (!dryRun) records.update(record);
    const added = Object.keys(record).filter((key) => !(key in old!));
    migrated.push({ code: 'record', file, message: `added: ${added.join(', ')}` });
  }
  return { migrated, left };
}

function writing(write: () => void): void {
  try {
    write();
  } catch (error) {
    throw new FileProblemError(`cannot write the id of this clone: ${(error as Error).message}`);
  }
}

/** With what a record of today has, and an older one did not know. */
function completed(ws: Workspace, old: Record<string, unknown>, file: string): SessionRecord | null {
  const { name, argv } = old;
  if (typeof name !== 'string') return null;
  return {
    ...{ version: 1, kind: Array.isArray(argv) ? 'run' : 'create', context: 'session', identifier: name },
    ...{
      argv: null,
      cwd: toText(Buffer.from(ws.repo.workTree ?? ws.repo.gitDir)),
      worktree: null,
      branch: null,
    },
    ...{ createdAt: statSync(file).mtime.toISOString(), metadata: {}, ai: false },
    historyLimit: setting(ws.config, 'historyLimit', process.env),
    ...old,
  } as SessionRecord;
}

function parse(file: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
