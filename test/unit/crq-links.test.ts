import { describe, expect, it } from 'vitest';
import type { Crq } from '../../src/session/schema.ts';
import { crqsOf } from '../../src/store/crq-links.ts';
import type { EventData, EventRecord } from '../../src/store/events.ts';
import type { Catalog, StoredSnapshot } from '../../src/store/sessions.ts';
import { plainSnapshot } from '../support/forge.ts';

const ID = '20261121T080000000Z-0123abcd';
const OTHER = '20261121T080000001Z-0123abcd';

const stored: StoredSnapshot = {
  ...{ ref: `refs/sessions/work/${ID}/snapshot`, name: 'work', remote: null, id: ID },
  ...{ oid: '0123abcd'.repeat(5), size: 1, context: null },
};

type Told = Catalog['events'][number];

function told(
  sequence: number,
  type: EventRecord['type'],
  data: Partial<EventData>,
  { name = 'work', remote = null }: { name?: string; remote?: string | null } = {},
): Told {
  const record: EventRecord = {
    ...{ version: 1, clone: 'c', sequence, at: '2026-11-21T08:00:00.000Z', type },
    data: { snapshots: [ID], ...data },
  };
  return { name, remote, record };
}

const crq = (id: string, title: string | null = null): Crq => ({ id, title, path: null, status: null });

function linked(events: Told[], saved: Crq[] = []): Crq[] {
  const catalog: Catalog = { snapshots: [stored], foreign: [], notes: null, events, newestId: () => null };
  return crqsOf(catalog, stored, { ...plainSnapshot(null), crqs: saved });
}

describe('the CRQs that a snapshot is linked to now', () => {
  it('are those that it was saved with, where nothing happened since', () => {
    const saved: Crq[] = [
      { id: 'CRQ-2', title: 'Two', path: 'docs/crq-2.md', status: 'open' },
      crq('CRQ-1', 'One'),
    ];
    expect(linked([], saved)).toEqual(saved);
  });

  it('are also those that were linked later, with title and path where they were known', () => {
    const events = [
      told(1, 'crq-linked', { crq: 'CRQ-7', title: 'Seven', path: 'docs/crq-7.md' }),
      told(2, 'crq-linked', { crq: 'CRQ-8' }),
    ];
    expect(linked(events, [crq('CRQ-1')])).toEqual([
      crq('CRQ-1'),
      { id: 'CRQ-7', title: 'Seven', path: 'docs/crq-7.md', status: null },
      crq('CRQ-8'),
    ]);
  });

  it('are not those that were unlinked, however the id is spelled there', () => {
    expect(linked([told(1, 'crq-unlinked', { crq: 'crq_1' })], [crq('CRQ-1'), crq('CRQ-2')])).toEqual([
      crq('CRQ-2'),
    ]);
  });

  it('follow the order of the events, not that of the catalog', () => {
    const link = told(1, 'crq-linked', { crq: 'CRQ-7' });
    const unlink = told(2, 'crq-unlinked', { crq: 'CRQ-7' });
    const again = told(3, 'crq-linked', { crq: 'CRQ-7', title: 'Again' });
    expect(linked([unlink, link])).toEqual([]);
    expect(linked([again, unlink, link])).toEqual([crq('CRQ-7', 'Again')]);
  });

  it('a second link of the same CRQ changes nothing of the first', () => {
    const saved: Crq[] = [{ id: 'CRQ-7', title: 'Seven', path: 'docs/crq-7.md', status: 'open' }];
    expect(linked([told(1, 'crq-linked', { crq: 'crq_7', title: 'Other' })], saved)).toEqual(saved);
  });

  it('an unlinking of what is not linked changes nothing', () => {
    expect(linked([told(1, 'crq-unlinked', { crq: 'CRQ-9' })], [crq('CRQ-1')])).toEqual([crq('CRQ-1')]);
  });

  it('events of remotes count as those of this clone', () => {
    const theirs = told(1, 'crq-unlinked', { crq: 'CRQ-1' }, { remote: 'origin' });
    expect(linked([theirs], [crq('CRQ-1')])).toEqual([]);
  });

  it.each<[string, Told]>([
    ['of another session', told(1, 'crq-unlinked', { crq: 'CRQ-1' }, { name: 'work/deep' })],
    ['about another snapshot', told(1, 'crq-unlinked', { crq: 'CRQ-1', snapshots: [OTHER] })],
    ['about no CRQ', told(1, 'crq-unlinked', {})],
    ['of another kind', told(1, 'deleted', { crq: 'CRQ-1' })],
    ['of another kind about a new CRQ', told(1, 'deleted', { crq: 'CRQ-2' })],
  ])('an event %s changes nothing', (_, event) => {
    expect(linked([event], [crq('CRQ-1')])).toEqual([crq('CRQ-1')]);
  });

  it('leaves the snapshot itself as it is', () => {
    const snapshot = { ...plainSnapshot(null), crqs: [crq('CRQ-1')] };
    const events = [told(1, 'crq-unlinked', { crq: 'CRQ-1' }), told(2, 'crq-linked', { crq: 'CRQ-2' })];
    const catalog: Catalog = { snapshots: [], foreign: [], notes: null, events, newestId: () => null };
    expect(crqsOf(catalog, stored, snapshot).map((c) => c.id)).toEqual(['CRQ-2']);
    expect(snapshot.crqs).toEqual([crq('CRQ-1')]);
    expect(events.map((e) => e.record.sequence)).toEqual([1, 2]);
  });
});
