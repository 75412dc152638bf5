import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { FileProblemError, LimitError, SessionFailedError } from '../session/errors.ts';
import { setting } from '../session/settings.ts';
import { fromText, type Text, toText } from '../session/text.ts';
import { exactArguments } from '../process/arguments.ts';
import { isRunning } from '../process/identity.ts';
import { jobScript, readJob, waitInDirectory, writeKilled } from '../process/job.ts';
import { rememberStart } from '../tmux/capture.ts';
import { quote, quoteExpanded } from '../tmux/syntax.ts';
import { tmuxFailure } from '../tmux/tmux.ts';
import { quotePosix } from '../trust/quote.ts';
import { durationOf, newJob, pruneCommands } from './command-log.ts';
import { type Ending, Follower } from './exec-follow.ts';
import { Input } from './exec-input.ts';
import { Stopper } from './exec-stop.ts';
import { commandWords, latin, requireProgram } from './launch.ts';
import { noteCommand } from './log-end.ts';
import { reachSession, type Reached } from './one-session.ts';
import { warnings } from './warnings.ts';
import { openWorkspace, requireEnabled, type Workspace } from './workspace.ts';

export interface ExecOptions {
  session: string;
  /** One word is a line for a shell. */
  argv: readonly string[];
  cwd: string | null;
  timeoutMs: number | null;
  /** Print the output as it comes; else it is in the result. */
  copy: boolean;
  /** Gets what a person should know of how the session was reached. */
  note: (text: string) => void;
}

export interface Executed {
  exitCode: number;
  stdout: Text;
  stderr: Text;
  durationMs: number | null;
  timedOut: boolean;
  session: { id: string; name: string };
}

/** As the `timeout` of coreutils. */
export const TIMED_OUT = 124;
/** A reader that went away: as a death by SIGPIPE. */
const READER_GONE = 141;
const START_TIMEOUT = 20_000;
const MAX_TEXT = 128 * 1024 * 1024;

interface Pane {
  id: string;
  pid: number;
  serverPid: string;
}

/** Runs a command in a session, in a window of its own that nobody needs to see, and follows it to its end. */
export async function exec(options: ExecOptions): Promise<Executed> {
  const ws = await openWorkspace();
  requireEnabled(ws.config);
  const reached = await reachSession(ws, options.session, path.resolve('.'), options.note);
  const { stored, tmuxId } = reached;
  const cwd = directoryFor(reached, options.cwd);
  const argv = exactArguments(options.argv);
  const [program] = argv;
  if (argv.length > 1) {
    requireProgram(fromText(program!), cwd.toString('utf8'), await searchPath(ws, tmuxId), 'exec <session>');
  }
  const directory = newJob(stored, argv, toText(cwd));
  const stopper = new Stopper(directory);
  const input = Input.open(directory);
  let pane: Pane | null = null;
  try {
    writeScript(ws, directory, argv, input !== null);
    pane = await openWindow(ws, reached, directory, cwd, argv);
    const { pid } = pane;
    const started = () => readJob(directory) !== null || !isRunning(pid) || null;
    await waitInDirectory(directory, started, { everyMs: 20, signal: AbortSignal.timeout(START_TIMEOUT) });
    if (readJob(directory) === null) throw notStarted();
    input?.start();
    stopper.start(options.timeoutMs);
    const ending = await follow(directory, pane, options.copy, stopper);
    const job = ending.how === 'exited' ? ending.job : null;
    const durationMs = job === null ? null : durationOf(job);
    const { timedOut } = stopper;
    const problem = await noteCommand(ws, stored, {
      ...{ argv, durationMs, timedOut, exitCode: ending.how === 'exited' ? ending.code : null },
    });
    if (problem !== null) warnings.tell(problem);
    return {
      exitCode: exitCode(ending, stopper, stored.record.name),
      ...(options.copy ? { stdout: '', stderr: '' } : outputOf(directory)),
      durationMs,
      timedOut: stopper.timedOut,
      session: { id: stored.record.id, name: stored.record.name },
    };
  } finally {
    input?.stop();
    if (pane !== null) await closePane(ws, pane);
    pruneCommands(stored);
    // Until here a late Ctrl-C leaves no window behind.
    stopper.close();
  }
}

async function follow(directory: string, pane: Pane, copy: boolean, stopper: Stopper): Promise<Ending> {
  const followed = {
    ...{ directory, copy, panePid: pane.pid, serverPid: Number(pane.serverPid) },
    hungUp: () => stopper.end('SIGHUP', 'signal'),
  };
  let problem: NodeJS.ErrnoException | null = null;
  let ending: Ending | null = null;
  try {
    ending = await new Follower(followed).run();
  } catch (error) {
    problem = error as NodeJS.ErrnoException;
  }
  if (problem !== null) {
    // Nobody can see any more what it prints.
    stopper.end(problem.code === 'EPIPE' ? 'SIGPIPE' : 'SIGTERM', 'signal');
    ending = await new Follower({ ...followed, copy: false }).run();
  }
  if (ending!.how === 'lost' && stopper.killed) {
    const job = readJob(directory)!;
    writeKilled(directory, job);
    ending = { how: 'exited', code: 137, job: readJob(directory)! };
  }
  if (problem !== null && problem.code !== 'EPIPE') {
    throw new FileProblemError(`cannot write the output: ${problem.message}`);
  }
  return problem !== null && ending!.how === 'exited' ? { ...ending!, code: READER_GONE } : ending!;
}

function exitCode(ending: Ending, { timedOut }: Stopper, name: string): number {
  if (ending.how === 'exited') return timedOut ? TIMED_OUT : ending.code;
  if (ending.how === 'never') throw notStarted();
  throw new SessionFailedError(
    ending.how === 'hangup'
      ? `the tmux session '${name}' went away while the command ran`
      : 'the command is gone and left no exit status',
    [`see what there is of it: git session log ${name}`],
  );
}

function notStarted(): SessionFailedError {
  return new SessionFailedError('tmux did not start the command', [
    'see what it says: tmux new-window /bin/sh',
  ]);
}

/** Where the command runs: as said, where the active pane is, or where the session began. */
function directoryFor({ stored, view }: Reached, wanted: string | null): Buffer {
  const places =
    wanted === null
      ? [view?.tmux?.pane.path, fromText(stored.record.cwd)]
      : [Buffer.from(path.resolve(wanted))];
  const found = places.find((place) => place !== undefined && place.length > 0 && isDirectory(place));
  if (found !== undefined) return found;
  throw new FileProblemError(
    `'${wanted ?? fromText(stored.record.cwd).toString('utf8')}' is not a directory`,
    ['name another one: -c <directory>'],
  );
}

function isDirectory(place: Buffer): boolean {
  try {
    return statSync(place).isDirectory();
  } catch {
    return false;
  }
}

/** The PATH of the session's processes, which need not be ours. */
async function searchPath(ws: Workspace, tmuxId: string): Promise<string> {
  const ask = ['show-environment', '-g', 'PATH', ';', 'show-environment', '-t', `${tmuxId}:`, 'PATH'];
  const { stdout } = await ws.tmux.run(ask);
  const lines = stdout.toString('utf8').split('\n');
  return lines.findLast((line) => line.startsWith('PATH='))?.slice(5) ?? '';
}

function writeScript(ws: Workspace, directory: string, argv: readonly Text[], hasInput: boolean): void {
  const shell = setting(ws.config, 'defaultShell', process.env);
  const script = jobScript({
    directory: latin(quotePosix([directory])),
    command: latin(quotePosix(commandWords(argv, shell))),
    ...{ after: [], captured: hasInput ? 'stdin' : 'nothing' },
  });
  writeFileSync(path.join(directory, 'start'), Buffer.from(script, 'latin1'), { mode: 0o600 });
}

async function openWindow(
  ws: Workspace,
  { stored, tmuxId }: Reached,
  directory: string,
  cwd: Buffer,
  argv: readonly Text[],
): Promise<Pane> {
  const { id, name } = stored.record;
  const env = [`GIT_SESSION_ID=${id}`, `GIT_SESSION_NAME=${name}`].map((pair) => `-e ${quote(pair)}`);
  const command = [
    `new-window -d -P -F "#{pane_id} #{pane_pid} #{pid}" -t ${quote(`${tmuxId}:`)} -n exec`,
    `-c ${quoteExpanded(cwd)} ${env.join(' ')} -- /bin/sh ${quote(path.join(directory, 'start'))}`,
  ].join(' ');
  const result = await ws.tmux.run(['source-file', '-'], `${command}\n`);
  const [pane = '', pid = '', serverPid = ''] = result.stdout.toString('latin1').trim().split(' ');
  if (result.code !== 0 || !/^%\d+$/u.test(pane)) throw tmuxFailure(result.stderr);
  // Whatever the user's windows do at their end, this one goes. A save is to hold the command, not the script.
  const words = quote(rememberStart(argv.map((word) => fromText(word))));
  const options = [
    `set-option -w -t ${pane} remain-on-exit off`,
    `set-option -p -t ${pane} @git-session-start ${words}`,
  ];
  await ws.tmux.run(['source-file', '-'], `${options.join('\n')}\n`);
  return { id: pane, pid: Number(pid), serverPid };
}

/** It goes by itself, but for the moment in which its options were not set; a later server may use its id again. */
async function closePane(ws: Workspace, { id, serverPid }: Pane): Promise<void> {
  await ws.tmux.run(['if-shell', '-F', '-t', id, `#{==:#{pid},${serverPid}}`, `kill-pane -t ${id}`]);
}

function outputOf(directory: string): { stdout: Text; stderr: Text } {
  const read = (name: string): Text => {
    const file = path.join(directory, name);
    if (statSync(file).size > MAX_TEXT) {
      throw new LimitError(`the output is too long for one document: it is in ${file}`);
    }
    return toText(readFileSync(file));
  };
  return { stdout: read('stdout'), stderr: read('stderr') };
}
