// npm run bench [-- --smoke] [--json]: what the program must reach, beside the rivals, in one run.
//
// Rivals are run where they are: tmux itself always; tmux-resurrect where BENCH_RESURRECT names its
// folder. Figures are medians of whole processes; quote the ratios, machines differ.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { spawn as spawnTerminal } from '@lydell/node-pty';
import { PROGRAM, World } from './world.mjs';

const smoke = process.argv.includes('--smoke');
const json = process.argv.includes('--json');
const RUNS = smoke ? 2 : 15;
const SESSIONS = smoke ? 3 : 50;
const SNAPSHOTS = smoke ? 5 : 100;
const MANY = smoke ? 10 : 1000;
const SWITCHES = smoke ? 4 : 100;
const IDLE = smoke ? 3 : 60;
const EVENTS = smoke ? 100 : 10_000;

const percentile = (values, p) =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.floor((values.length * p) / 100))];
const median = (values) => percentile(values, 50);
const rows = [];
const say = (text) => process.stderr.write(`${text}\n`);

/** Times several commands in turn, so that a change of the machine's speed hits all of them. */
function inTurn(commands, runs = RUNS) {
  const times = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  for (let i = 0; i <= runs; i++) {
    for (const [name, command] of Object.entries(commands)) {
      const ms = command();
      if (i > 0) times[name].push(ms);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]));
}

function row(what, ours, beside, reach) {
  rows.push({
    what,
    ms: Math.round(ours * 10) / 10,
    beside: Object.fromEntries(
      Object.entries(beside).map(([name, ms]) => [
        name,
        { ms: Math.round(ms * 10) / 10, ratio: Math.round((ours / ms) * 100) / 100 },
      ]),
    ),
    reach,
  });
}

function withWorld(action) {
  const world = new World();
  try {
    return action(world);
  } finally {
    world.remove();
  }
}

const node = (world) => () => world.time('node', ['-e', '0']);
const ours =
  (world, ...args) =>
  () =>
    world.time(PROGRAM, args);

function startUp() {
  withWorld((world) => {
    world.tmux('new-session', '-d', '-s', 'one', '-x', '160', '-y', '48', '-c', world.repo);
    for (let i = 0; i < SNAPSHOTS; i++) world.run(PROGRAM, ['save', '-q', '--no-detect-crq', `name-${i}`]);
    const t = inTurn({ list: ours(world, 'list'), version: ours(world, '--version'), node: node(world) });
    row(`list, ${SNAPSHOTS} sessions`, t.list, { 'node -e 0': t.node }, '1.6 x node -e 0');
    row('--version', t.version, { 'node -e 0': t.node }, '-');
  });
}

function saveSmall() {
  withWorld((world) => {
    world.sessions(4);
    const t = inTurn({
      save: ours(world, 'save', '-q', '-t', 's1'),
      all: ours(world, 'save', '-q', '--all'),
      node: node(world),
    });
    row('save, 4 panes', t.save, { 'node -e 0': t.node }, '-');
    row('save --all, 16 panes', t.all, { 'node -e 0': t.node }, '2.5 x node -e 0');
  });
}

function large() {
  withWorld((world) => {
    const panes = world.sessions(SESSIONS);
    const list = () => world.time('tmux', ['-S', world.socket, 'list-panes', '-a']);
    const rivals = { 'tmux list-panes -a': list };
    const resurrect = resurrectScripts(world);
    if (resurrect !== null) rivals['tmux-resurrect save'] = () => resurrect('save');
    const runs = smoke ? 1 : 3;
    const t = inTurn({ ours: ours(world, 'save', '-q', '--all'), ...rivals }, runs);
    row(
      `save --all, ${SESSIONS} sessions x 4 panes`,
      t.ours,
      Object.fromEntries(Object.keys(rivals).map((name) => [name, t[name]])),
      '0.15 s',
    );
    const saved = world
      .tmux('list-windows', '-a', '-F', '#{session_name} #{window_layout}')
      .replace(/,\d+(?=[,\]}]|$)/gmu, '');
    const restored = [];
    const sourced = [];
    for (let i = 0; i < runs; i++) {
      world.kill();
      restored.push(world.time(PROGRAM, ['restore', '--all']));
      world.until(() => world.commands().filter((c) => c === 'sleep').length === panes);
      const now = world
        .tmux('list-windows', '-a', '-F', '#{session_name} #{window_layout}')
        .replace(/,\d+(?=[,\]}]|$)/gmu, '');
      if (strip(now) !== strip(saved)) throw new Error('the restore lost something');
      world.kill();
      sourced.push(sourceFile(world));
    }
    const beside = { 'one tmux source-file': median(sourced) };
    if (resurrect !== null) {
      world.kill();
      world.tmux('new-session', '-d', '-s', 's1');
      beside['tmux-resurrect restore'] = resurrect('restore');
    }
    row(`restore --all, ${panes} panes with commands`, median(restored), beside, '0.75 s');
  });
}

/** Checksums hold the pane ids. */
function strip(layouts) {
  return layouts
    .split('\n')
    .map((line) => line.replace(/ [0-9a-f]{4},/u, ' '))
    .toSorted()
    .join('\n');
}

/** The same structure and commands by one file, with no care for the user's other clients. */
function sourceFile(world) {
  const lines = [];
  for (let i = 1; i <= SESSIONS; i++) {
    lines.push(`new-session -d -s s${i} -x 160 -y 48 -c "${world.repo}"`);
    lines.push(
      `split-window -d -h -t s${i}`,
      `split-window -d -v -t s${i}.0`,
      `split-window -d -v -t s${i}.2`,
    );
    for (let p = 0; p < 4; p++) lines.push(`send-keys -t s${i}.${p} 'sleep 1000' Enter`);
  }
  const start = performance.now();
  world.run('tmux', ['-S', world.socket, '-f', '/dev/null', 'new-session', '-d', '-s', 'first']);
  world.source(lines);
  return performance.now() - start;
}

function resurrectScripts(world) {
  const folder = process.env.BENCH_RESURRECT;
  if (folder === undefined || !existsSync(path.join(folder, 'scripts/save.sh'))) return null;
  return (script) => {
    const tmux = `${world.socket},0,0`;
    const start = performance.now();
    const done = spawnSync('bash', [path.join(folder, `scripts/${script}.sh`), 'quiet'], {
      cwd: world.repo,
      env: { ...world.env, TMUX: tmux },
      stdio: 'ignore',
      timeout: 120_000,
    });
    if (done.error) throw done.error;
    return performance.now() - start;
  };
}

/** The longest time that another client of the server waits for an answer while a restore runs. */
async function freeze() {
  const world = new World();
  try {
    world.sessions(SESSIONS);
    world.run(PROGRAM, ['save', '-q', '--all']);
    world.kill();
    world.tmux('new-session', '-d', '-s', 'user');
    const longest = await stall(world, () => child(world, PROGRAM, ['restore', '--all']));
    row(`longest stall of another client, restore of ${SESSIONS * 4} panes`, longest, {}, '60 ms');
  } finally {
    world.remove();
  }
}

function child(world, program, args) {
  return new Promise((resolve, reject) => {
    const process_ = spawn(program, args, { cwd: world.repo, env: world.env, stdio: 'ignore' });
    process_.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`exit ${code}`))));
  });
}

async function stall(world, action) {
  const client = spawn(
    'tmux',
    ['-S', world.socket, '-C', 'attach-session', '-f', 'no-output,ignore-size', '-t', '=user'],
    {
      env: world.env,
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  );
  let answered = () => undefined;
  client.stdout.on('data', (data) => {
    if (/^%end .* 1$/mu.test(String(data))) answered();
  });
  const state = { running: true };
  const done = action().finally(() => (state.running = false));
  let longest = 0;
  while (state.running) {
    const start = performance.now();
    const answer = new Promise((resolve) => (answered = resolve));
    client.stdin.write('display-message -p x\n');
    await answer;
    longest = Math.max(longest, performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await done;
  client.stdin.end();
  return longest;
}

/** With many snapshots everything stays within twice of what it is with few. */
function scale() {
  withWorld((world) => {
    world.tmux('new-session', '-d', '-s', 'one', '-x', '160', '-y', '48', '-c', world.repo);
    const few = () => ({
      list: median(Array.from({ length: RUNS }, ours(world, 'list'))),
      save: median(Array.from({ length: RUNS }, ours(world, 'save', '-q'))),
    });
    for (let i = 0; i < 10; i++) world.run(PROGRAM, ['save', '-q']);
    const before = few();
    forgeSnapshots(world, MANY);
    const after = few();
    row(`list, ${MANY} snapshots`, after.list, { 'with 10': before.list }, '2 x');
    row(`save, ${MANY} snapshots`, after.save, { 'with 10': before.save }, '2 x');
  });
}

/** Refs by plumbing: the same blob under other ids, in one transaction. */
function forgeSnapshots(world, count) {
  const [context, snapshot] = world
    .run('git', ['for-each-ref', '--format=%(objectname)', 'refs/sessions'])
    .split('\n');
  const id = (i) => `20200101T${String(i).padStart(9, '0')}Z-${snapshot.slice(0, 8)}`;
  const lines = [];
  for (let i = 0; i < count; i++) {
    lines.push(
      `create refs/sessions/one/${id(i)}/context ${context}`,
      `create refs/sessions/one/${id(i)}/snapshot ${snapshot}`,
    );
  }
  world.run('git', ['update-ref', '--stdin'], `${lines.join('\n')}\n`);
}

/** A terminal that shows one of two sessions: by our command, by tmux's own, and by a key. */
async function switching() {
  const world = new World();
  let terminal;
  try {
    world.tmux('new-session', '-d', '-s', 'one', '-x', '160', '-y', '48', '-c', world.repo);
    world.tmux('new-session', '-d', '-s', 'two', '-x', '160', '-y', '48', '-c', world.repo);
    world.source(["bind-key -n F1 switch-client -t '=one:'", "bind-key -n F2 switch-client -t '=two:'"]);
    terminal = spawnTerminal('tmux', ['-S', world.socket, 'attach-session', '-t', '=one'], {
      ...{ cwd: world.repo, env: world.env, cols: 160, rows: 49 },
    });
    terminal.onData(() => undefined);
    world.until(() => world.tmux('list-clients', '-F', '#{session_name}') === 'one');
    const panes = new Map(
      world
        .tmux('list-panes', '-a', '-F', '#{session_name} #{pane_id} #{socket_path},#{pid},0')
        .split('\n')
        .map((line) => line.split(' '))
        .map(([name, pane, tmux]) => [name, { TMUX: tmux, TMUX_PANE: pane }]),
    );
    // Each command is one of a pane of the session that the terminal shows.
    const PATH = `${path.dirname(PROGRAM)}:${world.env.PATH}`;
    const env = (from) => ({ ...world.env, PATH, ...panes.get(from) });
    const timed = (program, args) => (from, to) => world.time(program, [...args, to], { env: env(from) });
    const target = timed('tmux', ['-S', world.socket, 'switch-client', '-t']);
    const ways = {
      ours: timed(PROGRAM, ['switch']),
      git: timed('git', ['session', 'switch']),
      tmux: (from, to) => target(from, `=${to}:`),
      key: await keySwitch(world, terminal),
      node: () => world.time('node', ['-e', '0']),
    };
    const times = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
    for (let i = 0; i <= SWITCHES; i++) {
      for (const [name, way] of Object.entries(ways)) {
        const there = await way('one', 'two');
        if (name !== 'node') {
          expectShown(world, 'two');
          ways.tmux('two', 'one');
        }
        if (i > 0) times[name].push(there);
      }
    }
    for (const p of [50, 95]) {
      const of = (name) => percentile(times[name], p);
      row(
        `switch, percentile ${p} of ${SWITCHES}`,
        of('ours'),
        { 'tmux switch-client': of('tmux'), 'a key binding': of('key'), 'node -e 0': of('node') },
        p === 95 ? '10 ms' : '-',
      );
      row(`the same through git, percentile ${p}`, of('git'), { 'git-session itself': of('ours') }, '-');
    }
  } finally {
    terminal?.kill('SIGKILL');
    world.remove();
  }
}

function expectShown(world, name) {
  const shown = world.tmux('list-clients', '-F', '#{?client_control_mode,,#{session_name}}').trim();
  if (shown !== name) throw new Error(`the terminal shows ${shown}, not ${name}`);
}

/** From the key in the terminal until tmux tells a control client that the terminal shows another session. */
async function keySwitch(world, terminal) {
  world.tmux('new-session', '-d', '-s', 'watcher');
  const client = spawn('tmux', ['-S', world.socket, '-C', 'attach-session', '-t', '=watcher'], {
    ...{ env: world.env, stdio: ['pipe', 'pipe', 'ignore'] },
  });
  let changed = () => undefined;
  client.stdout.on('data', (data) => {
    if (/^%client-session-changed /mu.test(String(data))) changed();
  });
  world.until(() => world.tmux('list-clients').split('\n').length === 2);
  return async () => {
    // What an earlier switch has told is read first.
    await new Promise((resolve) => setTimeout(resolve, 20));
    const done = new Promise((resolve) => (changed = resolve));
    const start = performance.now();
    terminal.write('\x1bOQ');
    await done;
    return performance.now() - start;
  };
}

const event = (i) => ({
  type: 'command-executed',
  data: { command: `make part-${i}`, success: i % 9 !== 0, exitCode: i % 9 === 0 ? 2 : 0, durationMs: i },
});

/** Events through the library, each acknowledged before the next one; without fsync, as is the default. */
async function append() {
  const { FileStorage, GitRefStorage, MemoryStorage, SessionManager } = await import('../dist/index.mjs');
  const world = new World();
  try {
    const storages = {
      files: new FileStorage({ basePath: path.join(world.dir, 'base') }),
      'a repository': await GitRefStorage.open({ dir: world.repo }),
    };
    const timed = async (storage) => {
      const manager = new SessionManager({ storage });
      const { id } = await manager.createSession();
      await manager.startSession(id);
      const start = performance.now();
      for (let i = 0; i < EVENTS; i++) await manager.recordEvent(id, event(i));
      const ms = performance.now() - start;
      if ((await manager.getProgress(id)).commandsExecuted.length !== EVENTS)
        throw new Error('an event was lost');
      return ms;
    };
    const memory = await timed(new MemoryStorage());
    const reach = `${EVENTS / 5} ms (5,000 per second)`;
    for (const [name, storage] of Object.entries(storages)) {
      row(`append ${EVENTS} events to ${name}`, await timed(storage), { 'in memory': memory }, reach);
    }
  } finally {
    world.remove();
  }
}

/** What is asked of a session costs the same, however long its log is. */
async function state() {
  const { GitRefStorage, SessionManager } = await import('../dist/index.mjs');
  const world = new World();
  try {
    const counts = [10, EVENTS];
    const opened = async () => new SessionManager({ storage: await GitRefStorage.open({ dir: world.repo }) });
    const ids = [];
    for (const count of counts) {
      const manager = await opened();
      const { id } = await manager.createSession({ name: `with-${count}` });
      await manager.startSession(id);
      await Promise.all(Array.from({ length: count }, (_, i) => manager.recordEvent(id, event(i))));
      ids.push(id);
    }
    for (const what of ['state', 'progress']) {
      const t = inTurn({
        few: ours(world, what, 'with-10', '--json'),
        many: ours(world, what, `with-${EVENTS}`, '--json'),
      });
      row(`${what}, ${EVENTS} events`, t.many, { 'with 10': t.few }, '2 x');
    }
    const times = { few: [], many: [] };
    const manager = await opened();
    for (let i = 0; i <= RUNS; i++) {
      for (const [k, name] of Object.keys(times).entries()) {
        const start = performance.now();
        await manager.getState(ids[k]);
        if (i > 0) times[name].push(performance.now() - start);
      }
    }
    row(`getState, ${EVENTS} events`, median(times.many), { 'with 10': median(times.few) }, '2 x');
  } finally {
    world.remove();
  }
}

/** What a session costs that nobody uses: its part of the server, and its shell. Shared pages are shared out (PSS). */
function memory() {
  if (!existsSync('/proc/self/smaps_rollup')) return say('bench: memory needs /proc/<pid>/smaps_rollup');
  withWorld((world) => {
    world.tmux('new-session', '-d', '-s', 'idle-1', '-x', '160', '-y', '48', '-c', world.repo);
    const more = Array.from({ length: IDLE - 1 }, (_, i) => `idle-${i + 2}`);
    world.source(more.map((name) => `new-session -d -s ${name} -x 160 -y 48 -c "${world.repo}"`));
    const panes = world.tmux('list-panes', '-a', '-F', '#{pane_pid} #{pane_id}').split('\n');
    // A shell is idle when it shows its prompt.
    world.until(() =>
      panes.every((p) => world.tmux('capture-pane', '-p', '-t', p.split(' ')[1]).includes('$')),
    );
    const server = pss(world.tmux('display-message', '-p', '#{pid}'));
    const shells = panes.reduce((sum, p) => sum + pss(p.split(' ')[0]), 0);
    rows.push({
      what: `memory of one of ${IDLE} idle sessions`,
      mb: Math.round(((server + shells) / IDLE) * 100) / 100,
      parts: { server_mb: Math.round(server * 100) / 100, shells_mb: Math.round(shells * 100) / 100 },
      reach: '50 MB',
    });
  });
}

/** In MB. */
function pss(pid) {
  const [, kb] = /^Pss: +(\d+) kB$/mu.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'));
  return Number(kb) / 1024;
}

const parts = { startUp, saveSmall, large, freeze, scale, switch: switching, memory, append, state };
const only = process.argv.find((a) => a.startsWith('--only='))?.slice(7);
for (const [name, part] of Object.entries(parts)) {
  if (only !== undefined && only !== name) continue;
  say(`bench: ${name}`);
  await part();
}
if (json) process.stdout.write(`${JSON.stringify({ node: process.version, runs: RUNS, rows }, null, 2)}\n`);
else {
  for (const r of rows) {
    if (r.mb !== undefined) {
      process.stdout.write(`${r.what}: ${r.mb} MB; to reach: ${r.reach}\n`);
      continue;
    }
    const beside = Object.entries(r.beside).map(([name, b]) => `${b.ratio} x ${name} (${b.ms} ms)`);
    process.stdout.write(
      `${r.what}: ${r.ms} ms${beside.length > 0 ? `, ${beside.join(', ')}` : ''}; to reach: ${r.reach}\n`,
    );
  }
}
