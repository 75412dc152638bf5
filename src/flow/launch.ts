import { randomUUID } from 'node:crypto';
import { accessSync, constants, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  FileProblemError,
  InvalidNameError,
  ProgramMissingError,
  SessionExistsError,
  SessionFailedError,
} from '../session/errors.ts';
import { isSessionName } from '../session/names.ts';
import type { SessionConfig } from '../session/lifecycle.ts';
import { runName, type SessionRecord, slug, windowName } from '../session/live.ts';
import { invalidSetting, setting } from '../session/settings.ts';
import { fromText, toText, type Text } from '../session/text.ts';
import { isRunning } from '../process/identity.ts';
import { jobScript, outputScript, readJob, waitInDirectory } from '../process/job.ts';
import { isTerminal, sizeOf } from '../process/own-terminal.ts';
import { SessionRecords, type StoredRecord } from '../store/records.ts';
import { readCatalog } from '../store/sessions.ts';
import { rememberStart } from '../tmux/capture.ts';
import { quote, quoteExpanded, quoteTimed, statusValue } from '../tmux/syntax.ts';
import { tmuxEnvironment, tmuxFailure } from '../tmux/tmux.ts';
import { quotePosix } from '../trust/quote.ts';
import { historyFile, historyLines } from './history-save.ts';
import { recordStart } from './record-start.ts';
import type { Workspace } from './workspace.ts';

export interface LaunchSpec {
  kind: 'run' | 'create';
  /** Null: a name is made of context and identifier. */
  name: string | null;
  context: string;
  identifier: string;
  /** What runs; one word is a line for a shell. Null for the user's shell. */
  argv: Text[] | null;
  cwd: string;
  worktree: string | null;
  branch: string | null;
  metadata: Record<string, string>;
  ai: boolean;
  config?: SessionConfig;
  /** It is only made, and somebody starts it later: its state is `created`. */
  later?: boolean;
}

export interface Launched {
  stored: StoredRecord;
  /** `$1` */
  tmuxId: string;
  paneId: string;
  pid: number;
}

/** Milliseconds that tmux may take to start the script; a busy machine is slow. */
const START_TIMEOUT = 20_000;

/** Names in one second are told apart by a number behind the identifier. */
const ATTEMPTS = 1000;

/**
 * Makes a tmux session and its record. The record is there first: whatever is interrupted, nothing runs without one.
 * Everything of tmux is one command list, so there is no moment in which a short command could end unseen.
 */
export async function launch(ws: Workspace, spec: LaunchSpec): Promise<Launched> {
  check(spec);
  const shell = shellOf(ws);
  const records = new SessionRecords(ws.repo);
  // git answers while tmux works.
  const asked = readCatalog(ws.repo.git);
  asked.catch(() => undefined);
  for (let attempt = 1; ; attempt++) {
    const identifier = attempt === 1 ? spec.identifier : `${slug(spec.identifier, 30)}-${attempt}`;
    const at = new Date();
    const prefix = setting(ws.config, 'prefix', process.env);
    const name = spec.name ?? runName(prefix, spec.context, identifier, at);
    const stored = records.create({
      ...{ version: 1, id: randomUUID(), name, kind: spec.kind, context: spec.context },
      ...{ identifier: spec.identifier, argv: spec.argv, cwd: toText(Buffer.from(spec.cwd)) },
      worktree: spec.worktree === null ? null : toText(Buffer.from(spec.worktree)),
      ...{ branch: spec.branch, createdAt: at.toISOString(), metadata: spec.metadata, ai: spec.ai },
      historyLimit: setting(ws.config, 'historyLimit', process.env),
      ...(spec.config === undefined ? {} : { config: spec.config }),
    });
    let made: Omit<Launched, 'stored'> | null;
    try {
      made = await inTmux(
        ws,
        stored,
        shell,
        spec.kind === 'run',
        spec.later === true ? 'created' : 'running',
      );
    } catch (error) {
      records.remove(stored.record.id);
      throw error;
    }
    if (made !== null) {
      if (spec.later !== true) await recordStart(ws, stored, asked);
      return { stored, ...made };
    }
    records.remove(stored.record.id);
    if (spec.name !== null || attempt === ATTEMPTS) {
      throw new SessionExistsError(`tmux session '${name}' already exists`, [
        `attach to it: git session attach ${name}`,
        'or choose another name',
      ]);
    }
  }
}

/** What tmux would pass over in silence, or end without a word of why. */
function check(spec: LaunchSpec): void {
  if (spec.name !== null) requireTmuxName(spec.name);
  const found = statSync(spec.cwd, { throwIfNoEntry: false });
  if (found?.isDirectory() !== true) {
    throw new FileProblemError(`'${spec.cwd}' is not a directory`, ['name another one: -c <directory>']);
  }
  const [program, ...rest] = spec.argv ?? [];
  if (program !== undefined && rest.length > 0) {
    requireProgram(fromText(program), spec.cwd, tmuxEnvironment()['PATH'] ?? '', 'run');
  }
}

/** The shell of new sessions; null for tmux's own. tmux would refuse a bad one when the session is there already. */
function shellOf(ws: Workspace): string | null {
  const shell = setting(ws.config, 'defaultShell', process.env);
  if (shell === null || isProgram(shell)) return shell;
  throw invalidSetting('defaultShell', shell, 'not a program');
}

/** tmux changes `.` and `:` in a name without a word. */
export function requireTmuxName(name: string): void {
  if (isTmuxName(name)) return;
  const fixed = name
    .split('/')
    .map((part) => slug(part, 60))
    .filter((part) => part !== '')
    .join('/');
  throw new InvalidNameError(`'${name}' can't be the name of a live session`, [
    "use letters, digits, '_', '-', and '/' between them",
    ...(fixed === '' ? [] : [`for example: ${fixed}`]),
  ]);
}

/** A name that tmux keeps as it is, and finds as `=name:`. */
function isTmuxName(name: string): boolean {
  return isSessionName(name) && !name.includes('.');
}

/** A script would say so only when tmux has started it, and by an exit code that others have too. */
export function requireProgram(program: Buffer, cwd: string, searchPath: string, verb: string): void {
  const name = program.toString('latin1');
  const places = name.includes('/')
    ? [path.isAbsolute(name) ? program : Buffer.concat([Buffer.from(`${cwd}/`), program])]
    : searchPath
        .split(':')
        .map((place) => Buffer.concat([Buffer.from(`${path.resolve(cwd, place)}/`), program]));
  if (places.some(isProgram)) return;
  throw new ProgramMissingError(`cannot start '${program.toString('utf8')}': no such program`, [
    `a line for a shell is one argument: git session ${verb} "make && make test"`,
  ]);
}

function isProgram(file: string | Buffer): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Makes the tmux session of a record anew, with a shell in it; null where tmux has one of that name already. */
export function startShell(ws: Workspace, stored: StoredRecord): Promise<Omit<Launched, 'stored'> | null> {
  return inTmux(ws, stored, shellOf(ws), false);
}

/** Null where tmux has a session of that name already. */
async function inTmux(
  ws: Workspace,
  stored: StoredRecord,
  shell: string | null,
  runs: boolean,
  state: 'created' | 'running' = 'running',
): Promise<Omit<Launched, 'stored'> | null> {
  const { record, directory } = stored;
  const save = setting(ws.config, 'historyAutoSave', process.env);
  if (runs) {
    const file = save ? historyFile(ws.config, record) : null;
    if (file !== null) makeHistoryDirectory(path.dirname(file));
    const script = Buffer.from(runScript(ws, stored, shell, file), 'latin1');
    writeFileSync(path.join(directory, 'start'), script, { mode: 0o600 });
  }
  const input = commands(stored, shell, save, runs, state);
  const result = await ws.tmux.run(['start-server', ';', 'source-file', '-'], input);
  const [tmuxId = '', paneId = '', pid = ''] = result.stdout.toString('latin1').trim().split(/\s/u);
  if (result.code !== 0 || pid === '') {
    if (/^\$\d+$/u.test(tmuxId)) await ws.tmux.run(['kill-session', '-t', `${tmuxId}:`]);
    if (/^duplicate session/mu.test(result.stderr)) return null;
    throw tmuxFailure(result.stderr);
  }
  if (!setting(ws.config, 'keepAlive', process.env)) await endWithLastClient(ws, tmuxId);
  if (runs) await started(ws, stored, tmuxId, Number(pid));
  return { tmuxId, paneId, pid: Number(pid) };
}

function makeHistoryDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new FileProblemError(`cannot make the directory for histories: ${(error as Error).message}`, [
      'name another one: git config session.historySaveDir <directory>',
    ]);
  }
}

/** Nobody is told that a command was started before its script has said so. */
async function started(
  ws: Workspace,
  { directory }: StoredRecord,
  tmuxId: string,
  pid: number,
): Promise<void> {
  // In a window that is killed meanwhile, or with its server, it will never say so.
  const known = () => readJob(directory) !== null || !isRunning(pid) || null;
  await waitInDirectory(directory, known, { everyMs: 20, signal: AbortSignal.timeout(START_TIMEOUT) });
  if (readJob(directory) !== null) return;
  await ws.tmux.run(['kill-session', '-t', `${tmuxId}:`]);
  throw new SessionFailedError('tmux did not start the command', [
    'see what it says: tmux new-session /bin/sh',
  ]);
}

function runScript(ws: Workspace, stored: StoredRecord, shell: string | null, file: string | null): string {
  const { record, directory } = stored;
  const line = commandWords(record.argv!, shell);
  const tmux = latin(quotePosix([...ws.tmux.command, '-u']));
  return jobScript({
    directory: latin(quotePosix([directory])),
    command: latin(quotePosix(line)),
    piped: file !== null,
    after: historyLines({
      tmux,
      file: file === null ? null : latin(quotePosix([file])),
      cleanUp: setting(ws.config, 'autoCleanupCompleted', process.env),
    }),
  });
}

/** One word is a line for a shell, several are the program and its arguments. */
export function commandWords(argv: readonly Text[], shell: string | null): readonly Text[] {
  return argv.length > 1 ? argv : [shell ?? process.env['SHELL'] ?? '/bin/sh', '-c', argv[0]!];
}

/** The script holds whatever bytes the arguments have: it is put together, and written, byte by byte. */
export function latin(bytes: Buffer): string {
  return bytes.toString('latin1');
}

/**
 * The first window is only there so that the session's history limit counts for the second, which takes its place:
 * a pane's limit is fixed when it is made.
 *
 * Only a tame name can be a target: tmux reads `=$0:` as the id of some other session, and keeps `a\b` in another
 * spelling. Where one that was adopted has such a name, it gets it last. Two tmux calls, the second with the id, would
 * not do: between them `destroy-unattached` ends the session, and nobody can tell whose it is.
 */
function commands(
  stored: StoredRecord,
  shell: string | null,
  save: boolean,
  runs: boolean,
  state: string,
): string {
  const { record, directory } = stored;
  const name = isTmuxName(record.name) ? record.name : `gs-${record.id}`;
  const at = quote(`=${name}:`);
  const { columns, rows } = sizeOf('stdout');
  const size = isTerminal('stdout') && columns > 0 ? `-x ${columns} -y ${rows}` : '';
  const env = environment(record).map(([key, value]) => `-e ${quote(`${key}=${value}`)}`);
  const cwd = quoteExpanded(fromText(record.cwd));
  // A window of that name would be called after the script's shell otherwise, as those of all runs. Named, it keeps it.
  const called = runs ? `-n ${quoteExpanded(statusValue(windowName(record)))}` : '';
  const program = runs
    ? ['--', '/bin/sh', quote(path.join(directory, 'start'))]
    : shell === null
      ? []
      : ['--', quote(shell), '-l'];
  const options: [string, string][] = [
    ['@git-session-id', record.id],
    ['@git-session-name', statusValue(record.name)],
    ['@git-session-identifier', record.identifier],
    ['@git-session-state', state],
  ];
  const list = [
    `new-session -d -P -F "#{session_id}" -s ${quote(name)} ${size} -c ${cwd} ${env.join(' ')} -- /bin/sh -c "read x"`,
    ...options.map(([key, value]) => `set-option -t ${at} ${key} ${quote(value)}`),
    // Whatever the user's own sessions do when nobody looks at them.
    `set-option -t ${at} destroy-unattached off`,
    `set-option -t ${at} history-limit ${record.historyLimit}`,
    ...(shell === null
      ? []
      : [
          `set-option -t ${at} default-command ${quote('')}`,
          `set-option -t ${at} default-shell ${quote(shell)}`,
        ]),
    `new-window -k -P -F "#{pane_id} #{pane_pid}" ${called} -t ${quote(`=${name}:^`)} -c ${cwd} ${program.join(' ')}`,
  ];
  if (runs) {
    list.push(`set-option -p -t ${at} remain-on-exit on`);
    // With anything else here, the output scrolls away at the end. tmux 3.2 does not know the option.
    list.push(`set-option -p -q -t ${at} remain-on-exit-format ${quote('')}`);
    // What a save is to hold: the command, and not the script around it.
    const words = (record.argv ?? []).map((word) => fromText(word));
    list.push(`set-option -p -t ${at} @git-session-start ${quote(rememberStart(words))}`);
    const output = Buffer.from(outputScript(latin(quotePosix([directory]))), 'latin1');
    if (save) list.push(`pipe-pane -t ${at} ${quoteTimed(output)}`);
  }
  if (name === record.name) return `${list.join(' ; ')}\n`;
  list.push(`rename-session -t ${at} -- ${quoteExpanded(record.name)}`);
  // A line of its own, which runs where the one before has failed. Nobody sees a second session with this id.
  const remove = `if-shell -F -t ${at} "#{==:#{session_name},${name}}" ${quote(`kill-session -t ${at}`)}`;
  return `${list.join(' ; ')}\n${remove}\n`;
}

/**
 * The session ends with its last client. Not by `destroy-unattached`: tmux 3.3a frees such a session under another
 * client that leaves in the same moment, and dies.
 */
async function endWithLastClient(ws: Workspace, tmuxId: string): Promise<void> {
  const leave = `if-shell -F -t ${tmuxId}: "#{session_attached}" "" "kill-session -t ${tmuxId}"`;
  await ws.tmux.ok(['set-hook', '-t', tmuxId, 'client-detached', leave]);
}

/** The caller's PATH: a server that was started elsewhere has another one. */
function environment(record: SessionRecord): [string, string][] {
  const path = tmuxEnvironment()['PATH'];
  return [
    ...(path === undefined ? [] : [['PATH', path] as [string, string]]),
    ['GIT_SESSION_ID', record.id],
    ['GIT_SESSION_NAME', record.name],
  ];
}
