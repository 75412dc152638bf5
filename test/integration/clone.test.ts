import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Repository } from '../../src/git/repository.ts';
import { cloneId, completeCloneFile, oldCloneFile } from '../../src/store/clone.ts';
import { temporaryFolder } from '../support/harness.ts';

function clone() {
  const root = temporaryFolder();
  const at = (name: string) => ({ commonDir: path.join(root, name) }) as Repository;
  mkdirSync(path.join(root, 'one'));
  return { one: at('one'), at, file: path.join(root, 'one', 'git-session', 'clone-id') };
}

test('T12: made once, and nothing else is left beside it', () => {
  const { one, file } = clone();
  const id = cloneId(one);
  expect(id).toMatch(/^[0-9a-f-]{36}$/u);
  expect(cloneId(one)).toBe(id);
  expect(readdirSync(path.dirname(file))).toEqual(['clone-id']);
  expect(readFileSync(file, 'utf8').split('\n')[0]).toBe(id);
});

test('T12: a copy of the directory is another clone, and one that was moved is not', () => {
  const { one, at } = clone();
  const id = cloneId(one);
  cpSync(one.commonDir, at('copy').commonDir, { recursive: true });
  const other = cloneId(at('copy'));
  expect(other).not.toBe(id);
  expect(cloneId(at('copy'))).toBe(other);
  renameSync(one.commonDir, at('moved').commonDir);
  expect(cloneId(at('moved'))).toBe(id);
});

test.each([
  ['empty, as after a power loss', ''],
  ['no id', 'x\n'],
  ['of another host', `01234567-89ab-4cde-8f01-23456789abcd\n{"host":"elsewhere.invalid","inode":"1"}\n`],
])('T12: a file that is %s is replaced', (_, text) => {
  const { one, file } = clone();
  mkdirSync(path.dirname(file));
  writeFileSync(file, text);
  const id = cloneId(one);
  expect(text).not.toContain(id);
  expect(cloneId(one)).toBe(id);
});

test.each(['', 'no JSON', '{"host":1,"inode":"2"}', 'null'])(
  'V11: an id without a place (%s) is kept, and gets one by migration',
  (place) => {
    const { one, at, file } = clone();
    expect(oldCloneFile(one)).toBeNull();
    const id = '01234567-89ab-4cde-8f01-23456789abcd';
    mkdirSync(path.dirname(file));
    writeFileSync(file, `${id}\n${place}`);
    expect(cloneId(one)).toBe(id);
    expect(oldCloneFile(one)).toBe(file);
    completeCloneFile(file);
    expect(oldCloneFile(one)).toBeNull();
    expect(cloneId(one)).toBe(id);
    cpSync(one.commonDir, at('copy').commonDir, { recursive: true });
    expect(cloneId(at('copy'))).not.toBe(id);
  },
);

test('V11: what is no id is left alone by migration', () => {
  const { one, file } = clone();
  completeCloneFile(file);
  expect(existsSync(file)).toBe(false);
  mkdirSync(path.dirname(file));
  writeFileSync(file, 'x\n');
  completeCloneFile(file);
  expect(oldCloneFile(one)).toBeNull();
  expect(readFileSync(file, 'utf8')).toBe('x\n');
});

test('V7: what can not be read or made is an error of the system', () => {
  const { one, file } = clone();
  mkdirSync(file, { recursive: true });
  expect(() => cloneId(one)).toThrow(/EISDIR/u);
  const { one: two } = clone();
  writeFileSync(path.join(two.commonDir, 'git-session'), '');
  expect(() => cloneId(two)).toThrow(/ENOTDIR/u);
});
