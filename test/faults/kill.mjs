// Kills saves and appends at random moments with SIGKILL, and looks at what is left (F1, F2, V4):
//
//   node test/faults/kill.mjs [--runs <n>] [--only save|append] [--seconds <n>] [--seed <n>]
//
// n runs of each (500), or as many as the seconds allow. Prints its counts as JSON, and ends with 1 where anything was
// broken, half there, lost, or left a step to do by hand. Needs the built program, git and tmux.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

const root = path.resolve(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '500' },
    only: { type: 'string' },
    seconds: { type: 'string', default: '86400' },
    seed: { type: 'string', default: '1' },
    program: { type: 'string', default: path.join(root, 'bin', 'git-session') },
  },
});
const runs = Number(values.runs);
/** A delay is up to this many times what the whole takes: some come too late on purpose. */
const LATEST = 1.3;
/** A repository is used for so many runs, and a log until it has so many events: a new one is empty, as most are. */
const USED = 100;
const MOST_EVENTS = 5000;

const dir = realpathSync(mkdtempSync(path.join(tmpdir(), 'gs-kill-')));
const home = path.join(dir, 'home');
const socket = path.join(dir, 'tmux');
const env = {
  ...{ PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8', TERM: 'xterm-256color', SHELL: '/bin/bash' },
  ...{ GIT_CONFIG_NOSYSTEM: '1', NODE_EXTRA_CA_CERTS: '' },
};
const problems = [];

let state = Number(values.seed);
function random() {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return state / 2 ** 32;
}

function wrong(what) {
  problems.push(what);
  console.error(`kill: ${what}`);
}

/** Runs a program and kills it after so many milliseconds: it alone, or with all that it has started. */
function killed(program, args, { cwd, delay, group }) {
  return new Promise((resolve) => {
    const start = performance.now();
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    const timer = setTimeout(() => {
      try {
        process.kill(group ? -child.pid : child.pid, 'SIGKILL');
      } catch {
        // It was faster.
      }
    }, delay);
    // What a killed one has started may go on and hold its output: its end is what counts.
    child.on(group ? 'close' : 'exit', (code, signal) => {
      clearTimeout(timer);
      const ms = performance.now() - start;
      setImmediate(() => resolve({ code, signal, stdout, stderr, ms }));
    });
  });
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const git = (cwd, ...args) => execFileSync('git', args, { cwd, env, encoding: 'utf8' }).trimEnd();
const tmux = (...args) => execFileSync('tmux', ['-S', socket, ...args], { env });
const until = performance.now() + Number(values.seconds) * 1000;

/** The time that the whole takes, so that the kills are spread over all of it. */
async function calibrate(once) {
  const times = [];
  for (let i = 0; i < 7; i++) times.push((await once()).ms);
  return median(times);
}

// ---- saves

function repository(n) {
  const repo = path.join(dir, `repo-${n}`);
  mkdirSync(repo);
  git(repo, 'init', '-q');
  writeFileSync(path.join(repo, 'file.txt'), 'one\n');
  git(repo, 'add', '.');
  git(repo, 'commit', '-q', '-m', 'first');
  return repo;
}

function snapshots(repo) {
  const out = git(repo, 'for-each-ref', '--format=%(refname) %(objecttype)', 'refs/sessions');
  const kinds = { snapshot: new Map(), context: new Map(), events: new Map() };
  for (const line of out === '' ? [] : out.split('\n')) {
    const [ref, type] = line.split(' ');
    const [, id, kind] = /^refs\/sessions\/kill\/([^/]+)\/(\w+)$/.exec(ref) ?? [];
    if (id === undefined) wrong(`a ref that is none of ours: ${ref}`);
    else kinds[kind].set(id, type);
  }
  return kinds;
}

async function saves(until) {
  const counts = { runs: 0, killed: 0, acknowledged: 0, notAcknowledgedButThere: 0, locksLeft: 0, warned: 0 };
  const left = new Set();
  let repo = '';
  let n = 0;
  const save = (delay, group) => {
    writeFileSync(path.join(repo, 'file.txt'), `${n++}\n`);
    return killed(values.program, ['save', 'kill', '-m', `save ${n}`, '--json'], { cwd: repo, delay, group });
  };
  const fresh = () => {
    repo = repository(counts.runs);
    // The server stays: one that is just ending would take the new session with it.
    tmux('-f', '/dev/null', 'new-session', '-d', '-s', 'next', '-c', repo, 'cat');
    tmux('split-window', '-t', '=next:', '-c', repo, 'cat');
    spawnSync('tmux', ['-S', socket, 'kill-session', '-t', '=kill'], { env });
    tmux('rename-session', '-t', '=next', 'kill');
  };
  fresh();
  counts.wholeMs = Math.round(await calibrate(() => save(1e6, true)));
  let known = new Set(snapshots(repo).snapshot.keys());
  while (counts.runs < runs && performance.now() < until) {
    if (counts.runs % USED === 0 && counts.runs > 0) {
      fresh();
      known = new Set();
    }
    counts.runs++;
    const result = await save(random() * LATEST * counts.wholeMs, counts.runs % 2 === 0);
    const acknowledged = result.code === 0;
    if (result.signal === 'SIGKILL') counts.killed++;
    else if (!acknowledged)
      wrong(`run ${counts.runs}: not killed, and exit ${result.code}: ${result.stderr}`);
    if (acknowledged) counts.acknowledged++;

    // What is listed is whole, and what was listed before still is.
    const { snapshot, context } = snapshots(repo);
    const added = [...snapshot.keys()].filter((id) => !known.has(id));
    if (acknowledged && added.length !== 1)
      wrong(`run ${counts.runs}: acknowledged, and ${added.length} are new`);
    if (added.length > 1) wrong(`run ${counts.runs}: ${added.length} are new`);
    if (!acknowledged) counts.notAcknowledgedButThere += added.length;
    for (const id of known) if (!snapshot.has(id)) wrong(`run ${counts.runs}: ${id} is lost`);
    for (const id of added) {
      if (snapshot.get(id) !== 'blob' || context.get(id) !== 'commit')
        wrong(`run ${counts.runs}: ${id} is half there`);
      const shown = spawnSync(values.program, ['show', `kill/${id}`, '--json'], {
        cwd: repo,
        env,
        encoding: 'utf8',
      });
      if (shown.status !== 0) wrong(`run ${counts.runs}: ${id} can't be shown: ${shown.stderr}`);
    }
    // The next save needs no step by hand.
    const next = await save(1e6, true);
    if (next.code !== 0) wrong(`run ${counts.runs}: the next save: exit ${next.code}: ${next.stderr}`);
    if (next.stderr !== '') counts.warned++;
    known = new Set(snapshots(repo).snapshot.keys());
    // The lock of a ref that is made once is in nobody's way; a save removes it when it is old enough.
    const harmless = locks(path.join(repo, '.git', 'refs', 'sessions'));
    counts.locksLeft += harmless.filter((file) => !left.has(`${repo}/${file}`)).length;
    for (const file of harmless) left.add(`${repo}/${file}`);
    if (counts.runs % 25 === 0 || counts.runs === runs) {
      const fsck = spawnSync('git', ['fsck', '--strict', '--no-dangling', '--no-progress'], {
        cwd: repo,
        env,
        encoding: 'utf8',
      });
      const said = `${fsck.stdout}${fsck.stderr}`.replace(/^notice: .*\n/gm, '');
      if (fsck.status !== 0 || said !== '') wrong(`run ${counts.runs}: git fsck: ${said}`);
    }
  }
  spawnSync('tmux', ['-S', socket, 'kill-server'], { env });
  return counts;
}

/** Again where a folder goes meanwhile: git packs refs in the background. */
function locks(folder) {
  for (;;) {
    try {
      return existsSync(folder)
        ? readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.lock'))
        : [];
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
    }
  }
}

// ---- appends

async function bundle(entry, name) {
  const file = path.join(dir, `${name}.mjs`);
  await build({
    ...{ absWorkingDir: root, entryPoints: [entry], bundle: true, outfile: file, logLevel: 'error' },
    ...{ platform: 'node', target: 'node20', format: 'esm' },
  });
  return file;
}

async function appends(until) {
  const writer = await bundle('test/support/journal-main.ts', 'writer');
  const { scanLog } = await import(await bundle('src/session/event-log.ts', 'event-log'));
  const directory = path.join(dir, 'journal');
  const counts = { runs: 0, killed: 0, events: 0, acknowledged: 0, tails: 0, locksLeft: 0 };
  let session = '';
  let size = 0;
  let acknowledged = new Map();
  const append = (tag, options, delay) =>
    killed(process.execPath, [writer, JSON.stringify({ directory, session, clone: 'a', tag, ...options })], {
      cwd: dir,
      delay,
      group: false,
    });
  // Short and long ones, one and many at a time, and with fsync.
  const kinds = [
    { count: 60, each: 1, padding: 0 },
    { count: 120, each: 7, padding: 300 },
    { count: 600, each: 100, padding: 3000 },
    { count: 30, each: 1, padding: 0, durable: true },
  ];
  const whole = [];
  for (const [i, kind] of kinds.entries()) {
    session = `calibrate-${i}`;
    whole.push(await calibrate(() => append('c', kind, 1e6)));
  }
  // A kill before the first event tells nothing: half of them fall into the time in which it writes.
  session = 'calibrate-start';
  const start = await calibrate(() => append('c', { count: 1, each: 1 }, 1e6));
  counts.wholeMs = whole.map(Math.round);
  while (counts.runs < runs && performance.now() < until) {
    if (size > MOST_EVENTS || counts.runs === 0) {
      session = `session-${counts.runs}`;
      acknowledged = new Map();
    }
    counts.runs++;
    const kind = counts.runs % kinds.length;
    const from = counts.runs % 8 < 4 ? 0 : start * 0.7;
    const delay = from + random() * (LATEST * whole[kind] - from);
    const result = await append(`r${counts.runs}`, kinds[kind], delay);
    if (result.signal === 'SIGKILL') counts.killed++;
    const file = path.join(directory, `${session}.jsonl`);
    if (existsSync(file) && scanLog(readFileSync(file)).tail !== null) counts.tails++;
    if (existsSync(directory) && readdirSync(directory).includes(`${session}.jsonl.lock`)) counts.locksLeft++;
    // The next append needs no step by hand.
    const next = await append(`n${counts.runs}`, { count: 1, each: 1, exit: true }, 1e6);
    if (!/^\d+ n\d+ 0\n$/.test(next.stdout))
      wrong(`run ${counts.runs}: the next append: ${next.stdout}${next.stderr}`);
    for (const { stdout } of [result, next]) {
      // The last line may be cut: what is not whole was not read by anybody.
      for (const line of stdout.split('\n').slice(0, -1)) {
        if (line.startsWith('error')) wrong(`run ${counts.runs}: ${line}`);
        const [number, ...command] = line.split(' ');
        if (acknowledged.has(Number(number))) wrong(`run ${counts.runs}: ${number} was given twice`);
        acknowledged.set(Number(number), command.join(' '));
        counts.acknowledged++;
      }
    }
    const { records, damaged, tail } = scanLog(readFileSync(file));
    if (damaged.length > 0 || tail !== null) wrong(`run ${counts.runs}: the log is damaged`);
    const commands = new Map(records.map((r) => [r.sequence, r.event.data.command?.trimEnd()]));
    if (commands.size !== records.length || records.some((r, i) => r.sequence !== i + 1)) {
      wrong(`run ${counts.runs}: not each number once, in order`);
    }
    for (const [number, command] of acknowledged) {
      if (commands.get(number) !== command) wrong(`run ${counts.runs}: event ${number} is lost: ${command}`);
    }
    counts.events += records.length - (size > MOST_EVENTS ? 0 : size);
    size = records.length;
  }
  return counts;
}

mkdirSync(home);
writeFileSync(
  path.join(home, '.gitconfig'),
  `[user]\n\tname = kill\n\temail = kill@example.org\n[init]\n\tdefaultBranch = main\n[session]\n\ttmuxCommand = tmux -S ${socket} -f /dev/null\n`,
);
const share = values.only === undefined ? (performance.now() + until) / 2 : until;
const result = {};
try {
  if (values.only !== 'append') result.save = await saves(share);
  if (values.only !== 'save') result.append = await appends(until);
} finally {
  spawnSync('tmux', ['-S', socket, 'kill-server'], { env });
  rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}
console.log(JSON.stringify({ ...result, problems }, null, 2));
process.exitCode = problems.length > 0 ? 1 : 0;
