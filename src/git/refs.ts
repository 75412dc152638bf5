import { StoreBusyError } from '../session/errors.ts';
import { failed, type Git } from './git.ts';
import { objectInfos, type ObjectType } from './objects.ts';

export interface Ref {
  name: string;
  oid: string;
  type: ObjectType | null;
  size: number;
  /** The ref is a symbolic one: never ours (attack C7). */
  symbolic: boolean;
}

const FORMAT = '%(refname)%00%(objectname)%00%(objecttype)%00%(objectsize)%00%(symref)';

/** All refs below the prefixes (no `*`: there it does not cross slashes), with type and size, by one git. */
export async function listRefs(git: Git, prefixes: string[]): Promise<Ref[]> {
  const args = ['for-each-ref', `--format=${FORMAT}`, ...prefixes];
  const result = await git.run(args);
  // One ref to a missing object makes the whole call fail: types and sizes are asked for apart then.
  if (result.code === 0) return parse(result.stdout);
  const plain = await git.ok([
    'for-each-ref',
    '--format=%(refname)%00%(objectname)%00%00%00%(symref)',
    ...prefixes,
  ]);
  const refs = parse(plain);
  const infos = await objectInfos(
    git,
    refs.map((r) => r.oid),
  );
  return refs.map((r, i) => ({ ...r, type: infos[i]?.type ?? null, size: infos[i]?.size ?? -1 }));
}

function parse(out: Buffer): Ref[] {
  return out
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', oid = '', type = '', size = '', symref = ''] = line.split('\0');
      return {
        name: Buffer.from(name, 'latin1').toString('utf8'),
        oid,
        type: type === '' ? null : (type as ObjectType),
        size: size === '' ? -1 : Number(size),
        symbolic: symref !== '',
      };
    });
}

export type RefUpdate =
  | { kind: 'create'; ref: string; oid: string }
  | { kind: 'update'; ref: string; oid: string; old: string }
  | { kind: 'delete'; ref: string; old: string };

/** All updates or none, by compare-and-swap, and never through a symbolic ref. */
export async function updateRefs(git: Git, updates: RefUpdate[], config: string[] = []): Promise<void> {
  if (updates.length === 0) return;
  const lines = ['start\0'];
  for (const u of updates) {
    lines.push('option no-deref\0');
    if (u.kind === 'create') lines.push(`create ${u.ref}\0${u.oid}\0`);
    else if (u.kind === 'update') lines.push(`update ${u.ref}\0${u.oid}\0${u.old}\0`);
    else lines.push(`delete ${u.ref}\0${u.old}\0`);
  }
  lines.push('prepare\0', 'commit\0');
  const args = ['update-ref', '-z', '--stdin'];
  const result = await git.run(args, { input: lines.join(''), config });
  if (result.code === 0) return;
  if (/\.lock': File exists/u.test(result.stderr)) {
    throw new StoreBusyError(`a ref is locked: ${result.stderr.split('\n')[0]?.replace(/^fatal: /u, '')}`, [
      'another git may be running; if none is, remove the lock file and try again',
    ]);
  }
  throw failed(args, result);
}
