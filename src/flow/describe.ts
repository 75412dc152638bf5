import { hostname } from 'node:os';
import { InvalidLayoutError, NoSuchTmuxSessionError } from '../session/errors.ts';
import { formatLayout, leaves, parseLayout } from '../session/layout.ts';
import { type Places, toSnapshotPath } from '../session/paths.ts';
import type { StartCommand } from '../session/relaunch.ts';
import type { GitFacts, Snapshot, TmuxPane, TmuxSession, TmuxWindow } from '../session/schema.ts';
import { type Text, toText } from '../session/text.ts';
import type { Status } from '../git/status.ts';
import type { Repository } from '../git/repository.ts';
import { type InspectedAgent, inspectAgents } from '../process/agents.ts';
import { inspectPanes, type InspectedPane } from '../process/inspect.ts';
import type { LivePane, LiveSession, LiveState, LiveWindow, Server } from '../tmux/capture.ts';
import { type Redaction, redactArgv, redactCommand, redactText, redactUrl } from '../trust/redact.ts';
import { VERSION } from '../version.ts';
import { describeAgent } from './agents.ts';

type Redactions = Snapshot['redactions'];

export interface Scrollback {
  bytes: Buffer;
  lines: number;
  truncated: boolean;
}

export interface DescribedTmux {
  tmux: Snapshot['tmux'];
  redactions: Redactions;
  /** The files of the context's tree. */
  files: { path: string; bytes: Buffer }[];
}

/** What runs in a pane, and the agent that leads it. */
export interface SeenPane extends InspectedPane {
  agent: InspectedAgent | null;
}

/** Inspects every pane's processes once, for all sessions that are saved together. */
export function inspectAll(state: LiveState): Map<number, SeenPane> {
  const found = inspectPanes(state.panes.map((p) => ({ panePid: p.pid, start: startOf(p), dead: p.dead })));
  const byPid = new Map(state.panes.filter((p) => !p.dead).map((p) => [p.pid, p]));
  const agents = inspectAgents(
    [...byPid.values()].map((p) => ({
      panePid: p.pid,
      processes: found.get(p.pid)?.processes ?? [],
      cwd: p.currentPath.toString('utf8'),
      option: p.agentOption,
    })),
  );
  return new Map([...found].map(([pid, pane]) => [pid, { ...pane, agent: agents.get(pid) ?? null }]));
}

function startOf(pane: LivePane): StartCommand | null {
  if (pane.start === null) return null;
  const words = pane.start.map((w) => toText(w));
  return words.length === 1 ? { shell: words[0]! } : { argv: words };
}

/** The tmux part of a snapshot: the session, the other members of its group, its windows and panes. */
export function describeTmux(
  server: Server,
  session: LiveSession,
  state: LiveState,
  inspected: Map<number, SeenPane>,
  scrollback: Map<string, Scrollback>,
  places: Places,
  rules: Redaction,
): DescribedTmux {
  const redactions: Redactions = [];
  const files: DescribedTmux['files'] = [];
  const own = state.windows.filter((w) => w.sessionId === session.id).toSorted((a, b) => a.index - b.index);
  if (own.length === 0) {
    throw new NoSuchTmuxSessionError('the tmux session ended while it was read; nothing was saved');
  }
  const members = server.sessions.filter(
    (s) => s.id !== session.id && session.group !== null && s.group?.equals(session.group) === true,
  );
  const windows = own.map((w): TmuxWindow => {
    const panes = state.panes
      .filter((p) => p.windowId === w.id && p.sessionId === session.id)
      .toSorted((a, b) => a.index - b.index);
    return {
      index: w.index,
      name: cleanName(w),
      active: w.active,
      last: w.last,
      zoomed: w.zoomed,
      automaticRename: w.automaticRename,
      ...layoutOf(w, panes.length),
      panes: panes.map((p) => {
        const where = `${w.index}.${p.index}`;
        const lines = scrollback.get(p.id);
        if (lines !== undefined) files.push({ path: `scrollback/${where}`, bytes: lines.bytes });
        return describePane(p, where, inspected.get(p.pid), lines, places, redactions, rules);
      }),
    };
  });
  function cleanName(w: LiveWindow): Text {
    const { text, findings } = redactText(toText(w.name), rules);
    for (const { rule } of findings) redactions.push({ rule, where: `name of window ${w.index}` });
    return text;
  }
  return {
    tmux: { sessions: [session, ...members].map((s) => describeSession(s, places)), windows },
    redactions,
    files,
  };
}

function describeSession(s: LiveSession, places: Places): TmuxSession {
  return {
    name: toText(s.name),
    group: s.group === null ? null : toText(s.group),
    path: toSnapshotPath(s.path, places),
    activeWindow: s.activeWindow,
    lastWindow: s.lastWindow,
    createdAt: s.createdAt,
    lastAttachedAt: s.lastAttachedAt,
    attachedClients: s.attachedClients,
  };
}

/** tmux's string in our own serialization, so that equal layouts are equal text. */
function layoutOf(w: LiveWindow, panes: number): Pick<TmuxWindow, 'layout' | 'width' | 'height'> {
  const root = parseLayout(w.layout);
  if (leaves(root).length !== panes) {
    throw new InvalidLayoutError(
      `window ${w.index} has ${panes} panes and a layout for ${leaves(root).length}`,
      ['floating panes are not supported: close them and save again'],
    );
  }
  return { layout: formatLayout(root), width: root.width, height: root.height };
}

function describePane(
  p: LivePane,
  where: string,
  found: SeenPane | undefined,
  scrollback: Scrollback | undefined,
  places: Places,
  redactions: Redactions,
  rules: Redaction,
): TmuxPane {
  const cleanText = (text: Text, what: string): Text => {
    const result = redactText(text, rules);
    for (const f of result.findings) redactions.push({ rule: f.rule, where: `pane ${where} ${what}` });
    return result.text;
  };
  let secret = false;
  const cleanArgv = (argv: Text[], what: string): Text[] => {
    const result = redactArgv(argv, rules);
    for (const f of result.findings) redactions.push({ rule: f.rule, where: `pane ${where} ${what}` });
    secret ||= result.findings.length > 0;
    return result.argv;
  };
  const cwd = found?.cwd ?? null;
  const relaunch = found?.relaunch ?? null;
  const start = startOf(p);
  const steps = (relaunch?.steps ?? []).map((argv) => cleanArgv(argv, 'command'));
  const cleanStart =
    start === null
      ? null
      : 'argv' in start
        ? { argv: cleanArgv(start.argv, 'start command') }
        : { shell: cleanLine(start.shell) };
  function cleanLine(line: Text): Text {
    const result = redactCommand(line, rules);
    for (const f of result.findings) redactions.push({ rule: f.rule, where: `pane ${where} command line` });
    secret ||= result.findings.length > 0;
    return result.text;
  }
  const line = relaunch?.line == null ? null : cleanLine(relaunch.line);
  const command =
    relaunch?.command == null || relaunch.command.length === 0
      ? null
      : cleanArgv(relaunch.command, 'command');
  return {
    index: p.index,
    active: p.active,
    last: p.last,
    geometry: { x: p.x, y: p.y, width: p.width, height: p.height },
    title: cleanText(toText(p.title), 'title'),
    cwd: toSnapshotPath(cwd?.path ?? p.currentPath, places),
    cwdDeleted: cwd?.deleted ?? false,
    start: cleanStart,
    command,
    relaunch:
      relaunch === null
        ? { source: 'none', confidence: 'unknown', reason: 'no-process', steps: [], line: null }
        : {
            source: relaunch.source,
            // What was redacted can't be started again as it was.
            confidence: secret ? 'unknown' : relaunch.confidence,
            reason: secret ? 'redacted' : relaunch.reason,
            steps,
            line,
          },
    agent:
      found?.agent == null || relaunch === null || p.dead
        ? null
        : describeAgent(found.agent, relaunch, start, (argv) => redactArgv(argv, rules)),
    processes: (found?.processes ?? []).map(({ pid, ppid, argv }) => ({
      pid,
      ppid,
      argv: cleanArgv(argv, 'process'),
    })),
    dead: p.dead ? { status: p.deadStatus } : null,
    alternate: p.alternate,
    remainOnExit: p.remainOnExit === 'on' || p.remainOnExit === 'failed' ? p.remainOnExit : 'off',
    synchronized: p.synchronized,
    historyLines: p.historyLines,
    scrollback:
      scrollback === undefined
        ? null
        : {
            path: `scrollback/${where}`,
            lines: scrollback.lines,
            bytes: scrollback.bytes.length,
            truncated: scrollback.truncated,
          },
  };
}

export interface WorkFacts {
  oid: string | null;
  leftOut: GitFacts['leftOut'];
}

/** The git part of a snapshot. */
export function describeGit(
  repo: Repository,
  status: Status,
  remotes: { name: string; url: string }[],
  work: WorkFacts,
  rules: Redaction,
): GitFacts {
  return {
    objectFormat: repo.objectFormat,
    head: status.head,
    branch: status.branch,
    detached: status.branch === null,
    upstream: status.upstream,
    remotes: remotes.map(({ name, url }) => ({ name, url: redactUrl(url, rules) })),
    linkedWorktree: repo.linked,
    bare: repo.bare,
    operation: status.operation,
    changes: {
      staged: status.staged,
      unstaged: status.unstaged,
      untracked: status.untracked.length,
      unmerged: status.unmerged.length,
    },
    work: work.oid,
    leftOut: work.leftOut,
  };
}

export function describeHost(tmuxVersion: string): Snapshot['host'] {
  return { name: hostname(), os: process.platform, arch: process.arch, tmux: tmuxVersion, tool: VERSION };
}
