/**
 * Every way in which a command can end badly: one class per kind. `code` is frozen API (scripts
 * match on it), the message text is not. `exit` follows git: 1 refused, partial, nothing found or
 * ambiguous; 128 fatal; 129 usage. A search has grep's: 1 says that nothing was found, 2 is for errors.
 */
export type ExitCode = 1 | 2 | 128 | 129;

export interface ErrorJson {
  ok: false;
  error: { code: string; exit: number; message: string; hints: string[]; data?: unknown };
}

export abstract class SessionError extends Error {
  abstract readonly code: string;
  readonly exit: ExitCode = 128;
  /** What the user can type next, one line each. */
  readonly hints: string[];
  /** Further facts for programs (candidates, versions); part of the JSON error. */
  readonly data?: unknown;

  constructor(message: string, hints: string[] = [], data?: unknown, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.hints = hints;
    if (data !== undefined) this.data = data;
  }

  toJSON(): ErrorJson {
    const error: ErrorJson['error'] = {
      code: this.code,
      exit: this.exit,
      message: this.message,
      hints: this.hints,
    };
    if (this.data !== undefined) error.data = this.data;
    return { ok: false, error };
  }
}

export class UsageError extends SessionError {
  readonly code = 'usage';
  override readonly exit = 129;
}
export class NotARepositoryError extends SessionError {
  readonly code = 'not-a-repository';
}
/** A repository that the reader without git would misread. */
export class UnsupportedRepositoryError extends SessionError {
  readonly code = 'unsupported-repository';
}
export class GitFailedError extends SessionError {
  readonly code = 'git-failed';
}
export class GitMissingError extends SessionError {
  readonly code = 'git-missing';
}
export class GitTooOldError extends SessionError {
  readonly code = 'git-too-old';
}
export class TmuxMissingError extends SessionError {
  readonly code = 'tmux-missing';
}
export class TmuxFailedError extends SessionError {
  readonly code = 'tmux-failed';
}
export class TmuxTooOldError extends SessionError {
  readonly code = 'tmux-too-old';
}
/** No server on the socket, so there is nothing to save. */
export class NoServerError extends SessionError {
  readonly code = 'no-server';
}
/** The server answered before and does not any more. */
export class ServerGoneError extends SessionError {
  readonly code = 'server-gone';
}
export class NoSuchTmuxSessionError extends SessionError {
  readonly code = 'no-such-tmux-session';
}
/** There is no terminal inside this tmux server that could be switched. */
export class NotInsideTmuxError extends SessionError {
  readonly code = 'not-inside-tmux';
}
export class InvalidNameError extends SessionError {
  readonly code = 'invalid-name';
}
export class InvalidLayoutError extends SessionError {
  readonly code = 'invalid-layout';
}
export class UnknownRefError extends SessionError {
  readonly code = 'not-found';
  override readonly exit = 1;
}
export class AmbiguousRefError extends SessionError {
  readonly code = 'ambiguous';
  override readonly exit = 1;
}
/** The bytes are no snapshot: cut, changed, not canonical, or against the schema. */
export class DamagedSnapshotError extends SessionError {
  readonly code = 'damaged';
}
export class SnapshotTooLargeError extends SessionError {
  readonly code = 'too-large';
}
export class UnsupportedVersionError extends SessionError {
  readonly code = 'unsupported-version';
}
export class SessionExistsError extends SessionError {
  readonly code = 'session-exists';
}
export class DirtyWorktreeError extends SessionError {
  readonly code = 'dirty-worktree';
  override readonly exit = 1;
}
export class MissingCommitError extends SessionError {
  readonly code = 'missing-commit';
}
export class ApplyFailedError extends SessionError {
  readonly code = 'apply-failed';
  override readonly exit = 1;
}
export class StoreBusyError extends SessionError {
  readonly code = 'busy';
}
export class StoreFailedError extends SessionError {
  readonly code = 'store-failed';
}
/** No remote is configured, or none is the default. */
export class NoRemoteError extends SessionError {
  readonly code = 'no-remote';
}
export class RejectedError extends SessionError {
  readonly code = 'rejected';
  override readonly exit = 1;
}
export class DisabledError extends SessionError {
  readonly code = 'disabled';
}
export class FileProblemError extends SessionError {
  readonly code = 'file';
}
export class InvalidConfigError extends SessionError {
  readonly code = 'invalid-config';
}
export class LimitError extends SessionError {
  readonly code = 'limit';
}
/** A file of settings has something in it that can't be set, so nothing was. */
export class InvalidSettingsError extends SessionError {
  readonly code = 'invalid-settings';
  override readonly exit = 1;

  get problems(): { line: number | null; key: string | null; message: string }[] {
    return (this.data as { problems?: [] } | undefined)?.problems ?? [];
  }
}
/** The session is there, but its commands were not started: nobody approved the snapshot. */
export class NotApprovedError extends SessionError {
  readonly code = 'not-approved';
  override readonly exit = 1;
}
/** The session is there, but its commands were not started: somebody here has denied the snapshot. */
export class DeniedError extends SessionError {
  readonly code = 'denied';
  override readonly exit = 1;
}
/** git could not sign, so nothing was saved. */
export class SigningFailedError extends SessionError {
  readonly code = 'signing-failed';
}
export class UnsafeStateDirectoryError extends SessionError {
  readonly code = 'unsafe-state-directory';
}
/** What is to be run is not there; nothing was started. */
export class ProgramMissingError extends SessionError {
  readonly code = 'program-missing';
}
/** tmux took the session and did not run it. */
export class SessionFailedError extends SessionError {
  readonly code = 'session-failed';
}
/** A question, or tmux, would need a terminal. */
export class NoTerminalError extends SessionError {
  readonly code = 'no-terminal';
  override readonly exit = 1;
}
/** Several sessions would go, and nobody said yes. */
export class NotConfirmedError extends SessionError {
  readonly code = 'not-confirmed';
  override readonly exit = 1;
}
/** A person chose nothing. */
export class CancelledError extends SessionError {
  readonly code = 'cancelled';
  override readonly exit = 1;
}
/** Terminals show the session. */
export class ClientsAttachedError extends SessionError {
  readonly code = 'clients-attached';
  override readonly exit = 1;
}
export class NotRunningError extends SessionError {
  readonly code = 'not-running';
  override readonly exit = 1;
}
export class StillRunningError extends SessionError {
  readonly code = 'still-running';
  override readonly exit = 1;
}
/** With its last window a session ends. */
export class LastWindowError extends SessionError {
  readonly code = 'last-window';
  override readonly exit = 1;
}
/** A search could not be made, whatever for: as with grep, 1 would say that nothing was found. */
export class SearchFailedError extends SessionError {
  readonly code = 'search-failed';
  override readonly exit = 2;
}
/** An event that the session's state does not take. Nothing was recorded. */
export class InvalidTransitionError extends SessionError {
  readonly code = 'invalid-transition';
  override readonly exit = 1;
}
/** The session's options do not allow it: its last iteration is over. */
export class IterationLimitError extends SessionError {
  readonly code = 'iteration-limit';
  override readonly exit = 1;
}
/** Another process writes to the session's log, for longer than one waits. */
export class SessionLockedError extends SessionError {
  readonly code = 'session-locked';
}
