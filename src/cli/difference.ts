import type { Difference } from '../session/diff.ts';
import type { SnapshotPath, TmuxPane, TmuxWindow } from '../session/schema.ts';
import type { Text } from '../session/text.ts';
import { safe, safeArgv, safeJson } from '../trust/safe.ts';
import { shownPath } from './drawing.ts';

/** Says in words in what two snapshots differ, one line for each. */
export function differenceLines(differences: readonly Difference[]): string[] {
  const paths = new Set(differences.map((d) => d.path));
  return differences.filter((d) => !isImplied(d, paths)).map(sentence);
}

/** What follows from another difference is said once. JSON has it all. */
function isImplied({ path }: Difference, paths: ReadonlySet<string>): boolean {
  const pane = /^(.*\.panes\[\d+\])\.(relaunch|start)$/u.exec(path);
  if (pane !== null) return paths.has(`${pane[1]}.command`);
  // Which one was active before follows from which one is now.
  if (/\.(?:last|lastWindow)$/u.test(path)) return [...paths].some((p) => /\.active(?:Window)?$/u.test(p));
  const inWindow = /^(tmux\.windows\[\d+\])\.(?:width|height|panes\[\d+\]\.geometry)$/u.exec(path);
  return inWindow !== null && paths.has(`${inWindow[1]}.layout`);
}

function sentence(d: Difference): string {
  const pane = /^tmux\.windows\[(.+?)\]\.panes\[(.+?)\](?:\.(\w+(?:\.\w+)*))?$/u.exec(d.path);
  if (pane !== null) return paneSentence(`pane ${safe(pane[1]!)}.${safe(pane[2]!)}`, pane[3], d);
  const window = /^tmux\.windows\[(.+?)\](?:\.(\w+))?$/u.exec(d.path);
  if (window !== null) return windowSentence(`window ${safe(window[1]!)}`, window[2], d);
  const crq = /^crqs\[(.+)\](?:\.(\w+))?$/u.exec(d.path);
  if (crq !== null) {
    if (crq[2] !== undefined) return `${safe(crq[1]!)}: ${safe(crq[2])} ${change(d)}`;
    return `${safe(crq[1]!)}: ${d.kind === 'added' ? 'linked' : 'not linked any more'}`;
  }
  const env = /^env\.(.+)$/u.exec(d.path);
  if (env !== null) return `environment ${safe(env[1]!)}: ${change(d)}`;
  const what = NAMES[d.path];
  if (d.path === 'git.work') return `uncommitted work: ${workSentence(d)}`;
  if (d.path === 'git.changes') return `changed files: ${counts(d.from)} -> ${counts(d.to)}`;
  if (d.path === 'git.head') return `commit: ${short(d.from)} -> ${short(d.to)}`;
  return `${what ?? safe(d.path)}: ${change(d)}`;
}

function counts(value: unknown): string {
  const some = Object.entries(value as Record<string, number>).filter(([, n]) => n > 0);
  return some.length === 0 ? 'none' : some.map(([what, n]) => `${n} ${what}`).join(', ');
}

function workSentence({ from, to }: Difference): string {
  if (from === null) return 'there is some now';
  return to === null ? 'there is none any more' : 'other files, or other contents';
}

function windowSentence(window: string, field: string | undefined, d: Difference): string {
  switch (field) {
    case undefined: {
      const { name, panes } = (d.kind === 'added' ? d.to : d.from) as TmuxWindow;
      const count = `${panes.length} pane${panes.length === 1 ? '' : 's'}`;
      return `${window}: ${d.kind === 'added' ? 'new' : 'gone'}, '${safe(name)}' with ${count}`;
    }
    case 'name':
      return `${window}: renamed ${change(d)}`;
    case 'layout':
      return `${window}: another layout`;
    case 'active':
    case 'zoomed':
      return `${window}: ${d.to === true ? '' : 'not '}${field}${d.to === true ? '' : ' any more'}`;
    default:
      return `${window}: ${NAMES[field] ?? field} ${change(d)}`;
  }
}

function paneSentence(pane: string, field: string | undefined, d: Difference): string {
  switch (field) {
    case undefined: {
      const { cwd, command } = (d.kind === 'added' ? d.to : d.from) as TmuxPane;
      const what = command === null ? 'a shell' : safeArgv(command);
      return `${pane}: ${d.kind === 'added' ? 'new' : 'gone'}, ${what} in ${shownPath(cwd)}`;
    }
    case 'command':
      return `${pane}: command ${argvText(d.from)} -> ${argvText(d.to)}`;
    case 'cwd':
      return `${pane}: directory ${shownPath(d.from as SnapshotPath)} -> ${shownPath(d.to as SnapshotPath)}`;
    case 'relaunch':
      return `${pane}: a restore does something else with it`;
    case 'active':
      return `${pane}: ${d.to === true ? 'active' : 'not active any more'}`;
    case 'agent':
      return `${pane}: agent ${agentText(d.from)} -> ${agentText(d.to)}`;
    case 'agent.conversation':
      return `${pane}: another conversation, ${change(d)}`;
    case 'geometry':
      return `${pane}: another size or place`;
    default:
      return `${pane}: ${NAMES[field] ?? field} ${change(d)}`;
  }
}

const NAMES: Readonly<Record<string, string>> = {
  'git.branch': 'branch',
  'git.detached': 'HEAD is detached',
  'git.upstream': 'upstream',
  'git.operation': 'operation in progress',
  'git.leftOut': 'files left out',
  'savedBy.name': 'saved by',
  'savedBy.email': 'email',
  'host.name': 'host',
  'host.tmux': 'tmux version',
  cwdDeleted: 'directory was deleted:',
  last: 'was active before:',
  start: 'started with',
  'agent.name': 'agent',
  remainOnExit: 'remain-on-exit',
  automaticRename: 'automatic rename:',
};

function agentText(value: unknown): string {
  return value === null ? 'none' : safe((value as NonNullable<TmuxPane['agent']>).name);
}

function argvText(value: unknown): string {
  return value === null ? 'a shell' : safeArgv(value as Text[]);
}

function short(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 12) : 'none';
}

function change({ from, to }: Difference): string {
  return `${valueText(from)} -> ${valueText(to)}`;
}

function valueText(value: unknown): string {
  if (value === null) return 'nothing';
  if (typeof value === 'string') return `'${safe(value)}'`;
  if (typeof value === 'object' && 'base64' in value) return `'${safe(value as Text)}'`;
  return safe(safeJson(value));
}
