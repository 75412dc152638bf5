import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { SnapshotSchema } from '../../src/session/schema.ts';
import { forge, forgeBytes, plainPane, plainSnapshot, plainWindow } from '../support/forge.ts';
import { Person, person, temporaryFolder } from '../support/harness.ts';

/** Text that YAML writers and readers get wrong. */
const NASTY = [
  ...[
    'yes',
    'No',
    'null',
    '~',
    '',
    ' ',
    '1e3',
    '0x1F',
    '0o17',
    '012',
    '1_000',
    '.inf',
    '-',
    '- a',
    '? b',
    'a: b',
    '# c',
    'x #y',
  ],
  ...[
    '*a',
    '&a',
    '!!str x',
    '|',
    '>',
    '%TAG',
    '@x',
    '`x`',
    '"',
    "'",
    '{a}',
    '[b]',
    'a\\nb',
    '<<',
    '=',
    '2026-11-21',
    '12:30:45',
  ],
  ...[
    ' \n',
    '\n \n',
    '\n',
    'a\n',
    '\na',
    'a\n\nb',
    '  a\n b',
    'a \n b\t',
    '\ttab',
    'trail ',
    'cr\rlf\r\n',
    'nel\u0085x',
    'ls\u2028ps\u2029',
    '\uFEFFbom',
  ],
  ...[
    '\u0001\u001b[31m\u007f',
    '\u200b\u202e',
    '日本 🚀 e\u0301',
    'x'.repeat(500),
    'word '.repeat(100),
    '---',
    '...',
    '--- x',
  ],
];

function nastySnapshot(head: string | null) {
  const plain = plainSnapshot(head);
  const base = { ...plain, session: { ...plain.session, name: 'nasty' } };
  const panes = NASTY.map((title, index) =>
    plainPane({ index, title, command: [title, ...NASTY], cwd: { in: 'root', path: title } }),
  );
  const bytes = { base64: Buffer.from([0xff, 0x0a, 0x80]).toString('base64') };
  const windows = [plainWindow({ panes: [...panes, plainPane({ index: 999, title: bytes })] })];
  const env = Object.fromEntries(NASTY.map((value, i) => [`V${i}`, value]));
  return { ...base, message: NASTY.join('\n'), env, tmux: { ...base.tmux, windows } };
}

test.each(['json', 'yaml', 'bundle'])('H2 S9 %s: export, import elsewhere, same blob', async (format) => {
  const root = temporaryFolder();
  const [ann, bob] = [new Person('ann', root), new Person('bob', root)];
  const a = await ann.repo();
  const { oid, id } = await forge(ann, a, nastySnapshot(await ann.git(a, 'rev-parse', 'HEAD')), {
    name: 'nasty',
  });
  const file = path.join(root, `nasty.${format}`);
  expect(await ann.ok(a, 'export', '-o', file, 'nasty')).toBe(`Wrote ${file}\n`);
  if (format === 'json') expect(readFileSync(file, 'utf8').endsWith('}')).toBe(true);
  const b = await bob.repo();
  const first = await bob.gs(b, 'import', file);
  expect([first.code, first.stdout]).toEqual([
    0,
    expect.stringMatching(/^Imported nasty\/\d{8}T\d{9}Z-[0-9a-f]{8}\n$/u),
  ]);
  expect(
    await bob.git(b, 'rev-parse', first.stdout.trim().replace('Imported ', 'refs/sessions/') + '/snapshot'),
  ).toBe(oid);
  // The same again is no news; under another name it is another session with the same blob.
  expect((await bob.ok(b, 'import', file)).trim()).toMatch(/ is here already$/u);
  await bob.ok(b, 'import', '--name', 'team/other', file);
  expect(
    await bob.git(b, 'for-each-ref', '--format=%(objectname)', 'refs/sessions/team/other/*/snapshot'),
  ).toBe(oid);
  if (format === 'bundle') expect(first.stdout).toBe(`Imported nasty/${id}\n`);
  // Through standard input too.
  const piped = await bob.gsWith({ cwd: b, input: readFileSync(file) }, 'import', '--name', 'piped', '-');
  expect(piped.code).toBe(0);
  expect(await bob.git(b, 'for-each-ref', '--format=%(objectname)', 'refs/sessions/piped/*/snapshot')).toBe(
    oid,
  );
  // And from a person's hand: JSON with indentation.
  if (format !== 'json') return;
  writeFileSync(file, `${JSON.stringify(JSON.parse(readFileSync(file, 'utf8')), null, 2)}\n`);
  await bob.ok(b, 'import', '--name', 'pretty', file);
  expect(await bob.git(b, 'for-each-ref', '--format=%(objectname)', 'refs/sessions/pretty/*/snapshot')).toBe(
    oid,
  );
});

test('H2 a bundle carries uncommitted work, commits and scrollback; a file warns about what it does not', async () => {
  const root = temporaryFolder();
  const [ann, bob] = [new Person('ann', root), new Person('bob', root)];
  const a = await ann.repo();
  await ann.git(root, 'clone', '-q', a, 'bob/repo');
  const b = path.join(bob.dir, 'repo');
  writeFileSync(path.join(a, 'file.txt'), 'not pushed\n');
  await ann.git(a, 'commit', '-qam', 'not pushed');
  await ann.tmux('new-session', '-d', '-s', 'work', '-x', '80', '-y', '24', '-c', a);
  await ann.tmux('send-keys', '-t', 'work', 'echo seen-by-ann', 'Enter');
  writeFileSync(path.join(a, 'file.txt'), 'changed\n');
  writeFileSync(path.join(a, 'new.txt'), 'new\n');
  await ann.ok(a, 'save', '--scrollback', '--crq', 'CRQ-1');
  const [bundle, json] = [path.join(root, 'w.bundle'), path.join(root, 'w.json')];
  await ann.ok(a, 'export', 'work', '-o', bundle);
  await ann.ok(a, 'export', 'work', '-o', json);
  const fromFile = await bob.gs(b, 'import', '--name', 'file', json);
  expect(fromFile.stderr).toMatch(
    /warning: the uncommitted work of file\/.* is not in this repository: only a bundle/u,
  );
  expect(fromFile.stderr).toMatch(/warning: commit [0-9a-f]{7} of file\/.* is not in this repository/u);
  expect(fromFile.stderr).toMatch(/warning: file\/.* comes without the saved text of its panes/u);
  const context = (name: string) =>
    bob.git(b, 'for-each-ref', '--format=%(objectname) %(parent)', `refs/sessions/${name}/*/context`);
  expect((await context('file')).split(' ').filter((w) => w !== '')).toHaveLength(1);
  const fromBundle = await bob.gs(b, 'import', bundle);
  expect([fromBundle.code, fromBundle.stderr]).toEqual([0, '']);
  expect((await context('work')).split(' ')[0]).toBe(
    await ann.git(a, 'for-each-ref', '--format=%(objectname)', 'refs/sessions/work/*/context'),
  );
  const restored = await bob.gs(b, 'restore', '--no-run', 'work');
  expect([restored.code, restored.stderr]).toEqual([0, expect.stringContaining('HEAD is detached')]);
  expect(readFileSync(path.join(b, 'file.txt'), 'utf8')).toBe('changed\n');
  expect(existsSync(path.join(b, 'new.txt'))).toBe(true);
  expect(await bob.git(b, 'log', '-1', '--notes=crq', '--format=%N')).toContain('CRQ: CRQ-1 work/');
  await bob.git(b, 'fsck', '--strict');
});

test('T5 an archive of files below sessions/archive can be committed and read again', async () => {
  const ann = person();
  const a = await ann.repo();
  const one = await forge(ann, a, plainSnapshot(null), { name: 'team/one' });
  const two = await forge(ann, a, { ...plainSnapshot(null), message: 'x' }, { name: 'two' });
  await ann.ok(a, 'export', '--all', '--to', 'sessions/archive');
  const files = [`team/one/${one.id}.session.json`, `two/${two.id}.session.json`];
  expect(
    readdirSync(path.join(a, 'sessions/archive'), { recursive: true, encoding: 'utf8' })
      .filter((f) => f.endsWith('json'))
      .toSorted(),
  ).toEqual(files);
  expect(await ann.git(a, 'hash-object', path.join('sessions/archive', files[1]!))).toBe(two.oid);
  await ann.git(a, 'add', 'sessions');
  await ann.git(a, 'commit', '-qm', 'archive');
  expect(await ann.ok(a, 'export', '--to', 'sessions/archive', 'two')).toContain('Unchanged: ');
  // A file that is there stays unless --force.
  writeFileSync(path.join(a, 'sessions/archive', files[1]!), 'mine');
  const refused = await ann.gs(a, 'export', '--to', 'sessions/archive', 'two');
  expect(refused.code).toBe(128);
  expect(refused.stderr).toContain('hint: to replace it: --force');
  expect(readFileSync(path.join(a, 'sessions/archive', files[1]!), 'utf8')).toBe('mine');
  await ann.ok(a, 'export', '--force', '--to', 'sessions/archive', 'two');
  expect(await ann.git(a, 'status', '--porcelain')).toBe('');
});

test('Q5 --all --format jsonl gives one line for each snapshot, and each line is valid', async () => {
  const ann = person();
  const a = await ann.repo();
  for (const n of [1, 2, 3]) {
    await forge(
      ann,
      a,
      { ...nastySnapshot(null), previous: null, savedAt: `2026-11-2${n}T08:00:00.000Z` },
      { name: `s${n}` },
    );
  }
  const bad = await forgeBytes(ann, a, Buffer.from('{"no":"snapshot"}'), { name: 'broken' });
  const result = await ann.gs(a, 'export', '--all', '--format', 'jsonl');
  // What can't be read is named, and the exit code says that something is missing.
  expect(result.code).toBe(1);
  expect(result.stderr).toContain(
    `warning: left out: snapshot ${bad.oid.slice(0, 7)} of 'broken' is damaged`,
  );
  const lines = result.stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  for (const line of lines) expect(v.safeParse(SnapshotSchema, JSON.parse(line)).success).toBe(true);
});

test('Export refuses what does not fit together', async () => {
  const ann = person();
  const a = await ann.repo();
  await forge(ann, a, plainSnapshot(null));
  const wrong = [
    ['export'],
    ['export', '--all', 'forged'],
    ['export', '--all'],
    ['export', '--format', 'xml', 'forged'],
    ['export', '--json', 'forged'],
    ['export', '--to', 'x', '-o', 'y', 'forged'],
    ['export', '--to', 'x', '--format', 'bundle', 'forged'],
  ];
  for (const args of wrong)
    expect([args.join(' '), (await ann.gs(a, ...args)).code]).toEqual([args.join(' '), 129]);
  mkdirSync(path.join(a, 'folder'));
  expect((await ann.gs(a, 'export', '-o', 'folder', 'forged')).code).toBe(128);
  expect((await ann.gs(a, 'export', '-o', 'file.txt/x', 'forged')).stderr).toMatch(/^fatal: cannot write '/u);
  expect((await ann.gs(a, 'export', 'nope')).code).toBe(1);
  expect(readdirSync(a).toSorted()).toEqual(['.git', 'file.txt', 'folder']);
});

test('S8 schema prints the published JSON Schema, in any directory', async () => {
  const ann = person();
  const schema = JSON.parse(await ann.ok(ann.dir, 'schema'));
  expect(schema.properties.format.const).toBe('git-session/snapshot');
  expect(await ann.ok(ann.dir, 'schema', '--json')).toBe(await ann.ok(ann.dir, 'schema'));
});
