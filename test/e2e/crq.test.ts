import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { forge, plainSnapshot } from '../support/forge.ts';
import { type Person, person } from '../support/harness.ts';

function documents(repo: string): void {
  mkdirSync(path.join(repo, 'docs/crqs'), { recursive: true });
  writeFileSync(
    path.join(repo, 'docs/crqs/CRQ-042-login.md'),
    '# CRQ-042: Log in with a key\n\n**Status:** Open\n**Priority:** High\n',
  );
  writeFileSync(
    path.join(repo, 'docs/crqs/CRQ-007-done.md'),
    '# CRQ-007: Done \u001b[31mthing\n\n**Status:** Implemented\n',
  );
}

const note = (ann: Person, repo: string) => ann.git(repo, 'log', '-1', '--notes=crq', '--format=%N');

test('Q1 link and unlink: the note and the log agree, with the title of the document', async () => {
  const ann = person();
  const repo = await ann.repo();
  documents(repo);
  const { id } = await forge(ann, repo, plainSnapshot(await ann.git(repo, 'rev-parse', 'HEAD')));
  expect(await ann.ok(repo, 'link', 'forged', 'CRQ-042,CRQ-9')).toBe(
    `forged/${id}: CRQ-042 Log in with a key docs/crqs/CRQ-042-login.md, CRQ-9\n`,
  );
  expect(await note(ann, repo)).toBe(
    `CRQ: CRQ-042 forged/${id} Log in with a key\nCRQ: CRQ-9 forged/${id}\n`,
  );
  // Twice is once.
  await ann.ok(repo, 'link', 'forged', 'CRQ-042');
  expect((await note(ann, repo)).trim().split('\n')).toHaveLength(2);
  const json = JSON.parse(await ann.ok(repo, 'unlink', '--json', 'forged', 'crq_042')) as {
    crqs: { id: string }[];
  };
  expect(json.crqs.map((c) => c.id)).toEqual(['CRQ-9']);
  expect(await note(ann, repo)).toBe(`CRQ: CRQ-9 forged/${id}\n`);
  const gone = await ann.gs(repo, 'unlink', 'forged', 'CRQ-042');
  expect([gone.code, gone.stderr]).toEqual([
    1,
    "error: 'forged' is not linked to CRQ-042\nhint: it is linked to CRQ-9\n",
  ]);
  for (const args of [['link', 'forged'], ['link'], ['unlink', 'forged']])
    expect((await ann.gs(repo, ...args)).code).toBe(129);
  expect((await ann.gs(repo, 'link', 'nope', 'CRQ-1')).code).toBe(1);
  expect((await ann.gs(repo, 'link', 'forged', 'a;b')).stderr).toContain("'a;b' is not a valid CRQ id");
});

test('Q3 Q4 crq list and show: documents, links and snapshots, both directions', async () => {
  const ann = person();
  const repo = await ann.repo();
  expect((await ann.gs(repo, 'crq')).stderr).toBe('there are no change requests\n');
  documents(repo);
  const { id } = await forge(ann, repo, plainSnapshot(await ann.git(repo, 'rev-parse', 'HEAD')));
  await ann.ok(repo, 'link', 'forged', 'CRQ-042', 'CRQ-99');
  const listed = await ann.ok(repo, 'crq', 'list');
  expect(listed.trimEnd().split('\n').toSorted()).toEqual([
    'CRQ-007  Implemented  Done [31mthing  docs/crqs/CRQ-007-done.md  0 snapshots',
    'CRQ-042  Open         Log in with a key  docs/crqs/CRQ-042-login.md  1 snapshot',
    'CRQ-99   -            -  (no document)  1 snapshot',
  ]);
  expect(await ann.ok(repo, 'crq', '--open')).toMatch(/^CRQ-042 /u);
  expect(JSON.parse(await ann.ok(repo, 'crq', 'list', '--open', '--json')).crqs).toEqual([
    {
      ...{ id: 'CRQ-042', title: 'Log in with a key', status: 'Open', path: 'docs/crqs/CRQ-042-login.md' },
      ...{ priority: 'High', aliases: expect.any(Array), from_register: false, open: true },
      snapshots: [`forged/${id}`],
    },
  ]);
  const shown = await ann.ok(repo, 'crq', 'show', 'crq_042');
  expect(shown).toContain('  status    Open\n  priority  High\n  document  docs/crqs/CRQ-042-login.md\n');
  expect(shown).toContain(`  1 snapshot:\n    forged/${id}\n`);
  expect(await ann.ok(repo, 'crq', 'show', 'docs/crqs/CRQ-007-done.md')).toContain(
    'no snapshot is linked to it',
  );
  const unknown = await ann.gs(repo, 'crq', 'show', 'CRQ-1');
  expect([unknown.code, unknown.stderr.split('\n')[0]]).toEqual([1, "error: no change request 'CRQ-1'"]);
  for (const args of [
    ['crq', 'show'],
    ['crq', 'list', 'x'],
    ['crq', 'nope'],
  ]) {
    expect([args, (await ann.gs(repo, ...args)).code]).toEqual([args, 129]);
  }
});

test('Q3 two documents with one number are two, and a remote copy of a snapshot is counted once', async () => {
  const ann = person();
  const repo = await ann.repo();
  documents(repo);
  writeFileSync(
    path.join(repo, 'docs/crqs/CRQ-042-other.md'),
    '# CRQ-042: Another one\n\n**Status:** Open\n',
  );
  await ann.git(ann.dir, 'clone', '-q', '--bare', repo, 'o.git');
  await ann.git(repo, 'remote', 'add', 'origin', path.join(ann.dir, 'o.git'));
  const crq = { id: 'CRQ-042', title: 'Another one', status: 'Open', path: 'docs/crqs/CRQ-042-other.md' };
  await forge(ann, repo, { ...plainSnapshot(await ann.git(repo, 'rev-parse', 'HEAD')), crqs: [crq] });
  await ann.ok(repo, 'sync');
  await ann.ok(repo, 'fetch');
  const shown = JSON.parse(await ann.ok(repo, 'crq', 'show', 'CRQ-042', '--json')) as {
    crqs: { path: string; snapshots: string[] }[];
  };
  expect(shown.crqs.map((c) => `${c.path} ${c.snapshots.length}`).toSorted()).toEqual([
    'docs/crqs/CRQ-042-login.md 0',
    'docs/crqs/CRQ-042-other.md 1',
  ]);
});
