import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ReadyTarget } from '../../src/process/foreground.ts';
import { inspectPanes, type InspectedPane } from '../../src/process/inspect.ts';
import { waitReady, type ReadyShell } from '../../src/process/shell-ready.ts';
import { type StartCommand } from '../../src/session/relaunch.ts';

const DEADLINE_MS = 20_000;

/** A tmux server of our own: private socket, no configuration, an empty HOME, bash as the default shell. */
export class Panes {
  readonly home = mkdtempSync(join(tmpdir(), 'gs-proc-'));
  readonly #name = `gs-${randomUUID().slice(0, 8)}`;

  constructor() {
    this.tmux('new-session', '-d', '-x', '120', '-y', '30', 'exec sleep 9999');
    this.tmux('set-option', '-g', 'default-shell', '/bin/bash');
  }

  tmux(...args: string[]): string {
    // HOME and TMUX_TMPDIR keep the user's files and server out of it; no history is written while HOME is removed.
    const env = {
      PATH: process.env['PATH'],
      HOME: this.home,
      TMUX_TMPDIR: this.home,
      LC_ALL: 'C.UTF-8',
      TERM: 'xterm',
      HISTFILE: '/dev/null',
    };
    const all = ['-u', '-L', this.#name, '-f', '/dev/null', ...args];
    return execFileSync('tmux', all, { env, cwd: this.home, encoding: 'utf8' });
  }

  /** A new window; without a command the default shell, else tmux's way: one word is a shell line, several are exec'd. */
  open(...command: string[]): ReadyTarget {
    const format = '#{pane_id} #{pane_pid} #{pane_tty}';
    const line = this.tmux('new-window', '-d', '-P', '-F', format, '-c', this.home, '--', ...command);
    const [paneId = '', panePid = '', tty = ''] = line.trim().split(' ');
    return { paneId, panePid: Number(panePid), tty };
  }

  async ready(pane: ReadyTarget): Promise<ReadyShell> {
    let found: ReadyShell | undefined;
    const failed = await waitReady([pane], {
      timeoutMs: DEADLINE_MS,
      onReady: (_, shell) => {
        found = shell;
        return undefined;
      },
    });
    if (!found) throw new Error(`pane not ready: ${JSON.stringify(failed)} ${this.screen(pane)}`);
    return found;
  }

  keys(pane: ReadyTarget, ...keys: string[]): void {
    this.tmux('send-keys', '-t', pane.paneId, ...keys);
  }

  /** Types a line into a shell once it is ready, and gives that shell's pid. */
  async type(pane: ReadyTarget, line: string): Promise<number> {
    const { pid } = await this.ready(pane);
    this.tmux('send-keys', '-l', '-t', pane.paneId, '--', line);
    this.keys(pane, 'Enter');
    return pid;
  }

  screen(pane: ReadyTarget): string {
    return this.tmux('capture-pane', '-p', '-t', pane.paneId);
  }

  close(): void {
    this.tmux('kill-server');
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function inspect({ panePid }: ReadyTarget, start: StartCommand | null = null): InspectedPane {
  const found = inspectPanes([{ panePid, start, dead: false }]).get(panePid);
  if (!found) throw new Error(`no pane ${panePid}`);
  return found;
}

/** Repeats `assertion` until it passes; its last failure after 20 s. */
export async function eventually(assertion: () => void | Promise<void>): Promise<void> {
  const end = performance.now() + DEADLINE_MS;
  for (;;) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
