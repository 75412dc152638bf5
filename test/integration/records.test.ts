import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { jobScript, readJob } from '../../src/process/job.ts';
import { openRepository } from '../../src/git/repository.ts';
import { FileProblemError } from '../../src/session/errors.ts';
import type { SessionRecord } from '../../src/session/live.ts';
import { SessionRecords, writeWhole } from '../../src/store/records.ts';
import { person, temporaryFolder, waitFor } from '../support/harness.ts';

const record = (change: Partial<SessionRecord> = {}): SessionRecord => ({
  ...{ version: 1, id: '1a2b3c4d-0000-4000-8000-000000000000', name: 'work', kind: 'run', context: 'run' },
  ...{
    identifier: 'v1.2:x',
    argv: ['printf', { base64: '/w==' }],
    cwd: '/src',
    worktree: null,
    branch: 'main',
  },
  ...{ createdAt: '2026-11-21T10:11:12.345Z', metadata: { a: 'b' }, historyLimit: 50000, ai: false },
  ...change,
});
const id = (n: number) => `${n}a2b3c4d-0000-4000-8000-000000000000`;

async function records(): Promise<SessionRecords> {
  const ann = person();
  return new SessionRecords(await openRepository(await ann.repo()));
}

describe('records of live sessions', () => {
  test('S13 come back as they were written, the oldest first', async () => {
    const all = await records();
    expect(all.list()).toEqual([]);
    const second = record({ id: id(2), createdAt: '2026-11-21T10:11:13.000Z' });
    const first = record({ id: id(3), argv: null, kind: 'create', worktree: '/src', branch: null });
    all.create(second);
    all.create(first);
    expect(all.list().map((s) => s.record)).toEqual([first, second]);
    expect(all.read(id(2))).toMatchObject({ record: second, ended: null, directory: all.directoryOf(id(2)) });
  });

  test('one in a linked worktree is one of the repository', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.git(repo, 'worktree', 'add', '-q', '../other');
    new SessionRecords(await openRepository(path.join(ann.dir, 'other'))).create(record());
    expect(new SessionRecords(await openRepository(repo)).list().length).toBe(1);
  });

  test('nobody else can read them', async () => {
    const all = await records();
    const { directory } = all.create(record());
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(path.join(directory, 'record.json')).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['record.json']);
  });

  test('M5 a new name, and the end of a session', async () => {
    const all = await records();
    const stored = all.create(record());
    all.update({ ...stored.record, name: 'other' });
    expect(all.read(stored.record.id)!.record.name).toBe('other');
    all.markEnded(stored, { at: '2026-11-21T10:11:12.345Z', how: 'killed' });
    expect(all.read(stored.record.id)!.ended?.how).toBe('killed');
    all.unmarkEnded(stored);
    all.unmarkEnded(stored);
    expect(all.read(stored.record.id)!.ended).toBeNull();
    all.remove(stored.record.id);
    all.remove(stored.record.id);
    expect(all.list()).toEqual([]);
    expect(existsSync(stored.directory)).toBe(false);
  });

  test.each([
    ['no JSON', '{"version":1'],
    ['nothing', ''],
    ['another version', JSON.stringify({ ...record(), version: 2 })],
    ['another id than its directory', JSON.stringify(record({ id: id(9) }))],
    ['a time that is none', JSON.stringify(record({ createdAt: 'yesterday' }))],
    ['a command without words', JSON.stringify(record({ argv: [] }))],
    ['too little', '{"version":1}'],
  ])('one with %s hides no other', async (_, text) => {
    const all = await records();
    all.create(record({ id: id(2) }));
    const { directory } = all.create(record());
    writeFileSync(path.join(directory, 'record.json'), text);
    mkdirSync(path.join(all.directory, 'empty'));
    symlinkSync('/nonexistent', path.join(all.directory, 'link'));
    expect(all.read(record().id)).toBeNull();
    expect(all.list().map((s) => s.record.id)).toEqual([id(2)]);
  });

  test('a damaged end is none', async () => {
    const all = await records();
    const { directory } = all.create(record());
    writeFileSync(path.join(directory, 'ended.json'), '{"how":"unknown"}');
    expect(all.read(record().id)!.ended).toBeNull();
  });

  test('a file is put there whole, or an error leaves what was', () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'file');
    mkdirSync(file);
    expect(() => writeWhole(file, 'text')).toThrow(/EISDIR|ENOTEMPTY|EEXIST/u);
    expect(readdirSync(folder)).toEqual(['file']);
    expect(statSync(file).isDirectory()).toBe(true);
  });

  test('that it can not be written is told', async () => {
    const all = await records();
    mkdirSync(path.dirname(all.directory), { recursive: true });
    writeFileSync(all.directory, '');
    chmodSync(all.directory, 0o600);
    expect(() => all.create(record())).toThrow(FileProblemError);
    expect(all.list()).toEqual([]);
  });

  test('one that can not be written leaves no directory', () => {
    const live = 'git-session/live';
    // The directory's path is as long as a path can be: what is in it has none.
    let commonDir = temporaryFolder();
    while (commonDir.length < 3900) commonDir += `/${'d'.repeat(100)}`;
    const length = 4090 - path.join(commonDir, live, '/').length;
    const all = new SessionRecords({ commonDir });
    expect(() => all.create(record({ id: 'x'.repeat(length) }))).toThrow(FileProblemError);
    expect(readdirSync(path.join(commonDir, live))).toEqual([]);
  });

  test('that something is in the way is told for each file', async () => {
    const all = await records();
    const stored = all.create(record());
    mkdirSync(path.join(stored.directory, 'ended.json'));
    const ended = { at: '2026-11-21T10:11:12.345Z', how: 'killed' } as const;
    expect(() => all.markEnded(stored, ended)).toThrow(FileProblemError);
    expect(() => all.unmarkEnded(stored)).toThrow(FileProblemError);
    expect(() => all.update(record({ id: id(7) }))).toThrow(FileProblemError);
    const nowhere = new SessionRecords({ commonDir: '/\0' });
    expect(() => nowhere.remove(id(7))).toThrow(FileProblemError);
    expect(readdirSync(stored.directory).toSorted()).toEqual(['ended.json', 'record.json']);
  });
});

test('S13 a job tells when it started, also where there is no /proc', async () => {
  const directory = temporaryFolder();
  const script = path.join(directory, 'start');
  const text = jobScript({ directory: `'${directory}'`, command: 'sleep 1000', after: [] });
  writeFileSync(script, text.replaceAll('/proc/', '/nonexistent/'));
  const child = spawn('/bin/sh', [script], { stdio: 'ignore', detached: true });
  try {
    await waitFor(async () => readJob(directory) !== null, 'the job to begin');
    const { startTime, pid, group } = readJob(directory)!;
    expect(group).toBe(child.pid);
    expect(pid).not.toBe(child.pid);
    // Seconds since 1970, as macOS counts. ps computes them from the boot: a clock that was set moves them.
    const changed = statSync(path.join(directory, 'start')).mtimeMs / 1000;
    expect(Math.abs(startTime! - changed)).toBeLessThan(3600);
  } finally {
    process.kill(-child.pid!, 'SIGKILL');
    await once(child, 'exit');
  }
});
