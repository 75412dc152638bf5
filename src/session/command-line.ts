import { fromText, toText, type Text } from './text.ts';

/** What one of the descriptors 0 to 2 of a process is. `pipe` is the kernel's name, such as `pipe:[123]`. */
export interface Redirection {
  fd: 0 | 1 | 2;
  kind: 'terminal' | 'file' | 'pipe' | 'closed' | 'other';
  path?: Text;
  /** The file has been removed: opening `path` again would give another one. */
  deleted?: boolean;
  mode?: 'read' | 'write' | 'append' | 'read-write';
  /** File position, for telling `>f 2>&1` from `>f 2>f`. */
  position?: number;
  pipe?: string;
}

/** One stage of a pipeline: `fds` has one entry per descriptor 0 to 2, or is absent where it could not be read. */
export interface Stage {
  pid: number;
  argv: readonly Text[];
  fds?: readonly Redirection[];
}

export type Rebuilt = { line: Text } | { fault: 'pipeline-broken' | 'deleted-file' | 'redirected' };

const PLAIN = /^[A-Za-z0-9_./:,+-]+$/u;
const RESERVED = new Set([
  ...['if', 'then', 'else', 'elif', 'fi', 'do', 'done', 'case', 'esac', 'while', 'until', 'for', 'in'],
  ...['function', 'select', 'time', 'coproc', 'repeat', 'foreach', 'end', 'nocorrect', 'noglob'],
]);

/** Quotes one word for a POSIX shell (bash, zsh, dash, ksh): exact for every byte string without NUL. */
export function quoteWord(word: Text): Buffer {
  if (typeof word === 'string' && PLAIN.test(word) && !RESERVED.has(word)) return Buffer.from(word);
  const quoted = fromText(word).toString('latin1').replaceAll("'", "'\\''");
  return Buffer.from(`'${quoted}'`, 'latin1');
}

/** A word for a line that people paste into a shell: plain where that is safe, else in single quotes. */
export function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:@%+,][A-Za-z0-9_./:@%+=,-]*$/u.test(word) ? word : quoteWord(word).toString('utf8');
}

/** An argument vector as one POSIX shell command. */
export function quoteCommand(argv: readonly Text[]): Text {
  return toText(join(argv.map(quoteWord), ' '));
}

/**
 * Rebuilds what may have been typed for the given stages: each stage's words and redirections, joined by pipes in the
 * order in which the pipes connect them. Pure; the result is for showing, not for running unseen.
 */
export function rebuildLine(stages: readonly Stage[]): Rebuilt {
  const ordered = orderStages(stages);
  if (!ordered) return { fault: 'pipeline-broken' };
  const parts: Buffer[] = [];
  for (const [i, stage] of ordered.entries()) {
    const fds = stage.fds ?? [];
    const words = stage.argv.map(quoteWord);
    for (const r of fds) {
      if (r.fd === 0 && i > 0) continue;
      if (r.fd === 1 && i < ordered.length - 1) continue;
      const shown = redirect(r, fds[1]);
      if ('fault' in shown) return shown;
      if (shown.word) words.push(shown.word);
    }
    parts.push(join(words, ' '));
  }
  return { line: toText(join(parts, ' | ')) };
}

/** The stages in pipe order; by pid where no descriptor is known; null where a stage is missing. */
function orderStages(stages: readonly Stage[]): readonly Stage[] | null {
  if (stages.every((s) => !s.fds)) return stages.toSorted((a, b) => a.pid - b.pid);
  const byInput = new Map<string, Stage>();
  for (const stage of stages) {
    const input = pipeOf(stage, 0);
    if (input === undefined) continue;
    if (byInput.has(input)) return null;
    byInput.set(input, stage);
  }
  const heads = stages.filter((s) => pipeOf(s, 0) === undefined);
  let next = heads.length === 1 ? heads[0] : undefined;
  const ordered: Stage[] = [];
  while (next && !ordered.includes(next)) {
    ordered.push(next);
    const output = pipeOf(next, 1);
    next = output === undefined ? undefined : byInput.get(output);
    if (output !== undefined && !next) return null;
  }
  return ordered.length === stages.length ? ordered : null;
}

function pipeOf(stage: Stage, fd: 0 | 1): string | undefined {
  const r = stage.fds?.[fd];
  return r?.kind === 'pipe' ? r.pipe : undefined;
}

function redirect(
  r: Redirection,
  out: Redirection | undefined,
): { word: Buffer | null } | Exclude<Rebuilt, { line: Text }> {
  if (r.kind === 'terminal') return { word: null };
  if (r.fd === 2 && out && sameOpenFile(r, out)) return { word: Buffer.from('2>&1') };
  if (r.kind === 'closed') return { word: Buffer.from(r.fd === 0 ? '<&-' : `${r.fd === 1 ? '' : '2'}>&-`) };
  if (r.kind === 'pipe') return { fault: 'pipeline-broken' };
  if (r.kind !== 'file' || r.path === undefined || r.mode === undefined) return { fault: 'redirected' };
  if (r.deleted) return { fault: 'deleted-file' };
  const sign = { read: '<', write: '>', append: '>>', 'read-write': '<>' }[r.mode];
  const usual = sign.startsWith('<') ? 0 : 1;
  const path = quoteWord(r.path);
  return { word: Buffer.concat([Buffer.from(`${r.fd === usual ? '' : r.fd}${sign}`), path]) };
}

function sameOpenFile(a: Redirection, b: Redirection): boolean {
  if (a.kind !== b.kind || a.mode !== b.mode) return false;
  if (a.kind === 'pipe') return a.pipe === b.pipe;
  if (a.kind !== 'file' || a.path === undefined || b.path === undefined) return false;
  return a.position === b.position && fromText(a.path).equals(fromText(b.path));
}

function join(parts: readonly Buffer[], separator: string): Buffer {
  const between = Buffer.from(separator);
  return Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [between, part])));
}
