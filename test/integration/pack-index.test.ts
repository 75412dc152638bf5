import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { PackIndex } from '../../src/git/pack-index.ts';
import { person } from '../support/harness.ts';

test.each(['sha1', 'sha256'])('the index of a pack says which objects are in it (%s)', async (format) => {
  const ann = person();
  const repo = await ann.repo('repo', `--object-format=${format}`);
  for (let n = 0; n < 600; n++) writeFileSync(path.join(repo, `f${n}`), `${n}\n`);
  await ann.git(repo, 'add', '.');
  await ann.git(repo, 'commit', '-qm', 'many');
  await ann.git(repo, 'repack', '-adq');
  const folder = path.join(repo, '.git/objects/pack');
  const file = path.join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.idx'))!,
  );
  const listed = await ann.run('git', ['show-index'], { cwd: repo, input: readFileSync(file) });
  const oids = listed.stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' ')[1]!);
  expect(oids.length).toBeGreaterThan(600);
  const index = new PackIndex(file, format === 'sha256' ? 32 : 20);
  expect([...index.ids()]).toEqual(oids);
  expect(oids.every((oid) => index.has(oid))).toBe(true);
  for (const digit of '0f') expect(index.has(digit.repeat(oids[0]!.length))).toBe(false);
  expect(index.hasAny(['0'.repeat(oids[0]!.length), oids[300]!])).toBe(true);
  // One digit is another object.
  const other = oids.map((oid) => `${oid.slice(0, -1)}${oid.endsWith('0') ? '1' : '0'}`);
  expect(other.filter((oid) => index.has(oid))).toEqual([]);
  index.close();
});

test('a file that is no such index is refused, and so is one that is cut off', async () => {
  const ann = person();
  const repo = await ann.repo();
  await ann.git(repo, 'repack', '-adq');
  const folder = path.join(repo, '.git/objects/pack');
  const file = path.join(
    folder,
    readdirSync(folder).find((name) => name.endsWith('.idx'))!,
  );
  const copy = path.join(ann.dir, 'copy.idx');
  for (const length of [0, 100, 1040]) {
    writeFileSync(copy, readFileSync(file));
    truncateSync(copy, length);
    expect(() => new PackIndex(copy, 20)).toThrow();
  }
  writeFileSync(copy, Buffer.alloc(5000));
  expect(() => new PackIndex(copy, 20)).toThrow('unknown form');
});
