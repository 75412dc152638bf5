import { FileProblemError, SessionError, UnknownRefError } from '../session/errors.ts';
import { isSessionId } from '../session/live.ts';
import { keptDirectory } from '../store/broken-refs.ts';
import { findJournals, type FoundJournal } from '../store/journal-repair.ts';
import { journalDirectory } from '../store/journal.ts';
import { readLogSegments } from '../store/log-segments.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { type Catalog, readCatalog } from '../store/sessions.ts';
import type { Finding, Fsck } from './fsck-findings.ts';
import { checkLocks, checkLogs, checkRecords } from './fsck-logs.ts';
import { checkBrokenRefs, checkSnapshots } from './fsck-snapshots.ts';
import { openWorkspace, requireEnabled } from './workspace.ts';

export interface FsckReport {
  findings: Finding[];
  checked: { snapshots: number; journals: number; segments: number; records: number };
}

/**
 * Looks at everything that is kept of sessions: snapshots with the commits that they need, logs, records, locks. With
 * `repair` it mends what can be mended safely; what it takes away it puts elsewhere, and deletes nothing.
 */
export async function fsck(word: string | null, repair: boolean): Promise<FsckReport> {
  const ws = await openWorkspace();
  if (repair) requireEnabled(ws.config);
  const findings: Finding[] = [];
  const records = new SessionRecords(ws.repo);
  const journals = findJournals(journalDirectory(ws.repo.commonDir));
  const before = await readCatalog(ws.repo.git);
  const wanted = scopeOf(word, before, records.list(), journals);
  const context: Fsck = {
    ...{ ws, repair, wanted, kept: keptDirectory(ws.repo) },
    found: (code, subject, message, hints = []) => {
      const finding = { code, subject, message, hints, repaired: null };
      findings.push(finding);
      return finding;
    },
  };
  const all = { before, records, journals };
  try {
    return { findings, checked: await checkAll(context, all) };
  } catch (error) {
    if (error instanceof SessionError || !(error instanceof Error) || !('syscall' in error)) throw error;
    throw new FileProblemError(`cannot repair: ${error.message}`, ['see what is wrong: git session fsck']);
  }
}

interface Found {
  before: Catalog;
  records: SessionRecords;
  journals: readonly FoundJournal[];
}

async function checkAll(context: Fsck, { before, records, journals }: Found): Promise<FsckReport['checked']> {
  const { ws, wanted } = context;
  // First of all: git can't read what these hide.
  const mended = await checkBrokenRefs(context);
  const catalog = mended ? await readCatalog(ws.repo.git) : before;
  const snapshots = await checkSnapshots(context, catalog);
  const segments = (await readLogSegments(ws.repo.git)).filter((s) => wanted(s.name, null));
  await checkLogs(context, { journals, segments, records: records.list(), catalog });
  const seen = checkRecords(context, records);
  await checkLocks(context);
  return { snapshots, journals: journals.length, segments: segments.length, records: seen };
}

function scopeOf(
  word: string | null,
  catalog: Catalog,
  records: readonly StoredRecord[],
  journals: readonly FoundJournal[],
): Fsck['wanted'] {
  if (word === null) return () => true;
  const own = records.filter(({ record: r }) => r.name === word || r.id === word || r.identifier === word);
  const names = new Set(own.map(({ record: r }) => r.name));
  const ids = new Set(own.map(({ record: r }) => r.id));
  if (catalog.snapshots.some((s) => s.name === word)) names.add(word);
  if (isSessionId(word) && journals.some((j) => j.session === word)) ids.add(word);
  if (names.size + ids.size === 0) {
    throw new UnknownRefError(`no session '${word}'`, ['see which there are: git session list --all']);
  }
  return (name, id) => (name !== null && names.has(name)) || (id !== null && ids.has(id));
}
