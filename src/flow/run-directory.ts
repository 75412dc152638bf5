import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { FileProblemError, UnsafeStateDirectoryError } from '../session/errors.ts';

/** Milliseconds after which a file that no pane has read is taken for left over. */
const STALE = 24 * 60 * 60 * 1000;

/**
 * Files that panes read once and remove: text to show, commands to source. They live in the user's own
 * state directory (0700, ours), because a predictable place in /tmp could be planted (attack E3).
 */
export class RunDirectory {
  private directory: string | null = null;

  /** Writes a new file of mode 0600 and gives its path, which has no unusual character unless $HOME has. */
  write(kind: string, bytes: Buffer): string {
    const file = this.reserve(kind);
    this.fill(file, bytes);
    return file;
  }

  /** The path of a file to come, for content that holds its own path. */
  reserve(kind: string): string {
    return path.join(this.open(), `${kind}-${process.pid}-${randomBytes(9).toString('hex')}`);
  }

  fill(file: string, bytes: Buffer): void {
    try {
      writeFileSync(file, bytes, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      throw new FileProblemError(`cannot write ${file}: ${(error as Error).message}`);
    }
  }

  /** Removes what panes of earlier restores never read. */
  removeUnused(): void {
    if (this.directory === null) return;
    for (const entry of readdirSync(this.directory)) {
      const file = path.join(this.directory, entry);
      const found = statSync(file, { throwIfNoEntry: false });
      if (found !== undefined && Date.now() - found.mtimeMs > STALE) rmSync(file, { force: true });
    }
  }

  private open(): string {
    if (this.directory !== null) return this.directory;
    const state = process.env['XDG_STATE_HOME'];
    const base =
      state !== undefined && path.isAbsolute(state)
        ? state
        : path.join(process.env['HOME'] ?? homedir(), '.local', 'state');
    const directory = path.join(base, 'git-session', 'run');
    try {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new FileProblemError(`cannot make ${directory}: ${(error as Error).message}`);
    }
    const found = lstatSync(directory);
    if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o022) !== 0) {
      throw new UnsafeStateDirectoryError(`${directory} is not a directory that only you can write to`, [
        `chmod 700 ${directory}`,
      ]);
    }
    this.directory = directory;
    return directory;
  }
}
