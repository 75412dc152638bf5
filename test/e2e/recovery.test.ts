import { appendFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Person, person, processExists, waitFor } from '../support/harness.ts';
import { mayMount, mounted } from '../support/store.ts';

interface Row {
  id: string;
  session_name: string;
  status: string;
  working_dir: string;
}

const listed = async (ann: Person, repo: string, ...args: string[]) =>
  JSON.parse(await ann.ok(repo, 'list', '--json', ...args)) as Row[];

/** The whole server at once, with all that it knows. */
async function killed(ann: Person): Promise<void> {
  const pid = Number(await ann.tmux('display-message', '-p', '#{pid}'));
  process.kill(pid, 'SIGKILL');
  await waitFor(() => !processExists(pid), 'the tmux server to end');
  rmSync(ann.socket, { force: true });
}

describe('after a crash', () => {
  it('R14 ten sessions come back from a tmux server that was killed, each as it was saved', async () => {
    const ann = person();
    const repo = await ann.repo();
    for (let i = 0; i < 10; i++) {
      await ann.ok(repo, 'create', '--name', `s${i}`, '--no-attach');
      await ann.tmux('rename-window', '-t', `=s${i}:`, `window ${i}`);
      for (let n = 0; n < i % 3; n++) await ann.tmux('split-window', '-d', '-t', `=s${i}:`, '-c', '/tmp');
    }
    await ann.ok(repo, 'save', '--all', '--quiet');
    const before = await listed(ann, repo);
    expect(before).toHaveLength(10);
    await killed(ann);
    // V5: seen by the next command, without a step by hand.
    expect(
      (await listed(ann, repo, '--all')).filter((s) => ['running', 'detached'].includes(s.status)),
    ).toEqual([]);
    await ann.ok(repo, 'restore', '--all');
    const byName = (rows: Row[]) => rows.map((r) => `${r.session_name} ${r.id} ${r.working_dir}`).toSorted();
    const after = await listed(ann, repo);
    expect(byName(after)).toEqual(byName(before));
    await ann.ok(repo, 'save', '--all', '--quiet');
    for (let i = 0; i < 10; i++) {
      const diff = await ann.gs(repo, 'diff', '--exit-code', `s${i}~1`, `s${i}`);
      expect([i, diff.code, diff.stdout]).toEqual([i, 0, '']);
    }
  });

  it('R13 the id stays over the end of tmux, a restore and a rollback', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', '--name', 'work', '--no-attach');
    const [{ id }] = (await listed(ann, repo)) as [Row];
    await ann.ok(repo, 'checkpoint', 'work');
    const idNow = async () => (await listed(ann, repo, '--all')).map((s) => s.id);
    await killed(ann);
    expect(await idNow()).toEqual([id]);
    await ann.ok(repo, 'restore', 'work');
    expect(await idNow()).toEqual([id]);
    await ann.ok(repo, 'rollback', 'work');
    expect(await idNow()).toEqual([id]);
    await killed(ann);
    await ann.ok(repo, 'exec', 'work', 'true');
    expect(await idNow()).toEqual([id]);
  });

  it('V4 recover writes down what has ended, and is done the second time', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', '--name', 'kept', '--no-attach');
    await ann.ok(repo, 'run', '--id', 'job', '--detach', '--', 'sh', '-c', 'exit 3');
    const name = (await listed(ann, repo, '--all')).map((s) => s.session_name).find((n) => n !== 'kept')!;
    expect((await ann.gs(repo, 'wait', name)).code).toBe(3);
    const first = JSON.parse(await ann.ok(repo, 'recover', '--json')) as {
      recovered: { code: string; session: string }[];
    };
    // Another command may have seen the end before.
    expect(first.recovered.every((r) => r.code === 'ended' && r.session === name)).toBe(true);
    expect(await ann.gs(repo, 'recover')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'nothing to recover\n',
    });
    const state = JSON.parse(await ann.ok(repo, 'state', '--json', name)) as { state: { name: string } };
    expect(state.state.name).toBe('failed');
  });

  it('V5 a writer goes on behind an unfinished record, without a step by hand', async () => {
    const ann = person();
    const repo = await ann.repo();
    await ann.ok(repo, 'create', '--name', 'work', '--no-attach');
    const journals = path.join(repo, '.git/git-session/journal');
    const journal = path.join(
      journals,
      readdirSync(journals).find((f) => f.endsWith('.jsonl'))!,
    );
    appendFileSync(journal, '{"at":"20');
    await ann.ok(repo, 'checkpoint', 'work');
    expect(await ann.gs(repo, 'fsck')).toMatchObject({ code: 0 });
  });

  it('V6 F16 what a repair took out of the session, a fetch brings again from another clone', async () => {
    const ann = person();
    const repo = await ann.repo();
    const remote = path.join(ann.dir, 'remote.git');
    await ann.git(ann.dir, 'init', '-q', '--bare', remote);
    await ann.git(repo, 'remote', 'add', 'origin', remote);
    await ann.ok(repo, 'create', '--name', 'work', '--no-attach');
    writeFileSync(path.join(repo, 'file.txt'), 'worked\n');
    await ann.ok(repo, 'checkpoint', '-m', 'good', 'work');
    await ann.git(repo, 'push', '-q', 'origin', 'main');
    await ann.ok(repo, 'push', 'origin');
    const ref = (await ann.git(repo, 'for-each-ref', '--format=%(refname)', 'refs/sessions'))
      .split('\n')
      .find((r) => r.endsWith('/snapshot'))!;
    const oid = await ann.git(repo, 'rev-parse', ref);
    // Without the packs the object is gone; all others are put back one by one.
    const packs = path.join(repo, '.git/objects/pack');
    for (const file of readdirSync(packs).filter((f) => f.endsWith('.pack'))) {
      const input = (await ann.run('cat', [path.join(packs, file)])).bytes;
      for (const part of readdirSync(packs).filter((f) => f.startsWith(file.slice(0, -5))))
        rmSync(path.join(packs, part));
      await ann.run('git', ['unpack-objects', '-q'], { cwd: repo, input });
    }
    rmSync(path.join(repo, '.git/objects', oid.slice(0, 2), oid.slice(2)));
    expect((await ann.gs(repo, 'fsck', '--repair')).code).toBe(0);
    await ann.ok(repo, 'fetch', 'origin');
    expect(await ann.git(repo, 'cat-file', '-t', oid)).toBe('blob');
    expect(JSON.parse(await ann.ok(repo, 'show', '--json', 'origin/work'))).toMatchObject({ oid });
    expect(await ann.gs(repo, 'fsck')).toMatchObject({ code: 0 });
  });

  it.skipIf(!mayMount)(
    'V7 in a repository that can only be read: a plain message, tmux untouched, fsck looks',
    async () => {
      const ann = person();
      const repo = await mounted(ann, 8000);
      await ann.ok(repo, 'create', '--name', 'work', '--no-attach');
      await ann.ok(repo, 'checkpoint', 'work');
      const journals = path.join(repo, '.git/git-session/journal');
      const journal = path.join(
        journals,
        readdirSync(journals).find((f) => f.endsWith('.jsonl'))!,
      );
      appendFileSync(journal, '{"half');
      writeFileSync(path.join(repo, '.git/refs/sessions/work/broken'), '');
      const layout = () => ann.tmux('list-panes', '-a', '-F', '#{session_name} #{pane_id} #{pane_pid}');
      const before = await layout();
      await ann.run('mount', ['-o', 'remount,ro', path.dirname(repo)]);
      for (const args of [
        ['checkpoint', 'work'],
        ['rollback', 'work'],
        ['fsck', '--repair'],
      ]) {
        const result = await ann.gs(repo, ...args);
        expect([args[0], result.code]).toEqual([args[0], 128]);
        expect(result.stderr).toMatch(/^(?:warning: .*\n)*fatal: cannot [^\n]*read-only file system/iu);
      }
      const recovered = await ann.gs(repo, 'recover');
      expect(recovered.stderr).toMatch(/^warning: work: cannot [^\n]*read-only file system/imu);
      expect((await ann.gs(repo, 'fsck')).stdout).toContain('journal-tail');
      expect((await ann.gs(repo, 'checkpoint', '--list', 'work')).code).toBe(0);
      expect(await layout()).toBe(before);
    },
  );
});
