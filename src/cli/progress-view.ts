import { configJson, stateJson } from '../session/event-json.ts';
import type { SessionState } from '../session/lifecycle.ts';
import { type Iteration, type Progress, summaryOf } from '../session/progress.ts';
import { cut, pad } from '../session/width.ts';
import { progressOfLog, type SessionLog } from '../flow/session-log.ts';
import { safe } from '../trust/safe.ts';
import { duration } from './table.ts';
import type { ScreenSize } from './watch-screen.ts';

export interface Shown {
  id: string;
  name: string;
  progress: Progress;
  /** Stretches of the log that hold no record. */
  damaged: number;
  warnings: string[];
  /** Milliseconds since 1970: when it was read. */
  now: number;
}

export function shownOf(log: SessionLog, warnings: string[]): Shown {
  const now = Date.now();
  const damaged = log.journal.damaged.length + log.segments.reduce((n, s) => n + s.damaged, 0);
  return {
    ...{ id: log.id, name: log.view?.name ?? log.name, damaged, warnings, now },
    progress: progressOfLog(log, now),
  };
}

/** The names are those of requirements P1 and P2; all times are milliseconds. */
export function progressJson({ id, name, progress: p, damaged }: Shown) {
  return {
    ...{ ok: true, id, name, state: stateJson(p.state) },
    config: p.config === null ? null : configJson(p.config),
    ...{ iterations_completed: p.iterationsCompleted, total_iterations: p.totalIterations },
    ...{ files_changed: p.filesChanged, commits: p.commits },
    commands_executed: p.commandsExecuted.map((c) => ({
      ...{ at: c.at, command: c.command, success: c.success },
      ...{ exit_code: c.exitCode, duration_ms: c.durationMs },
    })),
    ...{ duration: p.durationMs, current_phase: p.currentPhase },
    iterations: p.iterations.map(iterationJson),
    // Where nobody asked for it, it is not there (requirement P9).
    ...(p.config?.collectMetrics === true ? { metrics: metricsOf(p) } : {}),
    damaged,
  };
}

/** What it has changed is null while it goes on. */
function iterationJson({ number, changes }: Iteration) {
  return {
    ...{ number, completed: changes !== null, files_modified: changes?.filesModified ?? null },
    ...{ lines_added: changes?.linesAdded ?? null, lines_removed: changes?.linesRemoved ?? null },
    ...{ commands_run: changes?.commandsRun ?? null, git_commits: changes?.gitCommits ?? null },
  };
}

function metricsOf(p: Progress) {
  const { iterations, filesChanged, commits, commands, successRate } = summaryOf(p);
  const done = p.iterations.flatMap(({ changes }) => changes ?? []);
  return {
    ...{ iterations, files_changed: filesChanged, commits, commands, success_rate: successRate },
    lines_added: done.reduce((sum, c) => sum + c.linesAdded, 0),
    lines_removed: done.reduce((sum, c) => sum + c.linesRemoved, 0),
    commands_ms: p.commandsExecuted.reduce((sum, c) => sum + (c.durationMs ?? 0), 0),
    duration: p.durationMs,
  };
}

export function progressLines(shown: Shown): string[] {
  const { id, name, progress: p } = shown;
  const rows: [string, string][] = [
    ['ID', id],
    ['State', stateText(p.state)],
    ['Phase', p.currentPhase === null ? '-' : safe(p.currentPhase)],
    ['Duration', duration(p.durationMs)],
    ...(p.config?.focus == null ? [] : [['Focus', safe(p.config.focus)] as [string, string]]),
    ['Iterations', `${p.iterationsCompleted}${p.totalIterations === null ? '' : ` of ${p.totalIterations}`}`],
    ['Files', `${p.filesChanged.length} changed`],
    ['Commits', String(p.commits.length)],
    ['Commands', commandsText(p)],
    ...(p.config?.collectMetrics === true ? [['Metrics', metricsText(p)] as [string, string]] : []),
  ];
  return [
    `session ${safe(name)}`,
    ...rows.map(([title, text]) => `${`${title}:`.padEnd(12)}${text}`),
    ...p.iterations.map((i) => `  iteration ${i.number}: ${changesText(i)}`),
  ];
}

function stateText(state: SessionState): string {
  if (state.name === 'paused') return safe(`paused: ${state.reason}`);
  if (state.name === 'failed') return safe(`failed: ${state.error}`);
  return state.name;
}

function commandsText({ commandsExecuted }: Progress): string {
  const failed = commandsExecuted.filter((c) => !c.success).length;
  const last = commandsExecuted.at(-1);
  const count = `${commandsExecuted.length}${failed === 0 ? '' : `, ${failed} failed`}`;
  return last === undefined ? count : `${count}; the last one: ${safe(last.command)}`;
}

function metricsText(p: Progress): string {
  const m = metricsOf(p);
  const rate = `${Math.round(m.success_rate * 100)} % of the commands succeeded`;
  return `+${m.lines_added} -${m.lines_removed} lines, ${rate}, ${duration(m.commands_ms)} in commands`;
}

function changesText({ changes }: Iteration): string {
  if (changes === null) return 'goes on';
  const count = (n: number, what: string) => `${n} ${what}${n === 1 ? '' : 's'}`;
  return [
    count(changes.filesModified.length, 'file'),
    `+${changes.linesAdded} -${changes.linesRemoved}`,
    count(changes.gitCommits.length, 'commit'),
    count(changes.commandsRun.length, 'command'),
  ].join(', ');
}

/** At most as many lines as the screen has rows, each at most as wide: of many iterations the last ones. */
export function progressFrame(shown: Shown, size: ScreenSize, intervalMs: number): string[] {
  const clock = new Date(shown.now).toTimeString().slice(0, 8);
  const [warning] = shown.warnings;
  const left = `Every ${intervalMs / 1000}s, q ends it${warning === undefined ? '' : `; ${safe(warning)}`}`;
  const head = pad(cut(left, Math.max(0, size.columns - 9)), size.columns - 8) + clock;
  const lines = progressLines(shown);
  const iterations = shown.progress.iterations.length;
  const fixed = lines.slice(0, lines.length - iterations);
  const room = Math.max(0, size.rows - 1 - fixed.length);
  const last = iterations === 0 || room === 0 ? [] : lines.slice(-Math.min(iterations, room));
  return [head, ...fixed, ...last].slice(0, size.rows).map((line) => cut(line, size.columns));
}
