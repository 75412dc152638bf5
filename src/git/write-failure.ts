import { GitFailedError, StoreFailedError } from '../session/errors.ts';
import type { Repository } from './repository.ts';

/** What git says, or Node's code, where the repository can't be written to; and what that means. */
const PROBLEMS: [said: RegExp, why: string][] = [
  [/No space left on device|Out of diskspace|^ENOSPC$/u, 'No space left on device'],
  [/Disk quota exceeded|^EDQUOT$/u, 'Disk quota exceeded'],
  [/Read-only file system|^EROFS$/u, 'Read-only file system'],
  [/Permission denied|insufficient permission|^(?:EACCES|EPERM)$/u, 'Permission denied'],
];

/** The error to report where `error` means that the repository can't be written to, else null. */
export function writeFailure(repo: Repository, error: unknown): StoreFailedError | null {
  const said =
    error instanceof GitFailedError
      ? ((error.data as { stderr?: string } | undefined)?.stderr ?? error.message)
      : ((error as NodeJS.ErrnoException).code ?? '');
  const problem = PROBLEMS.find(([pattern]) => pattern.test(said));
  if (problem === undefined) return null;
  return new StoreFailedError(
    `cannot write to ${repo.commonDir}: ${problem[1]}`,
    ['nothing was saved; earlier snapshots are kept'],
    undefined,
    error,
  );
}
