// A throw-away machine for the benchmark: home, repository, and a tmux server on a private socket.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const PROGRAM = path.resolve(import.meta.dirname, '../bin/git-session');

export class World {
  constructor() {
    this.dir = mkdtempSync(path.join(tmpdir(), 'gs-bench-'));
    this.home = path.join(this.dir, 'home');
    this.repo = path.join(this.dir, 'repo');
    this.socket = path.join(this.dir, 'tmux');
    mkdirSync(this.home);
    mkdirSync(this.repo);
    const { PATH, LANG = 'C.UTF-8' } = process.env;
    this.env = {
      PATH,
      LANG,
      HOME: this.home,
      SHELL: '/bin/bash',
      TERM: 'xterm-256color',
      GIT_CONFIG_NOSYSTEM: '1',
    };
    writeFileSync(
      path.join(this.home, '.gitconfig'),
      `[user]\n\tname = bench\n\temail = bench@example.org\n[init]\n\tdefaultBranch = main\n[session]\n\ttmuxCommand = tmux -S ${this.socket} -f /dev/null\n`,
    );
    // A shell that writes its history when its terminal goes would do so while the folder is removed.
    writeFileSync(path.join(this.home, '.bashrc'), "PS1='$ '\nunset HISTFILE\n");
    writeFileSync(path.join(this.home, '.bash_profile'), '. ~/.bashrc\n');
    this.run('git', ['init', '-q']);
    writeFileSync(path.join(this.repo, 'file.txt'), 'one\n');
    this.run('git', ['add', '.']);
    this.run('git', ['commit', '-q', '-m', 'first']);
  }

  run(program, args, input) {
    return execFileSync(program, args, {
      cwd: this.repo,
      env: this.env,
      encoding: 'utf8',
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      input,
      maxBuffer: 1 << 28,
    });
  }

  /** Milliseconds of one run of a whole process; throws where it fails with anything but the codes given. */
  time(program, args, { input, codes = [0], env = this.env } = {}) {
    const start = performance.now();
    const { status, stderr } = spawnSync(program, args, {
      cwd: this.repo,
      env,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'ignore', 'pipe'],
      input,
    });
    const ms = performance.now() - start;
    if (!codes.includes(status)) throw new Error(`${program} ${args.join(' ')}: exit ${status}: ${stderr}`);
    return ms;
  }

  tmux(...args) {
    return this.run('tmux', ['-S', this.socket, '-f', '/dev/null', ...args]).trimEnd();
  }

  source(lines) {
    return this.run(
      'tmux',
      ['-S', this.socket, '-f', '/dev/null', 'source-file', '-'],
      `${lines.join('\n')}\n`,
    );
  }

  /** Ends the server and waits for its process, without which the next start fails. */
  kill() {
    const pid = Number(
      spawnSync('tmux', ['-S', this.socket, 'display-message', '-p', '#{pid}'], { encoding: 'utf8' }).stdout,
    );
    spawnSync('tmux', ['-S', this.socket, 'kill-server']);
    if (!pid) return;
    this.until(() => {
      // A zombie is dead, though process 1 may take its time to bury it.
      try {
        return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
      } catch {
        return true;
      }
    });
  }

  until(condition, ms = 60_000) {
    const end = Date.now() + ms;
    while (!condition()) {
      if (Date.now() > end) throw new Error('waited in vain');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }

  /** Sessions s1..sN with four panes each, a sleeping command in every one of them. */
  sessions(count) {
    this.tmux('new-session', '-d', '-s', 's1', '-x', '160', '-y', '48', '-c', this.repo);
    const lines = [];
    for (let i = 1; i <= count; i++) {
      if (i > 1) lines.push(`new-session -d -s s${i} -x 160 -y 48 -c "${this.repo}"`);
      lines.push(`split-window -d -h -t s${i} -c "${this.repo}"`);
      lines.push(
        `split-window -d -v -t s${i}.0 -c "${this.repo}"`,
        `split-window -d -v -t s${i}.2 -c "${this.repo}"`,
      );
    }
    this.source(lines);
    const panes = this.tmux('list-panes', '-a', '-F', '#{pane_id}').split('\n');
    this.source(panes.map((p, i) => `send-keys -t ${p} 'sleep ${1000 + i}' Enter`));
    this.until(() => this.commands().filter((c) => c === 'sleep').length === panes.length);
    return panes.length;
  }

  commands() {
    return this.tmux('list-panes', '-a', '-F', '#{pane_current_command}').split('\n');
  }

  remove() {
    this.kill();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 30, retryDelay: 20 });
  }
}
