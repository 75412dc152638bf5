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
  /** git passes over it: its file is empty, or holds no object id. `oid` is '' then. */
  broken?: true;
}

const FORMAT = '%(refname)%00%(objectname)%00%(objecttype)%00%(objectsize)%00%(symref)';

/**
 * All refs below the prefixes (no `*`: there it does not cross slashes), with type and size, by one git. Broken ones, of
 * which git only warns, are among them where they are asked for.
 */
export async function listRefs(git: Git, prefixes: string[], withBroken = false): Promise<Ref[]> {
  const args = ['for-each-ref', `--format=${FORMAT}`, ...prefixes];
  const result = await git.run(args, withBroken ? { env: { LC_ALL: 'C' } } : {});
  const broken = withBroken ? brokenIn(result.stderr) : [];
  // One ref to a missing object makes the whole call fail: types and sizes are asked for apart then.
  if (result.code === 0) return [...parse(result.stdout), ...broken];
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
  return refs
    .map((r, i): Ref => ({ ...r, type: infos[i]?.type ?? null, size: infos[i]?.size ?? -1 }))
    .concat(broken);
}

function brokenIn(stderr: string): Ref[] {
  const names = stderr.matchAll(/^warning: ignoring broken ref (\S+)$/gmu);
  return [...names].map(([, name]) => ({
    ...{ name: name!, oid: '', type: null, size: -1, symbolic: false, broken: true },
  }));
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
