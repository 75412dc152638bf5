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

interface Typing {
  paneId: string;
  panePid: number;
  tty: string;
  previousShell?: number;
  label: string;
  lines: { argv: Text[]; enter: boolean }[];
}

/**
 * Types the approved commands, each into a shell that reads its next line, so that they are the shell's
 * own jobs. Only lines that our own quoter made are typed; what can't be typed goes through a file.
 */
export async function startCommands(
  client: ControlClient,
  plan: RestorePlan,
  built: BuiltSession,
  run: RunDirectory,
): Promise<{ started: number; problems: string[] }> {
  const waiting: Typing[] = [];
  let started = 0;
  for (const w of plan.windows) {
    w.panes.forEach((p, i) => {
      const pane = built.panes.get(w.index)?.[i];
      if (p.start !== null) started++;
      const lines = p.steps.map((argv) => ({ argv, enter: true }));
      if (p.prefill !== null) lines.push({ argv: p.prefill, enter: false });
      if (pane === undefined || lines.length === 0) return;
      waiting.push({
        ...{ paneId: pane.id, panePid: pane.pid, tty: pane.tty },
        ...{ label: `${w.index}.${p.pane}`, lines },
      });
    });
  }
  if (waiting.length === 0) return { started, problems: [] };
  const fresh = await currentPids(client, waiting);
  let sent: Promise<unknown> = Promise.resolve();
  const failed = await waitReady(fresh, {
    timeoutMs: PROMPT_TIMEOUT,
    onReady: (pane, shell) => {
      const [line, ...rest] = pane.lines;
      if (line === undefined) return undefined;
      const commands = typeCommands(pane.paneId, typedLine(line.argv, shell, run), line.enter);
      sent = sent.then(() => client.send(commands));
      if (line.enter) started++;
      return rest.length === 0 ? undefined : { ...pane, lines: rest, previousShell: shell.pid };
    },
  });
  await sent;
  const why = { timeout: 'the shell did not come to its prompt', gone: 'the shell ended', aborted: 'interrupted' };
  return {
    started,
    problems: failed.map(({ pane, reason }) => `pane ${pane.label}: ${why[reason]}; command not started`),
  };
}

/** A respawned pane has another process than when it was made. */
async function currentPids(client: ControlClient, panes: Typing[]): Promise<Typing[]> {
  const [out] = await client.run(['list-panes -a -F "#{pane_id} #{pane_pid}"']);
  const pids = new Map((out ?? []).map((l) => l.toString('latin1').split(' ') as [string, string]));
  return panes.map((p) => ({ ...p, panePid: Number(pids.get(p.paneId) ?? p.panePid) }));
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
  const line = shell.kind === 'other' ? Buffer.concat([Buffer.from('sh '), quotePosix([file])]) : sourceLine(file, kind);
  return line.toString('latin1');
}
