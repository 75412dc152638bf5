import type { SessionEvent, SessionSummary } from '../session/lifecycle.ts';
import { safe, safeJson, safeLine } from '../trust/safe.ts';
import { duration } from './table.ts';

/** What an event carries, on one line; '' where it carries nothing. */
export function eventText({ type, data }: SessionEvent): string {
  switch (type) {
    case 'started':
      return safe([data.name, data.config?.focus].filter((part) => part != null).join(': '));
    case 'iteration-started':
      return `iteration ${data.number}`;
    case 'iteration-completed': {
      const { filesModified, linesAdded, linesRemoved, gitCommits } = data.changes;
      const lines = `+${linesAdded} -${linesRemoved}`;
      const counts = [count(filesModified.length, 'file'), lines, count(gitCommits.length, 'commit')];
      return `iteration ${data.number}: ${counts.join(', ')}`;
    }
    case 'analysis-completed':
      return safeLine(safeJson(data.results), 500);
    case 'command-executed': {
      const end = data.success ? 'ok' : data.exitCode === null ? 'lost' : `exit ${data.exitCode}`;
      const time = data.durationMs === null ? '' : ` in ${commandTime(data.durationMs)}`;
      return `${end}${time}: ${safe(data.command)}`;
    }
    case 'paused':
      return safe(data.reason);
    case 'completed':
      return summaryText(data.summary);
    case 'failed':
      return safe(data.error);
    case 'checkpoint-saved':
      return safe([data.snapshot, data.message].filter((part) => part !== '').join(': '));
    case 'resumed':
    case 'deleted':
      return '';
  }
}

function summaryText({ iterations, filesChanged, commits, durationMs }: SessionSummary): string {
  const counts = [count(iterations, 'iteration'), count(filesChanged, 'file'), count(commits, 'commit')];
  return `${counts.join(', ')} in ${duration(durationMs)}`;
}

function commandTime(ms: number): string {
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)}s` : duration(ms);
}

function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`;
}
