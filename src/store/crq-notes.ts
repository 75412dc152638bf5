import { readNotes, updateNote, type Identity } from '../git/notes.ts';
import type { Repository } from '../git/repository.ts';
import { addLinks, type CrqLink, parseNote, sameLink } from '../session/crq.ts';
import type { Crq } from '../session/schema.ts';

/** The links between sessions and CRQs: lines in the notes on the sessions' base commits. */
export const CRQ_NOTES = 'refs/notes/crq';

export interface LinkTarget {
  /** Full id of the commit that the session was saved on. */
  base: string;
  name: string;
  id: string;
}

/** Links a snapshot to all these CRQs at once; false where nothing was new. */
export async function linkCrqs(
  repo: Repository,
  { base, name, id, crqs, identity }: LinkTarget & { crqs: Pick<Crq, 'id' | 'title'>[]; identity: Identity },
): Promise<boolean> {
  if (crqs.length === 0) return false;
  const links = crqs.map((crq) => ({ crq: crq.id, name, id, title: crq.title }));
  return updateNote(repo.git, {
    ref: CRQ_NOTES,
    object: base,
    edit: (text) => addLinks(text, links),
    identity,
    message: `git session: link ${name}/${id} to ${crqs.map((crq) => crq.id).join(', ')}`,
  });
}

/**
 * All links by base commit. A line without a title is the same link as one with it; two titles are
 * two CRQs with one number, which real repositories have.
 */
export async function linksOf(repo: Repository): Promise<Map<string, CrqLink[]>> {
  const found = new Map<string, CrqLink[]>();
  for (const [commit, text] of await readNotes(repo.git, CRQ_NOTES)) {
    const { links } = parseNote(text);
    const titled = (link: CrqLink) => link.title !== null;
    const distinct = links.filter(
      (link, i) =>
        !links.some(
          (other, j) =>
            sameLink(other, link) &&
            (titled(link) ? j < i && other.title === link.title : titled(other) || j < i),
        ),
    );
    if (distinct.length > 0) found.set(commit, distinct);
  }
  return found;
}
