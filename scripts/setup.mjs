// Makes a checkout ready to run: node scripts/setup.mjs. Plain node, as it is what installs the packages.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const PROGRAM = [
  'dist/launch.cjs',
  'dist/cli.cjs',
  'dist/detectors.cjs',
  'dist/index.mjs',
  'dist/snapshot.schema.json',
];
const SOURCES = ['src', 'scripts/build.mjs', 'scripts/schema.ts', 'package.json'];

/** Installs what is missing and builds what is older than its sources. Says what it does on stderr. */
export function setup() {
  const [major] = process.versions.node.split('.');
  if (Number(major) < 20) fail(`Node.js 20 or newer is needed, and this is ${process.version}`);
  if (!answers('git', '--version')) fail('git is needed: install git 2.34 or newer');
  if (!answers('tmux', '-V')) installTmux();
  if (!existsSync(path.join(root, 'node_modules'))) run('npm', ['ci', '--no-audit', '--no-fund']);
  // The whole build checks types too, and who runs the tests may be in the middle of something.
  if (isOlder(['man/man1/git-session.1'], ['docs/git-session.1.md']))
    run(process.execPath, ['scripts/build.mjs']);
  else if (isOlder(PROGRAM, SOURCES)) run(process.execPath, ['scripts/build.mjs', '--fast']);
}

function installTmux() {
  const hint = 'install tmux 3.2 or newer (brew install tmux, dnf install tmux, apk add tmux)';
  if (!answers('apt-get', '--version')) fail(`tmux is needed: ${hint}`);
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', ...(process.stdin.isTTY ? [] : ['-n'])];
  if (asRoot.length > 0 && !answers('sudo', '-V'))
    fail(`tmux is needed, and only root can install it: ${hint}`);
  const apt = (...args) => {
    const [program, ...rest] = [...asRoot, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', ...args];
    run(program, rest);
  };
  apt('update', '-q');
  apt('install', '-q', '-y', '--no-install-recommends', 'tmux');
}

function answers(program, option) {
  return spawnSync(program, [option], { stdio: 'ignore' }).status === 0;
}

/** stdout stays free for the program that comes after. */
function run(program, args) {
  console.error(`setup: ${[path.basename(program), ...args].join(' ')}`);
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: ['inherit', 2, 2] });
  if (status !== 0) fail(error?.message ?? `${program} ${args.join(' ')} failed`);
}

function fail(why) {
  console.error(`setup: ${why}`);
  process.exit(1);
}

function isOlder(built, sources) {
  const oldest = Math.min(...built.map((file) => changed(file)));
  return sources.flatMap((file) => files(file)).some((file) => changed(file) > oldest);
}

function files(file) {
  if (!statSync(path.join(root, file)).isDirectory()) return [file];
  const entries = readdirSync(path.join(root, file), { recursive: true });
  return [file, ...entries.map((entry) => path.join(file, entry))];
}

/** When the file was written last; a file that is not there is older than all. */
function changed(file) {
  return statSync(path.join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup();
