import { readFileSync, statSync } from 'node:fs';
import { decodeSnapshot, snapshotFromValue, tooLarge } from '../session/codec.ts';
import { FileProblemError, SessionError } from '../session/errors.ts';
import { MAX_SNAPSHOT_BYTES, type Snapshot } from '../session/schema.ts';
import type { Text } from '../session/text.ts';
import { hashObject } from '../git/objects.ts';
import { resolveSnapshot } from '../store/resolve.ts';
import { type Catalog, readCatalog, readSnapshots, type StoredSnapshot } from '../store/sessions.ts';
import type { Workspace } from './workspace.ts';

/** A snapshot, and where it came from. From here on everything goes by object id. */
export interface Loaded {
  snapshot: Snapshot;
  bytes: Buffer;
  oid: string;
  /** null for a file. */
  stored: StoredSnapshot | null;
  /** What to call it in messages. */
  label: string;
  catalog: Catalog;
  /** Comes back as another session than the saved one, though by its name. */
  asNew?: boolean;
}

/** The tmux session's name at restore: the saved one, and after `git session rename` the new one. */
export function tmuxNameOf({
  snapshot,
  stored,
  catalog,
}: Pick<Loaded, 'snapshot' | 'stored' | 'catalog'>): Text {
  const renamed =
    stored !== null &&
    catalog.events.some(
      ({ record: { data } }) => data.renamedTo === stored.name && data.snapshots.includes(stored.id),
    );
  return renamed ? stored.name : snapshot.tmux.sessions[0]!.name;
}

/** Resolves a reference or the path of an exported file, once, and reads what it names. */
export async function load(ws: Workspace, ref: string): Promise<Loaded> {
  const catalog = await readCatalog(ws.repo.git);
  let stored: StoredSnapshot;
  try {
    stored = resolveSnapshot(catalog, ref);
  } catch (error) {
    if (!(error instanceof SessionError) || error.code !== 'not-found') throw error;
    const foreign = foreignByOid(catalog, ref);
    if (foreign !== null)
      return { ...(await loadStored(ws, catalog, foreign)), stored: null, label: foreign.oid };
    if (!isFile(ref)) throw error;
    const bytes = readFileBytes(ref);
    const snapshot = await decodeFile(ref, bytes);
    const { encodeSnapshot } = await import('../session/codec.ts');
    const canonical = encodeSnapshot(snapshot);
    const oid = hashObject(ws.repo.objectFormat, 'blob', canonical);
    return { snapshot, bytes: canonical, oid, stored: null, label: ref, catalog };
  }
  return loadStored(ws, catalog, stored);
}

export async function loadStored(ws: Workspace, catalog: Catalog, stored: StoredSnapshot): Promise<Loaded> {
  const [read] = await readSnapshots(ws.repo.git, [stored]);
  if (read === undefined) throw new FileProblemError(`snapshot ${stored.oid} can't be read`);
  if ('error' in read) throw read.error;
  const label = `${stored.remote === null ? '' : `${stored.remote}/`}${stored.name}/${stored.id}`;
  return { snapshot: read.snapshot, bytes: read.bytes, oid: stored.oid, stored, label, catalog };
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}

/** Readable forms are larger than the canonical one, but not by much. */
const MAX_FILE_BYTES = 4 * MAX_SNAPSHOT_BYTES;

export function readFileBytes(path: string): Buffer {
  try {
    const { size } = statSync(path);
    if (size > MAX_FILE_BYTES) throw tooLarge(`'${path}'`, size);
    return readFileSync(path);
  } catch (error) {
    if (error instanceof SessionError) throw error;
    throw new FileProblemError(`cannot read '${path}': ${(error as Error).message}`);
  }
}

/** A snapshot from an exported file: JSON or YAML, told apart by the first byte. */
export async function decodeFile(path: string, bytes: Buffer): Promise<Snapshot> {
  const what = `'${path}'`;
  if (bytes[0] === 0x7b) {
    // Canonical bytes are taken as they are; JSON that a person has indented goes through its value.
    const text = bytes.at(-1) === 10 ? bytes.subarray(0, -1) : bytes;
    try {
      return decodeSnapshot(text, what);
    } catch (error) {
      if (!(error instanceof SessionError) || error.code !== 'damaged') throw error;
      const { parseUntrusted } = await import('../session/codec.ts');
      return snapshotFromValue(parseUntrusted(text, what), what);
    }
  }
  const { parseYaml } = await import('./yaml.ts');
  return snapshotFromValue(parseYaml(bytes, what), what);
}

/** A snapshot under a ref outside our grammar: it is addressed by its object id only. */
export function foreignByOid({ foreign }: Catalog, ref: string): StoredSnapshot | null {
  if (!/^[0-9a-f]{4,64}$/u.test(ref)) return null;
  const found = foreign.filter((f) => f.oid.startsWith(ref) && (f.type === 'blob' || f.type === null));
  const oids = new Set(found.map((f) => f.oid));
  const [first] = found;
  if (first === undefined || oids.size > 1) return null;
  return {
    ref: first.name,
    name: first.oid,
    remote: null,
    id: '',
    oid: first.oid,
    size: first.size,
    context: null,
  };
}
