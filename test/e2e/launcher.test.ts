import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

/** Prints what it sees; its first argument says how it ends. */
const CLI = `/*0123456789abcdef*/
module.exports.main = async (argv) => {
  if (argv[0] === 'env') console.log(JSON.stringify(process.env));
  if (argv[0] === 'args') console.log(JSON.stringify(argv));
  if (argv[0] === 'lost') await new Promise(() => {});
  if (argv[0] === 'throw') throw new Error('bad \\u001b[31m thing');
  return argv[0] === 'refuse' ? 1 : argv[0] === 'usage' ? 129 : 0;
};`;

let directory: string;
let home: string;
let program: string;

/** The real launcher around a program of ours. */
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'git-session-launch-'));
  home = path.join(directory, 'home');
  program = path.join(directory, 'package', 'bin', 'git-session');
  for (const folder of ['bin', 'dist'])
    mkdirSync(path.join(directory, 'package', folder), { recursive: true });
  mkdirSync(home);
  copyFileSync(path.join(root, 'bin/git-session'), program);
  copyFileSync(path.join(root, 'dist/launch.cjs'), dist('launch.cjs'));
  writeFileSync(dist('cli.cjs'), CLI);
});

afterEach(() => {
  chmodSync(dist(), 0o755);
  rmSync(directory, { recursive: true, force: true });
});

function dist(...parts: string[]): string {
  return path.join(directory, 'package', 'dist', ...parts);
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, command = program) {
  const { PATH = '' } = process.env;
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: directory,
    encoding: 'utf8',
    env: { PATH, HOME: home, ...env },
  });
  return { status, stdout, stderr };
}

describe('the launcher', () => {
  it('passes arguments and the exit code on', () => {
    const args = ['args', '', 'a b', '*', '--', '-e', "it's", '\n'];
    expect(run(args)).toEqual({ status: 0, stdout: `${JSON.stringify(args)}\n`, stderr: '' });
    expect(run(['refuse']).status).toBe(1);
    expect(run(['usage']).status).toBe(129);
    expect(run(['--eval', '1']).status).toBe(0);
  });

  it('runs through a symbolic link and as a git command', () => {
    mkdirSync(path.join(directory, 'links'));
    const link = path.join(directory, 'links', 'git-session');
    symlinkSync(program, link);
    expect(run(['args'], {}, link).stdout).toBe('["args"]\n');
    const PATH = `${path.dirname(link)}:${process.env['PATH']}`;
    expect(run(['session', 'args', 'x'], { PATH }, 'git').stdout).toBe('["args","x"]\n');
    expect(run(['session', 'args', 'x'], { PATH: `links:${process.env['PATH']}` }, 'git').status).toBe(0);
  });

  it('gives NODE_EXTRA_CA_CERTS back to programs that it starts', () => {
    const seen = JSON.parse(run(['env'], { NODE_EXTRA_CA_CERTS: '/no/such file' }).stdout);
    expect(seen.NODE_EXTRA_CA_CERTS).toBe('/no/such file');
    expect(seen).not.toHaveProperty('GIT_SESSION_NODE_EXTRA_CA_CERTS');
    const without = JSON.parse(run(['env'], { GIT_SESSION_NODE_EXTRA_CA_CERTS: 'stale' }).stdout);
    expect(without).not.toHaveProperty('NODE_EXTRA_CA_CERTS');
    expect(without).not.toHaveProperty('GIT_SESSION_NODE_EXTRA_CA_CERTS');
  });

  it('fails where the program ends without an answer', () => {
    expect(run(['lost']).status).toBe(128);
    const { status, stderr } = run(['throw']);
    expect(status).toBe(128);
    expect(stderr).toMatch(/^fatal: internal error: Error: bad \?\[31m thing\n/);
  });

  it.each(['launch.cjs', 'cli.cjs'])('says what to do where dist/%s is missing', (file) => {
    rmSync(dist(file));
    const stderr = 'fatal: git-session is not built\nhint: npm ci && npm run build\n';
    expect(run(['args'])).toEqual({ status: 128, stdout: '', stderr });
  });

  it('says what to do where node is missing or too old', () => {
    const missing = run(['args'], { PATH: path.join(directory, 'nothing') });
    expect(missing).toMatchObject({ status: 128, stdout: '' });
    expect(missing.stderr).toMatch(/^fatal: .* Node\.js 20 or newer, and 'node' was not found\nhint: /);

    const old = path.join(directory, 'old.cjs');
    writeFileSync(old, `Object.defineProperty(process, 'versions', { value: { node: '18.20.8' } });`);
    const tooOld = run(['args'], { NODE_OPTIONS: `--require=${old}` });
    expect(tooOld).toMatchObject({ status: 128, stdout: '' });
    expect(tooOld.stderr).toMatch(/^fatal: .* Node\.js 20 or newer, and this is v/);
  });

  it('takes the node that GIT_SESSION_NODE names', () => {
    const node = path.join(directory, 'my node');
    symlinkSync(process.execPath, node);
    expect(run(['args'], { PATH: '/nothing', GIT_SESSION_NODE: node }).stdout).toBe('["args"]\n');
    expect(run(['args'], { GIT_SESSION_NODE: 'no-such-node' }).stderr).toContain(
      `'no-such-node' was not found`,
    );
  });
});

describe('the code cache', () => {
  const cacheOf = (verb: string) => `0123456789abcdef-${process.version}-${process.arch}-${verb}.v8cache`;
  const cacheName = cacheOf('args');

  it('is written beside the program, for this user only, one for each command that works', () => {
    const file = dist('.cache', cacheName);
    run(['usage']);
    expect(readdirSync(dist())).not.toContain('.cache');
    run(['args']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    run(['args', 'again']);
    run(['refuse', '--x']);
    run(['refuse', '-h']);
    const names = [cacheName, cacheOf('help'), cacheOf('refuse')];
    expect(readdirSync(dist('.cache')).toSorted()).toEqual(names);
  });

  it('is not written again where nothing is new', () => {
    run(['args']);
    const { ino } = statSync(dist('.cache', cacheName));
    run(['args']);
    expect(statSync(dist('.cache', cacheName)).ino).toBe(ino);
  });

  it.each([
    [
      'damaged',
      (file: string) => {
        writeFileSync(file, Buffer.alloc(4096, 7));
      },
    ],
    [
      'cut off',
      (file: string) => {
        truncateSync(file, 1500);
      },
    ],
    [
      'empty',
      (file: string) => {
        truncateSync(file, 0);
      },
    ],
  ])('is replaced where it is %s', (_, damage) => {
    const file = dist('.cache', cacheName);
    run(['args']);
    const { size } = statSync(file);
    damage(file);
    expect(run(['args'])).toEqual({ status: 0, stdout: '["args"]\n', stderr: '' });
    expect(Math.abs(statSync(file).size - size)).toBeLessThan(size / 10);
  });

  it('is not read where others can write to it', () => {
    const file = dist('.cache', cacheName);
    run(['args']);
    const { ino } = statSync(file);
    chmodSync(file, 0o666);
    run(['args']);
    expect(statSync(file).ino).not.toBe(ino);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('goes to the cache directory of the user where dist cannot hold it', () => {
    writeFileSync(dist('.cache'), 'a file in the way');
    run(['args']);
    expect(readdirSync(path.join(home, '.cache', 'git-session'))).toEqual([cacheName]);
    const xdg = path.join(directory, 'xdg');
    run(['args'], { XDG_CACHE_HOME: xdg });
    expect(readdirSync(path.join(xdg, 'git-session'))).toEqual([cacheName]);
  });

  it('is done without where there is no place for it', () => {
    writeFileSync(dist('.cache'), 'a file in the way');
    expect(run(['args'], { HOME: '/dev/null' })).toEqual({ status: 0, stdout: '["args"]\n', stderr: '' });
    expect(run(['args'], { HOME: '' })).toEqual({ status: 0, stdout: '["args"]\n', stderr: '' });
  });
});
