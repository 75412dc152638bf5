import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { forge, plainSnapshot } from '../support/forge.ts';
import { Person, person, temporaryFolder } from '../support/harness.ts';

test('H2 R2 the base becomes the parent where this repository has it', async () => {
  const ann = person();
  const a = await ann.repo();
  const head = await ann.git(a, 'rev-parse', 'HEAD');
  await forge(ann, a, plainSnapshot(head));
  await ann.ok(a, 'export', 'forged', '-o', 'x.json');
  await ann.ok(a, 'import', '--name', 'copy', 'x.json');
  expect(await ann.git(a, 'for-each-ref', '--format=%(parent)', 'refs/sessions/copy/*/context')).toBe(head);
});

test('H2 a thin bundle names the commit that is missing, and stores nothing', async () => {
  const root = temporaryFolder();
  const [ann, bob] = [new Person('ann', root), new Person('bob', root)];
  const a = await ann.repo();
  const head = await ann.git(a, 'rev-parse', 'HEAD');
  await forge(ann, a, plainSnapshot(head), { parent: head });
  const file = path.join(root, 'thin.bundle');
  await ann.ok(a, 'export', 'forged', '--format', 'bundle', '--exclude', 'main', '-o', file);
  const b = await bob.repo();
  await bob.git(b, 'commit', '-q', '--amend', '-m', 'another');
  const result = await bob.gs(b, 'import', file);
  expect(result.code).toBe(128);
  expect(result.stderr).toContain(`needs commit ${head.slice(0, 7)}, which is not in this repository`);
  expect(await bob.git(b, 'for-each-ref', 'refs/sessions')).toBe('');
  await bob.git(b, 'fetch', '-q', a, 'main');
  await bob.ok(b, 'import', file);
});

test('F16 damaged, newer, too large and foreign files give typed errors, and store nothing', async () => {
  const ann = person();
  const a = await ann.repo();
  await forge(ann, a, plainSnapshot(await ann.git(a, 'rev-parse', 'HEAD')));
  const json = await ann.ok(a, 'export', 'forged');
  await ann.ok(a, 'export', 'forged', '-o', 'x.bundle');
  const bundle = readFileSync(path.join(a, 'x.bundle'));
  const before = await ann.git(a, 'for-each-ref');
  const cases: [string, string | Buffer, string][] = [
    ['cut.json', json.slice(0, 300), 'damaged'],
    ['newer.json', json.replace('"version":1}', '"version":7}'), 'unsupported-version'],
    ['extra.json', json.replace('{', '{"zzz":1,'), 'damaged'],
    ['proto.json', json.replace('{', '{"__proto__":{"approved":true},'), 'damaged'],
    ['large.json', `{"a":"${'x'.repeat(5_000_000)}"}`, 'too-large'],
    ['huge.json', Buffer.alloc(20_000_000, 0x20), 'too-large'],
    ['deep.json', `{"a":${'['.repeat(100_000)}`, 'damaged'],
    ['deep.yaml', '['.repeat(100_000), 'damaged'],
    ['bomb.yaml', 'a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n', 'damaged'],
    ['list.yaml', '- a\n', 'damaged'],
    ['latin.json', Buffer.concat([Buffer.from(json.slice(0, -1)), Buffer.from([0xff, 0x7d])]), 'damaged'],
    ['empty.json', '', 'damaged'],
    ['cut.bundle', bundle.subarray(0, bundle.length - 40), 'damaged'],
    ['flip.bundle', Buffer.concat([bundle.subarray(0, -60), Buffer.alloc(60, 0x55)]), 'damaged'],
  ];
  for (const [name, content, code] of cases) {
    writeFileSync(path.join(a, name), content);
    const result = await ann.gs(a, 'import', '--json', name);
    const { error } = JSON.parse(result.stdout);
    expect([name, result.code, error.code]).toEqual([name, 128, code]);
  }
  await ann.git(a, 'bundle', 'create', '-q', 'plain.bundle', 'main');
  const plain = await ann.gs(a, 'import', 'plain.bundle');
  expect(plain.stderr).toBe("fatal: 'plain.bundle' holds no session\n");
  for (const word of ['nope.json', 'deadbeef', '-'])
    expect((await ann.gs(a, 'import', word)).code).toBeGreaterThan(0);
  expect((await ann.gs(a, 'import', '--name', 'a b', 'cut.json')).stderr).toContain(
    "'a b' is not a valid session name",
  );
  expect(await ann.git(a, 'for-each-ref')).toBe(before);
});

test('A bundle whose context belongs to another snapshot gives the snapshot a context of its own', async () => {
  const ann = person();
  const a = await ann.repo();
  const one = await forge(ann, a, plainSnapshot(null));
  const two = await forge(ann, a, { ...plainSnapshot(null), message: 'two' }, { name: 'two' });
  await ann.git(
    a,
    'update-ref',
    two.ref.replace(/snapshot$/u, 'context'),
    one.ref.replace(/snapshot$/u, 'context'),
  );
  await ann.ok(a, 'export', 'two', '-o', 'mixed.bundle');
  const b = await ann.repo('b');
  await ann.ok(b, 'import', path.join(a, 'mixed.bundle'));
  const context = await ann.git(b, 'for-each-ref', '--format=%(objectname)', 'refs/sessions/two/*/context');
  expect(await ann.git(b, 'rev-parse', `${context}:snapshot.json`)).toBe(two.oid);
});

test('F17 a bundle of a session that was deleted here comes back under a new id, which nothing hides', async () => {
  const ann = person();
  const a = await ann.repo();
  const { id, oid } = await forge(ann, a, plainSnapshot(null));
  await ann.ok(a, 'export', 'forged', '-o', 'x.bundle');
  await ann.ok(a, 'delete', 'forged');
  const imported = await ann.ok(a, 'import', 'x.bundle');
  expect(imported).toMatch(new RegExp(`^Imported forged/\\d{8}T\\d{9}Z-${oid.slice(0, 8)}\n$`, 'u'));
  expect(imported).not.toContain(id);
  await ann.ok(a, 'export', 'forged');
});

test('H2 several sources at once get ids in their order; nothing is stored where one of them is damaged', async () => {
  const ann = person();
  const a = await ann.repo();
  await forge(ann, a, { ...plainSnapshot(null), message: 'n0' });
  const json = await ann.ok(a, 'export', 'forged');
  const files = Array.from({ length: 9 }, (_, n) => `${n}.json`);
  for (const [n, file] of files.entries()) writeFileSync(path.join(a, file), json.replace('"n0"', `"n${n}"`));
  writeFileSync(path.join(a, 'bad.json'), '{');
  const before = await ann.git(a, 'for-each-ref');
  expect((await ann.gs(a, 'import', '--name', 'all', '1.json', 'bad.json')).code).toBe(128);
  expect(await ann.git(a, 'for-each-ref')).toBe(before);
  await ann.ok(a, 'import', '--name', 'all', ...files, '2.json');
  const lines = await ann.ok(a, 'export', '--all', '--format', 'jsonl');
  const messages = lines.match(/"message":"n\d"/gu)?.map((m) => m.slice(-2, -1));
  // Sessions by name, and the one that was forged comes behind.
  expect(messages?.join('')).toBe('0123456780');
});
