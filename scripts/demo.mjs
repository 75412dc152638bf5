// What git session does, shown with real git and tmux: node scripts/demo.mjs. Ann saves and pushes, Bob fetches and
// restores. Everything lies in one temporary folder (home directories, repositories, tmux servers), and goes at the end.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setup } from './setup.mjs';

const bin = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../bin');
const shell = existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh';
const BRANCH = 'feature/CRQ-42-retry';

let folder = '';
let running = null;
let interrupted = null;

class Person {
  constructor(name) {
    this.name = name;
    this.home = path.join(folder, name);
    this.cwd = path.join(this.home, 'shop');
    mkdirSync(this.home);
    writeFileSync(
      path.join(this.home, '.gitconfig'),
      `[user]\n\tname = ${name}\n\temail = ${name.toLowerCase()}@example.org\n` +
        '[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n[core]\n\tpager = cat\n',
    );
    for (const file of ['.bashrc', '.profile']) writeFileSync(path.join(this.home, file), "PS1='$ '\n");
    // Nothing of the user's own: no settings, no tmux server, no state.
    this.env = {
      HOME: this.home,
      PATH: `${bin}:${process.env.PATH}`,
      TMUX_TMPDIR: this.home,
      TMPDIR: tmpdir(),
      SHELL: shell,
      TERM:
        process.env.TERM === undefined || process.env.TERM === 'dumb' ? 'xterm-256color' : process.env.TERM,
      LANG: 'C.UTF-8',
      GIT_CONFIG_NOSYSTEM: '1',
      BASH_SILENCE_DEPRECATION_WARNING: '1',
    };
  }

  /** Shows a command line and runs it as it stands there. */
  async show(line, { fails = false } = {}) {
    process.stdout.write(`\n$ ${line}\n`);
    const { code } = await this.run(line, 'inherit');
    if ((code !== 0) !== fails) throw new Error(`'${line}' ended with exit code ${code}`);
  }

  /** Runs a command line without a word, and gives its output. */
  async quiet(line) {
    const { code, output } = await this.run(line, 'pipe');
    if (code !== 0) throw new Error(`'${line}' ended with exit code ${code}\n${output}`);
    return output.trimEnd();
  }

  run(line, stdout) {
    if (interrupted !== null) throw interrupted;
    return new Promise((resolve, reject) => {
      const stdio = ['ignore', stdout, stdout === 'pipe' ? 'pipe' : 'inherit'];
      // A group of its own: when the demo is interrupted, the command ends with all that it started.
      running = spawn('/bin/sh', ['-c', line], { cwd: this.cwd, env: this.env, stdio, detached: true });
      let output = '';
      running.stdout?.on('data', (data) => (output += data));
      running.stderr?.on('data', (data) => (output += data));
      running.on('error', reject);
      running.on('close', (code) => {
        running = null;
        if (interrupted === null) resolve({ code, output });
        else reject(interrupted);
      });
    });
  }

  /** Waits until a command line prints what it should. */
  async until(line, expected) {
    for (let i = 0; i < 200; i++) {
      if ((await this.quiet(line)) === expected) return;
      await delay(25);
    }
    throw new Error(`waited in vain for '${line}' to print '${expected}'`);
  }

  get socket() {
    return path.join(this.home, `tmux-${process.getuid()}`, 'default');
  }
}

function say(text) {
  process.stdout.write(`\n# ${text}\n`);
}

/** What Ann has done today. */
async function prepare(ann, bob) {
  const file = (name, text) => {
    mkdirSync(path.dirname(path.join(ann.cwd, name)), { recursive: true });
    writeFileSync(path.join(ann.cwd, name), text);
  };
  mkdirSync(ann.cwd);
  await ann.quiet(`git init -q --bare ${folder}/hub.git`);
  await ann.quiet(`git init -q && git remote add origin ${folder}/hub.git`);
  file('docs/crq/CRQ-42.md', '# CRQ-42: Retry payments that time out\n\n## Status: Open\n');
  file('src/pay.js', "console.log('paying');\n");
  file('src/server.js', "require('node:http').createServer((q, a) => a.end('ok')).listen(0);\n");
  file('.gitignore', '*.log\n');
  await ann.quiet('git add . && git commit -q -m "Take payments" && git push -q -u origin main');
  bob.cwd = bob.home;
  await bob.quiet(`git clone -q ${folder}/hub.git shop`);
  bob.cwd = path.join(bob.home, 'shop');
  await ann.quiet(`git switch -q -c ${BRANCH}`);
  file('src/pay.js', "console.log('paying, three times at most');\n");
  await ann.quiet('git commit -q -a -m "Retry three times"');
  file('src/pay.js', "console.log('paying, three times at most, with a pause');\n");
  await ann.quiet('git add src/pay.js');
  file('src/pay.js', "console.log('paying, three times at most, with a longer pause');\n");
  file('notes.md', 'The bank answers 504 after 30 s.\n');
  const tmux = (args) => ann.quiet(`tmux -f /dev/null ${args}`);
  await tmux(`new-session -d -s shop -n code -x 120 -y 36`);
  await tmux(`split-window -h -l 44 -t shop:code -c ${ann.cwd}/src`);
  await tmux(`split-window -v -l 12 -t shop:code.1 -c ${ann.cwd}/src`);
  await tmux(`new-window -t shop -n server`);
  await tmux(`send-keys -t shop:code.1 'tail -f pay.js' Enter`);
  await tmux(`send-keys -t shop:server 'node src/server.js' Enter`);
  await tmux(`select-window -t shop:code`);
  await tmux(`select-pane -t shop:code.0`);
  await ann.until(`tmux display -p -t shop:code.1 '#{pane_current_command}'`, 'tail');
  await ann.until(`tmux display -p -t shop:server '#{pane_current_command}'`, 'node');
}

const PANES = `tmux list-panes -s -t shop -F '#{window_index}.#{pane_index} #{p8:window_name} #{pane_width}x#{pane_height} #{pane_current_command}'`;

/** Both layouts as tmux tells them; they must be the same. */
async function compare(ann, bob) {
  const expected = await ann.quiet(PANES);
  await bob.until(PANES, expected);
  const [left, right] = [expected, await bob.quiet(PANES)].map((text) => text.split('\n'));
  const width = Math.max(...left.map((line) => line.length)) + 4;
  const rows = left.map((line, i) => `  ${line.padEnd(width)}${right[i]}`);
  process.stdout.write(`\n  ${"Ann's panes".padEnd(width)}Bob's panes\n${rows.join('\n')}\n`);
  const layouts = `tmux list-windows -t shop -F '#{window_layout}'`;
  // Without the checksum and the panes' own numbers, which count from the start of the server.
  const [a, b] = [await ann.quiet(layouts), await bob.quiet(layouts)].map((text) =>
    text.replaceAll(/^[0-9a-f]+,/gm, '').replaceAll(/(\d+x\d+,\d+,\d+),\d+/g, '$1'),
  );
  if (a !== b) throw new Error(`the layouts differ:\n${a}\n${b}`);
}

async function demo() {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'git-session-demo-')));
  const [ann, bob] = [new Person('Ann'), new Person('Bob')];
  await prepare(ann, bob);

  say('Ann is on a feature branch, with staged, unstaged and new files, and works in tmux.');
  await ann.show('git status --short --branch');
  await ann.show(`git session save -m 'retry works, the pause is too long'`);
  await ann.show(`git push -q origin ${BRANCH} 'refs/sessions/*' refs/notes/crq`);

  say("Bob has his own clone, home and tmux. A fetch brings Ann's session.");
  await bob.show(`git fetch -q origin 'refs/sessions/*:refs/sessions/*' refs/notes/crq:refs/notes/crq`);
  await bob.show('git session list');

  say('Restoring it would run what Ann ran. He looks first, then agrees.');
  await bob.show('git session restore --dry-run shop');
  await bob.show('git session restore --run shop');
  await bob.show('git status --short');
  await bob.show('git log -1 --notes=crq --format=%s%n%N');

  say('The same windows, panes and commands, on two tmux servers:');
  await compare(ann, bob);
}

/** Ends the tmux servers and everything that runs in them, then removes the folder. */
async function cleanUp() {
  if (folder === '') return;
  const mine = new Set();
  for (const name of ['Ann', 'Bob']) {
    const socket = path.join(folder, name, `tmux-${process.getuid()}`, 'default');
    if (!existsSync(socket)) continue;
    const tmux = (...args) => spawnSync('tmux', ['-S', socket, ...args], { encoding: 'utf8' });
    const { stdout } = tmux('display-message', '-p', '#{pid}');
    if (/^\d+\n$/.test(stdout)) for (const pid of descendants(Number(stdout))) mine.add(pid);
    tmux('kill-server');
  }
  for (let i = 0; i < 80 && [...mine].some((pid) => exists(pid)); i++) await delay(25);
  for (const pid of mine) if (exists(pid)) process.kill(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** A process and all below it. */
function descendants(pid) {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' });
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const found = [pid];
  for (const parent of found)
    found.push(...rows.filter(([, ppid]) => ppid === parent).map(([child]) => child));
  return found;
}

function exists(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
]) {
  process.on(signal, () => {
    interrupted = Object.assign(new Error('interrupted'), { code: 128 + number });
    try {
      if (running !== null) process.kill(-running.pid, 'SIGTERM');
    } catch {
      // It has just ended.
    }
  });
}

let done = false;
try {
  setup();
  await demo();
  done = true;
} catch (error) {
  console.error(`\ndemo: ${error.message}`);
  process.exitCode = error === interrupted ? error.code : 1;
} finally {
  await cleanUp();
}
if (done) say('Done, and tidied up: the folder, both tmux servers and what ran in them are gone.');
