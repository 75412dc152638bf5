import { AmbiguousRefError, UnknownRefError } from '../session/errors.ts';
import { REMOTE_SESSIONS, SESSIONS } from '../session/names.ts';
import { nearestName } from '../session/nearest.ts';
import type { Catalog, StoredSnapshot } from './sessions.ts';

/**
 * Finds the one snapshot that `ref` names, most exact form first (design.md section 2): a full ref
 * name, `<name>/<id>` or a unique prefix of the id, `<name>` and `<name>~<n>`, the same behind
 * `<remote>/`, the object id of the blob (4 digits or more).
 */
export function resolveSnapshot(catalog: Catalog, ref: string): StoredSnapshot {
  const found = candidates(catalog, ref);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    throw new AmbiguousRefError(
      `'${ref}' is ambiguous: ${found.length} snapshots match`,
      found.slice(0, 20).map((s) => `git session show ${address(s)}`),
      { candidates: found.map((s) => address(s)) },
    );
  }
  throw unknown(catalog, ref);
}

/** What to type for this snapshot and no other. */
export function address(s: StoredSnapshot): string {
  return s.remote === null ? `${s.name}/${s.id}` : `${s.remote}/${s.name}/${s.id}`;
}

function candidates(catalog: Catalog, ref: string): StoredSnapshot[] {
  const all = catalog.snapshots;
  if (ref.startsWith(SESSIONS) || ref.startsWith(REMOTE_SESSIONS)) {
    return all.filter((s) => s.ref === ref || s.ref === `${ref}/snapshot`);
  }
  const m = /^([^~]*)~(\d{0,9})$/u.exec(ref);
  const base = m === null ? ref : m[1]!;
  const back = m === null ? 0 : Number(m[2] === '' ? '1' : m[2]);
  // A local session comes before a remote one; a remote one needs its remote's name.
  for (const remote of [null, ...remotesOf(all)]) {
    const name =
      remote === null ? base : base.startsWith(`${remote}/`) ? base.slice(remote.length + 1) : null;
    if (name === null) continue;
    const here = all.filter((s) => s.remote === remote);
    const ofSession = here.filter((s) => s.name === name);
    if (ofSession.length > 0) {
      const picked = ofSession.at(-1 - back);
      return picked === undefined ? [] : [picked];
    }
    const slash = name.lastIndexOf('/');
    if (slash <= 0) continue;
    const [session, prefix] = [name.slice(0, slash), name.slice(slash + 1)];
    const byId = here.filter((s) => s.name === session);
    const matching = byId.filter((s) => s.id.startsWith(prefix) || s.id.slice(20).startsWith(prefix));
    if (prefix.length < 4 || matching.length === 0) continue;
    if (back === 0 || matching.length > 1) return matching;
    const picked = byId[byId.indexOf(matching[0]!) - back];
    return picked === undefined ? [] : [picked];
  }
  if (/^[0-9a-f]{4,64}$/u.test(base) && back === 0) {
    const byOid = new Map<string, StoredSnapshot>();
    for (const s of all) if (s.oid.startsWith(base) && !byOid.has(s.oid)) byOid.set(s.oid, s);
    return [...byOid.values()];
  }
  return [];
}

function remotesOf(all: StoredSnapshot[]): string[] {
  return [...new Set(all.map((s) => s.remote))].filter((r) => r !== null);
}

function unknown(catalog: Catalog, ref: string): UnknownRefError {
  const wanted = ref.replace(/~\d*$/u, '');
  const names = [
    ...new Set(catalog.snapshots.map((s) => (s.remote === null ? s.name : `${s.remote}/${s.name}`))),
  ];
  const hints: string[] = [];
  const elsewhere = names.find((n) => n.endsWith(`/${wanted}`));
  const count = catalog.snapshots.filter((s) => s.remote === null && s.name === wanted).length;
  if (count > 0) hints.push(`it has ${count} snapshot${count === 1 ? '' : 's'}: git session log ${wanted}`);
  else if (elsewhere !== undefined) hints.push(`a remote has one: git session restore ${elsewhere}`);
  else {
    const near = nearNames(wanted, names);
    if (near.length > 0) hints.push(`did you mean ${near.map((n) => `'${n}'`).join(' or ')}?`);
    hints.push('see what there is: git session list');
  }
  return new UnknownRefError(`no session or snapshot '${ref}'`, hints);
}

/** Those of which it is a part, or that are a part of it; else the one that differs by a slip. */
function nearNames(wanted: string, names: string[]): string[] {
  const nearest = nearestName(wanted, names);
  const parts = names.filter(
    (n) => wanted.length > 2 && (n.includes(wanted) || (n.length > 2 && wanted.includes(n))),
  );
  if (parts.length > 0) return parts.slice(0, 3);
  return nearest === null ? [] : [nearest];
}
