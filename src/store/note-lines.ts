import { addLinks, crqKey, type CrqLink, formatNoteLine, mergeNoteLines, parseNote } from '../session/crq.ts';
import { type Identity, readNotes, updateNote } from '../git/notes.ts';
import type { Repository } from '../git/repository.ts';
import { CRQ_NOTES } from './crq-notes.ts';
import type { StoredSnapshot } from './sessions.ts';

/** Adds links to many snapshots at once: one write for each commit. */
export async function addNoteLines(
  repo: Repository,
  identity: Identity,
  message: string,
  linksByCommit: ReadonlyMap<string, CrqLink[]>,
): Promise<void> {
  for (const [object, links] of linksByCommit) {
    await updateNote(repo.git, {
      ref: CRQ_NOTES,
      object,
      identity,
      message,
      edit: (text) => addLinks(text, links),
    });
  }
}

/** Changes our own lines about these snapshots, on whatever commits they are; gives the number of commits. */
async function editLinks(
  repo: Repository,
  identity: Identity,
  message: string,
  edit: (link: CrqLink) => CrqLink | null,
): Promise<number> {
  let changed = 0;
  for (const [object, text] of await readNotes(repo.git, CRQ_NOTES)) {
    if (edited(text, edit) === null) continue;
    const update = { ref: CRQ_NOTES, object, identity, message };
    if (await updateNote(repo.git, { ...update, edit: (now) => edited(now, edit) })) changed++;
  }
  return changed;
}

function edited(text: string, edit: (link: CrqLink) => CrqLink | null): string | null {
  const { links, other } = parseNote(text);
  const after = links.map(edit);
  if (after.every((link, i) => link === links[i])) return null;
  return mergeNoteLines([...other, ...after.filter((link) => link !== null).map(formatNoteLine)]);
}

/** Takes one link away from all commits: `git commit --amend` and rebase copy notes. */
export function removeCrqLines(
  repo: Repository,
  identity: Identity,
  { name, id }: Pick<StoredSnapshot, 'name' | 'id'>,
  crq: string,
): Promise<number> {
  return editLinks(repo, identity, `git session: unlink ${name}/${id} from ${crq}`, (link) =>
    link.name === name && link.id === id && crqKey(link.crq) === crqKey(crq) ? null : link,
  );
}

export function removeNoteLines(
  repo: Repository,
  identity: Identity,
  snapshots: StoredSnapshot[],
): Promise<number> {
  const gone = new Set(snapshots.map((s) => `${s.name}/${s.id}`));
  const names = [...new Set(snapshots.map((s) => s.name))].join(', ');
  return editLinks(repo, identity, `git session: delete ${names}`, (link) =>
    gone.has(`${link.name}/${link.id}`) ? null : link,
  );
}

export function renameNoteLines(
  repo: Repository,
  identity: Identity,
  snapshots: StoredSnapshot[],
  to: string,
): Promise<number> {
  const moved = new Set(snapshots.map((s) => `${s.name}/${s.id}`));
  return editLinks(repo, identity, `git session: rename ${snapshots[0]!.name} to ${to}`, (link) =>
    moved.has(`${link.name}/${link.id}`) ? { ...link, name: to } : link,
  );
}
