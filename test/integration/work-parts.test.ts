import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { AddedFile } from '../../src/git/added-files.ts';
import { objectInfos, readObjects } from '../../src/git/objects.ts';
import { openRepository } from '../../src/git/repository.ts';
import { MAX_SCROLLBACK_BYTES } from '../../src/session/schema.ts';
import { inspect } from '../../src/store/parts.ts';
import { contentsOf, fits, workFiles, workPart } from '../../src/store/work-parts.ts';
import { secrets } from '../support/samples.ts';
import { resident, saveIn } from '../support/store.ts';

const [FIRST, SECOND] = secrets('work-parts').map(({ secret }) => secret) as [string, string];
const NEW = '1'.repeat(40);
const OLD = '2'.repeat(40);

/** What is found in a file that was `before` and is `now`. */
async function found(
  now: string | Buffer,
  before: string | null = null,
  { name = 'a.txt', allow = [] }: { name?: string | Buffer; allow?: string[] } = {},
): Promise<string[] | string | null> {
  const file: AddedFile = {
    ...{ commit: '3'.repeat(40), path: Buffer.from(name), oid: NEW },
    old: before === null ? null : OLD,
  };
  const contents = new Map([[NEW, Buffer.from(now)]]);
  if (before !== null) contents.set(OLD, Buffer.from(before));
  const allowed = new Set(allow);
  const part = workPart(file, contents, allowed);
  if (part === null || typeof part === 'string') return part;
  const said = [...(await inspect([part], allowed)).values()].flat();
  expect(said.join('\n')).not.toContain(FIRST);
  return said;
}

const at = (line: number, name = 'a.txt') => `github-token in ${name}:${line} of the uncommitted work`;

describe('the lines that a file of the uncommitted work adds (attack E6)', () => {
  it.each([1, 2, 3, 7, 8])('E6 the line is named: %i of eight', async (line) => {
    const lines = Array.from({ length: 8 }, (_, i) => (i + 1 === line ? `x = ${FIRST}` : `line ${i}`));
    expect(await found(lines.join('\n'))).toEqual([at(line)]);
    expect(await found(`${lines.join('\n')}\n`)).toEqual([at(line)]);
  });

  it('E6 each line of several, once', async () => {
    expect(await found(`${FIRST}\n\n${FIRST} ${FIRST}\nnothing\n`)).toEqual([at(1), at(3)]);
  });

  it('E6 a line that was there before is no news, wherever it is now; a changed one is', async () => {
    const line = `x = ${FIRST}`;
    expect(await found(`new\n${line}\n`, `${line}\nold\n`)).toEqual([]);
    expect(await found(`new\n${line} \n`, `${line}\n`)).toEqual([at(2)]);
    expect(await found(`${line}\ny = ${FIRST}\n`, `${line}\n`)).toEqual([at(2)]);
  });

  it('E6 one that goes on over lines is found where any of them is new', async () => {
    const key = ['PRIV', 'ATE KEY-----'].join('');
    const block = (middle: string) => `a\n-----BEGIN ${key}\n${middle}\n-----END ${key}\n`;
    const said = (await found(block('Q2FuYXJ5'.repeat(8)), block('b2xkb25l'.repeat(8)))) as string[];
    expect(said).toEqual([expect.stringMatching(/ in a\.txt:3 of the uncommitted work$/u)]);
    expect(await found(block('x'.repeat(64)), block('x'.repeat(64)))).toEqual([]);
  });

  it('E6 where the old content could not be read, all of it counts as new', async () => {
    const file: AddedFile = { commit: '', path: Buffer.from('a.txt'), oid: NEW, old: OLD };
    const part = workPart(file, new Map([[NEW, Buffer.from(FIRST)]]), new Set());
    if (part === null || typeof part === 'string') throw new Error('it was not looked at');
    expect([...(await inspect([part], new Set())).values()]).toEqual([[at(1)]]);
  });

  it('E6 a binary file is passed over, also among the lines; one with a late zero is none', async () => {
    expect(await found(`\0${FIRST}\n`)).toBeNull();
    expect(await found(`${'x\n'.repeat(3999)}x\0${FIRST}`)).toBeNull();
    expect(await found(`${'x\n'.repeat(4000)}\0 ${FIRST}`)).toEqual([at(4001)]);
    expect(await found(Buffer.concat([Buffer.from([0xff, 0x0a]), Buffer.from(FIRST)]))).toEqual([at(2)]);
  });

  it('E6 a content that was not read is named', async () => {
    const file: AddedFile = { commit: '', path: Buffer.from('big.txt'), oid: NEW, old: null };
    expect(workPart(file, new Map(), new Set())).toBe('big.txt of the uncommitted work');
  });

  it('E6 the name of a file is no way out for a secret, nor for bytes that are no UTF-8', async () => {
    expect(await found(SECOND, null, { name: `${FIRST}.txt` })).toEqual([
      at(1, '[redacted:github-token].txt'),
    ]);
    expect(await found(FIRST, null, { name: Buffer.from([0x61, 0xff]) })).toEqual([
      expect.stringMatching(/^github-token in a.+:1 of the uncommitted work$/u),
    ]);
  });

  it('E7 nothing in the file turns it off; only what a person allows is left out', async () => {
    const text = `gitleaks:allow secretlint-disable\n${FIRST} # nosec\n`;
    expect(await found(text)).toEqual([at(2)]);
    expect(await found(text, null, { allow: ['github-token'] })).toEqual([]);
  });
});

describe('the files of uncommitted work', () => {
  it('E6 of the worktree, the index and the untracked files, by the commits that are asked for', async () => {
    const who = resident();
    const dir = await who.repo();
    writeFileSync(path.join(dir, 'base.txt'), 'one\n');
    await who.git(dir, 'add', '.');
    await who.git(dir, 'commit', '-qm', 'base');
    writeFileSync(path.join(dir, 'base.txt'), 'staged\n');
    await who.git(dir, 'add', 'base.txt');
    writeFileSync(path.join(dir, 'base.txt'), 'now\n');
    writeFileSync(path.join(dir, 'new.txt'), 'untracked\n');
    const { work } = await saveIn(dir);
    const { git } = await openRepository(dir);
    const commits = (await objectInfos(git, [work!, `${work}^2`, `${work}^3`])).map((info) => info!.oid);
    const two = [
      { work: work!, commits },
      { work: 'other', commits: commits.slice(2) },
    ];
    const files = (await workFiles(git, two))!;
    const names = (key: string) => files.get(key)!.map((file) => file.path.toString());
    expect(names(work!).toSorted()).toEqual(['base.txt', 'base.txt', 'new.txt']);
    expect(names('other')).toEqual(['new.txt']);
    // What is new and what was there before, each once.
    const contents = await readObjects(git, contentsOf([...files.values()].flat()));
    expect(contents.map((bytes) => bytes!.toString()).toSorted()).toEqual([
      ...['now\n', 'one\n', 'staged\n', 'untracked\n'],
    ]);
  });

  it('E6 where git can not tell they are unknown, and not none', async () => {
    const who = resident();
    const dir = await who.repo();
    writeFileSync(path.join(dir, 'new.txt'), 'x\n');
    await who.git(dir, 'add', 'new.txt');
    const tree = await who.git(dir, 'write-tree');
    const commit = await who.git(dir, 'commit-tree', tree, '-p', 'HEAD', '-m', 'x');
    const { git, commonDir } = await openRepository(dir);
    expect((await workFiles(git, [{ work: 'w', commits: [commit] }]))?.get('w')).toHaveLength(1);
    rmSync(path.join(commonDir, 'objects', tree.slice(0, 2), tree.slice(2)));
    expect(await workFiles(git, [{ work: 'w', commits: [commit] }])).toBeNull();
    expect(await workFiles(git, [])).toEqual(new Map());
  });

  it('E6 only contents up to the limit fit', () => {
    const size = MAX_SCROLLBACK_BYTES;
    expect(fits({ oid: NEW, type: 'blob', size })).toBe(true);
    expect(fits({ oid: NEW, type: 'blob', size: size + 1 })).toBe(false);
    expect(fits({ oid: NEW, type: 'tree', size: 1 })).toBe(false);
  });
});
