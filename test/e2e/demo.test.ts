import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../support/harness.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Starts the demo as somebody whose home and folder for temporary files can be looked at afterwards. */
function start() {
  const folder = temporaryFolder();
  const [home, tmpdir] = [path.join(folder, 'home'), path.join(folder, 't')];
  for (const dir of [home, tmpdir]) mkdirSync(dir);
  writeFileSync(
    path.join(home, '.gitconfig'),
    '[alias]\n\tstatus = !false\n[session]\n\ttmuxCommand = false\n',
  );
  writeFileSync(path.join(home, '.tmux.conf'), 'set -g default-command false\n');
  // As in somebody's tmux, and in a hook of somebody's repository.
  const env = {
    ...process.env,
    HOME: home,
    TMPDIR: tmpdir,
    TMUX: '/nonexistent,1,0',
    GIT_DIR: '/nonexistent',
  };
  const child = spawn(process.execPath, ['scripts/demo.mjs'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data));
  return { child, home, tmpdir, output: () => output, ended: ended(child) };
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on('close', resolve));
}

/** Command lines of processes that work in a folder. */
function workingIn(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .flatMap((pid) => {
      try {
        const cwd = readlinkSync(`/proc/${pid}/cwd`);
        return cwd.startsWith(folder) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8')] : [];
      } catch {
        return []; // it has ended
      }
    });
}

function expectNothingLeft({ home, tmpdir }: ReturnType<typeof start>): void {
  expect(readdirSync(tmpdir)).toEqual([]);
  expect(readdirSync(home).toSorted()).toEqual(['.gitconfig', '.tmux.conf']);
  if (process.platform === 'linux') expect(workingIn(tmpdir)).toEqual([]);
}

test('the demo shows both sides, in less than 15 seconds, and leaves nothing behind', async () => {
  const begin = Date.now();
  const demo = start();
  expect({ code: await demo.ended, output: demo.output() }).toMatchObject({ code: 0 });
  expect(Date.now() - begin).toBeLessThan(15_000);
  for (const line of ['$ git session save', '$ git session restore --run shop', 'CRQ-42', "Ann's panes"]) {
    expect(demo.output()).toContain(line);
  }
  expectNothingLeft(demo);
});

test.each([
  ['SIGTERM', 143, '$ git session save'],
  ['SIGINT', 130, '$ git session restore --run'],
] as const)('%s ends it with %i and leaves nothing behind, after "%s"', async (signal, code, moment) => {
  const demo = start();
  demo.child.stdout.on('data', () => {
    if (demo.output().includes(moment)) demo.child.kill(signal);
  });
  expect({ code: await demo.ended, output: demo.output() }).toMatchObject({ code: code });
  expect(demo.output()).toContain('demo: interrupted');
  expectNothingLeft(demo);
});

test('a command that fails ends it with 1 and leaves nothing behind', async () => {
  const demo = start();
  demo.child.stdout.on('data', () => {
    if (!demo.output().includes('Bob has his own clone')) return;
    for (const name of readdirSync(demo.tmpdir))
      writeFileSync(path.join(demo.tmpdir, name, 'Bob/.gitconfig'), '[bad');
  });
  expect({ code: await demo.ended, output: demo.output() }).toMatchObject({ code: 1 });
  expect(demo.output()).toMatch(/demo: 'git .*' ended with exit code 128/u);
  expectNothingLeft(demo);
});
