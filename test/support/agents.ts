import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Snapshot } from '../../src/session/schema.ts';
import { person, type Person, waitFor } from './harness.ts';

/** An id as agents make them. */
export const id = (n: number): string => `${String(n).repeat(8)}-aaaa-4bbb-8ccc-${String(n).repeat(12)}`;

/**
 * Fake agents: scripts of the agents' names that do on disk what the real ones do, say how they were called, and
 * wait. `FAKE_ID` is the conversation that they have.
 */
const SAY = `printf '%s|%s|%s\\n' "$0" "$PWD" "$*" >> "$HOME/called"`;
const WAIT = 'while :; do sleep 1000; done';
const FAKES: Record<string, string> = {
  claude: `if [ -n "$FAKE_ID" ]; then
  mkdir -p "$HOME/.claude/sessions"
  start=\${FAKE_START:-$(cut -d' ' -f22 /proc/$$/stat)}
  printf '{"pid":%d,"sessionId":"%s","cwd":"%s","procStart":"%s"}' $$ "$FAKE_ID" "$PWD" "$start" \\
    > "$HOME/.claude/sessions/$$.json"
fi
${SAY}
${WAIT}`,
  codex: `rollout="$HOME/.codex/sessions/2026/01/02/rollout-2026-01-02T03-04-05-$FAKE_ID.jsonl"
mkdir -p "$HOME/.codex/sessions/2026/01/02"
if [ -n "$FAKE_CHILD" ]; then
  sleep 1000 7>>"$rollout" &
elif [ -n "$FAKE_ID" ]; then
  exec 7>>"$rollout"
fi
${SAY}
${WAIT}`,
  gemini: `${SAY}\n${WAIT}`,
  opencode: `${SAY}\n${WAIT}`,
  aider: `${SAY}\n${WAIT}`,
  // As npx does: another process in between, and what is behind the name.
  npx: `"$@"`,
};

export interface Office {
  ann: Person;
  repo: string;
  /** Types a line into a pane, and waits until an agent has said so often in all that it was called. */
  type: (target: string, line: string, calls: number) => Promise<void>;
  calls: () => { cwd: string; args: string }[];
  save: (...args: string[]) => Promise<Snapshot>;
  /** Ends the tmux server, and restores; gives stdout and stderr together. */
  restore: (...args: string[]) => Promise<string>;
}

/** A person with agents on the PATH, and tmux session `work` in a repository. */
export async function office(): Promise<Office> {
  const ann = person();
  const bin = path.join(ann.dir, 'bin');
  mkdirSync(bin);
  writeFileSync(
    path.join(ann.home, 'claude.js'),
    `const { appendFileSync, mkdirSync, writeFileSync } = require('node:fs');
const home = process.env.HOME;
mkdirSync(home + '/.claude/sessions', { recursive: true });
const entry = { pid: process.pid, sessionId: process.env.FAKE_ID };
if (entry.sessionId) writeFileSync(home + '/.claude/sessions/' + process.pid + '.json', JSON.stringify(entry));
appendFileSync(home + '/called', ['claude', process.cwd(), process.argv.slice(2).join(' ')].join('|') + '\\n');
setInterval(() => undefined, 1000);
`,
  );
  for (const [name, body] of Object.entries(FAKES)) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${body}\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  ann.env['PATH'] = `${bin}:${ann.env['PATH']}`;
  // A login shell sets its own PATH. A killed one would write its history while the folder is removed.
  writeFileSync(path.join(ann.home, '.bashrc'), `PS1='$ '\nunset HISTFILE\nexport PATH='${bin}':"$PATH"\n`);
  const repo = await ann.repo();
  await ann.tmux('new-session', '-d', '-s', 'work', '-x', '120', '-y', '40', '-c', repo);
  const log = path.join(ann.home, 'called');
  const calls = () => {
    if (!existsSync(log)) return [];
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
    return lines.map((line) => {
      const [, cwd = '', args = ''] = line.split('|');
      return { cwd, args };
    });
  };
  const type = async (target: string, line: string, n: number) => {
    await waitFor(async () => (await ann.screen(target)).includes('$'), `a prompt in ${target}`);
    await ann.tmux('send-keys', '-t', target, line, 'Enter');
    await waitFor(() => calls().length >= n, `the agent of: ${line}`);
  };
  const save = async (...args: string[]) => {
    await ann.ok(repo, 'save', ...args);
    return JSON.parse(await ann.ok(repo, 'show', 'work', '--json')) as Snapshot;
  };
  const restore = async (...args: string[]) => {
    await ann.killServer();
    const result = await ann.gs(repo, 'restore', ...args);
    if (result.code !== 0) throw new Error(`restore: exit ${result.code}\n${result.stderr}`);
    return result.stdout + result.stderr;
  };
  return { ann, repo, type, calls, save, restore };
}

export const agentsOf = (snapshot: Snapshot) =>
  snapshot.tmux.windows.flatMap((w) => w.panes.map((p) => p.agent));

export const slug = (cwd: string): string => cwd.replace(/[^A-Za-z0-9]/gu, '-');

/** A file, with the folders above it. */
export function put(file: string, content: string): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

export function claudeFile(ann: Person, cwd: string, conversation: string): string {
  return path.join(ann.home, '.claude/projects', slug(cwd), `${conversation}.jsonl`);
}

export function putTranscript(ann: Person, cwd: string, conversation: string): string {
  const records = [
    { type: 'summary', summary: 'x' },
    { type: 'user', cwd, sessionId: conversation },
    { type: 'user', cwd: `${cwd}/src`, sessionId: conversation },
    { type: 'user', cwd: '/elsewhere', sessionId: conversation },
  ];
  return put(claudeFile(ann, cwd, conversation), `${records.map((r) => JSON.stringify(r)).join('\n')}\n`);
}

export function putRollout(ann: Person, cwd: string, conversation: string, day = '02'): string {
  const meta = {
    type: 'session_meta',
    payload: { id: conversation, cwd, timestamp: '2026-01-02T03:04:05Z' },
  };
  return put(
    path.join(
      ann.home,
      `.codex/sessions/2026/01/${day}/rollout-2026-01-${day}T03-04-05-${conversation}.jsonl`,
    ),
    `${JSON.stringify(meta)}\n`,
  );
}
