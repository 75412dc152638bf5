import * as fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileProblemError, UnknownRefError } from '../../src/session/errors.ts';
import { placeFile, startOf, writeSynced } from '../../src/store/files.ts';
import { person, temporaryFolder } from '../support/harness.ts';

const writes = (text: string) => (temporary: string) => writeSynced(temporary, Buffer.from(text));
const read = (file: string) => fs.readFileSync(file, 'utf8');

describe('placing a file', () => {
  it('puts it there whole, with the folders it needs, and nothing beside', async () => {
    const dir = temporaryFolder();
    const file = path.join(dir, 'a/b/x.session.json');
    expect(await placeFile(file, false, writes('one'))).toBe('written');
    expect(read(file)).toBe('one');
    expect(fs.readdirSync(path.dirname(file))).toEqual(['x.session.json']);
  });

  it('shows nothing under the name until all is written', async () => {
    const dir = temporaryFolder();
    const file = path.join(dir, 'x');
    await placeFile(file, false, async (temporary) => {
      expect(path.dirname(temporary)).toBe(dir);
      writeSynced(temporary, Buffer.from('half'));
      await Promise.resolve();
      expect(fs.existsSync(file)).toBe(false);
    });
    expect(read(file)).toBe('half');
  });

  it('leaves the same file as it is', async () => {
    const file = path.join(temporaryFolder(), 'x');
    await placeFile(file, false, writes('one'));
    const before = fs.statSync(file, { bigint: true });
    expect(await placeFile(file, false, writes('one'))).toBe('unchanged');
    const after = fs.statSync(file, { bigint: true });
    expect([after.ino, after.mtimeNs, after.nlink]).toEqual([before.ino, before.mtimeNs, 1n]);
    expect(fs.readdirSync(path.dirname(file))).toEqual(['x']);
  });

  it.each([
    ['of another size', 'longer than that'],
    ['of the same size', 'two'],
  ])('refuses to replace another file %s', async (_, there) => {
    const file = path.join(temporaryFolder(), 'x');
    fs.writeFileSync(file, there);
    const failing = placeFile(file, false, writes('one'));
    await expect(failing).rejects.toBeInstanceOf(FileProblemError);
    await expect(failing).rejects.toMatchObject({
      code: 'file',
      message: `'${file}' already exists`,
      hints: ['to replace it: --force'],
    });
    expect(read(file)).toBe(there);
    expect(fs.readdirSync(path.dirname(file))).toEqual(['x']);
  });

  it('does not write through a dangling symbolic link', async () => {
    const dir = temporaryFolder();
    const file = path.join(dir, 'x');
    fs.symlinkSync(path.join(dir, 'elsewhere'), file);
    await expect(placeFile(file, false, writes('one'))).rejects.toMatchObject({ code: 'file' });
    expect(fs.readdirSync(dir)).toEqual(['x']);
  });

  it('with force replaces a file, and a link itself but not what it points at', async () => {
    const dir = temporaryFolder();
    const [file, link] = [path.join(dir, 'file'), path.join(dir, 'link')];
    fs.writeFileSync(file, 'old');
    fs.symlinkSync(file, link);
    expect(await placeFile(link, true, writes('new'))).toBe('written');
    expect([read(file), read(link), fs.lstatSync(link).isFile()]).toEqual(['old', 'new', true]);
    expect(await placeFile(file, true, writes('new'))).toBe('written');
    expect(read(file)).toBe('new');
    expect(fs.readdirSync(dir).toSorted()).toEqual(['file', 'link']);
  });

  it.each([false, true])('a folder in its place stays (force: %s)', async (force) => {
    const dir = temporaryFolder();
    const file = path.join(dir, 'x');
    fs.mkdirSync(file);
    fs.writeFileSync(path.join(file, 'kept'), '');
    await expect(placeFile(file, force, writes('one'))).rejects.toMatchObject({ code: 'file' });
    expect(fs.readdirSync(dir)).toEqual(['x']);
    expect(fs.readdirSync(file)).toEqual(['kept']);
  });

  it('a file where a folder is needed is an error that names the file', async () => {
    const dir = temporaryFolder();
    fs.writeFileSync(path.join(dir, 'a'), '');
    const file = path.join(dir, 'a/x');
    let asked = false;
    const failing = placeFile(file, false, () => {
      asked = true;
    });
    await expect(failing).rejects.toMatchObject({ code: 'file' });
    await expect(failing).rejects.toThrow(`cannot write '${file}': `);
    expect(asked).toBe(false);
  });

  it.each([false, true])('a writer that fails leaves what was there (force: %s)', async (force) => {
    const dir = temporaryFolder();
    const file = path.join(dir, 'x');
    fs.writeFileSync(file, 'old');
    const failing = placeFile(file, force, (temporary) => {
      fs.writeFileSync(temporary, 'ha');
      throw new Error('no space left');
    });
    await expect(failing).rejects.toMatchObject({
      code: 'file',
      message: `cannot write '${file}': no space left`,
    });
    expect(read(file)).toBe('old');
    expect(fs.readdirSync(dir)).toEqual(['x']);
  });

  it.each([false, true])('a writer that writes nothing is an error (force: %s)', async (force) => {
    const dir = temporaryFolder();
    const failing = placeFile(path.join(dir, 'x'), force, () => undefined);
    await expect(failing).rejects.toMatchObject({ code: 'file' });
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  it('an error of ours is reported as it is', async () => {
    const dir = temporaryFolder();
    const error = new UnknownRefError('there is no commit');
    const failing = placeFile(path.join(dir, 'x'), false, () => Promise.reject(error));
    await expect(failing).rejects.toBe(error);
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  it('of several at once with different bytes, one wins and the others say so', async () => {
    const file = path.join(temporaryFolder(), 'x');
    const all = await Promise.allSettled(
      ['aaa', 'bbb', 'ccc'].map((text) => placeFile(file, false, writes(text))),
    );
    expect(all.filter((r) => r.status === 'fulfilled')).toHaveLength(1);
    expect(['aaa', 'bbb', 'ccc']).toContain(read(file));
    expect(fs.readdirSync(path.dirname(file))).toEqual(['x']);
  });
});

describe('writing bytes', () => {
  it('never replaces or follows what is there', () => {
    const dir = temporaryFolder();
    const [file, link] = [path.join(dir, 'file'), path.join(dir, 'link')];
    fs.writeFileSync(file, 'old');
    fs.symlinkSync(path.join(dir, 'target'), link);
    for (const place of [file, link]) expect(() => writeSynced(place, Buffer.from('new'))).toThrow(/EEXIST/u);
    expect(read(file)).toBe('old');
    expect(fs.existsSync(path.join(dir, 'target'))).toBe(false);
  });
});

describe('the start of a file', () => {
  it('is at most so many bytes', () => {
    const file = path.join(temporaryFolder(), 'x');
    fs.writeFileSync(file, 'abcdef');
    expect(startOf(file, 4)?.toString()).toBe('abcd');
    expect(startOf(file, 20)?.toString()).toBe('abcdef');
    fs.writeFileSync(file, '');
    expect(startOf(file, 20)).toEqual(Buffer.alloc(0));
  });

  it('is null for what is no file, without waiting for a pipe', async () => {
    const who = person();
    const pipe = path.join(who.dir, 'pipe');
    await who.run('mkfifo', [pipe]);
    expect(startOf(pipe, 4)).toBeNull();
    expect(startOf(who.dir, 4)).toBeNull();
    expect(startOf(path.join(who.dir, 'nothing'), 4)).toBeNull();
    expect(startOf('with\0zero', 4)).toBeNull();
  });
});
