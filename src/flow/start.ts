import type { RestorePlan } from '../session/plan.ts';
import type { Text } from '../session/text.ts';
import { waitReady, type ReadyShell } from '../process/shell-ready.ts';
import type { BuiltSession } from '../tmux/build.ts';
import { typeCommands } from '../tmux/build.ts';
import type { ControlClient } from '../tmux/control.ts';
import { isTypeable, launchFile, quoteFor, quotePosix, sourceLine } from '../trust/quote.ts';
import type { RunDirectory } from './run-directory.ts';

/** Milliseconds that a shell may take until its first prompt. */
const PROMPT_TIMEOUT = 20_000;

/** A session whose structure stands; what could be started is written back to it. */
export interface Starting {
  plan: RestorePlan;
  built: BuiltSession | null;
  started: number;
  problems: string[];
}

interface Typing {
  paneId: string;
  panePid: number;
  tty: string;
  previousShell?: number;
  label: string;
  session: Starting;
  lines: { argv: Text[]; enter: boolean }[];
}

const WHY = {
  timeout: 'the shell did not come to its prompt',
  gone: 'the shell ended',
  aborted: 'interrupted',
};

/**
 * Types the approved commands, each into a shell that reads its next line, so that they are the shell's
 * own jobs. Only lines that our own quoter made are typed; what can't be typed goes through a file.
 */
export async function startCommands(
  client: ControlClient,
  sessions: Starting[],
  run: RunDirectory,
): Promise<void> {
  const waiting = await asTheyAre(client, sessions.flatMap(toType));
  let sent: Promise<unknown> = Promise.resolve();
  const failed = await waitReady(waiting, {
    timeoutMs: PROMPT_TIMEOUT,
    onReady: (pane, shell) => {
      const [line, ...rest] = pane.lines;
      if (line === undefined) return undefined;
      const commands = typeCommands(pane.paneId, typedLine(line.argv, shell, run), line.enter);
      sent = Promise.all([sent, client.send(commands)]);
      if (line.enter) pane.session.started++;
      return rest.length === 0 ? undefined : { ...pane, lines: rest, previousShell: shell.pid };
    },
  });
  await sent;
  for (const { pane, reason } of failed) {
    pane.session.problems.push(`pane ${pane.label}: ${WHY[reason]}; command not started`);
  }
}

function toType(session: Starting): Typing[] {
  return session.plan.windows.flatMap((w) =>
    w.panes.flatMap((p, i) => {
      const pane = session.built?.panes.get(w.index)?.[i];
      if (p.start !== null) session.started++;
      const lines = p.steps.map((argv) => ({ argv, enter: true }));
      if (p.prefill !== null) lines.push({ argv: p.prefill, enter: false });
      if (pane === undefined || lines.length === 0) return [];
      const label = `${w.index}.${p.pane}`;
      return [{ paneId: pane.id, panePid: pane.pid, tty: pane.tty, label, session, lines }];
    }),
  );
}

/** A respawned pane has another process and another terminal than when it was made. */
async function asTheyAre(client: ControlClient, panes: Typing[]): Promise<Typing[]> {
  if (panes.length === 0) return [];
  const [out] = await client.run(['list-panes -a -F "#{pane_id} #{pane_pid} #{pane_tty}"']);
  const now = new Map(
    (out ?? []).map((l) => [l.toString('latin1').split(' ')[0], l.toString('latin1').split(' ')]),
  );
  return panes.map((p) => {
    const [, pid = String(p.panePid), tty = p.tty] = now.get(p.paneId) ?? [];
    return { ...p, panePid: Number(pid), tty };
  });
}

function typedLine(argv: Text[], shell: ReadyShell, run: RunDirectory): string {
  if (shell.kind !== 'other') {
    const line = quoteFor(shell.kind, argv);
    if (isTypeable(line)) return line.toString('latin1');
  }
  // A shell of another family runs the file with sh: the command is one job of it all the same.
  const kind = shell.kind === 'fish' ? 'fish' : 'posix';
  const file = run.reserve('cmd');
  run.fill(file, launchFile(argv, kind, file));
  const line =
    shell.kind === 'other' ? Buffer.concat([Buffer.from('sh '), quotePosix([file])]) : sourceLine(file, kind);
  return line.toString('latin1');
}
