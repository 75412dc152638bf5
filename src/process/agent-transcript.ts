import { linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { claudeSlug, objectOf } from './agent-files.ts';

/** A transcript with more bytes is left where it is: all of it is read at once. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * Copies a transcript of Claude Code to the folder of another directory, where `claude --resume` looks for it, and
 * puts that directory in place of the old one. Never replaces a file, and is there whole or not at all.
 */
export function copyTranscript(from: string, to: string, cwd: string): void {
  const { size } = statSync(from);
  if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_BYTES}`);
  const text = moveTranscript(readFileSync(from, 'utf8'), path.basename(path.dirname(from)), cwd);
  mkdirSync(path.dirname(to), { recursive: true, mode: 0o700 });
  const partial = `${to}.${process.pid}.tmp`;
  try {
    writeFileSync(partial, text, { mode: 0o600, flag: 'wx' });
    linkSync(partial, to);
  } catch (error) {
    // Somebody else has just brought it there.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(partial, { force: true });
  }
}

/** The lines of a transcript with its directory, and those below it, at another place. Other lines stay as they are. */
export function moveTranscript(text: string, folder: string, cwd: string): string {
  const lines = text.split('\n').map((line) => ({ line, record: objectOf(Buffer.from(line)) }));
  const directories = lines.flatMap(({ record }) => {
    const found = record?.['cwd'];
    return typeof found === 'string' ? [found] : [];
  });
  // The folder is named after the directory in which the conversation began; the agent may have gone elsewhere since.
  const old = directories.find((d) => claudeSlug(d) === folder) ?? directories[0];
  if (old === undefined) return text;
  const moved = lines.map(({ line, record }) => {
    const at = record?.['cwd'];
    if (typeof at !== 'string' || (at !== old && !at.startsWith(`${old}/`))) return line;
    return JSON.stringify({ ...record, cwd: cwd + at.slice(old.length) });
  });
  return moved.join('\n');
}
