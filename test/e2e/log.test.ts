import { describe, expect, test } from 'vitest';
import type { Snapshot } from '../../src/session/schema.ts';
import { forge, forgeBytes, plainSnapshot } from '../support/forge.ts';
import { type Person, person } from '../support/harness.ts';

interface Scene {
  ann: Person;
  repo: string;
  head: string;
}

async function scene(): Promise<Scene> {
  const ann = person();
  const repo = await ann.repo();
  return { ann, repo, head: await ann.git(repo, 'rev-parse', 'HEAD') };
}

/** A snapshot of the n-th of January. */
function saved(
  { ann, repo, head }: Scene,
  name: string,
  day: number,
  change: (s: Snapshot) => void = () => undefined,
) {
  const s = plainSnapshot(head);
  const two = String(day).padStart(2, '0');
  Object.assign(s, { message: `${name} ${day}`, savedAt: `2026-01-${two}T00:00:00.000Z` });
  s.session.name = name;
  change(s);
  return forge(ann, repo, s, { name, time: `202601${two}T000000000Z` });
}

async function event(
  { ann, repo }: Scene,
  name: string,
  day: number,
  type: string,
  data: object,
  sequence = Date.UTC(2026, 0, day, 12),
): Promise<void> {
  const record = { at: 'then', clone: 'abcdefabcdef', data, sequence, type, version: 1 };
  const input = `${JSON.stringify(record)}\n`;
  const { stdout } = await ann.run('git', ['hash-object', '-w', '--stdin'], { cwd: repo, input });
  const id = `202601${String(day).padStart(2, '0')}T120000000Z-00000000`;
  await ann.git(repo, 'update-ref', `refs/sessions/${name}/${id}/events`, stdout.trim());
}

async function entries({ ann, repo }: Scene, ...args: string[]): Promise<Record<string, unknown>[]> {
  return JSON.parse(await ann.ok(repo, 'log', '--json', ...args)) as Record<string, unknown>[];
}

const forms = (list: Record<string, unknown>[]) => list.map((e) => e['form'] ?? e['type']);

describe('git session log', () => {
  test('S13: real saves, newest first, with the forms that other commands take', async () => {
    const s = await scene();
    const { ann, repo } = s;
    await ann.tmux('new-session', '-d', '-s', 'work', '-c', repo);
    for (const message of ['one', 'two', 'three']) await ann.ok(repo, 'save', '-m', message);
    const found = await entries(s, 'work');
    expect(found.map((e) => [e['form'], e['message']])).toEqual([
      ['work', 'three'],
      ['work~1', 'two'],
      ['work~2', 'one'],
    ]);
    for (const e of found) {
      const shown = JSON.parse(await ann.ok(repo, 'show', '--json', String(e['form'])));
      expect(shown.oid).toBe(e['oid']);
    }
    const text = await ann.ok(repo, 'log');
    expect(text).toMatch(/^snapshot work\/\S+ \(work\)\nAuthor: {2}ann <ann@example\.org>\nDate: {4}/u);
    expect(text).toMatch(/\n {4}three\n\nsnapshot work\/\S+ \(work~1\)\n/u);
    expect(text).toContain(`Commit:  ${s.head} (on main)`);
  });

  test('--oneline and -n', async () => {
    const s = await scene();
    for (let day = 1; day <= 4; day++) await saved(s, 'a', day);
    await saved(s, 'a', 5, (x) =>
      Object.assign(x, { message: null, crqs: [{ id: 'CRQ-1', title: null, status: null, path: null }] }),
    );
    const out = await s.ann.ok(s.repo, 'log', '--oneline', '-n2', 'a');
    expect(out).toMatch(
      /^[0-9a-f]{7} \(a\) \S+ ago \[CRQ-1\] \(1 window, 1 pane\)\n[0-9a-f]{7} \(a~1\) \S+ ago a 4\n$/u,
    );
    expect(await s.ann.ok(s.repo, 'log', '-n', '0')).toBe('');
    expect(await entries(s, '-n', '3')).toHaveLength(3);
  });

  test('without a name all sessions, in the order of time; from an older snapshot on', async () => {
    const s = await scene();
    await saved(s, 'a', 1);
    await saved(s, 'b', 2);
    await saved(s, 'a', 3);
    expect(forms(await entries(s))).toEqual(['a', 'b', 'a~1']);
    expect(forms(await entries(s, 'a'))).toEqual(['a', 'a~1']);
    expect(forms(await entries(s, 'a~1'))).toEqual(['a~1']);
    expect(await s.ann.gs(s.repo, 'log', 'nobody')).toMatchObject({ code: 1, stdout: '' });
    const empty = await s.ann.repo('empty');
    expect(await s.ann.gs(empty, 'log', '--json')).toMatchObject({ code: 0, stdout: '[]\n' });
  });

  test('Q1, T8: links and deletions stand where they happened, and a deleted session has a past', async () => {
    const s = await scene();
    const first = await saved(s, 'a', 1);
    await saved(s, 'a', 5);
    await event(s, 'a', 2, 'crq-linked', { snapshots: [first.id], crq: 'CRQ-9', title: 'Nine' });
    const gone = await saved(s, 'b', 3);
    await event(s, 'b', 4, 'deleted', { snapshots: [gone.id], renamedTo: 'c' });
    expect(forms(await entries(s, 'a'))).toEqual(['a', 'crq-linked', 'a~1']);
    expect((await entries(s, 'a'))[2]).toMatchObject({ crqs: [{ id: 'CRQ-9', title: 'Nine' }] });
    expect(await entries(s, 'b')).toMatchObject([{ type: 'deleted', name: 'b', snapshots: [gone.id] }]);
    const text = await s.ann.ok(s.repo, 'log');
    expect(text).toMatch(/^event a: linked \S+ to CRQ-9 Nine, .*\(clone abcdefab\)$/mu);
    expect(text).toMatch(/^event b: renamed to c, /mu);
    // What lies before the last snapshot shown is not shown either.
    expect(forms(await entries(s, 'a', '-n1'))).toEqual(['a']);
  });

  test('fetched snapshots are under their remote', async () => {
    const s = await scene();
    const { ref } = await saved(s, 'a', 1);
    await s.ann.git(s.repo, 'update-ref', ref.replace('sessions', 'remote-sessions/origin'), ref);
    await saved(s, 'a', 2);
    expect(forms(await entries(s, 'a'))).toEqual(['a', 'a~1']);
    expect(forms(await entries(s, 'origin/a'))).toEqual(['origin/a']);
  });

  test('V6: a damaged snapshot has its place and hides no other', async () => {
    const s = await scene();
    await saved(s, 'a', 1);
    await forgeBytes(s.ann, s.repo, Buffer.from('{'), { name: 'a', time: '20260102T000000000Z' });
    await saved(s, 'a', 3);
    const result = await s.ann.gs(s.repo, 'log', 'a');
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(/^warning: snapshot \S+ of 'a' is damaged/u);
    expect(result.stdout).toMatch(/\(a~1\)\nDamaged: /u);
    expect((await entries(s, 'a'))[1]).toMatchObject({
      form: 'a~1',
      error: { code: 'damaged' },
      message: null,
    });
  });

  test('B1: events of others are shown escaped', async () => {
    const s = await scene();
    const first = await saved(s, 'a', 1);
    const x = '\u001b[31m\u202e';
    await event(s, 'a', 2, 'crq-linked', { snapshots: [first.id], crq: 'CRQ-1', title: x });
    await event(s, 'a', 3, 'deleted', { snapshots: [x], renamedTo: x });
    await event(s, 'a', 4, 'deleted', { snapshots: [], renamedTo: { x } });
    await event(s, 'a', 5, 'deleted', { snapshots: [] }, Number.MAX_SAFE_INTEGER);
    for (const args of [['log'], ['log', '--json']]) {
      expect(await s.ann.ok(s.repo, ...args)).not.toMatch(/[\p{Cf}\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
    }
  });
});
