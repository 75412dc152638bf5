import { spawn } from 'node:child_process';
import path from 'node:path';
import { InvalidConfigError } from '../session/errors.ts';
import type { PickedRows } from '../session/picker.ts';
import { splitWords } from '../tmux/syntax.ts';

export interface FzfQuestion {
  prompt: string;
  multiple: boolean;
}

/**
 * What comes after FZF_DEFAULT_OPTS wins: these keep a person's own options from answering without asking,
 * from searching the hidden field, and from previewing files that are none. Only fzf knows them all.
 */
const FZF_ONLY = ['--no-select-1', '--no-exit-0', '--no-print-query', '--no-preview', '--nth=..'];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Lets fzf, or a command that takes the same options, ask. The labels have no tab and no NUL: they have gone
 * through `safe()`. Null where that program can't be started, or failed: somebody else has to ask.
 */
export function askFzf(
  command: string,
  labels: readonly string[],
  question: FzfQuestion,
): Promise<PickedRows | null> {
  const words = splitWords(command);
  const [program, ...fixed] = words ?? [];
  if (program === undefined || program === '') {
    throw new InvalidConfigError(`session.picker is not a command: '${command}'`, [
      "git config session.picker 'fzf --height 40%'",
    ]);
  }
  const args = [
    ...fixed,
    ...['--read0', '--print0', '--delimiter=\t', '--with-nth=2..', `--prompt=${question.prompt} `],
    question.multiple ? '--multi' : '--no-multi',
    ...(path.basename(program) === 'fzf' ? FZF_ONLY : []),
  ];
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const out: Buffer[] = [];
    let ending: NodeJS.Signals | null = null;
    // It has the terminal in its own mode: it ends first, so that it can put it back.
    const handlers = SIGNALS.map((signal) => {
      const handler = () => {
        ending = signal;
        child.kill(signal);
      };
      process.on(signal, handler);
      return { signal, handler };
    });
    const end = (result: PickedRows | null) => {
      for (const { signal, handler } of handlers) process.off(signal, handler);
      if (ending !== null && ending !== 'SIGINT') process.kill(process.pid, ending);
      resolve(result);
    };
    child.on('error', () => end(null));
    child.on('close', (code, signal) => {
      const stopped = SIGNALS.some((s) => s === signal || s === ending);
      if (stopped || code === 130) end({ cancelled: 'interrupt' });
      // Enter where nothing matches.
      else if (code === 1) end({ cancelled: 'escape' });
      else if (code === 0) end(readAnswer(Buffer.concat(out).toString('utf8'), labels));
      else end(null);
    });
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(labels.map((label, i) => `${i}\t${label}\0`).join(''));
  });
}

/**
 * Only records that we have written ourselves are an answer, so that a query or a key's name, which a person's
 * options may have it print, is never taken for one. fzf's --accept-nth prints the label alone.
 */
export function readAnswer(output: string, labels: readonly string[]): PickedRows | null {
  const records = output.split(/[\0\n]/u);
  const rows = records.flatMap((record) => {
    const row = Number(/^(\d{1,9})\t/u.exec(record)?.[1] ?? -1);
    return row >= 0 && record === `${row}\t${labels[row]}` ? [row] : [];
  });
  const bare = records.map((record) => labels.indexOf(record)).filter((row) => row >= 0);
  const unique = bare.every((row) => labels.indexOf(labels[row]!, row + 1) < 0);
  const chosen = rows.length > 0 ? rows : unique ? bare : [];
  return chosen.length === 0 ? null : { chosen: [...new Set(chosen)].toSorted((a, b) => a - b) };
}
