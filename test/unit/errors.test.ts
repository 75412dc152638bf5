import { describe, expect, it } from 'vitest';
import * as errors from '../../src/session/errors.ts';

type ErrorClass = new (
  message: string,
  hints?: string[],
  data?: unknown,
  cause?: unknown,
) => errors.SessionError;
const classes = Object.entries(errors as unknown as Record<string, ErrorClass>).filter(
  ([name]) => name !== 'SessionError',
);

/** Scripts match on these: a change here is a break of the interface. */
const FROZEN: Record<string, [code: string, exit: errors.ExitCode]> = {
  UsageError: ['usage', 129],
  NotARepositoryError: ['not-a-repository', 128],
  GitFailedError: ['git-failed', 128],
  GitMissingError: ['git-missing', 128],
  GitTooOldError: ['git-too-old', 128],
  TmuxMissingError: ['tmux-missing', 128],
  TmuxFailedError: ['tmux-failed', 128],
  TmuxTooOldError: ['tmux-too-old', 128],
  NoServerError: ['no-server', 128],
  ServerGoneError: ['server-gone', 128],
  NoSuchTmuxSessionError: ['no-such-tmux-session', 128],
  InvalidNameError: ['invalid-name', 128],
  InvalidLayoutError: ['invalid-layout', 128],
  UnknownRefError: ['not-found', 1],
  AmbiguousRefError: ['ambiguous', 1],
  DamagedSnapshotError: ['damaged', 128],
  SnapshotTooLargeError: ['too-large', 128],
  UnsupportedVersionError: ['unsupported-version', 128],
  SessionExistsError: ['session-exists', 128],
  DirtyWorktreeError: ['dirty-worktree', 1],
  MissingCommitError: ['missing-commit', 128],
  ApplyFailedError: ['apply-failed', 1],
  StoreBusyError: ['busy', 128],
  StoreFailedError: ['store-failed', 128],
  RejectedError: ['rejected', 1],
  DisabledError: ['disabled', 128],
  FileProblemError: ['file', 128],
  InvalidConfigError: ['invalid-config', 128],
  LimitError: ['limit', 128],
  UnsafeStateDirectoryError: ['unsafe-state-directory', 128],
};

describe('section 10: errors', () => {
  it('have the codes and exit codes that are documented, each code once', () => {
    const found = classes.map(([name, Kind]) => [name, [new Kind('m').code, new Kind('m').exit]] as const);
    // A new class may come; none may go or change.
    expect(Object.fromEntries(found)).toMatchObject(FROZEN);
    expect(new Set(found.map(([, [code]]) => code)).size).toBe(found.length);
  });

  it.each(classes)('%s says as JSON what it says as text', (name, Kind) => {
    const error = new Kind('message', ['hint'], { more: 1 });
    expect(error).toBeInstanceOf(errors.SessionError);
    expect([error.name, error.message]).toEqual([name, 'message']);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      ok: false,
      error: { code: error.code, exit: error.exit, message: 'message', hints: ['hint'], data: { more: 1 } },
    });
    expect(error.code).toMatch(/^[a-z]+(?:-[a-z]+)*$/u);
  });

  it('leave out what they do not have', () => {
    const error = new errors.UsageError('m');
    expect(error.toJSON()).toEqual({
      ok: false,
      error: { code: 'usage', exit: 129, message: 'm', hints: [] },
    });
    expect('cause' in error).toBe(false);
  });

  it('keep their cause out of the JSON', () => {
    const error = new errors.UsageError('m', [], undefined, new Error('inner'));
    expect((error.cause as Error).message).toBe('inner');
    expect(JSON.stringify(error)).not.toContain('inner');
  });
});
