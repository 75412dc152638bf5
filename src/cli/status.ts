import { Command, Option } from 'clipanion';
import { UsageError } from '../session/errors.ts';
import { type BranchRow, readOverview } from '../flow/overview.ts';
import { safe } from '../trust/safe.ts';
import { SessionCommand } from './command.ts';
import { ago, isAscii, table, terminalWidth } from './table.ts';

const FILTERS: Record<string, (row: BranchRow) => boolean> = {
  'has-session': (row) => row.sessions.length > 0,
  'no-session': (row) => row.sessions.length === 0,
  changed: (row) => statusOf(row) === 'changed' || statusOf(row) === 'conflicted',
  clean: (row) => row.changes !== null && !FILTERS['changed']!(row),
};

export class StatusCommand extends SessionCommand {
  static override paths = [['status']];
  static override usage = Command.Usage({
    description:
      'Show the worktrees with their changes, when somebody worked there last, and the sessions in them.',
    details: 'git session status [<options>]',
    examples: [['Where something runs', 'git session status --filter has-session']],
  });

  all = Option.Boolean('-a,--all', false, { description: 'branches without a worktree too' });
  verbose = Option.Boolean('-v,--verbose', false, {
    description: 'with the directories and the names of the sessions',
  });
  filter = Option.Array('--filter', [], {
    description: '=<what> only has-session, no-session, changed or clean; may be repeated',
  });

  async execute(): Promise<number> {
    for (const word of this.filter) {
      if (!Object.hasOwn(FILTERS, word)) {
        throw new UsageError(`no filter '${word}'`, [`there are: ${Object.keys(FILTERS).join(', ')}`]);
      }
    }
    const { rows, tmuxProblem } = await readOverview(this.all);
    if (tmuxProblem !== null) this.warn(`can't tell what is running: ${tmuxProblem}`);
    const shown = rows.filter((row) => this.filter.every((word) => FILTERS[word]!(row)));
    for (const { directory, problem } of shown) if (problem !== null) this.warn(`${directory}: ${problem}`);
    if (this.json) this.printJson(shown.map(rowJson));
    else if (shown.length === 0) this.note('no worktree is like that');
    else this.out(lines(shown, this.verbose).join('\n'));
    return 0;
  }
}

function lines(rows: readonly BranchRow[], verbose: boolean): string[] {
  const mark = (row: BranchRow) => (row.current ? (isAscii() ? '* ' : '● ') : '  ');
  const more = verbose ? ['DIRECTORY', 'NAMES'] : [];
  return table(
    [
      ['  BRANCH', 'STATUS', 'CHANGES', 'ACTIVITY', 'SESSIONS', ...more],
      ...rows.map((row) => [
        mark(row) + (row.branch === null ? `(${row.head?.slice(0, 7) ?? ''})` : safe(row.branch)),
        statusOf(row),
        changesOf(row),
        row.activeMs === null ? '-' : ago(new Date(row.activeMs).toISOString()),
        row.sessions.length === 0 ? '-' : `${row.sessions.length} active`,
        ...(verbose
          ? [safe(row.directory ?? '-'), safe(row.sessions.map((s) => s.name).join(' ')) || '-']
          : []),
      ]),
    ],
    terminalWidth(),
  );
}

function statusOf({ changes, directory }: BranchRow): string {
  if (changes === null) return directory === null ? '-' : 'unknown';
  const { added, modified, deleted, untracked, unmerged, upstream } = changes;
  if (unmerged > 0) return 'conflicted';
  if (added + modified + deleted + untracked > 0) return 'changed';
  if (upstream === null) return 'clean';
  if (upstream.ahead > 0 && upstream.behind > 0) return 'diverged';
  return upstream.ahead > 0 ? 'ahead' : upstream.behind > 0 ? 'behind' : 'up to date';
}

function changesOf({ changes }: BranchRow): string {
  if (changes === null) return '-';
  const kinds = ['added', 'modified', 'deleted', 'unmerged', 'untracked'] as const;
  const files = kinds.filter((kind) => changes[kind] > 0).map((kind) => `${changes[kind]} ${kind}`);
  const { ahead = 0, behind = 0 } = changes.upstream ?? {};
  const commits = [...(ahead > 0 ? [`${ahead} ahead`] : []), ...(behind > 0 ? [`${behind} behind`] : [])];
  return [...files, ...commits].join(', ') || '-';
}

function rowJson(row: BranchRow) {
  const { paths: _, ...changes } = row.changes ?? { paths: [] };
  return {
    ...{ branch: row.branch, directory: row.directory, head: row.head, current: row.current },
    status: statusOf(row),
    changes: row.changes === null ? null : changes,
    active_at: row.activeMs === null ? null : new Date(row.activeMs).toISOString(),
    sessions: row.sessions,
    ...(row.problem === null ? {} : { problem: row.problem }),
  };
}
