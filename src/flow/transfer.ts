import path from 'node:path';
import { FileProblemError, UsageError } from '../session/errors.ts';
import type { Snapshot } from '../session/schema.ts';
import { createBundle } from '../store/bundle.ts';
import { type Placed, placeFile, writeSynced } from '../store/files.ts';
import { type Catalog, readCatalog, readSnapshots, type StoredSnapshot } from '../store/sessions.ts';
import { load, type Loaded } from './load.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

export const FORMATS = ['json', 'yaml', 'bundle', 'jsonl'] as const;
export type Format = (typeof FORMATS)[number];

export interface ExportOptions {
  ref: string | undefined;
  all: boolean;
  format: string | undefined;
  /** A file; undefined or `-`: stdout. */
  output: string | undefined;
  /** A folder that gets `<name>/<id>.session.json`. */
  to: string | undefined;
  force: boolean;
  /** Commits that the receiver of a bundle has. */
  exclude: string[];
}

export interface Exported {
  /** `<name>/<id>`, with the remote in front of a remote's one. */
  snapshot: string;
  oid: string;
  file: string | null;
  result: Placed;
}

export interface ExportResult {
  format: Format;
  exported: Exported[];
  /** For stdout; null where files were written, or where git has written to stdout itself. */
  bytes: Buffer | null;
  warnings: string[];
}

/** Snapshots that one command exports, and what could not be read of them. */
interface Chosen {
  loaded: Pick<Loaded, 'snapshot' | 'bytes' | 'oid' | 'stored' | 'label'>[];
  warnings: string[];
}

export async function exportSnapshots(options: ExportOptions): Promise<ExportResult> {
  const format = formatOf(options);
  const { output, to } = options;
  if (options.all === (options.ref !== undefined)) {
    throw new UsageError(options.all ? '--all takes no reference' : 'which session? a reference is missing', [
      'see what there is: git session list',
    ]);
  }
  if (to !== undefined && output !== undefined) throw new UsageError('--to and -o exclude each other');
  if (to !== undefined && (format === 'bundle' || format === 'jsonl')) {
    throw new UsageError(`--to writes one file for each snapshot, and ${format} is one file for all`, [
      `write it to a file: -o sessions.${format}`,
    ]);
  }
  if (options.all && to === undefined && (format === 'json' || format === 'yaml')) {
    throw new UsageError(`--all does not go into one ${format} file`, [
      'one line for each snapshot: --all --format jsonl',
      'one file for each snapshot: --all --to sessions/archive',
    ]);
  }
  const ws = await openWorkspace();
  const chosen = options.all ? await loadAll(ws) : { loaded: [await load(ws, options.ref!)], warnings: [] };
  if (to !== undefined) return toFolder(path.resolve(to), format, chosen, options.force);
  const file = output === undefined || output === '-' ? null : path.resolve(output);
  if (format === 'bundle') return toBundle(ws, chosen, file, options);
  const bytes = await encode(chosen, format);
  const result =
    file === null
      ? 'written'
      : await placeFile(file, options.force, (temporary) => writeSynced(temporary, bytes));
  return {
    ...{ format, bytes: file === null ? bytes : null, warnings: chosen.warnings },
    exported: chosen.loaded.map(({ label, oid }) => ({ snapshot: label, oid, file, result })),
  };
}

/** What was asked for, or what the file's name says, or JSON. */
function formatOf({ format, output, all }: ExportOptions): Format {
  const known = FORMATS.find((f) => f === format);
  if (known !== undefined) return known;
  if (format !== undefined) {
    throw new UsageError(`unknown format '${format}'`, [`use one of ${FORMATS.join(', ')}`]);
  }
  const extension = output === undefined ? '' : path.extname(output);
  if (extension === '.yml') return 'yaml';
  const named = FORMATS.find((f) => extension === `.${f}`);
  return named ?? (all && output !== undefined ? 'jsonl' : 'json');
}

/** Every local snapshot that can be read, the oldest first within each session. */
async function loadAll(ws: Workspace): Promise<Chosen> {
  const catalog = await readCatalog(ws.repo.git);
  const read = await readSnapshots(ws.repo.git, local(catalog));
  const chosen: Chosen = { loaded: [], warnings: [] };
  for (const r of read) {
    if ('error' in r) chosen.warnings.push(`left out: ${r.error.message}`);
    else {
      const label = `${r.stored.name}/${r.stored.id}`;
      chosen.loaded.push({
        snapshot: r.snapshot,
        bytes: r.bytes,
        oid: r.stored.oid,
        stored: r.stored,
        label,
      });
    }
  }
  return chosen;
}

function local(catalog: Catalog): StoredSnapshot[] {
  return catalog.snapshots.filter((s) => s.remote === null);
}

/** JSON is the blob itself, byte for byte, so that an import gives the same object. */
async function encode({ loaded }: Chosen, format: 'json' | 'yaml' | 'jsonl'): Promise<Buffer> {
  if (format === 'jsonl') return Buffer.concat(loaded.flatMap(({ bytes }) => [bytes, Buffer.from('\n')]));
  const one = loaded[0]!;
  return format === 'yaml' ? yamlOf(one.snapshot) : one.bytes;
}

async function yamlOf(snapshot: Snapshot): Promise<Buffer> {
  const { parseYaml, toYaml } = await import('./yaml.ts');
  const { encodeSnapshot } = await import('../session/codec.ts');
  const bytes = Buffer.from(toYaml(snapshot), 'utf8');
  // What can't be read back as it was must not be given to anyone.
  const back = encodeSnapshot(parseYaml(bytes, 'the exported YAML') as Snapshot);
  if (back.equals(encodeSnapshot(snapshot))) return bytes;
  throw new FileProblemError('this snapshot can not be written as YAML without loss', ['use --format json']);
}

async function toFolder(
  folder: string,
  format: Format,
  { loaded, warnings }: Chosen,
  force: boolean,
): Promise<ExportResult> {
  const exported: Exported[] = [];
  for (const { label, oid, snapshot, bytes, stored } of loaded) {
    if (stored === null) throw new UsageError('--to is for snapshots of this repository, not for files');
    const file = path.join(folder, `${label}.session.${format}`);
    const content = format === 'yaml' ? await yamlOf(snapshot) : bytes;
    const result = await placeFile(file, force, (temporary) => writeSynced(temporary, content));
    exported.push({ snapshot: label, oid, file, result });
  }
  return { format, exported, bytes: null, warnings };
}

async function toBundle(
  ws: Workspace,
  { loaded, warnings }: Chosen,
  file: string | null,
  { force, exclude }: ExportOptions,
): Promise<ExportResult> {
  const stored = loaded.map((l) => l.stored).filter((s) => s !== null);
  if (stored.length === 0) {
    throw new UsageError('a bundle is made of snapshots of this repository', ['import the file first']);
  }
  let result: Placed = 'written';
  if (file === null) await createBundle(ws.repo.git, stored, '-', exclude);
  else
    result = await placeFile(file, force, (temporary) =>
      createBundle(ws.repo.git, stored, temporary, exclude),
    );
  return {
    ...{ format: 'bundle', bytes: null, warnings },
    exported: loaded.map(({ label, oid }) => ({ snapshot: label, oid, file, result })),
  };
}
