import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { canonicalize } from 'json-canonicalize';
import type { Snapshot, TmuxPane, TmuxWindow } from '../../src/session/schema.ts';
import { temporaryFolder, type Person } from './harness.ts';

/** A harmless snapshot of one window with one pane, to be changed by the forger. */
export function plainSnapshot(head: string | null): Snapshot {
  return {
    format: 'git-session/snapshot',
    version: 1,
    session: { id: '01234567-89ab-4cde-8f01-23456789abcd', name: 'forged' },
    previous: null,
    savedAt: '2026-11-21T08:00:00.000Z',
    savedBy: { name: 'Mallory', email: 'mallory@example.org' },
    host: { name: 'elsewhere', os: 'linux', arch: 'x64', tmux: '3.3a', tool: '0.1.0' },
    message: null,
    crqs: [],
    git: {
      objectFormat: head?.length === 64 ? 'sha256' : 'sha1',
      ...{ head, branch: 'main', detached: false, upstream: null, remotes: [] },
      ...{ linkedWorktree: false, bare: false, operation: null },
      changes: { staged: 0, unstaged: 0, untracked: 0, unmerged: 0 },
      ...{ work: null, leftOut: [] },
    },
    env: {},
    tmux: {
      sessions: [
        {
          ...{
            name: 'forged',
            group: null,
            path: { in: 'repo', path: '' },
            activeWindow: 0,
            lastWindow: null,
          },
          ...{ createdAt: 1_790_000_000, lastAttachedAt: null, attachedClients: 0 },
        },
      ],
      windows: [plainWindow()],
    },
    state: { name: 'running', iteration: 0 },
    redactions: [],
  };
}

export function plainWindow(change: Partial<TmuxWindow> = {}): TmuxWindow {
  return {
    ...{ index: 0, name: 'shell', active: true, last: false, zoomed: false, automaticRename: false },
    ...{ width: 80, height: 24, layout: 'b25d,80x24,0,0,0', panes: [plainPane()] },
    ...change,
  };
}

export function plainPane(change: Partial<TmuxPane> = {}): TmuxPane {
  return {
    ...{ index: 0, active: true, last: false, geometry: { x: 0, y: 0, width: 80, height: 24 } },
    ...{ title: 'title', cwd: { in: 'repo', path: '' }, cwdDeleted: false, start: null, command: null },
    relaunch: { source: 'none', confidence: 'exact', reason: 'idle-shell', steps: [], line: null },
    agent: null,
    ...{ processes: [], dead: null, alternate: false, remainOnExit: 'off', synchronized: false },
    ...{ historyLines: 0, scrollback: null },
    ...change,
  };
}

/** A pane that would type this command at restore. */
export function typedPane(argv: TmuxPane['command'] & object, change: Partial<TmuxPane> = {}): TmuxPane {
  return plainPane({
    command: argv,
    relaunch: {
      source: 'foreground',
      confidence: 'argv',
      reason: 'foreground-leader',
      steps: [argv],
      line: null,
    },
    ...change,
  });
}

export interface Forged {
  oid: string;
  id: string;
  ref: string;
}

export interface ForgeOptions {
  name?: string;
  /** The id's time part. */
  time?: string;
  /** Parent of the context commit. */
  parent?: string | null;
  /** Files of the context, one folder deep. */
  files?: Record<string, Buffer>;
}

/**
 * Stores bytes as a snapshot with plain git plumbing, as an attacker would: our own save, its schema
 * and its checks have no part in it.
 */
export async function forgeBytes(
  who: Person,
  repo: string,
  bytes: Buffer,
  { name = 'forged', time = '20261121T080000000Z', parent = null, files = {} }: ForgeOptions = {},
): Promise<Forged> {
  const dir = temporaryFolder();
  const hash = async (content: Buffer) => {
    const file = path.join(dir, 'blob');
    writeFileSync(file, content);
    return who.git(repo, 'hash-object', '-w', '--no-filters', file);
  };
  const oid = await hash(bytes);
  const entries = [`100644 blob ${oid}\tsnapshot.json`];
  const folders = new Map<string, string[]>();
  for (const [file, content] of Object.entries(files)) {
    const [folder = '', leaf = ''] = file.split('/');
    folders.set(folder, [...(folders.get(folder) ?? []), `100644 blob ${await hash(content)}\t${leaf}`]);
  }
  const mktree = async (lines: string[]) => {
    const result = await who.run('git', ['mktree'], { cwd: repo, input: `${lines.join('\n')}\n` });
    return result.stdout.trim();
  };
  for (const [folder, lines] of folders) entries.push(`040000 tree ${await mktree(lines)}\t${folder}`);
  const tree = await mktree(entries);
  const parents = parent === null ? [] : ['-p', parent];
  const context = await who.git(repo, 'commit-tree', tree, ...parents, '-m', 'forged');
  const id = `${time}-${oid.slice(0, 8)}`;
  const ref = `refs/sessions/${name}/${id}`;
  await who.git(repo, 'update-ref', `${ref}/context`, context);
  await who.git(repo, 'update-ref', `${ref}/snapshot`, oid);
  return { oid, id, ref: `${ref}/snapshot` };
}

/** Forges a snapshot from a value; it need not be a valid one. */
export function forge(
  who: Person,
  repo: string,
  value: unknown,
  options: ForgeOptions = {},
): Promise<Forged> {
  return forgeBytes(who, repo, Buffer.from(canonicalize(value)), options);
}

/** A place that must stay empty: an attack that works makes this file. */
export function canary(who: Person): string {
  const dir = path.join(who.dir, 'canary');
  mkdirSync(dir, { recursive: true });
  return path.join(dir, 'touched');
}
