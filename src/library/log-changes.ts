import { type FSWatcher, watch } from 'node:fs';

/**
 * Resolves when something has happened to a file of a directory, or may have: at the latest after `atLatestMs`, for file
 * systems that tell nothing. Keeps the process alive so long.
 */
export function fileChanged(
  directory: string,
  file: string,
  atLatestMs: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    let watcher: FSWatcher | null = null;
    const end = () => {
      clearTimeout(timer);
      watcher?.close();
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, atLatestMs);
    signal.addEventListener('abort', end);
    if (signal.aborted) return end();
    try {
      watcher = watch(directory, (_, name) => {
        if (name === null || name === file) end();
      });
      watcher.on('error', end);
    } catch {
      // It is not there yet, or can't be watched: the timer is enough.
    }
  });
}
