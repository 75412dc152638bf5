import { fromText, toText } from '../session/text.ts';
import type { Repository } from '../git/repository.ts';
import type { Status } from '../git/status.ts';
import { looksLikeCredentialFile } from '../trust/credential-file.ts';

/** True where there is uncommitted work to record. */
export function needsWork(repo: Repository, status: Status, work: boolean, untracked: Buffer[]): boolean {
  if (!work || status.head === null || repo.workTree === null) return false;
  return status.staged + status.unstaged + status.unmerged.length + untracked.length > 0;
}

export interface CarriedFiles {
  take: Buffer[];
  leftOut: { path: ReturnType<typeof toText>; reason: string }[];
}

/** Which untracked files go into the worktree commit: not those that look like credentials, nor repositories. */
export function chooseUntracked(status: Status, work: boolean): CarriedFiles {
  const take: Buffer[] = [];
  const leftOut: CarriedFiles['leftOut'] = [];
  if (!work) return { take, leftOut };
  for (const file of status.untracked) {
    const reason =
      file.at(-1) === 0x2f ? 'nested repository' : (editorFile(file) ?? looksLikeCredentialFile(file));
    if (reason === null) take.push(file);
    else leftOut.push({ path: toText(file), reason: reason.slice(0, 64) });
  }
  return { take, leftOut };
}

/** Vim's swap and Emacs' lock files say that a file is being edited, which elsewhere is not so. */
function editorFile(file: Buffer): string | null {
  return /(?:^|\/)(?:\.[^/]*\.sw[a-p]|\.#[^/]*)$/u.test(file.toString('latin1')) ? 'editor swap file' : null;
}

export function warnWork(status: Status, leftOut: CarriedFiles['leftOut'], warnings: string[]): void {
  const named = leftOut.filter(({ reason }) => reason !== 'editor swap file');
  for (const { path, reason } of named.slice(0, 20)) {
    warnings.push(`left out ${fromText(path).toString('utf8')}: ${reason}`);
  }
  if (named.length > 20) warnings.push(`left out ${named.length - 20} more files`);
  if (status.head === null && status.staged + status.untracked.length > 0) {
    warnings.push('there is no commit yet: your files are not saved, only the tmux session is');
  }
  if (status.unmerged.length > 0) {
    warnings.push(
      `${status.unmerged.length} unmerged paths: the files are saved with their conflict markers, the ${status.operation ?? 'merge'} itself is not`,
    );
  } else if (status.operation !== null && status.operation !== 'bisect') {
    warnings.push(
      `a ${status.operation} is in progress: the files are saved, the ${status.operation} itself is not`,
    );
  }
}
