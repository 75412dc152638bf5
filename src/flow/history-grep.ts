import { spawn } from 'node:child_process';
import { SearchFailedError } from '../session/errors.ts';

export interface Search {
  /** An extended regular expression. */
  expression: string;
  ignoreCase: boolean;
  /** Lines before and behind each match. */
  context: number;
}

export interface FoundLine {
  /** From 1. */
  number: number;
  text: string;
  /** False for a line of the context. */
  isMatch: boolean;
  /** Lines are left out between the one before and this one. */
  apart: boolean;
}

/** Milliseconds. Expressions with backreferences can take for ever. */
const TIMEOUT = 60_000;

/** Searches lines with the system's grep, which users know and nobody has to distrust. */
export async function searchLines(lines: readonly string[], search: Search): Promise<FoundLine[]> {
  const { expression, ignoreCase, context } = search;
  const args = ['-a', '-n', '-E', ...(ignoreCase ? ['-i'] : []), '-e', expression];
  // Even with none, GNU's would put a line between matches.
  if (context > 0) args.unshift('-C', String(context));
  const out = await grep(args, lines.map((line) => `${line}\n`).join(''));
  const found: FoundLine[] = [];
  let apart = false;
  for (const line of out.split('\n')) {
    const [, number, mark] = /^(\d+)([:-])/u.exec(line) ?? [];
    if (number === undefined) apart = true;
    else {
      const text = line.slice(number.length + 1);
      found.push({ number: Number(number), text, isMatch: mark === ':', apart: apart && found.length > 0 });
      apart = false;
    }
  }
  return found;
}

function grep(args: string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    // Colors that a user asks of grep are none of the text.
    const env = { ...process.env, GREP_COLORS: '', GREP_OPTIONS: '' };
    const child = spawn('grep', args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT);
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new SearchFailedError(`cannot start grep: ${error.message}`));
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0 || code === 1) resolve(Buffer.concat(out).toString('utf8'));
      else if (signal === null) reject(failure(Buffer.concat(err).toString('utf8')));
      else reject(new SearchFailedError(`grep did not end within ${TIMEOUT / 1000} seconds`));
    });
    child.stdin.end(input);
  });
}

function failure(stderr: string): SearchFailedError {
  const said = stderr.split('\n').findLast((line) => line !== '') ?? 'grep: failed without a message';
  return new SearchFailedError(said, ["the expression is one of grep -E: '\\(' for a parenthesis"]);
}
