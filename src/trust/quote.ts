import { fromText, type Text } from '../session/text.ts';
import { DamagedSnapshotError } from '../session/errors.ts';

/** A shell family: how it quotes and how it reads a file. csh and others are neither. */
export type ShellKind = 'posix' | 'fish';
type Arg = Text | Uint8Array;

/** Longer lines are lost by a terminal in canonical mode (4096 bytes), and by readline while it starts. */
const MAX_TYPED = 1000;
const COMMAND = Buffer.from('command ');
const EXEC = Buffer.from(`sh -c 'exec "$0" "$@"' `);

/**
 * An argument vector as one command for bash, dash, zsh, ksh: every word in single quotes, the first one
 * too, so that no alias, assignment, keyword, glob, history or tilde expansion can happen. bash takes a
 * first word `%x` for a job, however it is quoted, so another shell runs that one.
 */
export function quotePosix(argv: readonly Arg[]): Buffer {
  const words = quote(argv, escapePosix);
  return words[1] === 0x25 ? Buffer.concat([EXEC, words]) : words;
}

/**
 * As `quotePosix` for fish, where backslash escapes backslash and quote inside single quotes, and a quoted
 * keyword is a keyword still, but not behind `command`.
 */
export function quoteFish(argv: readonly Arg[]): Buffer {
  const words = quote(argv, escapeFish);
  return words[1] === 0x2f ? words : Buffer.concat([COMMAND, words]);
}

export function quoteFor(kind: ShellKind, argv: readonly Arg[]): Buffer {
  return kind === 'fish' ? quoteFish(argv) : quotePosix(argv);
}

/**
 * Whether a line from our own quoter may be typed into a shell. Control characters are editor commands, and
 * in locale C readline takes bytes from 0x80 as meta keys; both go through a file (attacks.md A16, A17).
 */
export function isTypeable(line: Uint8Array): boolean {
  return line.length > 0 && line.length <= MAX_TYPED && line.every((byte) => byte >= 0x20 && byte <= 0x7e);
}

/**
 * A file that the interactive shell of a pane sources, to run what can't be typed. It removes itself first,
 * as nothing else would: the command may never end. Sourced and not executed, so that the command is the
 * shell's own job and Ctrl-Z, `fg` and Ctrl-C work.
 */
export function launchFile(argv: readonly Arg[], kind: ShellKind, path: Arg): Buffer {
  const newline = Buffer.from('\n');
  const remove = wordsFor(kind, [path]);
  return Buffer.concat([Buffer.from('command rm -f -- '), remove, newline, quoteFor(kind, argv), newline]);
}

/**
 * The line to be typed that sources `path`, an absolute path. The caller checks it with `isTypeable`.
 * fish gives a command inside `source` no job control: Ctrl-Z hangs it. Inside `eval` it does (3.1 or later).
 */
export function sourceLine(path: Arg, kind: ShellKind): Buffer {
  const word = wordsFor(kind, [path]);
  return kind === 'fish'
    ? Buffer.concat([Buffer.from('eval (command cat -- '), word, Buffer.from(' | string collect)')])
    : Buffer.concat([Buffer.from('. '), word]);
}

function wordsFor(kind: ShellKind, words: readonly Arg[]): Buffer {
  return quote(words, kind === 'fish' ? escapeFish : escapePosix);
}

function escapePosix(byte: number): string | null {
  return byte === 0x27 ? "'\\''" : null;
}

function escapeFish(byte: number): string | null {
  return byte === 0x27 ? "\\'" : byte === 0x5c ? '\\\\' : null;
}

function quote(argv: readonly Arg[], escape: (byte: number) => string | null): Buffer {
  if (argv.length === 0) throw new DamagedSnapshotError('a command has no words');
  const out: Buffer[] = [];
  for (const arg of argv) {
    const bytes = arg instanceof Uint8Array ? arg : fromText(arg);
    if (bytes.includes(0)) throw new DamagedSnapshotError('a command holds a NUL byte');
    out.push(Buffer.from(out.length === 0 ? "'" : " '"));
    let start = 0;
    bytes.forEach((byte, i) => {
      const escaped = escape(byte);
      if (escaped === null) return;
      out.push(Buffer.from(bytes.subarray(start, i)), Buffer.from(escaped));
      start = i + 1;
    });
    out.push(Buffer.from(bytes.subarray(start)), Buffer.from("'"));
  }
  return Buffer.concat(out);
}
