import type { ControlClient } from './control.ts';
import { rememberStart } from './capture.ts';
import { quote, quoteExpanded } from './syntax.ts';

/** What a pane is started with; null for the user's default shell. */
export interface BuildPane {
  cwd: Buffer;
  title: Buffer;
  start: Buffer[] | null;
  /** A file with text that the pane shows before anything runs in it; the pane removes it. */
  prelude: string | null;
  active: boolean;
  last: boolean;
  remainOnExit: 'on' | 'off' | 'failed';
  synchronized: boolean;
}

export interface BuildWindow {
  index: number;
  name: Buffer;
  width: number;
  height: number;
  /** Our own serialization of a checked layout, never a foreign string. */
  layout: string;
  zoomed: boolean;
  automaticRename: boolean;
  /** In pane order, as many as the layout has cells. */
  panes: BuildPane[];
}

/** How many lines of history a pane keeps. */
export interface HistoryLimit {
  lines: number;
  /** tmux's own limit counts where it is larger. */
  orMore: boolean;
}

export interface BuildSession {
  /** Generated, free of anything that tmux could read as something else. */
  temporaryName: string;
  name: Buffer;
  environment: [string, Buffer][];
  historyLimit: HistoryLimit;
  cwd: Buffer;
  activeWindow: number;
  lastWindow: number | null;
  windows: BuildWindow[];
  /** The other members of the session's group. */
  members: { temporaryName: string; name: Buffer; activeWindow: number; lastWindow: number | null }[];
  /** User options (names begin with `@`), set on each member. Values are not expanded. */
  options: [string, string][];
  /** A label of harmless characters that is put before the user's own status-right; '' for none. */
  statusLabel: string;
}

export interface BuiltPane {
  /** `%1` */
  id: string;
  pid: number;
  tty: string;
}

export interface BuiltSession {
  /** `$1` */
  id: string;
  /** Per window index, the panes in pane order. */
  panes: Map<number, BuiltPane[]>;
}

export const BUILDING = '@git-session-building';
/** What the names of unfinished sessions begin with; the pid of the process that builds them follows. */
export const TEMPORARY = 'git-session-restore-';

/** Narrower, and a row of new panes of two columns each does not fit. */
function neededWidth(panes: number): number {
  return panes * 4 + 2;
}

/**
 * Structure, with empty panes where something else than the default shell runs; layout; then the
 * programs, at their final size. Nothing here is ever a name that tmux may match by prefix.
 */
export async function buildStructure(
  client: ControlClient,
  session: BuildSession,
  owner: string,
  shell: string,
): Promise<BuiltSession> {
  const s = `=${session.temporaryName}`;
  const target = quote(`${s}:`);
  const first = session.windows[0]!;
  const env = session.environment.map(([name, value]) =>
    quote(Buffer.concat([Buffer.from(`${name}=`), value])),
  );
  const [created] = await client.run([
    [
      `new-session -d -E -P -F ${quote('#{session_id} #{window_index}')} -s ${quote(session.temporaryName)}`,
      `-x ${first.width} -y ${first.height} -c ${quoteExpanded(session.cwd)}`,
      ...env.map((e) => `-e ${e}`),
      '-- /bin/sh -c "read x"',
    ].join(' '),
    `set-option -t ${target} ${BUILDING} ${quote(owner)}`,
    `set-option -t ${target} renumber-windows off`,
    // A pane's limit is fixed when it is made.
    limitHistory(target, session.historyLimit),
  ]);
  const [sessionId = '', placeholder = '0'] = (created?.[0]?.toString('latin1') ?? '').split(' ');
  // The placeholder window leaves the way as soon as there is another one.
  const taken = new Set([Number(placeholder), ...session.windows.map((w) => w.index)]);
  let parking = 0;
  while (taken.has(parking)) parking++;
  await client.run([`move-window -d -s ${quote(`${s}:${placeholder}`)} -t ${quote(`${s}:${parking}`)}`]);
  await client.run(session.windows.flatMap((w) => windowCommands(session, w)));
  const ids = await client.run([
    `kill-window -t ${quote(`${s}:${parking}`)}`,
    `list-panes -s -t ${target} -F ${quote('#{window_index} #{pane_id} #{pane_pid} #{pane_tty}')}`,
  ]);
  const panesOf: BuiltSession['panes'] = new Map();
  for (const line of ids[1] ?? []) {
    const [window = '', id = '', pid = '', tty = ''] = line.toString('latin1').split(' ');
    const panes = panesOf.get(Number(window)) ?? [];
    panes.push({ id, pid: Number(pid), tty });
    panesOf.set(Number(window), panes);
  }
  await client.run(session.windows.flatMap((w) => programCommands(w, panesOf.get(w.index) ?? [], shell)));
  return { id: sessionId, panes: panesOf };
}

function limitHistory(target: string, { lines, orMore }: HistoryLimit): string {
  const larger = `#{?#{e|<|:${lines},#{history-limit}},#{history-limit},${lines}}`;
  return `set-option -F -t ${target} history-limit ${orMore ? quote(larger) : lines}`;
}

function windowCommands(session: BuildSession, w: BuildWindow): string[] {
  const t = quote(`=${session.temporaryName}:${w.index}`);
  const target = quote(`=${session.temporaryName}:`);
  const [pane0, ...others] = w.panes;
  const commands = [
    `set-option -t ${target} default-size ${w.width}x${w.height}`,
    `new-window -d -t ${t} -c ${quoteExpanded(pane0!.cwd)}${startsEmpty(pane0!) ? ' -- /bin/sh -c "read x"' : ''}`,
  ];
  const tooNarrow = others.length > 0 && w.width < neededWidth(w.panes.length);
  if (tooNarrow) commands.push(`resize-window -t ${t} -x ${neededWidth(w.panes.length)} -y ${w.height}`);
  // With -d each new pane lands right behind pane 0, so the last one is made first.
  for (const pane of others.toReversed()) {
    commands.push(
      `split-window -d -h -l 2 -t ${t} -c ${quoteExpanded(pane.cwd)}${startsEmpty(pane) ? ' ""' : ''}`,
    );
  }
  // While the size is set by hand, a layout is scaled to it; without, the window takes the layout's size.
  if (tooNarrow) commands.push(`set-option -w -u -t ${t} window-size`);
  if (others.length > 0) commands.push(`select-layout -t ${t} ${quote(w.layout)}`);
  return commands;
}

function startsEmpty(pane: BuildPane): boolean {
  return pane.start !== null || pane.prelude !== null;
}

/** Shows a file, removes it, and becomes the program. Arguments only, nothing is read as shell code. */
const PRELUDE = 'cat -- "$1"; rm -f -- "$1"; shift; exec "$@"';

function programCommands(w: BuildWindow, built: BuiltPane[], shell: string): string[] {
  return w.panes.flatMap((pane, i) => {
    const id = built[i]?.id;
    if (id === undefined) return [];
    const t = quote(id);
    const commands = [`select-pane -t ${t} -T ${quoteExpanded(pane.title)}`];
    if (!startsEmpty(pane)) return commands;
    // A program that ends at once would take its window along, and the last one the server.
    commands.push(`set-option -p -t ${t} remain-on-exit on`);
    if (pane.prelude !== null) {
      commands.push(`set-option -p -t ${t} @git-session-start ${quote(rememberStart(pane.start))}`);
    }
    const words = programWords(pane, shell).map((word) => quote(word));
    commands.push(`respawn-pane -k -t ${t} -c ${quoteExpanded(pane.cwd)} -- ${words.join(' ')}`);
    return commands;
  });
}

function programWords(pane: BuildPane, shell: string): (Buffer | string)[] {
  const program = pane.start === null ? [shell, '-l'] : pane.start.length > 1 ? pane.start : null;
  if (pane.prelude !== null) {
    const words = program ?? [shell, '-c', pane.start![0]!];
    return ['/bin/sh', '-c', PRELUDE, 'git-session', pane.prelude, ...words];
  }
  // One word: tmux gives it to the user's shell, as it did when the pane was first made.
  return program ?? [pane.start![0]!];
}

/** Names, the active and last panes and windows, zoom, groups, options: all but the publishing. */
export function finishCommands(
  session: BuildSession,
  built: BuiltSession,
  globals: Globals,
  owner: string,
): string[] {
  const target = quote(`=${session.temporaryName}:`);
  const commands: string[] = [];
  for (const w of session.windows) {
    const t = quote(`=${session.temporaryName}:${w.index}`);
    commands.push(`rename-window -t ${t} -- ${quoteExpanded(w.name)}`);
    if (w.automaticRename) {
      if (globals.automaticRename) commands.push(`set-option -w -u -t ${t} automatic-rename`);
      else commands.push(`set-option -w -t ${t} automatic-rename on`);
    }
    const panes = built.panes.get(w.index) ?? [];
    for (const key of ['last', 'active'] as const) {
      const at = w.panes.findIndex((p) => p[key]);
      if (at >= 0 && panes[at] !== undefined) commands.push(`select-pane -t ${quote(panes[at].id)}`);
    }
    if (w.zoomed) {
      const at = Math.max(
        0,
        w.panes.findIndex((p) => p.active),
      );
      if (panes[at] !== undefined) commands.push(`resize-pane -Z -t ${quote(panes[at].id)}`);
    }
  }
  for (const m of session.members) {
    commands.push(
      `new-session -d -E -t ${target} -s ${quote(m.temporaryName)}`,
      `set-option -t ${quote(`=${m.temporaryName}:`)} ${BUILDING} ${quote(owner)}`,
      limitHistory(quote(`=${m.temporaryName}:`), session.historyLimit),
    );
  }
  for (const m of [session, ...session.members]) {
    const t = quote(`=${m.temporaryName}:`);
    for (const index of [m.lastWindow, m.activeWindow]) {
      if (index !== null) commands.push(`select-window -t ${quote(`=${m.temporaryName}:${index}`)}`);
    }
    for (const [name, value] of session.options) commands.push(`set-option -t ${t} ${name} ${quote(value)}`);
    if (session.statusLabel !== '') {
      commands.push(
        `set-option -t ${t} status-right ${quote(`${session.statusLabel} ${globals.statusRight}`)}`,
      );
    }
    commands.push(`set-option -u -t ${t} default-size`, `set-option -u -t ${t} renumber-windows`);
  }
  return commands;
}

/**
 * What must wait until the commands are typed: synchronized panes would all get them, and a program that
 * ended meanwhile should still be seen.
 */
export function lateCommands(session: BuildSession, built: BuiltSession): string[] {
  return session.windows.flatMap((w) =>
    w.panes.flatMap((p, i) => {
      const id = built.panes.get(w.index)?.[i]?.id;
      if (id === undefined) return [];
      const set = (option: string, value: string) => `set-option -p -t ${quote(id)} ${option} ${value}`;
      return [
        ...(p.synchronized ? [set('synchronize-panes', 'on')] : []),
        ...(startsEmpty(p) ? [`set-option -p -u -t ${quote(id)} remain-on-exit`] : []),
        ...(p.remainOnExit === 'off' ? [] : [set('remain-on-exit', p.remainOnExit)]),
      ];
    }),
  );
}

/**
 * Gives the session its name and then takes the marker away; both go out at once. False where the name
 * was taken meanwhile: the session then still has its temporary name, by which it is known as unfinished.
 */
export async function publish(
  client: ControlClient,
  built: string,
  name: Buffer,
  replaced: Replaced | null = null,
): Promise<boolean> {
  const t = quote(built);
  if (replaced !== null) return exchange(client, t, name, replaced);
  const [renamed] = await client.send([
    `rename-session -t ${t} -- ${quoteExpanded(name)}`,
    `set-option -u -t ${t} ${BUILDING}`,
  ]);
  return renamed?.ok === true;
}

/** A session that another one takes the place of. */
export interface Replaced {
  id: string;
  /** Its name from then on: that of an unfinished session, and who is to remove it. */
  aside: string;
  owner: string;
}

/**
 * All of it goes out at once. Whoever dies behind it leaves the new session finished, and the old one as one that the
 * next restore removes.
 */
async function exchange(
  client: ControlClient,
  t: string,
  name: Buffer,
  { id, aside, owner }: Replaced,
): Promise<boolean> {
  const old = quote(id);
  const [, moved, renamed] = await client.send([
    `set-option -t ${old} ${BUILDING} ${quote(owner)}`,
    `rename-session -t ${old} -- ${quote(aside)}`,
    `rename-session -t ${t} -- ${quoteExpanded(name)}`,
    // Finished where it has its name: who dies before the answer comes must not leave it hidden.
    `set-option -F -t ${t} ${BUILDING} ${quote(`#{?#{m:git-session-*,#{session_name}},#{${BUILDING}},}`)}`,
  ]);
  if (moved?.ok === true && renamed?.ok === true) {
    await client.send([`set-option -u -t ${t} ${BUILDING}`]);
    return true;
  }
  await client.send([
    ...(moved?.ok === true ? [`rename-session -t ${old} -- ${quoteExpanded(name)}`] : []),
    `set-option -u -t ${old} ${BUILDING}`,
  ]);
  return false;
}

/** Ids of live sessions by temporary name. */
export async function sessionIds(client: ControlClient): Promise<Map<string, string>> {
  const [out] = await client.run([`list-sessions -F ${quote('#{session_id} #{session_name}')}`]);
  return new Map(
    (out ?? []).map((line) => {
      const text = line.toString('latin1');
      return [text.slice(text.indexOf(' ') + 1), text.slice(0, text.indexOf(' '))];
    }),
  );
}

/** Types one line that `trust` found typeable, and with `enter` runs it. */
export function typeCommands(paneId: string, line: string, enter: boolean): string[] {
  const t = quote(paneId);
  const typed = `send-keys -l -t ${t} -- ${quote(line)}`;
  return enter ? [typed, `send-keys -t ${t} Enter`] : [typed];
}

export interface Globals {
  automaticRename: boolean;
  statusRight: string;
  /** The shell of new panes (`default-shell`). */
  shell: string;
  serverPid: number;
}

/** What restore needs to know of the server's own configuration. */
export async function readGlobals(client: ControlClient): Promise<Globals> {
  const [rename, right, shell, pid] = await client.run([
    'show-options -gwv automatic-rename',
    'show-options -gv status-right',
    'show-options -gv default-shell',
    `display-message -p ${quote('#{pid}')}`,
  ]);
  const value = (lines: Buffer[] | undefined) => Buffer.concat(lines ?? []).toString('utf8');
  return {
    automaticRename: value(rename) === 'on',
    statusRight: value(right),
    shell: value(shell),
    serverPid: Number(value(pid)),
  };
}

/** Removes sessions that are not finished. A zoomed window is unzoomed first: tmux 3.4 dies of it otherwise. */
export async function discard(client: ControlClient, sessions: string[]): Promise<void> {
  for (const id of sessions) {
    const t = quote(id);
    const [reply] = await client.send([
      `list-windows -t ${t} -F ${quote('#{window_zoomed_flag} #{window_id}')}`,
    ]);
    const zoomed = (reply?.ok === true ? reply.lines : [])
      .map((l) => l.toString('latin1'))
      .filter((l) => l.startsWith('1 '))
      .map((l) => `resize-pane -Z -t ${quote(l.slice(2))}`);
    await client.send([...zoomed, `kill-session -t ${t}`]);
  }
}
